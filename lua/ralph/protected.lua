-- SPDX-License-Identifier: MIT
-- Files of `protect` that an attempt changed and did not put back. Every issue is judged by
-- them, so until they are as they were, or a person accepts them, no other issue is worked
-- on: a failed attempt must not have made the next one easier. Kept on the host, which no
-- sandbox sees; changes no file of the project.

local attempts = require "ralph.attempts"
local evidences = require "ralph.evidence"
local excerpt = require "ralph.excerpt"
local wrapix = require "wrapix"

local M = {}

local FILE_LIMIT = 4 << 20
local PRIVATE = tonumber("600", 8)
local MOST_PATHS = 1000

---@class ralph.Touched
---@field path string as in evidence
---@field issue string whose attempt changed it

local ANEW = "look at what `protect` names; `ralph step --accept-protected` takes it for right as it is"

local function file_of(project) return project.dirs.state .. "/protected.json" end

-- Entries: the issue, what its attempts began with, and the paths; "*" for any that is
-- protected, where not all could be listed.
local function read(project)
  local text, message, code = wrapix.fs.read(file_of(project), FILE_LIMIT)
  if not text then
    if code == "ENOENT" then return {} end
    return nil, "protect: " .. message, code
  end
  local list = wrapix.json.decode(text)
  if type(list) == "table" then return list end
  return nil, ("protect: %s: is torn"):format(file_of(project)), "EINVAL", ANEW
end

local function write(project, list)
  if #list == 0 then
    wrapix.fs.unlink(file_of(project))
    return true
  end
  local text, message = wrapix.json.encode(wrapix.json.array(list))
  if not text then return nil, "protect: " .. message, "EINVAL" end
  local ok, why, code = wrapix.fs.write_atomic(file_of(project), text .. "\n", { mode = PRIVATE })
  if not ok then return nil, "protect: " .. why, code end
  return true
end

local function named(paths)
  local list = {}
  for _, path in ipairs(paths) do
    if path:sub(1, 1) == "(" then return { "*" } end
    list[#list + 1] = path
  end
  return #list > MOST_PATHS and { "*" } or list
end

--- Remembers what an attempt changed.
---@param project ralph.Project
---@param issue string
---@param base { head: string?, tree: string? } what the attempts in a row began with
---@param paths string[] as in evidence
---@return true|nil
---@return string? message
---@return string? code
function M.note(project, issue, base, paths)
  if #paths == 0 or not base.tree then return true end
  local list, message, code = read(project)
  if not list then return nil, message, code end
  local known = {}
  for _, entry in ipairs(list) do
    for _, path in ipairs(entry.paths) do known[path] = true end
  end
  local new = {}
  for _, path in ipairs(named(paths)) do
    if not known[path] then new[#new + 1] = path end
  end
  if #new == 0 then return true end
  list[#list + 1] = { issue = issue, tree = base.tree, head = base.head, paths = wrapix.json.array(new) }
  return write(project, list)
end

--- Remembers what the attempt of this evidence changed; what a policy has let pass is right.
---@param project ralph.Project
---@param evidence ralph.Evidence with protected files
---@return true|nil
---@return string? message
---@return string? code
---@return string? hint
function M.book(project, evidence)
  if evidence.verdict ~= "done" then
    return M.note(project, evidence.issue, evidence.base or evidence.before, evidence.protected)
  end
  local list, message, code, hint = read(project)
  if not list then return nil, message, code, hint end
  local kept = {}
  for _, entry in ipairs(list) do
    if entry.issue ~= evidence.issue then kept[#kept + 1] = entry end
  end
  if #kept == #list then return true end
  return write(project, kept)
end

-- Protected paths that differ, as a set of their shown names.
local function differing(repo, rules, from, to)
  local set = {}
  if not from or not to or from == to then return set end
  local changes, message, code, hint = repo:changes(from, to)
  if not changes then return nil, message, code, hint end
  for _, change in ipairs(changes) do
    if evidences.is_protected(change.path, rules) then set[excerpt.name(change.path)] = true end
  end
  if changes.truncated then set["(more files changed than can be looked at)"] = true end
  return set
end

local function add(found, entry, set)
  for path in pairs(set) do
    for _, one in ipairs(entry.paths) do
      if one == path or one == "*" or path:sub(1, 1) == "(" then
        found[#found + 1] = { path = path, issue = entry.issue }
        break
      end
    end
  end
end

-- In the work tree, or in what is committed.
local function still(repo, rules, entry, now)
  local found = {}
  for _, pair in ipairs({ { entry.tree, now.tree }, { entry.head, now.head } }) do
    local set, message, code, hint = differing(repo, rules, pair[1], pair[2])
    if not set then return nil, message, code, hint end
    add(found, entry, set)
  end
  return found
end

--- What is still changed. Entries whose files are as they were are forgotten.
---@param project ralph.Project
---@param repo ralph.Git?
---@param rules string[] `protect`
---@param now { head: string?, tree: string? }
---@return ralph.Touched[]?
---@return string? message
---@return string? code
---@return string? hint
function M.touched(project, repo, rules, now)
  local all, kept, have = {}, {}, {}
  if not repo or #rules == 0 then return all end
  local list, message, code, hint = read(project)
  if not list then return nil, message, code, hint end
  for _, entry in ipairs(list) do
    local found
    found, message, code, hint = still(repo, rules, entry, now)
    if not found then return nil, "protect: " .. message, code, hint or ANEW end
    if #found > 0 then kept[#kept + 1] = entry end
    for _, one in ipairs(found) do
      if not have[one.path] then all[#all + 1] = one end
      have[one.path] = true
    end
  end
  if #kept < #list then write(project, kept) end
  table.sort(all, function(a, b) return a.path < b.path end)
  return all
end

--- Takes what is protected as it is now for right: a person has looked. The lock of the
--- work tree has to be held.
---@param project ralph.Project
---@return true|nil
---@return string? message
---@return string? code
function M.accept(project)
  for _, entry in ipairs(read(project) or {}) do
    local ok, message, code = attempts.forget_base(project, entry.issue)
    if not ok then return nil, message, code end
  end
  wrapix.fs.unlink(file_of(project))
  return true
end

--- Why no other issue can be worked on now.
---@param touched ralph.Touched[]
---@param id string
---@return string? message nothing where it can
---@return string? code
---@return string? hint
function M.refusal(touched, id)
  for _, one in ipairs(touched) do
    if one.issue ~= id then
      return ("protect: %s: was changed by an attempt at %s, and judges this issue as well"):format(one.path,
        one.issue), "EPROTECTED", "put it back as it was, or look at it and take it for right with --accept-protected"
    end
  end
end

return M
