-- SPDX-License-Identifier: MIT
-- How a headless run ended, from its events and the exit of its process. What the
-- agent says of its end counts more than the status: some end with 0 after an
-- interrupt or an error, and with 1 after an answer. Pure.

local M = {}

-- Nobody needs more of what a program without a stream of events wrote, or of the
-- words about a failure.
local LONGEST_TEXT, LONGEST_ERROR = 256 << 10, 4 << 10
local INTERRUPTS = { [1] = true, [2] = true, [15] = true } -- HUP, INT, TERM

---@class wrapix.AgentOutcome
---@field ok boolean the agent ended by itself and says that it is done
---@field kind "done"|"limit"|"overloaded"|"auth"|"turns"|"budget"|"too_long"|"refused"|"interrupted"|"error"|"lost"
---@field text string its last words; what is known of the error where it did not end well
---@field usage { input: integer, output: integer, cache_read: integer, cache_write: integer, whole: boolean? } tokens; whole: of all runs of the session
---@field usd number? of this run, where the agent knows prices
---@field turns integer? as the agent counts them
---@field session string? to resume
---@field model string?
---@field reset number? when a limit ends, in seconds since 1970
---@field denials integer tools that were not allowed
---@field stopped "timeout"|"idle"|nil by the launcher
---@field code integer? of the process
---@field signal integer?

---@class wrapix.AgentTally
local Tally = {}
Tally.__index = Tally

local COUNTS = { "input", "output", "cache_read", "cache_write" }

local function counts_of(usage)
  local counts = { whole = usage.whole }
  for _, name in ipairs(COUNTS) do counts[name] = usage[name] or 0 end
  return counts
end

local function add_usage(self, event)
  local sum = self.usage
  for _, name in ipairs(COUNTS) do
    sum[name] = event.whole and (event[name] or 0) or sum[name] + (event[name] or 0)
  end
  sum.whole = event.whole or sum.whole
  if event.usd then self.usd = (event.whole and 0 or self.usd or 0) + event.usd end
end

-- Of a program without events every line is a text.
local function add_line(self, text)
  self.lines[#self.lines + 1] = text
  self.size = self.size + #text + 1
  while self.size > LONGEST_TEXT and self.first < #self.lines do
    self.size = self.size - #self.lines[self.first] - 1
    self.lines[self.first], self.first = nil, self.first + 1
  end
end

local TAKE = {
  start = function(self, event)
    self.started = true
    self.session = event.session or self.session
    self.model = event.model or self.model
  end,
  text = function(self, event)
    if self.agent.stream == "text" then return add_line(self, event.text) end
    if not event.parent then self.text = event.text end
  end,
  usage = add_usage,
  limit = function(self, event)
    if event.status == "rejected" then self.reset = event.reset end
  end,
  note = function(self, event)
    if event.kind == "error" then self.error = event.text end
    if event.kind == "denied" then self.denials = self.denials + 1 end
  end,
  ["end"] = function(self, event) self.last = event end,
}

---Takes an event of the run.
---@param event wrapix.AgentEvent
function Tally:take(event)
  local take = TAKE[event.type]
  if take then take(self, event) end
end

local function is_interrupt(exit)
  return INTERRUPTS[exit.signal] or (exit.code and exit.code > 128 and INTERRUPTS[exit.code - 128])
end

-- The end of one that did not say how it ended.
local function judge(self, exit)
  if exit.stopped or is_interrupt(exit) then return { kind = "interrupted" } end
  if self.agent.stream == "text" then
    return { kind = exit.code == 0 and "done" or "error" }
  end
  -- Wrong options and settings are told on stderr, before there is a stream.
  if not self.started and exit.code and exit.code ~= 0 then return { kind = "error" } end
  return { kind = "lost" }
end

local function end_of(self, state, exit)
  local last = self.last
  if last and (last.kind == "done" or not exit.stopped) then return last end
  if self.agent.judge and not exit.stopped then
    local judged = self.agent.judge(state or {}, exit)
    if judged then return judged end
  end
  return judge(self, exit)
end

local function tail(text)
  if #text <= LONGEST_ERROR then return text end
  local from = #text - LONGEST_ERROR + 1
  while from < #text and text:byte(from) & 0xC0 == 0x80 do from = from + 1 end
  return "…" .. text:sub(from)
end

-- Up to the last character that is seen. Foreign output: one pass, whatever is in it.
local function without_end(text)
  local first = text:find("%S")
  return first and text:sub(1, first - 1) .. text:match(".*%S", first) or ""
end

local function filled(text) return type(text) == "string" and text ~= "" and text or nil end

local function text_of(self, ended, exit)
  local own = filled(ended.text)
  if own then return own end
  if self.agent.stream == "text" then
    own = filled(table.concat(self.lines, "\n", self.first))
    if own then return own end
  elseif ended.kind == "done" then
    return self.text or ""
  end
  local said = exit.stderr and filled(without_end(exit.stderr))
  return filled(self.error) or said and tail(said) or self.text or ""
end

---How the run ended.
---@param exit wrapix.AgentExit
---@param state table? of the reader, for the agent's judge
---@return wrapix.AgentOutcome
function Tally:finish(exit, state)
  local ended = end_of(self, state, exit)
  return {
    ok = ended.kind == "done", kind = ended.kind, text = text_of(self, ended, exit),
    usage = counts_of(ended.usage or self.usage), usd = ended.usd or self.usd, turns = ended.turns,
    session = ended.session or self.session, model = self.model,
    reset = ended.kind == "limit" and (ended.reset or self.reset) or nil,
    denials = ended.denials or self.denials, stopped = exit.stopped,
    code = exit.code, signal = exit.signal,
  }
end

---Takes the events of a run one by one.
---@param agent wrapix.Agent
---@return wrapix.AgentTally
function M.new(agent)
  return setmetatable({
    agent = agent, denials = 0, lines = {}, first = 1, size = 0,
    usage = { input = 0, output = 0, cache_read = 0, cache_write = 0 },
  }, Tally)
end

---How a run ended, from all its events at once.
---@param agent wrapix.Agent
---@param events wrapix.AgentEvent[]
---@param exit wrapix.AgentExit
---@param state table? of the reader
---@return wrapix.AgentOutcome
function M.of(agent, events, exit, state)
  local tally = M.new(agent)
  for _, event in ipairs(events) do tally:take(event) end
  return tally:finish(exit, state)
end

return M
