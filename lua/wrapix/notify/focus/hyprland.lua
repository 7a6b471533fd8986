-- SPDX-License-Identifier: MIT
-- Hyprland: the active window among all, over its socket (the wiki's page on IPC: one
-- request a connection, `j/` for JSON; focusHistoryID 0 is the active one).

local command = require("wrapix.notify.focus.command")
local seat = require("wrapix.notify.focus.seat")

local M = { name = "hyprland", level = "window" }

---@param screen wrapix.Screen
---@return boolean
function M.applies(screen) return screen.hyprland ~= nil end

---Reads the answers to "clients" and "activewindow"; no active window is `{}`.
---@param clients string
---@param active string
---@return wrapix.SeatWindow[]|nil
---@return string? why not
function M.parse(clients, active)
  local list, message = command.decode(clients)
  if not list then return nil, message end
  local front
  front, message = command.decode(active)
  if not front then return nil, message end
  local windows = {}
  for _, one in ipairs(list) do
    if type(one) ~= "table" then return nil, "the answer has another form" end
    windows[#windows + 1] = {
      pid = math.tointeger(one.pid),
      focused = type(one.address) == "string" and one.address == front.address,
    }
  end
  return windows
end

---@param screen wrapix.Screen
---@return "focused"|"away"|"unknown" answer
---@return string? detail
---@return wrapix.FocusMore?
function M.ask(screen)
  local socket = screen.hyprland .. "/.socket.sock"
  local clients, message = command.ask_text(socket, "j/clients", "all")
  local active, windows
  if clients then active, message = command.ask_text(socket, "j/activewindow", "all") end
  if active then windows, message = M.parse(clients, active) end
  if not windows then return "unknown", message end
  return seat.judge(screen, windows)
end

return M
