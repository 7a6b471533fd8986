-- SPDX-License-Identifier: MIT
-- Ends sandboxes from outside: asks the launcher, which ends its sandbox, runs its
-- hooks and writes its record; where there is none left, does that work. Signals
-- nobody that is not known to be the launcher, and touches only what it is given.

local fault = require("wrapix.fault")
local fs = require("wrapix.fs")
local live = require("wrapix.live")
local owners = require("wrapix.owner")
local proc = require("wrapix.proc")
local reap = require("wrapix.reap")
local removal = require("wrapix.removal")
local runtimes = require("wrapix.runtime")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local M = {}

M.GRACE = 10
-- Seconds the launcher has for its own work beside the grace: before_stop and the engine.
local SLACK = 5

---@class wrapix.Stopped
---@field session string
---@field name string
---@field result "stopped"|"killed"|"removed" removed: only its remains were there
---@field seconds number

-- Asks its program to end, and waits until it has.
local function stop_container(one, grace)
  local runtime = runtimes.of(one.runtime)
  local argv = runtime.stop_argv(live.plan(one), grace)
  local result, message, code = proc.run(argv, { timeout = grace + 15, grace = 1 })
  if not result then return nil, message, code end
  local is_gone = runtime.is_absent and runtime.is_absent(result.stderr)
  if result.code ~= 0 and not is_gone then
    local reason = result.stderr:match("([^\n]+)%s*$") or runtime.name .. " failed"
    return nil, "engine: " .. reason, "EENGINE"
  end
  return true
end

---Whether the launcher is through with it: its directory is gone, or it has ended and
---left a sandbox that is kept.
---@param one wrapix.Live
---@return boolean
function M.is_over(one)
  if one.dir and not fs.exists(one.dir) then return true end
  local who = one.dir and owners.read(one.dir .. "/owner")
  return not who or owners.state(who) == "dead"
end

local function wait_until_over(one, seconds)
  local deadline = sys.clock() + seconds
  while not M.is_over(one) do
    if sys.clock() >= deadline then return false end
    local ok, message, code = task.sleep(0.05)
    if not ok then return nil, message, code end
  end
  return true
end

local function signal_owner(one)
  return sys.signal(one.owner.pid, one.owner.start, proc.signal_number("TERM"))
end

-- Told to the launcher where it looks when the signal comes.
local function tell_grace(one, grace)
  return fs.write_atomic(one.dir .. "/grace", ("%g\n"):format(grace), { sync = false })
end

-- Asked once it ends its sandbox within the grace, asked again at once.
local function ask_owner(one, grace)
  tell_grace(one, grace)
  fault.point("stopping.told")
  local ok, message, code = signal_owner(one)
  if not ok and code ~= "ESRCH" then return nil, message, code end
  fault.point("stopping.asked")
  local over
  over, message, code = wait_until_over(one, grace + SLACK)
  if over == nil then return nil, message, code end
  if over then return "stopped" end
  signal_owner(one)
  over, message, code = wait_until_over(one, SLACK)
  if over == nil then return nil, message, code end
  if over then return "killed" end
  return nil, "its launcher does not answer", "ETIMEDOUT"
end

-- What a dead launcher left, also of one that was to be kept: it is being asked for.
local function clear_up(one, facts)
  if one.id then
    local ok, message, code = removal.run(live.plan(one), 30)
    if not ok then return nil, message, code end
  end
  fault.point("stopping.removed")
  if not one.dir then return true end
  local info = reap.read(one.dir)
  if info then info.keep = nil end
  return reap.one(one.dir, info, facts)
end

local function end_orphan(one, grace, facts)
  local runs = one.uptime ~= nil
  if runs then
    local ok, message, code = stop_container(one, grace)
    -- Whose monitor was killed cannot be stopped, only removed.
    if not ok and one.owner.state ~= "dead" then return nil, message, code end
    fault.point("stopping.ended")
  end
  -- Of an owner that cannot be judged (another space of process ids) nothing is
  -- taken away but the program: it clears up itself.
  if one.owner.state ~= "dead" then return "stopped" end
  local ok, message, code = clear_up(one, facts)
  if not ok then return nil, message, code end
  return runs and "stopped" or "removed"
end

-- A launcher that is dead before its work is done, killed while it was asked or before.
local function has_left(one)
  return fs.exists(one.dir .. "/owner") and not fs.exists(one.dir .. "/recorded")
end

-- Its work is done here, also what --keep asks of it.
local function take_over(one, grace, facts)
  if one.id then
    local ok, message, code = stop_container(one, grace)
    if not ok and one.keep then return nil, message, code end
  end
  if not one.keep then return clear_up(one, facts) end
  return reap.one(one.dir, reap.read(one.dir), facts)
end

local function end_owned(one, grace, facts)
  local result, message, code = ask_owner(one, grace)
  if not result then return nil, message, code end
  if has_left(one) then
    local ok
    ok, message, code = take_over(one, grace, facts)
    if not ok then return nil, message, code end
  end
  return result
end

---Ends one sandbox and waits until nothing of it is left; one that --keep keeps and
---that has ended is removed.
---@param one wrapix.Live
---@param facts wrapix.Facts
---@param opts { grace: number? }? seconds, default 10; 0 kills at once
---@return wrapix.Stopped|nil
---@return string? message
---@return string? code
function M.one(one, facts, opts)
  local grace, start = opts and opts.grace or M.GRACE, sys.clock()
  local result, message, code
  if one.owner.alive and one.dir then
    result, message, code = end_owned(one, grace, facts)
  else
    result, message, code = end_orphan(one, grace, facts)
  end
  if not result then return nil, message, code end
  return { session = one.session, name = one.name, result = result, seconds = sys.clock() - start }
end

return M
