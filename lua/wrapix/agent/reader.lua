-- SPDX-License-Identifier: MIT
-- The bytes an agent writes → lines → events of the common set. The bytes come out
-- of a sandbox and may be anything: whatever they are, this goes on, in bounded
-- memory, and the same bytes give the same events however they are cut.

local json = require "wrapix.json"

local M = {}

-- Tool results of some hundred kilobytes are one line each.
local LONGEST_LINE = 10 << 20
-- Looking for the start of an object in a damaged line costs time for each try.
local LONGEST_MENDED, MOST_TRIES = 1 << 20, 16
local REPLACEMENT = "\u{FFFD}"

-- What JSON allows and the strict decoder refuses -----------------------------------

local function valid_utf8(text)
  local parts, from = {}, 1
  while true do
    local length, bad = utf8.len(text, from)
    if length then
      parts[#parts + 1] = text:sub(from)
      return table.concat(parts)
    end
    parts[#parts + 1] = text:sub(from, bad - 1)
    parts[#parts + 1] = REPLACEMENT
    from = bad + 1
    -- The rest of a character that was cut off is one mark, not three.
    while from <= #text and text:byte(from) & 0xC0 == 0x80 do from = from + 1 end
    if from > #text then return table.concat(parts) end
  end
end

-- Programs that cut texts between two UTF-16 units write halves of characters.
local function valid_escapes(text)
  local parts, from, at = {}, 1, 1
  while true do
    local first, last, hex = text:find("\\u(%x%x%x%x)", at)
    if not first then break end
    local unit = tonumber(hex, 16)
    local is_high, is_low = unit & 0xFC00 == 0xD800, unit & 0xFC00 == 0xDC00
    at = last + 1
    if is_high and text:find("^\\u[dD][c-fC-F]%x%x", at) then
      at = at + 6
    elseif is_high or is_low or unit == 0 then
      parts[#parts + 1] = text:sub(from, first - 1)
      parts[#parts + 1] = "\\ufffd"
      from = at
    end
  end
  parts[#parts + 1] = text:sub(from)
  return table.concat(parts)
end

-- A backslash that is itself escaped begins no escape: such pairs are put aside,
-- behind a byte that no JSON text holds.
local function mend(text)
  if not utf8.len(text) then text = valid_utf8(text) end
  if not text:find("\\u", 1, true) or text:find("\0", 1, true) then return text end
  return (valid_escapes((text:gsub("\\\\", "\0"))):gsub("%z", "\\\\"))
end

local LIMITS = { max_depth = 200, max_size = LONGEST_LINE }

local function decode(text)
  local value = json.decode(text, LIMITS)
  if value == nil then
    local mended = mend(text)
    if mended ~= text then value = json.decode(mended, LIMITS) end
  end
  if type(value) == "table" and not json.is_array(value) then return value end
end

-- Objects of a line --------------------------------------------------------------------

local function string_end(text, at)
  while true do
    at = text:find('["\\]', at)
    if not at then return nil end
    if text:byte(at) == 34 then return at end
    at = at + 2
  end
end

-- Where the object that begins at `from` ends.
local function object_end(text, from)
  local depth, at = 0, from
  while true do
    at = text:find('["{}]', at)
    if not at then return nil end
    local byte = text:byte(at)
    if byte == 34 then
      at = string_end(text, at + 1)
      if not at then return nil end
    elseif byte == 123 then
      depth = depth + 1
    else
      depth = depth - 1
      if depth == 0 then return at end
    end
    at = at + 1
  end
end

-- A whole object at the end of a line whose beginning is damaged: it was written
-- into the middle of another one. One inside of another does not reach the end.
local function last_object(text, from)
  if #text > LONGEST_MENDED then return nil end
  for _ = 1, MOST_TRIES do
    from = text:find('{"', from, true)
    if not from then return nil end
    local object = decode(text:sub(from))
    if object and type(object.type) == "string" then return object end
    from = from + 1
  end
end

local function objects(line)
  local first = line:find("%S")
  if not first then return {} end
  local whole = line:byte(first) == 123 and decode(line)
  if whole then return { whole } end
  local found, from = {}, first
  while line:byte(from) == 123 do
    local last = object_end(line, from)
    local object = last and decode(line:sub(from, last))
    if not object then break end
    found[#found + 1] = object
    from = line:find("%S", last + 1)
    if not from then return found end
  end
  found[#found + 1] = last_object(line, from + 1)
  return found
end

-- The reader -----------------------------------------------------------------------------

---@class wrapix.AgentReader
---@field state table what the agent's decode keeps, for its judge
local Reader = {}
Reader.__index = Reader

local function add_events(self, events, object)
  local ok, made = pcall(self.agent.decode, self.state, object)
  if not ok then
    made = { { type = "note", kind = "error", text = ("decode: %s"):format(tostring(made)) } }
  end
  if type(made) ~= "table" then return end
  for _, event in ipairs(made) do
    if type(event) == "table" and type(event.type) == "string" then
      events[#events + 1] = event
    end
  end
end

function Reader:_take_line(line, events)
  line = line:gsub("\r$", "")
  if self.agent.stream == "text" then
    events[#events + 1] = { type = "text", text = utf8.len(line) and line or valid_utf8(line) }
    return
  end
  for _, object in ipairs(objects(line)) do add_events(self, events, object) end
end

-- The line that has come so far ends here.
function Reader:_end_line(events)
  if self.size > self.longest then
    events[#events + 1] = {
      type = "note", kind = "dropped", text = ("a line of %d bytes"):format(self.size),
    }
  else
    self:_take_line(table.concat(self.parts), events)
  end
  self.parts, self.size = {}, 0
end

function Reader:_keep(part)
  self.size = self.size + #part
  if self.size > self.longest then
    self.parts = {}
  elseif part ~= "" then
    self.parts[#self.parts + 1] = part
  end
end

---Takes bytes of the stream.
---@param chunk string
---@return wrapix.AgentEvent[] events of the lines that end in it
function Reader:feed(chunk)
  local events, from = {}, 1
  while true do
    local at = chunk:find("\n", from, true)
    if not at then break end
    self:_keep(chunk:sub(from, at - 1))
    self:_end_line(events)
    from = at + 1
  end
  self:_keep(chunk:sub(from))
  return events
end

---Takes the end of the stream: a last line need not be ended.
---@return wrapix.AgentEvent[]
function Reader:finish()
  local events = {}
  if self.size > 0 then self:_end_line(events) end
  return events
end

---A reader of one stream.
---@param agent wrapix.Agent
---@param opts { longest_line: integer? }? bytes, 10 MiB
---@return wrapix.AgentReader
function M.new(agent, opts)
  return setmetatable({
    agent = agent, state = {}, parts = {}, size = 0,
    longest = opts and opts.longest_line or LONGEST_LINE,
  }, Reader)
end

return M
