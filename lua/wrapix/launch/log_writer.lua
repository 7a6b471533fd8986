-- SPDX-License-Identifier: MIT
-- The output of a detached sandbox as a file, in the form that logfile.lua reads and
-- Podman's monitor writes: `TIMESTAMP stdout|stderr F|P TEXT`. Bounded: a full file is
-- replaced by a new one. A file that cannot be written costs the output, nothing else.

local sys = require("wrapix.sys")

local M = {}

-- As much as Podman is told to keep.
M.MOST_BYTES = 64 << 20

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
local function open(path)
  local fresh = path .. ".new"
  local file, message = io.open(fresh, "w")
  if not file then return nil, message end
  file:setvbuf("no")
  local ok
  ok, message = os.rename(fresh, path)
  if not ok then
    file:close()
    return nil, message
  end
  return file
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
  if self._size + #text > self._most then
    self:close()
    self._file, self._size = open(self._path), 0
  end
  if self._file and self._file:write(text) then self._size = self._size + #text end
end

function Writer:close()
  if self._file then self._file:close() end
  self._file = nil
end

Writer.__close = Writer.close

---Makes the file, which must be somewhere nobody else writes.
---@param path string
---@param most integer? bytes it may have
---@return wrapix.LogWriter|nil
---@return string? message
function M.open(path, most)
  local file, message = open(path)
  if not file then return nil, "log: " .. tostring(message) end
  return setmetatable({ _path = path, _file = file, _size = 0, _most = most or M.MOST_BYTES }, Writer)
end

return M
