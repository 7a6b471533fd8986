-- SPDX-License-Identifier: MIT
-- A program whose terminal is watched: its bell and its notifications become messages, its
-- bytes pass as they are, and the person's terminal is as it was, whatever dies.

local fs = require("wrapix.fs")
local proc = require("wrapix.proc")
local terminals = require("support.terminal")
local worlds = require("support.world")

local RULES = [[
return { focus = false, join = 0, rate = false, sinks = { function(message)
  local file <close> = assert(io.open(%q, "a"))
  file:write(message.event, "|", message.title, "|", message.message, "|", message.from.profile, "\n")
  return true
end } }]]

describe("a watched terminal", function()
  local world

  before_each(function()
    world = worlds.new()
    world:write(world.env.XDG_CONFIG_HOME .. "/wrapix/notify.lua", RULES:format(world.dir .. "/told"))
    world:write("config/wrapix/profiles/loud.lua",
      ('return { name = "loud", image = %q, notify = { terminal = true } }\n'):format(worlds.image))
  end)
  after_each(function()
    local sessions, containers = world:sessions(), world:containers()
    world:close()
    assert.same({}, sessions)
    assert.same({}, containers)
  end)

  local function told() return fs.read(world.dir .. "/told") or "" end
  local function wait_until_told(text)
    worlds.wait_until(text, function() return told():find(text, 1, true) end)
  end

  local function launch(profile, script)
    return world:terminal({ "-q", profile, "--", "sh", "-c", script })
  end

  -- wrapix is the parent of the engine it started; the relay is its other child.
  local function children_of_launcher()
    local engine = world:wait_for_call("run").pid
    local stat = assert(fs.read(("/proc/%d/stat"):format(engine)))
    local launcher = math.tointeger(stat:match("%) %a (%d+)"))
    local list = fs.read(("/proc/%d/task/%d/children"):format(launcher, launcher))
    for pid in list:gmatch("%d+") do
      if math.tointeger(pid) ~= engine then return launcher, engine, math.tointeger(pid) end
    end
    error("no relay")
  end

  local function kill(name, pid) assert(proc.run({ "kill", "-" .. name, tostring(pid) })) end

  it("makes messages of the bell, OSC 9 and 777, which all pass as they are", function()
    local bytes = "a\ab\27]9;from 9\ac\27]777;notify;Title;from 777\27\\d\27]0;window\ae"
    world:write("work/bytes", bytes)
    local terminal <close> = launch("loud", "cat bytes; sleep 0.1; echo end")
    terminal:expect("end")
    local status, modes = terminal:wait()
    assert.same({ 0, "same" }, { status, modes })
    assert.truthy(terminal.seen:find(bytes, 1, true), ("%q"):format(terminal.seen))
    assert.equal("bell|loud|The terminal's bell rang|loud\nbell|loud|from 9|loud\n"
      .. "bell|Title|from 777|loud\n", told())
  end)

  it("is none where the profile does not ask for it", function()
    local terminal <close> = launch("test", "printf '\\a\\033]9;x\\a'; echo end; sleep 0.1")
    terminal:expect("end")
    terminal:wait()
    assert.equal("", told())
  end)

  it("has its output looked at where a script reads it", function()
    local script = world:write("script.lua", [[
      local box = assert(require("wrapix").sandbox("loud"))
      local seen = {}
      local result = assert(box:run({ "printf", "a\\033]9;to a script\\ab" },
        { on_stdout = function(chunk) seen[#seen + 1] = chunk end }))
      assert(table.concat(seen) == "a\27]9;to a script\ab")]])
    local result = world:run({ script })
    assert.equal(0, result.code, result.stderr)
    assert.equal("bell|loud|to a script|loud\n", told())
  end)

  it("is told of at once, and not at the end", function()
    local terminal <close> = launch("loud", "printf '\\033]9;now\\a'; read line; echo got $line")
    wait_until_told("now")
    assert.equal("raw", terminal:modes())
    terminal:type("word\n")
    terminal:expect("got word")
    assert.equal(0, (terminal:wait()))
  end)

  it("passes a lot unchanged", function()
    local terminal <close> = launch("loud", "seq 1 100000; sleep 0.1")
    local status, modes = terminal:wait()
    assert.same({ 0, "same" }, { status, modes })
    local want = {}
    for i = 1, 100000 do want[i] = i .. "\n" end
    assert.equal(table.concat(want), (terminal.seen:gsub("\r", "")))
  end)

  it("is put back when the engine is killed", function()
    world:script("run.die", 9)
    local terminal <close> = launch("loud", "sleep 1000")
    local status, modes = terminal:wait()
    assert.same({ 137, "same" }, { status, modes })
  end)

  it("is put back, and the sandbox ended, when the process between is killed", function()
    local terminal <close> = launch("loud", "echo up; sleep 1000")
    terminal:expect("up")
    local _, _, between = children_of_launcher()
    kill("KILL", between)
    local status, modes = terminal:wait()
    assert.same({ 129, "same" }, { status, modes })
  end)

  it("goes on, and is put back at the end, when wrapix is killed", function()
    local terminal <close> = world:terminal(
      '"$0" -q loud -- sh -c \'echo up; read line; echo got $line\'; read -r word; echo "over $word"')
    terminal:expect("up")
    local launcher = children_of_launcher()
    kill("KILL", launcher)
    -- Its shell reads as well by now, but of a raw terminal it does not get a line first.
    worlds.wait_until("its end", function() return not fs.stat("/proc/" .. launcher .. "/fd/0") end)
    assert.equal("raw", terminal:modes())
    local engine = world:calls("run")[1].pid
    kill("KILL", engine)
    worlds.wait_until("the modes", function() return terminal:modes() == "cooked" end)
    terminal:type("typed\r")
    terminal:expect("over typed")
    local _, modes = terminal:wait()
    assert.equal("same", modes)
    -- Taking away what a dead launcher left is told of elsewhere; the double cannot find it.
    world:podman({ "rm", "--force", "--ignore", "--", world:containers()[1] })
    assert(fs.remove_tree(world.dir .. "/run/wrapix/sessions"))
  end)

  it("that goes away takes the sandbox with it", function()
    local terminal <close> = launch("loud", "echo up; sleep 1000")
    terminal:expect("up")
    local _, _, between = children_of_launcher()
    terminal:hang_up()
    worlds.wait_until("no session", function() return #world:sessions() == 0 end)
    worlds.wait_until("no process between", function() return not fs.stat("/proc/" .. between) end)
  end)

  -- The double gives its command no terminal, so a shell stands in for the engine.
  describe("of an engine", function()
    local function open(script, opts)
      local path = world:write("run.lua", [[
        local container = require("wrapix.container")
        local result = assert(container.run({ "/bin/sh", "-c", ... }, {
          on_signal = function() end,
          attention = { take = function() end, missing = error },
        }))
        return result.code or 128 + result.signal]])
      return terminals.open({ worlds.wrapix, path, script },
        { helper = worlds.pty, rows = opts and opts.rows, cols = opts and opts.cols,
          env = { TERM = "xterm" } })
    end

    it("is the person's own where none can be put between, and that is told", function()
      local path = world:write("run.lua", [[
        local told
        local result = assert(require("wrapix.container").run({ "echo", "ran" },
          { attention = { take = error, missing = function(message) told = message end } }))
        print(told)
        return result.code]])
      local result = world:run({ path })
      assert.same({ 0, "ran\nENOTTY: read the terminal's modes: inappropriate ioctl for device\n" },
        { result.code, result.stdout })
    end)

    it("has the size of the person's, at once and after a change", function()
      local terminal <close> = open(
        "trap 'stty size' WINCH; stty size; while :; do sleep 0.02; done", { rows = 33, cols = 44 })
      terminal:expect("33 44\r\n")
      terminal:resize(50, 111)
      terminal:expect("50 111\r\n")
      terminal:type("\3")
      local status, modes = terminal:wait()
      assert.same({ 130, "same" }, { status, modes })
    end)

    it("gets one interrupt for a Ctrl-C before it has made the terminal raw", function()
      local terminal <close> = open("n=0; trap 'n=$((n+1))' INT; echo up; "
        .. "while [ $n = 0 ]; do sleep 0.02; done; sleep 0.2; exit $n")
      terminal:expect("up")
      assert.equal("cooked", terminal:modes())
      terminal:type("\3")
      assert.equal(1, (terminal:wait()))
    end)

    it("gets the Ctrl-C and the line behind it that the process between finds together", function()
      local terminal <close> = open("trap 'n=1' INT; echo up $PPID; "
        .. "while [ -z \"$n\" ]; do sleep 0.02; done; read line; echo got $line")
      local launcher = terminal:expect("up (%d+)\r")
      local relay = (fs.read(("/proc/%s/task/%s/children"):format(launcher, launcher))):match("%d+")
      kill("STOP", relay)
      terminal:type("\3")
      terminal:type("x\r")
      kill("CONT", relay)
      terminal:expect("got x")
      assert.equal(0, (terminal:wait()))
    end)

    it("gets lines and their end before, and every byte afterwards", function()
      local terminal <close> = open("read line; echo got $line; cat >/dev/null; echo end; "
        .. "stty raw -echo; echo raw; dd bs=1 count=4 2>/dev/null | od -An -tx1")
      terminal:type("one\r")
      terminal:expect("got one")
      terminal:type("\4")
      terminal:expect("end.*raw")
      assert.equal("raw", terminal:modes())
      terminal:type("\3\26\0\255")
      terminal:expect("03 1a 00 ff")
      local status, modes = terminal:wait()
      assert.same({ 0, "same" }, { status, modes })
    end)

    it("keeps what was typed before it was raw", function()
      local terminal <close> = open("sleep 0.3; stty raw -echo; echo raw; head -c 3 | od -An -tc")
      terminal:type("abc")
      terminal:expect("raw.*a +b +c")
      assert.equal(0, (terminal:wait()))
    end)

    it("is left to the shell while it is stopped", function()
      local path = world:write("stopped.lua", [[
        require("wrapix.container").run({ "/bin/sh", "-c", "stty raw -echo; echo up; head -c 1" },
          { attention = { take = function() end, missing = error } })]])
      local terminal <close> = terminals.open({ "sh", "-i" }, { helper = worlds.pty,
        env = { TERM = "xterm", PS1 = "$ ", ENV = "/dev/null" } })
      terminal:expect("%$ ")
      terminal:type(worlds.wrapix .. " " .. path .. "\r")
      terminal:expect("up")
      assert.equal("raw", terminal:modes())
      local listed = assert(proc.run({ "pgrep", "-f", path })).stdout
      local group = assert(proc.run({ "ps", "-o", "pgid=", "-p", listed:match("%d+") })).stdout
      assert(proc.run({ "kill", "-TSTP", "--", "-" .. group:match("%d+") }))
      worlds.wait_until("cooked", function() return terminal:modes() == "cooked" end)
      terminal:type("echo shell\r")
      terminal:expect("shell\r\n")
      terminal:type("fg\r")
      worlds.wait_until("raw", function() return terminal:modes() == "raw" end)
      terminal:type("x")
      terminal:expect("x")
      worlds.wait_until("cooked", function() return terminal:modes() == "cooked" end)
      terminal:type("exit 7\r")
      assert.equal(7, (terminal:wait()))
    end)

    it("is hung up when the terminal is gone, and wrapix as well", function()
      local path = world:write("run.lua", [[
        require("wrapix.container").run({ "/bin/sh", "-c", "stty raw; echo up $$; exec cat" },
          { attention = { take = function() end, missing = error } })]])
      local terminal <close> = terminals.open({ worlds.wrapix, path }, { helper = worlds.pty })
      local engine = terminal:expect("up (%d+)")
      terminal:hang_up() -- of which wrapix dies here, as nothing of it listens
      worlds.wait_until("its end", function() return not fs.stat("/proc/" .. engine) end)
    end)

    it("may write on when the terminal is gone", function()
      local terminal <close> = open(("trap '' HUP; echo up; while [ ! -e %s/gone ]; do sleep 0.02; done; "
        .. "yes | head -c 3000000; echo >%s/done"):format(world.dir, world.dir))
      terminal:expect("up")
      terminal:hang_up()
      world:write("gone", "")
      worlds.wait_until("the end", function() return fs.stat(world.dir .. "/done") end)
      terminal:wait()
    end)
  end)
end)
