-- SPDX-License-Identifier: MIT
-- What an attempt did to the repository: files, commits, commits that are gone, and what
-- all attempts at the issue have changed together. What cannot be known is a failure:
-- nothing is judged by half of it.

local M = {}

---@class ralph.Changes
---@field files ralph.GitChange[] of this attempt
---@field since ralph.GitChange[] of all attempts in a row
---@field commits ralph.GitCommit[]
---@field lost ralph.GitCommit[] that were there before and are not in HEAD any more
---@field truncated boolean there are more files than are listed

local MOST_LOST = 20

local function between(repo, from, to)
  if from == to then return {} end
  return repo:changes(from, to)
end

-- A history that was rewritten takes away what others did.
local function compare_heads(repo, before, after, found)
  if not after or before == after then return true end
  local commits, message, code, hint = repo:commits(before, after)
  if not commits then return nil, message, code, hint end
  found.commits = commits
  if not before then return true end
  local lost
  lost, message, code, hint = repo:commits(after, before, MOST_LOST)
  if not lost then return nil, message, code, hint end
  found.lost = lost
  return true
end

--- Looks what has changed.
---@param repo ralph.Git?
---@param begun { before: table, base: table }
---@param after { head: string?, tree: string? }
---@return ralph.Changes?
---@return string? message
---@return string? code
---@return string? hint
function M.find(repo, begun, after)
  local found = { files = {}, since = {}, commits = {}, lost = {}, truncated = false }
  if not repo then return found end
  local before, base = begun.before, begun.base
  local files, message, code, hint = between(repo, before.tree, after.tree)
  if not files then return nil, message, code, hint end
  found.files, found.since = files, files
  if base.tree ~= before.tree then
    found.since, message, code, hint = between(repo, base.tree, after.tree)
    if not found.since then return nil, message, code, hint end
  end
  found.truncated = files.truncated == true or found.since.truncated == true
  local ok
  ok, message, code, hint = compare_heads(repo, before.head, after.head, found)
  if not ok then return nil, message, code, hint end
  return found
end

return M
