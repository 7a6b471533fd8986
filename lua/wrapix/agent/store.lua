-- SPDX-License-Identifier: MIT
-- Where the logins and the state of agents lie on the host, and caches, and making
-- these directories. Sandboxes write there, so no link in them is followed. What
-- lies in a login agent/logins.lua reads.

local path = require "wrapix.path"

local lazy = require "wrapix.lazy"
local fs = lazy "wrapix.fs"
local sha256 = lazy "wrapix.sha256"

local M = {}

local PRIVATE = tonumber("700", 8)

--- The name of the login that counts when none is named.
M.DEFAULT = "default"

---@class wrapix.StoreUser whose sandbox it is: plan.user will do
---@field uid integer
---@field gid integer
---@field mode "keep-id"|"direct"

-- Places -----------------------------------------------------------------------

--- The part of a place that belongs to one user alone: as root the sandboxes of several
--- are started from one home, and what one of them writes another must not read.
---@param user wrapix.StoreUser
---@return string part empty, or it ends in "/"
function M.part_of(user)
  return user.mode == "direct" and user.uid ~= 0 and ("uid/%d/"):format(user.uid) or ""
end

--- A login of an agent.
---@param dirs { data: string }
---@param user wrapix.StoreUser
---@param agent string
---@param name string? default: M.DEFAULT
---@return string path
function M.login(dirs, user, agent, name)
  return ("%s/%slogins/%s/%s"):format(dirs.data, M.part_of(user), agent, name or M.DEFAULT)
end

--- The name of a project's directory: that of its workspace, for people, and a
--- digest of its path, because two projects may have the same name.
---@param workspace string real path
---@return string
function M.key(workspace)
  local name = path.basename(workspace):lower():gsub("[^a-z0-9._-]+", "-"):gsub("^[^a-z0-9]+", "")
  name = name:sub(1, 40):gsub("[^a-z0-9]+$", "")
  return ("%s-%s"):format(name == "" and "workspace" or name, sha256.hex(workspace):sub(1, 12))
end

--- What an agent keeps of a project under one name.
---@param dirs { data: string }
---@param user wrapix.StoreUser
---@param workspace string real path
---@param agent string
---@param name string of the state
---@return string path
function M.state(dirs, user, workspace, agent, name)
  return ("%s/%sprojects/%s/%s/%s"):format(dirs.data, M.part_of(user), M.key(workspace), agent, name)
end

--- A cache that sandboxes share.
---@param dirs { cache: string }
---@param user wrapix.StoreUser
---@param name string
---@return string path
function M.cache(dirs, user, name)
  return ("%s/%scaches/%s"):format(dirs.cache, M.part_of(user), name)
end

-- Making -----------------------------------------------------------------------

--- The root of ours a directory lies below, and what is below it. Raises for another
--- place: the caller has made a mistake, not the world.
---@param dir string as M.login, M.state or M.cache gave it
---@param dirs { data: string, cache: string }
---@return string root
---@return string rel
function M.split(dir, dirs)
  for _, root in ipairs({ dirs.data, dirs.cache }) do
    local rel = dir:sub(1, #root + 1) == root .. "/" and dir:sub(#root + 2)
    local first = rel and rel:gsub("^uid/%d+/", ""):match("^[^/]+")
    local is_ours = root == dirs.data and (first == "logins" or first == "projects")
      or root == dirs.cache and first == "caches"
    if is_ours then return root, rel end
  end
  error(("store: %s: lies below none of wrapix's directories"):format(dir), 3)
end

local function hint_for(code, dir)
  if code == "ENOTDIR" or code == "ELOOP" then
    return ("something else is in its place; look at `ls -ld %s` and what is above it")
      :format(path.show(dir))
  elseif code == "EPERM" then
    return ("it belongs to somebody else: `ls -ld %s`"):format(path.show(dir))
  end
end

--- Makes a directory of a store for its user alone (0700), when it is missing.
---@param dir string as M.login, M.state or M.cache gave it
---@param dirs { data: string, cache: string }
---@param user wrapix.StoreUser
---@return true|nil
---@return string? message
---@return string? code "ENOTDIR" for a link, "EPERM" for somebody else's
---@return string? hint
function M.make(dir, dirs, user)
  local root, rel = M.split(dir, dirs)
  local ok, message, code = fs.ensure_dir(root, PRIVATE)
  if ok then
    local owner = { mode = PRIVATE, uid = user.uid, gid = user.gid }
    ok, message, code = fs.ensure_dir_beneath(root, rel, owner)
  end
  if ok then return true end
  return nil, ("store: %s: %s"):format(path.show(dir), message), code, hint_for(code, dir)
end

-- The engine would make a missing mount point in a store as somebody else. `one` is
-- itself among the others, with nothing below it.
local function make_points(one, mounts, dirs, user)
  for _, outer in ipairs(mounts) do
    if outer.make and path.is_within(outer.dest, one.dest) then
      local point = outer.source .. one.dest:sub(#outer.dest + 1)
      local ok, message, code, hint = M.make(point, dirs, user)
      if not ok then return nil, message, code, hint end
    end
  end
  return true
end

--- Makes what the mounts of a plan say is to be made, and in it the places where others
--- of them are mounted.
---@param plan table
---@param dirs { data: string, cache: string }
---@return true|nil
---@return string? message
---@return string? code
---@return string? hint
function M.make_all(plan, dirs)
  for _, mount in ipairs(plan.mounts) do
    if mount.make then
      local ok, message, code, hint = make_points(mount, plan.mounts, dirs, plan.user)
      if not ok then return nil, message, code, hint end
    end
  end
  return true
end

return M
