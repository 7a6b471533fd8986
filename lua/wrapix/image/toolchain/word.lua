-- SPDX-License-Identifier: MIT
-- The words of a toolchain that may stand in a command of an image's build. Pure. The
-- schema has seen them already; whoever builds from another table must not get past.

local M = {}

local LONGEST = 128

local ALLOWED = {
  channel = "^[a-z0-9][a-z0-9._-]*$",
  component = "^[a-z0-9][a-z0-9_-]*$",
  target = "^[a-z0-9][a-z0-9_.-]*$",
  tool = "^[A-Za-z0-9][A-Za-z0-9._-]*$",
  version = "^%d[%w.+!_-]*$",
}

--- The word itself; raises when it is none of its kind.
---@param kind "channel"|"component"|"target"|"tool"|"version"
---@param text any
---@return string
function M.check(kind, text)
  if type(text) ~= "string" or #text > LONGEST or not text:find(ALLOWED[kind]) then
    error(("toolchain: the name of a %s expected"):format(kind), 0)
  end
  return text
end

return M
