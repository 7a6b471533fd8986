-- SPDX-License-Identifier: MIT
-- How often: the same message again within a while is counted instead of shown, and
-- a session shows no more than so many in a time. What was counted is shown later,
-- as one. Pure state: time is given, nothing is started, and what is kept is bounded
-- whoever speaks.

local sha256 = require("wrapix.lazy")("wrapix.sha256")

local M = {}

-- Sessions and texts that are remembered; the oldest go first.
local MOST_KEYS, MOST_TEXTS = 256, 64
-- Longer texts are remembered by their digest.
local LONG_TEXT = 512

---@class wrapix.NotifyRules what config.lua gives of them
---@field join number seconds in which the same message counts as one; 0: never
---@field rate { count: integer, per: number }|false messages a session may show, in seconds

---@class wrapix.NotifyRate
---@field _rules wrapix.NotifyRules
---@field _keys table<string, table>
---@field _count integer
local Rate = {}
Rate.__index = Rate

---@param rules wrapix.NotifyRules
---@return wrapix.NotifyRate
function M.new(rules)
  return setmetatable({ _rules = rules, _keys = {}, _count = 0 }, Rate)
end

---Takes other rules; what is counted already stays.
---@param rules wrapix.NotifyRules
function Rate:configure(rules) self._rules = rules end

-- What makes two messages the same: nothing of it is shown, so any separator will do.
local function text_of(message)
  local text = message.title .. "\0" .. message.message .. "\0" .. (message.event or "")
  return #text > LONG_TEXT and sha256.hex(text) or text
end

-- The state a key would have now, without keeping anything.
local function look(self, key, now)
  local state, rule = self._keys[key], self._rules.rate
  if not rule then return state, math.huge end
  if not state then return nil, rule.count end
  local gained = (now - state.at) * rule.count / rule.per
  return state, math.min(rule.count, state.tokens + math.max(0, gained))
end

---What is known of a message before it is decided upon. Changes nothing.
---@param key string whose message it is
---@param message table
---@param now number seconds on a clock that never steps back
---@return "free"|"repeat"|"full" repeat: shown a moment ago; full: the session showed enough
function Rate:peek(key, message, now)
  local state, tokens = look(self, key, now)
  local shown = state and state.texts[text_of(message)]
  if shown and now < shown.till then return "repeat" end
  return tokens >= 1 and "free" or "full"
end

local function evict(self)
  local oldest, at
  for key, state in pairs(self._keys) do
    if not at or state.used < at then oldest, at = key, state.used end
  end
  if oldest then
    self._keys[oldest] = nil
    self._count = self._count - 1
  end
end

local function ensure(self, key, now)
  local state, tokens = look(self, key, now)
  if not state then
    if self._count >= MOST_KEYS then evict(self) end
    state = { texts = {}, count = 0, held = nil }
    self._keys[key] = state
    self._count = self._count + 1
  end
  state.tokens, state.at, state.used = tokens, now, now
  return state
end

-- One whose time is over and that counted nothing goes first; else the oldest.
local function forget_a_text(state)
  local oldest, till
  for text, shown in pairs(state.texts) do
    if not till or shown.till < till then oldest, till = text, shown.till end
  end
  state.texts[oldest] = nil
  state.count = state.count - 1
end

---Says that a message is shown now.
---@param key string
---@param message table
---@param now number
function Rate:shown(key, message, now)
  local state = ensure(self, key, now)
  state.tokens = state.tokens - 1
  if self._rules.join <= 0 then return end
  local text = text_of(message)
  if not state.texts[text] then
    if state.count >= MOST_TEXTS then forget_a_text(state) end
    state.count = state.count + 1
  end
  state.texts[text] = { till = now + self._rules.join, count = 0 }
end

---Counts a message that is not shown now, so that `due` tells of it later.
---@param key string
---@param message table
---@param now number
---@param why "repeat"|"full"
---@return boolean is_first nothing of this kind was counted since the last was told
function Rate:count(key, message, now, why)
  local state = ensure(self, key, now)
  local into = why == "repeat" and state.texts[text_of(message)]
  if not into then
    state.held = state.held or { count = 0 }
    into = state.held
  end
  into.message, into.count = message, into.count + (message.count or 1)
  return into.count == (message.count or 1)
end

---Counts a message at once where it would only add to a count that there is already:
---what a flood is made of. `next` does not change by it.
---@param key string
---@param message table
---@param now number
---@return boolean counted
function Rate:absorb(key, message, now)
  local state, tokens = look(self, key, now)
  if not state then return false end
  local into = state.texts[text_of(message)]
  if not into or now >= into.till then
    if tokens >= 1 then return false end
    into = state.held
  end
  if not into or into.count == 0 then return false end
  into.message, into.count = message, into.count + (message.count or 1)
  state.used = now
  return true
end

-- When the next message may be shown.
local function free_at(self, state)
  local rule = self._rules.rate
  if not rule or state.tokens >= 1 then return state.at end
  return state.at + (1 - state.tokens) * rule.per / rule.count
end

---When `due` has something to tell, if no more comes.
---@return number? on the clock given
function Rate:next()
  local first
  for _, state in pairs(self._keys) do
    local free = free_at(self, state)
    if state.held and (not first or free < first) then first = free end
    for _, shown in pairs(state.texts) do
      local at = math.max(shown.till, free)
      if shown.count > 0 and (not first or at < first) then first = at end
    end
  end
  return first
end

local function take_text(self, state, now)
  for text, shown in pairs(state.texts) do
    if now >= shown.till then
      if shown.count == 0 then
        state.texts[text] = nil
        state.count = state.count - 1
      elseif free_at(self, state) <= now then
        state.texts[text] = nil
        state.count = state.count - 1
        return { message = shown.message, count = shown.count, why = "repeat" }
      end
    end
  end
end

---What was counted and may be shown now, each entry once; showing it counts as any
---other message, so say `shown` then.
---@param now number
---@return { key: string, message: table, count: integer, why: "repeat"|"full" }[]
function Rate:due(now)
  local list = {}
  for key, state in pairs(self._keys) do
    state.tokens = select(2, look(self, key, now))
    state.at = math.max(state.at, now)
    local one = take_text(self, state, now)
    if not one and state.held and free_at(self, state) <= now then
      one = { message = state.held.message, count = state.held.count, why = "full" }
      state.held = nil
    end
    if one then
      one.key = key
      list[#list + 1] = one
    end
  end
  return list
end

---What is counted and not told yet: for the history, when nobody waits any longer.
---@return { key: string, message: table, count: integer }[]
function Rate:rest()
  local list = {}
  for key, state in pairs(self._keys) do
    if state.held then
      list[#list + 1] = { key = key, message = state.held.message, count = state.held.count }
    end
    for _, shown in pairs(state.texts) do
      if shown.count > 0 then
        list[#list + 1] = { key = key, message = shown.message, count = shown.count }
      end
    end
  end
  return list
end

return M
