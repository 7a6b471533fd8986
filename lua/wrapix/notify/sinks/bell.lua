-- SPDX-License-Identifier: MIT
-- The terminal's bell: the least there is. Only where the launcher has a terminal.

local M = { name = "bell" }

---@param _ table<string, string>
---@param opts { terminal: fun(text: string)? }
---@return boolean
---@return string? why not
function M.available(_, opts)
  if opts.terminal then return true end
  return false, "there is no terminal"
end

---@param _ table
---@param opts { terminal: fun(text: string) }
---@return true
function M.show(_, opts)
  opts.terminal("\a")
  return true
end

return M
