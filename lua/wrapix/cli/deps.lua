-- SPDX-License-Identifier: MIT
-- What the commands reach the world through: one table, so that specs can give
-- them another. Library modules are loaded when first used; a start pays only
-- for what it needs. Decides nothing.

local host = require("wrapix._c.host")
local path = require("wrapix.path")

local M = {}

local MODULES = {
  fs = "wrapix.fs",
  json = "wrapix.json",
  launch = "wrapix.launch",
  plan = "wrapix.plan",
  plan_host = "wrapix.plan.host",
  plan_limits = "wrapix.plan.limits",
  podman = "wrapix.runtime.podman",
  proc = "wrapix.proc",
  profile = "wrapix.profile",
  sys = "wrapix.sys",
}

local Deps = {}

function Deps.__index(deps, name)
  if Deps[name] then return Deps[name] end
  local module = MODULES[name]
  if not module then return nil end
  local value = require(module)
  rawset(deps, name, value)
  return value
end

local function builtin(name) return (host.script(("profiles/%s.lua"):format(name))) end

local function builtin_names()
  local names = {}
  for _, script in ipairs(host.scripts()) do
    names[#names + 1] = script:match("^profiles/([^/]+)%.lua$")
  end
  return names
end

--- Where profiles are looked up for a workspace.
---@param workspace string
---@return wrapix.ProfileContext
function Deps:context(workspace)
  local dirs = require("wrapix.facts").dirs(self.sys.environ(), self.sys.home())
  return {
    workspace = workspace,
    config_dir = dirs.config,
    cwd = self.cwd(),
    home = self.sys.home(),
    user = self.sys.username(),
    read = self.fs.read,
    list = self.fs.list,
    builtin = builtin,
    builtin_names = builtin_names,
    trusted = function() return false end,
  }
end

return M
