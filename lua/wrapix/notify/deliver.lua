-- SPDX-License-Identifier: MIT
-- One message through on_message, policy, sinks and history, in the launcher and in
-- the daemon alike. Must never make whoever hands it a message wait.
--
-- Theory of operation. handle() puts the message into its session's lane and starts
-- that lane's task if none runs; the task decides one message after the other, so the
-- order within a session stays and a detector that hangs delays that session alone.
-- What is to be shown goes to the outlet of each sink, which has a task of its own.
-- When all sinks have answered, the record goes to the history. What the rate
-- holds back is counted, and one clock task shows it when its time has come. No task
-- runs while there is nothing to do.

local config_of = require("wrapix.lazy")("wrapix.notify.config")
local guard = require("wrapix.lazy")("wrapix.notify.guard")
local history = require("wrapix.notify.history")
local lanes = require("wrapix.notify.lanes")
local messages = require("wrapix.lazy")("wrapix.notify.message")
local outlets = require("wrapix.notify.outlets")
local policy = require("wrapix.notify.policy")
local raise = require("wrapix.lazy")("wrapix.notify.raise")
local rates = require("wrapix.notify.rate")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local M = {}

-- Seconds for all detectors together; whoever has not answered then is unknown.
local FOCUS_SECONDS = 2
-- Lines are written together with those that follow so soon.
local FLUSH_SECONDS = 0.2
-- Shown messages of one session whose times are remembered.
local MOST_SESSIONS = 256

---@class wrapix.Deliverer
---@field config wrapix.NotifyConfig
local Deliverer = {}
Deliverer.__index = Deliverer

---@class wrapix.DelivererOptions
---@field config wrapix.NotifyConfig of config.load
---@field dirs { state: string }
---@field env table<string, string> of this process
---@field run function? as proc.run
---@field clock (fun(): number)? seconds that never step back
---@field time (fun(): number)? seconds since 1970
---@field log wrapix.Log
---@field focus (fun(screen: table, run: function): wrapix.NotifyLevel[])|false|nil default: the
--- detectors of focus/; false: nobody is asked
---@field raise (fun(screen: table, run: function))? what a click does; default: raise.lua's
---@field terminal (fun(text: string))? writes to the person's own terminal, where there is one

-- Loaded with the first message that comes from a screen.
local function default_focus(env)
  return function(screen, run)
    return require("wrapix.notify.focus").ask(screen, { run = run, env = env })
  end
end

---Makes a deliverer. Starts nothing.
---@param opts wrapix.DelivererOptions
---@return wrapix.Deliverer
function M.new(opts)
  local self = setmetatable({
    config = opts.config, _env = opts.env, _log = opts.log,
    _focus = opts.focus == nil and default_focus(opts.env) or opts.focus or nil,
    _raise = opts.raise or function(...) return raise.raise(...) end,
    _run = opts.run or require("wrapix.proc").run,
    _clock = opts.clock or sys.clock, _time = opts.time or sys.time,
    _lanes = lanes.new(), _rate = rates.new(opts.config), _tasks = {}, _last = {}, _sessions = 0,
    _history = history.open(opts.dirs.state), counts = { handled = 0, shown = 0, held = 0 },
  }, Deliverer)
  self._outlets = outlets.new({
    env = opts.env, terminal = opts.terminal, log = opts.log,
    spawn = function(fn) self:_spawn(fn) end,
  }, self._run, self._tasks)
  return self
end

-- A task that close() waits for.
function Deliverer:_spawn(fn, ...)
  local one
  one = task.detach(function(...)
    local ok, err = pcall(fn, ...)
    self._tasks[one] = nil
    if not ok and not task.is_cancelled() then self._log:error("notify: " .. tostring(err)) end
  end, ...)
  self._tasks[one] = true
  return one
end

---Takes other rules. Messages that wait are decided by them.
---@param config wrapix.NotifyConfig
function Deliverer:configure(config)
  self.config = config
  self._rate:configure(config)
  self._outlets:forget()
end

-- --- what is known -------------------------------------------------------------------

-- Who speaks, for rate and order. What nobody vouches for shares one place: names from
-- inside are free to choose.
local function key_of(message)
  local from = message.from
  return from and type(from.session) == "string" and from.session or ""
end

-- A turn began at most this long ago: when the session began, when it last spoke, or
-- when it said that the person had answered.
local function age_of(self, key, message, now)
  local last = self._last[key]
  if last then return now - last.at end
  local started = message.from and message.from.started
  return type(started) == "number" and math.max(0, self._time() - started) or nil
end

-- Where the person's answers are reported, what the agent says in between begins no turn.
local function remember(self, key, now, is_mark)
  if key == "" then return end
  local last = self._last[key]
  if not last then
    self._sessions = self._sessions + 1
    if self._sessions > MOST_SESSIONS then self._last, self._sessions = {}, 1 end
    last = { is_marked = false }
    self._last[key] = last
  end
  if is_mark or not last.is_marked then last.at, last.is_marked = now, is_mark end
end

-- Minutes since local midnight. The calendar is asked once a second.
local function minute_now(self)
  local second = self._time() // 1
  if self._second ~= second then
    local date = os.date("*t", second)
    self._second, self._minute = second, date.hour * 60 + date.min
  end
  return self._minute
end

-- Detectors that fail or hang say nothing, and what nothing is known of is shown.
local function ask_focus(self, screen)
  local ok, answers, why = pcall(task.timeout, FOCUS_SECONDS, self._focus, screen, self._run)
  if ok and type(answers) == "table" then return answers end
  return { { name = "detectors", answer = "unknown",
    detail = tostring(ok and why or answers):match("[^\n]*") } }
end

local function shows_all(self)
  return self.config.always or self._env.WRAPIX_NOTIFY_ALWAYS == "1"
end

local function known_of(self, key, message, now, is_due)
  local screen = message.from and message.from.screen
  return {
    always = shows_all(self),
    minute = minute_now(self),
    age = not is_due and age_of(self, key, message, now) or nil,
    rate = is_due and "free" or self._rate:peek(key, message, now),
    focus = self._focus and type(screen) == "table"
      and function() return ask_focus(self, screen) end or nil,
  }
end

-- --- the person's own function -------------------------------------------------------

local TEXTS = { "title", "message", "sound", "urgency", "tag" }

-- It may have made a title of what stands uncleaned in `extra`.
local function texts_of(message)
  local out = {}
  for _, name in ipairs(TEXTS) do out[name] = message[name] end
  return out
end

-- Returns whether to go on, and the sinks it chose. A mistake in it must not swallow
-- the message, which then goes on as it came.
local function call_on_message(self, message)
  local fn = self.config.on_message
  if not fn then return true end
  local copy = {}
  for name, value in pairs(message) do copy[name] = value end
  local ctx = { from = message.from, time = self._time(), count = message.count or 1 }
  local ok, answer = guard.call(fn, copy, ctx)
  local problem = not ok and tostring(answer)
    or (type(copy.title) ~= "string" or type(copy.message) ~= "string")
      and "title and message have to stay texts" or nil
  local sinks, clean
  if not problem and type(answer) == "table" then
    sinks, problem = config_of.sinks(answer, self.config.sinks)
  end
  if not problem and answer ~= false then clean, problem = messages.clean(texts_of(copy)) end
  if problem then
    self._log:error("notify: on_message: " .. problem)
    return true
  end
  if answer == false then return false end
  for _, name in ipairs(TEXTS) do message[name] = clean[name] end
  return true, sinks
end

-- --- one message ---------------------------------------------------------------------

local function record_of(self, message, count)
  local from = message.from or {}
  return {
    time = self._time(), session = from.session, name = from.name, profile = from.profile,
    session_id = message.session_id, title = message.title, message = message.message,
    event = message.event, count = count > 1 and count or nil,
  }
end

local function write_history(self)
  local ok, why = self._history:flush()
  if not ok and not self._history_failed then
    self._history_failed = true -- once; the disk may stay full for days
    self._log:warn("notify: history: " .. tostring(why))
  end
end

function Deliverer:_record(record)
  if self._env.WRAPIX_NOTIFY_VERBOSE == "1" then
    self._log:info(("notifyd: %s: %s%s"):format(record.title, record.decision,
      record.why and ": " .. record.why or ""))
  end
  if self._history:add(record) then write_history(self) end
  if self._flushing or self._closed then return end
  self._flushing = self:_spawn(function()
    task.sleep(FLUSH_SECONDS)
    self._flushing = nil
    write_history(self)
  end)
end

local function finish_one(self, record, result, is_told)
  record.sinks[#record.sinks + 1] = result
  record.left = record.left - 1
  if result.ok then
    record.decision = "shown"
    self.counts.shown = self.counts.shown + 1
  elseif not is_told then
    self._log:warn(("notify: %s: %s"):format(result.name, result.detail or "failed"))
  end
  if record.left > 0 then return end
  record.left = nil
  if record.decision == "failed" then record.why = "no sink could show it" end
  self:_record(record)
end

local function on_click_of(self, message)
  local screen = message.from and message.from.screen
  if type(screen) ~= "table" then return nil end
  return function() self._raise(screen, self._run) end
end

-- What waits to be shown may wait for long, and `extra` may be many times as large as its
-- line. Only the person's functions read it.
local function drop_extra(message)
  if message.extra and next(message.extra) ~= nil then message.extra = {} end
end

local function is_for_a_function(entries)
  for _, entry in ipairs(entries) do
    if entry.show then return true end
  end
  return false
end

local function show(self, message, record, entries)
  if not is_for_a_function(entries) then drop_extra(message) end
  record.decision, record.sinks, record.left = "failed", {}, #entries
  if #entries == 0 then
    record.decision, record.sinks, record.left, record.why = "dropped", nil, nil, "there is no sink"
    return self:_record(record)
  end
  local more = { on_click = on_click_of(self, message) }
  for _, entry in ipairs(entries) do
    self._outlets:put(entry, message, more, function(...) finish_one(self, record, ...) end)
  end
end

-- An event that only says that the person has answered: a turn begins.
local function is_mark(message) return message.event == "UserPromptSubmit" end

local function decide(self, key, message, count, is_due)
  message.count = count > 1 and count or nil
  local wanted, chosen = true, nil
  if not is_due then wanted, chosen = call_on_message(self, message) end
  local record = record_of(self, message, count)
  if not wanted then
    record.decision, record.why = "dropped", "on_message said so"
    return self:_record(record)
  end
  local known = known_of(self, key, message, self._clock(), is_due)
  local decision = policy.decide(known, self.config)
  local now = self._clock() -- the detectors may have taken their time
  if not is_due then remember(self, key, now, false) end
  record.levels, record.why = decision.levels, decision.why
  if decision.action == "join" then
    message.routed = chosen
    drop_extra(message)
    record.decision = "joined"
    -- Those that follow are told by the count of what is shown in their place.
    if self._rate:count(key, message, now, known.rate) then self:_record(record) end
    return self:_wake(now)
  elseif decision.action == "hold" then
    self.counts.held = self.counts.held + 1
    record.decision = "held"
    return self:_record(record)
  end
  if not known.always then self._rate:shown(key, message, now) end
  show(self, message, record, chosen or message.routed or self.config.sinks)
end

-- --- later ---------------------------------------------------------------------------

local function show_due(self)
  for _, one in ipairs(self._rate:due(self._clock())) do
    decide(self, one.key, one.message, one.count, true)
  end
end

-- Runs the clock when something waits for its time. It may fire early, never late.
function Deliverer:_wake(now)
  local at = not self._closed and self._rate:next()
  local running = self._timer
  if not at or running and running.at <= at then return end
  if running then running.task:cancel() end
  local timer = { at = at }
  self._timer = timer
  timer.task = self:_spawn(function()
    if not task.sleep(math.max(0.05, at - now)) or self._timer ~= timer then return end
    self._timer = nil
    show_due(self)
    self:_wake(self._clock())
  end)
end

-- --- the public face -----------------------------------------------------------------

-- One at a time: to decide takes ten times as long as to read, so a session with a full
-- lane would delay the others, and whoever reads for it.
local function work(self, lane)
  while true do
    local message, count = self._lanes:take(lane)
    if not message then return end
    local ok, err = pcall(decide, self, lane.key, message, count, false)
    if not ok then
      if task.is_cancelled() then error(err, 0) end
      self._log:error("notify: " .. tostring(err))
    end
    if not task.yield() then return end
  end
end

-- What would only be counted in the end is counted at once: a flood must cost little.
-- A person's own function is to see each, and so is the history the first.
local function is_surplus(self, key, message)
  if self.config.on_message or shows_all(self) then return false end
  if not self._rate:absorb(key, message, self._clock()) then return false end
  drop_extra(message)
  return true
end

---Takes a message; never waits. False after close.
---@param message table as message.lua cleans it; it belongs to the deliverer from now on
---@return boolean
function Deliverer:handle(message)
  if self._closed then return false end
  self.counts.handled = self.counts.handled + 1
  local key = key_of(message)
  if is_mark(message) then
    remember(self, key, self._clock(), true)
    return true
  end
  if is_surplus(self, key, message) then return true end
  local lane, is_new = self._lanes:push(key, message)
  if is_new then self:_spawn(work, self, lane) end
  return true
end

local function wait_for_all(self)
  while true do
    local one = next(self._tasks)
    if not one then return true end
    local ok, message, code = one:join()
    if not ok then return nil, message, code end
    self._tasks[one] = nil
  end
end

-- What was counted is told once more, as the last word.
local function keep_rest(self)
  for _, one in ipairs(self._rate:rest()) do
    local record = record_of(self, one.message, one.count)
    record.decision, record.why = "held", "not shown before the end"
    self:_record(record)
  end
end

---Ends: takes no more, gives what waits `seconds` to be shown, writes the history.
---Twice is allowed.
---@param seconds number? 1
function Deliverer:close(seconds)
  if self._closed then return end
  self._closed = true
  if self._timer then self._timer.task:cancel() end
  if self._flushing then self._flushing:cancel() end
  self._timer, self._flushing = nil, nil
  task.shield(function()
    task.timeout(seconds or 1, wait_for_all, self)
    for one in pairs(self._tasks) do one:cancel() end
    task.timeout(2, wait_for_all, self)
  end)
  keep_rest(self)
  write_history(self)
end

return M
