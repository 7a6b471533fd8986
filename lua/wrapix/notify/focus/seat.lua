-- SPDX-License-Identifier: MIT
-- Which of a desktop's windows shows a screen, and whether it has the focus. A window
-- belongs to it when its process is an ancestor of the launcher. What that leaves open
-- (a terminal with several windows or tabs in one process) stays unknown here; the
-- terminal itself may know more.

local processes = require("wrapix.notify.focus.processes")

local M = {}

---@class wrapix.SeatWindow
---@field pid integer?
---@field focused boolean

---@class wrapix.FocusMore what a detector says besides its answer
---@field in_front boolean? a window of the terminal has the focus; perhaps not this one's
---@field assumed boolean? the pane is in view, whether the window is nobody has seen
---@field needs_window boolean? counts only where a window of the terminal has the focus
---@field no_desktop boolean? nobody manages windows there
---@field viewers integer[]? processes that show it elsewhere: clients of tmux

---The recorded ancestors that are still the same processes.
---@param screen wrapix.Screen
---@param reader table? of processes.lua
---@return table<integer, integer> place in the chain by pid; the launcher is 1
---@return boolean remote one of them is an ssh server: the person sits elsewhere
function M.ancestors(screen, reader)
  local places, remote = {}, false
  for i, one in ipairs(screen.chain or {}) do
    local now = (reader or processes).stat(one.pid)
    if now and now.start == one.start then
      places[one.pid] = i
      if now.name:find("^sshd") then remote = true end
    end
  end
  return places, remote
end

-- Whether a process that owns a window shows this one terminal and no other: it has a
-- single terminal among its children, and we are at it. An editor keeps its terminals
-- in a process below, and whether such a pane is in view cannot be seen.
local function shows_only(screen, place, reader)
  local below = place > 1 and reader.stat(screen.chain[place - 1].pid)
  local owner = reader.stat(screen.chain[place].pid)
  if not below or not owner or below.tty == 0 or below.tty == owner.tty then return false end
  for _, child in ipairs(reader.children(owner.pid)) do
    if child.tty ~= 0 and child.tty ~= owner.tty and child.tty ~= below.tty then return false end
  end
  return true
end

---What it means that a window of this ancestor has the focus.
---@param screen wrapix.Screen
---@param place integer in its chain
---@param count integer windows of that process, as far as known
---@param reader table? of processes.lua
---@return "focused"|"unknown" answer
---@return string detail
---@return wrapix.FocusMore more
function M.in_front(screen, place, count, reader)
  if count == 1 and shows_only(screen, place, reader or processes) then
    return "focused", "its window has the focus", { in_front = true }
  end
  return "unknown", "its terminal has the focus, but perhaps another window or tab of it",
    { in_front = true }
end

---Judges a desktop's windows.
---@param screen wrapix.Screen
---@param windows wrapix.SeatWindow[]
---@param reader table? of processes.lua
---@return "focused"|"away"|"unknown" answer
---@return string detail
---@return wrapix.FocusMore? more
function M.judge(screen, windows, reader)
  local places = M.ancestors(screen, reader)
  local own, nearest, focused = 0, nil, false
  for _, window in ipairs(windows) do
    local place = window.pid and places[window.pid]
    if place and (not nearest or place < nearest) then nearest, own, focused = place, 0, false end
    if place and place == nearest then
      own = own + 1
      focused = focused or window.focused
    end
  end
  if not nearest then return "unknown", ("none of %d windows is its own"):format(#windows) end
  if not focused then return "away", "another window has the focus" end
  return M.in_front(screen, nearest, own, reader)
end

---What it means that the window of WINDOWID has the focus: tabs share that number, and a
---terminal without one hands on that of the terminal it was started from.
---@param screen wrapix.Screen
---@param reader table? of processes.lua
---@return "focused"|"unknown" answer
---@return string detail
---@return wrapix.FocusMore more
function M.of_terminal(screen, reader)
  reader = reader or processes
  local places = M.ancestors(screen, reader)
  for place = 2, #(screen.chain or {}) do
    local now = places[screen.chain[place].pid] and reader.stat(screen.chain[place].pid)
    local below = now and reader.stat(screen.chain[place - 1].pid)
    -- The terminal is the first process that is not at the terminal itself.
    if below and below.tty ~= now.tty then return M.in_front(screen, place, 1, reader) end
  end
  return "unknown", "its window has the focus, but its terminal is not known", { in_front = true }
end

---Judges by the one process whose window has the focus, where no more is told.
---@param screen wrapix.Screen
---@param pid integer
---@param reader table? of processes.lua
---@return "focused"|"away"|"unknown" answer
---@return string detail
---@return wrapix.FocusMore? more
function M.judge_pid(screen, pid, reader)
  local places, remote = M.ancestors(screen, reader)
  if places[pid] then return M.in_front(screen, places[pid], 1, reader) end
  if remote then return "unknown", "it is seen over ssh" end
  if not next(places) then return "unknown", "its processes are not known" end
  return "away", "another program has the focus"
end

return M
