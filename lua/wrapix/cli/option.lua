-- SPDX-License-Identifier: MIT
-- What follows from the table of an option alone; the tables are described in
-- cli/spec.lua.

local M = {}

--- The option every command has.
M.help = { flags = { "-h", "--help" }, description = "Show this help." }

--- All options of a command, the help option first.
---@param spec wrapix.CliCommand
---@return wrapix.CliOption[]
function M.list(spec)
  return table.move(spec.options or {}, 1, #(spec.options or {}), 2, { M.help })
end

--- The field of the parsed values an option goes to.
---@param option wrapix.CliOption
---@return string
function M.target(option)
  return option.target or (option.flags[#option.flags]:gsub("^%-+", ""):gsub("%-", "_"))
end

return M
