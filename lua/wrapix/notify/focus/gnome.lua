-- SPDX-License-Identifier: MIT
-- GNOME on Wayland: the shell answers questions about windows to itself only. With the
-- extension "Focused Window D-Bus" it answers others too; without it nothing is known.
-- GNOME on X11 is the detector of X11's.

local command = require("wrapix.notify.focus.command")
local seat = require("wrapix.notify.focus.seat")

local M = { name = "gnome", level = "window" }

local ARGV = {
  "gdbus", "call", "--session", "--timeout", "1", "--dest", "org.gnome.Shell",
  "--object-path", "/org/gnome/shell/extensions/FocusedWindow",
  "--method", "org.gnome.shell.extensions.FocusedWindow.Get",
}

---@param screen wrapix.Screen
---@return boolean
function M.applies(screen)
  return screen.wayland ~= nil and (":" .. (screen.desktop or "") .. ":"):find(":GNOME:", 1, true) ~= nil
end

-- How GLib writes a text: in quotes of one kind, with backslashes before some of it.
local ESCAPES = { n = "\n", t = "\t", r = "\r" }

---Reads gdbus's answer: a tuple of one text, which is JSON with the window's process.
---@param text string
---@return integer|nil pid
---@return string? why not
function M.parse(text)
  local quote, inner = text:match("^%((['\"])(.*)%1,%)%s*$")
  if not quote then return nil, "the answer has another form" end
  local window, message = command.decode((inner:gsub("\\(.)", function(c) return ESCAPES[c] or c end)))
  if not window then return nil, message end
  local pid = math.tointeger(window.pid)
  return pid, not pid and "the answer names no process" or nil
end

---@param screen wrapix.Screen
---@param run function as proc.run
---@return "focused"|"away"|"unknown" answer
---@return string? detail
---@return wrapix.FocusMore?
function M.ask(screen, run)
  local text, message = command.run(run, ARGV, command.desktop_env(screen))
  local pid
  if text then pid, message = M.parse(text) end
  if not pid then return "unknown", message end
  return seat.judge_pid(screen, pid)
end

return M
