-- SPDX-License-Identifier: MIT
-- Command lines of engines as lists of flags, each with where it comes from: what the
-- runtimes build theirs with. Knows no flag.

local M = {}

---@class wrapix.Flag
---@field args string[] words of the command line
---@field origin wrapix.Origin
---@field what string the kind of thing: "mount", "env", "limit", "security", …

--- What adds to a list: the kind of thing, where it comes from, the words.
---@param list wrapix.Flag[]
---@return fun(what: string, origin: wrapix.Origin, ...: string)
function M.adder(list)
  return function(what, origin, ...)
    list[#list + 1] = { args = { ... }, origin = origin, what = what }
  end
end

--- The whole command line: the engine's path, `run`, and the flags.
---@param plan table
---@param list wrapix.Flag[]
---@return string[]
function M.argv(plan, list)
  local argv = { plan.engine.path, "run" }
  for _, flag in ipairs(list) do
    table.move(flag.args, 1, #flag.args, #argv + 1, argv)
  end
  return argv
end

return M
