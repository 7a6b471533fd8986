-- SPDX-License-Identifier: MIT
-- Which issues can be worked on, in which order, and why another cannot: what beads
-- means by ready, less what holds other issues and what waits for a person. Pure, over
-- entries; `source` has get(id) → entry and children(id) → entries.

local entries = require "ralph.tracker.entries"
local graph = require "ralph.lazy" "ralph.tracker.graph"
local issues = require "ralph.tracker.issue"
local wrapix = require "wrapix"

local M = {}

---@class ralph.Reason
---@field kind "closed"|"claimed"|"status"|"pinned"|"ephemeral"|"template"|"container"|"deferred"|"waiting"|"blocked"|"parent"|"missing"|"cycle"
---@field id string? of the issue that is the reason
---@field text string

---@class ralph.Source
---@field get fun(id: string): ralph.Entry?
---@field children fun(id: string): ralph.Entry[]
---@field state (fun(id: string): string?)? letter of entries.state, where that is known
---@field now string as times.key

local function count_children(id, source)
  local active, closed = nil, 0
  for _, child in ipairs(source.children(id)) do
    if child.status == "closed" then
      closed = closed + 1
    elseif not entries.is_settled(child.status) then
      active = active or child
    end
  end
  return active, closed
end

-- Why one dependency blocks; nil when it does not. Each gets the entry it is on.
local BLOCKS = {}

function BLOCKS.b(on)
  if not entries.is_settled(on.status) then return ("waits for %s, which is %s"):format(on.id, on.status) end
end

function BLOCKS.c(on)
  if not entries.is_settled(on.status) then
    return ("is done only when %s fails, which is %s"):format(on.id, on.status)
  elseif on.status == "closed" and not entries.has(on, "f") then
    return ("is done only when %s fails, which it has not"):format(on.id)
  end
end

function BLOCKS.w(on, source)
  local active = count_children(on.id, source)
  if active then
    return ("waits for all children of %s; %s is %s"):format(on.id, active.id, active.status)
  end
end

function BLOCKS.y(on, source)
  local active, closed = count_children(on.id, source)
  if active and closed == 0 then
    return ("waits for one of the children of %s; none is closed"):format(on.id)
  end
end

local is_blocked

-- A parent that blocks its children: told by the parent's own state, so that a circle of
-- parents, which a merge can make, ends.
local function is_parent_blocking(on, source, memo)
  return not entries.is_settled(on.status) and is_blocked(on, source, memo)
end

-- The states in which the two simple kinds of dependency block.
local BLOCKING_STATES = { b = { c = true, k = true }, c = { c = true, k = true, s = true } }

local function is_blocking(letter, id, source, memo)
  local quick = source.state and BLOCKING_STATES[letter]
  if quick then return quick[source.state(id) or ""] == true end
  local on = source.get(id)
  if not on then return false end
  if letter == "p" then return is_parent_blocking(on, source, memo) end
  return BLOCKS[letter] ~= nil and BLOCKS[letter](on, source) ~= nil
end

function is_blocked(entry, source, memo)
  local known = memo[entry.id]
  if known ~= nil then return known end
  memo[entry.id] = false
  for letter, id in entries.deps(entry) do
    if is_blocking(letter, id, source, memo) then
      memo[entry.id] = true
      return true
    end
  end
  return false
end

-- Whether an issue could be worked on if nothing blocked it.
local function is_free(entry, now)
  return entry.status == "open" and not issues.CONTAINERS[entry.type]
    and (entry.flags == "" or entry.flags == "f") and (entry.defer == "" or entry.defer <= now)
end

--- Whether an issue is ready.
---@param entry ralph.Entry
---@param source ralph.Source
---@param memo table<string, boolean>? shared by calls over the same state
---@return boolean
function M.is_ready(entry, source, memo)
  if not is_free(entry, source.now) then return false end
  return entry.deps == "" or not is_blocked(entry, source, memo or {})
end

-- Over an index: no more is read than what is wanted.
local function from_candidates(next_one, source, spec, limit)
  local ids, memo = {}, {}
  for entry in next_one do
    if #ids >= limit then return ids, true end
    if (not spec or entry.spec == spec) and M.is_ready(entry, source, memo) then
      ids[#ids + 1] = entry.id
    end
  end
  return ids, false
end

local function from_all(list, source, spec, limit)
  local found, memo = {}, {}
  for _, entry in ipairs(list) do
    if (not spec or entry.spec == spec) and M.is_ready(entry, source, memo) then
      found[#found + 1] = entry
    end
  end
  table.sort(found, entries.is_before)
  local ids = {}
  for i = 1, math.min(#found, limit) do ids[i] = found[i].id end
  return ids, #found > limit
end

--- Ids of what is ready: the most urgent first, then the oldest, then by id.
---@param view ralph.View
---@param opts { spec: string?, limit: integer? }?
---@return string[]
---@return boolean has_more there may be more than the limit
function M.list(view, opts)
  local spec = opts and opts.spec and entries.spec_word(opts.spec)
  local limit = opts and opts.limit or math.huge
  local source = view:source()
  local next_one, state = view:candidates()
  if not next_one then return from_all(view:entries(), source, spec, limit) end
  source.state = state
  return from_candidates(next_one, source, spec, limit)
end

-- Reasons -------------------------------------------------------------------------------

local FLAGS = { p = "pinned", e = "ephemeral", t = "template" }
local FLAG_TEXTS = { p = "is pinned: a note, no work", e = "is ephemeral",
  t = "is a template for others" }

-- `20260131180000…` as a person reads it.
local function moment(key)
  return (key:gsub("^(%d%d%d%d)(%d%d)(%d%d)(%d%d)(%d%d).*$", "%1-%2-%3 %4:%5 UTC"))
end

local function own_reasons(entry, source, add)
  if entry.status == "in_progress" then
    add("claimed", "is being worked on")
  elseif entry.status == "closed" then
    add("closed", "is closed")
  elseif entry.status ~= "open" then
    add("status", "is " .. entry.status)
  end
  if issues.CONTAINERS[entry.type] then
    add("container", ("is of type %s: it holds others and is no work itself"):format(entry.type))
  end
  for _, letter in ipairs({ "p", "e", "t" }) do
    if entries.has(entry, letter) then add(FLAGS[letter], FLAG_TEXTS[letter]) end
  end
  if entry.defer ~= "" and entry.defer > source.now then
    add("deferred", "is deferred until " .. moment(entry.defer))
  end
  if entries.has(entry, "w") then add("waiting", "waits for a person") end
end

local function dep_reason(letter, id, source, add, memo)
  local on = source.get(id)
  if not on then
    add("missing", ("depends on %s, which does not exist: that blocks nothing"):format(id), id)
  elseif letter == "p" then
    if is_parent_blocking(on, source, memo) then
      add("parent", ("its parent %s is blocked"):format(id), id)
    end
  else
    local text = BLOCKS[letter] and BLOCKS[letter](on, source)
    if text then add("blocked", text, id) end
  end
end

--- Why an issue is not ready; for one that is, only what may surprise.
---@param entry ralph.Entry
---@param source ralph.Source
---@return ralph.Reason[]
function M.reasons(entry, source)
  local list, memo = {}, {}
  local function add(kind, text, id) list[#list + 1] = { kind = kind, id = id, text = text } end
  own_reasons(entry, source, add)
  if entry.status ~= "closed" then
    for letter, id in entries.deps(entry) do dep_reason(letter, id, source, add, memo) end
  end
  return list
end

-- What a person is waited for, in words.
local function waiting_text(issue)
  local own = issues.wrapix(issue)
  local question = own.question
  if type(own.parked) == "string" then return "is put aside: " .. own.parked end
  if type(question) == "table" and question.answer == nil then
    return "waits for an answer: " .. tostring(question.text)
  end
  return ("has the label %s"):format(issues.WAITING)
end

local function claimed_text(issue)
  local own = issues.wrapix(issue)
  local text = "is being worked on"
  if issue.assignee then text = text .. " by " .. issue.assignee end
  if own.host then text = text .. " on " .. tostring(own.host) end
  return text
end

--- Why an issue is not ready, with what the issue itself says about it.
---@param issue table
---@param entry ralph.Entry
---@param source ralph.Source
---@return { id: string, ready: boolean, reasons: ralph.Reason[] }
function M.explain(issue, entry, source)
  local reasons = M.reasons(entry, source)
  for _, reason in ipairs(reasons) do
    if reason.kind == "waiting" then reason.text = waiting_text(issue) end
    if reason.kind == "claimed" then reason.text = claimed_text(issue) end
  end
  local way = graph.circle({ entry.id }, source.get)
  if way and entry.status ~= "closed" then
    reasons[#reasons + 1] = { kind = "cycle", id = way[1],
      text = "a circle of dependencies, as a merge can make one: " .. graph.show(way) }
  end
  return { id = entry.id, ready = M.is_ready(entry, source), reasons = wrapix.json.array(reasons) }
end

-- Counting ------------------------------------------------------------------------------

local function is_work(entry)
  return not issues.CONTAINERS[entry.type] and not entry.flags:find("[pet]")
end

local function count_open(entry, source, counts, memo)
  counts.open = counts.open + 1
  if entries.has(entry, "w") then
    counts.waiting = counts.waiting + 1
  elseif entry.defer ~= "" and entry.defer > source.now then
    counts.deferred = counts.deferred + 1
  elseif M.is_ready(entry, source, memo) then
    counts.ready = counts.ready + 1
  else
    counts.blocked = counts.blocked + 1
  end
end

-- What is neither done nor to be done now has a status of its own, or is blocked: a status
-- that nobody here knows must not make an issue look done.
local OWN_COUNT = { in_progress = "in_progress", closed = "closed", deferred = "deferred" }

--- How many issues there are that are work: `open` are ready, blocked, waiting or
--- deferred; blocked and deferred are also those with that status.
---@param list ralph.Entry[]
---@param source ralph.Source
---@param spec string?
---@return table<string, integer>
function M.count(list, source, spec)
  local counts = { open = 0, in_progress = 0, blocked = 0, closed = 0, ready = 0, waiting = 0,
    deferred = 0 }
  local memo = {}
  local word = spec and entries.spec_word(spec)
  for _, entry in ipairs(list) do
    if is_work(entry) and (not word or entry.spec == word) then
      if entry.status == "open" then
        count_open(entry, source, counts, memo)
      elseif entry.status == "closed" or not entries.is_settled(entry.status) then
        local name = OWN_COUNT[entry.status] or "blocked"
        counts[name] = counts[name] + 1
      end
    end
  end
  return counts
end

return M
