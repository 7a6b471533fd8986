-- SPDX-License-Identifier: MIT
-- GNU screen: whether the session is attached, and the window its display shows. With
-- several displays only one of them answers, so then it is unknown.

local command = require("wrapix.notify.focus.command")

local M = { name = "gnu_screen", level = "pane" }

---@param screen wrapix.Screen
---@return boolean
function M.applies(screen) return screen.gnu_screen ~= nil end

---Reads `screen -ls NAME`: a line with the name and its state in brackets at the end.
---@param text string
---@param session string
---@return "detached"|"attached"|"several"|nil
function M.parse_list(text, session)
  for line in text:gmatch("[^\r\n]+") do
    local name, rest = line:match("^%s+(%S+)%s+(.*)$")
    if name == session then
      if rest:find("(Detached)", 1, true) then return "detached" end
      if rest:find("(Attached)", 1, true) then return "attached" end
      if rest:find("(Multi, attached)", 1, true) then return "several" end
    end
  end
  return nil
end

---Reads `screen -Q number`: "2 (title)".
---@param text string
---@return integer|nil
function M.parse_number(text)
  local digits = text:match("^(%d+) %(")
  return digits and #digits <= 4 and math.tointeger(tonumber(digits)) or nil
end

---@param screen wrapix.Screen
---@param run function as proc.run
---@return "focused"|"away"|"unknown" answer
---@return string? detail
---@return wrapix.FocusMore?
function M.ask(screen, run)
  local session = screen.gnu_screen.session
  local env = { LC_ALL = "C", STY = false, SCREENDIR = screen.gnu_screen.dir }
  -- Its status is 1 whatever it found.
  local result, message = run({ "screen", "-ls", session },
    { timeout = command.SECONDS, grace = 0.1, max_output = 1 << 16, env = env })
  local state = result and M.parse_list(result.stdout or "", session)
  if not state then return "unknown", message or "screen does not list the session" end
  if state == "detached" then return "away", "no display is attached" end
  local text
  text, message = command.run(run, { "screen", "-S", session, "-Q", "number" }, env)
  local shown = text and M.parse_number(text)
  if not shown then return "unknown", message or "screen does not say what it shows" end
  if shown == screen.gnu_screen.window then
    return "focused", "its window is in view", { assumed = true }
  elseif state == "several" then
    return "unknown", "there are several displays, and one of them shows another window"
  end
  return "away", "another window is in view"
end

return M
