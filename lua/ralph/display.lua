-- SPDX-License-Identifier: MIT
-- Events as lines for a person: a header for each issue, one line for each tool, the
-- time and the cost so far. Colour only where the caller says so; what comes out of a
-- sandbox is cleaned, so that it steers no terminal and forges no line.

local excerpt = require "ralph.excerpt"
local wrapix = require "wrapix"

local M = {}

local WIDTH = 100
local COLORS = { bold = "1", dim = "2", red = "31", green = "32", yellow = "33", cyan = "36" }

---@class ralph.Display
---@field _out fun(text: string)
---@field _color boolean
local Display = {}
Display.__index = Display

local function clean(text) return wrapix.log.clean(text) end

function Display:_paint(name, text)
  if not self._color or text == "" then return text end
  return ("\27[%sm%s\27[0m"):format(COLORS[name], text)
end

--- A number of seconds as people read it.
---@param seconds number
---@return string
function M.duration(seconds)
  local whole = math.floor(math.max(0, seconds) + 0.5)
  if whole < 60 then return ("%ds"):format(whole) end
  if whole < 3600 then return ("%dm%02ds"):format(whole // 60, whole % 60) end
  return ("%dh%02dm"):format(whole // 3600, whole % 3600 // 60)
end

-- Less is not nothing, but would be written as such.
local LEAST_USD = 0.005

--- A cost in dollars; "~" where it is a guess.
---@param usd number?
---@param is_guess boolean?
---@return string
function M.cost(usd, is_guess)
  if not usd or usd <= 0 then return "" end
  if usd < LEAST_USD then return "<$0.01" end
  return ("%s$%.2f"):format(is_guess and "~" or "", usd)
end

-- What says most of a tool's input, by the names that agents give it.
local TELLING = { "command", "cmd", "file_path", "path", "filePath", "pattern", "query", "url",
  "description", "prompt" }

local function input_text(input)
  if type(input) == "string" then return input end
  if type(input) ~= "table" then return "" end
  for _, name in ipairs(TELLING) do
    local value = input[name]
    if type(value) == "string" then return value end
    if type(value) == "table" and type(value[1]) == "string" then
      local words = {}
      for i, word in ipairs(value) do words[i] = tostring(word) end
      return table.concat(words, " ")
    end
  end
  return ""
end

function Display:_line(text) self._out(text .. "\n") end

-- The running sums, before what happens.
function Display:_margin()
  local run = self._run
  if not run then return "  " end
  local time = M.duration(self._clock() - run.begun)
  local usd, is_guess = 0, false
  if run.budget then usd, is_guess = run.budget:cost() end
  local cost = M.cost(usd, is_guess)
  return self:_paint("dim", ("%8s %7s  "):format(time, cost))
end

--- A line of Ralph's own about what it does.
---@param text string
---@param color string?
function Display:say(text, color)
  if self._quiet then return end
  local line = clean(text)
  self:_line(color and self:_paint(color, line) or line)
end

--- The header of an issue.
---@param issue table
---@param attempt integer
---@param more { of: integer?, profile: string? }?
function Display:issue(issue, attempt, more)
  if self._quiet then return end
  local of = more and more.of and (" of %d"):format(more.of) or ""
  self:_line("")
  self:_line(self:_paint("bold", ("%s  %s"):format(clean(issue.id), clean(issue.title or "")))
    .. self:_paint("dim", ("  attempt %d%s"):format(attempt, of)))
end

--- What an agent's run is measured by.
---@param budget ralph.BudgetRun?
function Display:begin(budget)
  self._run, self._pending = { begun = self._clock(), budget = budget }, ""
end

local EVENTS = {
  tool = function(self, event)
    local text = excerpt.line(input_text(event.input), WIDTH)
    self:_line(self:_margin() .. (event.parent and "  " or "")
      .. self:_paint("cyan", clean(event.name or "?")) .. (text ~= "" and " " .. clean(text) or ""))
  end,
  tool_result = function(self, event)
    if event.ok ~= false then return end
    local text = excerpt.line(event.text or "", WIDTH)
    self:_line(self:_margin() .. self:_paint("yellow", "failed") .. " " .. clean(text))
  end,
  text = function(self, event)
    local text = excerpt.line(event.text or "", WIDTH)
    if text ~= "" and not event.parent then self:_line(self:_margin() .. clean(text)) end
  end,
  limit = function(self, event)
    if event.status ~= "rejected" then return end
    self:_line(self:_margin() .. self:_paint("yellow", "limit: " .. clean(tostring(event.kind))))
  end,
  retry = function(self, event)
    self:_line(self:_margin() .. self:_paint("yellow",
      ("retry %s: %s"):format(tostring(event.attempt or "?"), clean(event.reason or ""))))
  end,
  compact = function(self) self:_line(self:_margin() .. self:_paint("dim", "context compacted")) end,
  note = function(self, event)
    local color = (event.kind == "error" or event.kind == "denied") and "yellow" or "dim"
    self:_line(self:_margin()
      .. self:_paint(color, clean(event.kind or "note") .. ": " .. clean(excerpt.line(event.text or "", WIDTH))))
  end,
}

--- Shows an event, if it is one that people follow.
---@param event wrapix.AgentEvent
function Display:event(event)
  local show = not self._quiet and EVENTS[event.type]
  if show then show(self, event) end
end

local MARKS = { done = "green", failed = "red", no_change = "red", broken = "red", blocked = "yellow",
  asked = "yellow", limited = "yellow", stopped = "yellow" }

--- How an attempt ended.
---@param evidence ralph.Evidence
function Display:verdict(evidence)
  if self._quiet then return end
  local parts = { M.duration(evidence.seconds) }
  local cost = M.cost(evidence.usd)
  if cost ~= "" then parts[#parts + 1] = cost end
  local stat = evidence.diffstat
  if stat and stat.files > 0 then
    parts[#parts + 1] = ("%d file%s +%d -%d"):format(stat.files, stat.files == 1 and "" or "s",
      stat.added, stat.removed)
  end
  local text = evidence.verdict:gsub("_", " ")
  self:_line(self:_paint(MARKS[evidence.verdict] or "bold", text)
    .. self:_paint("dim", " (" .. table.concat(parts, ", ") .. ")")
    .. (evidence.reason and ": " .. clean(excerpt.line(evidence.reason, 400)) or ""))
  if evidence.rescue then
    self:_line("  the work is kept: " .. clean(evidence.rescue.ref))
  end
end

--- One command of verify.
---@param one ralph.Verified
function Display:verified(one)
  if self._quiet then return end
  local is_good = one.code == 0
  local status = is_good and "ok" or one.timed_out and "took too long" or ("status %s"):format(tostring(one.code))
  self:_line("  " .. self:_paint("dim", "verify ") .. clean(excerpt.line(one.command, WIDTH)) .. ": "
    .. self:_paint(is_good and "green" or "red", status)
    .. (one.state == "broken" and " (failed before as well)" or ""))
end

--- Makes one.
---@param opts { out: fun(text: string), color: boolean?, quiet: boolean?, clock: fun(): number }
---@return ralph.Display
function M.new(opts)
  return setmetatable({
    _out = opts.out, _color = opts.color or false, _quiet = opts.quiet or false,
    _clock = opts.clock,
  }, Display)
end

return M
