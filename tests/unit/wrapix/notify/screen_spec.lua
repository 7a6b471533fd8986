-- SPDX-License-Identifier: MIT
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local screens = require("wrapix.notify.screen")

local HERE = {
  { pid = 40, name = "wrapix", ppid = 30, tty = 34817, start = 400 },
  { pid = 30, name = "bash", ppid = 20, tty = 34817, start = 300 },
  { pid = 20, name = "fo(o) t\n", ppid = 1, tty = 0, start = 200 },
}
local reader = { chain = function() return HERE end }

local function describe_env(env) return screens.describe(env, { processes = reader }) end

describe("screen.describe", function()
  it("knows the terminal and the processes above", function()
    local screen = describe_env({})
    assert.same({ version = 1, pid = 40, at_terminal = true, tty = "/dev/pts/1", chain = {
      { pid = 40, start = 400, name = "wrapix" }, { pid = 30, start = 300, name = "bash" },
      { pid = 20, start = 200, name = "fo(o) t?" },
    } }, screen)
  end)

  it("is at no terminal where the process has none", function()
    local alone = { chain = function()
      return { { pid = 40, name = "wrapix", ppid = 1, tty = 0, start = 1 } }
    end }
    local screen = screens.describe({ TMUX = "/s,1,0", TMUX_PANE = "%1" }, { processes = alone })
    assert.is_nil(screen.at_terminal)
    assert.is_nil(screen.tty)
  end)

  it("reads the variables of terminals and desktops", function()
    local screen = describe_env({
      TMUX = "/tmp/tmux-1000/a,b,1234,0", TMUX_PANE = "%7",
      ZELLIJ_SESSION_NAME = "shy fox", ZELLIJ_PANE_ID = "0",
      STY = "77.pts-0.host", WINDOW = "3", SCREENDIR = "/run/screens",
      KITTY_WINDOW_ID = "2", KITTY_PID = "99", KITTY_LISTEN_ON = "unix:@kitty-99",
      WEZTERM_PANE = "0", WEZTERM_UNIX_SOCKET = "/run/user/1000/wezterm/gui-sock-1",
      NIRI_SOCKET = "/run/niri.sock", SWAYSOCK = "/run/sway.sock", I3SOCK = "/run/sway.sock",
      HYPRLAND_INSTANCE_SIGNATURE = "abc_123", XDG_RUNTIME_DIR = "/run/user/1000",
      WINDOWID = "6291468", DISPLAY = ":0", XAUTHORITY = "/a", WAYLAND_DISPLAY = "wayland-1",
      XDG_CURRENT_DESKTOP = "ubuntu:GNOME", TERM_PROGRAM = "ghostty",
      __CFBundleIdentifier = "com.apple.Terminal", DBUS_SESSION_BUS_ADDRESS = "unix:path=/b",
    })
    assert.same({ socket = "/tmp/tmux-1000/a,b", pid = 1234, pane = "%7" }, screen.tmux)
    assert.same({ session = "shy fox", pane = 0 }, screen.zellij)
    assert.same({ session = "77.pts-0.host", window = 3, dir = "/run/screens" }, screen.gnu_screen)
    assert.same({ window = 2, pid = 99, listen_on = "unix:@kitty-99" }, screen.kitty)
    assert.same({ pane = 0, socket = "/run/user/1000/wezterm/gui-sock-1" }, screen.wezterm)
    assert.equal("/run/user/1000/hypr/abc_123", screen.hyprland)
    assert.same({ "/run/niri.sock", "/run/sway.sock", nil }, { screen.niri, screen.sway, screen.i3 })
    assert.same({ 6291468, ":0", "wayland-1", "ubuntu:GNOME", "com.apple.Terminal" },
      { screen.window_id, screen.display, screen.wayland, screen.desktop, screen.bundle })
  end)

  it("leaves out what would be no word, path or number", function()
    local screen = describe_env({
      TMUX = "relative,12,0", TMUX_PANE = "%7", ZELLIJ_SESSION_NAME = "--help", ZELLIJ_PANE_ID = "1",
      STY = "-x", WINDOW = "0", KITTY_WINDOW_ID = "1e3", WEZTERM_PANE = "-1",
      NIRI_SOCKET = "niri.sock", SWAYSOCK = "/run/a\nb", WINDOWID = "0x600000c",
      HYPRLAND_INSTANCE_SIGNATURE = "../../etc", XDG_RUNTIME_DIR = "/run",
      DISPLAY = ("x"):rep(300), __CFBundleIdentifier = "a b", DBUS_SESSION_BUS_ADDRESS = "unixexec:path=sh",
    })
    for _, name in ipairs({ "tmux", "zellij", "gnu_screen", "kitty", "wezterm", "niri", "sway",
      "window_id", "hyprland", "display", "bundle", "bus" }) do
      assert.is_nil(screen[name], name)
    end
    assert.is_nil(describe_env({ TMUX = "/s,1,0", TMUX_PANE = "%1; kill-server" }).tmux)
    assert.is_nil(describe_env({ TMUX = "/s,1,0" }).tmux)
    local kitty = describe_env({ KITTY_WINDOW_ID = "1", KITTY_LISTEN_ON = "tcp:evil:1" }).kitty
    assert.same({ window = 1 }, kitty)
  end)

  it("describes this very process", function()
    local screen = screens.describe({})
    assert.equal(require("wrapix.sys").pid(), screen.pid)
    assert.equal(screen.pid, screen.chain[1].pid)
  end)
end)

describe("screen.json", function()
  local dir
  before_each(function() dir = assert(fs.temp_dir()) end)
  after_each(function() assert(fs.remove_tree(dir)) end)

  local function put(text) assert(fs.write_atomic(dir .. "/screen.json", text)) end

  it("is read as it was written", function()
    local screen = describe_env({ TMUX = "/s\"\\,1,0", TMUX_PANE = "%1", WINDOWID = "5" })
    assert(screens.write(dir, screen))
    assert.same(screen, screens.read(dir))
    assert.equal(tonumber("600", 8), fs.stat(dir .. "/screen.json").mode)
  end)

  it("is refused when it is something else", function()
    for _, text in ipairs({ "", "[]", "7", "{}", '{"version":2}', '{"version":1', ("["):rep(100) }) do
      put(text)
      local screen, message, code = screens.read(dir)
      assert.same({ nil, "EBADMSG" }, { screen, code }, text)
      assert.truthy(message:find("screen.json", 1, true))
    end
    put('{"version":1,"display":"' .. ("x"):rep(70000) .. '"}')
    assert.equal("EFBIG", (select(3, screens.read(dir))))
    assert(fs.unlink(dir .. "/screen.json"))
    assert.equal("ENOENT", (select(3, screens.read(dir))))
    assert(fs.symlink("/dev/zero", dir .. "/screen.json"))
    assert.is_nil((screens.read(dir)))
  end)

  it("loses the fields that must not be as they are", function()
    put(json.encode({
      version = 1, pid = -1, at_terminal = "yes", tty = "pts/1", window_id = 1.5,
      tmux = { socket = "/s", pid = 1, pane = "%1 ; run-shell x" }, kitty = { window = {} },
      chain = { { pid = 1, start = 2, name = "a" }, { pid = "x" } }, sway = { "/s" }, more = true,
      niri = "/run/niri",
    }))
    assert.same({ version = 1, niri = "/run/niri" }, screens.read(dir))
    put('{"version":1,"chain":7,"tmux":[],"kitty":null}')
    assert.same({ version = 1 }, screens.read(dir))
  end)
end)
