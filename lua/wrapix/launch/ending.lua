-- SPDX-License-Identifier: MIT
-- What the end of the engine's process means: how the program ended, why nothing ran,
-- what is still there and has to go. Starts nothing anew.

local container = require("wrapix.container")
local fault = require("wrapix.fault")
local image = require("wrapix.image")
local removal = require("wrapix.removal")
local runtimes = require("wrapix.runtime")
local stoppers = require("wrapix.launch.stopper")

local M = {}

M.ENGINE_FAILED, M.NOT_INVOKED = 125, 126
local ENGINE_LOST = 127
local SIGPIPE, SIGKILL = 13, 9

---What the engine's own statuses mean, put into those of Podman.
---@param launch wrapix.Launch
---@param result wrapix.ProcResult
---@param errors wrapix.EngineErrors
function M.read(launch, result, errors)
  local runtime = runtimes.of(launch.plan.runtime)
  if result.code == M.NOT_INVOKED and runtime.closed_output(errors.held) then
    result.code, result.signal, errors.held = nil, SIGPIPE, ""
  end
  -- One in a VM ends with 1 for every failure of its own. PID 1 takes the lease first.
  local is_own = launch.plan.crossing and not launch.lease.is_taken and result.code ~= 0
  if is_own and result.code then result.code = M.ENGINE_FAILED end
end

---Whether the sandbox is left to the caller, see launch/held.lua.
---@param launch wrapix.Launch
---@param result wrapix.ProcResult?
---@return boolean?
function M.is_held(launch, result) return result and launch.opts.hold and result.code == 0 end

-- PID 1 says how it ends while it can: it was killed, or the engine lost sight of it.
-- An engine without its monitor has no status of the program, and says 127.
local function is_lost(launch, result)
  local said = launch.lease.status
  if launch.lease.orphaned then return true end
  if said and result.code == ENGINE_LOST then return said ~= ENGINE_LOST end
  return launch.started and not said and not result.signal
end

local function mend_status(launch, result)
  local said = launch.lease.status
  if launch.lease.orphaned or (is_lost(launch, result) and result.code == ENGINE_LOST) then
    result.code, result.signal = nil, SIGKILL
  end
  -- An engine that cannot write to its terminal any more says 126, whatever PID 1 said,
  -- and one that relays the output of a VM may fail after the program's end.
  local has_failed = result.code == M.ENGINE_FAILED or result.code == M.NOT_INVOKED
    or (launch.plan.crossing and result.code == 1)
  if launch.started and has_failed then result.code = said or result.code end
end

-- The container of an engine that ended by itself is removed by --rm: for a detached
-- one by the monitor alone, which nobody could wait for, and which may be dead.
local function ensure_removed(launch, result, errors)
  local stopper, plan = launch.stopper, launch.plan
  local runtime = runtimes.of(plan.runtime)
  local abnormal = result.signal or result.code == M.ENGINE_FAILED or stopper.reason
    or stopper.interrupts > 0 or is_lost(launch, result)
  if plan.keep then return end
  if not abnormal then return plan.detach and runtime.detaches and removal.run(plan, 15) end
  -- A name that is taken is somebody else's container.
  if not launch.lease.is_taken and runtime.name_taken(errors.head) then return end
  stoppers.force_out(plan, container.shielded)
end

-- What crosses by TCP goes the way of the network, which a VPN may have taken. Asked only
-- when a start has failed.
local function explain_way(launch)
  if not launch.crossing then return nil end
  return runtimes.probe(launch.plan.runtime).vpn_problem(launch.crossing.host,
    { proc = require("wrapix.proc"), sys = require("wrapix.sys") })
end

local function explain_failure(launch, result, errors)
  if launch.started then return end -- what was said then was said by the program
  if result.code ~= M.ENGINE_FAILED and result.code ~= M.NOT_INVOKED then return end
  local reason, hint = runtimes.of(launch.plan.runtime).failure(errors.head)
  if not reason then reason, hint = explain_way(launch) end
  if reason then launch.report:error("start: engine: " .. reason, hint) end
end

---Ends what a start left, unless the sandbox is held, and completes its result.
---@param launch wrapix.Launch
---@param result wrapix.LaunchResult
---@param errors wrapix.EngineErrors
---@return wrapix.LaunchResult
function M.finish(launch, result, errors)
  errors:flush()
  fault.point("launch.ended")
  if not M.is_held(launch, result) then
    ensure_removed(launch, result, errors)
    mend_status(launch, result)
  end
  fault.point("launch.removed")
  if launch.started then image.mark_used(launch.plan.image.ref, launch.facts) end
  explain_failure(launch, result, errors)
  local reason = launch.stopper.reason
  if reason then launch.report:note(("%s: stopped: %s"):format(launch.plan.name, reason)) end
  result.stopped = reason
  result.stderr = errors:text()
  return result
end

return M
