-- SPDX-License-Identifier: MIT
-- What each hook of a profile is handed, and what comes of what it says: the
-- bridge between a launch and wrapix.hooks.

local edits = require("wrapix.hooks.edit")
local hooks = require("wrapix.hooks")
local podman = require("wrapix.runtime.podman")
local proc = require("wrapix.proc")

local M = {}

---@class wrapix.LaunchHooks
---@field results wrapix.HookResult[]
local LaunchHooks = {}
LaunchHooks.__index = LaunchHooks

---@class wrapix.HookContext
---@field event string
---@field session string
---@field name string of the container
---@field profile string
---@field workspace string path on the host
---@field image string
---@field log table note, warn
---@field plan wrapix.PlanEdit? before_start only
---@field sandbox { name: string, exec: function }? while the sandbox runs
---@field reason string? before_stop: why it is stopped
---@field result table? after_exit: code, signal, seconds, stopped, error

-- The running sandbox as a hook may use it: commands inside, their output kept.
local function sandbox_of(plan)
  return {
    name = plan.name,
    exec = function(_, argv, opts)
      return proc.run(podman.exec_argv(plan, argv, { stdin = opts and opts.input ~= nil }),
        { input = opts and opts.input, timeout = opts and opts.timeout })
    end,
  }
end

local function context(launch)
  local plan = launch.plan
  return {
    session = plan.session, name = plan.name, profile = plan.profile,
    workspace = plan.workspace.source, image = plan.image.ref, log = launch.report,
  }
end

function LaunchHooks:before_build(launch) return self._hooks:run("before_build", context(launch)) end

-- The hook's changes are planned like options, so each is checked like one.
function LaunchHooks:before_start(launch)
  local ctx = context(launch)
  ctx.plan = edits.new()
  local ok, msg, code = self._hooks:run("before_start", ctx)
  if not ok then return nil, msg, code end
  if ctx.plan:is_empty() then return true end
  local plan, hint
  plan, msg, code, hint = self._replan(ctx.plan)
  if not plan then return nil, "hook: before_start: " .. msg, code, hint end
  launch:use_plan(plan)
  return true
end

function LaunchHooks:after_start(launch)
  if not self._hooks:has("after_start") then return true end
  local ctx = context(launch)
  ctx.sandbox = sandbox_of(launch.plan)
  return self._hooks:run("after_start", ctx)
end

function LaunchHooks:before_stop(launch)
  if not self._hooks:has("before_stop") then return true end
  local ctx = context(launch)
  ctx.sandbox, ctx.reason = sandbox_of(launch.plan), launch.stopper.reason
  return self._hooks:run("before_stop", ctx)
end

function LaunchHooks:after_exit(launch, result, failure)
  if not self._hooks:has("after_exit") then return true end
  local ctx = context(launch)
  ctx.result = {
    code = result and result.code, signal = result and result.signal,
    seconds = result and result.seconds, stopped = result and result.stopped, error = failure,
  }
  return self._hooks:run("after_exit", ctx)
end

---The hooks of a profile for one launch.
---@param profile table
---@param report table
---@param replan fun(edit: wrapix.PlanEdit): table?, string?, string?, string?
---@return wrapix.LaunchHooks
function M.new(profile, report, replan)
  local own = hooks.new(profile, report)
  return setmetatable({ results = own.results, _hooks = own, _replan = replan }, LaunchHooks)
end

return M
