-- SPDX-License-Identifier: MIT
-- Which version of an agent is installed: the user's pin in agents.json of the
-- configuration directory, over the one its table was made for. A version becomes a
-- word of a build's command, so it is checked whenever it is read or written.

local fs = require "wrapix.fs"
local json = require "wrapix.json"
local path = require "wrapix.path"
local words = require "wrapix.schema.check"

local M = {}

local LARGEST = 64 << 10

local function config_dir(dirs)
  return dirs and dirs.config or require("wrapix.context").dirs().config
end

--- The file the pins stand in.
---@param dirs { config: string }? default: this user's
---@return string
function M.path(dirs) return path.join(config_dir(dirs), "agents.json") end

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

--- The version of an agent that is installed: the pin, else that of its table.
---@param name string
---@param dirs { config: string }? default: this user's
---@return string? version nil for an agent that is not installed
---@return string? message
---@return string? code
---@return string? hint
function M.version(name, dirs)
  local pin, message, code, hint = M.get(name, dirs)
  if pin or message then return pin, message, code, hint end
  local ctx = dirs and { config_dir = dirs.config, read = fs.read, list = fs.list } or nil
  local agent
  agent, message, code, hint = require("wrapix.agent.registry").get(name, ctx)
  if not agent then return nil, message, code, hint end
  return agent.install and agent.install.version
end

--- Pins an agent, or takes the pin away.
---@param name string
---@param version string? nil takes it away
---@param dirs { config: string }? default: this user's
---@return true?
---@return string? message
---@return string? code
---@return string? hint
function M.set(name, version, dirs)
  if not words.is_word(name) then error("pins.set: name: the name of an agent expected", 2) end
  if version ~= nil and not words.is_version(version) then
    return nil, ("agents: %s: %s is no version such as '1.2.3'"):format(name, words.show(version)),
      "EINVAL"
  end
  local dir = config_dir(dirs)
  local made, message, code = fs.ensure_dir(dir)
  if not made then return nil, ("agents: %s"):format(message), code end
  -- Two at once: what one of them pins the other must not drop.
  local lock <close>, why, what = fs.lock(path.join(dir, "agents.json.lock"), { wait = 10 })
  if not lock then return nil, ("agents: %s"):format(why), what end
  local pins, hint
  pins, message, code, hint = M.all(dirs)
  if not pins then return nil, message, code, hint end
  pins[name] = version
  local ok
  ok, message, code = fs.write_atomic(M.path(dirs), assert(json.encode(pins, { pretty = true })) .. "\n")
  if not ok then return nil, ("agents: %s"):format(message), code end
  return true
end

return M
