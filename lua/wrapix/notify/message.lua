-- SPDX-License-Identifier: MIT
-- A line of the notification protocol → a message that is safe to show, or why it is
-- none; and back. Pure. Whatever shows a message relies on this: its texts are valid
-- UTF-8 in one line, bounded, without control characters and turns of the writing
-- direction. Markup and options are the sinks' to escape: that differs for each.

local json = require("wrapix.json")

local M = {}

local find, byte = string.find, string.byte
local SPACE = 32

---@class wrapix.Message
---@field title string never empty
---@field message string may be empty
---@field sound string?
---@field urgency "low"|"normal"|"critical"|nil
---@field tag string? messages with the same tag replace each other
---@field event string? what happened, in the words of the agent
---@field session_id string? as said inside; for show, it decides nothing
---@field count integer? how many messages this one stands for
---@field extra table<string, any> fields that mean nothing here; as they came
---@field token string? what a sender over TCP proves itself with; whoever checked it takes it out
---@field from wrapix.MessageFrom? who speaks; only from a source that may say so

---@class wrapix.MessageFrom
---@field session string?
---@field name string? of the sandbox
---@field profile string?
---@field workspace string?
---@field screen table? the terminal of its launcher, see notify/screen.lua
---@field started number? seconds since 1970

--- Bytes of a line, without its end.
M.LONGEST_LINE = 64 << 10

M.DEFAULT_TITLE = "Claude Code"

-- Characters; what is longer is cut. A notification shows far less of each.
local LIMITS = { title = 200, message = 4000, sound = 64, urgency = 16, tag = 128, event = 64,
  session_id = 128, token = 256 }

-- Messages that one may stand for: sums of them have to stay numbers.
local MOST = 1 << 31

local URGENCIES = { low = true, normal = true, critical = true }

-- Cleaning -----------------------------------------------------------------------

-- C1 controls; what turns the direction of writing (U+061C, U+200E, U+200F, U+202A to
-- U+202E, U+2066 to U+2069); line separators, U+2028 and U+2029.
local function drop_steering(text)
  text = text:gsub("\u{2028}", " "):gsub("\u{2029}", " ")
  return (text:gsub("\xC2[\x80-\x9F]", ""):gsub("\xD8\x9C", ""):gsub("\xE2\x80[\x8E\x8F\xAA-\xAE]", "")
    :gsub("\xE2\x81[\xA6-\xA9]", ""))
end

-- Valid UTF-8 → at most `limit` characters of it.
local function cut(text, limit)
  local at = utf8.offset(text, limit + 1)
  if not at or at > #text then return text end
  return text:sub(1, utf8.offset(text, limit) - 1) .. "…"
end

-- Not by a pattern: one that looks for the spaces at an end looks at each run of them from
-- each of its spaces, and 64 KiB of spaces would take ten seconds.
local function trim(text)
  local last = #text
  while byte(text, last) == SPACE do last = last - 1 end
  return text:sub(find(text, "[^ ]") or 1, last)
end

local function fitted(text, limit)
  local first, last = byte(text, 1), byte(text, -1)
  if first == SPACE or last == SPACE then text = trim(text) end
  return #text <= limit and text or cut(text, limit)
end

---A text as it may be shown: one line, each run of spaces and ends of lines a space.
---@param text string valid UTF-8
---@param limit integer characters
---@return string
function M.clean_text(text, limit)
  if find(text, "[\0-\31\127\xC2\xD8\xE2]") then
    text = text:gsub("[ \t-\r]+", " "):gsub("[\0-\31\127]", "")
    text = drop_steering(text)
  end
  return fitted(text, limit)
end

-- A field's value as text; nil for none, false for what is neither.
local function text_of(value)
  if type(value) == "string" then return value end
  if value == nil or value == json.null then return nil end
  if type(value) == "number" or type(value) == "boolean" then return tostring(value) end
  return false
end

local function clean_from(from)
  local out = {}
  if type(from) ~= "table" then return nil end
  for _, name in ipairs({ "session", "name", "profile", "workspace" }) do
    local text = text_of(from[name])
    out[name] = text and M.clean_text(text, 1024) or nil
  end
  out.started = type(from.started) == "number" and from.started or nil
  out.screen = type(from.screen) == "table" and not json.is_array(from.screen) and from.screen or nil
  return out
end

local OWN = { from = true, count = true, extra = true }

local function add_extra(extra, map)
  for key, value in pairs(map) do
    if type(key) == "string" and not LIMITS[key] and not OWN[key] then extra[key] = value end
  end
end

-- One pass over what is there: a server does this for each line. A plain text that is
-- short and has no space at its ends is as it should be; nearly all are.
local function take_fields(out, object, is_plain)
  local extra = out.extra
  for key, value in next, object do
    local limit = LIMITS[key]
    if limit then
      local text = value
      if type(value) ~= "string" then text = text_of(value) end
      if text then
        if not is_plain then
          text = M.clean_text(text, limit)
        elseif #text > limit or byte(text, 1) == SPACE or byte(text, -1) == SPACE then
          text = fitted(text, limit)
        end
        if text ~= "" then out[key] = text end
      elseif text == false then
        return nil, ("%s: a text expected"):format(key)
      end
    elseif not OWN[key] and type(key) == "string" then
      extra[key] = value
    end
  end
  if type(object.extra) == "table" then add_extra(extra, object.extra) end
  return true
end

local function make(object, opts, is_plain)
  if type(object) ~= "table" or rawlen(object) > 0 or json.is_array(object) then
    return nil, "not a JSON object"
  end
  -- With room for the fields that most have.
  local out = { title = M.DEFAULT_TITLE, message = "", extra = {}, sound = nil, session_id = nil,
    event = nil }
  local ok, reason = take_fields(out, object, is_plain)
  if not ok then return nil, reason end
  if out.urgency and not URGENCIES[out.urgency] then out.urgency = nil end
  if opts and opts.from then
    local count = object.count
    if object.from then out.from = clean_from(object.from) end
    if math.type(count) == "integer" and count > 1 and count <= MOST then out.count = count end
  end
  return out
end

---A message of a table, such as a decoded line or what a hook made.
---@param object table
---@param opts { from: boolean? }? from: the source may say who speaks, and of how many
---@return wrapix.Message|nil
---@return string? reason
function M.clean(object, opts)
  if type(object) == "table" then
    for name in pairs(LIMITS) do
      local text = object[name]
      if type(text) == "string" and not utf8.len(text) then return nil, name .. ": not UTF-8" end
    end
  end
  return make(object, opts, false)
end

-- Whether a line that the decoder took has nothing to clean: no escape, no DEL, which is
-- the one control character that may stand in a text as it is, and nothing that could be
-- a C1 control, a turn or a separator. Five searches for a byte are far faster than one
-- for a set of them.
local function is_plain(line)
  return not (find(line, "\\", 1, true) or find(line, "\127", 1, true) or find(line, "\xC2", 1, true)
    or find(line, "\xD8", 1, true) or find(line, "\xE2", 1, true))
end

---A message of a line.
---@param line string without its end
---@param opts { from: boolean? }? from: the source may say who speaks
---@return wrapix.Message|nil
---@return string? reason "json: line 1, column 5: …"
function M.parse(line, opts)
  if #line > M.LONGEST_LINE then return nil, "longer than 64 KiB" end
  local object, reason = json.decode(line)
  if object == nil then return nil, reason end
  -- The decoder knows that it is UTF-8.
  return make(object, opts, is_plain(line))
end

-- Back to a line -------------------------------------------------------------------

local function line_of(message, extra)
  local object = {}
  for key, value in pairs(extra) do object[key] = value end
  for key in pairs(LIMITS) do object[key] = message[key] end
  object.token, object.from, object.count = nil, message.from, message.count
  return json.encode(object)
end

---A message as a line with its end; a parse of it gives the same message, but for its
---token. Where the line were too long, without what means nothing here.
---@param message wrapix.Message
---@return string|nil
---@return string? reason
function M.encode(message)
  local text, reason = line_of(message, message.extra or {})
  if text and #text > M.LONGEST_LINE then text, reason = line_of(message, {}) end
  if not text then return nil, reason end
  if #text > M.LONGEST_LINE then return nil, "longer than 64 KiB" end
  return text .. "\n"
end

return M
