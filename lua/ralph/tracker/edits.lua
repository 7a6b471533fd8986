-- SPDX-License-Identifier: MIT
-- What both trackers do to one issue in the same words: reopen, comment, ask, answer,
-- park. How the changed issue gets to its place is the tracker's.

local changes = require "ralph.tracker.changes"
local claims = require "ralph.tracker.claim"
local issues = require "ralph.tracker.issue"

local M = {}

local function check_text(text, what)
  if type(text) ~= "string" or not text:find("%S") then return nil, what .. ": is empty" end
  return issues.check_field("description", text)
end

--- Gives a tracker these methods.
---@param Tracker table its class
---@param change fun(self: table, id: string, edit: fun(issue: table): ...): ... edits one issue and writes it
function M.give(Tracker, change)
  --- Opens an issue again, whatever it is: what was counted against it is forgotten.
  ---@param id string
  ---@param reason string? kept as a comment
  ---@return table|nil issue
  ---@return string? message
  ---@return string? code
  ---@return string? hint
  function Tracker:reopen(id, reason)
    return change(self, id, function(issue)
      local now = changes.now()
      if reason and reason ~= "" then
        local ok, why = check_text(reason, "reason")
        if not ok then return nil, why end
        changes.comment(issue, reason, claims.user(), now)
      end
      changes.reopen(issue, now)
      return true
    end)
  end

  --- Adds a comment.
  ---@param id string
  ---@param text string
  ---@param author string? this user
  ---@return table|nil issue
  ---@return string? message
  ---@return string? code
  ---@return string? hint
  function Tracker:comment(id, text, author)
    return change(self, id, function(issue)
      local ok, reason = check_text(text, "comment")
      if not ok then return nil, reason end
      changes.comment(issue, text, author or claims.user(), changes.now())
      return true
    end)
  end

  --- Asks a person: the issue is given back and waits.
  ---@param id string
  ---@param question { text: string, options: string[]? }
  ---@return table|nil issue
  ---@return string? message
  ---@return string? code
  ---@return string? hint
  function Tracker:ask(id, question)
    return change(self, id, function(issue)
      local ok, reason = changes.check_question(question)
      if not ok then return nil, reason end
      changes.ask(issue, question, changes.now())
      return true
    end)
  end

  --- Answers the open question of an issue.
  ---@param id string
  ---@param text string
  ---@return table|nil issue
  ---@return string? message
  ---@return string? code "ENOENT" when nothing is asked
  ---@return string? hint
  function Tracker:answer(id, text)
    return change(self, id, function(issue)
      local ok, reason = check_text(text, "answer")
      if not ok then return nil, reason end
      if not changes.is_asking(issue) then
        return changes.no_question(issue)
      end
      changes.answer(issue, text, claims.user(), changes.now())
      return true
    end)
  end

  --- Puts an issue aside until a person reopens it.
  ---@param id string
  ---@param why string
  ---@return table|nil issue
  ---@return string? message
  ---@return string? code
  ---@return string? hint
  function Tracker:park(id, why)
    return change(self, id, function(issue)
      local ok, reason = check_text(why, "reason")
      if not ok then return nil, reason end
      changes.park(issue, why, changes.now())
      return true
    end)
  end
end

return M
