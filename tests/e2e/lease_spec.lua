-- SPDX-License-Identifier: MIT
-- The lease: a launcher that dies without a word takes its sandbox with it, and the
-- next start clears up what it left.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local sys = require("wrapix.sys")

-- Longer than PID 1 gives the program, and the engine's own end.
local SECONDS = 4

local function containers() return e2e.podman("ps", "--all", "--format", "{{.Names}}") end

local function records()
  return assert(json.decode(e2e.cli({ "logs", "--json" }).stdout))
end

local function wait_until_gone()
  local began = sys.clock()
  e2e.wait_for("the end of the container", function() return containers() == "" end, 15)
  local took = sys.clock() - began
  assert.truthy(took < SECONDS, tostring(took))
end

-- What the dead left is one directory, until the next start.
local function assert_reaped(name, before)
  assert.equal(1, #fs.list(e2e.sessions))
  local entries = assert(json.decode(e2e.cli({ "ps", "--all", "--json" }).stdout))
  assert.same({ 1, name, "dead" }, { #entries, entries[1].name, entries[1].state })
  assert.equal(0, e2e.run({ "true" }, { args = { "-q" } }).code)
  assert.same({}, fs.list(e2e.sessions))
  local after = records()
  assert.equal(before + 2, #after)
  assert.same({ name, true }, { after[before + 1].name, after[before + 1].lost })
  assert.is_nil(after[before + 1].exit)
  assert.equal(0, e2e.cli({ "logs", "--verify" }).code)
end

describe("a killed launcher", function()
  after_each(e2e.assert_clean)

  for what, script in pairs({
    ["a program that obeys"] = "echo up; exec sleep 1000",
    ["a program that is deaf"] = "trap '' TERM HUP INT; echo up; while :; do sleep 0.1; done",
    ["a program with children in other sessions"] =
      "(trap '' TERM; setsid sleep 1000) & echo up; exec sleep 1000",
  }) do
    it(("takes its sandbox with it: %s"):format(what), function()
      local before = #records()
      local running <close> = e2e.start({ "sh", "-c", script }, { args = { "-q", "--name", "fg" } })
      assert.equal("up", running.stdout:read_line())
      e2e.kill(running:pid(), "KILL")
      wait_until_gone()
      running.stdout:close()
      assert_reaped("fg", before)
    end)
  end

  it("lets its program end by itself", function()
    local dir = e2e.dir()
    local running <close> = e2e.start({ "sh", "-c",
      "trap 'echo saved >note; exit' TERM; echo up; while :; do sleep 0.05; done" }, { dir = dir })
    assert.equal("up", running.stdout:read_line())
    e2e.kill(running:pid(), "KILL")
    wait_until_gone()
    assert.equal("saved\n", fs.read(dir .. "/note"))
    assert.equal(0, e2e.cli({ "gc" }).code)
  end)

  it("is a keeper as well", function()
    local before = #records()
    local result = e2e.sh("exec sleep 1000", { args = { "-q", "-d", "--name", "bg" } })
    assert.equal(0, result.code)
    local one = assert(json.decode(e2e.cli({ "ps", "--json" }).stdout))[1]
    e2e.kill(one.owner.pid, "KILL")
    wait_until_gone()
    assert_reaped("bg", before)
  end)

  it("leaves to gc what no start clears up", function()
    local running <close> = e2e.start({ "sh", "-c", "echo up; exec sleep 1000" },
      { args = { "-q", "--name", "fg" } })
    assert.equal("up", running.stdout:read_line())
    assert.equal("[]\n", e2e.cli({ "gc", "--dry-run", "--json" }).stdout)
    e2e.kill(running:pid(), "KILL")
    wait_until_gone()
    assert.equal("would remove sandbox fg: its launcher is dead\n",
      e2e.cli({ "gc", "--dry-run" }).stdout)
    assert.equal(1, #fs.list(e2e.sessions))
    assert.equal("removed sandbox fg: its launcher is dead\n", e2e.cli({ "gc" }).stdout)
    assert.same({}, fs.list(e2e.sessions))
  end)
end)
