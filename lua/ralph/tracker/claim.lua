-- SPDX-License-Identifier: MIT
-- Who has an issue: a process of this host, known by the start of the machine, its id and
-- its own start; or a person, who has no process. What another host claimed is never
-- judged here.

local issues = require "ralph.tracker.issue"
local wrapix = require "wrapix"

local M = {}

local MACHINE_ID, ID_LIMIT = "/etc/machine-id", 256

--- The name of this host: two machines of one name are told apart by a digest of the
--- machine's id, which itself should not leave it.
---@return string
function M.host()
  local name = wrapix.sys.hostname() or "localhost"
  local id = wrapix.fs.read(MACHINE_ID, ID_LIMIT)
  if not id or id == "" then return name end
  return name .. ":" .. wrapix.sha256.hex("ralph:" .. id):sub(1, 8)
end

--- The name under which issues are claimed.
---@return string
function M.user() return wrapix.sys.username() or tostring(wrapix.sys.uid()) end

--- An owner as the word that is kept with the issue.
---@param owner wrapix.Owner|string|false|nil nil: this process; false: a person
---@return string|false|nil word
---@return string? message
---@return string? code
function M.word(owner)
  if owner == false then return false end
  if type(owner) == "string" then
    if not wrapix.owner.decode(owner) then error("tracker: owner: no owner: " .. owner, 3) end
    return owner
  end
  if not owner then
    local message, code
    owner, message, code = wrapix.owner.current()
    if not owner then return nil, "issues: own process: " .. message, code end
  end
  return wrapix.owner.encode(owner)
end

--- Whether an issue is in progress for a process of this host that is dead.
---@param issue table
---@param host string as of M.host
---@return boolean
function M.is_orphan(issue, host)
  if issue.status ~= "in_progress" then return false end
  local own = issues.wrapix(issue)
  local owner = type(own.owner) == "string" and wrapix.owner.decode(own.owner)
  return owner ~= nil and owner ~= false and own.host == host
    and wrapix.owner.state(owner) == "dead"
end

return M
