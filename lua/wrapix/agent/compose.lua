-- SPDX-License-Identifier: MIT
-- What the settings of several agents are made of: joining tables, hooks and MCP
-- servers in the form of a profile taken apart, JSON as text. Pure, and part of a
-- start with an agent: TOML is toml.lua's beside it, logins are stored.lua's.

local json = require "wrapix.json"
local units = require "wrapix.plan.units"

local M = {}

local function is_map(value)
  return type(value) == "table" and rawlen(value) == 0 and not json.is_array(value)
end

local function copy(value)
  if type(value) ~= "table" then return value end
  local out = json.is_array(value) and json.array() or {}
  for key, inner in next, value do out[key] = copy(inner) end
  return out
end

--- Joins settings, the later ones winning; maps are joined key by key, all else
--- is replaced. The arguments stay as they are.
---@param ... table?
---@return table
function M.merge(...)
  local out = {}
  for i = 1, select("#", ...) do
    for key, value in next, (select(i, ...)) or {} do
      local old = out[key]
      out[key] = is_map(old) and is_map(value) and M.merge(old, value) or copy(value)
    end
  end
  return out
end

--- The keys of a map in order.
---@param map table<string, any>?
---@return string[]
function M.sorted(map)
  local keys = {}
  for key in pairs(map or {}) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

---@class wrapix.AgentHook
---@field command string for a shell in the sandbox
---@field matcher string?
---@field seconds integer?

--- The hooks of an event as a list, whichever way the profile wrote them.
---@param value string|(string|table)[]
---@return wrapix.AgentHook[]
function M.hooks(value)
  local out = {}
  for i, entry in ipairs(type(value) == "string" and { value } or value) do
    if type(entry) == "string" then entry = { command = entry } end
    local seconds = entry.timeout and units.duration(entry.timeout)
    out[i] = { command = entry.command, matcher = entry.matcher,
      seconds = seconds and math.max(1, math.ceil(seconds)) or nil }
  end
  return out
end

---@class wrapix.AgentServer
---@field command string? the program
---@field args string[]? its arguments
---@field env table<string, string>?
---@field url string? instead of a program
---@field kind "stdio"|"http"|"sse"

--- The MCP servers a profile asks for, in one form; those set to false are left out.
---@param servers table<string, table|false>?
---@return table<string, wrapix.AgentServer>
function M.servers(servers)
  local out = {}
  for name, server in pairs(servers or {}) do
    if server then
      local argv = {}
      local command = server.command
      for _, word in ipairs(type(command) == "table" and command or { command }) do
        argv[#argv + 1] = word
      end
      for _, word in ipairs(server.args or {}) do argv[#argv + 1] = word end
      local env
      for key, value in pairs(server.env or {}) do
        env = env or {}
        env[key] = tostring(value)
      end
      out[name] = { command = table.remove(argv, 1), args = argv, env = env, url = server.url,
        kind = server.type or (server.url and "http" or "stdio") }
    end
  end
  return out
end

--- A settings file's text. What a profile holds was checked to be data.
---@param value table
---@return string
function M.json(value) return assert(json.encode(value, { pretty = true })) .. "\n" end

--- What an agent cannot be told, for those who asked for it.
---@param what string such as "hooks.agent"
---@param map table? nothing is said of an empty one
---@param reason string
---@param unused { what: string, reason: string }[]
function M.unused(what, map, reason, unused)
  for _, name in ipairs(M.sorted(map)) do
    if map[name] then
      unused[#unused + 1] = { what = ("%s.%s"):format(what, name), reason = reason }
    end
  end
end

--- Adds words to an argv, those that are there.
---@param argv string[]
---@param ... string|false|nil
function M.add(argv, ...)
  for i = 1, select("#", ...) do
    local word = select(i, ...)
    if word then argv[#argv + 1] = word end
  end
end

--- A word "--name=value"; nil without a value. A value may begin with a dash, so it
--- never stands alone.
---@param name string
---@param value string|integer|nil
---@return string?
function M.option(name, value) return value and ("%s=%s"):format(name, value) or nil end

local function hook_entries(hooks)
  local entries = json.array()
  for i, hook in ipairs(M.hooks(hooks)) do
    entries[i] = {
      matcher = hook.matcher,
      hooks = json.array({ { type = "command", command = hook.command, timeout = hook.seconds } }),
    }
  end
  return entries
end

--- Adds a profile's hooks to settings in the form that Claude Code has, and Codex after
--- it. Hooks of the settings stay; those of the profile come after them.
---@param settings table its `hooks` are changed
---@param hooks table<string, any>? as in `hooks.agent` of a profile
function M.add_hooks(settings, hooks)
  for _, event in ipairs(M.sorted(hooks)) do
    settings.hooks = settings.hooks or {}
    local list = settings.hooks[event] or json.array()
    for _, entry in ipairs(hook_entries(hooks[event])) do list[#list + 1] = entry end
    settings.hooks[event] = list
  end
end

return M
