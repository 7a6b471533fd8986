-- SPDX-License-Identifier: MIT
-- What each hook of a profile is handed, and what comes of what it says: the
-- bridge between a launch and wrapix.hooks.

local edits = require("wrapix.hooks.edit")
local hooks = require("wrapix.hooks")
local proc = require("wrapix.proc")
local runtimes = require("wrapix.runtime")

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
---@field sandbox wrapix.HookSandbox? after_start and before_stop only
---@field reason string? before_stop only: why it is stopped
---@field result wrapix.HookExit? after_exit only

---@class wrapix.HookExit
---@field code integer? the command's status
---@field signal integer? that ended the command
---@field seconds number? that it took
---@field stopped string? why wrapix stopped it
---@field error string? why it could not be started

---@class wrapix.HookSandbox the running sandbox as a hook may use it
---@field name string
local HookSandbox = {}
HookSandbox.__index = HookSandbox

---Runs a command inside and collects what it writes.
---@param argv string[]
---@param opts { input: string?, timeout: number? }?
---@return wrapix.ProcResult|nil
---@return string? message
---@return string? code
function HookSandbox:exec(argv, opts)
  if type(argv) ~= "table" or type(argv[1]) ~= "string" then
    error("exec: a list of texts expected", 2)
  end
  local input, timeout = opts and opts.input, opts and opts.timeout
  local runtime = runtimes.of(self._plan.runtime)
  return proc.run(runtime.exec_argv(self._plan, argv, { stdin = input ~= nil }),
    { input = input, timeout = timeout })
end

local function sandbox_of(plan) return setmetatable({ name = plan.name, _plan = plan }, HookSandbox) end

-- A context of its own for each hook: what one does to it is not the next one's.
local function context(launch, more)
  return function()
    local plan = launch.plan
    local ctx = {
      session = plan.session, name = plan.name, profile = plan.profile,
      workspace = plan.workspace.source, image = plan.image.ref, log = launch.report,
    }
    for key, value in pairs(more and more() or {}) do ctx[key] = value end
    return ctx
  end
end

---Whether the profile has a hook for an event.
---@param event string
---@return boolean
function LaunchHooks:has(event) return self._hooks:has(event) end

---@param launch wrapix.Launch
---@return true|nil, string?, string?
function LaunchHooks:before_build(launch) return self._hooks:run("before_build", context(launch)) end

-- What the first plan did not warn of.
local function tell_new(launch, plan)
  local known = {}
  for _, warning in ipairs(launch.plan.warnings) do known[warning.text] = true end
  for _, warning in ipairs(plan.warnings) do
    if not known[warning.text] then launch.report:warn(warning.text, warning.hint) end
  end
end

---The hooks' changes are planned like options, so each is checked like one.
---@param launch wrapix.Launch
---@return true|nil, string?, string?, string?
function LaunchHooks:before_start(launch)
  local edit = edits.new()
  local function own_context(origin)
    local text = ("before_start (%s)"):format(origin.text)
    local own = { kind = "hook", text = text, layer = origin.layer }
    return context(launch, function() return { plan = edits.of(edit, own) } end)()
  end
  local ok, msg, code = self._hooks:run("before_start", own_context, function() edits.undo(edit) end)
  edits.seal(edit)
  if not ok then return nil, msg, code end
  if edit:is_empty() then return true end
  local plan, hint
  plan, msg, code, hint = self._replan(edit)
  if not plan then return nil, "hook: before_start: " .. msg, code, hint end
  tell_new(launch, plan)
  return launch:use_plan(plan)
end

---@param launch wrapix.Launch
---@return true|nil, string?, string?
function LaunchHooks:after_start(launch)
  local function more() return { sandbox = sandbox_of(launch.plan) } end
  return self._hooks:run("after_start", context(launch, more))
end

---@param launch wrapix.Launch
---@return true|nil, string?, string?
function LaunchHooks:before_stop(launch)
  local function more()
    return { sandbox = sandbox_of(launch.plan), reason = launch.stopper.reason }
  end
  return self._hooks:run("before_stop", context(launch, more))
end

---@param launch wrapix.Launch
---@param result wrapix.LaunchResult?
---@param failure string? why there is no result
---@return true|nil, string?, string?
function LaunchHooks:after_exit(launch, result, failure)
  local function more()
    if not result then return { result = { error = failure } } end
    return { result = {
      code = result.code, signal = result.signal, seconds = result.seconds,
      stopped = result.stopped,
    } }
  end
  return self._hooks:run("after_exit", context(launch, more))
end

---@param launch wrapix.Launch
---@param message wrapix.Message
---@return table|nil message nil when it is not to be shown
function LaunchHooks:on_notify(launch, message)
  return self._hooks:filter("on_notify", message, context(launch))
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
