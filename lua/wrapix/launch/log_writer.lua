-- SPDX-License-Identifier: MIT
-- The output of a detached sandbox as a file, in the form that logfile.lua reads and
-- Podman's monitor writes: `TIMESTAMP stdout|stderr F|P TEXT`. Bounded: a full file is
-- replaced by a new one. A file that cannot be written costs the output, nothing else.
-- Holds none open: a program that is started meanwhile would get it.

local fs = require("wrapix.fs")
local sys = require("wrapix.sys")

local M = {}

-- As much as Podman is told to keep.
M.MOST_BYTES = 64 << 20

local PRIVATE = tonumber("600", 8)

---@class wrapix.LogWriter
local Writer = {}
Writer.__index = Writer

local function timestamp()
  local now = sys.time()
  local seconds = math.floor(now)
  return ("%s.%09d+00:00"):format(os.date("!%Y-%m-%dT%H:%M:%S", seconds),
    math.floor((now - seconds) * 1e9))
end

-- In the place of the old one at once, so that who reads along sees a file or the other.
local function begin(path)
  return fs.write_atomic(path, "", { mode = PRIVATE, sync = false })
end

local function record(time, stream, tag, text)
  return ("%s %s %s %s\n"):format(time, stream, tag, text)
end

-- A piece without its newline is one of a line that goes on.
local function records(stream, chunk)
  local time, out = timestamp(), {}
  for line, newline in chunk:gmatch("([^\n]*)(\n?)") do
    if newline ~= "" then
      out[#out + 1] = record(time, stream, "F", line)
    elseif line ~= "" then
      out[#out + 1] = record(time, stream, "P", line)
    end
  end
  return table.concat(out)
end

---Takes what came on a stream.
---@param stream "stdout"|"stderr"
---@param chunk string
function Writer:write(stream, chunk)
  local text = records(stream, chunk)
  if self._path and self._size + #text > self._most then
    self._size = 0
    if not begin(self._path) then self:close() end
  end
  if self._path and fs.append(self._path, text, { mode = PRIVATE }) then
    self._size = self._size + #text
  end
end

---Takes nothing more. Twice is allowed.
function Writer:close() self._path = nil end

Writer.__close = Writer.close

---Makes the file, which must be somewhere nobody else writes.
---@param path string
---@param most integer? bytes it may have
---@return wrapix.LogWriter|nil
---@return string? message
function M.open(path, most)
  local ok, message = begin(path)
  if not ok then return nil, "log: " .. tostring(message) end
  return setmetatable({ _path = path, _size = 0, _most = most or M.MOST_BYTES }, Writer)
end

return M
