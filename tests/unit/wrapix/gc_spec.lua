-- SPDX-License-Identifier: MIT

local fs = require("wrapix.fs")
local gc = require("wrapix.gc")
local live = require("wrapix.live")
local owners = require("wrapix.owner")
local stopping = require("wrapix.stopping")
local sys = require("wrapix.sys")

describe("gc.find", function()
  local dir, facts, living, real_list, real_one, real_time, later

  before_each(function()
    dir = assert(fs.temp_dir("gc-"))
    facts = {
      dirs = { runtime = dir .. "/run", state = dir .. "/state", cache = dir .. "/cache" },
      guest_dir = dir .. "/cache/guest/now", engine = { seccomp_path = dir .. "/cache/seccomp-2.json" },
    }
    for _, name in ipairs({ "run/sessions", "state/logs", "cache/guest/now", "cache/guest/old" }) do
      assert(fs.ensure_dir(dir .. "/" .. name))
    end
    living, later = {}, 0
    real_list, real_one, real_time = live.list, stopping.one, sys.time
    live.list = function() return living end
    sys.time = function() return real_time() + later end
  end)

  after_each(function()
    live.list, stopping.one, sys.time = real_list, real_one, real_time
    fs.remove_tree(dir)
  end)

  local function file(name, text)
    assert(fs.write_atomic(dir .. "/" .. name, text or "", { sync = false }))
  end

  local function found()
    local out = {}
    for i, one in ipairs(assert(gc.find(facts))) do out[i] = one.kind .. " " .. one.what end
    table.sort(out)
    return out
  end

  it("finds what dead launchers left, and nothing that lives or cannot be judged", function()
    for i, case in ipairs({ { "running", "alive" }, { "orphaned", "unknown" }, { "exited", "dead" },
      { "starting", "alive" }, { "dead", "dead" }, { "orphaned", "dead" } }) do
      living[i] = { name = case[1] .. "-" .. case[2], session = tostring(i), state = case[1],
        owner = { state = case[2] } }
    end
    assert.same({ "sandbox dead-dead", "sandbox orphaned-dead" }, found())
    local asked
    stopping.one = function(one, _, opts)
      asked = { one.name, opts.grace }
      return {}
    end
    assert.is_true(gc.find(facts)[1].remove())
    assert.same({ "dead-dead", 0 }, asked)
  end)

  it("finds a directory without owner when it is old enough", function()
    assert(fs.ensure_dir(dir .. "/run/sessions/aa"))
    assert.same({}, found())
    later = 60
    assert.same({ "session aa" }, found())
    assert(owners.write(dir .. "/run/sessions/aa/owner"))
    assert.same({}, found())
  end)

  it("finds what a crash left in staging, of the dead only", function()
    local function leave(who)
      local name = ("run/staging/%s.0123abcd"):format(owners.encode(who))
      assert(fs.ensure_dir(dir .. "/" .. name .. "/run/out"))
      return name
    end
    local who = assert(owners.current())
    local alive = leave(who)
    assert(fs.ensure_dir(dir .. "/run/staging/whose"))
    assert.same({}, found())
    who.start = "1"
    local dead = leave(who)
    assert.same({ ("session %s/%s"):format(dir, dead) }, found())
    assert.is_true(gc.find(facts)[1].remove())
    assert.is_false(fs.exists(dir .. "/" .. dead))
    assert.is_true(fs.exists(dir .. "/" .. alive))
    assert.is_true(fs.exists(dir .. "/run/staging/whose"))
  end)

  it("leaves a container that is to be kept, but not its directory without it", function()
    for i, state in ipairs({ "orphaned", "exited", "dead" }) do
      living[i] = { name = state, session = state, state = state, keep = true,
        owner = { state = "dead" } }
    end
    assert.same({ "sandbox dead" }, found())
  end)

  it("finds locks of sessions that are gone", function()
    file("run/sessions/bb.reap")
    assert.same({}, found())
    later = 120
    assert.same({ "lock " .. dir .. "/run/sessions/bb.reap" }, found())
  end)

  it("finds helpers of other versions, unless a sandbox has them", function()
    assert.same({}, found())
    later = 7200
    assert.same({ "helpers " .. dir .. "/cache/guest/old" }, found())
    living = { { name = "x", session = "x", state = "running", owner = { state = "alive" },
      dir = dir .. "/run/sessions/x" } }
    assert(fs.ensure_dir(living[1].dir))
    assert(owners.write(living[1].dir .. "/owner"))
    assert.same({}, found()) -- it does not say which it has
    file("run/sessions/x/info.json", ('{"guest_dir":"%s/cache/guest/old"}'):format(dir))
    assert.same({}, found())
    file("run/sessions/x/info.json", ('{"guest_dir":"%s/cache/guest/now"}'):format(dir))
    assert.same({ "helpers " .. dir .. "/cache/guest/old" }, found())
    assert.is_true(gc.find(facts)[1].remove())
    assert.is_false(fs.exists(dir .. "/cache/guest/old"))
    assert.is_true(fs.exists(dir .. "/cache/guest/now"))
  end)

  it("finds stale files of the cache", function()
    file("cache/seccomp-1.json")
    file("cache/seccomp-2.json")
    file("cache/probe-a.json", '{"engine":{"path":"/nonexistent/podman"}}')
    file("cache/probe-b.json", ('{"engine":{"path":"%s"}}'):format(dir))
    file("cache/probe-c.json", "rubbish")
    file("cache/other.json")
    facts.guest_dir = dir .. "/cache/guest/old" -- not the matter here
    assert(fs.remove_tree(dir .. "/cache/guest/now"))
    assert.same({ "cache " .. dir .. "/cache/probe-a.json", "cache " .. dir .. "/cache/probe-c.json" },
      found())
    later = 100000
    assert.equal("cache " .. dir .. "/cache/seccomp-1.json", found()[3])
    assert.equal(3, #found())
  end)

  it("finds outputs that are old, of what does not live", function()
    file("state/logs/aa.log")
    file("state/logs/bb.log")
    file("state/logs/notes.txt")
    assert(fs.remove_tree(dir .. "/cache/guest/old"))
    later = 29 * 86400
    assert.same({}, found())
    later = 31 * 86400
    living = { { name = "b", session = "bb", state = "running", owner = { state = "alive" } } }
    assert.same({ "output " .. dir .. "/state/logs/aa.log" }, found())
  end)

  it("fails as the engine does", function()
    live.list = function() return nil, "no engine", "EENGINE" end
    assert.same({ "no engine", "EENGINE" }, { select(2, gc.find(facts)) })
  end)
end)
