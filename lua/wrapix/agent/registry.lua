-- SPDX-License-Identifier: MIT
-- Finds an agent's table by its name, the user's own file before a built-in one,
-- and checks a user's before anything of it is used; that the built-in ones are right
-- their spec shows. Never looks into a workspace: an agent's table is code.

local lazy = require "wrapix.lazy"
local checks = lazy "wrapix.agent.check"
local chunk = lazy "wrapix.profile.chunk"
local nearest = lazy "wrapix.nearest"
local path = require "wrapix.path"
local words = require "wrapix.schema.check"

local M = {}

local BUILTIN = { "claude", "codex", "command", "gemini", "opencode", "pi" }

--- Where the text of wrapix for an agent lies in the sandbox.
M.PROMPT_FILE = "/run/wrapix/agents/prompt.md"

---@class wrapix.AgentContext
---@field config_dir string? wrapix's own configuration directory
---@field read fun(path: string): string?, string?, string? text, or nil, message, code
---@field list (fun(dir: string): string[]?)? names in a directory

---@class wrapix.Agent
---@field name string
---@field title string as people call it
---@field source string the file it is from
---@field install { npm: string?, commands: string[][]?, version: string?, packages: string[]?, files: table[]?, bin: table<string, string>? }?
---@field secrets string[] variables, the one that wins first
---@field env table<string, string> a value that starts with "~/" is a path below the home
---@field login { dest: string, env: table<string, string>?, command: string[], status: fun(read: fun(name: string): string?, now: integer): string, string? }?
---@field state { name: string, dest: string }[] directories that are kept per project
---@field events string[]? its own events; what `hooks.agent` names beside them is warned of
---@field settings fun(input: wrapix.AgentSettingsInput): wrapix.AgentSettings
---@field argv fun(mode: "interactive"|"headless", opts: wrapix.AgentArgvOptions): string[]?, string?, string? argv, or nil, message, code
---@field stream "json"|"text"
---@field decode (fun(state: table, object: table): wrapix.AgentEvent[]?)?
---@field judge (fun(state: table, exit: wrapix.AgentExit): table?)?

---@class wrapix.AgentSettingsInput
---@field seeds table? settings of wrapix's own, in the agent's form
---@field extra table? the profile's settings of this agent, in the agent's form
---@field hooks table<string, string|(string|{ command: string, matcher: string?, timeout: number|string? })[]>?
---@field mcp table<string, table|false>? servers as in a profile
---@field workspace string? where the command starts
---@field prompt_file string? the text of wrapix for the agent, as a file in the sandbox
---@field secrets table<string, boolean>? which of its variables are set
---@field is_root boolean? the user inside is root: wrapix run as root in a workspace of root

---@class wrapix.AgentSettings
---@field files { dest: string, text: string, fill: table<string, { env: string, last: integer? }>? }[]
---@field env table<string, string>?
---@field unused { what: string, reason: string }[]

---@class wrapix.AgentArgvOptions
---@field prompt_file string? the text of wrapix for the agent, as a file in the sandbox
---@field output "text"? headless: the answer as plain text, for people; default: its stream
---@field settings table? the profile's settings of this agent
---@field command string[]? the profile's command
---@field model string?
---@field resume string? a session to go on with
---@field continue boolean? goes on with the newest session of the project
---@field max_turns integer?
---@field prompt string? interactive: one line without anything for a shell, which it is to begin with
---@field output "text"|nil headless: text for people on stdout, not the stream that decode reads

---@class wrapix.AgentExit how the agent's process ended
---@field code integer?
---@field signal integer?
---@field stopped "timeout"|"idle"|nil by the launcher
---@field stderr string?

---@alias wrapix.AgentEvent { type: "start"|"text"|"thinking"|"tool"|"tool_result"|"usage"|"limit"|"retry"|"compact"|"note"|"end" }

---@return wrapix.AgentContext
local function default_context()
  local fs = require "wrapix.fs"
  return { config_dir = require("wrapix.context").dirs().config, read = fs.read, list = fs.list }
end

local function is_builtin(name)
  for _, known in ipairs(BUILTIN) do
    if name == known then return true end
  end
  return false
end

--- Every agent that can be named, sorted.
---@param ctx wrapix.AgentContext? default: this user's
---@return string[]
function M.names(ctx)
  ctx = ctx or default_context()
  local names, seen = {}, {}
  local function add(name)
    if not seen[name] then names[#names + 1], seen[name] = name, true end
  end
  for _, name in ipairs(BUILTIN) do add(name) end
  local dir = ctx.config_dir and path.join(ctx.config_dir, "agents")
  for _, file in ipairs(dir and ctx.list and ctx.list(dir) or {}) do
    local name = file:match("^(.+)%.lua$")
    if name and words.is_word(name) then add(name) end
  end
  table.sort(names)
  return names
end

local function no_settings() return { files = {}, unused = {} } end

-- What an agent need not say.
local DEFAULTS = {
  secrets = {}, env = {}, state = {}, stream = "json", settings = no_settings,
}

local function complete(tbl, source)
  local agent = { source = source }
  for key, value in next, tbl do agent[key] = value end
  for key, value in pairs(DEFAULTS) do
    if agent[key] == nil then agent[key] = type(value) == "table" and {} or value end
  end
  return agent
end

--- Checks a table and completes it with what an agent need not say.
---@param tbl any
---@param name string? what it must be called
---@param source string the file to blame
---@return wrapix.Agent?
---@return string? message
---@return string? code "EINVAL"
function M.check(tbl, name, source)
  local problems = checks.problems(tbl, name)
  if #problems == 0 then return complete(tbl, source) end
  return nil, ("agent: %s: %s"):format(path.show(source), table.concat(problems, "; ")), "EINVAL"
end

local function load_user(file, name, ctx)
  local text, message, code = ctx.read(file)
  if not text then
    code = code or (message and message:match("^E%u+"))
    if message == nil or code == "ENOENT" or code == "ENOTDIR" then return nil end
    return nil, ("agent: %s: %s"):format(path.show(file), message), code or "EIO"
  end
  local results
  results, message, code = chunk.run({ source = file, text = text })
  if not results then return nil, (message:gsub("^profile: ", "agent: ")), code end
  return M.check(results[1], name, file)
end

local function unknown(name, ctx)
  local names = M.names(ctx)
  local found = nearest.find(name, names)
  return nil, ("agent: %s: no such agent; there are: %s")
    :format(path.show(name), table.concat(names, ", ")), "ENOAGENT",
    found and ("did you mean '%s'?"):format(found) or nil
end

--- Finds an agent by its name.
---@param name string
---@param ctx wrapix.AgentContext? default: this user's
---@return wrapix.Agent?
---@return string? message
---@return string? code "ENOAGENT"; "EINVAL" for a file that holds no agent
---@return string? hint the nearest name
function M.get(name, ctx)
  if type(name) ~= "string" then error("agent: name: text expected", 2) end
  ctx = ctx or default_context()
  if not words.is_word(name) then return unknown(name, ctx) end
  if ctx.config_dir then
    local file = path.join(ctx.config_dir, "agents/" .. name .. ".lua")
    local agent, message, code = load_user(file, name, ctx)
    if agent or message then return agent, message, code end
  end
  if not is_builtin(name) then return unknown(name, ctx) end
  return complete(require("wrapix.agent." .. name), ("wrapix/agent/%s.lua"):format(name))
end

return M
