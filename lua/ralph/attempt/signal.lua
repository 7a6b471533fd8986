-- SPDX-License-Identifier: MIT
-- The agent's own end signal: what it said by `ralph done|blocked|ask`, else the whole
-- last line of its final message. What it quotes, says earlier, or what a tool prints,
-- is none. Pure.

local M = {}

---@class ralph.Signal
---@field kind "done"|"blocked"|"ask"
---@field text string? reason or question
---@field by "socket"|"text"
---@field no_change string? why nothing had to change
---@field options string[]? of a question

local WORDS = { RALPH_BLOCKED = "blocked", RALPH_CLARIFY = "ask" }

local function last_line(text)
  local line
  for one in text:gmatch("[^\r\n]+") do
    if one:find("%S") then line = one end
  end
  return line and line:match("^%s*(.-)%s*$")
end

--- Reads the signal out of a final message.
---@param text string?
---@return ralph.Signal?
function M.of_text(text)
  local line = type(text) == "string" and last_line(text)
  if not line then return nil end
  if line == "RALPH_COMPLETE" then return { kind = "done", by = "text" } end
  local word, rest = line:match("^(RALPH_%u+):%s*(%S.*)$")
  local kind = WORDS[word]
  return kind and { kind = kind, text = rest, by = "text" } or nil
end

--- The signal of a run. The socket is believed before words: it cannot be quoted.
---@param said ralph.Signal? of the socket
---@param outcome { ok: boolean, text: string }? of the run; only a run that ended has a last word
---@return ralph.Signal?
function M.of(said, outcome)
  if said then
    return { kind = said.kind, text = said.text or said.reason, by = "socket",
      no_change = said.no_change, options = said.options }
  end
  if not outcome or not outcome.ok then return nil end
  return M.of_text(outcome.text)
end

return M
