-- SPDX-License-Identifier: MIT
-- Lock files that a git inside a sandbox left when it was killed with it: every later git
-- of the repository would refuse to work. Takes away those alone that came since a given
-- moment, that last, and that no living git of this work tree can own.

local place_of = require("ralph.git.place")
local refs = require("ralph.git.refs")
local wrapix = require("wrapix")

local M = {}

-- A living git holds one for moments, unless it waits for somebody.
local LASTS = 1
-- Clocks of files go by ticks.
local SLACK = 1

-- The lock files of what a commit changes, with the directory each is in.
local function candidates(place)
  local list = {}
  local function add(dir, name) list[#list + 1] = { dir = dir, name = name .. ".lock" } end
  for _, name in ipairs({ "index", "HEAD" }) do add(place.dir, name) end
  for _, name in ipairs({ "packed-refs", "config" }) do add(place.common, name) end
  local head = refs.head(place)
  if head and head.ref then add(place.common, head.ref) end
  return list
end

-- A link on the way could lead to somebody else's.
local function stat_of(one)
  local file = place_of.path(one.dir, one.name)
  local parent = wrapix.path.dirname(file)
  if wrapix.fs.realpath(parent) ~= wrapix.path.normalize(parent) then return nil end
  local stat = wrapix.fs.lstat(file)
  if stat and stat.type == "file" then return stat, file end
end

-- Whether a git runs in the work tree, or one of which that cannot be seen.
local function is_at_work(root)
  for _, pid in ipairs(wrapix.fs.list("/proc") or {}) do
    local name = pid:find("^%d+$") and wrapix.fs.read(("/proc/%s/comm"):format(pid), 64)
    if name and name:find("^git%f[^%w]") then
      local cwd, _, code = wrapix.fs.readlink(("/proc/%s/cwd"):format(pid))
      if cwd and wrapix.path.is_within(root, cwd) or code == "EACCES" then return true end
    end
  end
  return false
end

local function is_left(one, since)
  local stat = stat_of(one)
  if not stat or stat.mtime < since - SLACK then return false end
  local age = wrapix.sys.time() - stat.mtime
  if age < LASTS then
    wrapix.task.sleep(math.min(LASTS, LASTS - age))
    local again = stat_of(one)
    return again ~= nil and again.ino == stat.ino and again.mtime == stat.mtime
  end
  return true
end

---Takes away what was left since a moment, when none of the sandbox's programs runs any more.
---@param place ralph.GitPlace
---@param since number seconds since 1970
---@return string[] removed absolute paths
---@return string[] kept those that may be a living git's
function M.clear(place, since)
  local removed, kept = {}, {}
  for _, one in ipairs(candidates(place)) do
    if is_left(one, since) then
      local _, file = stat_of(one)
      local is_gone = file and not is_at_work(place.root) and wrapix.fs.unlink(file)
      table.insert(is_gone and removed or kept, place_of.path(one.dir, one.name))
    end
  end
  return removed, kept
end

return M
