-- SPDX-License-Identifier: MIT
-- New issues in a view: ids, what they depend on, and that no circle comes of it. All of
-- a list or none. Writes nothing by itself.

local changes = require "ralph.tracker.changes"
local graph = require "ralph.tracker.graph"
local idents = require "ralph.tracker.ids"
local issues = require "ralph.tracker.issue"
local times = require "ralph.tracker.times"
local wrapix = require "wrapix"

local M = {}

local DEEPEST = 3

local function fail(object, reason, code, hint)
  return nil, ("issues: %s: %s"):format(wrapix.path.show(object), reason), code or "EINVAL", hint
end

-- How a message names an entry that has no id yet.
local function name_of(fields, i)
  local name = type(fields) == "table" and (fields.key or fields.id or fields.title)
  return type(name) == "string" and name:sub(1, 80) or "entry " .. i
end

local function ids_of(view)
  local list = {}
  for i, entry in ipairs(view:entries()) do list[i] = entry.id end
  return list
end

local function text_list(value)
  if type(value) ~= "table" then return false end
  for _, one in ipairs(value) do
    if type(one) ~= "string" then return false end
  end
  return #value > 0 or next(value) == nil
end

local function check(list)
  local keys = {}
  for i, fields in ipairs(list) do
    local ok, reason = issues.check_fields(fields, true)
    if not ok then return fail(name_of(fields, i), reason) end
    local key = fields.key
    if key ~= nil and type(key) ~= "string" then return fail(name_of(fields, i), "key: is no text") end
    if key and keys[key] then return fail(key, "two entries have this key") end
    if fields.needs ~= nil and not text_list(fields.needs) then
      return fail(name_of(fields, i), "needs: is no list of keys and ids")
    end
    if fields.parent ~= nil and type(fields.parent) ~= "string" then
      return fail(name_of(fields, i), "parent: is no key and no id")
    end
    if key then keys[key] = i end
  end
  return keys
end

-- The id of a child shows its parent, down to a depth.
local function child_id(batch, parent)
  local _, depth = parent:gsub("%.%d+", "")
  if depth >= DEEPEST then return nil end
  return idents.child(parent, batch.is_taken)
end

local assign

-- The id of what a word names: an entry of the list, or an issue that is there.
local function target(batch, word, i)
  local index = batch.keys[word]
  if index then return assign(batch, index) end
  if batch.view:entry(word) then return word end
  if batch.given[word] then return word end
  return fail(name_of(batch.list[i], i), ("there is no issue %s"):format(wrapix.path.show(word)),
    "ENOENT")
end

-- Gives an entry its id, those it is a child of first.
function assign(batch, i)
  local fields, issue = batch.list[i], batch.made[i]
  if issue.id then return issue.id end
  if batch.open[i] then
    return fail(name_of(fields, i), "is a parent of itself", "ECYCLE")
  end
  batch.open[i] = true
  local id, message, code
  if fields.parent then
    local parent, why, what, hint = target(batch, fields.parent, i)
    if not parent then return nil, why, what, hint end
    id = child_id(batch, parent)
  end
  if not id then
    id, message, code = idents.new(batch.prefix, issue, batch.view.count + #batch.list,
      batch.is_taken)
    if not id then return fail(name_of(fields, i), message, code) end
  end
  issue.id, batch.given[id] = id, true
  return id
end

local function use_given_ids(batch)
  for i, fields in ipairs(batch.list) do
    local id = fields.id
    if id then
      if batch.is_taken(id) then return fail(id, "there is an issue with this id", "EEXIST") end
      batch.made[i].id, batch.given[id] = id, true
    end
  end
  return true
end

local function link(batch, i, on, kind)
  local issue = batch.made[i]
  local ok, reason, code = graph.add(issue, on, kind, batch.user, issue.created_at)
  if not ok then return fail(name_of(batch.list[i], i), reason, code) end
  return true
end

local function own_links(batch, i)
  local given = batch.list[i].dependencies
  batch.made[i].dependencies = nil
  for _, dep in ipairs(given or {}) do
    local on, message, code, hint = target(batch, dep.depends_on_id, i)
    local ok = on
    if on then ok, message, code, hint = link(batch, i, on, dep.type or "blocks") end
    if not ok then return nil, message, code, hint end
    -- What else the dependency says, such as the gate of waits-for, stays.
    local made = batch.made[i].dependencies
    made[#made].metadata, made[#made].thread_id = dep.metadata, dep.thread_id
  end
  return true
end

local function link_all(batch)
  for i, fields in ipairs(batch.list) do
    local ok, message, code, hint = own_links(batch, i)
    if not ok then return nil, message, code, hint end
    if fields.parent then
      local on
      on, message, code, hint = target(batch, fields.parent, i)
      ok = on
      if on then ok, message, code, hint = link(batch, i, on, "parent-child") end
      if not ok then return nil, message, code, hint end
    end
    for _, word in ipairs(fields.needs or {}) do
      local on
      on, message, code, hint = target(batch, word, i)
      ok = on
      if on then ok, message, code, hint = link(batch, i, on, "blocks") end
      if not ok then return nil, message, code, hint end
    end
  end
  return true
end

--- Refuses circles that issues of a view are part of.
---@param view ralph.View
---@param ids string[]
---@return true|nil
---@return string? message
---@return string? code "ECYCLE"
function M.check_circles(view, ids)
  local way = graph.circle(ids, function(id) return view:entry(id) end)
  if way then return fail(way[1], "would wait for itself: " .. graph.show(way), "ECYCLE") end
  return true
end

local function put_all(batch)
  local ids = {}
  for i, issue in ipairs(batch.made) do
    local ok, message, code = batch.view:put(issue)
    if not ok then return fail(name_of(batch.list[i], i), message, code) end
    ids[i] = issue.id
  end
  local ok, message, code = M.check_circles(batch.view, ids)
  if not ok then return nil, message, code end
  return wrapix.json.array(batch.made)
end

-- One microsecond between them keeps their order.
local function make_all(list, user)
  local seconds, made = wrapix.sys.time(), {}
  for i, fields in ipairs(list) do
    made[i] = changes.new(fields, user, times.format(seconds, i - 1))
  end
  return made
end

--- Puts new issues into a view.
---@param view ralph.View
---@param list table[] fields of each
---@param who { user: string, name: string } name: of the directory, for the first prefix
---@return table[]|nil issues
---@return string? message
---@return string? code
---@return string? hint
function M.add(view, list, who)
  local keys, message, code, hint = check(list)
  if not keys then return nil, message, code, hint end
  local batch = { view = view, list = list, keys = keys, given = {}, open = {}, user = who.user,
    made = make_all(list, who.user), prefix = idents.common_prefix(ids_of(view), who.name) }
  batch.is_taken = function(id) return batch.given[id] or view:entry(id) ~= nil end
  local ok
  ok, message, code, hint = use_given_ids(batch)
  if not ok then return nil, message, code, hint end
  for i in ipairs(list) do
    local id
    id, message, code, hint = assign(batch, i)
    if not id then return nil, message, code, hint end
  end
  ok, message, code, hint = link_all(batch)
  if not ok then return nil, message, code, hint end
  return put_all(batch)
end

return M
