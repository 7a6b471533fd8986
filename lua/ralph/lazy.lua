-- SPDX-License-Identifier: MIT
-- Modules that are loaded when something of them is first wanted: a program that only looks
-- at the list compiles nothing of a step, and a step compiles what judges its agent while the
-- agent is at work. For modules that are plain tables of functions; nothing else.

---Stands for a module until a field of it is read, then for each read.
---@param name string as for require
---@return table
return function(name)
  return setmetatable({}, { __index = function(_, key) return require(name)[key] end })
end
