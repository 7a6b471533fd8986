-- SPDX-License-Identifier: MIT
-- i3: its tree names X11 windows and no processes, so the window is known by WINDOWID
-- only. Where that is missing, the detector of X11 knows more.

local command = require("wrapix.notify.focus.command")
local seat = require("wrapix.notify.focus.seat")
local tree = require("wrapix.notify.focus.tree")

local M = { name = "i3", level = "window" }

---@param screen wrapix.Screen
---@return boolean
function M.applies(screen) return screen.i3 ~= nil and screen.window_id ~= nil end

---Judges the windows of a tree by the own one's number.
---@param screen wrapix.Screen
---@param windows wrapix.TreeWindow[]
---@param reader table? of processes.lua
---@return "focused"|"away"|"unknown" answer
---@return string detail
---@return wrapix.FocusMore?
function M.judge(screen, windows, reader)
  for _, window in ipairs(windows) do
    if window.window == screen.window_id then
      if not window.focused then return "away", "another window has the focus" end
      return seat.of_terminal(screen, reader)
    end
  end
  return "unknown", "the tree has no window of this number"
end

---@param screen wrapix.Screen
---@return "focused"|"away"|"unknown" answer
---@return string? detail
---@return wrapix.FocusMore?
function M.ask(screen)
  local text, message = command.ask_tree(screen.i3)
  local windows
  if text then windows, message = tree.windows(text) end
  if not windows then return "unknown", message end
  return M.judge(screen, windows)
end

return M
