-- SPDX-License-Identifier: MIT
-- Reads the user's pins of agents: agents.json of the configuration directory. A version
-- becomes a word of a build's command, so each is checked. Part of every start with an
-- agent; what changes pins is agent/pins.lua's.

local fs = require "wrapix.fs"
local json = require "wrapix.json"
local path = require "wrapix.path"
local words = require "wrapix.schema.check"

local M = {}

local LARGEST = 64 << 10

--- The directory they lie in.
---@param dirs { config: string }?
---@return string
function M.dir(dirs)
  return dirs and dirs.config or require("wrapix.context").dirs().config
end

--- The file the pins stand in.
---@param dirs { config: string }? default: this user's
---@return string
function M.path(dirs) return path.join(M.dir(dirs), "agents.json") end

local function fail(file, reason, code, hint)
  return nil, ("agents: %s: %s"):format(path.show(file), reason), code, hint
end

--- All pins of the user.
---@param dirs { config: string }? default: this user's
---@return table<string, string>? pins name → version; empty without a file
---@return string? message
---@return string? code "EINVAL" for a file that does not hold pins
---@return string? hint
function M.all(dirs)
  local file = M.path(dirs)
  local text, message, code = fs.read(file, LARGEST)
  if not text then
    if code == "ENOENT" or code == "ENOTDIR" then return {} end
    return nil, ("agents: %s"):format(message), code
  end
  local data, reason = json.decode(text, { max_depth = 4, max_size = LARGEST })
  local hint = 'it holds { "NAME": "VERSION" }; without it the versions of wrapix are taken'
  if type(data) ~= "table" or json.is_array(data) then
    return fail(file, reason or "an object with a version for each agent expected", "EINVAL", hint)
  end
  for name, version in pairs(data) do
    if not words.is_word(name) or not words.is_version(version) then
      return fail(file, ("%s: %s is no version such as '1.2.3' of an agent")
        :format(path.show(name), words.show(version)), "EINVAL", hint)
    end
  end
  return data
end

--- The user's pin of an agent.
---@param name string
---@param dirs { config: string }? default: this user's
---@return string? version nil without a pin
---@return string? message when the file cannot be used
---@return string? code
---@return string? hint
function M.get(name, dirs)
  local pins, message, code, hint = M.all(dirs)
  if not pins then return nil, message, code, hint end
  return pins[name]
end

return M
