-- SPDX-License-Identifier: MIT
-- A person's desk, for specs: tmux and screen servers, terminals at them, window
-- managers without a display, and launchers' stand-ins (screen_probe.lua) in all of
-- these. Everything lives in one directory and ends with it.

local focus = require("wrapix.notify.focus")
local fs = require("wrapix.fs")
local proc = require("wrapix.proc")
local screens = require("wrapix.notify.screen")
local sys = require("wrapix.sys")
local task = require("wrapix.task")
local terminal = require("support.terminal")
local worlds = require("support.world")

local M = {}

local PROBE = WRAPIX_ROOT .. "/tests/support/screen_probe.lua"
local PATIENCE = 30

---@class wrapix.test.Desk
local Desk = {}
Desk.__index = Desk

-- The variables of whoever runs the specs must not reach into a desk.
local HIDDEN = {
  "TMUX", "TMUX_PANE", "STY", "WINDOW", "WINDOWID", "DISPLAY", "WAYLAND_DISPLAY", "SWAYSOCK",
  "I3SOCK", "NIRI_SOCKET", "HYPRLAND_INSTANCE_SIGNATURE", "KITTY_WINDOW_ID", "KITTY_LISTEN_ON",
  "WEZTERM_PANE", "ZELLIJ", "ZELLIJ_SESSION_NAME", "ZELLIJ_PANE_ID", "XDG_CURRENT_DESKTOP",
  "SSH_CONNECTION", "SSH_TTY", "TERM_PROGRAM", "DBUS_SESSION_BUS_ADDRESS", "__CFBundleIdentifier",
}

---Makes a desk; for a <close> variable.
---@return wrapix.test.Desk
function M.new()
  local dir = assert(fs.temp_dir("wrapix-desk-"))
  local env = { XDG_RUNTIME_DIR = dir, SCREENDIR = dir .. "/screens", TERM = "xterm", LC_ALL = "C.UTF-8" }
  for _, name in ipairs(HIDDEN) do env[name] = false end
  assert(fs.mkdir(dir .. "/screens", tonumber("700", 8)))
  return setmetatable({ dir = dir, env = env, _open = {}, _probes = 0 }, Desk)
end

local function wait_for(what, condition)
  local deadline = sys.clock() + PATIENCE
  while true do
    local value = condition()
    if value then return value end
    if sys.clock() > deadline then error("never happened: " .. what, 2) end
    task.sleep(0.01)
  end
end
M.wait_for = wait_for

---The words that start a probe, and the directory it writes to.
function Desk:probe_words()
  self._probes = self._probes + 1
  local dir = ("%s/probe%d"):format(self.dir, self._probes)
  assert(fs.mkdir(dir))
  return { worlds.wrapix, PROBE, dir }, dir
end

---The screen a probe wrote.
function Desk:screen(dir) -- luacheck: no self
  wait_for("a screen in " .. dir, function() return fs.exists(dir .. "/" .. screens.FILE) end)
  return assert(screens.read(dir))
end

---What a detector says of a screen, what all say together, and everything.
function Desk:ask(screen, name) -- luacheck: no self
  local answers = focus.ask(screen)
  local found
  for _, one in ipairs(answers) do
    if one.name == name then found = one.answer end
  end
  return found, (focus.decide(answers)), answers
end

---Asks until the detector says what is expected; windows move when they like.
function Desk:expect(screen, name, wanted)
  local answer, decision, all
  local deadline = sys.clock() + PATIENCE
  repeat
    answer, decision, all = self:ask(screen, name)
    if answer == wanted then return decision end
    task.sleep(0.02)
  until sys.clock() > deadline
  local lines = {}
  for i, one in ipairs(all) do
    lines[i] = ("%s: %s: %s"):format(one.name, one.answer, one.detail)
  end
  error(("%s: %s expected, got %s\n%s"):format(name, wanted, answer, table.concat(lines, "\n")), 2)
end

---Runs a program to its end.
function Desk:run(argv, env)
  local all = {}
  for name, value in pairs(self.env) do all[name] = value end
  for name, value in pairs(env or {}) do all[name] = value end
  local result = assert(proc.run(argv, { timeout = PATIENCE, env = all }))
  assert(result.code == 0, table.concat(argv, " ") .. ": " .. result.stderr .. result.stdout)
  return result.stdout
end

---Starts a program that is ended with the desk.
function Desk:start(argv, env)
  local all = {}
  for name, value in pairs(self.env) do all[name] = value end
  for name, value in pairs(env or {}) do all[name] = value end
  local log = { file = self.dir .. "/log", mode = "a" }
  local one = assert(proc.spawn(argv, { env = all, stdout = log, stderr = "stdout", session = true }))
  self._open[#self._open + 1] = one
  return one
end

---A terminal with a program in it.
function Desk:terminal(argv)
  local one = terminal.open(argv, { env = self.env, helper = worlds.pty })
  self._open[#self._open + 1] = one
  -- What it shows has to be taken, or the program waits.
  one._reader = task.detach(function()
    while one._process.stdout:read() do end
    return true
  end)
  return one
end

---Ends a terminal with what runs in it.
function Desk:leave(one) -- luacheck: no self
  one._process:stop(1)
  if one._reader then one._reader:join() end
  one._process:close_pipes()
end

-- --- tmux ----------------------------------------------------------------------------

---A server of its own with a session "work" whose one pane runs a probe.
function Desk:tmux(name)
  local words, dir = self:probe_words()
  local server = { socket = ("%s/%s"):format(self.dir, name), clients = 0 }
  function server.run(_, argv)
    return self:run(table.move(argv, 1, #argv, 6,
      { "tmux", "-f", "/dev/null", "-S", server.socket }))
  end
  function server.attach(_, session)
    local client = self:terminal({ "tmux", "-S", server.socket, "attach", "-t", session })
    server.clients = server.clients + 1
    wait_for("a client", function()
      return select(2, server:run({ "list-clients", "-F", "x" }):gsub("x", "")) == server.clients
    end)
    return client
  end
  server:run(table.move(words, 1, #words, 9,
    { "new-session", "-d", "-s", "work", "-x", "80", "-y", "24" }))
  self._servers = self._servers or {}
  self._servers[#self._servers + 1] = server
  server.screen = self:screen(dir)
  return server
end

-- --- window managers -----------------------------------------------------------------

---A shell line that runs a probe in a terminal, and where it writes.
function Desk:probe_line()
  local words, dir = self:probe_words()
  return table.concat(words, " "), dir
end

---sway without a display, running these lines. It refuses to be root, which it takes
---from whether it could become root: not in a user namespace that knows no root.
function Desk:sway(lines)
  local config = self.dir .. "/sway.conf"
  local text = {}
  for i, line in ipairs(lines) do text[i] = "exec " .. line .. "\n" end
  assert(fs.write_atomic(config, table.concat(text)))
  local argv = { "sway", "-c", config }
  if sys.euid() == 0 then argv = { "unshare", "--user", "sway", "-c", config } end
  self:start(argv, {
    WLR_BACKENDS = "headless", WLR_LIBINPUT_NO_DEVICES = "1", WLR_RENDERER = "pixman",
  })
end

---An X server of its own.
---@return string display
function Desk:xvfb()
  local server = assert(proc.spawn(
    { "Xvfb", "-displayfd", "1", "-screen", "0", "640x480x24", "-nolisten", "tcp" },
    { env = self.env, stdout = "pipe", stderr = "null", session = true }))
  self._open[#self._open + 1] = server
  local number = assert(task.timeout(PATIENCE, function() return server.stdout:read_line() end))
  return ":" .. number
end

---i3 on that display, running these lines.
function Desk:i3(display, lines)
  local config = self.dir .. "/i3.conf"
  local text = { "# i3 config file (v4)\n", "ipc-socket " .. self.dir .. "/i3.sock\n" }
  for _, line in ipairs(lines) do text[#text + 1] = "exec --no-startup-id " .. line .. "\n" end
  assert(fs.write_atomic(config, table.concat(text)))
  self:start({ "i3", "-c", config }, { DISPLAY = display })
end

function Desk:__close()
  for _, server in ipairs(self._servers or {}) do
    proc.run({ "tmux", "-S", server.socket, "kill-server" }, { timeout = 5 })
  end
  for i = #self._open, 1, -1 do
    local one = self._open[i]
    if one._process then self:leave(one) else
      one:stop(1)
      one:close_pipes()
    end
  end
  assert(fs.remove_tree(self.dir))
end

return M
