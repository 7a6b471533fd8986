-- SPDX-License-Identifier: MIT
-- Which version of an agent is installed: the user's pin (agent/pinned.lua) over the
-- one its table was made for; and moving a pin. A version becomes a word of a build's
-- command, so it is checked before it is written.

local fs = require "wrapix.fs"
local json = require "wrapix.json"
local path = require "wrapix.path"
local pinned = require "wrapix.agent.pinned"
local words = require "wrapix.schema.check"

local M = { path = pinned.path, all = pinned.all, get = pinned.get }

--- The version of an agent that is installed: the pin, else that of its table.
---@param name string
---@param dirs { config: string }? default: this user's
---@return string? version nil for an agent that is not installed
---@return string? message
---@return string? code
---@return string? hint
function M.version(name, dirs)
  local pin, message, code, hint = pinned.get(name, dirs)
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
  local dir = pinned.dir(dirs)
  local made, message, code = fs.ensure_dir(dir)
  if not made then return nil, ("agents: %s"):format(message), code end
  -- Two at once: what one of them pins the other must not drop.
  local lock <close>, why, what = fs.lock(path.join(dir, "agents.json.lock"), { wait = 10 })
  if not lock then return nil, ("agents: %s"):format(why), what end
  local pins, hint
  pins, message, code, hint = pinned.all(dirs)
  if not pins then return nil, message, code, hint end
  pins[name] = version
  local text = assert(json.encode(pins, { pretty = true })) .. "\n"
  local ok
  ok, message, code = fs.write_atomic(pinned.path(dirs), text)
  if not ok then return nil, ("agents: %s"):format(message), code end
  return true
end

return M
