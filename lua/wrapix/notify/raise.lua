-- SPDX-License-Identifier: MIT
-- Brings a session's window to the front after a click on its notification, as far as the
-- terminal and the desktop let others do that. The commands are pure; each one may fail,
-- and the next is tried all the same. GNOME and KDE let nobody.

local screens = require("wrapix.notify.screen")

local M = {}

local SECONDS = 2
-- Terminals are among the nearest parents; the session's own leader is not one.
local MOST_PARENTS = 12

local function pids_of(screen)
  local list = {}
  for i, link in ipairs(screen.chain or {}) do
    if i > MOST_PARENTS or link.pid == 1 then break end
    list[i] = link.pid
  end
  return list
end

local ADD = {}

function ADD.sway(screen, add)
  for _, pid in ipairs(pids_of(screen)) do
    add("swaymsg", "-s", screen.sway, ("[pid=%d] focus"):format(pid))
  end
end

function ADD.i3(screen, add)
  if screen.window_id then
    add("i3-msg", "-s", screen.i3, ("[id=%d] focus"):format(screen.window_id))
  end
end

function ADD.hyprland(screen, add)
  for _, pid in ipairs(pids_of(screen)) do add("hyprctl", "dispatch", "focuswindow", "pid:" .. pid) end
end

function ADD.window_id(screen, add)
  if screen.display and not screen.wayland then
    add("xdotool", "windowactivate", ("%d"):format(screen.window_id))
  end
end

function ADD.kitty(screen, add)
  local kitty = screen.kitty
  if kitty.listen_on then
    add("kitten", "@", "--to", kitty.listen_on, "focus-window", "--match", "id:" .. kitty.window)
  end
end

function ADD.wezterm(screen, add)
  add("wezterm", "cli", "activate-pane", "--pane-id", ("%d"):format(screen.wezterm.pane))
end

function ADD.tmux(screen, add)
  local tmux = screen.tmux
  for _, verb in ipairs({ "select-window", "select-pane" }) do
    add("tmux", "-S", tmux.socket, verb, "-t", tmux.pane)
  end
end

local ORDER = { "sway", "i3", "hyprland", "window_id", "kitty", "wezterm", "tmux" }

---The commands that may bring a session's window to the front, in order. Pure.
---@param given table a screen, as another process says it
---@return string[][]
---@return wrapix.Screen screen what of it is one
function M.commands(given)
  local screen, list = screens.check(given), {}
  for _, name in ipairs(ORDER) do
    if screen[name] then
      ADD[name](screen, function(...) list[#list + 1] = { ... } end)
    end
  end
  return list, screen
end

---Brings it to the front, where that can be done.
---@param given table
---@param run function as proc.run
function M.raise(given, run)
  local commands, screen = M.commands(given)
  local env = {
    DISPLAY = screen.display, XAUTHORITY = screen.xauthority, WAYLAND_DISPLAY = screen.wayland,
    XDG_RUNTIME_DIR = screen.runtime_dir,
    WEZTERM_UNIX_SOCKET = screen.wezterm and screen.wezterm.socket or nil,
    HYPRLAND_INSTANCE_SIGNATURE = screen.hyprland and screen.hyprland:match("[^/]+$") or nil,
  }
  for _, argv in ipairs(commands) do
    run(argv, { timeout = SECONDS, grace = 0.2, max_output = 4096, env = env })
  end
end

return M
