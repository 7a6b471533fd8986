-- SPDX-License-Identifier: MIT
-- Options that several commands of Ralph share, each written once, in the form of
-- those of `wrapix/cli`. Checks no more than the form of a value.

local wrapix = require("wrapix")

local M = {}

M.json = { flags = { "--json" }, description = "Print JSON instead of text." }
M.quiet = { flags = { "-q", "--quiet" }, description = "Print no notices." }
M.verbose = { flags = { "-v", "--verbose" }, description = "Print more of what is done." }

M.workspace = {
  flags = { "-C", "--workspace" }, argname = "DIR", offers = "directory",
  check = function(text) return text ~= "" or nil, "is no directory" end,
  description = "Use DIR as the project instead of the current directory.",
}

---A whole number from 1 on.
---@param text string
---@return true?
---@return string? reason
function M.check_count(text)
  local number = text:match("^%d+$") and math.tointeger(tonumber(text))
  if number and number > 0 then return true end
  return nil, "is no whole number above 0"
end

---A duration such as 90s or 1h30m.
---@param text string
---@return true?
---@return string? reason
function M.check_duration(text)
  local seconds, reason = wrapix.duration(text)
  return seconds and true, reason
end

---A list of options made of single ones and of lists of them.
---@param ... wrapix.CliOption|wrapix.CliOption[]
---@return wrapix.CliOption[]
function M.list(...)
  local list = {}
  for _, part in ipairs({ ... }) do
    if part.flags then part = { part } end
    table.move(part, 1, #part, #list + 1, list)
  end
  return list
end

---What every command takes.
---@type wrapix.CliOption[]
M.common = M.list(M.workspace, M.quiet, M.verbose)

return M
