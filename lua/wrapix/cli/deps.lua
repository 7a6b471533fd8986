-- SPDX-License-Identifier: MIT
-- What the commands reach the world through: one table, so that specs can give
-- them another. Library modules are loaded when first used; a start pays only
-- for what it needs. Decides nothing.

local context = require("wrapix.context")
local host = require("wrapix.host")

local M = {}

local MODULES = {
  agents = "wrapix.agent.registry",
  container = "wrapix.container",
  crossing = "wrapix.launch.crossing",
  fs = "wrapix.fs",
  gc = "wrapix.gc",
  leftover = "wrapix.leftover",
  image = "wrapix.image",
  hooks = "wrapix.launch.hooks",
  json = "wrapix.json",
  keeper = "wrapix.keeper",
  launch = "wrapix.launch",
  lease = "wrapix.lease",
  live = "wrapix.live",
  logfile = "wrapix.logfile",
  logins = "wrapix.agent.logins",
  notify_config = "wrapix.notify.config",
  notify_daemon = "wrapix.notify.daemon",
  notify_units = "wrapix.notify.units",
  notify = "wrapix.notify",
  notify_history = "wrapix.notify.history",
  owner = "wrapix.owner",
  pins = "wrapix.agent.pins",
  plan = "wrapix.plan",
  apple_doctor = "wrapix.runtime.apple.doctor",
  plan_apple = "wrapix.plan.apple",
  plan_host = "wrapix.plan.host",
  plan_limits = "wrapix.plan.limits",
  proc = "wrapix.proc",
  profile = "wrapix.profile",
  reap = "wrapix.reap",
  record = "wrapix.record",
  runtimes = "wrapix.runtime",
  store = "wrapix.agent.store",
  stopping = "wrapix.stopping",
  sys = "wrapix.sys",
  task = "wrapix.task",
  trust = "wrapix.trust",
}

local function load_module(deps, name)
  local module = MODULES[name]
  if not module then return nil end
  local value = require(module)
  rawset(deps, name, value)
  return value
end

-- Colour only where somebody sees it and nobody has declined.
local function wants_color(deps)
  local env = deps.sys.environ()
  return deps.sys.isatty(1) and (env.NO_COLOR or "") == "" and env.TERM ~= "dumb"
end

--- Makes the dependencies of the program.
---@return table
function M.new()
  local deps = setmetatable({ version = host.version }, { __index = load_module })
  local failure
  deps.out = function(text)
    local ok, message = io.stdout:write(text)
    if not ok then failure = failure or message end
  end
  deps.flush = function()
    local ok, message = io.stdout:flush()
    if failure or not ok then return nil, failure or message end
    return true
  end
  deps.err = function(text) io.stderr:write(text) end
  deps.read_line = function() return io.stdin:read("L") end
  deps.cwd = function() return deps.fs.realpath(".") or "/" end
  deps.exists = function(file) return deps.fs.stat(file) ~= nil end
  deps.context = context.profiles
  deps.interruptible = function(fn) return require("wrapix.container").interruptible(fn) end
  deps.dirs = context.dirs
  deps.gather = function(opts) return context.facts(opts.workspace, opts) end
  deps.has_terminal = function() return deps.sys.isatty(0) and deps.sys.isatty(1) end
  deps.color = wants_color(deps)
  return deps
end

return M
