-- SPDX-License-Identifier: MIT
-- `ralph loop`, `ralph status` and `ralph logs` with the real program: issues that need
-- each other, questions, Ctrl-C at a terminal, hooks, and what is shown of it all.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local net = require("wrapix.net")
local task = require("wrapix.task")
local worlds = require("support.ralph_world")
local wait_until = require("support.world").wait_until

describe("ralph loop", function()
  local world

  after_each(function()
    local sessions, containers = world:sessions(), world:containers()
    world:close()
    assert.same({}, sessions)
    assert.same({}, containers)
  end)

  it("goes on until nothing is ready: a dependency, a failed attempt, a question", function()
    world = worlds.new('verify = { "test ! -e two.txt || grep -q right two.txt" }')
    local one = world:add("One")
    local two = world:add("Two", ("needs = { %q }"):format(one))
    local three = world:add("Three")
    world:play("write one.txt x; complete", "write two.txt wrong; complete",
      "write two.txt right; complete", [["$RALPH" ask 'red or blue?' --option red --option blue; finish bye]])
    local result = world:ralph("loop")
    assert.equal(102, result.code, result.stdout .. result.stderr)
    local states = { world:status(one), world:status(two), world:status(three) }
    assert.same({ "closed", "closed", "waiting" }, states)
    assert.matches("ralph: waiting: 1 issue waits for a person %(2 done, 1 failed attempt", result.stdout)
    assert.matches("earlier attempt did not succeed", world:prompt(3))
    assert.matches("grep %-q right", world:prompt(3))
    local question = world:issue(three).metadata.wrapix.question
    assert.same({ "red or blue?", { "red", "blue" } }, { question.text, question.options })
    assert.equal("3", world:git("rev-list", "--count", "HEAD"))
  end)

  it("ends with 0 when all is done, and takes what the agent discovered", function()
    world = worlds.new()
    local id = world:add("One")
    world:play([["$RALPH" issue add 'Found on the way'; "$RALPH" note 'mind the gap'; write a 1; complete]],
      "write b 1; complete")
    local result = world:ralph("loop")
    assert.equal(0, result.code, result.stdout .. result.stderr)
    assert.matches("\nralph: all done %(2 done, ", result.stdout)
    assert.equal(2, world:runs())
    assert.matches("Found on the way", world:prompt(2), 1, true)
    assert.matches("mind the gap", json.encode(world:issue(id).comments))
    assert.equal(0, world:ralph("loop").code)
  end)

  it("has lists in its JSON also where nothing is in them", function()
    world = worlds.new()
    local status, plan = world:ralph("status", "--json"), world:ralph("loop", "--dry-run", "--json")
    for _, name in ipairs({ "last", "specs", "waiting", "working" }) do
      assert.matches(('"%s": []'):format(name), status.stdout, 1, true)
    end
    assert.matches('"ready": []', plan.stdout, 1, true)
  end)

  it("is `ralph` where it is called so, from a spec to an issue that is done, hints among it", function()
    world = worlds.new()
    local link = world.dir .. "/ralph"
    assert(fs.symlink(require("support.world").wrapix, link))
    local function ralph(...)
      local result = world:run({ ... }, { program = link })
      return result.code, result.stdout, result.stderr
    end
    local _, _, said = ralph("loop")
    assert.matches("hint: `ralph start NAME` begins", said, 1, true)
    local _, out = ralph("start", "shop")
    assert.matches("\nnext: ralph plan shop\n", out, 1, true)
    assert.matches("next: wrapix ralph plan till", world:ralph("start", "till").stdout, 1, true)
    assert.equal(0, (ralph("issue", "add", "Do it", "--spec", "till")))
    world:play("write a 1; complete")
    assert.equal(0, (ralph("loop")))
    local code, text, err = ralph("lop")
    assert.same({ 2, "" }, { code, text })
    assert.matches("ralph: no command 'lop' (did you mean 'loop'?)", err, 1, true)
    code, _, err = ralph("use", "nope")
    assert.equal(1, code)
    assert.matches("hint: `ralph start nope` makes it", err, 1, true)
    assert.matches("^Usage: ralph step ", select(2, ralph("step", "--help")))
  end)

  it("works on the list of bd as on its own", function()
    world = worlds.new('tracker = "bd"')
    assert(fs.ensure_dir(world.dir .. "/beads"))
    local script = world:write("bin/bd", ("#!/bin/sh\nFAKE_BD_WRAPIX=%s FAKE_BD_DIR=%s exec %s \"$@\"\n"):format(
      require("support.world").wrapix, world.dir .. "/beads", WRAPIX_ROOT .. "/tests/support/fake_bd/bd"))
    assert(fs.chmod(script, 493))
    world.env.PATH = world.dir .. "/bin:" .. world.env.PATH
    for _, title in ipairs({ "One", "Two" }) do assert.equal(0, world:ralph("issue", "add", title).code) end
    world:play("write a 1; complete", [["$RALPH" ask 'red?'; finish bye]])
    local result = world:ralph("loop")
    assert.equal(102, result.code, result.stdout .. result.stderr)
    assert.matches("waiting: 1 issue waits for a person (1 done", result.stdout, 1, true)
    assert.matches("red%?\n  answer: wrapix ralph answer %S+ TEXT", world:ralph("answer").stdout)
    assert.is_nil(fs.stat(world.workspace .. "/.wrapix/issues.jsonl"))
  end)

  it("does not call done what never was, nor what somebody put off", function()
    world = worlds.new()
    for _, words in ipairs({ { "loop" }, { "loop", "--dry-run" }, { "step" } }) do
      assert.matches("there are no issues yet\nhint: `wrapix ralph start NAME` begins with a spec",
        world:ralph(table.unpack(words)).stderr, 1, true)
    end
    world:ralph("start", "shop")
    local empty = world:ralph("loop")
    assert.matches("no issues of shop yet\nhint: `wrapix ralph ready shop`", empty.stderr, 1, true)
    assert.matches("^ralph: nothing to do %(%d+s%)\n$", empty.stdout)
    for _, command in ipairs({ "loop", "step", "status" }) do
      local result = world:ralph(command, "--spec", "shpo")
      assert.equal(1, result.code)
      assert.matches("spec: shpo: there is no such spec (did you mean 'shop'?)", result.stderr, 1, true)
    end
    world:add("One", 'spec_id = "elsewhere.md", status = "deferred"')
    local result = world:ralph("loop", "--spec", "elsewhere.md")
    assert.equal(101, result.code)
    assert.matches("the one issue that is left is deferred", result.stdout, 1, true)
    world:add("Two", 'status = "in-review"')
    result = world:ralph("loop", "--all")
    assert.equal(101, result.code)
    assert.matches("all of 2 issues are blocked", result.stdout, 1, true)
    assert.matches("0 of 1", world:ralph("status", "--spec", "").stdout, 1, true)
  end)

  it("says what it would begin with, and changes nothing", function()
    world = worlds.new()
    local id = world:add("One", 'labels = { "profile:test" }')
    local before = fs.read(world.workspace .. "/.wrapix/issues.jsonl")
    local result = world:ralph("loop", "--dry-run")
    assert.equal(0, result.code)
    assert.equal(("  1. %s  One  [test]\n1 ready, 0 more behind them\n"):format(id), result.stdout)
    assert.equal(before, fs.read(world.workspace .. "/.wrapix/issues.jsonl"))
    assert.equal(0, world:runs())
  end)

  it("finishes the step after Ctrl-C, which the agent does not get", function()
    world = worlds.new()
    local one, two = world:add("One"), world:add("Two")
    world:play("trap 'echo hit >hit' INT; mark there; wait_for go; write a 1; complete")
    local terminal <close> = world:terminal({ "ralph", "loop" })
    wait_until("the agent works", function() return fs.stat(world.dir .. "/toy/there") end)
    terminal:type("\3")
    terminal:expect("finishing this step")
    world:write("toy/go", "")
    terminal:expect("interrupted: Ctrl%-C")
    assert.equal(130, terminal:wait())
    assert.same({ "closed", "open" }, { world:status(one), world:status(two) })
    assert.is_nil(fs.stat(world.workspace .. "/hit"))
  end)

  it("stops at once after the second, keeps the work, and says where", function()
    world = worlds.new()
    local id = world:add("One")
    world:play("write a half; mark there; hang")
    local terminal <close> = world:terminal({ "ralph", "loop" })
    wait_until("the agent works", function() return fs.stat(world.dir .. "/toy/there") end)
    terminal:type("\3")
    terminal:expect("finishing this step")
    terminal:type("\3")
    terminal:expect("the work is kept: refs/wrapix/rescue/" .. id:gsub("%-", "%%-") .. "/1")
    terminal:expect("interrupted: Ctrl%-C")
    assert.equal(130, terminal:wait())
    assert.equal("open", world:status(id))
    assert.equal("half", world:git("show", world:rescued()[1] .. ":a"))
    assert.equal("half", (fs.read(world.workspace .. "/a"):gsub("\n", "")))
  end)

  it("runs its hooks, time-limited, and stops when one says no", function()
    world = worlds.new()
    local seen = world.dir .. "/seen"
    world:config(([[hooks = {
      before_step = function(ctx)
        if ctx.issue.title == "Two" then return false, "not on fridays" end
      end,
      after_step = function(evidence) require("wrapix").fs.append(%q, evidence.verdict .. " ") end,
      after_loop = function(summary) require("wrapix").fs.append(%q, summary.ended) end,
    }]]):format(seen, seen))
    world:add("One")
    local two = world:add("Two")
    world:play("write a 1; complete")
    local result = world:ralph("loop")
    assert.equal(1, result.code)
    assert.matches("stopped: hook: before_step: not on fridays", result.stdout)
    assert.equal("done broken", fs.read(seen))
    assert.equal("open", world:status(two))
  end)

  it("lets a person work on the list meanwhile", function()
    world = worlds.new()
    world:add("One")
    world:play("mark there; wait_for go; write a 1; complete", "write b 1; complete")
    local loop = world:start({ "ralph", "loop" })
    wait_until("the agent works", function() return fs.stat(world.dir .. "/toy/there") end)
    world:add("Two")
    world:write("toy/go", "")
    local result = world:finish(loop)
    assert.equal(0, result.code, result.stdout .. result.stderr)
    assert.matches("all done (2 done", result.stdout, 1, true)
  end)

  it("tells the person of a question and of the end", function()
    world = worlds.new()
    world:write("config/wrapix/ralph.lua", 'return { profile = "toy", context = {}, max_iterations = 2 }')
    world:add("One")
    world:add("Two")
    world:play([["$RALPH" ask 'red?'; finish bye]], "write a 1; complete")
    assert(fs.ensure_dir(world.dir .. "/run/wrapix", tonumber("700", 8)))
    local listener <close> = assert(net.listen_unix(world.dir .. "/run/wrapix/notify.sock"))
    local told = {}
    local result = task.scope(function(scope)
      local hearing = scope:spawn(function()
        for connection in function() return listener:accept() end do
          local line = connection:read_line()
          if line then told[#told + 1] = json.decode(line) end
          connection:close()
        end
        return true
      end)
      local ended = world:ralph("loop")
      hearing:cancel()
      return ended
    end)
    assert.equal(102, result.code, result.stdout .. result.stderr)
    local titles = {}
    for i, message in ipairs(told) do titles[i] = message.title end
    assert.same({ "ralph: a question", "ralph: stopped" }, titles)
    assert.matches("red?", told[1].message, 1, true)
  end)

  it("removes old transcripts when it starts, and nothing through a link", function()
    world = worlds.new('keep_logs = "1d"')
    local logs = world.workspace .. "/.wrapix/logs/no-spec/"
    world:write("work/.wrapix/logs/no-spec/a/attempt-1.jsonl", "old")
    world:write("work/.wrapix/logs/no-spec/a/attempt-2.jsonl", "new")
    world:write("outside/x/attempt-1.jsonl", "not ours")
    assert(fs.symlink(world.dir .. "/outside", world.workspace .. "/.wrapix/logs/link"))
    for _, file in ipairs({ logs .. "a/attempt-1.jsonl", world.dir .. "/outside/x/attempt-1.jsonl" }) do
      assert(require("wrapix.proc").run({ "touch", "-d", "2 days ago", file }).code == 0)
    end
    assert.equal(0, world:ralph("loop").code)
    assert.same({ "attempt-2.jsonl" }, fs.list(logs .. "a"))
    assert.equal("not ours", fs.read(world.dir .. "/outside/x/attempt-1.jsonl"))
  end)
end)

describe("examples/scripts/ralph_loop.lua", function()
  it("is a loop of one's own over the same phases", function()
    local world = worlds.new("retries = 1")
    local chore = world:add("Task")
    local bug = world:add("Bug", 'issue_type = "bug", priority = 4')
    world:add("Third")
    world:play("finish 'not yet'", "write b 1; complete", "write a 1; complete", "write c 1; complete",
      "write ok 1; complete")
    local result = world:run({ WRAPIX_ROOT .. "/examples/scripts/ralph_loop.lua", "test -e ok", "big" })
    assert.equal(0, result.code, result.stderr)
    assert.same({ "closed", "closed" }, { world:status(chore), world:status(bug) })
    assert.matches("Title: Bug", world:prompt(1))
    assert.matches("Title: Bug", world:prompt(2))
    assert.matches("slow checks fail: ", result.stdout)
    assert.matches("Title: Slow checks fail", world:prompt(5))
    assert.matches("4 done\n$", result.stdout)
    local journal = fs.read(world.workspace .. "/effects.log")
    assert.equal(5, select(2, journal:gsub("claim %S+ ok\n", "")))
    assert.equal(4, select(2, journal:gsub("close %S+ ok\n", "")))
    world:close()
  end)
end)

describe("ralph status and logs", function()
  local world
  before_each(function() world = worlds.new("retries = 0") end)
  after_each(function() world:close() end)

  it("tell where the work stands", function()
    local one, two = world:add("One"), world:add("Two")
    world:play("say 'hello \27[31mthere'; tool Bash 'make it'; write a 1; complete", "finish 'no idea'")
    world:ralph("loop")
    local result = world:ralph("status")
    assert.equal(0, result.code, result.stderr)
    assert.matches("(no spec)  [##########----------] 1 of 2", result.stdout, 1, true)
    assert.matches("waiting for a person:\n  " .. two:gsub("%-", "%%-") .. "  Two\n    failed 1 times", result.stdout)
    assert.matches(one .. "  attempt 1  done", result.stdout, 1, true)
    assert.matches("spent: $0.50", result.stdout, 1, true)
    local data = assert(json.decode(world:ralph("status", "--json").stdout))
    assert.same({ 1, 1, 2 }, { data.specs[1].counts.closed, data.specs[1].counts.waiting, #data.last })

    result = world:ralph("logs", one)
    assert.equal(0, result.code)
    assert.matches("Bash make it", result.stdout, 1, true)
    assert.is_nil(result.stdout:find("\27", 1, true))
    assert.matches("no idea", world:ralph("logs", "--raw").stdout, 1, true)
    assert.matches("^{", world:ralph("logs", one, "--raw").stdout)
    assert.matches("attempt 1", world:ralph("logs", "--list").stdout)
    local file = ("%s/.wrapix/logs/no-spec/%s/attempt-1.jsonl"):format(world.workspace, one)
    local cut = json.encode({ type = "wrapix", text = "the stream is longer than 9 bytes: only its end is kept" })
    assert(fs.write_atomic(file, ("%s{\"torn\n%s\n%s"):format(fs.read(file), cut, fs.read(file))))
    local _, count = world:ralph("logs", one).stdout:gsub("the stream is longer than 9 bytes", "")
    assert.equal(1, count)
    result = world:ralph("logs", "nothing")
    assert.equal(1, result.code)
    assert.matches("logs: nothing: no attempt is kept", result.stderr, 1, true)
  end)

  it("follow an attempt to its end", function()
    world:add("One")
    world:play("tool Bash first; mark there; wait_for go; tool Bash second; write a 1; complete")
    local step = world:start({ "ralph", "step" })
    wait_until("the agent works", function() return fs.stat(world.dir .. "/toy/there") end)
    local logs = world:start({ "ralph", "logs", "--follow" })
    local text = ""
    while not text:find("Bash first") do text = text .. assert(logs.stdout:read()) end
    world:write("toy/go", "")
    local result = world:finish(logs)
    assert.equal(0, result.code)
    assert.matches("Bash second", result.stdout)
    assert.equal(0, world:finish(step).code)
  end)
end)
