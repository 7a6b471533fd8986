-- SPDX-License-Identifier: MIT
-- The engine's own process for as long as one start of a sandbox takes: its streams,
-- where it stands to our terminal, and what is done when it is there. Decides nothing
-- about the sandbox.

local container = require("wrapix.container")
local fault = require("wrapix.fault")
local log_writer = require("wrapix.lazy")("wrapix.launch.log_writer")
local runtimes = require("wrapix.runtime")

local M = {}

---The time limit of a plan.
---@param plan table
---@return number? seconds
function M.timeout(plan)
  for _, limit in ipairs(plan.limits) do
    if limit.name == "timeout" then return limit.value end
  end
end

---What the time limit does, whoever is waited for.
---@param launch wrapix.Launch
---@return wrapix.ForegroundOptions
function M.clock(launch)
  local limit = M.timeout(launch.plan)
  return {
    timeout = limit,
    on_timeout = function() launch.stopper:stop(("time limit of %g s"):format(limit)) end,
  }
end

-- What the program does at its terminal to be noticed, where the profile asks for that.
local function attention(launch)
  local plan = launch.plan
  local is_seen = plan.terminal.tty or launch.opts.on_stdout
  if not plan.terminal.watch or plan.detach or not is_seen then return nil end
  return {
    take = function(text, idle)
      if launch.notify then launch.notify:watch(text, idle) end
    end,
    missing = function(msg)
      launch:warn_beside("notify: the terminal is not watched: " .. msg)
    end,
  }
end

-- An engine that has not come far yet dies of a signal that it would pass on a moment
-- later, and some never pass one on. So what is typed at our terminal does not reach it,
-- and the lease carries signals. One that reads the terminal has to stay with it where it
-- can: beside it a job in the background would take the keys that are meant for the shell.
local function stands_apart(watch, plan, opts, runtime)
  if opts.apart then return true end
  if plan.terminal.tty then return false end
  return not (runtime.passes_signals and container.is_terminal(watch.stdin))
end

-- The output of a detached sandbox whose engine stays is for its log alone; what came
-- before the program ran tells why it does not.
local function log_output(watch, launch, errors)
  local plan = launch.plan
  local is_kept = plan.detach and not launch.opts.hold and not runtimes.of(plan.runtime).detaches
  if not is_kept then return false end
  local log, message = log_writer.open(plan.log_path)
  if not log then return nil, message end
  watch.stdout, watch.on_stdout = nil, function(chunk) log:write("stdout", chunk) end
  watch.on_stderr = function(chunk)
    log:write("stderr", chunk)
    if not launch.started then errors:take(chunk) end
  end
  return log
end

local function streams(watch, launch, errors)
  local plan, opts = launch.plan, launch.opts
  watch.env = opts.env
  -- The engine's helpers leave files where they are, such as `oom` after an OOM kill.
  watch.cwd = launch.session.root
  watch.stdin = plan.terminal.stdin and (opts.stdin or "inherit") or "null"
  watch.input = plan.terminal.stdin and opts.input or nil
  watch.stdout = plan.detach and "null" or opts.stdout
  watch.on_stdout = not plan.detach and opts.on_stdout or nil
  watch.stderr = "pipe"
  watch.on_stderr = function(chunk) return errors:take(chunk) end
  watch.attention = attention(launch)
  watch.session = stands_apart(watch, plan, opts, runtimes.of(plan.runtime))
end

---Runs the engine. In a detached start it ends as soon as the container runs, or, where
---the runtime has no such start, with the sandbox.
---@param launch wrapix.Launch
---@param errors wrapix.EngineErrors
---@return wrapix.ProcResult|nil
---@return string? message
---@return string? code
function M.run(launch, errors)
  local plan, stopper = launch.plan, launch.stopper
  -- Who holds a sandbox keeps its time as well.
  local watch = launch.opts.hold and {} or M.clock(launch)
  streams(watch, launch, errors)
  local log <close>, message = log_output(watch, launch, errors)
  if log == nil then return nil, message, "EIO" end
  stopper.hears_terminal = not watch.session
  watch.on_start = function(running)
    launch.is_up, launch.was_up = true, true
    stopper.has_ended = function() return running:exited() end
    stopper.kill_engine = function() running:kill("KILL") end
    launch.session:note_engine(running:pid())
    fault.point("launch.engine_started")
  end
  return container.run(runtimes.of(plan.runtime).argv(plan), watch)
end

return M
