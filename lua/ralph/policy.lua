-- SPDX-License-Identifier: MIT
-- Evidence → verdict. What facts decide (it was limited, stopped, could not run) no
-- policy is asked about; whether work is done is the policy's, the built-in ones or the
-- user's function. Pure.

local evidences = require "ralph.evidence"
local excerpt = require "ralph.excerpt"

local M = {}

---@alias ralph.Verdict "done"|"failed"|"no_change"|"blocked"|"asked"|"limited"|"stopped"|"broken"

M.VERDICTS = { done = true, failed = true, no_change = true, blocked = true, asked = true,
  limited = true, stopped = true, broken = true }

--- So many tools refused one after another are a wall, not an obstacle.
M.DENIALS = 5
--- And so many in all of an attempt.
M.MOST_DENIALS = 20

-- Bytes of a final message that the next attempt gets to read.
local LAST_WORDS = 1000

local FAILURES = {
  turns = "the agent used up its turns", budget = "the agent used up its own budget",
  too_long = "the context grew too long", refused = "the model refused",
  lost = "the agent ended without a word of how", error = "the agent failed",
  interrupted = "the agent was ended from outside",
}

-- Broken is what the next attempt would meet as well.
local function fact(evidence)
  local outcome = evidence.outcome
  if outcome.kind == "broken" then return "broken", outcome.text end
  if outcome.kind == "auth" then return "broken", "login: " .. (outcome.text or "was refused") end
  if outcome.kind == "stopped" then return "stopped", outcome.text end
  if evidence.broken then return "broken", evidence.broken end
end

-- The words the socket heard stand also when the program hung or fell afterwards.
local function asked_or_blocked(evidence)
  local signal = evidence.signal
  if not signal then return nil end
  if signal.kind == "ask" then return "asked", signal.text end
  if signal.kind == "blocked" then return "blocked", signal.text end
end

local function is_done_by_socket(evidence)
  local signal = evidence.signal
  return signal ~= nil and signal.kind == "done" and signal.by == "socket"
end

local function ended_badly(evidence)
  local outcome = evidence.outcome
  if outcome.kind == "done" or is_done_by_socket(evidence) then return nil end
  if evidence.limit then return "limited", outcome.text end
  local text = FAILURES[outcome.kind] or "the agent failed"
  if outcome.stopped == "timeout" then text = "it took longer than it may" end
  if outcome.stopped == "idle" then text = "it wrote, changed and computed nothing for too long" end
  local said = outcome.text and outcome.text:match("[^\n]+")
  return "failed", said and not outcome.stopped and ("%s: %s"):format(text, said) or text
end

-- Passing is every command, or each that did not fail before as well.
local function verify_failure(evidence, forgives)
  for _, one in ipairs(evidence.verify) do
    local is_bad = one.code ~= 0
    if is_bad and not (forgives and one.state == "broken") then
      return ("verify: %s: %s%s"):format(one.command,
        one.timed_out and "took too long" or ("status %s"):format(tostring(one.code)),
        one.state == "broken" and " (as before the attempt)" or "")
    end
  end
end

-- What both policies ask for, apart from which failures they forgive.
local function judge(evidence, forgives)
  local verdict, reason = asked_or_blocked(evidence)
  if verdict then return verdict, reason end
  verdict, reason = ended_badly(evidence)
  if verdict then return verdict, reason end
  if evidence.foreign then return "failed", "the list of issues was edited from behind: " .. evidence.foreign end
  local has_change, signal = evidences.has_change(evidence), evidence.signal
  if not signal then
    if has_change then return "failed", "the agent did not say that it is done" end
    return "no_change", "nothing changed, and the agent did not say that it is done"
  end
  if not has_change and not signal.no_change then
    return "no_change", "the agent says done, but nothing changed"
  end
  if #evidence.protected > 0 then
    return "failed", "it changed what it is judged by: " .. table.concat(evidence.protected, ", ", 1,
      math.min(5, #evidence.protected))
  end
  if #(evidence.lost or {}) > 0 then
    return "failed", ("commits from before are gone from HEAD: %s"):format(evidence.lost[1].subject)
  end
  if evidence.has_moved then return "failed", "the commands of verify moved HEAD" end
  local failure = verify_failure(evidence, forgives)
  if failure then return "failed", failure end
  if has_change or not signal.no_change then return "done", signal.text or signal.no_change end
  return "done", "no change needed: " .. signal.no_change
end

--- An end signal, a change (or a reason for none), every verify command ends with 0,
--- nothing protected was touched, the list was not edited from behind.
---@param evidence ralph.Evidence
---@return ralph.Verdict verdict
---@return string? reason
function M.strict(evidence) return judge(evidence, false) end

--- As strict, but what failed before the attempt may fail after it as well.
---@param evidence ralph.Evidence
---@return ralph.Verdict verdict
---@return string? reason
function M.no_worse(evidence) return judge(evidence, true) end

local function choose(policy)
  if type(policy) == "function" then return policy end
  if policy == nil or policy == "strict" then return M.strict end
  if policy == "no_worse" then return M.no_worse end
  error(("policy: 'strict', 'no_worse' or a function expected, got %s"):format(tostring(policy)), 3)
end

--- Judges an attempt. A policy of the user's that fails, or says a word that is none,
--- breaks the step: nobody knows what it would have said.
---@param evidence ralph.Evidence
---@param issue table
---@param policy string|function|nil
---@return ralph.Verdict verdict
---@return string? reason
function M.decide(evidence, issue, policy)
  local judged = choose(policy)
  local verdict, reason = fact(evidence)
  if verdict then return verdict, reason end
  local ok, said, why = pcall(judged, evidence, issue)
  if not ok then return "broken", "policy: " .. tostring(said) end
  if not M.VERDICTS[said] then return "broken", ("policy: said %s, which is no verdict"):format(tostring(said)) end
  return said, type(why) == "string" and why or nil
end

--- What a person or the next attempt should read of a failure: the reason, the output of
--- what failed, and the agent's last words.
---@param evidence ralph.Evidence
---@return string
function M.failure_text(evidence)
  local parts = { evidence.reason or evidence.verdict }
  for _, one in ipairs(evidence.verify) do
    if one.code ~= 0 and one.output ~= "" then
      parts[#parts + 1] = ("$ %s\n%s"):format(one.command, one.output)
    end
  end
  local last = evidence.outcome.kind == "done" and evidence.outcome.text
  if last and last:find("%S") then
    parts[#parts + 1] = "Its last words: " .. excerpt.both(last, LAST_WORDS)
  end
  return table.concat(parts, "\n\n")
end

-- Numbers of lines, times and addresses differ from run to run; the failure does not.
local function shape(text)
  return (text:gsub("0x%x+", "#"):gsub("%d+[%d.,:]*", "#"):gsub("%s+", " "))
end

--- Whether two failures are the same one.
---@param one string?
---@param other string?
---@return boolean
function M.is_same_failure(one, other)
  return one ~= nil and other ~= nil and shape(one) == shape(other)
end

---@class ralph.Past
---@field counted integer attempts that counted since the issue was last given back by a person
---@field failures string[] texts of these, the oldest first

--- What becomes of a failed attempt: another one, or a person.
---@param evidence ralph.Evidence with verdict and reason
---@param past ralph.Past before this attempt
---@param retries integer
---@return string? why a person is needed; nil for another attempt
function M.park_reason(evidence, past, retries)
  if (evidence.denied or 0) >= M.DENIALS then
    return ("%d tools in a row were not allowed; more attempts meet the same wall"):format(evidence.denied)
  end
  if (evidence.denials or 0) >= M.MOST_DENIALS then
    return ("%d tools were not allowed; more attempts meet the same wall"):format(evidence.denials)
  end
  local text = M.failure_text(evidence)
  if past.counted >= 1 and M.is_same_failure(text, past.failures[#past.failures]) then
    return "the same failure twice in a row: " .. (evidence.reason or evidence.verdict)
  end
  if past.counted + 1 > retries then
    return ("failed %d times; the last: %s"):format(past.counted + 1, evidence.reason or evidence.verdict)
  end
end

return M
