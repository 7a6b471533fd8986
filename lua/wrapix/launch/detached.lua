-- SPDX-License-Identifier: MIT
-- A sandbox that nobody sits at: where the engine's process does not stay, its end is
-- heard of over the lease; where it stays, its output goes to the log from here.

local container = require("wrapix.container")
local engine = require("wrapix.launch.engine")
local fault = require("wrapix.fault")
local logfile = require("wrapix.logfile")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local M = {}

local SIGKILL = 9
-- For a sandbox without a lease, which nothing says it of.
local START_SECONDS = 10
local LAST_WORDS_SECONDS = 1

-- What never ran has nobody who would look at its output. The monitor writes what PID 1
-- says to the log, and PID 1's end may be known here before it has.
---@param launch wrapix.Launch
function M.show_output(launch)
  local reader = logfile.open(launch.plan.log_path)
  local deadline = sys.clock() + LAST_WORDS_SECONDS
  local lines = logfile.last(reader, 20) or {}
  while #lines == 0 and sys.clock() < deadline and task.sleep(0.01) do
    lines = logfile.last(reader, 20) or {}
  end
  for _, entry in ipairs(lines) do container.write_stderr(entry.text .. "\n") end
end

---The engine says that the container runs; PID 1 a moment later that the command does,
---or it ends because that cannot be executed.
---@param launch wrapix.Launch
function M.await_start(launch)
  local deadline = sys.clock() + START_SECONDS
  while not (launch.started or launch.lease.ended) and sys.clock() < deadline do
    if not task.sleep(0.002) then return end
  end
end

---Waits by the lease for the end of a sandbox whose engine process has gone. What PID 1
---says is its status; when it could not say, it was killed.
---@param launch wrapix.Launch
---@param serving wrapix.Child
---@param result wrapix.ProcResult of the engine
---@return wrapix.ProcResult
function M.wait(launch, serving, result)
  launch.stopper.has_ended = function() return launch.lease.ended end
  M.await_start(launch)
  fault.point("keeper.unsaid")
  local is_up = launch.started or not launch.lease.ended
  if is_up and launch.opts.on_detached then launch.opts.on_detached(launch.plan.name) end
  fault.point("launch.detached")
  local start = sys.clock()
  container.supervise(engine.clock(launch), function()
    serving:wait()
    return true
  end)
  result.seconds = sys.clock() - start
  result.code = launch.lease.status
  result.signal = not launch.lease.status and SIGKILL or nil
  if not is_up then M.show_output(launch) end
  return result
end

---Starts an engine whose process stays for as long as the sandbox, and waits until the
---program runs; the process goes on in a task of no scope, which `launch.engine` stands for.
---@param launch wrapix.Launch
---@param errors wrapix.EngineErrors
---@return wrapix.ProcResult|nil result with status 0 when the program runs
---@return string? message
---@return string? code
function M.hold(launch, errors)
  local own = { is_over = false }
  launch.engine = own
  own.task = task.detach(function()
    own.out = table.pack(pcall(engine.run, launch, errors))
    own.is_over = true
  end)
  while not (launch.started or own.is_over) do
    if not task.sleep(0.002) then
      own.task:cancel()
      task.shield(function() while not own.is_over do task.sleep(0.002) end end)
      return nil, "start: cut off", "ECANCELED"
    end
  end
  if launch.started then return { code = 0, seconds = 0 } end
  if not own.out[1] then error(own.out[2], 0) end
  return table.unpack(own.out, 2, own.out.n)
end

---Waits until a held engine's process has ended; kills it when it does not.
---@param launch wrapix.Launch
---@param seconds number
function M.let_go(launch, seconds)
  local own = launch.engine
  if not own then return end
  local deadline = sys.clock() + seconds
  while not own.is_over and sys.clock() < deadline do task.sleep(0.005) end
  if own.is_over then return end
  launch.stopper.kill_engine()
  while not own.is_over do task.sleep(0.005) end
end

return M
