-- SPDX-License-Identifier: MIT
-- The places a start writes to are missing, closed or full, and the clock is wrong.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local proc = require("wrapix.proc")
local record = require("wrapix.record")
local sys = require("wrapix.sys")

local HOUR = 3600
local CLOSED, OPEN = tonumber("555", 8), tonumber("700", 8)

local cases = {}

local function add(step, way, run, quick)
  cases[#cases + 1] = { step = step, way = way, run = run, quick = quick }
end

local function parent(path) return path:match("^(.*)/[^/]+$") end

-- The state directory -------------------------------------------------------------------

-- Root may write everywhere but through a file.
local function close_state(world)
  if e2e.rootful then
    e2e.file(parent(world.state), "in the way\n")
  else
    assert(fs.ensure_dir(parent(world.state)))
    assert(fs.chmod(parent(world.state), CLOSED))
  end
end

local function open_state(world)
  if e2e.rootful then
    assert(fs.unlink(parent(world.state)))
  else
    assert(fs.chmod(parent(world.state), OPEN))
  end
end

-- The work goes on without its line, and says so.
add("state closed", "run", function(world)
  close_state(world)
  local result = world:run("echo out; exit 3")
  assert(result.code == 3 and result.stdout == "out\n", result.stderr)
  assert(result.stderr:find("warning: record: ", 1, true), result.stderr)
  world:assert_clean()
  open_state(world)
end, true)

-- A launcher that is killed, and a start that cannot take away what it left.
local function leave_a_dead_one(world)
  local running <close> = world:up()
  world:note()
  world:kill(running, "KILL")
  local result = world:run("exit 3")
  assert(result.code == 3, result.stderr)
  assert(result.stderr:find("warning: reap: ", 1, true), result.stderr)
end

-- A dead one stays until its line can be written.
add("state closed", "reap", function(world)
  close_state(world)
  leave_a_dead_one(world)
  open_state(world)
end)

-- The runtime directory ------------------------------------------------------------------

local function elsewhere(value)
  return function(world)
    world.env.XDG_RUNTIME_DIR = value and parent(world.state) .. value
    world.runtime = value and parent(world.state) .. value .. "/wrapix" or world.state .. "/run"
    assert(world:run("exit 3").code == 3)
    world:note()
    world:strike("launch.started", "exec sleep 1000")
    assert(#world:sessions() == 1, "the session is elsewhere")
  end
end

add("no XDG_RUNTIME_DIR", "run", elsewhere(false), true)

-- Full disks -------------------------------------------------------------------------------

local SMALL = e2e.tmp .. "/small"

-- The host's small file system, empty, as what the variable names.
local function on_small(world, variable)
  for _, name in ipairs(fs.list(SMALL) or {}) do assert(fs.remove_tree(SMALL .. "/" .. name)) end
  world.env[variable] = SMALL
  return SMALL .. "/wrapix"
end

-- Leaves so many pages; returns a function that makes room again.
local function fill(pages)
  local filler = SMALL .. "/filler"
  local script = 'head -c 8m /dev/zero >"$0" 2>&-; truncate -s "-$1" "$0"'
  assert(proc.run({ "sh", "-c", script, filler, tostring(4096 * pages) }))
  return function() assert(fs.unlink(filler)) end
end

local function is_full(result)
  assert(result.code == 125, ("status %s: %s"):format(result.code, result.stderr))
  assert(result.stderr:find("No space left", 1, true) or result.stderr:find("ENOSPC", 1, true),
    result.stderr)
end

-- The line that finds no room is the only thing that is lost, and said to be.
add("state full", "run", function(world)
  world.state = on_small(world, "XDG_STATE_HOME")
  world:next_start()
  local make_room = fill(0)
  local result
  for _ = 1, 10 do -- the page that the first line began has room for some more
    result = world:run("echo out; exit 3")
    assert(result.code == 3 and result.stdout == "out\n", result.stderr)
    if result.stderr:find("warning: record: ", 1, true) then break end
    world:expect(1)
  end
  assert(result.stderr:find("warning: record: ", 1, true), result.stderr)
  world:assert_clean()
  make_room()
end, true)

-- A dead one stays until there is room for its line.
add("state full", "reap", function(world)
  world.state = on_small(world, "XDG_STATE_HOME")
  assert(fs.ensure_dir(world.state))
  local make_room = fill(0)
  leave_a_dead_one(world)
  make_room()
  world:next_start()
end)

add("runtime full", "run", function(world)
  world.runtime = on_small(world, "XDG_RUNTIME_DIR")
  world:next_start()
  local make_room = fill(1)
  is_full(world:run("exit 3"))
  make_room()
end, true)

add("cache full", "run", function(world)
  world.cache = on_small(world, "XDG_CACHE_HOME")
  local make_room = fill(1)
  is_full(world:run("exit 3"))
  make_room()
end, true)

-- The clock --------------------------------------------------------------------------------

local function shim()
  local built = e2e.tmp .. "/bin/clock.so"
  if not fs.stat(built) then
    local result = assert(proc.run({ os.getenv("CC") or "cc", "-std=c11", "-D_GNU_SOURCE", "-fPIC",
      "-shared", "-o", built, WRAPIX_ROOT .. "/tests/support/clock.c" }))
    assert(result.code == 0, result.stderr)
  end
  return built
end

-- Returns a function that sets it.
local function clock(world)
  local file = parent(world.state) .. ".clock"
  world.env.LD_PRELOAD, world.env.WRAPIX_TEST_CLOCK = shim(), file
  return function(seconds) e2e.file(file, ("%d\n"):format(seconds)) end
end

add("clock goes back", "run", function(world)
  local set = clock(world)
  set(0)
  local running <close> = world:up(nil, nil, "sleep 0.5; exit 3")
  set(-HOUR)
  assert(running:wait().code == 3)
  world:note_dead()
  local line = assert(record.read(world.state))[1]
  assert(line.seconds > 0 and line.seconds < 60, "seconds: " .. tostring(line.seconds))
  assert(math.abs(line.start - sys.time()) < 60 and line["end"] == line.start,
    ("start %s, end %s"):format(line.start, line["end"]))
end, true)

for _, point in ipairs({ "launch.started", "session.staged" }) do
  local way = point == "launch.started" and "reap" or "run -d"
  add("clock goes back", way, function(world)
    local set = clock(world)
    set(0)
    world:strike(point, "exec sleep 1000", way == "run -d" and { "-d" } or nil)
    set(-HOUR)
    world:next_start()
    world:assert_clean()
  end)
end

return cases
