-- SPDX-License-Identifier: MIT
-- The list of issues of a project: in a file of the project, or kept by the program `bd`.
-- Both have the same functions; docs/architecture.md lists them. Opens, decides nothing.

local wrapix = require "wrapix"

local M = {}

local KINDS = { embedded = "ralph.tracker.embedded", bd = "ralph.tracker.bd" }

--- The label of an issue that waits for a person.
M.WAITING = "ralph:waiting"

--- Opens the list that the configuration names.
---@param project { root: string, dirs: { state: string }, config: { tracker: string? }? }
---@return ralph.Tracker|nil
---@return string? message
---@return string? code "EINVAL"
---@return string? hint
function M.open(project)
  local kind = project.config and project.config.tracker or "embedded"
  if not KINDS[kind] then
    return nil, ("tracker: %s: no such tracker%s"):format(wrapix.path.show(tostring(kind)),
      wrapix.nearest.hint(tostring(kind), { "embedded", "bd" })), "EINVAL",
      'tracker = "embedded" or tracker = "bd"'
  end
  return require(KINDS[kind]).open(project)
end

return M
