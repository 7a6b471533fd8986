-- SPDX-License-Identifier: MIT
-- `.wrapix/issues.jsonl`: read and checked, changed under a lock and in one step, never
-- through a link. Who reads takes no lock: a change puts a whole new file in place. What
-- is not valid is refused, and left as it is. Knows nothing of what an issue means.

local index = require "ralph.tracker.index"
local lines = require "ralph.tracker.lines"
local view = require "ralph.tracker.view"
local wrapix = require "wrapix"

local M = {}

--- Where the list is, below the workspace.
M.FILE = ".wrapix/issues.jsonl"
local DIR, IGNORE, ATTRIBUTES = ".wrapix", ".wrapix/.gitignore", ".wrapix/.gitattributes"

--- What `wrapix init` writes there as well.
M.IGNORE_TEXT = [[
# Written by wrapix: issues.jsonl belongs into git, the rest does not.
*
!/.gitattributes
!/.gitignore
!/issues.jsonl
]]

--- Git takes the lines of both sides, where each has added some. An issue that both have
--- changed is there twice then, which is refused and told; without it, it is a conflict.
M.ATTRIBUTES_TEXT = [[
# Written by wrapix: new issues of two branches are neighbours, and no conflict.
issues.jsonl merge=union
]]

local LARGEST = 64 << 20
local LOCK_PATIENCE = 5 -- seconds
local TRIES = 5
-- Times of files go by ticks of the kernel, which last up to this many seconds: two
-- changes within one may look alike.
local TICK, PAUSE = 0.011, 0.001
-- A list up to this size is read again rather than waited for.
local SMALL = 256 << 10
-- So many changed entries are kept beside the index before it is written anew.
local LARGEST_OVERLAY = 300
local SHARED_DIR = tonumber("755", 8)

-- Raised through a reader's function when the file changed under it.
local STALE = {}

---@class ralph.Store
---@field root string
---@field state string
---@field patience number seconds to wait for the lock
local Store = {}
Store.__index = Store

local function fail(reason, code, hint)
  return nil, ("issues: %s: %s"):format(M.FILE, reason), code, hint
end

-- Reading -------------------------------------------------------------------------------

-- What is in `.wrapix`: the file's state and whether the rest is there. Links are seen as
-- links, and refused where the file is opened.
local function look(store)
  local names, stats, code = wrapix.fs.list_beneath(store.root, DIR)
  if not names then
    if code == "ENOENT" then return { fp = "none", has_dir = false } end
    local hint = (code == "ENOTDIR" or code == "ELOOP") and "look at `ls -ld .wrapix`" or nil
    return fail(stats, code, hint)
  end
  local found = { fp = "none", has_dir = true }
  for i, name in ipairs(names) do
    local stat = stats[i]
    if name == ".gitignore" then
      found.has_ignore = true
    elseif name == ".gitattributes" then
      found.has_attributes = true
    elseif name == "issues.jsonl" then
      found.fp = ("%d:%d:%d:%d:%d"):format(stat.dev, stat.ino, stat.size, stat.mtime_ns,
        stat.ctime_ns)
      found.stat = stat
    end
  end
  return found
end

local function read_text(store)
  local text, message, code = wrapix.fs.read_beneath(store.root, M.FILE, LARGEST)
  if text then return text end
  if code == "ELOOP" or code == "ENOTDIR" then
    return fail("is a link, or below one", code, "look at `ls -l .wrapix`")
  elseif code == "EFBIG" then
    return fail(("is larger than %d MiB"):format(LARGEST >> 20), code)
  end
  return fail(message, code)
end

-- Whether a change from now on might leave the same times. Where the file got its name a
-- tick after its content, none can: it would get that later time at the least.
local function is_young(stat)
  return stat.mtime_ns >= stat.ctime_ns and wrapix.sys.time() - stat.mtime_ns / 1e9 < TICK
end

-- Saving what is remembered is a gain of time only: a failure of it is none of ours.
local function remember(store, it, young, tail)
  if it.overlay_size > LARGEST_OVERLAY or not it.base then
    it.base = index.write_base(store.state, it:entries())
    it.overlay, it.overlay_size = {}, 0
  end
  if not it.base then return end
  index.write_head(store.state, { fp = it.fp, is_young = young, tail = tail,
    a = it.a, b = it.b, count = it.count, base = it.base, overlay = it.overlay,
    overlay_size = it.overlay_size })
end

local function read_whole(store, found)
  local text, message, code, hint = read_text(store)
  if not text then
    if code == "ENOENT" then return nil, STALE end
    return nil, message, code, hint
  end
  local again = look(store)
  if not again or again.fp ~= found.fp then return nil, STALE end
  local list, line, reason, advice = lines.parse(text)
  if not list then
    return fail(("line %d: %s"):format(line, reason), "EBADMSG", advice)
  end
  local it = view.parsed(found.fp, list)
  if it.is_canonical then remember(store, it, is_young(found.stat), #list.tail) end
  return it
end

-- The text of a state that is known; raises STALE when the file is another by now.
local function text_of(store, head)
  local size = tonumber(head.fp:match("^%d+:%d+:(%d+):")) - head.tail
  local function verify(text)
    local again = look(store)
    if not text or not again or again.fp ~= head.fp then error(STALE, 0) end
    return text
  end
  return {
    size = size,
    load = function()
      local text = verify(read_text(store))
      -- A part that is the whole would be a copy.
      if head.tail == 0 then return text, "" end
      return text:sub(1, size), text:sub(size + 1)
    end,
    tail = head.tail,
    read = function(at, length)
      local text = wrapix.fs.read_part_beneath(store.root, M.FILE, at, length)
      if not text or #text ~= length then error(STALE, 0) end
      return text
    end,
    verify = verify,
  }
end

local function read_known(store, found)
  local head = index.read_head(store.state)
  if not head or head.fp ~= found.fp then return nil end
  local it
  it = view.known(head, text_of(store, head), function()
    local base = index.read_base(store.state, head.base)
    it.base = base and it.base -- else it is written anew by whoever needed it
    return base
  end)
  it.base = head.base
  if not head.is_young then return it end
  local a, b = view.sums(it:body(), it:tail())
  if a ~= head.a or b ~= head.b then return nil end
  if not is_young(found.stat) then remember(store, it, false, head.tail) end
  return it
end

local function open_view(store)
  local found, message, code, hint = look(store)
  if not found then return nil, message, code, hint end
  if found.fp == "none" then
    return view.parsed("none", assert(lines.parse(""))), found
  end
  local it = read_known(store, found)
  if it then return it, found end
  it, message, code, hint = read_whole(store, found)
  if not it then return nil, message, code, hint end
  return it, found
end

-- Parts of a file that was replaced meanwhile make no sense together.
local function run(store, fn)
  local it, found, code, hint = open_view(store)
  if not it then
    if found == STALE then error(STALE, 0) end
    return nil, found, code, hint
  end
  local results = table.pack(pcall(fn, it, found))
  if it.fp == found.fp and it:is_partial() and look(store).fp ~= it.fp then
    error(STALE, 0)
  end
  if not results[1] then error(results[2], 0) end
  local is_known = found.stat and it.fp == found.fp and it.is_canonical
  if is_known and it.base == nil and it:knows_all() then
    remember(store, it, is_young(found.stat), it:tail_size())
  end
  return table.unpack(results, 2, results.n)
end

local function attempt(store, fn)
  for _ = 1, TRIES do
    local results = table.pack(pcall(run, store, fn))
    if results[1] then return table.unpack(results, 2, results.n) end
    if results[2] ~= STALE then error(results[2], 0) end
  end
  return fail("changes faster than it can be read", "EAGAIN")
end

--- Looks at the list. The function may be called again when the file changes under it,
--- so it must not act.
---@param fn fun(view: ralph.View): ...
---@return any ... of the function; nil, message, code, hint when the list cannot be read
function Store:look(fn) return attempt(self, fn) end

-- Writing -------------------------------------------------------------------------------

local function ensure_dir(store, found)
  local ok, message, code = true, nil, nil
  if not found.has_dir then
    ok, message, code = wrapix.fs.ensure_dir_beneath(store.root, DIR,
      { mode = SHARED_DIR, uid = wrapix.sys.euid(), gid = wrapix.sys.gid() })
  end
  local function make(name, text)
    ok, message, code = wrapix.fs.create_beneath(store.root, name, text)
    ok = ok or code == "EEXIST"
  end
  if ok and not found.has_ignore then make(IGNORE, M.IGNORE_TEXT) end
  if ok and not found.has_attributes then make(ATTRIBUTES, M.ATTRIBUTES_TEXT) end
  if not ok then return fail(message, code) end
  return true
end

-- Large lists are waited for until the next tick of the clock, so that a change that
-- somebody makes afterwards shows in the times of the file. A file of ours written now
-- tells the tick.
local function settle(store, digest, stat)
  local deadline = wrapix.sys.clock() + TICK
  while is_young(stat) do
    if stat.size <= SMALL then return true end
    local probe = wrapix.fs.stat(store.state .. "/digest")
    if probe and probe.mtime_ns > stat.mtime_ns or wrapix.sys.clock() > deadline then break end
    wrapix.task.sleep(PAUSE)
    index.write_digest(store.state, digest)
  end
  return false
end

-- What is written next is told beforehand: should this process end between the two
-- writes, it is still known to have been ours.
local function announce(store, it, before)
  local old = index.read_digest(store.state)
  local foreign = old and old.foreign or 0
  local is_ours = not old or old.fp == before.fp or old.a == before.a and old.b == before.b
    or old.next_a == before.a and old.next_b == before.b
  local digest = { fp = before.fp, a = before.a, b = before.b, next_a = it.a, next_b = it.b,
    foreign = foreign + (is_ours and 0 or 1) }
  local ok, message, code = index.write_digest(store.state, digest)
  if not ok then return fail("what is written is remembered: " .. message, code) end
  return digest
end

local function write(store, it, before, sync)
  if look(store).fp ~= before.fp then error(STALE, 0) end
  local part, data = it:patch()
  if part then
    part.size = it:size() + it:tail_size()
    local ok, message, code = wrapix.fs.patch_beneath(store.root, M.FILE, part, data, { sync = sync })
    return ok and part.size - part.cut + #data, message, code
  end
  local text = it:text()
  local ok, message, code = wrapix.fs.replace_beneath(store.root, M.FILE, text, { sync = sync })
  return ok and #text, message, code
end

local function commit(store, it, found, before, sync)
  local ok, message, code, hint = ensure_dir(store, found)
  if not ok then return nil, message, code, hint end
  local tail = it:tail_size()
  if it:size() + tail + it.growth > LARGEST then
    return fail(("would be larger than %d MiB"):format(LARGEST >> 20), "EFBIG")
  end
  local digest
  digest, message, code, hint = announce(store, it, before)
  if not digest then return nil, message, code, hint end
  local size
  size, message, code = write(store, it, before, sync)
  if not size then return fail(message, code) end
  local after = look(store)
  if after and after.stat and after.stat.size == size then
    it.fp = after.fp
    digest.fp, digest.a, digest.b = it.fp, it.a, it.b
    index.write_digest(store.state, digest)
    remember(store, it, settle(store, digest, after.stat), tail)
  end
  return true
end

local function holder(file)
  local text = wrapix.fs.read(file, 64)
  local pid = text and text:match("^%s*(%d+)")
  return pid and "process " .. pid or "another process"
end

local function lock(store)
  local ok, message, code = wrapix.fs.ensure_dir(store.state, tonumber("700", 8))
  if not ok then return fail(message, code) end
  local file = store.state .. "/tracker.lock"
  local held
  held, message, code = wrapix.fs.lock(file, { wait = store.patience })
  if held then return held end
  if code == "EAGAIN" then
    return fail(("%s has held its lock for %g seconds"):format(holder(file), store.patience),
      "EBUSY", "look what that process is; a process that ended holds no lock")
  end
  return fail(message, code)
end

--- Changes the list: what the function puts into the view is written, unless it returns
--- nil. All or nothing.
---@param fn fun(view: ralph.View): ...
---@param sync boolean|"content"|nil true; see wrapix.fs.replace_beneath
---@return any ... of the function; nil, message, code, hint when nothing was written
function Store:change(fn, sync)
  local held <close>, message, code, hint = lock(self)
  if not held then return nil, message, code, hint end
  return attempt(self, function(it, found)
    local before = { fp = it.fp, a = it.a, b = it.b }
    local results = table.pack(fn(it))
    if results[1] ~= nil and it.pending_count > 0 then
      local ok, why, what, advice = commit(self, it, found, before, sync == nil or sync)
      if not ok then return nil, why, what, advice end
    end
    return table.unpack(results, 1, results.n)
  end)
end

-- Guards --------------------------------------------------------------------------------

---@class ralph.Guard
local Guard = {}
Guard.__index = Guard

--- Remembers the list as it is now: what somebody else changes later is noticed.
---@return ralph.Guard?
---@return string? message
---@return string? code
---@return string? hint
function Store:guard()
  local held <close>, message, code, hint = lock(self)
  if not held then return nil, message, code, hint end
  return attempt(self, function(it)
    local old = index.read_digest(self.state)
    local digest = { fp = it.fp, a = it.a, b = it.b, next_a = it.a, next_b = it.b,
      foreign = old and old.foreign or 0 }
    local ok, why, what = index.write_digest(self.state, digest)
    if not ok then return fail(why, what) end
    return setmetatable({ _store = self, _digest = digest }, Guard)
  end)
end

local function foreign(reason)
  return fail("was changed by another than ralph: " .. reason, "EFOREIGN",
    "`git diff .wrapix/issues.jsonl` shows what changed; issues are changed by `ralph issue`")
end

local function check_content(guard)
  local store, first = guard._store, guard._digest
  local now = index.read_digest(store.state) or first
  if now.foreign > first.foreign then return foreign("between two changes of ralph's own") end
  local ok, message, code, hint = attempt(store, function(it)
    if it.a == now.a and it.b == now.b then return true end
    return it.a == now.next_a and it.b == now.next_b
  end)
  if ok then return true end
  if ok == nil and code == "EBADMSG" then return foreign(message) end
  if ok == nil then return nil, message, code, hint end
  return foreign("its issues are not those that were written last")
end

--- Whether only Ralph has changed the list since the guard was made.
---@return true|nil
---@return string? message
---@return string? code "EFOREIGN"
---@return string? hint
function Guard:check()
  local store = self._store
  local held <close>, message, code, hint = lock(store)
  if not held then return nil, message, code, hint end
  return check_content(self)
end

--- The list of a workspace.
---@param root string real path of the workspace
---@param state string directory of the host for this project
---@return ralph.Store
function M.new(root, state)
  return setmetatable({ root = root, state = state, patience = LOCK_PATIENCE }, Store)
end

return M
