-- SPDX-License-Identifier: MIT
-- Names of a project's specs and issues, for completion at a shell. Unlike the tracker and
-- the project it starts no program, reads no configuration and leaves nothing behind: who
-- presses TAB has not said yet that anything may be done. Issues that bd keeps have no names.

local names = require "ralph.names"
local projects = require "ralph.project"
local specs = require "ralph.specs"
local wrapix = require "wrapix"

local M = {}

-- A longer list would keep the shell waiting.
local LARGEST = 4 << 20
local ISSUES = ".wrapix/issues.jsonl"

--- The specs of a project.
---@param dir string
---@return { name: string }[]
function M.specs(dir)
  local root = wrapix.fs.realpath(dir)
  if not root then return {} end
  local state = ("%s/ralph/%s"):format(wrapix.dirs().state, projects.key(root))
  return specs.list({ root = root, dirs = { state = state } })
end

--- The issues that are closed, or those that are not. Lines that are no issue are passed over.
---@param dir string
---@param is_closed boolean
---@return { name: string }[]
function M.issues(dir, is_closed)
  local root, list = wrapix.fs.realpath(dir), {}
  local text = root and wrapix.fs.read_beneath(root, ISSUES, LARGEST) or ""
  for line in text:gmatch("[^\n]+") do
    local issue = wrapix.json.decode(line)
    if type(issue) == "table" and names.is_issue(issue.id)
      and (issue.status == "closed") == is_closed then
      list[#list + 1] = { name = issue.id }
    end
  end
  return list
end

return M
