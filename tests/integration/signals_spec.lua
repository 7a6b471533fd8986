-- SPDX-License-Identifier: MIT
-- What the program does with signals, a time limit and a terminal, and that no
-- way out of it leaves a session, a container or a changed terminal behind.

local fs = require("wrapix.fs")
local owners = require("wrapix.owner")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")
local worlds = require("support.world")

-- A command that says when it is there and then waits for ever.
local PATIENT = { "test", "--", "sh", "-c", "echo up; exec sleep 1000" }

describe("a running sandbox", function()
  local world

  before_each(function() world = worlds.new() end)
  after_each(function() world:close_empty() end)

  local function start(words)
    local running = world:start(words)
    assert.equal("up", running.stdout:read_line())
    return running
  end

  local function signals_of_engine()
    local names = {}
    for i, signal in ipairs(world:calls("run")[1].signals) do names[i] = signal.signal end
    return names
  end

  -- Stopped once, and removed by name at the end, with force or first killed.
  local function assert_stopped()
    local verbs = world:verbs()
    assert.same({ "info", "run", "stop" }, table.move(verbs, 1, 3, 1, {}))
    assert.equal("rm", verbs[#verbs])
    assert.equal(1, #world:calls("stop"))
  end

  for _, name in ipairs({ "TERM", "HUP" }) do
    it("is stopped by SIG" .. name, function()
      local running <close> = start(PATIENT)
      world:signal(running, name)
      local result = world:finish(running)
      assert.equal(143, result.code)
      assert.truthy(result.stderr:find("stopped: SIG" .. name, 1, true), result.stderr)
      assert_stopped()
    end)
  end

  it("is killed by the second SIGTERM", function()
    world:hold("stop")
    local running <close> = start({ "test", "--", "sh", "-c",
      "trap '' TERM; echo up; while :; do sleep 0.01; done" })
    world:signal(running, "TERM")
    world:wait_for_call("stop")
    world:signal(running, "TERM")
    local result = world:finish(running)
    assert.equal(137, result.code)
    local rm = world:calls("rm")[1]
    assert.truthy(table.concat(rm.argv, " "):find(" rm --force ", 1, true))
  end)

  it("is stopped although SIGTERM came before its container was there", function()
    local go = world:hold("run")
    local running <close> = world:start(PATIENT)
    world:wait_for_call("run")
    world:signal(running, "TERM")
    world:wait_for_call("stop")
    go()
    local result = world:finish(running)
    assert.is_true(result.code == 143 or result.code == 137, tostring(result.code))
  end)

  it("gets one SIGINT for one that a process sent", function()
    local running <close> = start({ "test", "--", "sh", "-c",
      "trap 'echo int' INT; trap 'echo end; exit 6' QUIT; echo up; while :; do sleep 0.01; done" })
    world:signal(running, "INT")
    assert.equal("int", running.stdout:read_line())
    world:signal(running, "QUIT")
    local result = world:finish(running)
    assert.equal("end\n", result.stdout)
    assert.equal(6, result.code)
    assert.same({}, signals_of_engine()) -- it is the lease that carries them
  end)

  it("gets a SIGINT that came before its container was there", function()
    local go = world:hold("run")
    local running <close> = world:start({ "test", "--", "sleep", "1000" })
    world:wait_for_call("run")
    world:signal(running, "INT")
    go()
    assert.equal(130, world:finish(running).code)
    assert.same({}, signals_of_engine())
    assert.same({}, world:calls("stop"))
  end)

  it("that is detached is stopped by a SIGINT to its keeper", function()
    assert.equal(0, world:run({ "--detach", "--name", "far", "test", "--", "sleep", "1000" }).code)
    local keeper = assert(owners.read(("%s/run/wrapix/sessions/%s/owner"):format(
      world.dir, world:sessions()[1])))
    assert(proc.run({ "kill", "-INT", tostring(keeper.pid) }))
    worlds.wait_until("the container is removed", function() return #world:containers() == 0 end)
    worlds.wait_until("the session is removed", function() return #world:sessions() == 0 end)
    assert.equal(1, #world:calls("stop"))
  end)

  it("is stopped by the third SIGINT", function()
    local running <close> = start({ "test", "--", "sh", "-c",
      "trap 'echo int' INT; echo up; while :; do sleep 0.01; done" })
    for _ = 1, 2 do
      world:signal(running, "INT")
      assert.equal("int", running.stdout:read_line())
    end
    world:signal(running, "INT")
    assert.equal(143, world:finish(running).code)
    assert.equal(1, #world:calls("stop"))
  end)

  it("is stopped at its time limit", function()
    local result = world:run({ "--timeout", "0.3s", "test", "--", "sleep", "1000" })
    assert.equal(143, result.code)
    assert.truthy(result.stderr:find("stopped: time limit of 0.3 s", 1, true), result.stderr)
    assert_stopped()
  end)

  it("is not stopped before it", function()
    local result = world:run({ "--timeout", "1000s", "test", "--", "true" })
    assert.equal(0, result.code)
    assert.same({ "info", "run" }, world:verbs())
  end)

  describe("at a terminal", function()
    -- wrapix is the parent of the engine it started.
    local function launcher()
      local stat = assert(fs.read(("/proc/%d/stat"):format(world:calls("run")[1].pid)))
      return math.tointeger(stat:match("%) %a (%d+)"))
    end

    local function signal_process(pid, name)
      assert(proc.run({ "kill", "-" .. name, tostring(pid) }))
    end

    it("gets a typed Ctrl-C when neither it nor the engine has the terminal", function()
      world:write("work/command", "trap 'echo int >&2; exit 5' INT; echo up >&2\n"
        .. "while :; do sleep 0.01; done\n")
      local terminal <close> = world:terminal('exec "$0" -q test -- sh ./command >out </dev/null')
      terminal:expect("up")
      terminal:type("\3")
      terminal:expect("int")
      assert.equal(5, (terminal:wait()))
      assert.same({}, signals_of_engine())
    end)

    it("gets one SIGINT for a typed Ctrl-C when the engine reads the terminal", function()
      world:write("work/command", "trap 'echo int >&2' INT; trap 'exit 5' QUIT; echo up >&2\n"
        .. "while :; do sleep 0.01; done\n")
      local terminal <close> = world:terminal('exec "$0" -q test -- sh ./command >out')
      terminal:expect("up")
      -- Two pending ones would be one: the engine takes its own first.
      local pid = launcher()
      signal_process(pid, "STOP")
      terminal:type("\3")
      worlds.wait_until("the engine is interrupted", function()
        return #world:calls("run")[1].signals == 1
      end)
      signal_process(pid, "CONT")
      terminal:expect("int")
      signal_process(pid, "QUIT")
      local status, modes = terminal:wait()
      assert.equal(5, status)
      assert.equal("same", modes)
      assert.same({ { signal = "INT", sender = 0 } }, world:calls("run")[1].signals)
    end)

    it("gets a typed Ctrl-C as a byte when it has the terminal", function()
      local terminal <close> = world:terminal({ "test", "--", "sh", "-c",
        "echo up; dd bs=1 count=1 2>/dev/null | od -An -tx1" })
      terminal:expect("up")
      assert.equal("raw", terminal:modes())
      terminal:type("\3")
      terminal:expect("03")
      local status, modes = terminal:wait()
      assert.equal(0, status)
      assert.equal("same", modes)
      assert.same({}, signals_of_engine())
    end)

    it("gets a SIGINT from a process without the engine", function()
      local terminal <close> = world:terminal({ "--name", "tty", "test", "--", "sh", "-c",
        "trap 'echo int; exit 4' INT; echo up; while :; do sleep 0.01; done" })
      terminal:expect("up")
      signal_process(launcher(), "INT")
      terminal:expect("int")
      assert.equal(4, (terminal:wait()))
      assert.same({}, signals_of_engine())
    end)

    it("leaves the terminal as it was when the engine is killed", function()
      world:script("run.die", 9)
      local terminal <close> = world:terminal({ "test", "--", "sleep", "1000" })
      local status, modes = terminal:wait()
      assert.equal(137, status)
      assert.equal("same", modes)
    end)

    it("is stopped when the terminal goes", function()
      local terminal <close> = world:terminal({ "test", "--", "sh", "-c",
        "sleep 1000 & echo $! up; wait" })
      local left = math.tointeger(tonumber(terminal:expect("(%d+) up")))
      terminal:hang_up()
      assert.equal(1, #world:calls("run"))
      worlds.wait_until("the container is removed", function() return #world:containers() == 0 end)
      worlds.wait_until("the session is removed", function() return #world:sessions() == 0 end)
      assert.is_nil(sys.process_start(left))
    end)
  end)

  describe("that is not there yet", function()
    local BUILDS = { "builds", "--", "true" }

    before_each(function()
      world:add_image("localhost/base:1")
      world:write("config/wrapix/profiles/builds.lua",
        'return { name = "builds", base = "localhost/base:1", packages = { "git" } }\n')
    end)

    it("is given up when SIGINT came before the image was missed", function()
      world:script("run.stderr", "Error: localhost/test:1: image not known\n")
      world:script("run.exit", 125)
      local go = world:hold("run")
      local running <close> = world:start(PATIENT)
      world:wait_for_call("run")
      world:signal(running, "INT")
      go()
      local result = world:finish(running)
      assert.truthy(result.stderr:find("interrupted by SIGINT", 1, true), result.stderr)
      assert.same({ "info", "run", "rm" }, world:verbs())
    end)

    for _, name in ipairs({ "TERM", "INT" }) do
      it("is given up on SIG" .. name .. " during the build", function()
        world:hold("build")
        local running <close> = world:start(BUILDS)
        local build = world:wait_for_call("build")
        world:signal(running, name)
        local result = world:finish(running)
        assert.truthy(result.stderr:find("interrupted by SIG" .. name, 1, true), result.stderr)
        assert.is_nil(fs.stat("/proc/" .. build.pid))
        assert.equal(1, #world:calls("run"))
      end)
    end
  end)
end)
