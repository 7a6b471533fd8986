-- SPDX-License-Identifier: MIT
-- The tracker of the program `bd`: the same functions as the embedded one, each made of
-- calls of bd. What bd cannot do in one step is done under a lock of this host.

local caller = require "ralph.tracker.bd_call"
local changes = require "ralph.tracker.changes"
local edits = require "ralph.tracker.edits"
local claims = require "ralph.tracker.claim"
local entries = require "ralph.tracker.entries"
local graph = require "ralph.tracker.graph"
local issues = require "ralph.tracker.issue"
local names = require "ralph.names"
local plans = require "ralph.tracker.bd_add"
local ready = require "ralph.tracker.ready"
local times = require "ralph.tracker.times"
local wrapix = require "wrapix"

local M = {}

local LOCK_PATIENCE = 5 -- seconds

local Tracker = {}
Tracker.__index = Tracker

local function fail(object, reason, code, hint)
  return nil, ("issues: %s: %s"):format(wrapix.path.show(object), reason), code or "EINVAL", hint
end

-- Reading -------------------------------------------------------------------------------

-- A view over all issues, for what bd does not tell.
local function view_of(list)
  local map, all, children = {}, {}, nil
  for i, issue in ipairs(list) do
    all[i] = entries.of(issue)
    map[issue.id] = all[i]
  end
  local function load_children()
    children = {}
    for _, entry in ipairs(all) do
      for letter, on in entries.deps(entry) do
        if letter == "p" then
          children[on] = children[on] or {}
          table.insert(children[on], entry)
        end
      end
    end
  end
  return all, {
    get = function(id) return map[id] end,
    children = function(id)
      if not children then load_children() end
      return children[id] or {}
    end,
    now = assert(times.key(times.now())),
  }
end

local function in_order(list)
  local keys, of = {}, {}
  for _, issue in ipairs(list) do
    local key = entries.of(issue).order .. issue.id
    keys[#keys + 1], of[key] = key, issue
  end
  table.sort(keys)
  local out = wrapix.json.array()
  for i, key in ipairs(keys) do out[i] = of[key] end
  return out
end

local function matches(issue, filter)
  return (not filter.status or issue.status == filter.status)
    and (not filter.spec or issue.spec_id == filter.spec)
    and (not filter.type or (issue.issue_type or "task") == filter.type)
    and (not filter.label or issues.has_label(issue, filter.label))
end

function Tracker:all(filter)
  local list, message, code, hint = self._bd:export()
  if not list then return nil, message, code, hint end
  local found = {}
  for _, issue in ipairs(list) do
    if matches(issue, filter or {}) then found[#found + 1] = issue end
  end
  return in_order(found)
end

function Tracker:get(id)
  local ok, message, code, hint = names.issue(id)
  if not ok then return nil, message, code, hint end
  local list
  list, message, code, hint = self._bd:issues({ "show", "--include-comments", id })
  if not list then return nil, message, code, hint end
  if not list[1] then return fail(id, "there is no such issue", "ENOENT") end
  return list[1]
end

local function is_wanted(issue, spec)
  return not issues.CONTAINERS[issue.issue_type or "task"] and not issues.is_waiting(issue)
    and (not spec or issue.spec_id == spec)
end

function Tracker:ready(opts)
  opts = opts or {}
  local types = {}
  for name in pairs(issues.CONTAINERS) do types[#types + 1] = name end
  table.sort(types)
  local list, message, code, hint = self._bd:issues({ "ready", "--limit=0",
    "--exclude-type=" .. table.concat(types, ","), "--exclude-label=" .. issues.WAITING })
  if not list then return nil, message, code, hint end
  local found = {}
  for _, issue in ipairs(list) do
    if is_wanted(issue, opts.spec) then found[#found + 1] = issue end
  end
  found = in_order(found)
  local limit = opts.limit or #found
  local has_more = #found > limit
  for i = #found, limit + 1, -1 do found[i] = nil end
  return found, has_more
end

function Tracker:why(id)
  local issue, message, code, hint = self:get(id)
  if not issue then return nil, message, code, hint end
  local list
  list, message, code, hint = self:all()
  if not list then return nil, message, code, hint end
  local _, source = view_of(list)
  return ready.explain(issue, source.get(issue.id) or entries.of(issue), source)
end

function Tracker:counts(filter)
  local list, message, code, hint = self:all()
  if not list then return nil, message, code, hint end
  local all, source = view_of(list)
  return ready.count(all, source, filter and filter.spec)
end

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

local function lock(tracker)
  local ok, message, code = wrapix.fs.ensure_dir(tracker._state, tonumber("700", 8))
  if not ok then return fail("bd", message, code) end
  local held
  held, message, code = wrapix.fs.lock(tracker._state .. "/tracker.lock", { wait = LOCK_PATIENCE })
  if held then return held end
  return fail("bd", message, code == "EAGAIN" and "EBUSY" or code)
end

-- Changes one issue: fn changes a copy, what is different is told to bd.
local function change(tracker, id, fn)
  local held <close>, message, code, hint = lock(tracker)
  if not held then return nil, message, code, hint end
  local old
  old, message, code, hint = tracker:get(id)
  if not old then return nil, message, code, hint end
  local new = issues.copy(old)
  local ok, why, what, advice = fn(new)
  if ok == nil then return fail(old.id, why, what, advice) end
  return tracker._bd:push(old, new)
end

function Tracker:add(fields)
  local list, message, code, hint = self:add_all({ fields })
  if not list then return nil, message, code, hint end
  return list[1]
end

function Tracker:add_all(list)
  local held <close>, message, code, hint = lock(self)
  if not held then return nil, message, code, hint end
  return plans.add(self._bd, list)
end

function Tracker:update(id, fields)
  return change(self, id, function(issue)
    local ok, reason = issues.check_fields(fields, false)
    if not ok then return nil, reason end
    return changes.apply(issue, fields, changes.now())
  end)
end

-- bd takes a second claim of the same user for the first one, so what is there is looked
-- at first, under a lock that all processes of this host take.
local function claim_locked(tracker, id, claim)
  local issue, message, code, hint = tracker:get(id)
  if not issue then return nil, message, code, hint end
  if changes.is_own(issue, claim) then return issue end
  if issue.status == "in_progress" then
    return fail(issue.id, "is being worked on" .. (issue.assignee and " by " .. issue.assignee or ""),
      "ECLAIMED")
  end
  local why
  why, message, code, hint = tracker:why(issue.id)
  if not why then return nil, message, code, hint end
  if not why.ready then return fail(issue.id, why.reasons[1].text, "ENOTREADY") end
  local list
  list, message, code, hint = tracker._bd:issues({ "update", issue.id, "--claim" })
  if not list then
    local now = tracker:get(issue.id)
    if now and (now.assignee or now.status ~= "open") then
      return fail(issue.id, "belongs to " .. tostring(now.assignee), "ECLAIMED")
    end
    return nil, message, code, hint
  end
  local claimed = tracker:get(issue.id)
  local new = issues.copy(claimed)
  changes.claim(new, { user = claimed.assignee, owner = claim.owner, host = claim.host },
    changes.now())
  return tracker._bd:push(claimed, new)
end

function Tracker:claim(id, owner)
  local word, message, code = claims.word(owner)
  if word == nil then return nil, message, code end
  local held <close>, why, what, hint = lock(self)
  if not held then return nil, why, what, hint end
  return claim_locked(self, id, { user = claims.user(), owner = word, host = claims.host() })
end

function Tracker:release(id, fields)
  return change(self, id, function(issue)
    local ok, reason = issues.check_fields(fields or {}, false)
    if not ok then return nil, reason end
    changes.release(issue, fields, changes.now())
    return true
  end)
end

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

function Tracker:dep(id, on, kind)
  kind = kind or "blocks"
  local issue, message, code, hint = self:get(id)
  if not issue then return nil, message, code, hint end
  local other
  other, message, code, hint = self:get(on)
  if not other then return nil, message, code, hint end
  local ok, reason, what, advice = graph.add(issues.copy(issue), other.id, kind, claims.user(),
    changes.now())
  if not ok then return fail(issue.id, reason, what, advice) end
  ok, message, code, hint = self._bd:call({ "dep", "add", "--type=" .. kind, issue.id, other.id })
  if not ok then
    return nil, message, message:find("cycle", 1, true) and "ECYCLE" or code, hint
  end
  return true
end

function Tracker:undep(id, on)
  local issue, message, code, hint = self:get(id)
  if not issue then return nil, message, code, hint end
  local other = self:get(on)
  local ok, reason, what = graph.remove(issues.copy(issue), other and other.id or on, changes.now())
  if not ok then return fail(issue.id, reason, what) end
  ok, message, code, hint = self._bd:call({ "dep", "remove", issue.id, other and other.id or on })
  if not ok then return nil, message, code, hint end
  return true
end

-- The whole -----------------------------------------------------------------------------

function Tracker:import(text) return plans.import(self._bd, self._state, text) end

function Tracker:export(filter)
  local list, message, code, hint = self:all(filter)
  if not list then return nil, message, code, hint end
  return require("ralph.tracker.transfer").export(list)
end

-- The list of bd is no file of the workspace that somebody could edit.
function Tracker.guard() return { check = function() return true end } end

--- Opens the list that bd keeps for a project.
---@param project { root: string, dirs: { state: string }, bd: { argv: string[]?, env: table?, timeout: number? }? }
---@return ralph.Tracker
function M.open(project)
  return setmetatable({ kind = "bd", _state = project.dirs.state,
    _bd = caller.new(project.root, project.bd) }, Tracker)
end

return M
