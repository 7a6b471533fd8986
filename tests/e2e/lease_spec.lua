-- SPDX-License-Identifier: MIT
-- The lease: a launcher that dies without a word takes its sandbox with it, and the
-- next start clears up what it left. So does the engine's monitor (conmon), whether
-- its engine notices or not; that start has nothing left to clear up.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local sys = require("wrapix.sys")
local task = require("wrapix.task")
local terminals = require("support.terminal")

-- What PID 1 gives the program is two seconds (tests/unit/guest); the rest is the engine's
-- own end, on a machine that does other things.
local SECONDS = 15

local function containers() return e2e.podman("ps", "--all", "--format", "{{.Names}}") end

local function records()
  return assert(json.decode(e2e.cli({ "logs", "--json" }).stdout))
end

local function wait_until_gone()
  local began = sys.clock()
  e2e.wait_for("the end of the container", function() return containers() == "" end)
  e2e.assert_within(began, SECONDS)
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

describe("a killed monitor", function()
  after_each(e2e.assert_clean)

  local function kill_monitor(name)
    e2e.kill(e2e.podman("inspect", "--format", "{{.State.ConmonPid}}", name), "KILL")
    return sys.clock()
  end

  local function assert_recorded(name, before)
    local after = records()
    assert.equal(before + 1, #after)
    local last = after[#after]
    assert.same({ name, 9, "the engine has lost its monitor" },
      { last.name, last.signal, last.stopped })
    assert.equal(0, e2e.cli({ "logs", "--verify" }).code)
  end

  for what, script in pairs({
    ["a program that obeys"] = "echo up; exec sleep 1000",
    ["a program that is deaf"] = "trap '' TERM HUP INT; echo up; while :; do sleep 0.1; done",
    ["a program that has closed its output"] = "echo up; exec <&- >&- 2>&-; exec sleep 1000",
  }) do
    it(("ends the sandbox: %s"):format(what), function()
      local before = #records()
      local running <close> = e2e.start({ "sh", "-c", script }, { args = { "--name", "fg" } })
      assert.equal("up", running.stdout:read_line())
      local began = kill_monitor("fg")
      local ended = assert(task.timeout(e2e.PATIENCE, function() return running:wait() end))
      e2e.assert_within(began, SECONDS)
      assert.equal(137, ended.code)
      assert.truthy(ended.stderr:find("fg: stopped: the engine has lost its monitor", 1, true),
        ended.stderr)
      assert.equal("", containers())
      assert_recorded("fg", before)
    end)
  end

  -- One that writes meanwhile writes into a pipe that nobody reads.
  it("lets the program end by itself", function()
    local dir = e2e.dir()
    local running <close> = e2e.start({ "sh", "-c", "trap '' PIPE; "
      .. "trap 'echo saved >note; exit' TERM; echo up; while :; do sleep 0.05; done" },
      { dir = dir, args = { "--name", "fg" } })
    assert.equal("up", running.stdout:read_line())
    kill_monitor("fg")
    assert.equal(137, assert(task.timeout(e2e.PATIENCE, function() return running:wait() end)).code)
    assert.equal("saved\n", fs.read(dir .. "/note"))
  end)

  it("ends a sandbox at a terminal", function()
    local before = #records()
    local terminal <close> = terminals.open(
      e2e.words({ args = { "--name", "tt" } }, { "sh", "-c", "echo up; exec sleep 1000" }))
    terminal:expect("up")
    kill_monitor("tt")
    assert.equal(137, terminal:wait())
    assert_recorded("tt", before)
  end)

  it("ends a detached sandbox", function()
    local before = #records()
    assert.equal(0, e2e.sh("exec sleep 1000", { args = { "-q", "-d", "--name", "bg" } }).code)
    kill_monitor("bg")
    wait_until_gone()
    e2e.wait_for("the record", function() return #records() > before end)
    assert_recorded("bg", before)
  end)
end)

describe("a reader that goes away", function()
  after_each(e2e.assert_clean)

  -- Nobody reads what the program says, which is no reason to end one that says nothing.
  it("ends no sandbox", function()
    local dir = e2e.dir()
    local running <close> = e2e.start({ "sh", "-c",
      "echo up; exec >&- 2>&-; while [ ! -e end ]; do sleep 0.1; done; echo done >note" },
      { dir = dir })
    assert.equal("up", running.stdout:read_line())
    running.stdout:close()
    assert.is_nil(task.timeout(4, function() return running:wait() end))
    e2e.file(dir .. "/end", "")
    assert.equal(0, running:wait().code)
    assert.equal("done\n", fs.read(dir .. "/note"))
  end)
end)
