-- SPDX-License-Identifier: MIT
-- A line in the log of whoever delivers: the daemon's journal, the launcher's stderr.

local text = require("wrapix.notify.sinks.text")

local M = { name = "log" }

---@return boolean
function M.available() return true end

---@param message table
---@param opts { log: wrapix.Log }
---@return true
function M.show(message, opts)
  opts.log:info(("%s: %s"):format(text.app(message), text.line(message)))
  return true
end

return M
