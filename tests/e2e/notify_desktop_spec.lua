-- SPDX-License-Identifier: MIT
-- The whole way: from inside a real sandbox to what a person sees, which is dunst on an X
-- server, told by the real notify-send over a real session bus. Its own history says what
-- it was told, and a screenshot, read by tesseract, what it showed.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local proc = require("wrapix.proc")

local DESKTOP = WRAPIX_ROOT .. "/tests/support/desktop.sh"

-- Letters that a program can read, and nothing that moves.
local DUNST = [=[
[global]
font = DejaVu Sans 22
width = 800
height = 400
origin = top-left
offset = 20x20
markup = full
frame_width = 1
idle_threshold = 0
history_length = 50
[urgency_low]
background = "#ffffff"
foreground = "#000000"
timeout = 0
[urgency_normal]
background = "#ffffff"
foreground = "#000000"
timeout = 0
[urgency_critical]
background = "#ffffff"
foreground = "#000000"
timeout = 0
format = "<b>%s</b> (critical)\n%b"
]=]

-- What runs on the desktop: "$1" is wrapix, "$2" a directory, the rest the sandbox.
local ALONE = 'shift 2; "$@"'
-- The daemon stops when all was said, and shows that before it goes.
local WITH_DAEMON = [[
wrapix=$1 dir=$2
shift 2
"$wrapix" notifyd >"$dir/said" 2>"$dir/errors" &
pid=$!
while ! grep -q listening "$dir/said"; do sleep 0.02; done
"$@"
kill "$pid"
wait "$pid"]]

describe("a notification of a sandbox", function()
  if e2e.host == "deb13" then return end -- a small system without a desktop
  after_each(e2e.assert_clean)

  local function value(entry, name) return entry[name].data end

  local function run(argv, env)
    local result = assert(proc.run(argv, { timeout = 60, env = env }))
    assert.equal(0, result.code, table.concat(argv, " ") .. "\n" .. result.stderr)
    return result.stdout
  end

  -- Twice the size reads better.
  local function read_picture(dir)
    run({ "convert", dir .. "/shot.png", "-resize", "200%", dir .. "/big.png" })
    local text = run({ "tesseract", dir .. "/big.png", "-", "--psm", "6" }, { OMP_THREAD_LIMIT = "1" })
    return (text:gsub("%s+", " "))
  end

  -- Runs a script in a sandbox at a desktop of its own. Returns the one thing that dunst was
  -- told, and what can be read on the screen.
  local function see(around, script)
    local dir = e2e.dir("desk")
    assert(fs.ensure_dir(dir .. "/c/dunst"))
    e2e.file(dir .. "/c/dunst/dunstrc", DUNST)
    local argv = { DESKTOP, dir, "sh", "-c", around, "sh", e2e.wrapix, dir }
    local sandbox = e2e.words({ args = { "-q", "--name", "shop-1" } }, { "sh", "-c", script })
    run(table.move(sandbox, 1, #sandbox, #argv + 1, argv), {
      XDG_CONFIG_HOME = dir .. "/c", XDG_STATE_HOME = dir .. "/s", DISPLAY = false,
      WAYLAND_DISPLAY = false, DBUS_SESSION_BUS_ADDRESS = false,
    })
    local list = assert(json.decode(fs.read(dir .. "/dunst.json"))).data[1]
    assert.equal(1, #list)
    return list[1], read_picture(dir)
  end

  it("is on the screen without any daemon", function()
    local told, seen = see(ALONE, 'wrapix-notify "Build" "The <b>build</b> is done & dusted" Ping')
    assert.same({ "Build", "The &lt;b&gt;build&lt;/b&gt; is done &amp; dusted", "wrapix shop-1" },
      { value(told, "summary"), value(told, "body"), value(told, "appname") })
    assert.matches("^Build The", seen)
    assert.matches("<b>build</b> is done & dusted", seen, 1, true)
  end)

  it("is on the screen by wrapix-notifyd, as urgent as its agent's hook says", function()
    local told, seen = see(WITH_DAEMON, [[
      echo '{"hook_event_name":"StopFailure","error":"The model is overloaded"}' |
        wrapix-notify --title "Claude Code" --hook]])
    assert.same({ "Claude Code", "Stopped by an error: The model is overloaded", "wrapix shop-1" },
      { value(told, "summary"), value(told, "body"), value(told, "appname") })
    assert.matches("Claude Code (critical)", seen, 1, true)
    assert.matches("The model is overloaded", seen, 1, true)
  end)
end)
