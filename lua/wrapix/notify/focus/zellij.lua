-- SPDX-License-Identifier: MIT
-- zellij: the pane each attached client is in (`list-clients`, 0.41 or later). Whether
-- the client's window has the focus it does not say, and not which process it is.

local command = require("wrapix.notify.focus.command")

local M = { name = "zellij", level = "pane" }

---@param screen wrapix.Screen
---@return boolean
function M.applies(screen) return screen.zellij ~= nil end

---Reads a heading and a line a client: its number, the pane, what runs there.
---@param text string
---@param pane integer ZELLIJ_PANE_ID
---@return "focused"|"away"|"unknown" answer
---@return string detail
---@return wrapix.FocusMore?
function M.parse(text, pane)
  if not text:find("^CLIENT_ID%s+ZELLIJ_PANE_ID") then return "unknown", "the answer has another form" end
  local clients = 0
  for found in text:gmatch("\n%d+%s+(%l+_%d+)") do
    clients = clients + 1
    if found == "terminal_" .. pane then
      return "focused", "its pane is in view", { assumed = true }
    end
  end
  if clients == 0 then return "away", "no client is attached" end
  return "away", "another pane is in view"
end

---@param screen wrapix.Screen
---@param run function as proc.run
---@return "focused"|"away"|"unknown" answer
---@return string? detail
---@return wrapix.FocusMore?
function M.ask(screen, run)
  local text, message = command.run(run,
    { "zellij", "--session", screen.zellij.session, "action", "list-clients" },
    { LC_ALL = "C", XDG_RUNTIME_DIR = screen.runtime_dir })
  if not text then return "unknown", message end
  return M.parse(text, screen.zellij.pane)
end

return M
