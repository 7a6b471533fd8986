-- SPDX-License-Identifier: MIT
-- Plan → running container → result. The only file that starts the engine's
-- `run`. It stays the container's parent: it answers signals and the time limit,
-- and whatever happens, the container is gone when it returns.

local container = require("wrapix.container")
local image = require("wrapix.image")
local podman = require("wrapix.runtime.podman")
local proc = require("wrapix.proc")
local session = require("wrapix.session")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local M = {}

-- Seconds the program inside gets to end; the same as the plan's --stop-timeout.
local GRACE = 10
local ENGINE_FAILED, NOT_INVOKED = 125, 126
local SIGPIPE = 13

---@class wrapix.LaunchResult: wrapix.ProcResult
---@field stopped string? why the launcher stopped it
---@field timing { name: string, seconds: number }[]
---@field session wrapix.Session? of a container that lives on

---@class wrapix.LaunchOptions
---@field log table? note, warn, detail, error; see cli/report.lua
---@field stdin any? as in proc.spawn; default "inherit"
---@field stdout any? likewise; "pipe" collects it in the result
---@field stderr any? "pipe" collects it in the result; default: passed on
---@field input string? for the program's stdin

local SILENT = setmetatable({}, { __index = function() return function() end end })

-- What the engine's stderr is for: the first words are kept to judge a failure,
-- a last line about a missing image or an output that nobody reads is held back,
-- all else passes unchanged.
local Errors = {}
Errors.__index = Errors

local function new_errors(collect)
  return setmetatable({ head = "", held = "", kept = collect and {} or nil }, Errors)
end

function Errors:take(chunk)
  if #self.head < 8192 then self.head = self.head .. chunk:sub(1, 8192 - #self.head) end
  local text = self.held .. chunk
  self.held = text:match("Error: [^\n]*: image not known\r?\n$")
    or text:match("Error: [^\n]*: write /dev/stdout: broken pipe\r?\n$") or ""
  text = text:sub(1, #text - #self.held)
  if not self.kept then return text end
  self.kept[#self.kept + 1] = text
end

-- Stopping ------------------------------------------------------------------------

local function engine(argv, timeout)
  return proc.run(argv, { timeout = timeout, grace = 1 })
end

-- An old engine forgets a container that it is told to remove while a stop of it
-- goes on, and its programs live on: so they are killed first.
local function force_out(run, plan)
  run(podman.kill_argv(plan, "KILL"), 10)
  if not plan.keep then run(podman.remove_argv(plan), 15) end
end

---@class wrapix.Stopper
---@field reason string? why the container was stopped
local Stopper = {}
Stopper.__index = Stopper

-- A stop that comes before the container is there does nothing, so it is said
-- again until the engine's process has ended.
function Stopper:_stop()
  local deadline = sys.clock() + GRACE + 5
  while not self.running:exited() and sys.clock() < deadline do
    engine(podman.stop_argv(self.plan, GRACE), GRACE + 5)
    if self.running:exited() or not task.sleep(0.2) then break end
  end
  if not self.running:exited() then self:_kill() end
  return true
end

function Stopper:_kill()
  force_out(engine, self.plan)
  self.running:kill("KILL")
  return true
end

-- In tasks of their own, so that the next signal is heard meanwhile.
function Stopper:stop(reason)
  if self.reason then
    self.log:note(reason .. " again: ending it at once")
    return task.spawn(self._kill, self)
  end
  self.reason = reason
  task.spawn(self._stop, self)
end

-- INT and QUIT are the program's; TERM and HUP end the sandbox.
function Stopper:on_signal(name, sender)
  if name == "TERM" or name == "HUP" then return self:stop("SIG" .. name) end
  self.interrupts = (self.interrupts or 0) + 1
  if self.interrupts >= 3 and not self.plan.terminal.tty then return self:stop("SIG" .. name) end
  if sender == 0 then return end -- typed: the terminal gave it to the engine as well
  if not self.plan.terminal.tty then return self.running:kill(name) end
  task.spawn(function() -- with a terminal the engine does not pass signals on
    engine(podman.kill_argv(self.plan, name), 10)
    return true
  end)
end

local function timeout_of(plan)
  for _, limit in ipairs(plan.limits) do
    if limit.name == "timeout" and not plan.detach then return limit.value end
  end
end

-- One run ---------------------------------------------------------------------------

local function stdout_of(plan, opts)
  return plan.detach and "null" or opts.stdout or "inherit"
end

-- Starts the engine once and waits. Returns its result, what it said, and why
-- it was stopped if it was.
local function attempt(plan, facts, opts, log)
  local errors = new_errors(opts.stderr == "pipe")
  local stopper = setmetatable({ plan = plan, log = log }, Stopper)
  local limit = timeout_of(plan)
  local result, msg, code = container.run(podman.argv(plan), {
    env = opts.env,
    -- The engine's helpers leave files in it, such as `oom` after an OOM kill.
    cwd = facts.session.dir,
    stdin = plan.terminal.stdin and (opts.stdin or "inherit") or "null",
    input = plan.terminal.stdin and opts.input or nil,
    stdout = stdout_of(plan, opts),
    stderr = "pipe",
    on_stderr = function(chunk) return errors:take(chunk) end,
    on_start = function(running) stopper.running = running end,
    on_signal = function(name, sender) stopper:on_signal(name, sender) end,
    timeout = limit,
    on_timeout = function() stopper:stop(("time limit of %g s"):format(limit)) end,
  })
  if not result then return nil, msg, code end
  if result.code == NOT_INVOKED and podman.closed_output(errors.held) then
    result.code, result.signal, errors.held = nil, SIGPIPE, ""
  end
  return result, errors, stopper
end

local function flush_held(errors)
  if errors.held == "" then return end
  if errors.kept then
    errors.kept[#errors.kept + 1] = errors.held
  else
    container.write_stderr(errors.held)
  end
  errors.held = ""
end

-- The container of an engine that ended by itself is removed by --rm.
local function ensure_removed(plan, result, stopper)
  local abnormal = result.signal or result.code == ENGINE_FAILED or stopper.reason
    or stopper.interrupts
  if not abnormal or plan.keep then return end
  -- A name that is taken is somebody else's container.
  if stopper.name_taken then return end
  force_out(container.shielded, plan)
end

local function with_image(plan, facts, opts, log, clock)
  local notice = image.first_use_notice(plan.image.ref, facts)
  if notice then log:note(notice) end
  local result, errors, stopper = attempt(plan, facts, opts, log)
  if not result then return nil, errors, stopper end
  if result.code ~= ENGINE_FAILED or not podman.missing_image(errors.head) then
    return result, errors, stopper
  end
  local made, msg, code, hint = container.interruptible(function()
    return image.ensure(plan.image.recipe or plan.image.ref, facts, { report = log })
  end)
  if not made then return nil, msg, code, hint end
  clock("image")
  notice = image.first_use_notice(plan.image.ref, facts)
  if notice then log:note(notice) end
  return attempt(plan, facts, opts, log)
end

local function explain_failure(result, errors, log)
  if result.code ~= ENGINE_FAILED and result.code ~= NOT_INVOKED then return end
  local reason, hint = podman.failure(errors.head)
  if reason then log:error("start: engine: " .. reason, hint) end
end

local function finish(plan, facts, result, errors, stopper, log)
  flush_held(errors)
  stopper.name_taken = errors.head:find("is already in use", 1, true) ~= nil
  ensure_removed(plan, result, stopper)
  if result.code ~= ENGINE_FAILED then image.mark_used(plan.image.ref, facts) end
  explain_failure(result, errors, log)
  if stopper.reason then log:note(("%s: stopped: %s"):format(plan.name, stopper.reason)) end
  result.stopped = stopper.reason
  result.stderr = errors.kept and table.concat(errors.kept) or nil
  return result
end

local function new_clock()
  local last, phases = sys.clock(), {}
  return function(name)
    local now = sys.clock()
    phases[#phases + 1] = { name = name, seconds = now - last }
    last = now
  end, phases
end

---Starts the sandbox of a plan and waits for its end; for a detached plan, until
---it has started.
---@param plan table
---@param facts wrapix.Facts
---@param opts wrapix.LaunchOptions?
---@return wrapix.LaunchResult|nil
---@return string? message
---@return string? code
---@return string? hint
function M.run(plan, facts, opts)
  opts = opts or {}
  local log = opts.log or SILENT
  local clock, phases = new_clock()
  local place <close>, msg, code, hint = session.open(plan, facts)
  if not place then return nil, msg, code, hint end
  clock("session")
  local result, errors, stopper, more = with_image(plan, facts, opts, log, clock)
  if not result then return nil, errors, stopper, more end
  result = finish(plan, facts, result, errors, stopper, log)
  if (plan.detach and result.code == 0) or plan.keep then
    place:keep()
    result.session = place
  end
  clock("container")
  result.timing = phases
  return result
end

return M
