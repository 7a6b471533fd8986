-- SPDX-License-Identifier: MIT
-- What Ralph remembers of the list on the host, so that it need not be read whole each
-- time: `index`, what `ready` needs of all issues; `index.head`, for which state of the
-- file that holds, and what changed since; `digest`, what Ralph itself wrote last.
-- Theory: a state of the file is known by device, inode, size and both times. The files
-- here are not synced: after a start of the machine they count as nothing. All of them
-- carry a digest of themselves, and without them the list is read and checked whole.

local entries = require "ralph.tracker.entries"
local wrapix = require "wrapix"

local M = {}

local LIMIT = 64 << 20
local PRIVATE = tonumber("600", 8)

---@class ralph.Head
---@field fp string
---@field is_young boolean a change right after the write may not show in the times
---@field tail integer bytes of other lines at the end of the file
---@field a integer
---@field b integer
---@field count integer
---@field overlay table<string, ralph.Entry>
---@field overlay_size integer
---@field base string digest of the index it goes with

local function sum(text) return wrapix.sha256.hex(text):sub(1, 32) end

local function boot() return wrapix.sys.boot_id() or "" end

local function save(file, text)
  return wrapix.fs.write_atomic(file, text, { mode = PRIVATE, sync = false })
end

local function hex(word) return ("%016x"):format(word) end

-- The head ------------------------------------------------------------------------------

--- Reads the head; nil for any reason.
---@param dir string
---@return ralph.Head?
function M.read_head(dir)
  local text = wrapix.fs.read(dir .. "/index.head", LIMIT)
  local digest, rest = (text or ""):match("^ralph%-head 1 (%x+)\n(.*)$")
  if not digest or sum(rest) ~= digest then return nil end
  local first, more = rest:match("^([^\n]*)\n(.*)$")
  local of, fp, young, tail, a, b, count, base = (first or ""):match(
    "^(%S*) (%S+) ([01]) (%d+) (%x+) (%x+) (%d+) (%x+)$")
  if not of or of ~= boot() then return nil end
  local overlay, size = {}, 0
  for id, order, status, kind, spec, flags, defer, deps in more:gmatch(entries.PATTERN .. "\n") do
    overlay[id] = entries.from(id, order, status, kind, spec, flags, defer, deps)
    size = size + 1
  end
  return { fp = fp, is_young = young == "1", tail = tail // 1, a = tonumber(a, 16),
    b = tonumber(b, 16), count = count // 1, base = base, overlay = overlay, overlay_size = size }
end

--- Writes the head.
---@param dir string
---@param head ralph.Head
---@return true|nil
---@return string? message
---@return string? code
function M.write_head(dir, head)
  local out = { ("%s %s %d %d %s %s %d %s"):format(boot(), head.fp, head.is_young and 1 or 0,
    head.tail, hex(head.a), hex(head.b), head.count, head.base) }
  local ids = {}
  for id in pairs(head.overlay) do ids[#ids + 1] = id end
  table.sort(ids)
  for _, id in ipairs(ids) do out[#out + 1] = entries.encode(head.overlay[id]) end
  local rest = table.concat(out, "\n") .. "\n"
  return save(dir .. "/index.head", ("ralph-head 1 %s\n%s"):format(sum(rest), rest))
end

-- The index -----------------------------------------------------------------------------

-- A line is a letter of entries.state and an entry. Candidates are first, in the order in
-- which they would be done, so that whoever wants some reads no more than these.

--- Reads the text of the index; nil when that does not go with the head.
---@param dir string
---@param base string digest that the head names
---@return string?
function M.read_base(dir, base)
  local text = wrapix.fs.read(dir .. "/index", LIMIT)
  return text and sum(text) == base and text or nil
end

-- Bytes of heap that an entry takes for each of its line's, at the least.
local GROWTH = 4

--- All entries of a text. The collector would walk them several times meanwhile: it is told that
--- what they take had just been freed, and less, so that it is put off and not away.
---@param text string
---@return ralph.Entry[]
function M.all(text)
  collectgarbage("step", -(#text * GROWTH // 1024 + 1))
  local list, from = {}, entries.from
  for id, order, status, kind, spec, flags, defer, deps in
    text:gmatch("%l" .. entries.PATTERN .. "\n") do
    list[#list + 1] = from(id, order, status, kind, spec, flags, defer, deps)
  end
  return list
end

--- The entries with a status. Lines without the word are passed over.
---@param text string
---@param status string
---@return ralph.Entry[]
function M.with_status(text, status)
  local list, word, at = {}, "\t" .. status .. "\t", 1
  local found = text:find(word, at, true)
  while found do
    -- Other fields may hold the word; those of one line are looked at once.
    local start = found
    while start > at and text:byte(start - 1) ~= 10 do start = start - 1 end
    local entry = entries.from(text:match("^%l" .. entries.PATTERN .. "\n", start))
    if entry and entry.status == status then list[#list + 1] = entry end
    at = (text:find("\n", found, true) or #text) + 1
    found = text:find(word, at, true)
  end
  return list
end

-- So many are looked for one by one before all of them are read.
local FEW = 50

--- What each issue means for others.
---@param text string
---@return fun(id: string): string? letter of entries.state
function M.states(text)
  local states, asked = nil, 0
  return function(id)
    asked = asked + 1
    if asked > FEW and not states then
      states = {}
      for letter, one in text:gmatch("(%l)([^\t\n]+)\t[^\n]*\n") do states[one] = letter end
    end
    if states then return states[id] end
    for letter in ("cksf"):gmatch(".") do
      local line = letter .. id .. "\t"
      if text:sub(1, #line) == line or text:find("\n" .. line, 1, true) then return letter end
    end
  end
end

--- The candidates of a text in their order.
---@param text string
---@return fun(): ralph.Entry?
function M.candidates(text)
  local at = 1
  return function()
    if text:sub(at, at) ~= "c" then return nil end
    local stop = text:find("\n", at, true)
    local entry = entries.from(text:match(entries.PATTERN .. "\n", at + 1))
    at = (stop or #text) + 1
    return entry
  end
end

local function base_text(list)
  local keys, line_of = {}, {}
  for i = 1, #list do
    local entry = list[i]
    local letter = entries.state(entry)
    local key = letter == "c" and "c" .. entry.order .. entry.id or "k" .. entry.id
    keys[i], line_of[key] = key, letter .. entries.encode(entry)
  end
  table.sort(keys)
  for i, key in ipairs(keys) do keys[i] = line_of[key] end
  keys[#keys + 1] = ""
  return table.concat(keys, "\n")
end

--- Writes what is known of all issues.
---@param dir string
---@param list ralph.Entry[]
---@return string? base its digest
---@return string? message
---@return string? code
function M.write_base(dir, list)
  local text = base_text(list)
  local ok, message, code = save(dir .. "/index", text)
  if not ok then return nil, message, code end
  return sum(text)
end

-- The digest ----------------------------------------------------------------------------

---@class ralph.Digest what Ralph wrote last
---@field fp string
---@field a integer
---@field b integer
---@field next_a integer of what was about to be written
---@field next_b integer
---@field foreign integer how often a change by somebody else was found

--- Reads what Ralph wrote last; nil when it never did.
---@param dir string
---@return ralph.Digest?
function M.read_digest(dir)
  local text = wrapix.fs.read(dir .. "/digest", 4096)
  local fp, a, b, next_a, next_b, foreign = (text or ""):match(
    "^ralph%-digest 1 (%S+) (%x+) (%x+) (%x+) (%x+) (%d+)\n$")
  if not fp then return nil end
  return { fp = fp, a = tonumber(a, 16), b = tonumber(b, 16), next_a = tonumber(next_a, 16),
    next_b = tonumber(next_b, 16), foreign = foreign // 1 }
end

--- Writes it.
---@param dir string
---@param digest ralph.Digest
---@return true|nil
---@return string? message
---@return string? code
function M.write_digest(dir, digest)
  return save(dir .. "/digest", ("ralph-digest 1 %s %s %s %s %s %d\n"):format(digest.fp,
    hex(digest.a), hex(digest.b), hex(digest.next_a), hex(digest.next_b), digest.foreign))
end

return M
