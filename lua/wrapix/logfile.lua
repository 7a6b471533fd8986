-- SPDX-License-Identifier: MIT
-- The output of a detached sandbox as the engine's monitor writes it, one record a
-- line: `TIMESTAMP stdout|stderr F|P TEXT`, P for a piece whose line goes on in the
-- next record of the same stream. Reads only, forwards, in constant memory; a
-- file that grows or is replaced (the monitor does that when it is full) is read on.

local fs = require("wrapix.fs")
local journal = require("wrapix.journal")

local M = {}

local CHUNK = 256 << 10
-- No file has this one.
local GONE = -1
-- A longer line is handed out in pieces.
local LINE_LIMIT = 1 << 20

---@class wrapix.LogEntry
---@field time string as the monitor wrote it, RFC 3339
---@field stream "stdout"|"stderr"
---@field text string without the newline
---@field partial boolean? the line goes on, or the program ended without a newline

---Reads one record.
---@param line string without the newline
---@return wrapix.LogEntry|nil nil for what is no record
function M.parse(line)
  local time, stream, tag, at = line:match("^(%d%d%d%d%-%d%d%-%d%dT%S+) (%l+) ([FP]) ()")
  if stream ~= "stdout" and stream ~= "stderr" then return nil end
  return { time = time, stream = stream, text = line:sub(at), partial = tag == "P" or nil }
end

---@class wrapix.LogReader
---@field replaced integer how often the file was replaced by a new one: what the old one
--- held and was not read is lost
---@field skipped integer lines that are no records
local Reader = {}
Reader.__index = Reader

local function start_over(reader)
  reader._offset, reader._rest = 0, ""
end

-- Whether there is more; nil and why when the file cannot be looked at.
local function look(reader)
  local stat, message, code = fs.stat(reader.path)
  if not stat then
    if code ~= "ENOENT" or not reader._inode then return nil, message, code end
    reader._inode = GONE -- between the old one and the new
    return false
  end
  local is_new = reader._inode and (reader._inode ~= stat.ino or stat.size < reader._offset)
  if is_new then
    reader.replaced = reader.replaced + 1
    start_over(reader)
  end
  reader._inode = stat.ino
  return stat.size > reader._offset
end

local function refill(reader)
  local more, message, code = look(reader)
  if not more then return more, message, code end
  local data
  data, message, code = journal.read(reader.path, reader._offset, CHUNK)
  if not data then return nil, message, code end
  reader._offset = reader._offset + #data
  reader._buffer, reader._at = reader._rest .. data, 1
  reader._rest = ""
  return data ~= ""
end

-- The next whole line; what has no newline yet waits for the rest.
local function next_line(reader)
  while true do
    local newline = reader._buffer:find("\n", reader._at, true)
    if newline then
      local line = reader._buffer:sub(reader._at, newline - 1)
      reader._at = newline + 1
      return line
    end
    reader._rest = reader._rest .. reader._buffer:sub(reader._at)
    reader._buffer, reader._at = "", 1
    local more, message, code = refill(reader)
    if not more then return nil, message, code end
  end
end

-- Pieces of one line, joined; nil while the line goes on.
local function join(reader, entry)
  local kept = reader._pieces[entry.stream]
  if kept then
    entry.time, entry.text = kept.time, kept.text .. entry.text
    reader._pieces[entry.stream] = nil
  end
  if not entry.partial or #entry.text >= LINE_LIMIT then return entry end
  reader._pieces[entry.stream] = entry
end

---The next line of output; nil when there is none for now.
---@return wrapix.LogEntry|nil
---@return string? message
---@return string? code
function Reader:next()
  while true do
    local line, message, code = next_line(self)
    if not line then return nil, message, code end
    local entry = M.parse(line)
    if not entry then
      self.skipped = self.skipped + 1
    else
      entry = join(self, entry)
      if entry then return entry end
    end
  end
end

---Pieces of lines that have not ended: for when nothing more comes, or nobody
---should wait for it.
---@return wrapix.LogEntry[]
function Reader:pending()
  local list = {}
  for _, stream in ipairs({ "stdout", "stderr" }) do
    list[#list + 1] = self._pieces[stream]
    self._pieces[stream] = nil
  end
  return list
end

---Opens a file of output.
---@param path string
---@return wrapix.LogReader
function M.open(path)
  return setmetatable({
    path = path, replaced = 0, skipped = 0,
    _offset = 0, _rest = "", _buffer = "", _at = 1, _pieces = {},
  }, Reader)
end

---The last lines of what is left to read, and the pieces behind them.
---@param reader wrapix.LogReader
---@param count integer? nil: all of them
---@return wrapix.LogEntry[]|nil
---@return string? message
---@return string? code
function M.last(reader, count)
  local ring, at = {}, 0
  while true do
    local entry, message, code = reader:next()
    if not entry and message then return nil, message, code end
    if not entry then break end
    at = at + 1
    ring[count and (at - 1) % math.max(count, 1) + 1 or at] = entry
  end
  if count == 0 then return {} end
  if not count or at <= count then return ring end
  local first = at % count
  return table.move(ring, 1, first, count - first + 1, table.move(ring, first + 1, count, 1, {}))
end

---Text as JSON can carry it: bytes that are no UTF-8 become U+FFFD.
---@param text string
---@return string
function M.utf8(text)
  local parts, at = {}, 1
  while true do
    local ok, bad = utf8.len(text, at)
    if ok then break end
    parts[#parts + 1] = text:sub(at, bad - 1) .. "\u{FFFD}"
    at = bad + 1
  end
  return at == 1 and text or table.concat(parts) .. text:sub(at)
end

return M
