-- SPDX-License-Identifier: MIT
-- Where the logins and the state of agents lie on the host, and caches: making
-- these directories, listing them, reading files in them. Sandboxes write there,
-- so no link in them is followed and every file is read up to a limit.

local path = require "wrapix.path"

local lazy = require "wrapix.lazy"
local fs = lazy "wrapix.fs"
local sha256 = lazy "wrapix.sha256"
local words = lazy "wrapix.schema.check"

local M = {}

local PRIVATE = tonumber("700", 8)
-- Files with tokens and settings are a few kilobytes.
local LARGEST = 1 << 20

--- The name of the login that counts when none is named.
M.DEFAULT = "default"

---@class wrapix.StoreUser whose sandbox it is: plan.user will do
---@field uid integer
---@field gid integer
---@field mode "keep-id"|"direct"

-- Places -----------------------------------------------------------------------

-- As root the sandboxes of several users are started from one home; what one of
-- them writes another must not read.
local function part_of(user)
  return user.mode == "direct" and user.uid ~= 0 and ("uid/%d/"):format(user.uid) or ""
end

--- A login of an agent.
---@param dirs { data: string }
---@param user wrapix.StoreUser
---@param agent string
---@param name string? default: M.DEFAULT
---@return string path
function M.login(dirs, user, agent, name)
  return ("%s/%slogins/%s/%s"):format(dirs.data, part_of(user), agent, name or M.DEFAULT)
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
  return ("%s/%sprojects/%s/%s/%s"):format(dirs.data, part_of(user), M.key(workspace), agent, name)
end

--- A cache that sandboxes share.
---@param dirs { cache: string }
---@param user wrapix.StoreUser
---@param name string
---@return string path
function M.cache(dirs, user, name)
  return ("%s/%scaches/%s"):format(dirs.cache, part_of(user), name)
end

-- Making -----------------------------------------------------------------------

-- The root of ours a directory lies below, and what is below it. A caller who
-- asks for another place has made a mistake, not the world.
local function split(dir, dirs)
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
  local root, rel = split(dir, dirs)
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

-- Reading ----------------------------------------------------------------------

--- A function that reads a small file of a login by its name, for an agent's
--- `login.status`. What cannot be read is not there, whatever the reason.
---@param dirs { data: string }
---@param user wrapix.StoreUser
---@param agent string
---@param name string
---@return fun(file: string): string?
function M.reader(dirs, user, agent, name)
  local root, rel = split(M.login(dirs, user, agent, name), { data = dirs.data, cache = dirs.data })
  return function(file)
    return (fs.read_beneath(root, rel .. "/" .. file, LARGEST))
  end
end

-- The newest change of a file in a login.
local function changed(root, rel)
  local names, stats = fs.list_beneath(root, rel)
  local newest
  for i = 1, names and #names or 0 do
    local stat = stats[i]
    if stat.type == "file" and stat.mtime > (newest or 0) then newest = stat.mtime end
  end
  return newest
end

-- What lies in a directory of ours: names that may be names, with their stats.
local function entries(root, rel)
  local names, stats, code = fs.list_beneath(root, rel)
  if not names then return {}, code ~= "ENOENT" and stats or nil end
  local list = {}
  for i, name in ipairs(names) do
    if words.is_word(name) then list[#list + 1] = { name = name, stat = stats[i] } end
  end
  return list
end

---@class wrapix.StoredLogin
---@field agent string
---@field name string
---@field changed number? seconds since 1970, of the newest file in it
---@field problem string? why it cannot be used

--- The logins there are, by agent and name.
---@param dirs { data: string }
---@param user wrapix.StoreUser
---@return wrapix.StoredLogin[]
function M.logins(dirs, user)
  local list, base = {}, part_of(user) .. "logins"
  for _, agent in ipairs(entries(dirs.data, base)) do
    for _, one in ipairs(entries(dirs.data, base .. "/" .. agent.name)) do
      local found = { agent = agent.name, name = one.name }
      if one.stat.type == "directory" then
        found.changed = changed(dirs.data, ("%s/%s/%s"):format(base, agent.name, one.name))
      else
        found.problem = ("is a %s, not a directory"):format(one.stat.type)
      end
      list[#list + 1] = found
    end
  end
  return list
end

--- The uids that have logins of their own beside those of this user.
---@param dirs { data: string }
---@return integer[]
function M.uids(dirs)
  local list = {}
  for _, one in ipairs(entries(dirs.data, "uid")) do
    local uid = one.stat.type == "directory" and math.tointeger(tonumber(one.name, 10))
    if uid then list[#list + 1] = uid end
  end
  return list
end

return M
