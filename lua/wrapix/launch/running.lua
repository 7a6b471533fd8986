-- SPDX-License-Identifier: MIT
-- A sandbox whose command runs, as its caller sees it: to be ended, and asked what it
-- has used. Decides nothing.

local cpu = require("wrapix.lazy")("wrapix.launch.cpu")

local M = {}

---@class wrapix.Running
---@field name string of the container
local Running = {}
Running.__index = Running

---Ends it: TERM to its program, KILL after `grace`; asked again, KILL at once. Waits
---for nothing; the run returns when it is over, with the reason in `stopped`.
---@param reason string
---@param grace number? seconds; 10
function Running:stop(reason, grace)
  local launch = self._launch
  if not launch.is_up then return end
  launch.scope:spawn(function()
    launch.stopper:stop(reason, grace)
    return true
  end)
end

---CPU time that all its programs have used so far, in seconds.
---@return number? seconds nil when it cannot be known; of a VM it never can
function Running:cpu_seconds()
  if self._launch.plan.crossing then return nil end
  local pid = self._launch.lease:pid()
  return pid and cpu.seconds(pid)
end

---@param launch wrapix.Launch
---@return wrapix.Running
function M.new(launch)
  return setmetatable({ name = launch.plan.name, _launch = launch }, Running)
end

return M
