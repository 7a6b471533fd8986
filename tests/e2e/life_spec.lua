-- SPDX-License-Identifier: MIT
-- How a sandbox ends, and what stays: signals to wrapix, a killed engine, --keep,
-- --detach, two at once, names that are taken.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local sys = require("wrapix.sys")

local UP = { "sh", "-c", "echo up; exec sleep 1000" }

describe("the end of a sandbox", function()
  after_each(e2e.assert_clean)

  local function start(argv, opts)
    local running = e2e.start(argv or UP, opts)
    assert.equal("up", running.stdout:read_line())
    return running
  end

  for _, name in ipairs({ "TERM", "HUP" }) do
    it(("comes within seconds of SIG%s to wrapix"):format(name), function()
      local running <close> = start()
      local began = sys.clock()
      e2e.kill(running:pid(), name)
      local result = running:wait()
      e2e.assert_within(began, 9) -- less than the grace
      assert.equal(143, result.code)
      assert.truthy(result.stderr:find("stopped: SIG" .. name, 1, true), result.stderr)
    end)
  end

  it("leaves the program time to clean up", function()
    local dir = e2e.dir()
    local running <close> = start({ "sh", "-c",
      "trap 'echo bye; echo done >note; exit 7' TERM; echo up; while :; do sleep 0.1; done" },
      { dir = dir })
    e2e.kill(running:pid(), "TERM")
    assert.equal("bye", running.stdout:read_line())
    assert.equal(7, running:wait().code)
    assert.equal("done\n", fs.read(dir .. "/note"))
  end)

  it("is at once after a second SIGTERM", function()
    local running <close> = start({ "sh", "-c",
      "trap 'echo no' TERM; echo up; while :; do sleep 0.1; done" })
    e2e.kill(running:pid(), "TERM")
    assert.equal("no", running.stdout:read_line())
    local began = sys.clock()
    e2e.kill(running:pid(), "TERM")
    assert.equal(137, running:wait().code)
    e2e.assert_within(began, 9) -- less than the grace
  end)

  it("is the program's to decide after SIGINT to wrapix", function()
    local running <close> = start({ "sh", "-c",
      "trap 'echo got' INT; echo up; while :; do sleep 0.1; done" })
    e2e.kill(running:pid(), "INT")
    assert.equal("got", running.stdout:read_line())
    e2e.kill(running:pid(), "TERM")
    assert.equal(143, running:wait().code)
  end)

  -- The engine's client would die of it in the moments before it passes signals on.
  it("is the program's to decide from its first word on, thirty times of thirty", function()
    for _ = 1, 30 do
      local running <close> = start({ "sh", "-c",
        "trap 'exit 7' INT; echo up; while :; do sleep 0.05; done" })
      e2e.kill(running:pid(), "INT")
      local result = running:wait()
      assert.same({ 7, "" }, { result.code, result.stdout })
    end
  end)

  it("is one that a quick program survives, however soon SIGINT comes", function()
    for _ = 1, 10 do
      local running <close> = e2e.start({ "sh", "-c", "trap '' INT; sleep 0.1; echo done" })
      e2e.process("podman run", function(one) return one.ppid == running:pid() end)
      e2e.kill(running:pid(), "INT")
      local result = running:wait()
      -- Before the trap it ends the shell; the engine is never what ends.
      assert.is_true(result.code == 0 or result.code == 130, tostring(result.code))
      if result.code == 0 then assert.equal("done\n", result.stdout) end
    end
  end)

  it("comes with a kill -9 of the engine", function()
    local running <close> = start()
    local engine = e2e.process("podman run", function(one) return one.ppid == running:pid() end)
    e2e.kill(engine.pid, "KILL")
    assert.equal(137, running:wait().code)
  end)

  it("comes with the end of the program inside, whatever it started", function()
    local began = sys.clock()
    local result = e2e.sh("sleep 1000 & (trap '' TERM HUP; sleep 1000) & exit 6")
    assert.equal(6, result.code)
    e2e.assert_within(began, 60)
  end)

  it("reaps what is orphaned meanwhile", function()
    assert.equal("0", e2e.output(
      "for i in 1 2 3; do (sleep 0.05 &); done; sleep 0.5; i=0; "
      .. "while n=$(cat /proc/[0-9]*/status | grep -c '^State:.Z'); [ $n != 0 ]; do "
      .. "i=$((i+1)); [ $i -le 50 ] || break; sleep 0.1; done; echo $n"))
  end)
end)

describe("two sandboxes", function()
  after_each(e2e.assert_clean)

  it("of one workspace at once see each other's files and nothing else", function()
    local dir = e2e.dir()
    local one <close> = e2e.start({ "sh", "-c",
      "touch /tmp/one; echo $WRAPIX_SESSION_ID >one; while [ ! -e two ]; do sleep 0.05; done; "
      .. "ls /tmp" },
      { dir = dir })
    local two <close> = e2e.start({ "sh", "-c",
      "while [ ! -e one ]; do sleep 0.05; done; ls /tmp; ps | grep -c wrapix-init; "
      .. "echo $WRAPIX_SESSION_ID >two" }, { dir = dir })
    local first, second = assert(one:wait()), assert(two:wait())
    assert.same({ 0, "one\n" }, { first.code, first.stdout })
    assert.equal(0, second.code)
    assert.falsy(second.stdout:find("one", 1, true))
    assert.not_equal(fs.read(dir .. "/one"), fs.read(dir .. "/two"))
  end)

  it("cannot have one name; the first is left alone", function()
    local one <close> = e2e.start({ "sh", "-c", "echo up; cat" },
      { args = { "--name", "twin" }, stdin = "pipe" })
    assert.equal("up", one.stdout:read_line())
    local two = e2e.run({ "true" }, { args = { "--name", "twin" } })
    assert.equal(125, two.code)
    assert.truthy(two.stderr:find("a container of this name is there already", 1, true), two.stderr)
    assert.equal("twin", e2e.podman("ps", "--format", "{{.Names}}"))
    one.stdin:close()
    assert.equal(0, one:wait().code)
  end)
end)

describe("what stays", function()
  after_each(e2e.assert_clean)

  it("with --keep is the container and its directory, until it is stopped", function()
    local result = e2e.sh("echo kept >/run/wrapix/out/note; exit 3",
      { args = { "--keep", "--name", "kept" } })
    assert.equal(3, result.code)
    assert.equal("kept 3", e2e.podman("ps", "-a", "--format", "{{.Names}} {{.ExitCode}}"))
    assert.equal("", e2e.podman("ps", "-q"))
    local sessions = fs.list(e2e.sessions)
    assert.equal(1, #sessions)
    assert.equal("kept\n", fs.read(("%s/%s/run/out/note"):format(e2e.sessions, sessions[1])))
    assert.equal(0, e2e.run({ "true" }).code) -- a start clears up after the dead only
    assert.truthy(e2e.cli({ "ps", "-a" }).stdout:find("exited (3)", 1, true))
    -- Nor does gc, also of another runtime directory, as after a login without one.
    for _, env in ipairs({ {}, { XDG_RUNTIME_DIR = e2e.dir("runtime") } }) do
      local found = e2e.cli({ "gc", "--json" }, { env = env }).stdout
      assert.falsy(found:find('"sandbox"', 1, true), found)
    end
    assert.equal("kept", e2e.podman("ps", "-a", "--format", "{{.Names}}"))
    assert.equal("kept  removed\n", e2e.cli({ "stop", "kept" }).stdout)
  end)
end)
