-- SPDX-License-Identifier: MIT
-- Plan → running container → result. The only place that starts the engine's
-- `run`. Whatever happens, the container is gone when `run` returns, unless it
-- was asked to stay. The life of a sandbox is told in docs/architecture.md.

local container = require("wrapix.container")
local detached = require("wrapix.lazy")("wrapix.launch.detached")
local ending = require("wrapix.launch.ending")
local engine = require("wrapix.launch.engine")
local errors_of = require("wrapix.launch.errors")
local fault = require("wrapix.fault")
local handovers = require("wrapix.lazy")("wrapix.launch.handover")
local held = require("wrapix.lazy")("wrapix.launch.held")
local held_log = require("wrapix.lazy")("wrapix.launch.held_log")
local image = require("wrapix.image")
local leases = require("wrapix.lease")
local notify = require("wrapix.lazy")("wrapix.launch.notify")
local outfit = require("wrapix.lazy")("wrapix.launch.outfit")
local reap = require("wrapix.reap")
local removal = require("wrapix.removal")
local session = require("wrapix.session")
local records = require("wrapix.launch.record")
local runtimes = require("wrapix.runtime")
local runnings = require("wrapix.lazy")("wrapix.launch.running")
local stoppers = require("wrapix.launch.stopper")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local M = {}

local LAST_WORDS_SECONDS, CROSSING_SECONDS = 1, 0.3
-- People wonder after two seconds.
local SLOW_SECONDS = 1.5

---@class wrapix.LaunchResult: wrapix.ProcResult
---@field stopped string? why the launcher stopped it
---@field timing { name: string, seconds: number }[]
---@field held wrapix.Held? of a container that is left to the caller
---@field collected table<string, string>? by name, where the caller asked for files
---@field collect_errors table<string, string>? why one that is there is not among them

---@class wrapix.LaunchOptions
---@field log table? note, warn, detail, error; see cli/report.lua
---@field stdin any? as in proc.spawn; default "inherit"
---@field stdout any? likewise; "pipe" collects it in the result
---@field on_stdout fun(chunk: string)? is handed it as it comes, instead
---@field stderr any? "pipe" collects it in the result; default: passed on
---@field input string? for the program's stdin
---@field apart boolean? signals are the caller's: none is heard here, and what is typed at
--- the terminal does not reach the engine
---@field on_started fun(running: wrapix.Running)? the command runs: image and container are there
---@field handover wrapix.Handover? see launch/handover.lua
---@field hooks wrapix.LaunchHooks? see launch/hooks.lua
---@field on_detached fun(name: string)? a detached sandbox runs; its end is waited for here
---@field hold boolean? a detached sandbox is left to the caller, with its lease
---@field notify boolean? false: what the agent's hooks tell is not shown
---@field deliverer (fun(opts: table): wrapix.NotifyDeliverer)? instead of this user's own

local SILENT = setmetatable({}, { __index = function() return function() end end })
local NO_HOOKS = setmetatable({ results = {}, has = function() return false end },
  { __index = function() return function() return true end end })

---@class wrapix.Launch everything one launch knows
---@field plan table
---@field facts wrapix.Facts
---@field opts wrapix.LaunchOptions
---@field report table
---@field hooks wrapix.LaunchHooks
---@field stopper wrapix.Stopper
---@field lease wrapix.Lease
---@field notify wrapix.LaunchNotify?
local Launch = {}
Launch.__index = Launch

function Launch:_runtime() return runtimes.of(self.plan.runtime) end

---Goes on with another plan of the same session.
---@param plan table
---@return true|nil
---@return string? message
---@return string? code
function Launch:use_plan(plan)
  self.plan = plan
  self.stopper:use_plan(plan)
  return self.session:use_plan(plan, self.facts)
end

-- Hooks beside the sandbox -------------------------------------------------------------

-- In tasks that outlive whoever asks for them: the sandbox's end cuts none short.
function Launch:_beside(event)
  if not self.hooks:has(event) then return end
  local child = self.scope:spawn(function()
    self.hooks[event](self.hooks, self)
    return true
  end)
  self.beside[#self.beside + 1] = child
  return child
end

function Launch:_before_stop()
  local child = self:_beside("before_stop")
  if child then child:wait() end
end

function Launch:_cut_hooks()
  for _, child in ipairs(self.beside) do child:cancel() end
end

function Launch:_wait_for_hooks()
  for _, child in ipairs(self.beside) do child:wait() end
end

-- One start ---------------------------------------------------------------------------

-- A signal is the sandbox's business while there is one. Before and after it ends
-- what this process does instead; its cleanup runs.
function Launch:_on_signal(name, sender)
  if self.is_up then return self.stopper:on_signal(name, sender) end
  self:_cut_hooks()
  if self.is_over then return end
  self.interrupted = self.interrupted or "SIG" .. name
  self.work:cancel()
end

-- What is said beside a program that gets the terminal may be wiped by its screen.
---@param text string
function Launch:warn_beside(text)
  self.report:warn(text)
  if not self.plan.terminal.tty or self.plan.detach then return end
  self.held_log = self.held_log or held_log.new(self.report)
  self.held_log:warn(text)
end

function Launch:_serve_lease()
  self.lease:serve(function() self:_started() end)
  return true
end

---Serves the sandbox's own socket for notifications: made while the engine starts, and
---once, however often that is tried.
---@return true
function Launch:serve_notify()
  if self.notify then return true end
  local msg
  self.notify, msg = notify.open(self)
  if not self.notify then self:warn_beside("notify: " .. msg) end
  return true
end

-- What PID 1 said last may be read a moment after the engine has ended; of a command
-- that was quick, that it started as well.
function Launch:_hear_last_words(serving)
  if self.lease.ended then return end
  -- What comes out of a VM has some more stations on its way.
  local deadline = sys.clock() + (self.plan.crossing and CROSSING_SECONDS or 0)
  while not self.lease:let_take() do
    if sys.clock() >= deadline or not task.sleep(0.005) then return end
  end
  task.timeout(LAST_WORDS_SECONDS, function()
    serving:wait()
    return true
  end)
end

-- What the sandbox is put together from, where the runtime wants that beforehand.
function Launch:_fit_out()
  if not self.plan.crossing then return true end
  local ok, msg, code, hint = outfit.prepare(self)
  if not ok then return nil, msg, code, hint end
  if self.crossing then
    self.crossing:serve(function(why)
      self.report:error("start: the sandbox cannot reach this process: " .. why)
      self.stopper.kill_engine()
    end)
  end
  return true
end

-- The engine, for as long as it is to be waited for here.
function Launch:_engage(serving, errors)
  local detaches = self:_runtime().detaches
  if self.opts.hold and not detaches then return detached.hold(self, errors) end
  local ended, why, what = engine.run(self, errors)
  if ended and ended.code == 0 and self.plan.detach and detaches and not self.opts.hold then
    ended = detached.wait(self, serving, ended)
  end
  return ended, why, what
end

-- The lease is served beside the engine: PID 1 says over it when the command runs.
function Launch:_attempt()
  local is_logged = self.plan.detach and not self:_runtime().detaches
  local errors = errors_of.new(self.opts.stderr == "pipe" or is_logged == true)
  local result, msg, code, hint = self:_fit_out()
  if not result then return nil, msg, code, hint end
  result, msg, code = task.scope(function(scope)
    local serving = scope:spawn(self._serve_lease, self)
    local slow = scope:spawn(self._notice_slow_start, self)
    scope:spawn(self.serve_notify, self)
    local ended, why, what = self:_engage(serving, errors)
    self.is_up = false
    if ended and ended.code == 0 and self.opts.hold then
      detached.await_start(self)
    else
      self:_hear_last_words(serving)
    end
    serving:cancel()
    slow:cancel()
    return ended, why, what
  end)
  if not result then return nil, msg, code end
  ending.read(self, result, errors)
  if is_logged and not self.started then detached.show_output(self) end
  return result, errors
end

function Launch:_started()
  fault.point("launch.started")
  self.started = true
  self.session:note_start()
  -- Where the engine's process stays, nothing else tells that the sandbox runs.
  if self.plan.detach and not self:_runtime().detaches and self.opts.on_detached then
    self.opts.on_detached(self.plan.name)
  end
  if self.opts.on_started then self.opts.on_started(runnings.new(self)) end
  self:_beside("after_start")
end

-- The image -----------------------------------------------------------------------------

-- Said only when there is something to wonder about: the command does not run yet.
function Launch:_notice_slow_start()
  if not task.sleep(SLOW_SECONDS) or self.started then return true end
  local notice = image.first_use_notice(self.plan.image.ref, self.facts)
  if notice then self.report:note(notice) end
  return true
end

function Launch:_make_image()
  local ok, msg, code = self.hooks:before_build(self)
  if not ok then return nil, msg, code end
  local target = self.plan.image.recipe or self.plan.image.ref
  local made, why, what, hint = image.ensure(target, self.facts, { report = self.report })
  if not made then return nil, why, what, hint end
  self.clock("image")
  return true
end

-- A runtime that would pull what is not there is asked before.
function Launch:_seek_image()
  if not self:_runtime().asks_first then return true end
  local is_there, msg, code, hint = outfit.has_image(self)
  if is_there == nil then return nil, msg, code, hint end
  if is_there then return true end
  return self:_make_image()
end

-- The image's absence is read from the failure of the start itself, so that a
-- start with an image costs one engine process.
function Launch:_start()
  local ok, msg, what, hint = self:_seek_image()
  if not ok then return nil, msg, what, hint end
  local result, errors, code
  result, errors, code, hint = self:_attempt()
  if not result then return nil, errors, code, hint end
  if result.code ~= ending.ENGINE_FAILED or not self:_runtime().missing_image(errors.head) then
    return result, errors
  end
  -- It was for a program that nobody has to be built for any more.
  self.interrupted = self.stopper.asked
  if self.interrupted then return nil, "start: interrupted", self.interrupted end
  ok, msg, what, hint = self:_make_image()
  if not ok then return nil, msg, what, hint end
  return self:_attempt()
end

-- Everything between the session's directory and its record.
function Launch:_live()
  local ok, msg, code, hint
  if self.opts.handover then
    self.given, msg, code = handovers.give(self.opts.handover, self)
    if not self.given then return nil, msg, code end
  end
  ok, msg, code, hint = self.hooks:before_start(self)
  if not ok then return nil, msg, code, hint end
  fault.point("launch.before_run")
  local result, errors
  result, errors, code, hint = self:_start()
  if result then return ending.finish(self, result, errors) end
  -- Its engine was cut off, and may have left a container.
  if self.was_up then removal.run(self.plan, 15) end
  return nil, errors, code, hint
end

-- An error of ours or of a caller's function must leave nothing either.
function Launch:_live_safely()
  local out = table.pack(xpcall(self._live, debug.traceback, self))
  if out[1] then return table.unpack(out, 2, out.n) end
  removal.run(self.plan, 15)
  -- Who goes on after the first wait that is cut off is ended by an error at the second.
  local is_cut = self.interrupted and tostring(out[2]):match("^[^\n]*ECANCELED")
  if is_cut then return nil, "start: interrupted", self.interrupted end
  task.shield(self.close, self, nil, tostring(out[2]):match("^[^\n]*"), "ELUA")
  error(out[2], 0)
end

local function new_clock()
  local last, phases = sys.clock(), {}
  return function(name)
    local now = sys.clock()
    phases[#phases + 1] = { name = name, seconds = now - last }
    last = now
  end, phases
end

local function new_launch(plan, facts, opts)
  local report = opts.log or SILENT
  local self = setmetatable({
    plan = plan, facts = facts, opts = opts, report = report, hooks = opts.hooks or NO_HOOKS,
    stopper = stoppers.new(plan, report), beside = {},
  }, Launch)
  self.clock, self.phases = new_clock()
  self.stopper.before_stop = function() self:_before_stop() end
  self.stopper.hurry = function() self:_cut_hooks() end
  return self
end

---What comes after a sandbox that is over, or never was: its hooks and its record. Not to
---be cut short: a signal has been heard.
---@param result table?
---@param msg string? why there is none
---@param code string?
function Launch:close(result, msg, code)
  self.is_over = true
  self.lease:close()
  if self.notify then self.notify:close() end
  if self.held_log then self.held_log:release() end
  if self.given then self.given:close(result) end
  if self.crossing then self.crossing:close() end
  self:_wait_for_hooks()
  self.hooks:after_exit(self, result, msg)
  fault.point("launch.after_exit")
  self.record:finish(result, code)
  fault.point("launch.recorded")
  local is_there = result and (self.started or result.code ~= ending.ENGINE_FAILED)
  if is_there and self.plan.keep then self.session:settle() end
end

function Launch:_run()
  reap.stale(self.facts, self.report)
  fault.point("launch.begin")
  local place <close>, msg, code, hint = session.open(self.plan, self.facts)
  if not place then return nil, msg, code, hint end
  fault.point("launch.session")
  self.session, self.stopper.grace_file = place, place.root .. "/grace"
  self.lease, msg, code = leases.open(place.dir, self.plan.user)
  if not self.lease then return nil, msg, code end
  self.stopper.lease = self.lease
  self.lease.on_orphan = function() self.stopper:on_orphan() end
  fault.point("launch.lease")
  self.record = records.begin(self)
  self.clock("session")
  local result
  result, msg, code, hint = self:_live_safely()
  if not result and self.interrupted then
    msg, code, hint = "start: interrupted by " .. self.interrupted, self.interrupted, nil
  end
  self.clock("container")
  if ending.is_held(self, result) then
    result.held = held.new(self, engine.timeout(self.plan))
  else
    task.shield(self.close, self, result, msg, code)
  end
  if not result then return nil, msg, code, hint end
  result.timing = self.phases
  return result
end

---Starts the sandbox of a plan and waits for its end.
---@param plan table
---@param facts wrapix.Facts
---@param opts wrapix.LaunchOptions?
---@return wrapix.LaunchResult|nil
---@return string? message
---@return string? code a signal's name, such as "SIGTERM", when it came before the sandbox
---@return string? hint
function M.run(plan, facts, opts)
  local self = new_launch(plan, facts, opts or {})
  local function on_signal(name, sender) self:_on_signal(name, sender) end
  local apart = opts and opts.apart
  return container.supervise({ on_signal = not apart and on_signal or nil }, function(scope)
    self.scope = scope
    self.work = scope:spawn(self._run, self)
    return self.work:wait()
  end)
end

return M
