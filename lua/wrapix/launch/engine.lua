-- SPDX-License-Identifier: MIT
-- The engine's own process for as long as one start of a sandbox takes: its streams,
-- where it stands to our terminal, and what is done when it is there. Decides nothing
-- about the sandbox.

local container = require("wrapix.container")
local fault = require("wrapix.fault")
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
-- later. So what is typed at our terminal does not reach it, and the lease carries
-- signals. One that reads the terminal has to stay with it: beside it a job in the
-- background would take the keys that are meant for the shell.
local function stands_apart(watch, plan, opts)
  return opts.apart or not (plan.terminal.tty or container.is_terminal(watch.stdin))
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
  watch.session = stands_apart(watch, plan, opts)
end

---Runs the engine; in a detached start it ends as soon as the container runs.
---@param launch wrapix.Launch
---@param errors wrapix.EngineErrors
---@return wrapix.ProcResult|nil
---@return string? message
---@return string? code
function M.run(launch, errors)
  local watch, stopper = M.clock(launch), launch.stopper
  streams(watch, launch, errors)
  stopper.hears_terminal = not watch.session
  watch.on_start = function(running)
    launch.is_up, launch.was_up = true, true
    stopper.has_ended = function() return running:exited() end
    stopper.kill_engine = function() running:kill("KILL") end
    launch.session:note_engine(running:pid())
    fault.point("launch.engine_started")
  end
  return container.run(runtimes.of(launch.plan.runtime).argv(launch.plan), watch)
end

return M
