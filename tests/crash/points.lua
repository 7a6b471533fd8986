-- SPDX-License-Identifier: MIT
-- The launcher, its keeper, a stop or the next start is killed at each of the
-- points that lua/wrapix/fault.lua lists, in each way that passes it.

local e2e = require("support.e2e")
local fault = require("wrapix.fault")
local sys = require("wrapix.sys")

local KILL_SECONDS = 60

local cases, covered = {}, {}

-- Quick: "deb13" has the fastest engine, true is every host; each point is passed
-- by one quick case at least.
local function add(step, way, run, quick)
  covered[step] = covered[step] or quick or false
  cases[#cases + 1] = { step = step, way = way, run = run, quick = quick }
end

-- Of a run, attached, detached or kept ---------------------------------------------------

local RUN = {
  "launch.begin", "session.staged", "session.filled", "launch.session", "launch.lease",
  "launch.before_run", "launch.engine_started", "lease.connected", "launch.started",
  "lease.ended", "launch.ended", "launch.removed", "launch.after_exit", "record.locked",
  "record.torn", "record.appended", "record.head", "record.done", "launch.recorded",
  "session.unplaced",
}
local EVERYWHERE = {
  ["session.staged"] = true, ["launch.engine_started"] = true, ["launch.started"] = true,
  ["launch.removed"] = true, ["record.torn"] = true, ["record.appended"] = true,
  ["session.unplaced"] = true,
}

for _, point in ipairs(RUN) do
  add(point, "run", function(world) world:strike(point, "exit 3") end,
    EVERYWHERE[point] or "deb13")
  add(point, "run -d", function(world) world:strike(point, "sleep 0.2; exit 3", { "-d" }) end,
    point == "lease.connected" or point == "record.done" and "deb13")
end

-- The start after a torn line dies as well, while it takes the piece out.
add("record.kept", "run", function(world)
  world:strike("record.torn", "exit 3")
  assert(world:cli({ "logs", "--verify" }).code == 1, "the torn line is not found")
  local result = world:run("true", nil, { WRAPIX_FAULT = "record.kept" })
  assert(result.signal == 9, "was not struck")
  world:note()
end, true)

for _, point in ipairs({ "keeper.unsaid", "launch.detached" }) do
  add(point, "run -d", function(world) world:strike(point, "exec sleep 1000", { "-d" }) end,
    point == "launch.detached" or "deb13")
end

-- The one who waits for the keeper dies; the sandbox lives on and can be ended.
for _, point in ipairs({ "keeper.spawned", "keeper.named" }) do
  add(point, "run -d", function(world)
    local result = world:run("exec sleep 1000", { "-d", "--name", "aside" }, { WRAPIX_FAULT = point })
    assert(result.signal == 9, "was not struck")
    world:keeper()
    local deadline = sys.clock() + KILL_SECONDS
    repeat
      local listed = world:cli({ "ps", "--json" })
      assert(listed.code == 0, listed.stderr)
    until listed.stdout:find('"running"', 1, true) or sys.clock() > deadline
    world:next_start()
    local stopped = world:cli({ "stop", "aside" })
    assert(stopped.code == 0, stopped.stderr)
    world:note_dead()
  end, "deb13")
end

add("session.settled", "run --keep", function(world)
  world:strike("session.settled", "exit 3", { "--keep", "--name", "kept" })
  world:next_start()
  assert(e2e.podman("ps", "-a", "--format", "{{.Names}}") == "kept")
  local stopped = world:cli({ "stop", "kept" })
  assert(stopped.code == 0, stopped.stderr)
end, "deb13")

for _, point in ipairs({ "launch.started", "launch.ended", "record.locked", "launch.recorded" }) do
  add(point, "run --keep", function(world)
    world:strike(point, "exit 3", { "--keep", "--name", "kept" })
    world:next_start()
    local stopped = world:cli({ "stop", "kept" })
    assert(stopped.code == 0, stopped.stderr)
  end)
end

-- Of a stop ---------------------------------------------------------------------------------

for _, point in ipairs({ "stopper.asked", "stopper.before_stop", "stopper.stopped" }) do
  add(point, "TERM", function(world)
    local running <close> = world:up(nil, { WRAPIX_FAULT = point })
    assert(world:kill(running, "TERM").signal == 9, "was not struck")
    world:note_dead()
  end, "deb13")
  add(point, "stop", function(world)
    local name = world:detached(nil, { WRAPIX_FAULT = point })
    local stopped = world:cli({ "stop", name })
    assert(stopped.code == 0, stopped.stderr)
    world:note_dead()
  end)
end

add("stopper.killed", "TERM", function(world)
  local running <close> = world:up(nil, { WRAPIX_FAULT = "stopper.killed" },
    "trap '' TERM; while :; do sleep 1; done")
  assert(world:kill(running, "TERM", "TERM").signal == 9, "was not struck")
  world:note_dead()
end, "deb13")

for _, point in ipairs({ "stopping.told", "stopping.asked" }) do
  add(point, "stop", function(world)
    local name = world:detached()
    assert(world:cli({ "stop", name }, { WRAPIX_FAULT = point }).signal == 9, "was not struck")
    world:next_start()
    if point == "stopping.told" then -- nobody asked the launcher: it goes on
      assert(world:cli({ "stop", name }).code == 0)
    end
    world:note_dead()
  end, "deb13")
end

-- Of a dead launcher's sandbox, within the time PID 1 gives its program.
add("stopping.ended", "stop", function(world)
  local running <close> = world:up({ "--name", "orphan" }, nil,
    "trap '' TERM; while :; do sleep 1; done")
  world:kill(running, "KILL")
  local result = world:cli({ "stop", "orphan", "--grace", "1s" }, { WRAPIX_FAULT = "stopping.ended" })
  world:note_dead()
  if result.signal ~= 9 then return "the sandbox had ended before" end
end, "deb13")

add("stopping.removed", "stop", function(world)
  world:strike("launch.lease", "exit 3", { "--name", "orphan" })
  local result = world:cli({ "stop", "orphan" }, { WRAPIX_FAULT = "stopping.removed" })
  assert(result.signal == 9, "was not struck")
  world:note()
end, "deb13")

-- Of the next start, while it takes a dead one away ----------------------------------------

local REAP = {
  "reap.locked", "reap.container_removed", "reap.recorded", "reap.removed", "record.locked",
  "record.torn", "record.appended", "record.head", "record.done",
}
for _, point in ipairs(REAP) do
  add(point, "reap", function(world)
    local running <close> = world:up()
    world:note()
    world:kill(running, "KILL")
    world:note()
    local result = world:run("true", nil, { WRAPIX_FAULT = point })
    assert(result.signal == 9, "was not struck")
    world:note()
  end, point == "reap.removed" or point:find("^reap%.") and "deb13")
end

for _, point in ipairs(fault.points()) do
  if not covered[point.name] then error("no quick case dies at " .. point.name, 0) end
end

return cases
