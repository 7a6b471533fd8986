-- SPDX-License-Identifier: MIT
-- Where a session is seen: the terminal of its launcher, what it runs in (tmux, a
-- window, a desktop) and how each can be asked later. Described once at the start from
-- the environment and /proc, without a process; kept as screen.json in the session's
-- directory, on the host's side, so it goes with the session. Judges nothing: focus does.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local processes = require("wrapix.notify.focus.processes")
local sys = require("wrapix.sys")

local M = {}

M.FILE = "screen.json"
local VERSION = 1
local FILE_LIMIT = 64 << 10
local PRIVATE = tonumber("600", 8)
local LONGEST_TEXT, LONGEST_PATH = 256, 4096

---@class wrapix.Screen
---@field version integer
---@field pid integer? of the launcher, or of the client that shows it
---@field at_terminal boolean? there is a controlling terminal; without it nobody looks at it
---@field tty string? "/dev/pts/3"
---@field chain { pid: integer, start: integer, name: string }[]? the launcher, its parent, …
---@field tmux { socket: string, pid: integer, pane: string }?
---@field zellij { session: string, pane: integer }?
---@field gnu_screen { session: string, window: integer, dir: string? }?
---@field kitty { window: integer, pid: integer?, listen_on: string? }?
---@field wezterm { pane: integer, socket: string? }?
---@field niri string? socket
---@field sway string? socket
---@field i3 string? socket
---@field hyprland string? directory of the sockets
---@field window_id integer? of X11
---@field display string?
---@field xauthority string?
---@field wayland string?
---@field desktop string? XDG_CURRENT_DESKTOP
---@field bus string? DBUS_SESSION_BUS_ADDRESS
---@field runtime_dir string?
---@field program string? TERM_PROGRAM
---@field bundle string? of macOS, such as "com.apple.Terminal"

-- --- what a field may hold -----------------------------------------------------------
-- These are used for values of the environment and for what a file says alike: each
-- becomes a word of an argv or the path of a socket later.

local function text(value)
  if type(value) ~= "string" or value == "" or #value > LONGEST_TEXT then return nil end
  if value:find("%c") or value:sub(1, 1) == "-" then return nil end
  return value
end

local function path(value)
  if type(value) ~= "string" or #value > LONGEST_PATH or value:find("%c") then return nil end
  return value:sub(1, 1) == "/" and value or nil
end

local function number(value)
  if type(value) == "string" and value:find("^%d+$") then value = tonumber(value) end
  local whole = math.type(value) == "integer" and value or nil
  return whole and whole >= 0 and whole < 1 << 53 and whole or nil
end

local function pid(value)
  local whole = number(value)
  return whole and whole > 0 and whole < 1 << 31 and whole or nil
end

local function matching(pattern)
  return function(value) return text(value) and value:find(pattern) and value or nil end
end

local function boolean(value) return value == true or nil end

-- All of `needed` have to be there, or the whole is not.
local function record(fields, needed)
  return function(value)
    if type(value) ~= "table" then return nil end
    local out = {}
    for name, check in pairs(fields) do out[name] = check(value[name]) end
    for _, name in ipairs(needed) do
      if out[name] == nil then return nil end
    end
    return out
  end
end

local link = record({ pid = pid, start = number, name = text }, { "pid", "start" })

local function chain(value)
  if type(value) ~= "table" or #value > 64 then return nil end
  local out = {}
  for i, one in ipairs(value) do
    out[i] = link(one)
    if not out[i] then return nil end
  end
  return out
end

-- Only local ones: a terminal elsewhere is not what this person looks at.
local function listen_on(value)
  return type(value) == "string" and #value <= LONGEST_PATH and not value:find("%c")
    and value:find("^unix:[/@].") and value or nil
end

local FIELDS = {
  pid = pid, at_terminal = boolean, tty = path, chain = chain,
  tmux = record({ socket = path, pid = pid, pane = matching("^%%%d+$") }, { "socket", "pid", "pane" }),
  zellij = record({ session = text, pane = number }, { "session", "pane" }),
  gnu_screen = record({ session = matching("^%d+%."), window = number, dir = path },
    { "session", "window" }),
  kitty = record({ window = number, pid = pid, listen_on = listen_on }, { "window" }),
  wezterm = record({ pane = number, socket = path }, { "pane" }),
  niri = path, sway = path, i3 = path, hyprland = path,
  window_id = number, display = text, xauthority = path, wayland = text, desktop = text,
  bus = matching("^unix:"), runtime_dir = path, program = text, bundle = matching("^[%w.-]+$"),
}

---Takes over what may be in a screen, and nothing else.
---@param given table of a file or of another process
---@return wrapix.Screen
function M.check(given)
  local screen = { version = VERSION }
  for name, check in pairs(FIELDS) do screen[name] = check(given[name]) end
  return screen
end

-- --- describing ----------------------------------------------------------------------

-- "SOCKET,PID,SESSION"; a socket's name may hold commas (tmux's environ.c writes it).
local function tmux_of(env)
  local socket, server = (env.TMUX or ""):match("^(.+),(%d+),%d+$")
  return socket and { socket = socket, pid = server, pane = env.TMUX_PANE } or nil
end

local function hyprland_of(env)
  local name = env.HYPRLAND_INSTANCE_SIGNATURE or ""
  if not name:find("^[%w_.-]+$") or name:find("^%.+$") or not path(env.XDG_RUNTIME_DIR) then
    return nil
  end
  return ("%s/hypr/%s"):format(env.XDG_RUNTIME_DIR, name)
end

local function has_terminal(own)
  if own then return own.tty ~= 0 end
  return sys.platform() ~= "linux" and (sys.isatty(0) or sys.isatty(2))
end

local function links(own_chain)
  local out = {}
  for i, one in ipairs(own_chain) do
    out[i] = { pid = one.pid, start = one.start, name = one.name:gsub("%c", "?") }
  end
  return #out > 0 and out or nil
end

---Describes the terminal of a process. Reads the environment and /proc, starts nothing.
---@param env table<string, string> of that process
---@param opts { pid: integer?, processes: table? }? another process; what reads /proc
---@return wrapix.Screen
function M.describe(env, opts)
  opts = opts or {}
  local all = (opts.processes or processes).chain(opts.pid or "self")
  local own = all[1]
  return M.check({
    pid = opts.pid or own and own.pid or sys.pid(), at_terminal = has_terminal(own),
    tty = own and processes.tty_path(own.tty), chain = links(all),
    tmux = tmux_of(env),
    zellij = { session = env.ZELLIJ_SESSION_NAME, pane = env.ZELLIJ_PANE_ID },
    gnu_screen = { session = env.STY, window = env.WINDOW, dir = env.SCREENDIR },
    kitty = { window = env.KITTY_WINDOW_ID, pid = env.KITTY_PID, listen_on = env.KITTY_LISTEN_ON },
    wezterm = { pane = env.WEZTERM_PANE, socket = env.WEZTERM_UNIX_SOCKET },
    -- sway calls its socket by both names, for programs made for i3 (sway-ipc(7)).
    niri = env.NIRI_SOCKET, sway = env.SWAYSOCK, i3 = not env.SWAYSOCK and env.I3SOCK or nil,
    hyprland = hyprland_of(env), window_id = env.WINDOWID, display = env.DISPLAY,
    xauthority = env.XAUTHORITY or env.HOME and env.HOME .. "/.Xauthority",
    wayland = env.WAYLAND_DISPLAY, desktop = env.XDG_CURRENT_DESKTOP,
    bus = env.DBUS_SESSION_BUS_ADDRESS, runtime_dir = env.XDG_RUNTIME_DIR,
    program = env.TERM_PROGRAM, bundle = env.__CFBundleIdentifier,
  })
end

-- --- the file ------------------------------------------------------------------------

---Writes screen.json into a session's directory.
---@param dir string sessions/ID, which no sandbox sees
---@param screen wrapix.Screen
---@return true|nil
---@return string? message
---@return string? code
function M.write(dir, screen)
  local encoded, message, code = json.encode(screen)
  if not encoded then return nil, message, code end
  return fs.write_atomic(dir .. "/" .. M.FILE, encoded .. "\n", { mode = PRIVATE, sync = false })
end

---Reads it. What a field must not hold is left out, so that its detector says unknown.
---@param dir string sessions/ID
---@return wrapix.Screen|nil
---@return string? message
---@return string? code "EBADMSG" for what is no screen
function M.read(dir)
  local file = dir .. "/" .. M.FILE
  local content, message, code = fs.read_beneath(dir, M.FILE, FILE_LIMIT)
  if not content then return nil, message, code end
  local given, why = json.decode(content, { max_depth = 8, max_size = FILE_LIMIT })
  if type(given) ~= "table" or given.version ~= VERSION then
    return nil, ("EBADMSG: read '%s': %s"):format(file, why or "describes no screen"), "EBADMSG"
  end
  return M.check(given)
end

return M
