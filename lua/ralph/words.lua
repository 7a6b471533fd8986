-- SPDX-License-Identifier: MIT
-- The words by which an agent says how it ended, for those who write prompts and those
-- who read answers: written once, so that the two cannot part. Pure.

local M = {}

--- The whole last line of a final message: the issue is done.
M.COMPLETE = "RALPH_COMPLETE"
--- Likewise, with ": " and the reason: it cannot be done now.
M.BLOCKED = "RALPH_BLOCKED"
--- Likewise, with ": " and the question: a person has to decide.
M.CLARIFY = "RALPH_CLARIFY"

local ENDING = [[
End by exactly one of these commands, once, when nothing is left to do:

- `ralph done` when the issue is done and your work is committed;
  `ralph done --no-change REASON` when it turns out that nothing has to be changed.
- `ralph blocked REASON` when something outside of your reach is missing.
- `ralph ask QUESTION --option A --option B` when only a person can decide.

Where the command `ralph` cannot be run, make the last line of your final message instead exactly
`%s`, or `%s: REASON`, or `%s: QUESTION`, with nothing after it.
Saying such a word earlier, or quoting it, means nothing. Work that does not pass the checks is not done,
whatever is said: the checks are run again after you by somebody else.]]

--- What a prompt says of it.
---@return string
function M.ending() return ENDING:format(M.COMPLETE, M.BLOCKED, M.CLARIFY) end

return M
