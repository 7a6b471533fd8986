-- SPDX-License-Identifier: MIT
-- `ralph step` with the real program: the toy agent in the double of podman, a real
-- repository, a real list.

local worlds = require("support.ralph_world")

describe("ralph step", function()
  local world

  after_each(function()
    local sessions, containers = world:sessions(), world:containers()
    world:close()
    assert.same({}, sessions)
    assert.same({}, containers)
  end)

  it("does an issue: work committed by the agent, the rest by ralph, verified, closed", function()
    world = worlds.new('verify = { "test -e b.txt" }')
    local id = world:add("Make b", 'description = "b.txt is missing"')
    world:play("tool Bash 'make'; write a.txt one; commit 'add a'; write b.txt two; complete")
    local code, result, raw = world:step()
    assert.equal(0, code, raw.stdout .. raw.stderr)
    assert.equal("closed", world:status(id))
    assert.same({ "done", 1, 2 }, { result.verdict, result.evidence.attempt, #result.evidence.commits })
    assert.equal("fixed", result.evidence.verify[1].state)
    assert.equal("add a", world:git("log", "--format=%s", "-1", "HEAD~1"))
    assert.equal(id .. ": Make b", world:git("log", "--format=%s", "-1"))
    assert.equal("", world:git("status", "--porcelain", "--", ".", ":(exclude).wrapix"))
    assert.equal("", world:git("ls-files", ".wrapix"))
    assert.same({ "attempt-1.jsonl" }, world:transcripts(id))
    assert.matches("b.txt is missing", world:prompt(1), 1, true)
    assert.near(0.25, result.evidence.usd, 1e-9)
  end)

  it("shows the work as it goes, without colour into a pipe", function()
    world = worlds.new()
    local id = world:add("Show it")
    world:play("say 'I look around'; tool Bash 'ls -l'; write a x; complete")
    local result = world:ralph("step")
    assert.equal(0, result.code, result.stderr)
    assert.matches(id .. "  Show it  attempt 1 of 3\n", result.stdout, 1, true)
    assert.matches("  I look around\n", result.stdout, 1, true)
    assert.matches("Bash ls %-l\n", result.stdout)
    assert.matches("done %(.*%$0.25, 1 file %+1 %-0%)", result.stdout)
    assert.is_nil(result.stdout:find("\27", 1, true))
  end)
end)
