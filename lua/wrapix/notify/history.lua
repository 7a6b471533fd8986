-- SPDX-License-Identifier: MIT
-- What came and what became of it: DIR/notify.jsonl, a line per message, and the
-- file before it, so that both together stay below a size. For people to look at, not
-- a proof: nothing is synced, and a line that cannot be written is not written.

local fs = require("wrapix.fs")
local journal = require("wrapix.journal")
local json = require("wrapix.json")
local path = require("wrapix.path")

local M = {}

local PRIVATE_FILE, PRIVATE_DIR = tonumber("600", 8), tonumber("700", 8)
local FILE_LIMIT = 1 << 20
local LONGEST_TEXT = 1000
local LONGEST_LINE = 64 << 10
-- Lines that are gathered for one write.
local MOST_LINES = 64

---@class wrapix.NotifyHistory
---@field path string
---@field _dir string
---@field _limit integer
---@field _lines string[]
local History = {}
History.__index = History

---@param dir string the state directory
---@param opts { limit: integer? }? bytes of one of the two files
---@return wrapix.NotifyHistory
function M.open(dir, opts)
  return setmetatable({
    path = dir .. "/notify.jsonl", _dir = dir, _limit = opts and opts.limit or FILE_LIMIT,
    _lines = {},
  }, History)
end

local function shorten(text)
  if type(text) ~= "string" or #text <= LONGEST_TEXT then return text end
  local at = LONGEST_TEXT
  while at > 0 and text:byte(at + 1) & 0xC0 == 0x80 do at = at - 1 end
  return text:sub(1, at) .. "…"
end

local function line_of(record)
  local copy = {}
  for key, value in pairs(record) do copy[key] = shorten(value) end
  local text = json.encode(copy)
  return text and #text <= LONGEST_LINE and text .. "\n" or nil
end

---Keeps a record; it is on disk after the next flush.
---@param record table what JSON can say
---@return boolean whether a flush should follow at once
function History:add(record)
  self._lines[#self._lines + 1] = line_of(record)
  return #self._lines >= MOST_LINES
end

-- Launchers without a daemon write the same file; only one of them moves it away.
local function rotate(self, stat)
  if not stat or stat.size < self._limit then return end
  local lock <close> = fs.lock(self._dir .. "/notify.lock")
  if not lock then return end
  stat = fs.lstat(self.path)
  if stat and stat.size >= self._limit then fs.rename(self.path, self.path .. ".1") end
end

---Writes what was added.
---@return true|nil
---@return string? message
---@return string? code
function History:flush()
  if #self._lines == 0 then return true end
  local data = table.concat(self._lines)
  self._lines = {}
  local ok, message, code = fs.ensure_dir(self._dir, PRIVATE_DIR)
  local stat = ok and fs.lstat(self.path)
  if stat and stat.type ~= "file" then -- what a link leads to would never be moved away
    return nil, ("%s: is a %s and no file"):format(path.show(self.path), stat.type), "EINVAL"
  elseif ok then
    rotate(self, stat)
    ok, message, code = fs.append(self.path, data, { mode = PRIVATE_FILE })
  end
  return ok, message, code
end

local function read_file(file, count, list)
  local next_line, message, code = journal.reverse(file, { limit = LONGEST_LINE })
  if not next_line then
    if code == "ENOENT" then return true end
    return nil, message, code
  end
  while #list < count do
    local text, why, what = next_line()
    if not text then
      if what then return nil, why, what end
      break
    end
    local record = json.decode(text, { max_depth = 16 })
    if type(record) == "table" then list[#list + 1] = record end
  end
  return true
end

-- A message is written when its last sink has answered, which may be after the next.
local function sort_by_time(list)
  local at = {}
  for i, record in ipairs(list) do
    at[record] = { time = type(record.time) == "number" and record.time or 0, index = i }
  end
  table.sort(list, function(a, b)
    if at[a].time ~= at[b].time then return at[a].time < at[b].time end
    return at[a].index < at[b].index
  end)
  return list
end

---The last records, the newest last. Lines that are none are passed over.
---@param count integer? nil: all of them
---@return table[]|nil
---@return string? message
---@return string? code
function History:read(count)
  count = count or math.maxinteger
  local list = {}
  for _, file in ipairs({ self.path, self.path .. ".1" }) do
    local ok, message, code = read_file(file, count, list)
    if not ok then return nil, message, code end
  end
  for i = 1, #list // 2 do list[i], list[#list + 1 - i] = list[#list + 1 - i], list[i] end
  return sort_by_time(list)
end

return M
