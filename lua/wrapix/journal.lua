-- SPDX-License-Identifier: MIT
-- Files that grow by whole lines: adding to them so that a crash costs at most the
-- line at hand, taking what it left of that off their end, reading them forwards and backwards in constant memory.
-- Knows nothing of what a line says.

local c = require("wrapix._c.journal")
local fs = require("wrapix.fs")
local options = require("wrapix.opts")

local M = {}

local PRIVATE = tonumber("600", 8)
local CHUNK = 64 << 10
local LINE_LIMIT = 1 << 20
local RANGE = { from = "integer", to = "integer", limit = "integer" }

---Adds to the end with one write and syncs it to disk. After a failure the file
---has its old length. Writers must exclude each other.
---@param path string
---@param data string
---@param opts { mode?: integer }? mode of a new file less the umask, 0600
---@return true|nil
---@return string? message
---@return string? code
function M.append(path, data, opts)
  opts = options.check(opts, { mode = "integer" }, "journal.append")
  return c.append(path, data, opts.mode or PRIVATE)
end

---Takes bytes off the end and syncs the file: for a piece that a crash left. Writers
---must exclude each other. A file that is not longer stays as it is.
---@param path string
---@param size integer bytes to keep
---@return true|nil
---@return string? message
---@return string? code
function M.cut(path, size) return c.cut(path, size) end

---Bytes from an offset on, fewer than asked for only at the end of the file.
---@param path string
---@param offset integer
---@param len integer at most 16 MiB
---@return string|nil
---@return string? message
---@return string? code
function M.read(path, offset, len) return c.read(path, offset, len) end

local function range_of(path, opts, where)
  opts = options.check(opts, RANGE, where, 2)
  local stat, message, code = fs.stat(path)
  if not stat then return nil, message, code end
  return opts.from or 0, math.min(opts.to or stat.size, stat.size), opts.limit or LINE_LIMIT
end

---Reads lines in order. Each call of the function gives the next one: its text,
---whether a newline ended it, and its length in bytes; nil at the end; nil,
---message, code when reading fails. A text longer than the limit is cut there.
---What is added while reading is not seen.
---@param path string
---@param opts { from?: integer, to?: integer, limit?: integer }? bytes; limit of one line, 1 MiB
---@return (fun(): string?, boolean|string|nil, integer|string|nil)|nil
---@return string? message
---@return string? code
function M.lines(path, opts)
  local at, stop, limit = range_of(path, opts, "journal.lines")
  if not at then return nil, stop, limit end
  local chunk, pos = "", 1

  local function refill()
    local data, message, code = c.read(path, at, math.max(0, math.min(CHUNK, stop - at)))
    if not data then return nil, message, code end
    chunk, pos, at = data, 1, at + #data
    return true
  end

  return function()
    local text, size = "", 0
    while true do
      if pos > #chunk then
        local ok, message, code = refill()
        if not ok then return nil, message, code end
        if chunk == "" then
          if size == 0 then return nil end
          return text, false, size
        end
      end
      local newline = chunk:find("\n", pos, true)
      local last = (newline or #chunk + 1) - 1
      if #text < limit then
        text = text .. chunk:sub(pos, math.min(last, pos + limit - #text - 1))
      end
      size, pos = size + last - pos + 1, last + 2
      if newline then return text, true, size end
    end
  end
end

-- The lines of a chunk in order, and before them the bytes of a line that begins
-- in front of it; none at the start of the range.
local function split(data, is_start)
  local lines, at, carry = {}, 1, ""
  if not is_start then
    local newline = data:find("\n", 1, true)
    if not newline then return data, lines end
    carry, at = data:sub(1, newline - 1), newline + 1
  end
  while true do
    local newline = data:find("\n", at, true)
    lines[#lines + 1] = data:sub(at, (newline or 0) - 1)
    if not newline then return carry, lines end
    at = newline + 1
  end
end

---Reads lines from the last one to the first; otherwise as `lines`, but without
---the length. A line longer than the limit comes as what of it was kept.
---@param path string
---@param opts { from?: integer, to?: integer, limit?: integer }?
---@return (fun(): string?, boolean|string|nil, string?)|nil
---@return string? message
---@return string? code
function M.reverse(path, opts)
  local start, at, limit = range_of(path, opts, "journal.reverse")
  if not start then return nil, at, limit end
  local lines, carry, ended = {}, nil, nil

  local function refill()
    local from = math.max(start, at - CHUNK)
    local data, message, code = c.read(path, from, at - from)
    if not data then return nil, message, code end
    if carry == nil then -- the end of the file
      ended = data:sub(-1) == "\n"
      if ended then data = data:sub(1, -2) end
    end
    at = from
    carry, lines = split(data .. (carry or ""), from == start)
    carry = carry:sub(1, limit)
    return true
  end

  return function()
    while #lines == 0 do
      if at <= start then return nil end
      local ok, message, code = refill()
      if not ok then return nil, message, code end
    end
    local whole = ended
    ended = true
    return table.remove(lines), whole
  end
end

return M
