-- SPDX-License-Identifier: MIT
-- Commands that have commands of their own, to any depth. An entry of such a group is
-- a command's table, or a name with a function that loads it: then only the command
-- that is named gets loaded. Finds; runs nothing.

local M = {}

---@class wrapix.CliEntry
---@field name string
---@field load (fun(): wrapix.CliCommand)? absent: this is the command itself

--- The command behind an entry.
---@param entry wrapix.CliEntry|wrapix.CliCommand
---@return wrapix.CliCommand
local function command_of(entry) return entry.load and entry.load() or entry end

--- The command of a group that has this name.
---@param group wrapix.CliCommand
---@param name string
---@return wrapix.CliCommand? command nil also when it is no group
function M.find(group, name)
  for _, entry in ipairs(group.commands or {}) do
    if entry.name == name then return command_of(entry) end
  end
end

--- The names of a group's commands.
---@param group wrapix.CliCommand
---@return string[]
function M.names(group)
  local names = {}
  for i, entry in ipairs(group.commands or {}) do names[i] = entry.name end
  return names
end

--- All commands of a group, loaded.
---@param group wrapix.CliCommand
---@return wrapix.CliCommand[]
function M.all(group)
  local list = {}
  for i, entry in ipairs(group.commands or {}) do list[i] = command_of(entry) end
  return list
end

return M
