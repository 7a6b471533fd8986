-- SPDX-License-Identifier: MIT
-- `ralph loop` is killed at a hundred moments: at calls that change something, at what
-- can be seen from outside, at random ones, and while it mends what a killed one left.
-- The next loop has to do all that is left.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local proc = require("wrapix.proc")
local projects = require("project")
local rivals = require("support.ralph_rivals")
local task = require("wrapix.task")

local cases = {}
local seed

-- One seed for all of them, so that a run can be had again.
local function sow()
  if seed then return end
  seed = math.tointeger(tonumber(os.getenv("WRAPIX_TEST_SEED"))) or os.time()
  math.randomseed(seed)
  print(("seed of the loop's moments: %d (WRAPIX_TEST_SEED)"):format(seed))
end

local function shim()
  local built = e2e.tmp .. "/bin/strike.so"
  if not fs.stat(built) then
    local result = assert(proc.run({ os.getenv("CC") or "cc", "-std=c11", "-D_GNU_SOURCE", "-fPIC",
      "-shared", "-O1", "-o", built, WRAPIX_ROOT .. "/tests/support/strike.c", "-ldl" }))
    assert(result.code == 0, result.stderr)
  end
  return built
end

-- Moments ------------------------------------------------------------------------------------

-- Each kills a loop that has two issues to do; returns what to tell of it.
local KIND = {}

local function kill(project, running)
  if not running:exited() then running:kill("KILL") end
  project:snapshot()
  local result = assert(running:wait())
  project:read()
  return result
end

local function length_of_loop(project)
  if project.seconds then return project.seconds, project.calls end
  local log = project.home .. "/calls"
  -- The first one of a project makes what stays.
  project:add(1)
  assert(project:ralph("loop").code == 0)
  project:add(2)
  local began = projects.clock()
  local running <close> = project:start({ "loop" },
    { LD_PRELOAD = shim(), WRAPIX_TEST_STRIKE_LOG = log })
  project:watch(running, function() return false end)
  project.seconds = projects.clock() - began
  local _, calls = assert(fs.read(log, 4 << 20)):gsub("\n", "")
  project.calls = calls
  return project.seconds, project.calls
end

local function last_call(file)
  local text = fs.read(file, 4 << 20) or ""
  fs.unlink(file)
  return text:match("([^\n]*)\n$") or "none"
end

-- At a call, spread over all of them; every third time a write is cut in the middle.
local function at_call(project, i, count)
  local _, calls = length_of_loop(project)
  project:add(2)
  local wanted = math.max(1, math.ceil(projects.between(i - 1, i) / count * calls))
  local log = project.home .. "/calls"
  fs.unlink(log)
  local running <close> = project:start({ "loop" }, { LD_PRELOAD = shim(), WRAPIX_TEST_STRIKE_LOG = log,
    WRAPIX_TEST_STRIKE = ("%d%s"):format(wanted, i % 3 == 0 and "h" or "") })
  project:watch(running, function() return false end)
  local result, call = kill(project, running), last_call(log)
  if result.signal == 9 then return "call " .. call end
  project.calls = math.tointeger(tonumber(call:match("^%d+"))) or project.calls
  return "it had ended, with call " .. call
end
KIND.call = at_call

local function lines(file)
  local _, count = (fs.read(file) or ""):gsub("\n", "")
  return count
end

local function any(seen, ids, status)
  for _, id in ipairs(ids) do
    if seen[id] and seen[id].status == status then return true end
  end
end

local function head(project) return fs.read(project.dir .. "/.git/refs/heads/main") end

-- What can be seen from outside: name, and a function that tells when it has happened.
local EVENTS = {
  { "claim written", function(ids) return function(seen) return any(seen, ids, "in_progress") end end },
  { "container there", function(_, project)
    return function() return #project.world:sessions() > 0 end
  end },
  { "agent started", function(_, project)
    local before = lines(project.play .. "/log")
    return function() return lines(project.play .. "/log") > before end
  end },
  { "agent wrote", function(_, project)
    local name = ("%s/make-%d.part"):format(project.dir, project.count - 1)
    return function() return fs.exists(name) end
  end },
  { "git at work", function(_, project)
    return function() return fs.exists(project.dir .. "/.git/index.lock") end
  end },
  { "agent committed", function(_, project)
    local before = head(project)
    return function() return head(project) ~= before end
  end },
  { "agent noted", function(ids)
    return function(seen)
      for _, id in ipairs(ids) do
        if seen[id] and #(seen[id].comments or {}) > 0 then return true end
      end
    end
  end },
  { "rest committed", function(_, project)
    local before, moved = head(project), 0
    return function()
      local now = head(project)
      if now ~= before then before, moved = now, moved + 1 end
      return moved == 2
    end
  end },
  { "closed", function(ids) return function(seen) return any(seen, ids, "closed") end end },
  { "next claimed", function(ids)
    return function(seen) return any(seen, ids, "closed") and any(seen, ids, "in_progress") end
  end },
}

-- Every second time at once, else a little later.
function KIND.event(project, i)
  local event = EVENTS[(i - 1) % #EVENTS + 1]
  local ids = project:add(2)
  project:set_play(i % 4 == 3)
  local test = event[2](ids, project)
  local running <close> = project:start({ "loop" })
  local reached = project:watch(running, test)
  local delay = i > #EVENTS and projects.between(0, 0.08) or 0
  if delay > 0 then task.sleep(delay) end
  kill(project, running)
  project:set_play()
  return ("%s%s, %.0f ms later"):format(event[1], reached and "" or " (not seen)", delay * 1000)
end

function KIND.random(project)
  local seconds = length_of_loop(project)
  project:add(2)
  local moment = projects.between(0, seconds)
  local running <close> = project:start({ "loop" })
  local began = projects.clock()
  project:watch(running, function() return projects.clock() - began >= moment end)
  kill(project, running)
  return ("after %.0f ms"):format(moment * 1000)
end

-- A loop dies with its agent at work, and the next one, while it mends that, as well. Every
-- second time the agent's git was at work, and could not take its lock away.
function KIND.mending(project, i, count)
  local ids = project:add(1)
  project:set_play(true)
  local running <close> = project:start({ "loop" })
  project:watch(running, EVENTS[4][2](ids, project))
  kill(project, running)
  project:set_play()
  if i % 2 == 0 then project:lock() end
  local log = project.home .. "/calls"
  fs.unlink(log)
  project.mending = project.mending or 130
  local wanted = math.ceil(projects.between(i - 1, i) / count * project.mending)
  local second <close> = project:start({ "loop" }, { LD_PRELOAD = shim(), WRAPIX_TEST_STRIKE_LOG = log,
    WRAPIX_TEST_STRIKE = tostring(math.max(1, wanted)) })
  local work = project.work
  project:watch(second, function() return false end)
  kill(project, second)
  table.move(work, 1, #work, #project.work + 1, project.work)
  return "the next one at call " .. last_call(log)
end

-- Cases ----------------------------------------------------------------------------------------

-- So many moments in one project; one that fails gets the next a new project.
local function play(world, plan)
  sow()
  local project, failures = nil, {}
  for _, kind in ipairs(plan) do
    for i = 1, kind.count do
      project = project or projects.new(world)
      local what, began = "before it was killed", projects.clock()
      local ok, message = xpcall(function()
        what = KIND[kind.name](project, i, kind.count)
        project:recover()
      end, function(text) return type(text) == "string" and text or debug.traceback(tostring(text)) end)
      io.stderr:write(("  %-4s %4.1f s  %s: %s\n"):format(ok and "ok" or "FAIL",
        projects.clock() - began, kind.name, what))
      if not ok then
        failures[#failures + 1] = ("%s: %s: %s"):format(kind.name, what, message)
        world:wipe()
        project = nil
      end
    end
  end
  if project then project:finish() end
  if #failures > 0 then error(table.concat(failures, "\n  "), 0) end
end

local function add(step, plan, quick)
  local count = 0
  for _, kind in ipairs(plan) do count = count + kind.count end
  cases[#cases + 1] = { step = ("loop: %s, %d kills"):format(step, count), way = "ralph",
    quick = quick, moments = count, run = function(world) return play(world, plan) end }
end

add("some of all", { { name = "call", count = 5 }, { name = "event", count = 3 },
  { name = "random", count = 2 }, { name = "mending", count = 2 } }, "deb13")
add("at a call", { { name = "call", count = 40 } })
add("at what is seen", { { name = "event", count = 20 } })
add("at random", { { name = "random", count = 18 } })
add("while mending", { { name = "mending", count = 10 } })

-- Many at once ---------------------------------------------------------------------------------

-- Without containers: what they fight for is the list and the work tree.
local function compete(kind, runs)
  cases[#cases + 1] = { step = ("%s, %d runs"):format(kind.text, runs), way = "ralph", run = function(world)
    local dir = e2e.dir("rivals")
    world.env.XDG_CONFIG_HOME = dir .. "/config"
    assert(fs.ensure_dir(dir .. "/config/wrapix/profiles"))
    e2e.file(dir .. "/config/wrapix/profiles/rival.lua", rivals.PROFILE)
    rivals.run({ wrapix = e2e.wrapix, dir = dir, env = world:environment() }, kind.name, runs)
  end }
end

compete({ name = "together", text = "2 loops, 4 steps" }, 120)
compete({ name = "claims", text = "6 that claim" }, 50)
compete({ name = "clones", text = "2 clones, 6 at once" }, 30)

return cases
