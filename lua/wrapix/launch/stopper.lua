-- SPDX-License-Identifier: MIT
-- What signals and the time limit do to a running sandbox. INT and QUIT are the
-- program's; TERM, HUP and the limit end the sandbox: gracefully first, and
-- when asked twice at once.

local fault = require("wrapix.fault")
local fs = require("wrapix.fs")
local proc = require("wrapix.proc")
local removal = require("wrapix.removal")
local runtimes = require("wrapix.runtime")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local M = {}

-- Seconds the program inside gets to end; the same as the plan's --stop-timeout.
local GRACE = 10
-- What PID 1 takes at most to end without its monitor, and an engine to see that.
local ORPHAN_SECONDS, NOTICE_SECONDS = 2.5, 1

---@class wrapix.Stopper
---@field reason string? why the sandbox was stopped
---@field interrupts integer how often INT or QUIT came
---@field has_ended fun(): boolean
---@field asked string? the first signal that came, such as "SIGINT"
---@field kill_engine fun()
---@field hears_terminal boolean? what is typed at our terminal reaches the engine's process too
---@field before_stop fun() runs once, before the first stop
---@field hurry fun() it is to be over at once: called when asked again
---@field lease wrapix.Lease?
---@field grace number? seconds the program gets, where nobody says otherwise
---@field grace_file string? where somebody who stops it says how long a program may take
local Stopper = {}
Stopper.__index = Stopper

local function engine(argv, timeout) return proc.run(argv, { timeout = timeout, grace = 1 }) end

---Makes sure that nothing of the container runs, and removes it unless it is to be
---kept. An old engine forgets a container that it is told to remove while a stop of
---it goes on, and its programs live on: so they are killed first.
---@param plan table
---@param run fun(argv: string[], seconds: number)
function M.force_out(plan, run)
  run(runtimes.of(plan.runtime).kill_argv(plan, "KILL"), 10)
  if not plan.keep then removal.run(plan, 15) end
end

function Stopper:_kill()
  M.force_out(self._plan, engine)
  self.kill_engine()
  fault.point("stopper.killed")
  return true
end

function Stopper:_grace()
  local text = self.grace_file and fs.read(self.grace_file, 32)
  local seconds = text and tonumber(text)
  return seconds and seconds >= 0 and seconds < 86400 and seconds or self.grace or GRACE
end

-- A stop that comes before the container is there does nothing, so it is said
-- again until the sandbox has ended.
function Stopper:_stop()
  fault.point("stopper.asked")
  self.before_stop()
  fault.point("stopper.before_stop")
  -- An interactive shell ignores TERM. Podman is told at the start what to send instead.
  if self._plan.crossing and self._plan.terminal.tty then self:_pass_on("HUP") end
  local grace = self:_grace()
  local deadline = sys.clock() + grace + 5
  while not self.has_ended() and sys.clock() < deadline do
    engine(runtimes.of(self._plan.runtime).stop_argv(self._plan, grace), grace + 5)
    fault.point("stopper.stopped")
    if self.has_ended() or not task.sleep(0.2) then break end
  end
  if not self.has_ended() then self:_kill() end
  return true
end

---@param plan table
function Stopper:use_plan(plan) self._plan = plan end

---Ends the sandbox; asked again, at once. In tasks of their own, so that the next
---signal is heard meanwhile.
---@param reason string
---@param grace number? seconds the program gets to end
function Stopper:stop(reason, grace)
  if self.reason then
    self._report:note(reason .. " again: ending it at once")
    self.hurry()
    return task.spawn(self._kill, self)
  end
  self.reason, self.grace = reason, grace
  task.spawn(self._stop, self)
end

local function wait_until(test, seconds)
  local deadline = sys.clock() + seconds
  while not test() and sys.clock() < deadline do
    if not task.sleep(0.02) then break end
  end
  return test()
end

-- PID 1 ends by itself; an old engine (Podman 4.3, seen) waits for its monitor for ever.
function Stopper:_outlive()
  wait_until(function() return self.lease.ended end, ORPHAN_SECONDS)
  if not wait_until(self.has_ended, NOTICE_SECONDS) then self:_kill() end
  return true
end

---The engine's monitor has died: the sandbox ends by itself, and the engine with it.
function Stopper:on_orphan()
  self.reason = self.reason or "the engine has lost its monitor"
  task.spawn(self._outlive, self)
end

-- Over the lease: it waits there for a program that is not there yet, and needs nothing
-- of the engine's process, which a signal at the wrong moment ends.
function Stopper:_pass_on(name)
  if not self.lease then return end
  task.spawn(function()
    self.lease:signal(proc.signal_number(name))
    return true
  end)
end

---@param name string
---@param sender integer pid, 0 when it was typed at the terminal
function Stopper:on_signal(name, sender)
  self.asked = self.asked or "SIG" .. name
  if name == "TERM" or name == "HUP" then return self:stop("SIG" .. name) end
  self.interrupts = self.interrupts + 1
  local has_terminal = self._plan.terminal.tty
  if self._plan.detach or (self.interrupts >= 3 and not has_terminal) then
    return self:stop("SIG" .. name)
  end
  -- The engine passes on, or dies of, what the terminal gave to it as well.
  if sender == 0 and self.hears_terminal then return end
  self:_pass_on(name)
end

---@param plan table
---@param report table
---@return wrapix.Stopper
function M.new(plan, report)
  return setmetatable({
    interrupts = 0, _plan = plan, _report = report,
    has_ended = function() return false end,
    kill_engine = function() end,
    before_stop = function() end,
    hurry = function() end,
  }, Stopper)
end

return M
