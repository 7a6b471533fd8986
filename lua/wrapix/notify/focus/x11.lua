-- SPDX-License-Identifier: MIT
-- X11: the active window of the desktop's hints (EWMH's _NET_ACTIVE_WINDOW), asked with
-- xprop. The own window is WINDOWID, or the one whose process is an ancestor.

local command = require("wrapix.notify.focus.command")
local seat = require("wrapix.notify.focus.seat")

local M = { name = "x11", level = "window" }

-- On Wayland the X server knows X11 windows only, and so does not know who has the focus.
---@param screen wrapix.Screen
---@return boolean
function M.applies(screen) return screen.display ~= nil and screen.wayland == nil end

---Reads `xprop -root _NET_ACTIVE_WINDOW`; 0 is no window.
---@param text string
---@return integer|nil
---@return string? why not
function M.parse_active(text)
  local hex = text:match("^_NET_ACTIVE_WINDOW%(WINDOW%): window id # 0x(%x+)")
  local id = hex and #hex <= 8 and math.tointeger(tonumber(hex, 16))
  if id then return id end
  return nil, "no window manager says which window is active"
end

---Reads `xprop -id N _NET_WM_PID`.
---@param text string
---@return integer|nil
function M.parse_pid(text)
  local digits = text:match("^_NET_WM_PID%(CARDINAL%) = (%d+)")
  return digits and #digits <= 10 and math.tointeger(tonumber(digits)) or nil
end

local function xprop(screen, run, words)
  local argv = { "xprop", "-display", screen.display }
  return command.run(run, table.move(words, 1, #words, #argv + 1, argv), command.desktop_env(screen))
end

---@param screen wrapix.Screen
---@param run function as proc.run
---@return "focused"|"away"|"unknown" answer
---@return string? detail
---@return wrapix.FocusMore?
function M.ask(screen, run)
  local text, message = xprop(screen, run, { "-root", "_NET_ACTIVE_WINDOW" })
  local active
  if text then active, message = M.parse_active(text) end
  -- Without a window manager this is no desktop: nothing here could know better.
  if not active then return "unknown", message, { no_desktop = text ~= nil } end
  if active == 0 then return "away", "no window has the focus" end
  if screen.window_id then
    if active ~= screen.window_id then return "away", "another window has the focus" end
    return seat.of_terminal(screen)
  end
  text, message = xprop(screen, run, { "-id", ("0x%x"):format(active), "_NET_WM_PID" })
  local pid = text and M.parse_pid(text)
  if not pid then return "unknown", message or "the active window names no process" end
  return seat.judge_pid(screen, pid)
end

return M
