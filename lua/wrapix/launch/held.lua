-- SPDX-License-Identifier: MIT
-- A sandbox that runs on after its launch: whoever started it runs commands in it and
-- ends it; its time limit does so too. It is ended once, whoever asks. Never started here.

local container = require("wrapix.container")
local detached = require("wrapix.lazy")("wrapix.launch.detached")
local removal = require("wrapix.removal")
local runtimes = require("wrapix.runtime")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local M = {}

local SIGKILL = 9
local GRACE = 10
local LAST_WORDS_SECONDS = 1

---@class wrapix.Held
---@field plan table of the sandbox that runs, with what its hooks changed
---@field stopped string? why it was ended: "stop", or which time limit
local Held = {}
Held.__index = Held

-- What PID 1 says last comes a moment after the engine has ended.
local function hear_last_words(lease)
  local deadline = sys.clock() + LAST_WORDS_SECONDS
  while lease.is_taken and not lease.ended and sys.clock() < deadline do task.sleep(0.002) end
end

function Held:_end(grace)
  local launch, plan, lease = self._launch, self.plan, self._launch.lease
  launch.stopper.reason = self.stopped
  -- One that has ended by itself has nothing left to run a hook in.
  if not lease.ended then launch.hooks:before_stop(launch) end
  local runtime = runtimes.of(plan.runtime)
  local result, msg, code = container.shielded(runtime.stop_argv(plan, grace), grace + 15)
  if not result or result.code ~= 0 then container.shielded(runtime.kill_argv(plan, "KILL"), 10) end
  removal.run(plan, 15)
  if launch.engine then detached.let_go(launch, LAST_WORDS_SECONDS) end
  hear_last_words(lease)
  launch:close({
    code = lease.status, signal = not lease.status and SIGKILL or nil,
    seconds = sys.clock() - self._since, stopped = self.stopped,
  })
  launch.session:close()
  if not result then return nil, msg, code end
  return true
end

-- The second who asks waits for the first.
function Held:_end_once(grace, reason)
  if self.stopped then
    while not self._outcome do task.sleep(0.005) end
  else
    self.stopped = reason
    self._outcome = table.pack(self:_end(grace))
  end
  return table.unpack(self._outcome, 1, self._outcome.n)
end

---Ends it: its hooks, its container, its record and its directory. Not to be cut
---short. Twice is allowed.
---@param grace number? seconds for the programs inside, default 10
---@return true|nil
---@return string? message
---@return string? code
function Held:stop(grace)
  -- One that is at work already is shielded, and goes on.
  if self._clock then self._clock:cancel() end
  return task.shield(self._end_once, self, grace or GRACE, "stop")
end

-- Of no scope, as nobody waits for it; where there are no tasks it comes to its turn
-- whenever something is waited for.
function Held:_watch(seconds)
  self._clock = task.detach(function()
    if not task.sleep(seconds) then return end
    task.shield(self._end_once, self, GRACE, ("time limit of %g s"):format(seconds))
  end)
end

---Takes over the sandbox of a launch that has started it.
---@param launch wrapix.Launch
---@param limit number? seconds it may run
---@return wrapix.Held
function M.new(launch, limit)
  local self = setmetatable({ plan = launch.plan, _launch = launch, _since = sys.clock() }, Held)
  -- Whoever keeps it still wants to know of its end.
  task.detach(function() launch.lease:serve(launch.lease.on_start) end)
  launch.session:keep()
  if limit then self:_watch(limit) end
  return self
end

return M
