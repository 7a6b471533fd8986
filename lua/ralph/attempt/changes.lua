-- SPDX-License-Identifier: MIT
-- What an attempt did to the repository: files, commits, commits that are gone, and what
-- all attempts at the issue have changed together. What cannot be known is a failure:
-- nothing is judged by half of it.

local wrapix = require "wrapix"

local M = {}

---@class ralph.Changes
---@field files ralph.GitChange[] of this attempt
---@field since ralph.GitChange[] of all attempts in a row
---@field left ralph.GitChange[] what differs from HEAD, by whomever
---@field commits ralph.GitCommit[]
---@field lost ralph.GitCommit[] that were there before and are not in HEAD any more
---@field committed ralph.GitChange[]? what the commits changed, where that may be something else
---@field truncated boolean there are more files than are listed

local MOST_LOST = 20

local function changes(repo, from, to)
  if from == to then return {} end
  return repo:changes(from, to)
end

-- Commits that `to` has and `from` has not.
local function commits(repo, from, to, most)
  if not to or from == to then return {} end
  return repo:commits(from, to, most)
end

-- A program of git each: side by side they take as long as the slowest.
local function all(questions)
  local answers, failure = {}, nil
  wrapix.task.scope(function(scope)
    for name, question in pairs(questions) do
      scope:spawn(function()
        local answer = table.pack(question[1](table.unpack(question, 2, 5)))
        answers[name] = answer[1]
        if not answer[1] then failure = failure or answer end
        return true
      end)
    end
    return true
  end)
  if failure then return nil, table.unpack(failure, 2, 4) end
  return answers
end

-- Commits may hold nothing, or what the work tree has not: then what is verified is not what
-- was committed. Where all is committed, and something changed, the files tell it.
local function add_committed(repo, found, from, to)
  if from == to or #found.left == 0 and #found.files > 0 then return true end
  local committed, message, code, hint = repo:changes(from, to)
  if not committed then return nil, message, code, hint end
  found.committed = committed
  found.truncated = found.truncated or committed.truncated == true
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
  if not repo then
    return { files = {}, since = {}, left = {}, commits = {}, lost = {}, truncated = false }
  end
  local before, base = begun.before, begun.base
  local found, message, code, hint = all({
    files = { changes, repo, before.tree, after.tree },
    since = base.tree ~= before.tree and { changes, repo, base.tree, after.tree } or nil,
    left = { changes, repo, after.head, after.tree },
    commits = { commits, repo, before.head, after.head },
    -- A history that was rewritten takes away what others did.
    lost = { commits, repo, after.head, before.head, MOST_LOST },
  })
  if not found then return nil, message, code, hint end
  found.since = found.since or found.files
  found.truncated = found.files.truncated == true or found.since.truncated == true
  local ok
  ok, message, code, hint = add_committed(repo, found, before.head, after.head)
  if not ok then return nil, message, code, hint end
  return found
end

return M
