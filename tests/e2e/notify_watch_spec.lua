-- SPDX-License-Identifier: MIT
-- A real sandbox whose terminal is watched: what it does to be noticed arrives where
-- wrapix-notifyd would listen, and the person's terminal is as good as without it.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local net = require("wrapix.net")
local servers = require("wrapix.notify.server")
local sys = require("wrapix.sys")
local task = require("wrapix.task")
local terminal = require("support.terminal")

local SOCKET = e2e.runtime_dir .. "/notify.sock"
local CTRL_C, CTRL_Z = "\3", "\26"
local HUNG_UP = 129

describe("a watched terminal", function()
  local profile

  setup(function()
    profile = e2e.file(e2e.dir("home") .. "/loud.lua",
      ('return { name = "loud", image = %q, notify = { terminal = true } }'):format(e2e.image))
  end)
  after_each(e2e.assert_clean)

  local function open(script, opts)
    opts = opts or {}
    opts.env = { TERM = "xterm-256color" }
    local words = { image = false, args = { "-q", profile }, dir = opts.dir }
    return terminal.open(e2e.words(words, { "sh", "-c", script }), opts)
  end

  -- Calls fn with the list of what arrives.
  local function listening(fn)
    assert(fs.ensure_dir(e2e.runtime_dir, tonumber("700", 8)))
    local got = {}
    local server = servers.new(assert(net.listen_unix(SOCKET)), { from = true,
      on_message = function(message) got[#got + 1] = message end })
    task.detach(server.serve, server)
    local ok, err = pcall(fn, got)
    server:drain(0.5)
    server:close()
    e2e.wait_for("no connection", function() return server:connections() == 0 end)
    fs.unlink(SOCKET)
    task.sleep(0.01)
    if not ok then error(err, 0) end
  end

  it("tells of the bell and of OSC 9 and 777, and shows them all the same", function()
    listening(function(got)
      local dir = e2e.dir("shop")
      local term <close> = open("printf 'a\\007b\\033]9;from 9\\007c\\033]777;notify;T;from 777\\033\\\\d'; "
        .. "read line; echo got $line", { dir = dir })
      e2e.wait_for("three messages", function() return #got == 3 end)
      term:type("word\r")
      term:expect("got word")
      local status, modes = term:wait()
      assert.same({ 0, "same" }, { status, modes })
      assert.truthy(term.seen:find("a\ab\27]9;from 9\ac\27]777;notify;T;from 777\27\\d", 1, true))
      local texts = {}
      for i, message in ipairs(got) do
        texts[i] = table.concat({ message.event, message.title, message.message }, "|")
        assert.same({ "loud", dir }, { message.from.profile, message.from.workspace })
      end
      assert.same({ "bell|loud|The terminal's bell rang", "bell|loud|from 9", "bell|T|from 777" }, texts)
    end)
  end)

  it("has the size of the one outside, at once and after a change", function()
    local term <close> = open("trap 'stty size' WINCH; stty size; while :; do sleep 0.1; done",
      { rows = 33, cols = 44 })
    term:expect("33 44\r\n")
    term:resize(50, 111)
    term:expect("50 111\r\n")
    term:type(CTRL_C)
    local status, modes = term:wait()
    assert.same({ 130, "same" }, { status, modes })
  end)

  it("has a shell with job control, and keys that arrive once", function()
    local term <close> = open("PS1='$ ' exec sh -i")
    term:expect("%$ ")
    assert.equal("raw", term:modes())
    term:type("sleep 100\r")
    task.sleep(0.3)
    term:type(CTRL_Z)
    term:expect("Stopped")
    term:type("fg\r")
    term:expect("sleep 100\r\n")
    task.sleep(0.2)
    term:type(CTRL_C)
    term:expect("%$ ")
    term:type("exit 3\r")
    local status, modes = term:wait()
    assert.same({ 3, "same" }, { status, modes })
  end)

  it("passes a lot, fast and unchanged", function()
    local began = sys.clock()
    local term <close> = open("seq 1 200000; exit 3")
    local status, modes = term:wait(60)
    assert.same({ 3, "same" }, { status, modes })
    local want = {}
    for i = 1, 200000 do want[i] = i .. "\r\n" end
    assert.is_true(term.seen == table.concat(want))
    assert.truthy(sys.clock() - began < 20)
  end)

  local function launcher()
    local engine = e2e.process("podman run", function(one) return one.argv:find("podman run ") end)
    return math.tointeger(fs.read(("/proc/%d/stat"):format(engine.pid)):match("%) %a (%d+)"))
  end

  it("is put back after SIGTERM to wrapix", function()
    local term <close> = open("stty raw; echo up; exec sleep 1000")
    term:expect("up")
    e2e.kill(launcher(), "TERM")
    local status, modes = term:wait()
    assert.same({ HUNG_UP, "same" }, { status, modes })
  end)

  it("is put back, and the sandbox ended, after a kill -9 of wrapix", function()
    local words = e2e.words({ image = false, args = { "-q", profile } },
      { "sh", "-c", "stty raw; echo up; sleep 1000" })
    for i, word in ipairs(words) do words[i] = "'" .. word .. "'" end
    local term <close> = terminal.open({ "sh", "-c", table.concat(words, " ")
      .. "; while stty -a | grep -q -- -icanon; do sleep 0.1; done; echo cooked" },
      { env = { TERM = "xterm" } })
    term:expect("up")
    e2e.kill(launcher(), "KILL")
    term:expect("cooked")
    local _, modes = term:wait()
    assert.equal("same", modes)
    e2e.output("true") -- takes away what is left of the dead one
  end)

  it("that goes away takes the sandbox with it", function()
    local term <close> = open("PS1='$ ' exec sh -i")
    term:expect("%$ ")
    local began = sys.clock()
    term:hang_up()
    assert.equal(HUNG_UP, (term:wait()))
    assert.truthy(sys.clock() - began < 5)
  end)
end)
