-- SPDX-License-Identifier: MIT
-- Dependencies between issues: their types, and circles of those that block. An issue
-- depends on what it names; a child depends on its parent. Pure.

local entries = require "ralph.tracker.entries"
local issues = require "ralph.tracker.issue"

local M = {}

--- Types that say something without blocking; any other word is legal as well.
M.OTHERS = { "related", "discovered-from", "replies-to", "relates-to", "duplicates", "supersedes",
  "authored-by", "assigned-to", "approved-by", "attests", "tracks", "until", "caused-by",
  "validates", "delegated-from" }

--- Whether a dependency of this type can keep an issue from being ready.
---@param kind string
---@return boolean
function M.is_blocking(kind) return entries.LETTERS[kind] ~= nil end

local function targets(entry)
  local list = {}
  for _, on in entries.deps(entry) do list[#list + 1] = on end
  return list
end

-- The way from the bottom of the stack to its top, and back to where the circle closes.
local function circle_of(stack, id)
  local way = {}
  for _, frame in ipairs(stack) do
    if frame.id == id or #way > 0 then way[#way + 1] = frame.id end
  end
  way[#way + 1] = id
  return way
end

--- Looks for a circle that can be reached from these issues. Each issue is looked at
--- once, whatever their number.
---@param ids string[]
---@param get fun(id: string): ralph.Entry?
---@return string[]? way ids, the first one again at the end
function M.circle(ids, get)
  local state = {} -- "open" while we are below it
  for _, start in ipairs(ids) do
    local entry = not state[start] and get(start)
    local stack = {}
    if entry then
      stack[1] = { id = start, targets = targets(entry), at = 0 }
      state[start] = "open"
    end
    while #stack > 0 do
      local frame = stack[#stack]
      frame.at = frame.at + 1
      local on = frame.targets[frame.at]
      if not on then
        state[frame.id] = "done"
        stack[#stack] = nil
      elseif state[on] == "open" then
        return circle_of(stack, on)
      elseif not state[on] then
        local inner = get(on)
        state[on] = inner and "open" or "done"
        if inner then stack[#stack + 1] = { id = on, targets = targets(inner), at = 0 } end
      end
    end
  end
  return nil
end

-- Changing ------------------------------------------------------------------------------

--- Makes an issue depend on another. Circles are looked for afterwards.
---@param issue table changed
---@param on string
---@param kind string
---@param user string
---@param now string
---@return true|nil
---@return string? reason
---@return string? code
---@return string? hint
function M.add(issue, on, kind, user, now)
  if issue.id == on then return nil, "cannot depend on itself", "ECYCLE" end
  local dep = { issue_id = issue.id, depends_on_id = on, type = kind, created_at = now,
    created_by = user }
  local ok, reason = issues.check_field("dependencies", { dep })
  if not ok then return nil, reason, "EINVAL", "types are: " .. M.types() end
  for _, one in ipairs(issue.dependencies or {}) do
    if one.depends_on_id == on then
      if (one.type or "blocks") == kind then return true end
      return nil, ("depends on %s already, by %s"):format(on, one.type), "EEXIST",
        ("take it away first: `ralph issue dep remove %s %s`"):format(issue.id, on)
    elseif kind == "parent-child" and one.type == kind then
      return nil, ("has a parent already, %s"):format(one.depends_on_id), "EEXIST",
        ("take it away first: `ralph issue dep remove %s %s`"):format(issue.id, one.depends_on_id)
    end
  end
  issue.dependencies = issue.dependencies or {}
  table.insert(issue.dependencies, dep)
  issue.updated_at = now
  return true
end

--- Takes all dependencies on another away.
---@param issue table changed
---@param on string
---@param now string
---@return true|nil
---@return string? reason
---@return string? code "ENOENT"
function M.remove(issue, on, now)
  local kept, found = {}, false
  for _, one in ipairs(issue.dependencies or {}) do
    if one.depends_on_id == on then found = true else kept[#kept + 1] = one end
  end
  if not found then return nil, ("does not depend on %s"):format(on), "ENOENT" end
  issue.dependencies = #kept > 0 and kept or nil
  issue.updated_at = now
  return true
end

--- The types that beads knows, as a text.
---@return string
function M.types()
  return "blocks, parent-child, conditional-blocks, waits-for, " .. table.concat(M.OTHERS, ", ")
end

--- A circle as a text of bounded length.
---@param way string[]
---@return string
function M.show(way)
  if #way <= 8 then return table.concat(way, " → ") end
  return ("%s → … (%d issues) … → %s"):format(table.concat(way, " → ", 1, 4), #way - 1, way[#way])
end

return M
