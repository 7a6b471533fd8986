-- SPDX-License-Identifier: MIT
-- kitty: its own list of windows and tabs, where the person allowed remote control over
-- a socket (allow_remote_control, listen_on). Asking through the terminal itself would
-- disturb what runs there.

local command = require("wrapix.notify.focus.command")

local M = { name = "kitty", level = "terminal" }

---@param screen wrapix.Screen
---@return boolean
function M.applies(screen) return screen.kitty ~= nil end

local function lists(value) return ipairs(type(value) == "table" and value or {}) end

---Reads `kitten @ ls`.
---@param text string
---@param id integer KITTY_WINDOW_ID
---@return "focused"|"away"|"unknown" answer
---@return string detail
function M.parse(text, id)
  local all, message = command.decode(text)
  if not all then return "unknown", message --[[@as string]] end
  for _, frame in ipairs(all) do
    for _, tab in lists(type(frame) == "table" and frame.tabs) do
      for _, window in lists(type(tab) == "table" and tab.windows) do
        if type(window) == "table" and window.id == id then
          if type(frame.is_focused) ~= "boolean" then return "unknown", "this kitty does not say" end
          if not frame.is_focused then return "away", "another window has the focus" end
          if tab.is_focused ~= true then return "away", "another tab is in view" end
          if window.is_focused ~= true then return "away", "another part of the tab has the focus" end
          return "focused", "its part of the window has the focus"
        end
      end
    end
  end
  return "unknown", "it has no window of this number"
end

---@param screen wrapix.Screen
---@param run function as proc.run
---@return "focused"|"away"|"unknown" answer
---@return string? detail
function M.ask(screen, run)
  local to = screen.kitty.listen_on
  if not to then return "unknown", "kitty has no listen_on, so nobody can ask it" end
  local text, message = command.run(run, { "kitty", "@", "--to", to, "ls" })
  if not text then return "unknown", message end
  return M.parse(text, screen.kitty.window)
end

return M
