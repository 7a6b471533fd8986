-- SPDX-License-Identifier: MIT
-- What is done with an issue, as changes of its table. Pure: the tables are changed, the
-- time is given. Both trackers use these; what is atomic about them is theirs.

local issues = require "ralph.tracker.issue"
local times = require "ralph.tracker.times"
local wrapix = require "wrapix"

local M = {}

local MOST_OPTIONS, LONGEST_OPTION = 20, 500

-- What Ralph keeps ----------------------------------------------------------------------

-- An empty table is taken away, so that an issue Ralph let go of looks as it did before.
local function drop_empty(issue)
  local metadata = issue.metadata
  if type(metadata) ~= "table" then return end
  if type(metadata.wrapix) == "table" and next(metadata.wrapix) == nil then
    metadata.wrapix = nil
    if next(metadata) == nil then issue.metadata = nil end
  end
end

local function set_own(issue, values)
  if type(issue.metadata) ~= "table" then issue.metadata = {} end
  local metadata = issue.metadata
  if type(metadata.wrapix) ~= "table" then metadata.wrapix = {} end
  for key, value in pairs(values) do
    if value == wrapix.json.null then value = nil end
    metadata.wrapix[key] = value
  end
  drop_empty(issue)
end

local function set_label(issue, label, wanted)
  local list = {}
  for _, one in ipairs(issue.labels or {}) do
    if one ~= label then list[#list + 1] = one end
  end
  if wanted then list[#list + 1] = label end
  issue.labels = #list > 0 and list or nil
end

-- The label says what the question and the parking say.
local function mark_waiting(issue)
  local own = issues.wrapix(issue)
  local question = own.question
  local asks = type(question) == "table" and question.answer == nil
  set_label(issue, issues.WAITING, own.parked ~= nil or asks)
end

local function give_back(issue)
  issue.assignee = nil
  set_own(issue, { owner = wrapix.json.null, host = wrapix.json.null })
end

-- Fields --------------------------------------------------------------------------------

local function is_object(value)
  return type(value) == "table" and not wrapix.json.is_array(value) and #value == 0
end

--- Puts one JSON object over another: objects in both are merged, null removes.
---@param into table changed
---@param from table
---@return table into
function M.merge(into, from)
  for key, value in pairs(from) do
    if value == wrapix.json.null then
      into[key] = nil
    elseif is_object(value) then
      into[key] = M.merge(is_object(into[key]) and into[key] or {}, value)
    else
      into[key] = issues.copy(value)
    end
  end
  return into
end

--- Sets the status, and what goes with it.
---@param issue table
---@param status string
---@param now string
function M.set_status(issue, status, now)
  if status == issue.status then return end
  if status == "closed" then
    issue.closed_at = now
  elseif issue.status == "closed" then
    issue.closed_at, issue.close_reason, issue.closed_by_session = nil, nil, nil
  end
  if status == "in_progress" then issue.started_at = now end
  issue.status = status
end

--- Puts checked fields into an issue.
---@param issue table
---@param fields table
---@param now string
---@return table issue
function M.apply(issue, fields, now)
  for key, value in pairs(fields) do
    if key == "metadata" and is_object(value) then
      issue.metadata = M.merge(is_object(issue.metadata) and issue.metadata or {}, value)
      drop_empty(issue)
    elseif key == "status" then
      M.set_status(issue, value, now)
    elseif value == wrapix.json.null or issues.is_empty(key, value) then
      issue[key] = nil
    else
      issue[key] = issues.copy(value)
    end
  end
  if fields.labels == nil then mark_waiting(issue) end
  issue.updated_at = now
  return issue
end

-- Acts ----------------------------------------------------------------------------------

---@class ralph.Claim
---@field user string
---@field owner string|false
---@field host string

--- Whether an issue is claimed by just this owner already.
---@param issue table
---@param claim ralph.Claim
---@return boolean
function M.is_own(issue, claim)
  local own = issues.wrapix(issue)
  return issue.status == "in_progress" and issue.assignee == claim.user
    and (own.owner or false) == claim.owner
end

--- Makes an issue that of an owner, in progress.
---@param issue table
---@param claim ralph.Claim
---@param now string
function M.claim(issue, claim, now)
  M.set_status(issue, "in_progress", now)
  issue.assignee, issue.updated_at = claim.user, now
  set_own(issue, { owner = claim.owner or wrapix.json.null,
    host = claim.owner and claim.host or wrapix.json.null })
end

--- Gives an issue back: open, without an owner.
---@param issue table
---@param fields table? checked
---@param now string
function M.release(issue, fields, now)
  M.set_status(issue, "open", now)
  give_back(issue)
  M.apply(issue, fields or {}, now)
end

--- Closes an issue; what it waited for or was put aside for counts no more.
---@param issue table
---@param reason string?
---@param now string
function M.close(issue, reason, now)
  M.set_status(issue, "closed", now)
  issue.close_reason = reason
  set_own(issue, { owner = wrapix.json.null, host = wrapix.json.null,
    parked = wrapix.json.null })
  set_label(issue, issues.WAITING, false)
  issue.updated_at = now
end

--- Opens an issue again, since a person wants that: what was counted against it is forgotten.
---@param issue table
---@param now string
function M.reopen(issue, now)
  M.set_status(issue, "open", now)
  give_back(issue)
  local question = issues.wrapix(issue).question
  local is_asking = type(question) == "table" and question.answer == nil
  set_own(issue, { parked = wrapix.json.null, attempts = wrapix.json.null,
    question = is_asking and wrapix.json.null or nil })
  set_label(issue, issues.WAITING, false)
  issue.updated_at = now
end

--- Puts an issue aside for a person.
---@param issue table
---@param why string
---@param now string
function M.park(issue, why, now)
  M.set_status(issue, "open", now)
  give_back(issue)
  set_own(issue, { parked = why })
  mark_waiting(issue)
  issue.updated_at = now
end

--- Gives an issue back with a question to a person.
---@param issue table
---@param question { text: string, options: string[]? } checked
---@param now string
function M.ask(issue, question, now)
  M.set_status(issue, "open", now)
  give_back(issue)
  local options = wrapix.json.array(issues.copy(question.options or {}))
  set_own(issue, { question = { text = question.text, options = options } })
  mark_waiting(issue)
  issue.updated_at = now
end

--- Answers the open question. Question and answer stay as a comment as well, because
--- the next question takes their place.
---@param issue table
---@param text string
---@param user string
---@param now string
function M.answer(issue, text, user, now)
  local question = issues.wrapix(issue).question
  question.answer = text
  set_own(issue, { attempts = wrapix.json.null })
  mark_waiting(issue)
  M.comment(issue, ("Question: %s\nAnswer: %s"):format(question.text, text), user, now)
end

local function uuid()
  local hex = assert(wrapix.sys.random_hex(16))
  return ("%s-%s-%s-%s-%s"):format(hex:sub(1, 8), hex:sub(9, 12), hex:sub(13, 16), hex:sub(17, 20),
    hex:sub(21))
end

--- Adds a comment.
---@param issue table
---@param text string
---@param author string
---@param now string
function M.comment(issue, text, author, now)
  issue.comments = issue.comments or wrapix.json.array()
  table.insert(issue.comments, { id = uuid(), issue_id = issue.id, author = author, text = text,
    created_at = now })
  issue.updated_at = now
end

-- Checks --------------------------------------------------------------------------------

--- Whether something can be asked.
---@param question any
---@return true|nil
---@return string? reason
function M.check_question(question)
  if type(question) ~= "table" then return nil, "question: text and options expected" end
  local ok, reason = issues.check_field("description", question.text)
  if not ok or not question.text:find("%S") then
    return nil, "question: " .. (reason or "is empty")
  end
  local options = question.options or {}
  if type(options) ~= "table" or #options > MOST_OPTIONS or next(options) ~= nil and #options == 0 then
    return nil, ("question: a list of at most %d options expected"):format(MOST_OPTIONS)
  end
  for i, option in ipairs(options) do
    if type(option) ~= "string" or not option:find("%S") or #option > LONGEST_OPTION
      or not utf8.len(option) then
      return nil, ("question: option %d: is no text of at most %d bytes"):format(i, LONGEST_OPTION)
    end
  end
  return true
end

--- Whether an issue has a question that nobody has answered.
---@param issue table
---@return boolean
function M.is_asking(issue)
  local question = issues.wrapix(issue).question
  return type(question) == "table" and type(question.text) == "string" and question.answer == nil
end

--- Why an issue cannot be answered, and what helps where it waits for something else.
---@param issue table without an open question
---@return nil
---@return string reason
---@return string code
---@return string hint
function M.no_question(issue)
  local hint = issues.is_waiting(issue) and ("`ralph issue reopen %s` has it tried again"):format(issue.id)
    or "`ralph answer` lists the questions"
  return nil, "has no open question", "ENOENT", hint
end

--- A new issue with what every issue has.
---@param fields table checked
---@param user string
---@param now string
---@return table issue without an id
function M.new(fields, user, now)
  local issue = { created_at = now, created_by = user, updated_at = now, status = "open",
    priority = 2, issue_type = "task" }
  for key, value in pairs(fields) do
    if key ~= "parent" and key ~= "needs" and key ~= "key" and key ~= "status"
      and not issues.is_empty(key, value) then
      issue[key] = issues.copy(value)
    end
  end
  if fields.status then M.set_status(issue, fields.status, now) end
  return issue
end

--- The moment of now, for callers that have none.
M.now = times.now

return M
