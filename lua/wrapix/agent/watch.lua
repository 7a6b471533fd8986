-- SPDX-License-Identifier: MIT
-- What ends a headless agent that does not end by itself: silence, and staying on after
-- its last word. Both are tasks beside the run; neither waits for the agent's end.

local sys = require "wrapix.sys"
local task = require "wrapix.task"

local M = {}

-- How often it is looked whether the agent runs: an image may have to be built first.
local START_SECONDS = 0.1
-- What an agent gets between TERM and KILL.
local KILL_SECONDS = 5

---@class wrapix.AgentSilence what `on_idle` is told
---@field seconds number since the agent wrote something
---@field cpu_seconds number? CPU time that all programs of the sandbox have used so far; nil: unknown
---@field cpu_recent number? the part of it that was used in the second half of this silence

---@class wrapix.AgentWatched
---@field running wrapix.Running? once the agent runs
---@field last number? when it wrote something last; sys.clock
---@field idle number? seconds
---@field on_idle (fun(silence: wrapix.AgentSilence): boolean?)?
---@field grace number seconds it may stay after its last word
---@field has_end boolean? it has said its last word
---@field stopped "idle"? why it was ended
---@field lingered boolean? it was ended after its last word

local function used(run) return run.running and run.running:cpu_seconds() end

-- Sleeps until the silence that began at `from` is so long. False when it was broken.
local function wait_for(run, from, seconds)
  local left = from + seconds - sys.clock()
  if left > 0 and not task.sleep(left) then return nil end
  return run.last <= from
end

-- Whether whoever runs it says that it works all the same.
local function is_excused(run, from, cpu_before)
  if not run.on_idle then return false end
  local cpu, last = used(run), run.last
  local silence = { seconds = sys.clock() - last, cpu_seconds = cpu,
    cpu_recent = cpu and cpu_before and math.max(0, cpu - cpu_before) or nil }
  return run.on_idle(silence) == true or run.last > from
end

--- Ends the agent when it has written nothing for too long, unless `on_idle` says that
--- it works all the same. Runs until it is cancelled.
---@param run wrapix.AgentWatched
---@return true
function M.silence(run)
  local from
  while true do
    from = math.max(from or 0, run.last or 0)
    if not run.last or run.has_end then
      if not task.sleep(START_SECONDS) then return true end
    else
      local is_half = wait_for(run, from, run.idle / 2)
      local cpu = is_half and run.on_idle and used(run) or nil
      local is_whole = is_half and wait_for(run, from, run.idle)
      if is_half == nil or is_whole == nil then return true end
      if is_whole and not run.has_end then
        if not is_excused(run, from, cpu) then break end
        from = sys.clock()
      end
    end
  end
  run.stopped = "idle"
  run.running:stop(("no output for %g s"):format(run.idle), KILL_SECONDS)
  return true
end

--- Ends the agent that stays although it has said its last word.
---@param run wrapix.AgentWatched
---@return true
function M.linger(run)
  if not task.sleep(run.grace) or not run.has_end or not run.running then return true end
  run.lingered = true
  run.running:stop(("still there %g s after its last word"):format(run.grace), KILL_SECONDS)
  return true
end

return M
