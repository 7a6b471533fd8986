-- SPDX-License-Identifier: MIT
-- The line a launch leaves in the session record. A record that cannot be
-- written is a warning: the work in the sandbox is worth more than its line.

local json = require("wrapix.json")
local record = require("wrapix.record")
local sys = require("wrapix.sys")

local M = {}

---@class wrapix.LaunchRecord
local LaunchRecord = {}
LaunchRecord.__index = LaunchRecord

local function agent_of(plan) return plan.agent end

function LaunchRecord:_fields(result, failure)
  local launch, plan = self._launch, self._launch.plan
  local lease = launch.lease
  return {
    session = plan.session, profile = plan.profile, workspace = plan.workspace.source,
    image = plan.image.ref, image_id = launch.image_id, agent = agent_of(plan),
    network = plan.network.mode, name = plan.name,
    -- The clock may have been put back meanwhile; `seconds` is of one that cannot be.
    start = self._start, ["end"] = math.max(self._start, sys.time()), seconds = sys.clock() - self._clock,
    exit = result and result.code, signal = result and result.signal,
    stopped = result and result.stopped, failure = failure,
    hooks = json.array(launch.hooks.results), memory_peak = lease and lease.memory,
    engine = ("%s %s"):format(plan.runtime, launch.facts.engine.version_text), detach = plan.detach or nil,
  }
end

---Writes the line, once.
---@param result wrapix.LaunchResult?
---@param failure string? code of the failure when nothing ran
function LaunchRecord:finish(result, failure)
  if self._done then return end
  self._done = true
  local ok, msg = record.append(self._launch.facts.dirs.state, self:_fields(result, failure),
    { once = true }) -- another start may have taken us for dead
  if not ok then self._launch.report:warn("record: " .. tostring(msg)) end
end

---@param launch wrapix.Launch
---@return wrapix.LaunchRecord
function M.begin(launch)
  return setmetatable({ _launch = launch, _start = sys.time(), _clock = sys.clock() }, LaunchRecord)
end

return M
