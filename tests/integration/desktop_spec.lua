-- SPDX-License-Identifier: MIT
-- Messages on a real desktop: the daemon, the real notify-send over a real session bus, and
-- dunst, whose own history says what a person saw.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")

local WRAPIX = assert(fs.realpath("/proc/self/exe"))
local DESKTOP = WRAPIX_ROOT .. "/tests/support/desktop.sh"
local NEEDED = { "Xvfb", "dunst", "dunstctl", "notify-send", "dbus-run-session", "socat" }

-- Starts the daemon, sends what is in the file "lines", waits for its end.
local SCRIPT = [[
"$1" notifyd >"$2/said" 2>"$2/errors" &
pid=$!
while ! grep -q listening "$2/said"; do sleep 0.02; done
# It stays until it has been looked at, as a launcher does.
{ cat "$2/lines"; sleep 1; } | socat -u - "UNIX-CONNECT:$XDG_RUNTIME_DIR/wrapix/notify.sock"
kill "$pid"
wait "$pid"
]]

describe("a desktop", function()
  local dir
  before_each(function() dir = assert(fs.temp_dir("wx-desktop")) end)
  after_each(function() fs.remove_tree(dir) end)

  local function missing()
    for _, name in ipairs(NEEDED) do
      if not sys.which(name) then return name end
    end
  end

  local function value(entry, name) return entry[name].data end

  -- What dunst was told, in the order in which it was shown.
  local function show(messages, rules)
    local lines = {}
    for i, message in ipairs(messages) do lines[i] = assert(json.encode(message)) .. "\n" end
    assert(fs.write_atomic(dir .. "/lines", table.concat(lines)))
    assert(fs.mkdir(dir .. "/r", 448))
    if rules then
      assert(fs.ensure_dir(dir .. "/c/wrapix"))
      assert(fs.write_atomic(dir .. "/c/wrapix/notify.lua", rules))
    end
    local result = assert(proc.run({ DESKTOP, dir, "sh", "-c", SCRIPT, "sh", WRAPIX, dir }, {
      clear_env = true, timeout = 60, env = { PATH = os.getenv("PATH"), HOME = dir,
        XDG_RUNTIME_DIR = dir .. "/r", XDG_STATE_HOME = dir .. "/s", XDG_CONFIG_HOME = dir .. "/c" },
    }))
    assert.equal(0, result.code, result.stderr .. (fs.read(dir .. "/bus.log") or ""))
    local list = assert(json.decode(fs.read(dir .. "/dunst.json"))).data[1]
    table.sort(list, function(a, b) return value(a, "id") < value(b, "id") end)
    return list, fs.read(dir .. "/errors")
  end

  it("shows texts as texts, whatever they would like to be", function()
    local absent = missing()
    if absent then return pending(absent .. " is not installed") end
    local hostile = {
      { "--help", "-u critical" }, { "<b>x</b>", "<b>bold</b> &amp; <i>it</i>" },
      { "back\\slash", "\\074b\\076 \\n \\" }, { "$(id) `id` %s", "'\"; touch x #" },
      { "é 😀", "Grüße" },
    }
    local messages = {}
    for i, pair in ipairs(hostile) do
      messages[i] = { title = pair[1], message = pair[2], tag = "t" .. i }
    end
    local list, errors = show(messages)
    assert.equal("", errors)
    assert.equal(#hostile, #list)
    local unescape = { ["&amp;"] = "&", ["&lt;"] = "<", ["&gt;"] = ">" }
    for i, pair in ipairs(hostile) do
      assert.equal(pair[1], value(list[i], "summary"))
      -- The body is markup: no tag of a message's own is in it, and it reads as the text.
      local body = value(list[i], "body")
      assert.is_nil(body:find("[<>]"))
      assert.equal(pair[2], (body:gsub("&%a+;", unescape)))
      assert.equal("wrapix", value(list[i], "appname"))
    end
  end)

  it("shows who speaks, and the last word of a tag in place of the one before", function()
    local absent = missing()
    if absent then return pending(absent .. " is not installed") end
    local from = { session = "abc", name = "shop-1" }
    local list = show({
      { title = "Claude Code", message = "first", from = from },
      { title = "build", message = "other", from = from, tag = "build" },
      { title = "Claude Code", message = "last", from = from, sound = "Ping", urgency = "critical" },
    })
    local bodies = {}
    for i, entry in ipairs(list) do bodies[i] = value(entry, "body") end
    table.sort(bodies)
    assert.same({ "last", "other" }, bodies)
    for _, entry in ipairs(list) do assert.equal("wrapix shop-1", value(entry, "appname")) end
  end)

  it("holds no process for a click longer than the rules say", function()
    local absent = missing()
    if absent then return pending(absent .. " is not installed") end
    local started = sys.clock()
    local list = show({ { title = "click", message = "me", from = { session = "a", screen = {} } } },
      'return { sinks = { { "notify_send", click = 600 } } }')
    assert.equal(1, #list)
    assert.is_true(sys.clock() - started < 50)
  end)
end)
