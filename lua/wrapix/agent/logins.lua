-- SPDX-License-Identifier: MIT
-- What lies in the stores of logins: listing them, reading files in them. Sandboxes
-- write there, so no link in them is followed and every file is read up to a limit.
-- No start needs it; the places themselves are agent/store.lua's.

local fs = require "wrapix.fs"
local store = require "wrapix.agent.store"
local words = require "wrapix.schema.check"

local M = {}

-- Files with tokens and settings are a few kilobytes.
local LARGEST = 1 << 20

--- A function that reads a small file of a login by its name, for an agent's
--- `login.status`. What cannot be read is nil, with the reason.
---@param dirs { data: string }
---@param user wrapix.StoreUser
---@param agent string
---@param name string
---@return fun(file: string): string?, string?, string? text, or nil, message, code
function M.reader(dirs, user, agent, name)
  local dir = store.login(dirs, user, agent, name)
  local root, rel = store.split(dir, { data = dirs.data, cache = dirs.data })
  return function(file)
    return fs.read_beneath(root, rel .. "/" .. file, LARGEST)
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
function M.list(dirs, user)
  local list, base = {}, store.part_of(user) .. "logins"
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
