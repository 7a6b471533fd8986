-- SPDX-License-Identifier: MIT
-- The fields of an issue, which are those of beads: their order, what each may hold, and
-- what a new one has. Pure. Keys that are not named here belong to somebody else: they
-- are kept and not looked at.

local names = require "ralph.names"
local times = require "ralph.tracker.times"
local wrapix = require "wrapix"

local M = {}

--- The label of an issue that waits for a person.
M.WAITING = "ralph:waiting"

local LONGEST_TITLE, LONGEST_TEXT, LONGEST_WORD, LONGEST_LABEL = 500, 256 << 10, 50, 200

-- In the order in which beads writes them; then what each holds. "always": written also
-- when it is empty.
local FIELDS = {
  { "id", "id", "always" }, { "title", "title", "always" }, { "description", "text" },
  { "design", "text" }, { "acceptance_criteria", "text" }, { "notes", "text" },
  { "spec_id", "line" }, { "status", "word" }, { "priority", "priority", "always" },
  { "issue_type", "word" }, { "assignee", "line" }, { "owner", "line" },
  { "estimated_minutes", "integer", "always" }, { "created_at", "time", "always" },
  { "created_by", "line" }, { "updated_at", "time", "always" }, { "started_at", "time" },
  { "closed_at", "time" }, { "close_reason", "text" }, { "closed_by_session", "line" },
  { "due_at", "time" }, { "defer_until", "time" }, { "external_ref", "line" },
  { "source_system", "line" }, { "metadata", "any" }, { "compaction_level", "any" },
  { "compacted_at", "any" }, { "compacted_at_commit", "any" }, { "original_size", "any" },
  { "labels", "labels" }, { "dependencies", "dependencies" }, { "comments", "comments" },
  { "sender", "any" }, { "ephemeral", "flag" }, { "no_history", "flag" }, { "wisp_type", "any" },
  { "pinned", "flag" }, { "is_template", "flag" }, { "bonded_from", "any" },
  { "await_type", "any" }, { "await_id", "any" }, { "timeout", "any" }, { "waiters", "any" },
}

--- Names of the known keys in their order.
---@type string[]
M.KEYS = {}
local KIND = {}
--- Keys that are written also when they are empty.
---@type table<string, boolean>
M.ALWAYS = {}
for i, field in ipairs(FIELDS) do
  M.KEYS[i], KIND[field[1]], M.ALWAYS[field[1]] = field[1], field[2], field[3] ~= nil or nil
end

--- Whether a key is one of beads.
---@param key string
---@return boolean
function M.is_known(key) return KIND[key] ~= nil end

--- Types of issues that hold others, or are no work: never ready. Beads hides all of
--- them but epics and milestones by itself.
M.CONTAINERS = {
  epic = true, milestone = true, molecule = true, gate = true, message = true, event = true,
  convoy = true, ["merge-request"] = true, agent = true, role = true, rig = true,
}

-- Checking ------------------------------------------------------------------------------

local function is_text(value, longest)
  if type(value) ~= "string" then return nil, "is no text" end
  if #value > longest then return nil, ("is longer than %d bytes"):format(longest) end
  if value:find("\0", 1, true) then return nil, "holds a NUL" end
  if not utf8.len(value) then return nil, "is no valid UTF-8" end
  return true
end

local function is_line(value)
  local ok, reason = is_text(value, LONGEST_TITLE)
  if not ok then return nil, reason end
  if value:find("[\n\r]") then return nil, "is more than one line" end
  return true
end

local function is_list(value)
  if type(value) ~= "table" then return false end
  return wrapix.json.is_array(value) or #value > 0 or next(value) == nil
end

local CHECKS = {}

function CHECKS.any() return true end
function CHECKS.line(value) return is_line(value) end
function CHECKS.text(value) return is_text(value, LONGEST_TEXT) end

function CHECKS.id(value)
  if names.is_issue(value) then return true end
  return nil, "is no id of an issue"
end

function CHECKS.title(value)
  if type(value) ~= "string" or not value:find("%S") then return nil, "is empty" end
  local ok, reason = is_text(value, 4 * LONGEST_TITLE)
  if not ok then return nil, reason end
  if utf8.len(value) > LONGEST_TITLE then
    return nil, ("is longer than %d characters"):format(LONGEST_TITLE)
  end
  return true
end

function CHECKS.word(value)
  if type(value) == "string" and #value <= LONGEST_WORD and value:find("^[%w._:-]+$") then
    return true
  end
  return nil, "is no word of letters, digits, '_' and '-'"
end

function CHECKS.priority(value)
  if math.type(value) == "integer" and value >= 0 and value <= 4 then return true end
  return nil, "is no number from 0, the most urgent, to 4"
end

function CHECKS.integer(value)
  if math.type(value) == "integer" and value >= 0 then return true end
  return nil, "is no whole number"
end

function CHECKS.flag(value)
  if type(value) == "boolean" then return true end
  return nil, "is neither true nor false"
end

function CHECKS.time(value)
  if times.key(value) then return true end
  return nil, "is no moment such as 2026-01-31T18:00:00Z"
end

function CHECKS.labels(value)
  if not is_list(value) then return nil, "is no list" end
  for _, label in ipairs(value) do
    local ok, reason = is_line(label)
    if not ok or label == "" or #label > LONGEST_LABEL then
      return nil, "holds a label that " .. (reason or "is empty or too long")
    end
  end
  return true
end

function CHECKS.dependencies(value)
  if not is_list(value) then return nil, "is no list" end
  for _, dep in ipairs(value) do
    if type(dep) ~= "table" then return nil, "holds something that is no dependency" end
    local on = dep.depends_on_id
    if type(on) ~= "string" or on == "" or #on > LONGEST_LABEL or not is_line(on) then
      return nil, "holds one on something that is no id"
    end
    if dep.type ~= nil and not CHECKS.word(dep.type) then
      return nil, "holds one whose type is no word of at most 50 letters"
    end
  end
  return true
end

function CHECKS.comments(value)
  if not is_list(value) then return nil, "is no list" end
  for _, comment in ipairs(value) do
    if type(comment) ~= "table" or not CHECKS.text(comment.text) then
      return nil, "holds one without a text"
    end
  end
  return true
end

--- Checks one field.
---@param key string
---@param value any
---@return true|nil
---@return string? reason "title: is empty"
function M.check_field(key, value)
  local kind = KIND[key]
  if not kind then return true end
  local ok, reason = CHECKS[kind](value)
  if ok then return true end
  return nil, ("%s: %s"):format(key, reason)
end

--- Whether beads leaves this value of a known key out.
---@param key string
---@param value any
---@return boolean
function M.is_empty(key, value)
  if value == nil or value == wrapix.json.null then return true end
  if M.ALWAYS[key] then return false end
  if value == "" or value == false then return true end
  return type(value) == "table" and key ~= "metadata" and next(value) == nil
end

local REQUIRED = { "id", "title" }

--- Checks an issue as it comes from a file; fields that are missing get what beads
--- would take for them.
---@param issue table changed: empty fields go, missing ones come
---@return true|nil
---@return boolean|string? is_free whether it holds values of any form; or the reason
function M.check(issue)
  local is_free = false
  for _, key in ipairs(REQUIRED) do
    if issue[key] == nil then return nil, ("the field '%s' is missing"):format(key) end
  end
  for key, value in pairs(issue) do
    local kind = KIND[key]
    is_free = is_free or not kind or kind == "any" or kind == "dependencies" or kind == "comments"
    if kind then
      if M.is_empty(key, value) then
        issue[key] = nil
      else
        local ok, reason = M.check_field(key, value)
        if not ok then return nil, reason end
      end
    end
  end
  issue.status = issue.status or "open"
  issue.priority = issue.priority or 2
  return true, is_free
end

-- Order ---------------------------------------------------------------------------------

local function by_dependency(a, b)
  if a.depends_on_id ~= b.depends_on_id then return a.depends_on_id < b.depends_on_id end
  return (a.type or "blocks") < (b.type or "blocks")
end

local function by_comment(a, b)
  local first, second = tostring(a.created_at), tostring(b.created_at)
  if first ~= second then return first < second end
  return tostring(a.id) < tostring(b.id)
end

local function sort_labels(list)
  table.sort(list)
  local kept = 0
  for i = 1, #list do
    if i == 1 or list[i] ~= list[kept] then
      kept = kept + 1
      list[kept] = list[i]
    end
  end
  for i = #list, kept + 1, -1 do list[i] = nil end
end

--- Brings the lists of an issue into the order in which they are written.
---@param issue table
---@return table issue the same one
function M.arrange(issue)
  if issue.labels then sort_labels(issue.labels) end
  local deps, comments = issue.dependencies, issue.comments
  if deps and #deps > 1 then table.sort(deps, by_dependency) end
  if comments and #comments > 1 then table.sort(comments, by_comment) end
  return issue
end

-- Fields from callers -------------------------------------------------------------------

-- What other functions set; nobody gives these from outside.
local OURS = { id = true, created_at = true, updated_at = true, started_at = true,
  closed_at = true, comments = true }
local NEW_ONLY = { id = true, created_by = true, dependencies = true, parent = true, needs = true,
  key = true }

local function known_names(is_new)
  local list = {}
  for _, key in ipairs(M.KEYS) do
    if is_new and NEW_ONLY[key] or not OURS[key] and (is_new or not NEW_ONLY[key]) then
      list[#list + 1] = key
    end
  end
  return list
end

--- Checks what somebody wants an issue to have.
---@param fields table
---@param is_new boolean for a new issue, rather than a change of one
---@return true|nil
---@return string? reason
function M.check_fields(fields, is_new)
  if type(fields) ~= "table" then return nil, "no table of fields" end
  for key, value in pairs(fields) do
    local allowed = KIND[key] and not OURS[key] and (is_new or not NEW_ONLY[key])
      or is_new and NEW_ONLY[key]
    if not allowed then
      local hint = OURS[key] and " (it is set by what is done with an issue)"
        or wrapix.nearest.hint(tostring(key), known_names(is_new))
      return nil, ("%s: no field that can be given%s"):format(wrapix.path.show(tostring(key)), hint)
    end
    if value ~= wrapix.json.null and not M.is_empty(key, value) then
      local ok, reason = M.check_field(key, value)
      if not ok then return nil, reason end
      -- Lists from elsewhere may have such titles: what is read is not refused for it.
      if key == "title" and value:find("\n", 1, true) then return nil, "title: is more than one line" end
    elseif (key == "title" or key == "status" or key == "priority") then
      return nil, key .. ": is empty"
    end
  end
  if is_new and fields.title == nil then return nil, "title: is missing" end
  return true
end

local STATUSES = { open = true, in_progress = true, blocked = true, deferred = true, closed = true,
  pinned = true, hooked = true }

--- Whether a status is one of beads, or of this list. Words of one's own are legal; what
--- nobody else has is rather a slip of the pen, and its issue would never be worked on.
---@param status string?
---@param all fun(): ralph.Entry[] called where the word is none of beads
---@return true|nil
---@return string? reason
---@return string? code "EINVAL"
---@return string? hint
function M.check_status(status, all)
  if status == nil or STATUSES[status] then return true end
  for _, entry in ipairs(all()) do
    if entry.status == status then return true end
  end
  return nil, ("status: no issue has the status %s%s"):format(wrapix.path.show(status),
    wrapix.nearest.hint(status, STATUSES)), "EINVAL", "open, in_progress, blocked, deferred, closed"
end

--- A deep copy; marks of arrays stay.
---@param value any
---@return any
function M.copy(value)
  if type(value) ~= "table" then return value end
  local out = {}
  for key, inner in pairs(value) do out[key] = M.copy(inner) end
  return wrapix.json.is_array(value) and wrapix.json.array(out) or out
end

--- Whether an issue has a label.
---@param issue table
---@param label string
---@return boolean
function M.has_label(issue, label)
  for _, one in ipairs(issue.labels or {}) do
    if one == label then return true end
  end
  return false
end

--- What Ralph keeps with an issue; an empty table where there is nothing.
---@param issue table
---@return table
function M.wrapix(issue)
  local metadata = issue.metadata
  local own = type(metadata) == "table" and metadata.wrapix
  return type(own) == "table" and own or {}
end

--- Whether an issue waits for a person.
---@param issue table
---@return boolean
function M.is_waiting(issue)
  if M.has_label(issue, M.WAITING) then return true end
  local own = M.wrapix(issue)
  local question = own.question
  return own.parked ~= nil or type(question) == "table" and question.answer == nil
end

return M
