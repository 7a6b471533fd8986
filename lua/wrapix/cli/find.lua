-- SPDX-License-Identifier: MIT
-- From a word of the command line to a sandbox that is there: what exec, attach
-- and stop do before they differ. Changes nothing.

local path = require("wrapix.path")

local M = {}

--- All sandboxes of this user, and the facts they were found with.
---@param deps table
---@return wrapix.Live[]? list
---@return table|string facts, or the message
---@return string? code
---@return string? hint
function M.all(deps)
  -- The workspace matters to none of them; the root directory is always there.
  local facts, message, code, hint = deps.gather({ workspace = "/" })
  if not facts then return nil, message, code, hint end
  local list
  list, message, code, hint = deps.live.list(facts)
  if not list then return nil, message, code, hint end
  return list, facts
end

--- The sandbox a word names.
---@param word string
---@param what string the command, for messages
---@param deps table
---@return wrapix.Live?
---@return table|string facts, or the message
---@return string? code
---@return string? hint
function M.one(word, what, deps)
  local list, facts, code, hint = M.all(deps)
  if not list then return nil, facts, code, hint end
  local live, message
  live, message, code, hint = deps.live.find(list, word)
  if not live then return nil, (message:gsub("^find", what)), code, hint end
  return live, facts
end

local WHY = {
  starting = "its program does not run yet",
  paused = "is paused",
  ending = "its program has ended",
  exited = "has ended",
  orphaned = "its launcher is dead, and it is about to end",
  dead = "its launcher is dead, and so is it",
}

--- The same, of one whose program runs.
---@return wrapix.Live?
---@return table|string facts, or the message
---@return string? code
---@return string? hint
function M.running(word, what, deps)
  local live, facts, code, hint = M.one(word, what, deps)
  if not live or live.state == "running" then return live, facts, code, hint end
  local message = ("%s: %s: is not running: %s"):format(what, path.show(live.name), WHY[live.state])
  return nil, message, "ESRCH", "`wrapix ps --all` shows the states"
end

return M
