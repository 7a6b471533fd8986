-- SPDX-License-Identifier: MIT
-- Calls of the program `bd`: words in, tables out. No other file knows its options. stdout
-- and stderr are never mixed, because bd warns on stderr; each call is limited in time. The
-- answer may be bare or in an envelope, which is announced to become the default.

local claims = require "ralph.tracker.claim"
local issues = require "ralph.tracker.issue"
local lines = require "ralph.tracker.lines"
local wrapix = require "wrapix"

local M = {}

local PATIENCE = 20 -- seconds
local LONGEST_OPTION = 100 << 10 -- the kernel takes 128 KiB in one word
local LARGEST = 64 << 20

---@class ralph.Bd
local Bd = {}
Bd.__index = Bd

local function fail(words, reason, code, hint)
  return nil, ("bd %s: %s"):format(words[1], reason), code, hint
end

-- Calling -------------------------------------------------------------------------------

local function first_line(text)
  return wrapix.log.clean((text or ""):match("^%s*([^\n]*)") or ""):sub(1, 400)
end

-- What bd says about a failure: JSON on one of the two streams, or a line on stderr.
local function reason_of(result)
  for _, text in ipairs({ result.stderr, result.stdout }) do
    for line in (text .. "\n"):gmatch("([^\n]*)\n") do
      local value = line:find("^%s*{") and wrapix.json.decode(line)
      if type(value) ~= "table" then value = line:find("^%s*{") and wrapix.json.decode(text) end
      if type(value) == "table" and type(value.error) == "string" then
        return wrapix.log.clean(value.error):sub(1, 400), value.hint
      end
    end
  end
  local line = result.stderr:match("Error:%s*([^\n]*)") or first_line(result.stderr)
  return line ~= "" and wrapix.log.clean(line) or ("ended with %s"):format(result.code or "a signal")
end

local function code_of(reason)
  local lower = reason:lower()
  if lower:find("not found", 1, true) or lower:find("no issue found", 1, true) then return "ENOENT" end
  if lower:find("cycle", 1, true) then return "ECYCLE" end
  return "EBD"
end

--- Runs bd to its end.
---@param words string[]
---@return string? stdout
---@return string? message
---@return string? code "ETIMEDOUT", "ENOENT", "EBD"
---@return string? hint
function Bd:run(words)
  for _, word in ipairs(words) do
    if #word > LONGEST_OPTION then
      return fail(words, ("a text of %d bytes is too long for bd"):format(#word), "EFBIG")
    end
  end
  local argv = table.move(words, 1, #words, #self._argv + 1, { table.unpack(self._argv) })
  local result, message, code = wrapix.proc.run(argv, { cwd = self._root, env = self._env,
    stdin = "null", timeout = self._timeout, max_output = LARGEST })
  if not result then
    local hint = code == "ENOENT" and 'install beads, or use the list of ralph: tracker = "embedded"'
    return fail(words, message, code, hint or nil)
  elseif result.timed_out then
    return fail(words, ("has not answered within %g seconds"):format(self._timeout), "ETIMEDOUT",
      "look whether its database server is well: `bd doctor`")
  elseif result.code ~= 0 then
    local reason, hint = reason_of(result)
    return fail(words, reason, code_of(reason), type(hint) == "string" and hint or nil)
  elseif result.truncated then
    return fail(words, "its answer is larger than 64 MiB", "EFBIG")
  end
  return result.stdout
end

--- Runs bd with --json.
---@param words string[]
---@return any value
---@return string? message
---@return string? code "EBADMSG" for what is no JSON
---@return string? hint
function Bd:call(words)
  local with_json = table.move(words, 1, #words, 1, {})
  table.insert(with_json, 2 + (words[1] == "dep" and 1 or 0) + (words[1] == "comments" and 1 or 0),
    "--json")
  local text, message, code, hint = self:run(with_json)
  if not text then return nil, message, code, hint end
  local value
  value, message = wrapix.json.decode(text)
  if message then
    return fail(words, "its answer is no JSON: " .. first_line(text), "EBADMSG")
  end
  if type(value) == "table" and value.schema_version ~= nil and value.data ~= nil then
    value = value.data
  end
  return value
end

-- Issues --------------------------------------------------------------------------------

local DERIVED = { "dependency_count", "dependent_count", "comment_count", "parent", "dependents",
  "schema_version", "epic_total_children", "epic_closed_children", "epic_closeable", "_type" }

-- `bd show` lists the issues depended on, where lists and exports have the dependencies.
local function plain_deps(issue)
  for i, dep in ipairs(type(issue.dependencies) == "table" and issue.dependencies or {}) do
    if type(dep) == "table" and dep.depends_on_id == nil and dep.id ~= nil then
      issue.dependencies[i] = { issue_id = issue.id, depends_on_id = dep.id,
        type = dep.dependency_type or "blocks", created_at = issue.created_at }
    end
  end
end

local function normalize(issue)
  if type(issue) ~= "table" then return nil, "is no issue" end
  plain_deps(issue)
  for _, key in ipairs(DERIVED) do issue[key] = nil end
  local ok, reason = issues.check(issue)
  if not ok then return nil, reason end
  return issues.arrange(issue)
end

--- Issues of an answer, which may be a list or a single one.
---@param words string[]
---@return table[]|nil
---@return string? message
---@return string? code
---@return string? hint
function Bd:issues(words)
  local value, message, code, hint = self:call(words)
  if message then return nil, message, code, hint end
  if type(value) ~= "table" then return fail(words, "its answer is no issue", "EBADMSG") end
  if not wrapix.json.is_array(value) then value = { value } end
  for i, issue in ipairs(value) do
    local plain, reason = normalize(issue)
    if not plain then return fail(words, "its answer holds " .. reason, "EBADMSG") end
    value[i] = plain
  end
  return value
end

--- All issues.
---@return table[]|nil
---@return string? message
---@return string? code
---@return string? hint
function Bd:export()
  local words = { "export" }
  local text, message, code, hint = self:run(words)
  if not text then return nil, message, code, hint end
  local list, number = {}, 0
  for line in text:gmatch("[^\n]+") do
    number = number + 1
    local issue, reason = lines.decode(line)
    if reason then return fail(words, ("line %d: %s"):format(number, reason), "EBADMSG") end
    if issue then list[#list + 1] = normalize(issue) end
  end
  return list
end

-- Changes -------------------------------------------------------------------------------

--- Fields as options, for create and update.
M.OPTIONS = { title = "title", description = "description", design = "design", notes = "notes",
  acceptance_criteria = "acceptance", issue_type = "type", assignee = "assignee",
  spec_id = "spec-id", external_ref = "external-ref", due_at = "due", defer_until = "defer" }

local function label_options(old, new, words)
  local before, after = {}, {}
  for _, label in ipairs(old or {}) do before[label] = true end
  for _, label in ipairs(new or {}) do
    after[label] = true
    if not before[label] then words[#words + 1] = "--add-label=" .. label end
  end
  for _, label in ipairs(old or {}) do
    if not after[label] then words[#words + 1] = "--remove-label=" .. label end
  end
end

-- What must be said to make one issue the other.
local function difference(old, new)
  local words = {}
  for field, option in pairs(M.OPTIONS) do
    if old[field] ~= new[field] then
      words[#words + 1] = ("--%s=%s"):format(option, new[field] or "")
    end
  end
  if old.priority ~= new.priority then words[#words + 1] = "--priority=" .. new.priority end
  label_options(old.labels, new.labels, words)
  local before = wrapix.json.encode(old.metadata or {})
  local after = wrapix.json.encode(new.metadata or {})
  if before ~= after then words[#words + 1] = "--metadata=" .. after end
  if old.status ~= new.status and new.status ~= "closed" then
    words[#words + 1] = "--status=" .. new.status
  end
  table.sort(words)
  return words
end

local function push_comments(bd, old, new)
  local known = {}
  for _, comment in ipairs(old.comments or {}) do known[tostring(comment.id)] = true end
  for _, comment in ipairs(new.comments or {}) do
    if not known[tostring(comment.id)] then
      local ok, message, code, hint = bd:call({ "comments", "add",
        "--author=" .. (comment.author or claims.user()), "--", new.id, comment.text })
      if not ok then return nil, message, code, hint end
    end
  end
  return true
end

--- Tells bd what has become of an issue: fields first, closing last.
---@param old table as bd has it
---@param new table
---@return table|nil issue as bd has it then
---@return string? message
---@return string? code
---@return string? hint
function Bd:push(old, new)
  local words = difference(old, new)
  local ok, message, code, hint = push_comments(self, old, new)
  if ok and #words > 0 then
    table.insert(words, 1, new.id)
    table.insert(words, 1, "update")
    ok, message, code, hint = self:call(words)
  end
  if ok and new.status == "closed" and old.status ~= "closed" then
    local close = { "close" }
    if new.close_reason then close[2] = "--reason=" .. new.close_reason end
    close[#close + 1] = new.id
    ok, message, code, hint = self:call(close)
  end
  if not ok then return nil, message, code, hint end
  local list
  list, message, code, hint = self:issues({ "show", "--include-comments", new.id })
  if not list then return nil, message, code, hint end
  return list[1]
end

--- A way to call bd.
---@param root string where it runs
---@param how { argv: string[]?, env: table?, timeout: number? }? the program itself, its environment
---@return ralph.Bd
function M.new(root, how)
  how = how or {}
  return setmetatable({ _root = root, _argv = how.argv or { "bd" }, _env = how.env,
    _timeout = how.timeout or PATIENCE }, Bd)
end

return M
