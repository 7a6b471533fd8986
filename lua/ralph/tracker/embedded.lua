-- SPDX-License-Identifier: MIT
-- The tracker in a file: `.wrapix/issues.jsonl`, one issue a line as beads writes them.
-- Each change reads the file, decides and writes it under one lock, so what it decides
-- on is what is there.

local changes = require "ralph.tracker.changes"
local edits = require "ralph.tracker.edits"
local claims = require "ralph.tracker.claim"
local graph = require "ralph.lazy" "ralph.tracker.graph"
local issues = require "ralph.tracker.issue"
local names = require "ralph.names"
local ready = require "ralph.tracker.ready"
local stores = require "ralph.tracker.store"
local wrapix = require "wrapix"

local M = {}

-- Loaded when they are used: most starts of the program only look.
local function adding() return require "ralph.tracker.adding" end
local function transfer() return require "ralph.tracker.transfer" end

---@class ralph.Tracker
---@field kind "embedded"|"bd"
local Tracker = {}
Tracker.__index = Tracker

local function fail(object, reason, code, hint)
  return nil, ("issues: %s: %s"):format(wrapix.path.show(object), reason), code or "EINVAL", hint
end

-- Finding -------------------------------------------------------------------------------

-- The id that a word means: itself, or the one that begins with it.
local function resolve(view, word)
  local ok, message, code, hint = names.issue(word)
  if not ok then return nil, message, code, hint end
  if view:has(word) then return word end
  local found = view:beginning(word)
  if #found == 1 then return found[1] end
  if #found == 0 then
    return fail(word, "there is no such issue", "ENOENT", "`ralph issue list --all` shows the ids")
  end
  return fail(word, ("is the beginning of several ids: %s, %s, …"):format(found[1], found[2]),
    "EINVAL", "give more of the id")
end

local function find(view, word)
  local id, message, code, hint = resolve(view, word)
  if not id then return nil, message, code, hint end
  return view:issue(id)
end

-- Reading -------------------------------------------------------------------------------

local FILTERS = { status = true, spec = true, label = true, type = true }

local function check_filter(filter)
  for key in pairs(filter or {}) do
    if not FILTERS[key] then
      error(("tracker: unknown filter '%s'"):format(tostring(key)), 3)
    end
  end
  return filter or {}
end

local function matches(entry, filter)
  return (not filter.status or entry.status == filter.status)
    and (not filter.type or entry.type == filter.type)
end

--- All issues, in the order in which they would be done.
---@param filter { status: string?, spec: string?, label: string?, type: string? }?
---@return table[]|nil
---@return string? message
---@return string? code
---@return string? hint
function Tracker:all(filter)
  filter = check_filter(filter)
  return self._store:look(function(view)
    local keys, of = {}, {}
    for _, entry in ipairs(filter.status and view:with_status(filter.status) or view:entries()) do
      if matches(entry, filter) then
        local key = entry.order .. entry.id
        keys[#keys + 1], of[key] = key, entry.id
      end
    end
    table.sort(keys)
    local ids, list = {}, wrapix.json.array()
    for i, key in ipairs(keys) do ids[i] = of[key] end
    for _, issue in ipairs(view:issues(ids)) do
      if (not filter.spec or issue.spec_id == filter.spec)
        and (not filter.label or issues.has_label(issue, filter.label)) then
        list[#list + 1] = issue
      end
    end
    return list
  end)
end

--- One issue.
---@param id string or a unique beginning of it
---@return table|nil
---@return string? message
---@return string? code "ENOENT"
---@return string? hint
function Tracker:get(id)
  return self._store:look(function(view) return find(view, id) end)
end

--- What can be worked on: the most urgent first, then the oldest, then by id.
---@param opts { spec: string?, limit: integer? }?
---@return table[]|nil
---@return boolean|string|nil has_more whether there may be more than the limit; or the message
---@return string? code
---@return string? hint
function Tracker:ready(opts)
  return self._store:look(function(view)
    local ids, has_more = ready.list(view, opts)
    return view:issues(ids), has_more
  end)
end

--- Why an issue is not ready. An issue that is can have reasons too: what one might
--- wonder about, such as a dependency on nothing.
---@param id string
---@return { id: string, ready: boolean, reasons: ralph.Reason[] }|nil
---@return string? message
---@return string? code
---@return string? hint
function Tracker:why(id)
  return self._store:look(function(view)
    local issue, message, code, hint = find(view, id)
    if not issue then return nil, message, code, hint end
    return ready.explain(issue, view:entry(issue.id), view:source())
  end)
end

--- How many issues there are that are work, by what becomes of them. Issues that hold
--- others, templates, pinned and ephemeral ones are not counted.
---@param filter { spec: string? }?
---@return { open: integer, in_progress: integer, blocked: integer, closed: integer, ready: integer, waiting: integer, deferred: integer }|nil
---@return string? message
---@return string? code
---@return string? hint
function Tracker:counts(filter)
  filter = check_filter(filter)
  return self._store:look(function(view)
    return ready.count(view:entries(), view:source(), filter.spec)
  end)
end

--- Issues in progress for a process of this host that is dead.
---@return table[]|nil
---@return string? message
---@return string? code
---@return string? hint
function Tracker:orphans()
  local list, message, code, hint = self:all({ status = "in_progress" })
  if not list then return nil, message, code, hint end
  local host, found = claims.host(), wrapix.json.array()
  for _, issue in ipairs(list) do
    if claims.is_orphan(issue, host) then found[#found + 1] = issue end
  end
  return found
end

-- Changing ------------------------------------------------------------------------------

local function put(view, issue)
  local ok, message, code = view:put(issue)
  if not ok then return fail(issue.id, message, code) end
  return issue
end

-- Who has an issue is a process of this start of the machine, and need not outlive it: after a
-- power cut the issue is open, or its owner is dead. Only the list must be whole.
local PASSING = "content"

-- Changes one issue: fn gets a table of its own and returns nil and why not to refuse.
local function change(tracker, id, fn, sync)
  return tracker._store:change(function(view)
    local issue, message, code, hint = find(view, id)
    if not issue then return nil, message, code, hint end
    local ok, why, what, advice = fn(issue, view)
    if ok == nil then return fail(issue.id, why, what, advice) end
    return put(view, issue)
  end, sync)
end

--- Adds an issue: fields as beads names them; also `parent`, an id, and `needs`, a list
--- of ids.
---@param fields table
---@return table|nil issue
---@return string? message
---@return string? code "EINVAL", "ENOENT", "EEXIST"
---@return string? hint
function Tracker:add(fields)
  local list, message, code, hint = self:add_all({ fields })
  if not list then return nil, message, code, hint end
  return list[1]
end

--- Adds many, or none of them. An entry with a `key` can be named by it in the `needs`
--- and as the `parent` of others.
---@param list table[]
---@return table[]|nil issues in the order given
---@return string? message
---@return string? code "EINVAL", "ENOENT", "EEXIST", "ECYCLE"
---@return string? hint
function Tracker:add_all(list)
  return self._store:change(function(view)
    return adding().add(view, list, { user = claims.user(), name = wrapix.path.basename(self._root) })
  end)
end

--- Changes fields; `metadata` is merged, json.null removes.
---@param id string
---@param fields table
---@return table|nil issue
---@return string? message
---@return string? code
---@return string? hint
function Tracker:update(id, fields)
  return change(self, id, function(issue, view)
    local ok, reason, code, hint = issues.check_fields(fields, false)
    if ok then
      ok, reason, code, hint = issues.check_status(fields.status, function() return view:entries() end)
    end
    if not ok then return nil, reason, code, hint end
    return changes.apply(issue, fields, changes.now())
  end)
end

-- Why an issue cannot be claimed; nil when it can.
local function claim_refusal(issue, view, claim)
  if issue.status == "in_progress" then
    return "is being worked on" .. (issue.assignee and " by " .. issue.assignee or ""), "ECLAIMED",
      ("`ralph issue show %s` tells by whom"):format(issue.id)
  end
  local reasons = ready.reasons(view:entry(issue.id), view:source())
  for _, reason in ipairs(reasons) do
    if reason.kind ~= "missing" then
      return reason.text, "ENOTREADY", ("`ralph issue why %s` tells more"):format(issue.id)
    end
  end
  if issue.assignee and issue.assignee ~= claim.user then
    return "is assigned to " .. issue.assignee, "ECLAIMED",
      ("take it off: `ralph issue update %s --assignee ''`"):format(issue.id)
  end
end

--- Takes an issue: in progress, by this user, for a process. To take it again for the
--- same is no failure.
---@param id string
---@param owner wrapix.Owner|string|false|nil whose end gives it back; this process; false: none
---@return table|nil issue
---@return string? message
---@return string? code "ECLAIMED" when another has it, "ENOTREADY"
---@return string? hint
function Tracker:claim(id, owner)
  local word, message, code = claims.word(owner)
  if word == nil then return nil, message, code end
  local claim = { user = claims.user(), owner = word, host = claims.host() }
  return change(self, id, function(issue, view)
    if changes.is_own(issue, claim) then return true end
    local refusal, what, hint = claim_refusal(issue, view, claim)
    if refusal then return nil, refusal, what, hint end
    changes.claim(issue, claim, changes.now())
    return true
  end, word and PASSING or nil)
end

--- Gives an issue back: open, without an owner.
---@param id string
---@param fields table? as of update
---@return table|nil issue
---@return string? message
---@return string? code
---@return string? hint
function Tracker:release(id, fields)
  return change(self, id, function(issue)
    if fields then
      local ok, reason = issues.check_fields(fields, false)
      if not ok then return nil, reason end
    end
    changes.release(issue, fields, changes.now())
    return true
  end, not fields and PASSING or nil)
end

--- Closes an issue; one that is closed already stays as it is.
---@param id string
---@param reason string?
---@return table|nil issue
---@return string? message
---@return string? code
---@return string? hint
function Tracker:close(id, reason)
  return change(self, id, function(issue)
    if issue.status == "closed" then return true end
    if reason and reason ~= "" then
      local ok, why = issues.check_field("close_reason", reason)
      if not ok then return nil, why end
    end
    changes.close(issue, reason, changes.now())
    return true
  end)
end

edits.give(Tracker, change)

-- Dependencies --------------------------------------------------------------------------

--- Makes one issue depend on another.
---@param id string
---@param on string
---@param kind string? "blocks"; any word of beads
---@return true|nil
---@return string? message
---@return string? code "ECYCLE", "EEXIST", "ENOENT"
---@return string? hint
function Tracker:dep(id, on, kind)
  kind = kind or "blocks"
  return self._store:change(function(view)
    local issue, message, code, hint = find(view, id)
    if not issue then return nil, message, code, hint end
    local other
    other, message, code, hint = resolve(view, on)
    if not other then return nil, message, code, hint end
    local ok, reason, what, advice = graph.add(issue, other, kind, claims.user(), changes.now())
    if not ok then return fail(issue.id, reason, what, advice) end
    ok, message, code = put(view, issue)
    if not ok then return nil, message, code end
    local way = graph.is_blocking(kind) and graph.circle({ issue.id },
      function(one) return view:entry(one) end)
    if way then
      return fail(issue.id, "would wait for itself: " .. graph.show(way), "ECYCLE")
    end
    return true
  end)
end

--- Takes a dependency away.
---@param id string
---@param on string
---@return true|nil
---@return string? message
---@return string? code "ENOENT"
---@return string? hint
function Tracker:undep(id, on)
  local ok, message, code, hint = change(self, id, function(issue, view)
    -- What does not exist may be depended on as well, and is named in full.
    return graph.remove(issue, resolve(view, on) or on, changes.now())
  end)
  if not ok then return nil, message, code, hint end
  return true
end

-- The whole -----------------------------------------------------------------------------

--- Reads what beads exports: issues are added, or replaced by id; all or nothing.
---@param text string
---@return { created: integer, updated: integer, skipped: integer, ids: string[] }|nil
---@return string? message
---@return string? code
---@return string? hint
function Tracker:import(text)
  return self._store:change(function(view)
    return transfer().import(view, text, { user = claims.user(), now = changes.now(),
      name = wrapix.path.basename(self._root) })
  end)
end

--- The issues as beads exports them.
---@param filter table? as of all
---@return string|nil text one issue a line
---@return string? message
---@return string? code
---@return string? hint
function Tracker:export(filter)
  local list, message, code, hint = self:all(filter)
  if not list then return nil, message, code, hint end
  return transfer().export(list)
end

--- Remembers the list as it is: guard:check() tells whether another than Ralph has
--- changed it since.
---@return ralph.Guard|nil
---@return string? message
---@return string? code
---@return string? hint
function Tracker:guard() return self._store:guard() end

--- Opens the list of a project.
---@param project { root: string, dirs: { state: string } }
---@return ralph.Tracker
function M.open(project)
  return setmetatable({ kind = "embedded", _root = project.root,
    _store = stores.new(project.root, project.dirs.state) }, Tracker)
end

return M
