-- SPDX-License-Identifier: MIT
-- sway: its tree names the process of each window, over its socket (sway-ipc(7)).

local command = require("wrapix.notify.focus.command")
local seat = require("wrapix.notify.focus.seat")
local tree = require("wrapix.notify.focus.tree")

local M = { name = "sway", level = "window" }

---@param screen wrapix.Screen
---@return boolean
function M.applies(screen) return screen.sway ~= nil end

---@param screen wrapix.Screen
---@return "focused"|"away"|"unknown" answer
---@return string? detail
---@return wrapix.FocusMore?
function M.ask(screen)
  local text, message = command.ask_tree(screen.sway)
  local windows
  if text then windows, message = tree.windows(text) end
  if not windows then return "unknown", message end
  return seat.judge(screen, windows)
end

return M
