-- SPDX-License-Identifier: MIT
-- Ends sandboxes from outside, with a launcher and an engine that only seem to be there.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local owners = require("wrapix.owner")
local proc = require("wrapix.proc")
local stopping = require("wrapix.stopping")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local REAL = { run = proc.run, signal = sys.signal, clock = sys.clock, sleep = task.sleep }

describe("stopping.one", function()
  local dir, facts, now, asked, signals, fails, launcher

  before_each(function()
    dir = assert(fs.temp_dir("stopping-"))
    facts = { dirs = { runtime = dir, state = dir .. "/state" } }
    now, asked, signals, fails, launcher = 0, {}, {}, {}, function() end
    sys.clock = function() return now end
    task.sleep = function(seconds)
      now = now + seconds
      launcher()
      return true
    end
    sys.signal = function(pid, start, number)
      signals[#signals + 1] = { pid, start, number }
      return true
    end
    proc.run = function(argv)
      asked[#asked + 1] = table.concat(argv, " ", 2)
      local why = fails[argv[2]]
      return { code = why and 125 or 0, stdout = "", stderr = why or "" }
    end
  end)

  after_each(function()
    proc.run, sys.signal, sys.clock, task.sleep = REAL.run, REAL.signal, REAL.clock, REAL.sleep
    fs.remove_tree(dir)
  end)

  local ALIVE, DEAD = assert(owners.current()), assert(owners.current())
  DEAD.start = "1"

  local function root() return dir .. "/sessions/5e55" end

  -- A session directory with its owner, and what ps would make of it.
  local function sandbox(owner, over)
    local one = {
      session = "5e55", name = "web", id = "1d", uptime = 5, keep = false, dir = root(),
      engine = { path = "/bin/podman" }, state = "running",
      owner = { pid = owner.pid, start = owner.start, state = owners.state(owner),
        alive = owners.state(owner) == "alive" },
    }
    for key, value in pairs(over or {}) do one[key] = value or nil end
    if one.dir then
      assert(fs.ensure_dir(one.dir .. "/run"))
      assert(owners.write(one.dir .. "/owner", owner))
      assert(fs.write_atomic(one.dir .. "/info.json", json.encode({ session = "5e55", name = "web",
        keep = one.keep, start = 1, engine = { path = "/bin/podman" } }), { sync = false }))
    end
    return one
  end

  local function records() return fs.read(dir .. "/state/sessions.jsonl") or "" end

  describe("asks the launcher that lives", function()
    it("once, and tells it the grace", function()
      local grace
      launcher = function()
        if now > 1 then
          grace = grace or fs.read(root() .. "/grace")
          fs.remove_tree(root())
        end
      end
      local result = assert(stopping.one(sandbox(ALIVE), facts, { grace = 3 }))
      assert.same({ "web", "5e55", "stopped" }, { result.name, result.session, result.result })
      assert.truthy(result.seconds > 1 and result.seconds < 2)
      assert.equal("3\n", grace)
      assert.same({ { ALIVE.pid, ALIVE.start, proc.signal_number("TERM") } }, signals)
      assert.same({}, asked)
    end)

    it("again when the grace is over, and then says that it does not answer", function()
      launcher = function()
        if #signals == 2 then fs.remove_tree(root()) end
      end
      local result = assert(stopping.one(sandbox(ALIVE), facts, { grace = 3 }))
      assert.equal("killed", result.result)
      assert.truthy(now >= 8 and now < 9, tostring(now))
      now, signals, launcher = 0, {}, function() end
      local _, message, code = stopping.one(sandbox(ALIVE), facts, { grace = 0 })
      assert.same({ "its launcher does not answer", "ETIMEDOUT" }, { message, code })
      assert.equal(2, #signals)
      assert.truthy(now >= 10 and now < 11, tostring(now))
      assert.same({}, asked)
    end)

    it("and not whoever has its number by now", function()
      sys.signal = function() return nil, "ESRCH: gone", "ESRCH" end
      local one = sandbox(ALIVE)
      assert(owners.write(root() .. "/owner", DEAD)) -- it died since it was listed
      local result = assert(stopping.one(one, facts, { grace = 2 }))
      assert.equal("stopped", result.result)
      assert.same({
        "stop --ignore --time 2 -- 1d", "rm --force --ignore --time 0 --volumes -- 1d",
        "ps --all --quiet --no-trunc --filter label=wrapix.session=5e55",
      }, asked)
      assert.is_false(fs.exists(root()))
      assert.truthy(records():find('"lost":true', 1, true), records())
    end)

    it("and does its work when that dies over it", function()
      launcher = function()
        if now > 0.2 and fs.exists(root()) then owners.write(root() .. "/owner", DEAD) end
      end
      assert.equal("stopped", assert(stopping.one(sandbox(ALIVE), facts)).result)
      assert.truthy(now < 1)
      assert.equal("stop --ignore --time 10 -- 1d", asked[1])
      assert.is_false(fs.exists(root()))
    end)

    it("and keeps what was to be kept, even then", function()
      local one = sandbox(ALIVE, { keep = true })
      launcher = function() owners.write(root() .. "/owner", DEAD) end
      assert(stopping.one(one, facts))
      assert.same({ "stop --ignore --time 10 -- 1d" }, asked)
      assert.is_true(fs.exists(root() .. "/recorded"))
      assert.truthy(records():find('"lost":true', 1, true), records())
    end)

    it("and leaves alone what that has settled to keep", function()
      local one = sandbox(ALIVE, { keep = true })
      launcher = function()
        assert(fs.write_atomic(root() .. "/recorded", "", { sync = false }))
        owners.write(root() .. "/owner", DEAD)
      end
      assert.equal("stopped", assert(stopping.one(one, facts)).result)
      assert.same({ {}, "", true }, { asked, records(), fs.exists(root()) })
    end)

    it("and fails when it may not, or is told to stop itself", function()
      sys.signal = function() return nil, "EPERM: no", "EPERM" end
      assert.same({ "EPERM: no", "EPERM" }, { select(2, stopping.one(sandbox(ALIVE), facts)) })
      sys.signal = function() return true end
      task.sleep = function() return nil, "ECANCELED: x", "ECANCELED" end
      assert.equal("ECANCELED", select(3, stopping.one(sandbox(ALIVE), facts)))
      assert.same({ {}, true }, { asked, fs.exists(root()) })
    end)
  end)

  describe("does the work of a dead launcher", function()
    it("with its grace, its record and its directory", function()
      local result = assert(stopping.one(sandbox(DEAD), facts, { grace = 0 }))
      assert.equal("stopped", result.result)
      assert.equal("stop --ignore --time 0 -- 1d", asked[1])
      assert.equal("rm --force --ignore --time 0 --volumes -- 1d", asked[2])
      assert.same({ {}, false }, { signals, fs.exists(root()) })
      assert.truthy(records():find('"lost":true', 1, true), records())
    end)

    it("also of a container that its monitor was killed of", function()
      fails.stop = "Error: no conmon\n"
      assert.equal("stopped", assert(stopping.one(sandbox(DEAD), facts)).result)
      assert.is_false(fs.exists(root()))
    end)

    it("also of one that has ended and is kept, which it removes", function()
      local one = sandbox(DEAD, { keep = true, uptime = false, state = "exited" })
      assert(fs.write_atomic(root() .. "/recorded", "", { sync = false }))
      assert.equal("removed", assert(stopping.one(one, facts)).result)
      assert.equal("rm --force --ignore --time 0 --volumes -- 1d", asked[1])
      assert.same({ false, "" }, { fs.exists(root()), records() })
    end)

    it("also when there is only the one or the other", function()
      assert.equal("removed", assert(stopping.one(sandbox(DEAD, { id = false, uptime = false }),
        facts)).result)
      assert.is_false(fs.exists(root()))
      asked = {}
      assert.equal("removed", assert(stopping.one(sandbox(DEAD, { dir = false, uptime = false }),
        facts)).result)
      assert.same({ "rm --force --ignore --time 0 --volumes -- 1d" }, asked)
    end)

    it("and leaves everything when the container cannot be removed", function()
      fails.rm = "Error: storage\nError: busy\n"
      local _, message, code = stopping.one(sandbox(DEAD), facts)
      assert.same({ "engine: Error: busy", "EENGINE" }, { message, code })
      assert.same({ true, "" }, { fs.exists(root()), records() })
    end)
  end)

  it("takes nothing but the program from an owner that cannot be judged", function()
    local one = sandbox(ALIVE)
    one.owner = { state = "unknown", alive = false }
    assert.equal("stopped", assert(stopping.one(one, facts)).result)
    assert.same({ "stop --ignore --time 10 -- 1d" }, asked)
    assert.same({ {}, true }, { signals, fs.exists(root()) })
    fails.stop = "Error: no\n"
    assert.equal("EENGINE", select(3, stopping.one(one, facts)))
  end)
end)

describe("stopping.is_over", function()
  it("is when the directory is gone, or its owner", function()
    local dir = assert(fs.temp_dir("stopping-"))
    local who = assert(owners.current())
    assert(owners.write(dir .. "/owner", who))
    assert.is_false(stopping.is_over({ dir = dir }))
    who.start = "1"
    assert(owners.write(dir .. "/owner", who))
    assert.is_true(stopping.is_over({ dir = dir }))
    assert(fs.unlink(dir .. "/owner"))
    assert.is_true(stopping.is_over({ dir = dir }))
    assert(fs.remove_tree(dir))
    assert.is_true(stopping.is_over({ dir = dir }))
  end)
end)
