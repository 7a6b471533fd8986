-- SPDX-License-Identifier: MIT
-- The work tree as it is, as a tree of git: what HEAD knows, and what is new and not
-- ignored. The index is one of ours and keeps what was read, so that the next time
-- only what changed is read. Writes nothing outside the directory of ours.

local wrapix = require("wrapix")
local links = require("ralph.lazy")("ralph.git.links")
local place_of = require("ralph.git.place")

local M = {}

-- A larger file is left out and told of.
M.LARGEST = 256 << 20
-- Hashing a large work tree for the first time takes long.
local SECONDS = 900
local EXCLUDE_LIMIT = 1 << 20

---@class ralph.GitLeftOut
---@field path string from the workspace
---@field reason string
---@field size integer?

local function base_file(shadow) return shadow.dir .. "/base" end

-- A word in a pattern of git that stands for itself. What ends a line cannot be
-- written in one.
local function pattern_of(path)
  return "/" .. path:gsub("[%\\*?%[!# ]", "\\%0"):gsub("[\r\n]", "?")
end

local function join(paths) return table.concat(paths, "\0") .. "\0" end

local function split(text)
  local list, seen = {}, {}
  for path in text:gmatch("[^%z]+") do
    if not seen[path] then list[#list + 1], seen[path] = path, true end
  end
  return list, seen
end

local function remove(shadow, paths)
  if #paths == 0 then return true end
  local out, msg, code = shadow:git({ "update-index", "-z", "--force-remove", "--stdin" },
    { input = join(paths) })
  if not out then return nil, msg, code end
  return true
end

local function below(shadow, args)
  args[#args + 1] = "--"
  if shadow.place.prefix ~= "" then args[#args + 1] = shadow.place.prefix end
  return args
end

-- Notes of files that were touched, but are the same, that they are.
local function refresh(shadow)
  return shadow:git({ "update-index", "-q", "--refresh" }, { seconds = SECONDS, accept = { [1] = true } })
end

-- --- HEAD -----------------------------------------------------------------------------

-- Entries that stay the same keep what the index knows of their files.
local function read_head(shadow, commit)
  if not commit then return shadow:git({ "read-tree", "--empty" }) end
  if wrapix.fs.exists(shadow.dir .. "/index") then
    local out = shadow:git({ "read-tree", "-i", "-m", commit })
    if out then return out end
    wrapix.fs.unlink(shadow.dir .. "/index")
  end
  return shadow:git({ "read-tree", commit })
end

-- The list of issues is no part of anybody's work.
local function remove_wrapix(shadow)
  local out, msg, code = shadow:git({ "ls-files", "-z", "--", shadow.place.prefix .. ".wrapix" })
  if not out then return nil, msg, code end
  return remove(shadow, (split(out)))
end

-- Returns whether the index was made anew.
local function seed(shadow, commit)
  local name = commit or "none"
  if wrapix.fs.read(base_file(shadow)) == name and wrapix.fs.exists(shadow.dir .. "/index") then
    return false
  end
  for _, old in ipairs({ "base", "tree" }) do wrapix.fs.unlink(shadow.dir .. "/" .. old) end
  local out, msg, code = read_head(shadow, commit)
  if not out then return nil, msg, code end
  local ok
  ok, msg, code = remove_wrapix(shadow)
  if ok then ok, msg, code = links.reset(shadow) end
  if ok then ok, msg, code = refresh(shadow) end
  if ok then ok, msg, code = wrapix.fs.write_atomic(base_file(shadow), name, { sync = false }) end
  if not ok then return nil, msg, code end
  return true
end

-- --- what is known ---------------------------------------------------------------------

-- The id that was written last. Nothing waits for the disk, so a power cut may have torn it.
local function known_tree(shadow)
  local id = wrapix.fs.read(shadow.dir .. "/tree")
  return id and (#id == 40 or #id == 64) and not id:find("%X") and id or nil
end

-- What a tree follows from besides the index, in words; nil where that is not all of it: the
-- commits of inner repositories stand in files that are not looked at here.
local function origin_of(shadow, commit, dirs, state)
  if not state or #dirs > 0 then return nil end
  local exclude = place_of.read(shadow.place.common, "info/exclude", EXCLUDE_LIMIT) or ""
  return ("ralph-origin 1 %s %s %s"):format(commit or "none", state, wrapix.sha256.hex(exclude))
end

-- The tree that was made of the same before. Git's index and ours go by the same theory: a
-- file whose inode and times are the same is the same.
local function recall(shadow, commit, origin)
  if wrapix.fs.read(base_file(shadow)) ~= (commit or "none") then return nil end
  local id = known_tree(shadow)
  return id and wrapix.fs.read(shadow.dir .. "/origin") == ("%s %s\n"):format(origin, id) and id or nil
end

local function remember(shadow, origin, id)
  wrapix.fs.write_atomic(shadow.dir .. "/origin", ("%s %s\n"):format(origin, id), { sync = false })
end

-- --- the work tree --------------------------------------------------------------------

-- What the person excludes in this clone alone. Returns whether that changed.
local function sync_exclude(shadow)
  local text = place_of.read(shadow.place.common, "info/exclude", EXCLUDE_LIMIT) or ""
  local file = shadow.dir .. "/info/exclude"
  if wrapix.fs.read(file) == text then return false end
  return wrapix.fs.write_atomic(file, text, { sync = false })
end

-- Files of which git knows that they are not as they were. It reads none of them.
local function touched(shadow)
  local out, msg, code = shadow:git(below(shadow, { "diff-files", "-z", "--name-status",
    "--no-renames", "--ignore-submodules=all" }), { seconds = SECONDS })
  if not out then return nil, msg, code end
  local kept, gone = {}, {}
  for status, path in out:gmatch("(%a)%z([^%z]+)%z") do
    local list = status == "D" and gone or kept
    list[#list + 1] = path
  end
  return { kept = kept, gone = gone }
end

local function new_ones(shadow, hidden)
  local args = { "ls-files", "-z", "-o", "--exclude-standard",
    "-x", pattern_of(shadow.place.prefix .. ".wrapix") }
  for _, path in ipairs(hidden) do
    args[#args + 1], args[#args + 2] = "-x", pattern_of(path)
  end
  return shadow:git(below(shadow, args), { seconds = SECONDS })
end

-- Both look at every file, so they do it at once.
local function changed(shadow, hidden)
  local old, new
  local ok, msg, code = wrapix.task.scope(function(scope)
    scope:spawn(function()
      local why, what
      old, why, what = touched(shadow)
      if not old then return nil, why, what end
      return true
    end)
    local why, what
    new, why, what = new_ones(shadow, hidden)
    if not new then return nil, why, what end
    return true
  end)
  if not ok then return nil, msg, code end
  for path in new:gmatch("[^%z]+") do old.kept[#old.kept + 1] = path end
  return old
end

-- What git may read; what is no file now is to be taken away.
local function sort_out(shadow, found, left_out)
  local root, prefix, usable = shadow.place.root, #shadow.place.prefix, {}
  for _, path in ipairs(found.kept) do
    local stat = wrapix.fs.lstat(root .. "/" .. path)
    local kind, reason = stat and stat.type, nil
    if kind == "file" and stat.size > M.LARGEST then
      reason = "too large"
    elseif kind == "file" and not wrapix.fs.access(root .. "/" .. path, "r") then
      reason = "unreadable"
    end
    if reason then
      left_out[#left_out + 1] = { path = path:sub(prefix + 1), reason = reason, size = stat.size }
    elseif kind == "file" or kind == "symlink" then
      usable[#usable + 1] = path
    else
      found.gone[#found.gone + 1] = path
    end
  end
  return usable
end

-- What goes makes room first: for a directory where a file was.
local function take(shadow, found, left_out)
  local usable = sort_out(shadow, found, left_out)
  local ok, msg, code = remove(shadow, found.gone)
  if not ok then return nil, msg, code end
  if #usable == 0 then return true end
  local out
  out, msg, code = shadow:git({ "update-index", "-z", "--add", "--remove", "--replace", "--stdin" },
    { input = join(usable), seconds = SECONDS })
  if not out then return nil, msg, code end
  return true
end

-- What was new at an earlier time, and is ignored since.
local function evict(shadow, commit)
  local out, msg, code = shadow:git(below(shadow, { "ls-files", "-z", "-c", "-i", "--exclude-standard" }))
  if not out then return nil, msg, code end
  if out == "" then return true end
  local candidates, own = split(out), nil
  if commit then
    out, msg, code = shadow:git({ "diff-index", "--cached", "-z", "--name-only", "--diff-filter=A",
      "--no-renames", commit })
    if not out then return nil, msg, code end
    own = select(2, split(out))
  end
  local paths = {}
  for _, path in ipairs(candidates) do
    if not own or own[path] then paths[#paths + 1] = path end
  end
  return remove(shadow, paths)
end

local function has_rules(found)
  for _, list in pairs(found) do
    for _, path in ipairs(list) do
      if wrapix.path.basename(path) == ".gitignore" then return true end
    end
  end
  return false
end

-- The tree of an index that did not change is known.
local function write(shadow, is_same)
  local file = shadow.dir .. "/tree"
  local known = is_same and known_tree(shadow)
  if known then return known end
  wrapix.fs.unlink(file)
  local id, msg, code = shadow:word({ "write-tree" })
  if not id then return nil, msg, code end
  local ok
  ok, msg, code = wrapix.fs.write_atomic(file, id, { sync = false })
  if not ok then return nil, msg, code end
  return id
end

local function build(shadow, commit, dirs)
  local left_out = {}
  local is_seeded, msg, code = seed(shadow, commit)
  if is_seeded == nil then return nil, msg, code end
  local is_excluding = sync_exclude(shadow)
  local hidden, is_linked
  hidden, is_linked, code = links.update(shadow, dirs, left_out)
  if not hidden then return nil, is_linked, code end
  local found, ok
  found, msg, code = changed(shadow, hidden)
  if not found then return nil, msg, code end
  local is_same = #found.kept + #found.gone == 0 and not is_linked
  local has_new_rules = is_seeded or is_excluding or has_rules(found)
  -- Until it is known again, for whoever comes after a kill in between.
  if not is_same or has_new_rules then wrapix.fs.unlink(shadow.dir .. "/tree") end
  ok, msg, code = take(shadow, found, left_out)
  if ok and has_new_rules then ok, msg, code = evict(shadow, commit) end
  if not ok then return nil, msg, code end
  local id
  id, msg, code = write(shadow, is_same and not has_new_rules)
  if not id then return nil, msg, code end
  return id, left_out
end

---The work tree of the workspace as a tree. `.wrapix` is left out, and so are what git
---ignores, files larger than 256 MiB, and the content of inner repositories, of
---which the commit is noted. To be called with the lock held.
---@param shadow ralph.GitShadow
---@param commit string? HEAD
---@param dirs string[] inner repositories: see shadow:look
---@param state string? of the files, taken before: see walk.nested
---@return string|nil id
---@return ralph.GitLeftOut[]|string left_out or message
---@return string? code
function M.tree(shadow, commit, dirs, state)
  local origin = origin_of(shadow, commit, dirs, state)
  local known = origin and recall(shadow, commit, origin)
  if known then return known, {} end
  local id, msg, code = build(shadow, commit, dirs)
  if not id and code == "EGIT" then
    -- An index that a kill cut short, or objects that are gone since: from the start.
    for _, name in ipairs({ "index", "base", "links", "tree" }) do
      wrapix.fs.unlink(shadow.dir .. "/" .. name)
    end
    id, msg, code = build(shadow, commit, dirs)
  end
  if id and origin and #msg == 0 then remember(shadow, origin, id) end
  return id, msg, code
end

return M
