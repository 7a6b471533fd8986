-- SPDX-License-Identifier: MIT
-- KDE on Wayland: KWin tells its windows to scripts inside it only. kdotool is such a
-- script as a program; without it nothing is known. KDE on X11 is the detector of X11's.

local command = require("wrapix.notify.focus.command")
local seat = require("wrapix.notify.focus.seat")

local M = { name = "kde", level = "window" }

---@param screen wrapix.Screen
---@return boolean
function M.applies(screen)
  return screen.wayland ~= nil and (":" .. (screen.desktop or "") .. ":"):find(":KDE:", 1, true) ~= nil
end

---Reads `kdotool getactivewindow getwindowpid`: one number.
---@param text string
---@return integer|nil
function M.parse(text)
  local digits = text:match("^%s*(%d+)%s*$")
  return digits and #digits <= 10 and math.tointeger(tonumber(digits)) or nil
end

---@param screen wrapix.Screen
---@param run function as proc.run
---@return "focused"|"away"|"unknown" answer
---@return string? detail
---@return wrapix.FocusMore?
function M.ask(screen, run)
  local text, message = command.run(run, { "kdotool", "getactivewindow", "getwindowpid" },
    command.desktop_env(screen))
  local pid = text and M.parse(text)
  if not pid then return "unknown", message or "kdotool named no process" end
  return seat.judge_pid(screen, pid)
end

return M
