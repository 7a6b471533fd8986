-- SPDX-License-Identifier: MIT
-- Issues as beads exports and imports them. What an export adds for readers, counts and
-- the name of the parent, is made when written and dropped when read: it would be wrong
-- after the next change. Writes nothing by itself.

local adding = require "ralph.tracker.adding"
local idents = require "ralph.tracker.ids"
local issues = require "ralph.tracker.issue"
local lines = require "ralph.tracker.lines"
local wrapix = require "wrapix"

local M = {}

local DERIVED = { "_type", "dependency_count", "dependent_count", "comment_count", "parent",
  "schema_version" }

local function fail(number, reason, code, hint)
  return nil, ("import: line %d: %s"):format(number, reason), code or "EINVAL", hint
end

-- Importing -----------------------------------------------------------------------------

local function has_dep(issue, on)
  for _, dep in ipairs(issue.dependencies or {}) do
    if dep.depends_on_id == on then return true end
  end
  return false
end

local function use_parent(issue, parent, now)
  if type(parent) ~= "string" or parent == "" or has_dep(issue, parent) then return end
  issue.dependencies = issue.dependencies or {}
  table.insert(issue.dependencies, { issue_id = issue.id, depends_on_id = parent,
    type = "parent-child", created_at = now })
end

local function with_id(value, view, who)
  if value.id ~= nil and value.id ~= "" then return value.id end
  who.prefix = who.prefix or idents.common_prefix((function()
    local list = {}
    for i, entry in ipairs(view:entries()) do list[i] = entry.id end
    return list
  end)(), who.name)
  return idents.new(who.prefix, { title = tostring(value.title), created_by = who.user,
    created_at = tostring(value.created_at or who.now) }, view.count,
    function(id) return view:entry(id) ~= nil end)
end

-- One line → an issue, or nil alone for one that is left out.
local function read(text, number, view, who)
  local value, message = wrapix.json.decode(text)
  if message then return fail(number, (message:gsub("^json: line %d+, ", ""))) end
  if type(value) ~= "table" or wrapix.json.is_array(value) then
    return fail(number, "is no issue", nil, "one JSON object a line, as `bd export` writes them")
  end
  if value._type ~= nil and value._type ~= "issue" or value.status == "tombstone" then return nil end
  local parent = value.parent
  for _, key in ipairs(DERIVED) do value[key] = nil end
  if value.wisp ~= nil then value.ephemeral, value.wisp = value.wisp, nil end
  local code
  value.id, message, code = with_id(value, view, who)
  if not value.id then return fail(number, message, code) end
  local ok, reason = issues.check(value)
  if not ok then return fail(number, reason) end
  value.created_at = value.created_at or who.now
  value.updated_at = value.updated_at or value.created_at
  if value.status == "closed" then value.closed_at = value.closed_at or value.updated_at end
  use_parent(value, parent, value.created_at)
  return value
end

-- What others keep with an issue is not in an export of beads.
local function keep_foreign(issue, old)
  for key, value in pairs(old) do
    if not issues.is_known(key) and issue[key] == nil then issue[key] = value end
  end
end

local function take(issue, view, report)
  local old = view:has(issue.id) and view:line(issue.id)
  if old then keep_foreign(issue, view:issue(issue.id)) end
  local ok, message, code = view:put(issue)
  if not ok then return nil, message, code end
  if not old then
    report.created = report.created + 1
  elseif view:line(issue.id) ~= old then
    report.updated = report.updated + 1
  else
    report.skipped = report.skipped + 1
    return true
  end
  report.ids[#report.ids + 1] = issue.id
  return true
end

--- Puts the issues of an export into a view: added, or replaced by id.
---@param view ralph.View
---@param text string
---@param who { user: string, now: string, name: string }
---@return { created: integer, updated: integer, skipped: integer, ids: string[] }|nil
---@return string? message
---@return string? code
---@return string? hint
function M.import(view, text, who)
  view:entries()
  local report = { created = 0, updated = 0, skipped = 0, ids = wrapix.json.array() }
  local number = 0
  for line in (text:find("\n$") and text or text .. "\n"):gmatch("(.-)\r?\n") do
    number = number + 1
    if line:find("%S") then
      local issue, message, code, hint = read(line, number, view, who)
      if not issue and message then return nil, message, code, hint end
      if issue then
        local ok, why, what = take(issue, view, report)
        if not ok then return fail(number, why, what) end
      else
        report.skipped = report.skipped + 1
      end
    end
  end
  local ok, message, code = adding.check_circles(view, report.ids)
  if not ok then return nil, message, code end
  return report
end

-- Exporting -----------------------------------------------------------------------------

local function count_dependents(list)
  local counts = {}
  for _, issue in ipairs(list) do
    for _, dep in ipairs(issue.dependencies or {}) do
      counts[dep.depends_on_id] = (counts[dep.depends_on_id] or 0) + 1
    end
  end
  return counts
end

local function parent_of(issue)
  for _, dep in ipairs(issue.dependencies or {}) do
    if dep.type == "parent-child" then return dep.depends_on_id end
  end
end

--- Issues as an export of beads.
---@param list table[]
---@return string|nil
---@return string? message
---@return string? code
function M.export(list)
  local dependents, out = count_dependents(list), {}
  for _, issue in ipairs(list) do
    local line, message, code = lines.encode(issue)
    if not line then return nil, ("export: %s: %s"):format(issue.id, message), code end
    local parent = parent_of(issue)
    out[#out + 1] = ('{"_type":"issue",%s,"dependency_count":%d,"dependent_count":%d,'
      .. '"comment_count":%d%s}'):format(line:sub(2, -2), #(issue.dependencies or {}),
      dependents[issue.id] or 0, #(issue.comments or {}),
      parent and ',"parent":' .. wrapix.json.encode(parent) or "")
  end
  out[#out + 1] = ""
  return table.concat(out, "\n")
end

return M
