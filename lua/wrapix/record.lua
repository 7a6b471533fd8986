-- SPDX-License-Identifier: MIT
-- The session record: one JSON line per session in DIR/sessions.jsonl, each
-- chained to the one before (record/chain.lua). Says what happened and judges
-- nothing: which fields a line has is the caller's.
--
-- Theory of operation. Writers take DIR/sessions.lock. The line goes in first,
-- with one write and a sync; then DIR/sessions.head is replaced, which holds how
-- many lines there are, the bytes they take and the digest of the last. So a
-- crash leaves (a) nothing, (b) a torn piece behind what the head vouches for, or
-- (c) a head one line behind; a full disk can leave it further behind. The next
-- writer moves a torn piece to DIR/sessions.torn, where a person can look at it,
-- and goes on from the whole line before; the head it brings up to date. Whose line
-- was torn is told by the session's directory, so whoever takes that away writes
-- the line (reap.lua). A crash during the move leaves the piece in both files, and
-- the next writer moves it again. A cut within what the head vouches for is no
-- crash's: it stays, with a newline, for verify to find. Only the head tells that
-- lines at the end are gone, so a writer goes on from the head's
-- number and digest even then, which leaves a gap for verify to find. Whoever can
-- write both files can forge them; the chain finds accidents and careless edits.

local chain = require("wrapix.record.chain")
local fault = require("wrapix.fault")
local fs = require("wrapix.fs")
local journal = require("wrapix.journal")
local json = require("wrapix.json")
local options = require("wrapix.opts")
local task = require("wrapix.task")
local walk = require("wrapix.record.verify")

local M = {}

local PRIVATE_DIR = tonumber("700", 8)
-- Longer than any number of launchers that end at once needs.
local LOCK_SECONDS = 10
-- A reader that cannot have the lock goes on without it.
local SNAPSHOT_SECONDS = 1
local HEAD_LIMIT = 4096
-- A torn piece is copied by so many bytes.
local CHUNK = 1 << 20

local function paths(dir)
  return {
    dir = dir, log = dir .. "/sessions.jsonl", head = dir .. "/sessions.head",
    new_head = dir .. "/sessions.head.new", lock = dir .. "/sessions.lock",
    torn = dir .. "/sessions.torn",
  }
end

-- --- the head file -------------------------------------------------------------------

local function is_count(value) return math.type(value) == "integer" and value >= 0 end

-- nil, false: there is none; nil, true: it cannot be understood.
local function read_head(at)
  local text, message, code = fs.read(at.head, HEAD_LIMIT)
  if not text then
    if code == "ENOENT" then return nil, false end
    return nil, true, message, code
  end
  local head = json.decode(text, { max_depth = 2 })
  local good = type(head) == "table" and is_count(head.lines) and is_count(head.size)
    and type(head.last) == "string" and head.last:find("^%x+$") and #head.last == 64
  if not good then return nil, true end
  return head, true
end

-- Under the lock a fixed name serves, so that crashes leave at most one file.
local function write_head(at, head)
  fs.unlink(at.new_head)
  local text = json.encode({ version = 1, lines = head.lines, size = head.size, last = head.last })
  local ok, message, code = journal.append(at.new_head, text .. "\n")
  fault.point("record.head")
  if ok then ok, message, code = fs.rename(at.new_head, at.head) end
  if not ok then fs.unlink(at.new_head) end
  return ok, message, code
end

-- --- where the chain stands ------------------------------------------------------------

---@class wrapix.RecordEnd
---@field size integer bytes of the file
---@field line integer number of the last line
---@field last string its digest
---@field torn_at integer? where the piece begins that a crash left
---@field is_open boolean the file does not end in a newline
---@field head_lost boolean

local function size_of(path)
  local stat, message, code = fs.stat(path)
  if stat then return stat.size end
  if code == "ENOENT" then return 0 end
  return nil, message, code
end

-- Feeds the lines from an offset on. Returns whether the last one is open.
local function feed(state, at, from, to)
  local is_open = false
  if to <= from then return is_open end
  local range = { from = from, to = to, limit = chain.LIMIT }
  local next_line, message, code = journal.lines(at.log, range)
  if not next_line then return nil, message, code end
  while true do
    local text, ended, size = next_line()
    if not text then
      if ended then return nil, ended, size end
      return is_open
    end
    state:feed(text, ended, size)
    is_open = not ended
  end
end

local function end_of(state, size, is_open)
  return {
    size = size, line = state.top.line, last = state.top.digest, torn_at = state:torn_at(),
    is_open = is_open, head_lost = false,
  }
end

-- Trusts the head and reads what came behind it, which mostly is nothing. nil
-- when the two do not fit together.
local function quick_end(at, head, size)
  if size < head.size then return nil end
  if head.size > 0 and journal.read(at.log, head.size - 1, 1) ~= "\n" then return nil end
  local state = walk.new(head, true, true)
  local is_open = feed(state, at, head.size, size)
  return is_open ~= nil and state.chained and end_of(state, size, is_open) or nil
end

local function slow_end(at, head, has_head, size)
  local state = walk.new(head, has_head)
  local is_open, message, code = feed(state, at, 0, size)
  if is_open == nil then return nil, message, code end
  local found = end_of(state, size, is_open)
  -- A last line that was replaced must not become what the next one builds on.
  if head and head.lines >= found.line then found.line, found.last = head.lines, head.last end
  -- One line and no head yet is the crash of the first writer.
  found.head_lost = not head and (has_head or found.line > 1)
  return found
end

local function find_end(at)
  local size, message, code = size_of(at.log)
  if not size then return nil, message, code end
  local head, has_head
  head, has_head, message, code = read_head(at)
  if message then return nil, message, code end
  local quick = head and quick_end(at, head, size)
  if quick then return quick end
  return slow_end(at, head, has_head, size)
end

-- Looks from the end, where a line that was just written is.
local function has_session(at, id)
  local next_line, message, code = journal.reverse(at.log, { limit = chain.LIMIT })
  if not next_line then
    if code == "ENOENT" then return false end
    return nil, message, code
  end
  while true do
    local text, why, what = next_line()
    if not text then
      if why then return nil, why, what end
      return false
    end
    local entry = text:find(id, 1, true) and chain.parse(text) and json.decode(text)
    if entry and entry.session == id then return true end
  end
end

-- --- mending -----------------------------------------------------------------------------

-- First kept, then cut off.
local function move_piece(at, place)
  local offset = place.torn_at
  while offset < place.size do
    local piece, message, code = journal.read(at.log, offset, math.min(CHUNK, place.size - offset))
    if not piece then return nil, message, code end
    offset = offset + #piece
    local is_last = piece == "" or offset >= place.size
    local ok
    ok, message, code = journal.append(at.torn, is_last and piece .. "\n" or piece)
    if not ok then return nil, message, code end
    if is_last then break end
  end
  fault.point("record.kept")
  local ok, message, code = journal.cut(at.log, place.torn_at)
  if not ok then return nil, message, code end
  place.size, place.is_open = place.torn_at, false
  return true
end

-- --- writing ---------------------------------------------------------------------------

local function put(at, text, place)
  local data = (place.is_open and "\n" or "") .. text .. "\n"
  fault.point("record.torn", function() journal.append(at.log, data:sub(1, #data // 2)) end)
  local ok, message, code = journal.append(at.log, data)
  if not ok then return nil, message, code end
  fault.point("record.appended")
  -- The line is kept whatever becomes of the head: the next writer mends it.
  write_head(at, { lines = place.line + 1, size = place.size + #data, last = chain.digest(text) })
  fault.point("record.done")
  return true
end

local function append_locked(at, fields, once)
  local ok, message, code = fs.ensure_dir(at.dir, PRIVATE_DIR)
  if not ok then return nil, message, code end
  local lock <close>, why, what = fs.lock(at.lock, { wait = LOCK_SECONDS })
  if not lock then return nil, why, what end
  fault.point("record.locked")
  if once then
    local found
    found, message, code = has_session(at, fields.session)
    if found == nil then return nil, message, code end
    if found then return true end
  end
  local place
  place, message, code = find_end(at)
  if not place then return nil, message, code end
  if place.torn_at then
    ok, message, code = move_piece(at, place)
    if not ok then return nil, message, code end
  end
  local text
  text, message, code = chain.format(fields, {
    line = place.line + 1, prev = place.last, head_lost = place.head_lost,
  })
  if not text then return nil, message, code end
  return put(at, text, place)
end

local HINTS = {
  ENOSPC = "free space on the file system of %s",
  EDQUOT = "free space within the quota of %s",
  EACCES = "make %s writable for this user, or set XDG_STATE_HOME",
  EPERM = "make %s writable for this user, or set XDG_STATE_HOME",
  EROFS = "set XDG_STATE_HOME to a place that can be written to",
}

local function refuse(dir, message, code)
  local hint = HINTS[code]
  return nil, ("record: %s"):format(message), code, hint and hint:format(dir)
end

local function check_dir(dir, where)
  if type(dir) ~= "string" or dir == "" then error(where .. ": dir: a path expected", 3) end
end

---Adds a line for a session. It is on disk when this returns true; after a failure
---no part of it is in the file. A cancel of the task waits for it. Text that is not
---UTF-8 is written with \xNN.
---@param dir string made when missing, 0700
---@param fields table any that JSON can say, but line, prev, hash, head_lost
---@param opts { once?: boolean }? once: nothing when a line of `fields.session` is there
---@return true|nil
---@return string? message
---@return string? code "EAGAIN": the lock was not free for 10 s; "E2BIG"; "EINVAL"
---@return string? hint
function M.append(dir, fields, opts)
  check_dir(dir, "record.append")
  if type(fields) ~= "table" then error("record.append: fields: table expected", 2) end
  local refusal = chain.refusal(fields)
  if refusal then error("record.append: " .. refusal, 2) end
  opts = options.check(opts, { once = "boolean" }, "record.append")
  if opts.once and type(fields.session) ~= "string" then
    error("record.append: once: fields.session: string expected", 2)
  end
  local ok, message, code = task.shield(append_locked, paths(dir), fields, opts.once)
  if ok then return true end
  return refuse(dir, message, code)
end

-- --- reading ---------------------------------------------------------------------------

local function snapshot(at)
  local lock <close> = fs.lock(at.lock, { wait = SNAPSHOT_SECONDS })
  local head, has_head, message, code = read_head(at)
  if message then return nil, message, code end
  local size
  size, message, code = size_of(at.log)
  if not size then return nil, message, code end
  return { head = head, has_head = has_head, size = size, locked = lock ~= nil }
end

---Goes over the whole record. Launchers may write meanwhile.
---@param dir string
---@return { lines: integer, records: integer, ok: boolean, total: integer,
--- problems: wrapix.RecordProblem[], kept: string? }|nil lines: in the file; records: whole
--- ones; total: problems found, of which at most 1000 are listed; kept: the file of pieces
--- that crashes left and writers took out, if there is one
---@return string? message
---@return string? code
---@return string? hint
function M.verify(dir)
  check_dir(dir, "record.verify")
  local at = paths(dir)
  local seen, message, code = snapshot(at)
  if not seen then return refuse(dir, message, code) end
  local state = walk.new(seen.head, seen.has_head)
  local done
  done, message, code = feed(state, at, 0, seen.size)
  if done == nil then return refuse(dir, message, code) end
  local result = state:finish()
  result.kept = fs.exists(at.torn) and at.torn or nil
  return result
end

local function begins_with(text, prefix)
  return type(text) == "string" and text:sub(1, #prefix) == prefix
end

-- Without decoding what cannot be meant: the text of the id must be in the line.
local function entry_of(text, opts)
  if opts.session and not text:find(opts.session, 1, true) then return nil, true end
  local entry = json.decode(text, { max_depth = 64, max_size = chain.LIMIT })
  if type(entry) ~= "table" or json.is_array(entry) then return nil end
  if opts.session and not begins_with(entry.session, opts.session) then return nil, true end
  return entry
end

local function turn(list)
  local i, j = 1, #list
  while i < j do
    list[i], list[j] = list[j], list[i]
    i, j = i + 1, j - 1
  end
end

local function collect(next_line, opts)
  local list, skipped = {}, 0
  while not opts.last or #list < opts.last do
    local text, message, code = next_line()
    if not text then
      if type(message) == "string" then return nil, message, code end
      break
    end
    local entry, is_other = entry_of(text, opts)
    if entry then list[#list + 1] = entry elseif not is_other then skipped = skipped + 1 end
  end
  if opts.last then turn(list) end
  return list, skipped
end

---Reads lines, the oldest first. With `last` only the end of the file is read.
---@param dir string
---@param opts { last?: integer, session?: string }? last: this many at the end;
--- session: those whose id begins so
---@return table[]|nil entries the fields of each line, those of the chain as well
---@return integer|string skipped lines that could not be read, or message
---@return string? code
---@return string? hint
function M.read(dir, opts)
  check_dir(dir, "record.read")
  opts = options.check(opts, { last = "integer", session = "string" }, "record.read")
  if opts.last and opts.last < 0 then error("record.read: last: 0 or more expected", 2) end
  local open = opts.last and journal.reverse or journal.lines
  local next_line, message, code = open(paths(dir).log, { limit = chain.LIMIT })
  if not next_line then
    if code == "ENOENT" then return {}, 0 end
    return refuse(dir, message, code)
  end
  local list, skipped
  list, skipped, code = collect(next_line, opts)
  if not list then return refuse(dir, skipped, code) end
  return list, skipped
end

return M
