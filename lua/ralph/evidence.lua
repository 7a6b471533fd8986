-- SPDX-License-Identifier: MIT
-- What is known of an attempt, as one table: gathered here from what the parts of the
-- attempt found, so that policies, records and hooks see the same. Pure; judges nothing.

local excerpt = require "ralph.excerpt"
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
---@field left string? the tree after verifying
---@field has_moved boolean? HEAD is another since verify ran
---@field is_empty boolean? there are commits, and nothing in them
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

local function count(value)
  return type(value) == "number" and value > 0 and math.ceil(math.min(value, 10 ^ 12)) or 0
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

-- Of the tree, of what was committed in the meantime, and by verifying itself. Where not
-- all files are listed, one that is protected may be among the rest.
local function protected(found, files)
  local rules, list, have = found.protect or {}, {}, {}
  if found.truncated and #rules > 0 then list[1] = "(more files changed than can be looked at)" end
  local function add(path)
    local is_new = not have[path] and not (found.made or {})[path]
    if is_new and M.is_protected(path, rules) then list[#list + 1] = excerpt.name(path) end
    have[path] = true
  end
  for _, file in ipairs(found.since or files) do add(file.path) end
  for _, file in ipairs(found.committed or {}) do add(file.path) end
  for _, path in ipairs(found.touched or {}) do add(path) end
  return list
end

-- Names in lists of ours are such that JSON takes them.
local function named(files)
  local list = {}
  for i, file in ipairs(files) do
    list[i] = {}
    for key, value in pairs(file) do list[i][key] = value end
    list[i].path = excerpt.name(file.path)
  end
  return wrapix.json.array(list)
end

local function outcome_of(outcome)
  return { kind = outcome.kind, text = outcome.text, stopped = outcome.stopped, code = outcome.code,
    signal = outcome.signal }
end

--- Gathers the evidence of an attempt.
---@param found table { issue, attempt, outcome, signal?, before, after, commits?, files?, protect?,
--- verify?, question?, foreign?, transcript?, notes?, seconds, since?, lost?, truncated?,
--- committed? (files that differ between the heads), touched? (paths that verifying changed),
--- made? (a set of paths that are verifying's own), left? }
---@return ralph.Evidence
function M.build(found)
  local outcome, files = found.outcome, found.files or {}
  local usage = outcome.usage or {}
  return {
    issue = found.issue.id, spec = found.issue.spec_id, attempt = found.attempt,
    signal = found.signal, before = found.before or {}, base = found.base, after = found.after or {},
    left = found.left, is_empty = found.committed ~= nil and #found.committed == 0 or nil,
    commits = list_of(found.commits), files = named(files), diffstat = diffstat(files),
    protected = list_of(protected(found, files)),
    lost = list_of(found.lost), truncated = found.truncated or nil, verify = list_of(found.verify),
    verified = found.verify ~= nil, usd = outcome.usd,
    tokens = { input = count(usage.input), output = count(usage.output),
      cache_read = count(usage.cache_read), cache_write = count(usage.cache_write) },
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
  local has_commits = #evidence.commits > 0 and not evidence.is_empty
  if before.tree and after.tree then
    local base = evidence.base or before
    return before.tree ~= after.tree or base.tree ~= after.tree or has_commits
  end
  return #evidence.files > 0 or has_commits
end

return M
