-- SPDX-License-Identifier: MIT
-- What shows a message where the person sits, whatever that is: the first of these
-- that is there and succeeds. The default; names no program itself.

local M = { name = "desktop" }

-- Best first; the terminal's own only where the launcher has one.
M.ORDER = { "notify_send", "terminal_notifier", "osascript", "osc", "bell" }

---@return boolean
function M.available() return true end

---@param message table
---@param opts table of the sinks tried
---@param run function as proc.run
---@return true|nil
---@return string? which did, or why none did
function M.show(message, opts, run)
  local reasons = {}
  for _, name in ipairs(M.ORDER) do
    local sink = require("wrapix.notify.sinks." .. name)
    local ok, why = sink.available(opts.env or {}, opts)
    if ok then ok, why = sink.show(message, opts, run) end
    if ok then return true, name end
    reasons[#reasons + 1] = ("%s: %s"):format(name, why)
  end
  return nil, table.concat(reasons, "; ")
end

return M
