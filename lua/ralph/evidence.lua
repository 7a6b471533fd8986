-- SPDX-License-Identifier: MIT
-- What is known of an attempt, as one table: gathered here from what the parts of the
-- attempt found, so that policies, records and hooks see the same. Pure; judges nothing.

local wrapix = require "wrapix"

local M = {}

---@class ralph.Evidence see docs/architecture.md, "A step"
---@field issue string
---@field spec string?
---@field attempt integer
---@field verdict string?
---@field reason string?
---@field signal ralph.Signal?
---@field before { head: string?, tree: string? }
---@field base { head: string?, tree: string? }? what the first of the attempts in a row began with
---@field after { head: string?, tree: string? }
---@field commits { id: string, subject: string }[]
---@field files { path: string, added: integer?, removed: integer? }[]
---@field diffstat { files: integer, added: integer, removed: integer }
---@field protected string[]
---@field lost { id: string, subject: string }[] commits from before that are not in HEAD any more
---@field truncated boolean? more files changed than are listed
---@field verify ralph.Verified[]
---@field verified boolean whether the commands were run, or known for this tree
---@field usd number?
---@field tokens table<string, integer>
---@field turns integer?
---@field seconds number
---@field limit { reset: number? }?
---@field question table?
---@field outcome { kind: string, text: string?, stopped: string?, code: integer?, signal: integer? }
---@field foreign string? why the list is not as Ralph left it
---@field denials integer
---@field transcript string?
---@field rescue { ref: string, commit: string }?
---@field notes string[]

-- A list of ours: what came with others may say more than its entries, and an empty one
-- is to stay a list in JSON.
local function list_of(entries)
  return wrapix.json.array(table.move(entries or {}, 1, #(entries or {}), 1, {}))
end

local LIMITS = { limit = true, overloaded = true }

local function diffstat(files)
  local stat = { files = #files, added = 0, removed = 0 }
  for _, file in ipairs(files) do
    stat.added, stat.removed = stat.added + (file.added or 0), stat.removed + (file.removed or 0)
  end
  return stat
end

--- Whether a path lies below one of the protected ones. "tests/" and "tests" are the
--- directory, "check.sh" the file; `*` stands for anything within one name.
---@param path string
---@param rules string[]
---@return boolean
function M.is_protected(path, rules)
  for _, rule in ipairs(rules) do
    local plain = rule:gsub("^%./", ""):gsub("/+$", "")
    local pattern = plain:gsub("[%^%$%(%)%%%.%[%]%+%-%?]", "%%%0"):gsub("%*", "[^/]*")
    if path:find("^" .. pattern .. "$") or path:find("^" .. pattern .. "/") then return true end
  end
  return false
end

-- Where not all files are listed, one that is protected may be among the rest.
local function protected(files, rules, truncated)
  local found = {}
  if truncated and #(rules or {}) > 0 then found[1] = "(more files changed than can be looked at)" end
  for _, file in ipairs(files) do
    if M.is_protected(file.path, rules or {}) then found[#found + 1] = file.path end
  end
  return found
end

local function outcome_of(outcome)
  return { kind = outcome.kind, text = outcome.text, stopped = outcome.stopped, code = outcome.code,
    signal = outcome.signal }
end

--- Gathers the evidence of an attempt.
---@param found table { issue, attempt, outcome, signal?, before, after, commits?, files?, protect?,
--- verify?, question?, foreign?, transcript?, notes?, seconds, since?, lost?, truncated? }
---@return ralph.Evidence
function M.build(found)
  local outcome, files = found.outcome, found.files or {}
  local usage = outcome.usage or {}
  return {
    issue = found.issue.id, spec = found.issue.spec_id, attempt = found.attempt,
    signal = found.signal, before = found.before or {}, base = found.base, after = found.after or {},
    commits = list_of(found.commits), files = list_of(files), diffstat = diffstat(files),
    protected = list_of(protected(found.since or files, found.protect, found.truncated)),
    lost = list_of(found.lost), truncated = found.truncated or nil, verify = list_of(found.verify),
    verified = found.verify ~= nil, usd = outcome.usd,
    tokens = { input = usage.input or 0, output = usage.output or 0,
      cache_read = usage.cache_read or 0, cache_write = usage.cache_write or 0 },
    turns = outcome.turns, seconds = found.seconds or outcome.seconds or 0,
    limit = LIMITS[outcome.kind] and { reset = outcome.reset } or nil,
    question = found.question, outcome = outcome_of(outcome), foreign = found.foreign,
    denials = outcome.denials or 0, transcript = found.transcript, notes = list_of(found.notes),
  }
end

--- Whether the attempt changed anything: the tree, or what has been committed; or found
--- what the attempt before had changed.
---@param evidence ralph.Evidence
---@return boolean
function M.has_change(evidence)
  local before, after = evidence.before, evidence.after
  if before.tree and after.tree then
    local base = evidence.base or before
    return before.tree ~= after.tree or base.tree ~= after.tree or #evidence.commits > 0
  end
  return #evidence.files > 0 or #evidence.commits > 0
end

return M
