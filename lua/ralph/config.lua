-- SPDX-License-Identifier: MIT
-- `ralph.lua`: found, trusted, run, checked, and filled up with what nobody gave.
-- The one of a workspace is the user's own code, so it is run only as far as they have
-- agreed to its very content. Decides nothing about a step.

local fields = require("ralph.config.fields").fields
local unknown = require("ralph.config.fields").unknown
local wrapix = require "wrapix"

local M = {}

--- The name of the file, in a workspace and in the user's configuration.
M.FILE = "ralph.lua"

local LARGEST = 1 << 20

local function fail(object, reason, code, hint)
  return nil, ("config: %s: %s"):format(wrapix.path.show(object), reason), code or "EINVAL", hint
end

-- A byte order mark and a first line with "#" are not Lua, but files have them.
local function lua_text(text) return (text:gsub("^\xef\xbb\xbf", ""):gsub("^#[^\r\n]*", "")) end

local function error_text(err)
  local ok, text = pcall(tostring, err)
  return ok and text or "an error of type " .. type(err)
end

--- Runs text that the user has agreed to and returns the table it returns. Globals it
--- sets stay its own; `require` gives it `wrapix` and `ralph`.
---@param text string
---@param source string path of its file
---@return table?
---@return string? message
---@return string? code "EINVAL"
---@return string? hint
function M.run(text, source)
  if text:sub(1, 1) == "\27" then
    return fail(source, "is compiled Lua; only source text is taken")
  end
  local globals = setmetatable({}, { __index = _G })
  local chunk, message = load(lua_text(text), "@" .. source, "t", globals)
  if not chunk then return nil, "config: " .. message, "EINVAL" end
  local ok, value = xpcall(chunk, error_text)
  if not ok then
    if value:find("^[^\n]-:%d+: ") then return nil, "config: " .. value, "EINVAL" end
    return fail(source, value)
  end
  if type(value) ~= "table" then
    local got = value == nil and "nothing" or "a " .. type(value)
    return fail(source, ("returned %s, not a table"):format(got), "EINVAL",
      "such a file ends with: return { verify = { \"make test\" }, … }")
  end
  return value
end

--- Reads a file of the workspace that is run as code: only as the user has trusted it.
---@param root string real path of the workspace
---@param rel string
---@return string? text
---@return string? message
---@return string? code "ENOENT" when there is none, "EUNTRUSTED"
---@return string? hint
function M.read_trusted(root, rel)
  return wrapix.trust.read(wrapix.path.join(root, rel))
end

-- The text that counts, and where it is from; nothing when there is none.
local function find(root)
  local text, message, code, hint = M.read_trusted(root, M.FILE)
  if text then return text, wrapix.path.join(root, M.FILE), M.FILE end
  if code ~= "ENOENT" then return nil, message, code, hint end
  local file = wrapix.path.join(wrapix.dirs().config, M.FILE)
  text, message, code = wrapix.fs.read(file, LARGEST)
  if text then return text, file, file end
  if code == "ENOENT" or code == "ENOTDIR" then return false end
  return fail(file, message, code)
end

-- Paths of the file start where the file lies; "~" is the user's home.
local function settle_path(value, source)
  local dir = source and wrapix.path.dirname(source) or wrapix.fs.realpath(".") or "/"
  local vars = { home = wrapix.sys.home(), user = wrapix.sys.username() }
  local expanded, message = wrapix.path.expand(value, vars)
  if not expanded then return nil, message end
  return wrapix.path.normalize(wrapix.path.join(dir, expanded))
end

local function is_path(value)
  return value:find("/", 1, true) ~= nil or value:find("%.lua$") ~= nil
end

local function settle(name, value, source)
  if name == "templates" or name == "profile" and is_path(value) then
    return settle_path(value, source)
  end
  return value
end

local function take(into, sources, given, file, shown)
  for key, value in next, given do
    local field = fields[key]
    if not field then return fail(shown, unknown(key, fields)) end
    local checked, reason = field.check(value)
    if checked ~= nil then checked, reason = settle(key, checked, file) end
    if checked == nil then return fail(shown, ("%s: %s"):format(key, reason)) end
    into[key], sources[key] = checked, shown
  end
  return true
end

local function copy(value)
  if type(value) ~= "table" then return value end
  local result = {}
  for key, entry in pairs(value) do result[key] = copy(entry) end
  return result
end

---@class ralph.Config the fields of ralph.lua, docs/architecture.md; durations are seconds,
--- and false where there is no limit

--- Everything at its default.
---@return ralph.Config config
---@return table<string, string> sources
function M.defaults()
  local config, sources = {}, {}
  for name, field in pairs(fields) do
    config[name], sources[name] = copy(field.default), "default"
  end
  return config, sources
end

--- The configuration of a workspace. An option wins over the file, the file over the
--- default; the workspace's file is used instead of the user's, not on top of it.
---@param root string real path of the workspace
---@param options table<string, any>? fields given on the command line or by a script
---@return ralph.Config? config
---@return table<string, string>|string|nil sources field → "default", the file or "option"
---@return string? code "EINVAL", "EUNTRUSTED" or what reading gave
---@return string? hint
function M.load(root, options)
  local config, sources = M.defaults()
  local text, file, shown, hint = find(root)
  if text == nil then return nil, file, shown, hint end
  if text then
    local given, message, code
    given, message, code, hint = M.run(text, file)
    if not given then return nil, message, code, hint end
    local ok
    ok, message, code, hint = take(config, sources, given, file, shown)
    if not ok then return nil, message, code, hint end
  end
  local ok, message, code
  ok, message, code, hint = take(config, sources, options or {}, nil, "option")
  if not ok then return nil, message, code, hint end
  return config, sources
end

return M
