-- SPDX-License-Identifier: MIT
-- What must be known of each issue to tell which are ready, and the same as a line of the
-- index. Pure.

local issues = require "ralph.tracker.issue"
local times = require "ralph.tracker.times"
local wrapix = require "wrapix"

local M = {}

---@class ralph.Entry
---@field id string
---@field order string priority and moment of creation, as a text that sorts
---@field status string
---@field type string
---@field spec string
---@field flags string letters: p pinned, e ephemeral, t template, w waiting, f closed as failed
---@field defer string a moment as of times.key, or ""
---@field deps string blocking ones: a letter, and the id it is on, joined by ","

-- Words in the reason of a closed issue by which beads knows that it failed.
local FAILED = { "failed", "rejected", "wontfix", "won't fix", "canceled", "cancelled", "abandoned",
  "blocked", "error", "timeout", "aborted" }

--- Letters of the types that can keep an issue from being ready.
M.LETTERS = { blocks = "b", ["parent-child"] = "p", ["conditional-blocks"] = "c",
  ["waits-for"] = "w" }
local ANY = "y" -- waits-for any child

--- Whether a reason says that the work failed.
---@param reason string?
---@return boolean
function M.is_failure(reason)
  if type(reason) ~= "string" then return false end
  local lower = reason:lower()
  for _, word in ipairs(FAILED) do
    if lower:find(word, 1, true) then return true end
  end
  return false
end

-- Beads keeps the metadata of a dependency as a text that holds JSON.
local function gate_of(dep)
  local metadata = dep.metadata
  if type(metadata) == "string" then metadata = wrapix.json.decode(metadata) end
  return type(metadata) == "table" and metadata.gate == "any-children" and ANY or "w"
end

-- Ids of others are any text; those of ours need no escape.
local function escape(text)
  return (text:gsub("[%%,%c]", function(char) return ("%%%02X"):format(char:byte()) end))
end

local function unescape(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local function deps_of(issue)
  local list
  for _, dep in ipairs(issue.dependencies or {}) do
    local letter = M.LETTERS[dep.type or "blocks"]
    if letter then
      if letter == "w" then letter = gate_of(dep) end
      list = list or {}
      list[#list + 1] = letter .. escape(dep.depends_on_id)
    end
  end
  return list and table.concat(list, ",") or ""
end

local function flags_of(issue)
  return (issue.pinned and "p" or "") .. (issue.ephemeral and "e" or "")
    .. (issue.is_template and "t" or "") .. (issues.is_waiting(issue) and "w" or "")
    .. (issue.status == "closed" and M.is_failure(issue.close_reason) and "f" or "")
end

local EARLIEST = ("0"):rep(23)

--- What must be known of an issue.
---@param issue table checked
---@return ralph.Entry
function M.of(issue)
  return {
    id = issue.id, order = issue.priority .. (times.key(issue.created_at) or EARLIEST),
    status = issue.status, type = issue.issue_type or "task",
    spec = issue.spec_id and escape(issue.spec_id) or "", flags = flags_of(issue),
    defer = issue.defer_until and times.key(issue.defer_until) or "", deps = deps_of(issue),
  }
end

--- An entry as a line of the index, without its end.
---@param entry ralph.Entry
---@return string
function M.encode(entry)
  return table.concat({ entry.id, entry.order, entry.status, entry.type, entry.spec, entry.flags,
    entry.defer, entry.deps }, "\t")
end

--- The eight fields of a line of the index, each a capture.
M.PATTERN = "([^\t\n]+)\t(%d+)\t([^\t\n]*)\t([^\t\n]*)\t([^\t\n]*)\t(%a*)\t(%d*)\t([^\t\n]*)"

--- An entry from the captures of M.PATTERN; nil without any.
---@return ralph.Entry?
function M.from(id, order, status, kind, spec, flags, defer, deps)
  if not id then return nil end
  return { id = id, order = order, status = status, type = kind, spec = spec, flags = flags,
    defer = defer, deps = deps }
end

-- What blocks nobody any more, or never did.
local SETTLED = { closed = true, pinned = true, tombstone = true }

--- Whether an issue with this status blocks no other.
---@param status string
---@return boolean
function M.is_settled(status) return SETTLED[status] ~= nil end

--- One letter of what an entry means for others: c candidate to be worked on, k other
--- work, f closed as failed, s settled in another way.
---@param entry ralph.Entry
---@return string
function M.state(entry)
  if SETTLED[entry.status] then return entry.flags:find("f", 1, true) and "f" or "s" end
  local is_candidate = entry.status == "open" and entry.flags == ""
    and not issues.CONTAINERS[entry.type]
  return is_candidate and "c" or "k"
end

--- The name of a spec as entries have it.
M.spec_word = escape

--- The order in which issues are done: urgent ones first, then older ones, then by id.
---@param a ralph.Entry
---@param b ralph.Entry
---@return boolean
function M.is_before(a, b)
  if a.order ~= b.order then return a.order < b.order end
  return a.id < b.id
end

--- Whether an entry has a flag.
---@param entry ralph.Entry
---@param letter string
---@return boolean
function M.has(entry, letter) return entry.flags:find(letter, 1, true) ~= nil end

--- The blocking dependencies of an entry.
---@param entry ralph.Entry
---@return fun(): string?, string? iterator of letter and id
function M.deps(entry)
  local text = entry.deps
  if text == "" then return function() end end
  if not text:find("[,%%]") then
    local letter, on = text:sub(1, 1), text:sub(2)
    return function()
      local first = letter
      letter = nil
      return first, on
    end
  end
  local next_one = entry.deps:gmatch("(%a)([^,]*)")
  return function()
    local letter, on = next_one()
    if not letter then return nil end
    return letter, unescape(on)
  end
end

return M
