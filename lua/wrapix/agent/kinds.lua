-- SPDX-License-Identifier: MIT
-- What went wrong at a service, from the status it answered or from the words an
-- agent has for it: agents that pass on no status have nothing else. Pure.

local M = {}

local STATUS = {
  [401] = "auth", [403] = "auth", [402] = "limit", [429] = "limit",
  [413] = "too_long", [503] = "overloaded", [529] = "overloaded",
}

-- In this order: "quota" may stand in a message about a key, a key in none about a quota.
local WORDS = {
  { "limit", { "usage limit", "rate limit", "rate_limit", "quota", "too many requests",
    "credit balance", "insufficient credit", "billing", "resource_exhausted" } },
  { "overloaded", { "overloaded", "service unavailable", "at capacity" } },
  { "too_long", { "prompt is too long", "context length", "context window", "maximum context",
    "context_length" } },
  { "turns", { "max turns", "maximum turns", "turn limit", "session turns" } },
  { "auth", { "unauthorized", "not logged in", "invalid api key", "api key not valid",
    "no api key", "authentication", "please log in", "/login", "login required" } },
}

--- The kind of end a status of HTTP means.
---@param status any
---@return string?
function M.of_status(status) return STATUS[status] end

--- The kind of end a message about an error means; "error" where it says nothing known.
---@param message string?
---@return string kind
---@return integer? status the status the message holds
function M.of_message(message)
  if type(message) ~= "string" then return "error" end
  local text = message:lower()
  local status = tonumber(text:match("status:? (%d%d%d)%f[%D]") or text:match("^(%d%d%d)%f[%D]")
    or text:match('"code\\?": ?(%d%d%d)%f[%D]'))
  if STATUS[status] then return STATUS[status], status end
  for _, entry in ipairs(WORDS) do
    for _, words in ipairs(entry[2]) do
      if text:find(words, 1, true) then return entry[1], status end
    end
  end
  return "error", status
end

return M
