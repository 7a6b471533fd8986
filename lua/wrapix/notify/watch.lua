-- SPDX-License-Identifier: MIT
-- What a program at a terminal does to be noticed → messages: the bell, OSC 9 (iTerm2's),
-- OSC 777 (rxvt's) and OSC 99 (kitty's, in parts). Pure but for its state, which is bounded;
-- time is given. Whatever is in the texts came from inside: they are cleaned here and by
-- whoever takes the message, like those of the sandbox's socket.
-- https://sw.kovidgoyal.net/kitty/desktop-notifications/,
-- https://iterm2.com/documentation-escape-codes.html

local messages = require("wrapix.notify.message")

local M = {}

M.EVENT = "bell"

-- A bell so soon after a key says that the key meant nothing there.
local KEY_SECONDS = 1
-- Of bells no more than one is told of in that time.
local BELL_SECONDS = 1
-- OSC 99: notifications that are not whole yet, and the bytes of one.
local MOST_PARTS, LONGEST = 8, 8192

---@class wrapix.NotifyWatch
---@field _title string
---@field _clock fun(): number
---@field _parts { id: string, title: string, body: string, urgency: string? }[]
---@field _rang number? when the last bell was told of
local Watch = {}
Watch.__index = Watch

-- Bytes → UTF-8; what is none becomes U+FFFD, as a terminal shows it.
local function valid(text)
  if utf8.len(text) then return text end
  local out, at = {}, 1
  while at <= #text do
    local _, bad = utf8.len(text, at)
    out[#out + 1] = text:sub(at, (bad or #text + 1) - 1)
    if not bad then break end
    out[#out + 1] = "\u{FFFD}"
    at = bad + 1
  end
  return table.concat(out)
end

function Watch:_message(title, text, urgency)
  return messages.clean({
    title = title ~= "" and valid(title) or self._title, message = valid(text),
    urgency = urgency, event = M.EVENT,
  })
end

-- OSC 9 -------------------------------------------------------------------------------

-- Some terminals take a number in front for an order: "4;1;50" moves a progress bar.
function Watch:_osc_9(rest)
  if rest:find("^%d+;") or rest:find("^%d*$") then return nil end
  return self:_message("", rest)
end

-- OSC 777 -----------------------------------------------------------------------------

function Watch:_osc_777(rest)
  local title, body = rest:match("^notify;([^;]*);?(.*)$")
  if not title or title .. body == "" then return nil end
  return self:_message(title, body)
end

-- OSC 99 ------------------------------------------------------------------------------

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local VALUES = {}
for i = 1, #ALPHABET do VALUES[ALPHABET:byte(i)] = i - 1 end

-- What is no base64 ends it: the text is for show.
local function base64(text)
  local out, bits, count = {}, 0, 0
  for i = 1, #text do
    local value = VALUES[text:byte(i)]
    if not value then break end
    bits, count = (bits << 6 | value) & 0xFFFFFF, count + 6
    if count >= 8 then
      count = count - 8
      out[#out + 1] = string.char(bits >> count & 0xFF)
    end
  end
  return table.concat(out)
end

local URGENCY = { ["0"] = "low", ["1"] = "normal", ["2"] = "critical" }

local function fields_of(metadata)
  local fields = { i = "", d = "1", p = "title" }
  for key, value in metadata:gmatch("(%a)=([^:]*)") do fields[key] = value end
  return fields
end

-- The one that was begun under this name, or a new one; the oldest gives way.
function Watch:_part(id)
  local parts = self._parts
  for i, part in ipairs(parts) do
    if part.id == id and id ~= "" then return part, i end
  end
  if #parts >= MOST_PARTS then table.remove(parts, 1) end
  parts[#parts + 1] = { id = id, title = "", body = "" }
  return parts[#parts], #parts
end

function Watch:_osc_99(rest)
  local metadata, payload = rest:match("^([^;]*);(.*)$")
  if not metadata then return nil end
  local fields = fields_of(metadata)
  if fields.p ~= "title" and fields.p ~= "body" then return nil end -- an icon, a question
  if fields.e == "1" then payload = base64(payload) end
  local part, place = self:_part(fields.i)
  part[fields.p] = (part[fields.p] .. payload):sub(1, LONGEST)
  part.urgency = URGENCY[fields.u] or part.urgency
  if fields.d == "0" then return nil end
  table.remove(self._parts, place)
  if part.title .. part.body == "" then return nil end
  -- kitty's title is what it shows; a lone one is the text of a message here.
  if part.body == "" then return self:_message("", part.title, part.urgency) end
  return self:_message(part.title, part.body, part.urgency)
end

-- The bell ----------------------------------------------------------------------------

function Watch:_bell(idle)
  local now = self._clock()
  if idle and idle < KEY_SECONDS then return nil end
  if self._rang and now - self._rang < BELL_SECONDS then return nil end
  self._rang = now
  return self:_message("", "The terminal's bell rang")
end

---What was seen, as a message.
---@param text string see Watcher:feed in docs/api/terminal.lua
---@param idle number? seconds since the person pressed a key
---@return wrapix.Message|nil nil: nothing to tell, or not yet
function Watch:take(text, idle)
  if text == "bell" then return self:_bell(idle) end
  local code, rest = text:match("^(%d+);(.*)$")
  if code == "9" then return self:_osc_9(rest) end
  if code == "777" then return self:_osc_777(rest) end
  if code == "99" then return self:_osc_99(rest) end
  return nil
end

---@param opts { title: string, clock: fun(): number } title: of what brings none of its own
---@return wrapix.NotifyWatch
function M.new(opts)
  return setmetatable({ _title = opts.title, _clock = opts.clock, _parts = {} }, Watch)
end

return M
