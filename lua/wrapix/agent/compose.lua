-- SPDX-License-Identifier: MIT
-- What the settings of several agents are made of: joining tables, hooks and MCP
-- servers in the form of a profile taken apart, JSON and TOML as text. Pure.

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

-- The basic strings of TOML take JSON's escapes but "\/", which is never written; a
-- DEL byte, which JSON leaves as it is, they do not take.
local function toml_string(text)
  return (assert(json.encode(text)):gsub("\127", "\\u007F"))
end

local function toml_key(key) return key:find("^[%w_-]+$") and key or toml_string(key) end

local function toml_value(value)
  if type(value) == "string" then return toml_string(value) end
  if type(value) ~= "table" then return assert(json.encode(value)) end
  local parts = {}
  if rawlen(value) > 0 or json.is_array(value) then
    for i, inner in ipairs(value) do parts[i] = toml_value(inner) end
    return "[" .. table.concat(parts, ", ") .. "]"
  end
  for _, key in ipairs(M.sorted(value)) do
    local inner = value[key]
    if inner ~= json.null then
      parts[#parts + 1] = ("%s = %s"):format(toml_key(key), toml_value(inner))
    end
  end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

--- The same as TOML, which has no null: such fields are left out. A line for each
--- field of the top; what is in it stands in it.
---@param value table<string, any>
---@return string
function M.toml(value)
  local lines = {}
  for _, key in ipairs(M.sorted(value)) do
    if value[key] ~= json.null then
      lines[#lines + 1] = ("%s = %s\n"):format(toml_key(key), toml_value(value[key]))
    end
  end
  return table.concat(lines)
end

local STORE = { max_depth = 16, max_size = 1 << 20 }

--- A file of a login store as a table. Sandboxes write there: it may hold anything.
---@param read fun(name: string): string?, string?, string? text, or nil, message, code
---@param name string
---@return table?
---@return "unreadable"|nil problem nil for a file that is not there
function M.stored(read, name)
  local text, _, code = read(name)
  if not text then return nil, code and code ~= "ENOENT" and "unreadable" or nil end
  local data = json.decode(text, STORE)
  if type(data) == "table" then return data end
  return nil, "unreadable"
end

--- What is known of a login in one line.
---@param ... string|false|nil
---@return string? nil when there is nothing
function M.words(...)
  local words = {}
  M.add(words, ...)
  return #words > 0 and table.concat(words, ", ") or nil
end

--- The status of a store that is a file with an entry for each provider.
---@param name string of the file
---@return fun(read: fun(name: string): string?): "there"|"none"|"unreadable", string?
function M.login_names(name)
  return function(read)
    local data, problem = M.stored(read, name)
    if not data then return problem or "none" end
    local names = {}
    for provider in pairs(data) do
      if type(provider) == "string" and #provider <= 64 and provider:find("^[%w._-]+$") then
        names[#names + 1] = provider
      end
    end
    table.sort(names)
    if #names == 0 then return "none" end
    return "there", table.concat(names, ", ")
  end
end

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

return M
