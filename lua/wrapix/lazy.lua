-- SPDX-License-Identifier: MIT
-- Modules that are loaded when something of them is first wanted: a start
-- compiles every line it loads, so what only errors and rare options need comes
-- later. For modules that are plain tables of functions; nothing else.

---Stands for a module until a field of it is read, then for each read.
---@param name string as for require
---@return table
return function(name)
  return setmetatable({}, { __index = function(_, key) return require(name)[key] end })
end
