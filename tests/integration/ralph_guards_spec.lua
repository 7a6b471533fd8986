-- SPDX-License-Identifier: MIT
-- What goes wrong with loops of agents, and the guard against each: one failure a spec,
-- with the real program, a real repository and an agent that misbehaves.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local task = require("wrapix.task")
local worlds = require("support.ralph_world")
local wait_until = require("support.world").wait_until

describe("guard against", function()
  local world

  after_each(function()
    local sessions, containers = world:sessions(), world:containers()
    world:close()
    assert.same({}, sessions)
    assert.same({}, containers)
  end)

  it("infinite loop: the promise is never printed", function()
    world = worlds.new("retries = 1, max_iterations = 30")
    local one, two = world:add("One"), world:add("Two")
    world:play("say 'I am on it'; finish 'still on it'")
    local result = world:ralph("loop")
    assert.equal(102, result.code, result.stderr)
    assert.equal(4, world:runs())
    assert.same({ "waiting", "waiting" }, { world:status(one), world:status(two) })
    assert.matches("waiting: 2 issues wait", result.stdout)
    local third = world:add("Three")
    result = world:ralph("loop", "--max-iterations", "1")
    assert.equal(103, result.code, result.stdout)
    assert.equal(5, world:runs())
    assert.matches("the budget is used up: 1 of 1 steps", result.stdout)
    assert.equal("open", world:status(third))
  end)

  it("false completion: the promise is quoted, said early, or printed by a tool", function()
    world = worlds.new("retries = 9")
    local id = world:add("Do it")
    local lies = {
      "write a 1; finish 'When it is done I will say RALPH_COMPLETE'",
      "write a 2; say 'RALPH_COMPLETE'; finish 'Not all tests pass yet.'",
      "write a 3; tool Bash 'echo RALPH_COMPLETE'; result_of false RALPH_COMPLETE; finish 'see above'",
      "write a 4; finish 'RALPH_COMPLETE\\nwould be wrong to say'",
      "write a 5; finish '`RALPH_COMPLETE`'",
      "write a 6; echo RALPH_COMPLETE; finish ''",
      "write a 7; complete; finish 'no, it is not'",
    }
    for i, lie in ipairs(lies) do
      world:play(lie)
      local code, result = world:step(id)
      assert.same({ 1, "failed", "open" }, { code, result.verdict, world:status(id) }, lie)
      assert.same({ i, "the agent did not say that it is done" }, { result.evidence.attempt, result.reason })
    end
  end)

  it("false completion: it says done, and verify says no", function()
    world = worlds.new('verify = { "test -e b" }')
    local id = world:add("Do it")
    world:play('write a 1; "$RALPH" done; complete', "write b 1; complete")
    local code, result = world:step()
    assert.same({ 1, "failed" }, { code, result.verdict })
    assert.equal("verify: test -e b: status 1 (as before the attempt)", result.reason)
    assert.equal(0, (world:step()))
    assert.equal("closed", world:status(id))
  end)

  it("false completion: it works on after its last word, and verify sees that", function()
    world = worlds.new('grace = "1s", verify = { "test ! -e late" }')
    local id = world:add("Do it")
    world:play("write a 1; complete; sleep 0.1; write late 1")
    local code, result = world:step()
    assert.same({ 1, "verify: test ! -e late: status 1", "open" }, { code, result.reason, world:status(id) })
  end)

  it("exit 0, nothing done: the tracker is closed on a status", function()
    world = worlds.new()
    local id = world:add("Do it")
    world:play("complete", [["$RALPH" done --no-change 'it is there already'; complete]])
    local code, result = world:step()
    assert.same({ 1, "no_change", "open" }, { code, result.verdict, world:status(id) })
    code, result = world:step()
    assert.same({ 0, "done", "closed" }, { code, result.verdict, world:status(id) })
    assert.matches("no change needed: it is there already", result.reason)
  end)

  it("limit hit: retried at once until the retries are gone", function()
    world = worlds.new("retries = 0")
    local id = world:add("Do it")
    local reset = math.floor(require("wrapix.sys").time()) + 3600
    world:play("limit " .. reset, "write a 1; complete")
    local code, result = world:step()
    assert.same({ 103, "limited", "open" }, { code, result.verdict, world:status(id) })
    assert.equal(reset, result.evidence.limit.reset)
    -- Told to the whole host: nobody asks before the time, and no attempt was counted.
    code, result = world:step()
    assert.same({ 103, "limited", 1 }, { code, result.verdict, world:runs() })
    fs.remove_tree(world.dir .. "/state/wrapix/ralph/limits.json")
    code = world:step()
    assert.same({ 0, "closed" }, { code, world:status(id) })
  end)

  it("limit hit: the loop waits for the reset, and Ctrl-C ends that", function()
    world = worlds.new()
    local id = world:add("Do it")
    world:play("limit " .. math.floor(require("wrapix.sys").time()) + 3600)
    local loop = world:start({ "ralph", "loop" })
    local text = ""
    while not text:find("waiting until %d+:%d+") do text = text .. assert(loop.stdout:read()) end
    world:signal(loop, "INT")
    local result = world:finish(loop)
    assert.equal(130, result.code)
    assert.matches("interrupted: Ctrl%-C %(0 done", text .. result.stdout)
    assert.equal("open", world:status(id))
  end)

  it("stall: silence while a long test runs is none, silence alone is", function()
    world = worlds.new('idle = "0.4s", retries = 0')
    local id = world:add("Do it")
    world:play("for i in 1 2 3 4 5; do sleep 0.2; echo $i >long; done; complete",
      "echo half >work; hang")
    assert.equal(0, (world:step()))
    assert.equal("closed", world:status(id))
    id = world:add("Do more")
    local code, result = world:step()
    assert.same({ 1, "failed" }, { code, result.verdict })
    assert.matches("nothing for too long", result.reason)
    assert.equal(("refs/wrapix/rescue/%s/1"):format(id), result.evidence.rescue.ref)
    assert.equal("half", world:git("show", result.evidence.rescue.commit .. ":work"))
  end)

  it("stall: a separate limit ends one that never falls silent", function()
    world = worlds.new('timeout = "1s"')
    local id = world:add("Do it")
    world:play("echo half >work; while :; do say more; sleep 0.1; done")
    local code, result = world:step()
    assert.same({ 1, "failed", "open" }, { code, result.verdict, world:status(id) })
    assert.matches("longer than it may", result.reason)
    assert.equal("half", world:git("show", result.evidence.rescue.commit .. ":work"))
  end)

  it("stall: a line without an end is bounded, in memory and on the disk", function()
    world = worlds.new('timeout = "0.7s"')
    local id = world:add("Do it")
    world:play("tr '\\0' x </dev/zero")
    local code, result, raw = world:step()
    assert.same({ 1, "failed", "open" }, { code, result.verdict, world:status(id) })
    assert.matches("longer than it may", result.reason)
    -- A checked build keeps what was freed for a while.
    local most_mib = os.getenv("ASAN_OPTIONS") and 800 or 200
    assert.is_true(raw.rusage.max_rss_kb < most_mib << 10, raw.rusage.max_rss_kb)
    local size = fs.stat(("%s/.wrapix/logs/no-spec/%s/attempt-1.jsonl"):format(world.workspace, id)).size
    assert.is_true(size <= (64 << 20) + (257 << 10))
  end)

  it("hang after result: background programs keep it open", function()
    world = worlds.new('grace = "0.2s"')
    local id = world:add("Do it")
    world:play("write a 1; complete; hang")
    local code, result = world:step()
    assert.same({ 0, "done", "closed" }, { code, result.verdict, world:status(id) })
    local pid = fs.read(world.dir .. "/toy/pid"):match("%d+")
    assert.is_nil(fs.stat("/proc/" .. pid))
  end)

  it("orphan container, crash mid-step: ralph is killed", function()
    world = worlds.new()
    local id = world:add("Do it")
    world:play("write a half; mark there; hang", "write b 1; complete")
    local killed = world:start({ "ralph", "step" })
    wait_until("the agent works", function() return fs.stat(world.dir .. "/toy/there") end)
    world:signal(killed, "KILL")
    world:finish(killed)
    assert.equal("in_progress", world:status(id))
    local code, result, raw = world:step()
    assert.same({ 0, "closed" }, { code, world:status(id) }, raw.stdout .. raw.stderr)
    assert.equal(2, result.evidence.attempt)
    assert.same({ ("refs/wrapix/rescue/%s/1"):format(id) }, world:rescued())
    assert.equal("half", world:git("show", world:rescued()[1] .. ":a"))
    assert.equal("half", (fs.read(world.workspace .. "/a"):gsub("\n", "")))
    assert.matches("process that worked on this died", json.encode(world:issue(id).comments))
    -- Taking it away is the next start's (tests/crash), which the double cannot answer; it
    -- is known by its owner.
    local words = table.concat(world:calls("run")[1].argv, " ")
    assert.matches(("wrapix.owner=%%S+:%d:"):format(killed:pid()), words)
    for _, name in ipairs(world:containers()) do world:podman({ "rm", "--force", "--", name }) end
    fs.remove_tree(world.dir .. "/run/wrapix/sessions")
  end)

  it("retry destroys evidence: each attempt has a transcript of its own", function()
    world = worlds.new("retries = 5")
    local id = world:add("Do it")
    world:play("say first; finish 'no'", "say second; finish 'never'", "write a 1; complete")
    for _ = 1, 3 do world:step() end
    assert.same({ "attempt-1.jsonl", "attempt-2.jsonl", "attempt-3.jsonl" }, world:transcripts(id))
    local place = world.workspace .. "/.wrapix/logs/no-spec/" .. id
    assert.matches('"text":"first"', fs.read(place .. "/attempt-1.jsonl"), 1, true)
    assert.matches('"text":"second"', fs.read(place .. "/attempt-2.jsonl"), 1, true)
    -- Also when what is remembered on the host is gone.
    fs.remove_tree(world.dir .. "/state/wrapix/ralph")
    id = world:add("More")
    fs.ensure_dir(world.workspace .. "/.wrapix/logs/no-spec/" .. id)
    assert(fs.write_atomic(("%s/.wrapix/logs/no-spec/%s/attempt-7.jsonl"):format(world.workspace, id), "old\n"))
    local _, result = world:step(id)
    assert.equal(8, result.evidence.attempt)
    assert.equal("old\n", fs.read(("%s/.wrapix/logs/no-spec/%s/attempt-7.jsonl"):format(world.workspace, id)))
  end)

  it("two loops: both take the same issue", function()
    world = worlds.new()
    local ids = {}
    for i = 1, 3 do ids[i] = world:add("Issue " .. i) end
    world:play([[echo "$n" >>taken; write "file$n" x; complete]])
    local results = {}
    task.scope(function(scope)
      for i = 1, 2 do
        scope:spawn(function()
          results[i] = world:ralph("loop")
          return true
        end)
      end
      return true
    end)
    assert.same({ 0, 0 }, { results[1].code, results[2].code }, results[1].stderr .. results[2].stderr)
    assert.equal(3, world:runs())
    for _, id in ipairs(ids) do
      assert.equal("closed", world:status(id))
      assert.same({ "attempt-1.jsonl" }, world:transcripts(id))
    end
  end)

  it("merge conflict: one attempt at a time changes a work tree, and who waits says for whom", function()
    world = worlds.new()
    world:add("One")
    world:add("Two")
    world:play("mark there; wait_for go; write a 1; complete", "write a 2; complete")
    local first = world:start({ "ralph", "step" })
    wait_until("the first works", function() return fs.stat(world.dir .. "/toy/there") end)
    local second = world:start({ "ralph", "step" })
    local text = ""
    while not text:find("\n") do text = text .. assert(second.stdout:read()) end
    assert.matches(("waiting for another ralph in this work tree (process %d)"):format(first:pid()), text, 1, true)
    assert.equal(1, world:runs())
    world:write("toy/go", "")
    assert.equal(0, world:finish(first).code)
    assert.equal(0, world:finish(second).code)
    assert.same({ "2", "3" }, { (fs.read(world.workspace .. "/a"):gsub("\n", "")),
      world:git("rev-list", "--count", "HEAD") })
  end)

  it("cost blow-up: caps hold in the middle of the stream", function()
    world = worlds.new()
    local id = world:add("Do it")
    world:play("write a half; i=0; while [ $i -lt 200 ]; do i=$((i + 1)); used 1000; sleep 0.02; done; complete")
    local result = world:ralph("loop", "--max-tokens", "5k")
    assert.equal(103, result.code, result.stdout .. result.stderr)
    assert.matches("the budget is used up: %d+ of 5000 tokens", result.stdout)
    assert.equal("open", world:status(id))
    assert.same({ ("refs/wrapix/rescue/%s/1"):format(id) }, world:rescued())
    result = world:ralph("loop", "--max-time", "1s")
    assert.equal(103, result.code)
    assert.is_true(result.seconds < 15)
  end)

  it("context overflow: what is huge is bounded, and goes by a file or stdin", function()
    world = worlds.new('context = { "HUGE" }, baseline = false, '
      .. "verify = { [[head -c 3000000 /dev/zero | tr '\\0' x; false]] }")
    world:write("work/HUGE", ("x"):rep(500000))
    local id = world:add("Do it", ("description = (%q):rep(60000)"):format("y"))
    world:play("write a 1; complete", "write a 2; complete")
    world:step(id)
    local code, result = world:step(id)
    assert.equal(1, code)
    assert.is_true(#world:prompt(2) < 65536)
    assert.is_true(#result.evidence.verify[1].output < 16384)
    assert.matches("bytes left out", world:prompt(2))
  end)

  it("broken baseline: the model is blamed for old failures", function()
    world = worlds.new('verify = { "test -e old", "test ! -e bad" }, policy = "no_worse"')
    local id = world:add("Do it")
    world:play("write a 1; complete", "write bad 1; complete")
    local code, result = world:step()
    assert.same({ 0, "closed" }, { code, world:status(id) })
    assert.same({ "broken", "clean" },
      { result.evidence.verify[1].state, result.evidence.verify[2].state })
    assert.matches("Before your work these fail already:\ntest %-e old", world:prompt(1))
    world:add("Do more")
    code, result = world:step()
    assert.same({ 1, "broken", "regressed" }, { code, result.evidence.verify[1].state,
      result.evidence.verify[2].state })
    assert.equal("verify: test ! -e bad: status 1", result.reason)
  end)

  it("credential loss: a refused login stops the whole loop at once", function()
    world = worlds.new("retries = 5")
    local one, two = world:add("One"), world:add("Two")
    world:play("logged_out")
    local result = world:ralph("loop")
    assert.equal(1, result.code)
    assert.equal(1, world:runs())
    assert.same({ "open", "open" }, { world:status(one), world:status(two) })
    assert.matches("stopped: login: Please run /login", result.stdout)
  end)

  it("permission-denied loops and the same failure twice burn no further attempts", function()
    world = worlds.new("retries = 5")
    local one = world:add("One")
    world:play("for i in 1 2 3 4 5 6; do tool Bash x; denied; done; write a $n; finish 'cannot'")
    local _, result = world:step(one)
    assert.matches("6 tools in a row were not allowed", result.parked)
    assert.equal("waiting", world:status(one))
    local two = world:add("Two")
    world:play("write b $n; finish 'gave up'")
    world:step(two)
    assert.equal("open", world:status(two))
    _, result = world:step(two)
    assert.matches("same failure twice in a row", result.parked)
    assert.equal("waiting", world:status(two))
  end)

  it("a list edited from behind, and tests edited to pass", function()
    world = worlds.new('protect = { "tests/" }')
    local id = world:add("Do it")
    world:play("write a 1; sed -i 's/Do it/Did it/' .wrapix/issues.jsonl; complete",
      "write tests/t 1; complete")
    local code, result, raw = world:step()
    assert.equal(1, code)
    assert.is_truthy(("failed broken"):find(result.verdict, 1, true), raw.stdout)
    assert.matches("from behind", result.reason)
    assert.equal("open", world:status(id))
    code, result, raw = world:step()
    assert.same({ 1, "failed", 2 }, { code, result.verdict, world:runs() }, raw.stdout .. raw.stderr)
    assert.matches("tests/t", result.reason, 1, true)
    assert.same({ "tests/t" }, result.evidence.protected)
    assert.equal("open", world:status(id))
  end)

  it("a missing image stops the loop at once", function()
    world = worlds.new("retries = 5")
    world:add("One")
    world:play("complete")
    fs.remove_tree(world.dir .. "/podman/images")
    local result = world:ralph("loop")
    assert.equal(1, result.code)
    assert.equal(0, world:runs())
    assert.matches("stopped: ", result.stdout)
  end)
end)
