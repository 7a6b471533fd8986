-- SPDX-License-Identifier: MIT
-- What a sandbox stands on is taken away while it runs or starts: the engine, its
-- monitor, PID 1, the launcher, the keeper, the terminal.

local e2e = require("support.e2e")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")
local task = require("wrapix.task")
local terminals = require("support.terminal")

-- PID 1 has two seconds from the death of its launcher; finding that out takes time, on a
-- machine that does other things more.
local LEASE_SECONDS = 6
local AT_MOST, MONITOR_SECONDS = 60, 15

local cases = {}

local function add(step, way, run, quick)
  cases[#cases + 1] = { step = step, way = way, run = run, quick = quick }
end

local function container_pid(name, field)
  return assert(tonumber(e2e.podman("inspect", "--format", "{{.State." .. field .. "}}", name)))
end

-- Without a next start: the container ends by itself, in time.
local function assert_ends(name)
  local began = sys.clock()
  local pid = container_pid(name, "Pid")
  return function()
    e2e.wait_for("the end of PID 1", function() return not sys.process_start(pid) end,
      LEASE_SECONDS - (sys.clock() - began))
  end
end

-- The launcher sees that its engine is gone and removes what is left.
add("podman is killed", "run", function(world)
  local running <close> = world:up({ "--name", "one" })
  local engine = e2e.process("podman run", function(one) return one.ppid == running:pid() end)
  e2e.kill(engine.pid, "KILL")
  assert(running:wait().code == 137)
  world:note_dead()
end, true)

for _, way in ipairs({ "run", "run --keep" }) do
  add("conmon is killed", way, function(world)
    local args = way == "run" and {} or { "--keep" }
    table.move({ "--name", "one" }, 1, 2, #args + 1, args)
    local running <close> = world:up(args)
    e2e.kill(container_pid("one", "ConmonPid"), "KILL")
    local ended = task.timeout(MONITOR_SECONDS, function() return running:wait() end)
    assert(ended, "does not end by itself")
    assert(ended.code == 137, ("status %s: %s"):format(ended.code, ended.stderr))
    world:note_dead()
    if way == "run --keep" then
      world:next_start()
      local stopped = world:cli({ "stop", "one" })
      assert(stopped.code == 0, stopped.stderr)
    end
  end, way == "run")
end

add("conmon is killed", "run -d", function(world)
  world:detached({ "--name", "one" })
  local wait = assert_ends("one")
  e2e.kill(container_pid("one", "ConmonPid"), "KILL")
  wait()
  world:note_dead()
end)

add("PID 1 is killed", "run", function(world)
  local running <close> = world:up({ "--name", "one" })
  e2e.kill(container_pid("one", "Pid"), "KILL")
  assert(running:wait().code == 137)
  world:note_dead()
end)

add("PID 1 is killed", "run -d", function(world)
  world:detached({ "--name", "one" })
  e2e.kill(container_pid("one", "Pid"), "KILL")
  world:note_dead()
end)

add("launcher is killed", "run", function(world)
  local running <close> = world:up({ "--name", "one" }, nil, "trap '' TERM; while :; do sleep 1; done")
  world:note()
  local wait = assert_ends("one")
  world:kill(running, "KILL")
  wait()
end, true)

add("keeper is killed", "run -d", function(world)
  world:detached({ "--name", "one" }, nil, "trap '' TERM; while :; do sleep 1; done")
  world:note()
  local wait = assert_ends("one")
  e2e.kill(world:keeper().pid, "KILL")
  wait()
end, true)

-- Nobody asks the launcher: a second start finds what is left while it still runs.
add("keeper is killed", "reap", function(world)
  world:detached({ "--name", "one" })
  world:note()
  e2e.kill(world:keeper().pid, "KILL")
end)

add("SIGHUP", "run", function(world)
  local running <close> = world:up()
  assert(world:kill(running, "HUP").code == 143)
  world:note_dead()
end)

add("SIGHUP", "run -d", function(world)
  world:detached()
  e2e.kill(world:keeper().pid, "HUP")
  world:note_dead()
end)

add("terminal is closed", "run", function(world)
  local terminal <close> = terminals.open(world:words("echo up; exec sleep 1000"),
    { env = world:environment(), cwd = "/" })
  terminal:expect("up", AT_MOST)
  terminal:hang_up()
  world:note_dead()
end, true)

-- The shell of a terminal that is gone is killed with it.
add("terminal dies", "run", function(world)
  local terminal <close> = terminals.open(world:words("echo up; exec sh -i"),
    { env = world:environment(), cwd = "/" })
  terminal:expect("up", AT_MOST)
  e2e.kill(terminal._process:pid(), "KILL")
  world:note_dead()
end)

-- While it starts ----------------------------------------------------------------------

-- Whatever it was doing: it ends, by itself, in the time a stop may take.
for _, ms in ipairs({ 0, 40, 80, 120, 180, 260, 400 }) do
  for _, signal in ipairs({ "TERM", "KILL" }) do
    add(("after %d ms"):format(ms), signal, function(world)
      local running <close> = world:start("exec sleep 1000")
      task.sleep(ms / 1000)
      running:close_pipes()
      if not running:exited() then e2e.kill(running:pid(), signal) end
      assert(task.timeout(AT_MOST, function() return running:wait() end), "does not end")
      world:note_dead()
    end, ms == 120)
  end
end

for _, point in ipairs({ "launch.lease", "launch.engine_started", "lease.connected" }) do
  add(point, "stop", function(world)
    local running <close> = world:start("exec sleep 1000", { "--name", "one" },
      { WRAPIX_FAULT = "stop@" .. point })
    e2e.process("a stopped launcher", function(one)
      return one.pid == running:pid() and one.state == "T"
    end)
    local stop <close> = assert(proc.spawn({ e2e.wrapix, "stop", "one" },
      { env = world:environment(), stdout = "pipe", stderr = "pipe" }))
    task.sleep(0.3)
    e2e.kill(running:pid(), "CONT")
    local stopped = assert(task.timeout(AT_MOST, function() return stop:wait() end), "stop hangs")
    assert(stopped.code == 0, stopped.stderr)
    running:wait()
    world:note_dead()
  end, point == "launch.engine_started")
end

return cases
