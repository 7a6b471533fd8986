-- SPDX-License-Identifier: MIT
-- What is remembered of a project on the host: the spec in work, and of each spec what
-- has been made into issues. One file, private, changed in one step under a lock; no
-- sandbox sees it. Knows no spec's text and no issue.

local wrapix = require "wrapix"

local M = {}

local FILE, LOCK = "state.json", "state.lock"
local PRIVATE = tonumber("600", 8)
local LARGEST = 4 << 20
local PATIENCE = 10

---@class ralph.SpecState
---@field hidden boolean?
---@field created number seconds since 1970
---@field base { commit: string?, text_sha: string?, time: number }? as of which there are issues
---@field pending { batch: string, commit: string?, text_sha: string, time: number }? being added

---@class ralph.State
---@field version 1
---@field workspace string
---@field current string? name of the spec in work
---@field specs table<string, ralph.SpecState>

local function place(project) return project.dirs.state .. "/" .. FILE end

local function damaged(project, reason)
  local file = wrapix.path.show(place(project))
  return nil, ("state: %s: %s"):format(file, reason), "EINVAL",
    ("move it away: mv %s %s.damaged; specs and issues stay, "
      .. "`ralph use NAME` says again what is in work"):format(file, file)
end

-- Shapes -----------------------------------------------------------------------------

local function is_name(name)
  return type(name) == "string" and #name <= 64 and name:find("^[a-z0-9][a-z0-9._-]*$") ~= nil
end

local function is_hex(value)
  return value == nil or type(value) == "string" and not value:find("[^0-9a-f]")
end

local function is_mark(mark)
  if mark == nil then return true end
  return type(mark) == "table" and type(mark.time) == "number" and is_hex(mark.commit)
    and is_hex(mark.text_sha) and is_hex(mark.batch)
end

local function spec_problem(name, spec)
  if not is_name(name) then return "has a spec whose name is none" end
  local is_right = type(spec) == "table" and type(spec.created) == "number"
    and (spec.hidden == nil or type(spec.hidden) == "boolean")
    and is_mark(spec.base) and is_mark(spec.pending)
  return not is_right and ("specs.%s: is no spec's state"):format(name) or nil
end

local function problem_of(state)
  if type(state) ~= "table" or wrapix.json.is_array(state) then
    return "is no state of a project"
  end
  if state.version ~= 1 then
    local shown = wrapix.path.show(tostring(state.version))
    return ("has version %s, this program knows 1"):format(shown)
  end
  if type(state.workspace) ~= "string" or type(state.specs) ~= "table" then
    return "is no state of a project"
  end
  if state.current ~= nil and not is_name(state.current) then return "current: is no name" end
  for name, spec in pairs(state.specs) do
    local problem = spec_problem(name, spec)
    if problem then return problem end
  end
end

-- Reading and writing ----------------------------------------------------------------

--- What is remembered; a project nobody has used yet has an empty state.
---@param project ralph.Project
---@return ralph.State?
---@return string? message
---@return string? code "EINVAL" when the file is damaged
---@return string? hint
function M.read(project)
  local text, message, code = wrapix.fs.read_beneath(project.dirs.state, FILE, LARGEST)
  if not text then
    if code == "ENOENT" then return { version = 1, workspace = project.root, specs = {} } end
    return damaged(project, message)
  end
  local state, why = wrapix.json.decode(text, { max_depth = 8 })
  if why then return damaged(project, why) end
  local problem = problem_of(state)
  if problem then return damaged(project, problem) end
  return state
end

local function write(project, state)
  local problem = problem_of(state)
  if problem then error("state: " .. problem, 4) end
  local text = assert(wrapix.json.encode(state, { pretty = true })) .. "\n"
  local ok, message, code = wrapix.fs.write_atomic(place(project), text, { mode = PRIVATE })
  if not ok then return nil, "state: " .. message, code end
  return state
end

--- Changes what is remembered, under the lock of the file: change(state) edits the table
--- as it is at that moment. Returning false leaves everything as it is.
---@param project ralph.Project
---@param change fun(state: ralph.State): boolean?
---@return ralph.State?
---@return string? message
---@return string? code
---@return string? hint
function M.update(project, change)
  local file = project.dirs.state .. "/" .. LOCK
  local lock <close>, why, what = wrapix.fs.lock(file, { wait = PATIENCE })
  if not lock then return nil, "state: " .. why, what end
  local state, message, code, hint = M.read(project)
  if not state then return nil, message, code, hint end
  if change(state) == false then return state end
  return write(project, state)
end

local function merge(into, patch)
  for key, value in pairs(patch) do
    if value == wrapix.json.null then
      into[key] = nil
    elseif type(value) == "table" and type(into[key]) == "table" then
      merge(into[key], value)
    else
      into[key] = value
    end
  end
end

--- Writes fields over those that are there, table into table; json.null removes one.
---@param project ralph.Project
---@param patch table such as { current = "shop", specs = { shop = { hidden = true } } }
---@return ralph.State?
---@return string? message
---@return string? code
---@return string? hint
function M.merge(project, patch)
  return M.update(project, function(state) merge(state, patch) end)
end

return M
