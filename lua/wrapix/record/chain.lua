-- SPDX-License-Identifier: MIT
-- One line of the session record as text, and what makes it a link of a chain:
-- its number, the digest of the line before, a digest of itself. Touches no file.
--
-- {"line":7,"prev":"<64>", … the caller's fields …,"hash":"<64>"}
-- prev: SHA-256 of the last whole line before this one, newline not counted.
-- hash: SHA-256 of this line without the member `hash`.
-- head_lost: the head file was not there when this line was written.

local json = require("wrapix.json")
local sha256 = require("wrapix.sha256")

local M = {}

---Bytes of the longest line; what is longer is not read as a line.
M.LIMIT = 256 << 10
---What the first line has in the place of a digest.
M.ZEROS = ("0"):rep(64)

local RESERVED = { line = true, prev = true, head_lost = true, hash = true }
local DIGEST = ("%x"):rep(64)
local TAIL = '^,"hash":"(' .. DIGEST .. ')"}$'
local TAIL_SIZE = #',"hash":""}' + 64

---@class wrapix.ChainLink
---@field line integer number among the whole lines, from 1
---@field prev string
---@field head_lost boolean?

---Digest of a whole line's bytes.
---@param text string
---@return string
function M.digest(text) return sha256.hex(text) end

---Why a line cannot have these fields, if it cannot.
---@param fields table
---@return string|nil
function M.refusal(fields)
  for name in pairs(fields) do
    if type(name) ~= "string" then return "fields: names expected, got a " .. type(name) end
    if RESERVED[name] then return ("field %q belongs to the chain"):format(name) end
  end
end

-- A path is bytes and need not be UTF-8; the record of a session must not fail by it.
local function clean_text(text)
  if utf8.len(text) and not text:find("\0", 1, true) then return text end
  local out, at = {}, 1
  while at <= #text do
    local _, bad = utf8.len(text, at)
    out[#out + 1] = text:sub(at, (bad or 0) - 1)
    if not bad then break end
    out[#out + 1] = ("\\x%02X"):format(text:byte(bad))
    at = bad + 1
  end
  return (table.concat(out):gsub("\0", "\\x00"))
end

-- A circle is left for JSON to refuse.
local function clean(value, open)
  if type(value) == "string" then return clean_text(value) end
  if type(value) ~= "table" or open[value] then return value end
  local out = json.is_array(value) and json.array() or {}
  open[value] = true
  for key, item in next, value do
    out[type(key) == "string" and clean_text(key) or key] = clean(item, open)
  end
  open[value] = nil
  return out
end

local function marks(link)
  local text = ('{"line":%d,"prev":"%s"'):format(link.line, link.prev)
  if link.head_lost then text = text .. ',"head_lost":true' end
  return text
end

---Writes a line, without its newline.
---@param fields table
---@param link wrapix.ChainLink
---@return string|nil
---@return string? message
---@return string? code "EINVAL": no form in JSON; "E2BIG"
function M.format(fields, link)
  local body, message, code = json.encode(clean(fields, {}))
  if not body then return nil, message, code end
  local inner = body:sub(2, -2)
  local open = marks(link) .. (inner ~= "" and "," .. inner or "")
  local line = open .. ',"hash":"' .. sha256.hex(open .. "}") .. '"}'
  if #line <= M.LIMIT then return line end
  return nil, ("E2BIG: a line of %d bytes, at most %d are kept"):format(#line, M.LIMIT), "E2BIG"
end

---The link a text is; nil unless every byte is as it was written.
---@param text string
---@return wrapix.ChainLink|nil
function M.parse(text)
  local hash = #text <= M.LIMIT and text:sub(-TAIL_SIZE):match(TAIL)
  if not hash or sha256.hex(text:sub(1, -TAIL_SIZE - 1) .. "}") ~= hash then return nil end
  local line, prev, at = text:match('^{"line":(%d+),"prev":"(' .. DIGEST .. ')"()')
  line = line and math.tointeger(tonumber(line))
  if not line or line < 1 then return nil end
  local lost = text:find('^,"head_lost":true', at) ~= nil
  return { line = line, prev = prev, head_lost = lost or nil }
end

return M
