-- SPDX-License-Identifier: MIT
-- Where session directories are made and taken apart: RUNTIME/staging/OWNER.ID. One
-- gets its place in sessions/, and leaves it, by a rename, so that what is there is
-- always whole. The name tells the owner, so even an empty one that a crash left
-- is known to be nobody's.

local fs = require("wrapix.fs")
local owner = require("wrapix.owner")

local M = {}

local PRIVATE = tonumber("700", 8)

local function base_of(root) return root:match("^(.*)/sessions/[^/]+$") .. "/staging" end

-- The place of a session directory of this process.
local function place(root)
  local who, msg, code = owner.current()
  if not who then return nil, msg, code end
  local base = base_of(root)
  local ok
  ok, msg, code = fs.ensure_dir(base, PRIVATE)
  if not ok then return nil, msg, code end
  return ("%s/%s.%s"):format(base, owner.encode(who), root:match("[^/]+$"))
end

---Makes an empty directory that is to become `root`.
---@param root string RUNTIME/sessions/ID
---@return string|nil path
---@return string? message
---@return string? code
function M.make(root)
  local dir, msg, code = place(root)
  if not dir then return nil, msg, code end
  local ok
  ok, msg, code = fs.mkdir(dir, PRIVATE)
  if not ok then return nil, msg, code end
  return dir
end

---Takes a session directory out of its place, in one step. The caller removes it.
---@param root string RUNTIME/sessions/ID
---@return string|nil path where it is now; nil and "ENOENT" when there is none
---@return string? message
---@return string? code
function M.take(root)
  local dir, msg, code = place(root)
  if not dir then return nil, msg, code end
  local ok
  ok, msg, code = fs.rename(root, dir)
  if not ok then return nil, msg, code end
  return dir
end

---Lists what dead owners left. What names no owner is nobody's we know.
---@param runtime string
---@return string[] paths
function M.dead(runtime)
  local base, dirs = runtime .. "/staging", {}
  for _, name in ipairs(fs.list(base) or {}) do
    local who = owner.decode(name:match("^(.*)%.[^.]*$") or "")
    if who and owner.state(who) == "dead" then dirs[#dirs + 1] = base .. "/" .. name end
  end
  return dirs
end

---Removes what dead owners left.
---@param runtime string
---@return integer count
function M.sweep(runtime)
  local count = 0
  for _, dir in ipairs(M.dead(runtime)) do
    if fs.remove_tree(dir) then count = count + 1 end
  end
  return count
end

return M
