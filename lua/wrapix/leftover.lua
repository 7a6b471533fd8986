-- SPDX-License-Identifier: MIT
-- What agents kept of projects whose workspace is gone: found by the workspaces that the
-- session record names, since a project's directory tells only a digest of its path. What
-- no session names is left alone, and so are logins, which belong to no project.

local fs = require("wrapix.fs")
local live = require("wrapix.live")
local record = require("wrapix.record")
local store = require("wrapix.agent.store")

local M = {}

-- Each workspace by the name that its directory would have.
local function known_workspaces(sessions)
  local out = {}
  for _, entry in ipairs(sessions) do
    if type(entry.workspace) == "string" and entry.workspace:sub(1, 1) == "/" then
      out[store.key(entry.workspace)] = entry.workspace
    end
  end
  return out
end

local function is_gone(workspace)
  local stat, _, code = fs.lstat(workspace)
  return not stat and (code == "ENOENT" or code == "ENOTDIR")
end

-- Of the user, and as root of those whose sandboxes it started.
local function places(data)
  local list = { data .. "/projects" }
  for _, uid in ipairs(fs.list(data .. "/uid") or {}) do
    if uid:find("^%d+$") then list[#list + 1] = ("%s/uid/%s/projects"):format(data, uid) end
  end
  return list
end

--- Lists the directories of projects that are gone. A workspace that a sandbox runs in is
--- in use, whether its name is still there or not.
---@param facts wrapix.Facts
---@return wrapix.Garbage[]|nil
---@return string? message
---@return string? code
---@return string? hint
function M.find(facts)
  local sessions, message, code, hint = record.read(facts.dirs.state)
  if not sessions then return nil, message, code, hint end
  local running
  running, message, code = live.list(facts)
  if not running then return nil, message, code end
  local known, used, found = known_workspaces(sessions), {}, {}
  for _, one in ipairs(running) do used[one.workspace or ""] = true end
  for _, base in ipairs(places(facts.dirs.data)) do
    for _, name in ipairs(fs.list(base) or {}) do
      local dir, workspace = base .. "/" .. name, known[name]
      local stat = workspace and not used[workspace] and is_gone(workspace) and fs.lstat(dir)
      if stat and stat.type == "directory" then
        found[#found + 1] = { kind = "project", what = dir,
          why = ("its workspace %s is gone"):format(workspace),
          remove = function() return fs.remove_tree(dir) end }
      end
    end
  end
  return found
end

return M
