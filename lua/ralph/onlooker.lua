-- SPDX-License-Identifier: MIT
-- What changed in a work tree while an agent that was to write one text had it: by git,
-- without any of its configuration, and where there is no repository by names, sizes and
-- times. Says what it saw; what that means is for its callers. What git ignores is not seen.

local excerpt = require "ralph.excerpt"
local fingerprint = require "ralph.attempt.fingerprint"

local M = {}

---@class ralph.Onlooker
local Onlooker = {}
Onlooker.__index = Onlooker

-- Git's word for the tree, and for what is committed.
local function look(repo)
  local tree, message, code, hint = repo:tree()
  if not tree then return nil, message, code, hint end
  local head
  head, message, code, hint = repo:head()
  if not head then return nil, message, code, hint end
  return { tree = tree, head = head.id, ref = head.ref }
end

function Onlooker:_by_git(allowed)
  local now, message, code, hint = look(self._repo)
  if not now then return nil, message, code, hint end
  local found = {}
  if now.head ~= self._before.head or now.ref ~= self._before.ref then found[1] = "HEAD" end
  local changes
  changes, message, code, hint = self._repo:changes(self._before.tree, now.tree)
  if not changes then return nil, message, code, hint end
  for _, change in ipairs(changes) do
    if change.path ~= allowed then found[#found + 1] = excerpt.name(change.path) end
  end
  if changes.truncated then found[#found + 1] = "more than can be looked at" end
  return found
end

function Onlooker:_by_files(allowed)
  local found, now = {}, fingerprint.files(self._root)
  for rel, word in pairs(now) do
    if rel ~= allowed and self._files[rel] ~= word then found[#found + 1] = excerpt.name(rel) end
  end
  for rel in pairs(self._files) do
    if rel ~= allowed and now[rel] == nil then found[#found + 1] = excerpt.name(rel) end
  end
  table.sort(found)
  return found
end

--- What is not as it was when the look began.
---@param allowed string? the file that was to change, from the workspace
---@return string[]? paths, and "HEAD" where another commit or branch is there
---@return string? message
---@return string? code
---@return string? hint
function Onlooker:changed(allowed)
  if self._repo then return self:_by_git(allowed) end
  return self:_by_files(allowed)
end

local MOST_NAMED = 5

--- Several of them as people read them.
---@param paths string[]
---@return string
function M.text(paths)
  local list = table.concat(paths, ", ", 1, math.min(#paths, MOST_NAMED))
  return #paths > MOST_NAMED and ("%s and %d more"):format(list, #paths - MOST_NAMED) or list
end

--- Begins to look at the project's work tree.
---@param project ralph.Project
---@return ralph.Onlooker?
---@return string? message
---@return string? code
---@return string? hint
function M.new(project)
  local repo, message, code, hint = require("ralph.git").open(project.root, project.paths.git)
  if not repo and code ~= "ENOTGIT" then return nil, message, code, hint end
  local self = setmetatable({ _repo = repo, _root = project.root }, Onlooker)
  if not repo then
    self._files = fingerprint.files(project.root)
    return self
  end
  self._before, message, code, hint = look(repo)
  if not self._before then return nil, message, code, hint end
  return self
end

return M
