-- SPDX-License-Identifier: MIT
-- WezTerm: which pane had the focus last in each of its clients. It does not say whether
-- its window has the focus now, so that has to come from the desktop.

local command = require("wrapix.notify.focus.command")

local M = { name = "wezterm", level = "terminal" }

---@param screen wrapix.Screen
---@return boolean
function M.applies(screen) return screen.wezterm ~= nil end

---Reads `wezterm cli list-clients --format json`.
---@param text string
---@param pane integer WEZTERM_PANE
---@return "focused"|"away"|"unknown" answer
---@return string detail
---@return wrapix.FocusMore?
function M.parse(text, pane)
  local clients, message = command.decode(text)
  if not clients then return "unknown", message --[[@as string]] end
  local known = 0
  for _, client in ipairs(clients) do
    local focused = type(client) == "table" and math.tointeger(client.focused_pane_id)
    if focused == pane then return "focused", "its pane is in view", { needs_window = true } end
    if focused then known = known + 1 end
  end
  if known == 0 then return "unknown", "no client says what it shows" end
  return "away", "another pane is in view"
end

---@param screen wrapix.Screen
---@param run function as proc.run
---@return "focused"|"away"|"unknown" answer
---@return string? detail
---@return wrapix.FocusMore?
function M.ask(screen, run)
  local text, message = command.run(run, { "wezterm", "cli", "list-clients", "--format", "json" }, {
    LC_ALL = "C", WEZTERM_UNIX_SOCKET = screen.wezterm.socket, XDG_RUNTIME_DIR = screen.runtime_dir,
  })
  if not text then return "unknown", message end
  return M.parse(text, screen.wezterm.pane)
end

return M
