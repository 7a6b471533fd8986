-- SPDX-License-Identifier: MIT
-- niri: all windows with their processes, over its socket (niri-ipc: a request is one
-- line of JSON, and so is the answer).

local command = require("wrapix.notify.focus.command")
local seat = require("wrapix.notify.focus.seat")

local M = { name = "niri", level = "window" }

---@param screen wrapix.Screen
---@return boolean
function M.applies(screen) return screen.niri ~= nil end

---Reads the answer to "Windows".
---@param text string
---@return wrapix.SeatWindow[]|nil
---@return string? why not
function M.parse(text)
  local answer, message = command.decode(text)
  if not answer then return nil, message end
  local list = type(answer.Ok) == "table" and answer.Ok.Windows
  if type(list) ~= "table" then return nil, "the answer names no windows" end
  local windows = {}
  for _, one in ipairs(list) do
    if type(one) ~= "table" then return nil, "the answer has another form" end
    windows[#windows + 1] = { pid = math.tointeger(one.pid), focused = one.is_focused == true }
  end
  return windows
end

---@param screen wrapix.Screen
---@return "focused"|"away"|"unknown" answer
---@return string? detail
---@return wrapix.FocusMore?
function M.ask(screen)
  local text, message = command.ask_text(screen.niri, "\"Windows\"\n", "line")
  local windows
  if text then windows, message = M.parse(text) end
  if not windows then return "unknown", message end
  return seat.judge(screen, windows)
end

return M
