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
local DIR, IGNORE = ".wrapix", ".wrapix/.gitignore"

--- What `wrapix init` writes there as well.
M.IGNORE_TEXT = [[
# Written by wrapix: issues.jsonl belongs into git, the rest does not.
*
!/.gitignore
!/issues.jsonl
]]

local LARGEST = 64 << 20
local LOCK_PATIENCE = 5 -- seconds
local TRIES = 5
-- Times of files go by ticks of the kernel, which last up to this many seconds: two
-- changes within one may look alike.
local TICK = 0.011
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

local function is_young(stat)
  return wrapix.sys.time() - math.max(stat.mtime_ns, stat.ctime_ns) / 1e9 < TICK
end

-- Saving what is remembered is a gain of time only: a failure of it is none of ours.
local function remember(store, it, found, tail)
  if it.overlay_size > LARGEST_OVERLAY or not it.base then
    it.base = index.write_base(store.state, it:entries())
    it.overlay, it.overlay_size = {}, 0
  end
  if not it.base then return end
  index.write_head(store.state, { fp = it.fp, is_young = is_young(found.stat), tail = tail,
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
  if it.is_canonical then remember(store, it, found, #list.tail) end
  return it
end

-- Reads the text of a state that is known; raises STALE when it is another by now.
local function loader(store, head)
  return function()
    local text = read_text(store)
    local again = text and look(store)
    if not again or again.fp ~= head.fp or #text < head.tail then error(STALE, 0) end
    if head.tail == 0 then return text, "" end
    return text:sub(1, #text - head.tail), text:sub(-head.tail)
  end
end

local function read_known(store, found)
  local head = index.read_head(store.state)
  if not head or head.fp ~= found.fp then return nil end
  local it = view.known(head, loader(store, head), function()
    return index.read_base(store.state, head.base)
  end)
  it.base = head.base
  if not head.is_young then return it end
  local a, b = view.sums(it:body(), it:tail())
  if a ~= head.a or b ~= head.b then return nil end
  if not is_young(found.stat) then remember(store, it, found, head.tail) end
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

local function attempt(store, fn)
  for _ = 1, TRIES do
    local results = table.pack(pcall(function()
      local it, found, code, hint = open_view(store)
      if not it then
        if found == STALE then error(STALE, 0) end
        return nil, found, code, hint
      end
      return fn(it, found)
    end))
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
  if ok and not found.has_ignore then
    ok, message, code = wrapix.fs.create_beneath(store.root, IGNORE, M.IGNORE_TEXT)
    ok = ok or code == "EEXIST"
  end
  if not ok then return fail(message, code) end
  return true
end

-- Large lists are waited for until the next tick of the clock, so that a change that
-- somebody makes afterwards shows in the times of the file.
local function settle(store, it, found, tail)
  if found.stat.size > SMALL and is_young(found.stat) then
    wrapix.task.sleep(TICK)
  end
  remember(store, it, found, tail)
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

local function commit(store, it, found, before)
  local ok, message, code, hint = ensure_dir(store, found)
  if not ok then return nil, message, code, hint end
  local text, tail = it:text(), #it:tail()
  if #text > LARGEST then
    return fail(("would be larger than %d MiB"):format(LARGEST >> 20), "EFBIG")
  end
  local digest
  digest, message, code, hint = announce(store, it, before)
  if not digest then return nil, message, code, hint end
  ok, message, code = wrapix.fs.replace_beneath(store.root, M.FILE, text)
  if not ok then return fail(message, code) end
  local after = look(store)
  if after and after.stat and after.stat.size == #text then
    it.fp = after.fp
    digest.fp, digest.a, digest.b = it.fp, it.a, it.b
    index.write_digest(store.state, digest)
    settle(store, it, after, tail)
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
  held, message, code = wrapix.fs.lock(file, { wait = LOCK_PATIENCE })
  if held then return held end
  if code == "EAGAIN" then
    return fail(("%s has held its lock for %d seconds"):format(holder(file), LOCK_PATIENCE),
      "EBUSY", "look what that process is; a process that ended holds no lock")
  end
  return fail(message, code)
end

--- Changes the list: what the function puts into the view is written, unless it returns
--- nil. All or nothing.
---@param fn fun(view: ralph.View): ...
---@return any ... of the function; nil, message, code, hint when nothing was written
function Store:change(fn)
  local held <close>, message, code, hint = lock(self)
  if not held then return nil, message, code, hint end
  return attempt(self, function(it, found)
    local before = { fp = it.fp, a = it.a, b = it.b }
    it.pending, it.pending_count = {}, 0
    local results = table.pack(fn(it))
    if results[1] ~= nil and it.pending_count > 0 then
      local ok, why, what, advice = commit(self, it, found, before)
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
function M.new(root, state) return setmetatable({ root = root, state = state }, Store) end

return M
