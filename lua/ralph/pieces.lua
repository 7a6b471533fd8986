-- SPDX-License-Identifier: MIT
-- What processes that were killed while they wrote have left: files under names of their
-- own that were never put in place, and packs that were never handed over. Takes away
-- the old ones alone, since a young one may be somebody's who is still writing.

local wrapix = require "wrapix"

local M = {}

--- Seconds after which nobody writes it any more.
M.OLD = 3600

-- As wrapix.fs names a file that it is about to put in place of another.
local NAME = "^%.wrapix%-%x+$"
local PACK = "^pack%-%x+%.%a+$"

local function sweep(dir, pattern, now)
  local count = 0
  for _, name in ipairs(wrapix.fs.list(dir) or {}) do
    local stat = name:find(pattern) and wrapix.fs.lstat(dir .. "/" .. name)
    if stat and stat.type == "file" and now - stat.mtime > M.OLD
      and wrapix.fs.unlink(dir .. "/" .. name) then
      count = count + 1
    end
  end
  return count
end

--- Takes away what is old of it; also what a start of a sandbox left where it notes which
--- image it used.
---@param project ralph.Project
---@param now number seconds since 1970
---@return integer count of files
function M.sweep(project, now)
  local dirs, paths = project.dirs, project.paths
  local count = sweep(paths.git .. "/out", PACK, now)
  for _, dir in ipairs({ wrapix.path.dirname(dirs.state), dirs.state, paths.git, paths.attempts,
    paths.specs, paths.base, paths.kept, wrapix.dirs().cache .. "/images/used" }) do
    count = count + sweep(dir, NAME, now)
  end
  -- In the workspace a sandbox may have put a link.
  if wrapix.fs.realpath(dirs.wrapix) == dirs.wrapix then count = count + sweep(dirs.wrapix, NAME, now) end
  return count
end

return M
