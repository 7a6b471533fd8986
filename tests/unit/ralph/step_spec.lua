-- SPDX-License-Identifier: MIT
-- One issue: the order of things, and what each verdict means for the issue. Everything a
-- step does goes through effects, so a project in memory is enough.

local attempts = require("ralph.attempts")
local desks = require("support.ralph_desk")
local halts = require("ralph.halt")
local step = require("ralph.step")

local desk

local function run(opts, more)
  desk = desks.new(opts)
  return assert(step.run(desk.project, desk.options(more)))
end
local function again(more) return assert(step.run(desk.project, desk.options(more))) end
local function status(id) return desk.tracker.issues[id or "a-1"].status end

after_each(function()
  if desk then desk.close() end
  desk = nil
end)

describe("step", function()
  it("closes what is done, after what was left is committed", function()
    local result = run()
    assert.same({ 0, "done", "closed" }, { result.exit, result.verdict, status() })
    assert.matches("^a%-1: Issue 1\n\nLeft uncommitted by attempt 1", desk.commit.message)
    assert.equal("head2", result.evidence.after.head)
    assert.same({ "claim a-1", "close a-1 done" }, desk.tracker.calls)
    assert.equal(1, result.evidence.attempt)
  end)

  it("commits nothing when the agent did, or when nobody wants it", function()
    run({ agent = function(_, d)
      d.repo.at, d.repo.committed = "head2", d.repo.now
      return desks.outcome()
    end, config = { commit = false } })
    assert.is_nil(desk.commit)
  end)

  it("verifies before and after, and tells the two apart", function()
    local trees = {}
    local result = run({ config = { verify = { "make" } }, verify = function(args)
      trees[#trees + 1] = args.when .. " " .. args.tree
      return { results = { { command = "make", code = args.when == "before" and 1 or 0, output = "" } } }
    end })
    assert.same({ "before t0", "after t0+" }, trees)
    assert.equal("fixed", result.evidence.verify[1].state)
    assert.matches("Before your work these fail already:\nmake", desk.prompt)
  end)

  it("gives the next attempt the failure, and a person what failed too often", function()
    local n = 0
    local function verify(args)
      if args.when == "before" then return { results = {} } end
      n = n + 1
      return { results = { { command = "make", code = 2, output = ("x"):rep(n) .. " broke" } } }
    end
    local result = run({ config = { verify = { "make" }, retries = 1 }, verify = verify })
    assert.same({ 1, "failed", "open" }, { result.exit, result.verdict, status() })
    assert.is_nil(desk.prompt:find("earlier attempt", 1, true))
    result = again()
    assert.matches("An earlier attempt did not succeed", desk.prompt, 1, true)
    assert.matches("x broke", desk.prompt, 1, true)
    assert.matches("failed 2 times", result.parked)
    assert.is_truthy(desk.tracker:was("park a-1 failed 2 times"))
    assert.same({ "ralph: needs a person" }, desk.told)
    assert.equal(2, result.evidence.attempt)
    assert.same({ 0, 2 }, { attempts.read(desk.project, "a-1").counted,
      attempts.read(desk.project, "a-1").number })
  end)

  it("asks, waits for what blocks, and counts neither", function()
    local result = run({ agent = function()
      return desks.outcome({ said = { kind = "ask", text = "red?", options = { "yes", "no" } } })
    end })
    assert.same({ 102, "asked" }, { result.exit, result.verdict })
    assert.is_truthy(desk.tracker:was("ask a-1 red?"))
    assert.same({ "ralph: a question" }, desk.told)
    assert.equal(0, attempts.read(desk.project, "a-1").counted)
    desk.close()
    result = run({ agent = function() return desks.outcome({ text = "RALPH_BLOCKED: no key" }) end })
    assert.same({ 101, "blocked" }, { result.exit, result.verdict })
    assert.is_truthy(desk.tracker:was("park a-1 no key"))
    desk.close()
    result = run({ issues = 2, agent = function() return desks.outcome({ text = "RALPH_BLOCKED: no key" }) end })
    assert.equal(1, result.exit)
  end)

  it("opens again what met a limit, and tells the host", function()
    local result = run({ agent = function() return desks.outcome({ kind = "limit", reset = 9e9 }) end })
    assert.same({ 103, "limited", "open" }, { result.exit, result.verdict, status() })
    assert.same({ { agent = "play", login = "default", reset = 9e9, kind = "limit" } }, desk.limits)
    assert.equal(0, attempts.read(desk.project, "a-1").counted)
  end)

  it("keeps the work of one that was ended, and says where", function()
    for _, outcome in ipairs({ { kind = "interrupted", stopped = "timeout" }, { kind = "lost" },
      { kind = "stopped", text = "Ctrl-C" }, { kind = "broken", text = "no engine" } }) do
      local result = run({ agent = function() return desks.outcome(outcome) end })
      assert.equal("refs/wrapix/rescue/a-1/1", result.evidence.rescue.ref)
      assert.equal("open", status())
      assert.matches("the work is kept: refs/wrapix/rescue/a-1/1", table.concat(desk.shown), 1, true)
      desk.close()
    end
    desk = nil
  end)

  it("does not burn attempts on what is broken", function()
    for _, outcome in ipairs({ { kind = "auth", text = "logged out" }, { kind = "broken", text = "no image" } }) do
      local result = run({ agent = function() return desks.outcome(outcome) end })
      assert.same({ 1, "broken", "open" }, { result.exit, result.verdict, status() })
      assert.equal(0, attempts.read(desk.project, "a-1").counted)
      assert.equal(outcome.kind == "auth" and "`wrapix explain` shows which login counts, "
        .. "`wrapix login play` renews it" or nil, result.hint)
      desk.close()
    end
    desk = nil
  end)

  it("fails when a hook of git refuses the commit, breaks without git", function()
    local result = run({ commit = function() return nil, "commit: was refused: lint", "EREFUSED" end })
    assert.same({ "failed", "commit: was refused: lint" }, { result.verdict, result.reason })
    desk.close()
    result = run({ commit = function() return nil, "commit: git: is not in the image", "ENOGIT", "add it" end })
    assert.same({ "broken", "commit: git: is not in the image (add it)" }, { result.verdict, result.reason })
    assert.equal("open", status())
  end)

  it("says why there is nothing to do", function()
    local result = run({ issues = 0 })
    assert.same({ 100, "nothing is left to do" }, { result.exit, result.reason })
    assert.is_nil(result.verdict)
    desk.close()
    desk = desks.new()
    desk.tracker.issues["a-1"].blocked = true
    assert.equal(101, again().exit)
    desk.tracker.issues["a-1"].waiting = true
    assert.equal(102, again().exit)
    assert.equal(101, again({ id = "a-1" }).exit)
  end)

  it("takes the next issue when another process was quicker", function()
    desk = desks.new({ issues = 2 })
    desk.tracker.taken = { ["a-1"] = true }
    assert.equal("a-2", again().issue.id)
    assert.equal("closed", status("a-2"))
  end)

  it("asks the hooks before and tells them after, and stops at their no", function()
    local seen = {}
    local result = run({ config = { hooks = {
      before_step = function(ctx) seen[1] = ctx.issue.id .. ctx.attempt end,
      after_step = function(evidence) seen[2] = evidence.verdict end,
    } } })
    assert.equal(0, result.exit)
    assert.same({ "a-11", "done" }, seen)
    desk.close()
    result = run({ config = { hooks = { before_step = function() return false, "not on fridays" end } } })
    assert.same({ 1, "broken", "hook: before_step: not on fridays" },
      { result.exit, result.verdict, result.reason })
    assert.same({}, desk.tracker.calls)
  end)

  it("counts what the agent changes from after the commands that judge, when these ran", function()
    for _, cached in ipairs({ true, false }) do
      desk = desks.new({ config = { verify = { "make" } }, verify = function(args, one)
        if args.when == "before" then one.repo.now = "made" end
        return { results = { { command = "make", code = 0, seconds = 0, output = "" } }, cached = cached }
      end })
      assert.equal(cached and "t0" or "made", again().evidence.before.tree)
      desk.close()
    end
    desk = desks.new()
  end)

  it("settles what a dead process left, before anything else", function()
    desk = desks.new({ issues = 2 })
    local dead = desk.tracker.issues["a-1"]
    dead.status, desk.tracker.dead = "in_progress", { dead }
    assert(attempts.begin(desk.project, "a-1", { attempt = 4, time = 1, before = { tree = "older" } }))
    local result = again()
    assert.equal("a-1", result.settled[1].id)
    assert.equal("refs/wrapix/rescue/a-1/4", result.settled[1].rescue.ref)
    assert.matches("^comment a%-1 The process that worked on this died. Its work is kept", desk.tracker.calls[1])
    assert.equal("release a-1 ", desk.tracker.calls[2])
    assert.same({}, desk.reaped) -- and what still ran of it ended before its work was kept
    assert.equal("a-1", result.issue.id)
    assert.equal(5, result.evidence.attempt)
  end)

  it("keeps no work where there is none, and asks a person in the end", function()
    desk = desks.new()
    local dead = desk.tracker.issues["a-1"]
    for i = 1, 3 do
      dead.status, desk.tracker.dead = "in_progress", { dead }
      desk.tracker.issues["a-1"].waiting = nil
      local record = attempts.read(desk.project, "a-1")
      record.running = { attempt = i, time = 1, before = { tree = "t0" } }
      assert(attempts.write(desk.project, "a-1", record))
      desk.effects.claim = function() return nil, "no", "ECLAIMED" end
      again({ id = "a-1" })
    end
    assert.is_nil(desk.repo.rescued)
    assert.is_truthy(desk.tracker:was("park a-1 its process died 3 times"))
  end)

  it("works on no other issue after what a dead process did to what judges", function()
    desk = desks.new({ issues = 2, config = { protect = { "src/" } } })
    local dead = desk.tracker.issues["a-1"]
    dead.status, desk.tracker.dead = "in_progress", { dead }
    assert(attempts.begin(desk.project, "a-1", { attempt = 1, time = 1, before = { tree = "older" } }))
    local result = again({ id = "a-2" })
    assert.same({ 1, "broken" }, { result.exit, result.verdict })
    assert.matches("protect: src/a.c: was changed by an attempt at a-1", result.reason, 1, true)
    assert.equal("open", status("a-2"))
    desk.tracker.dead = {}
    local changes = desk.repo.changes
    desk.repo.changes = function() return nil, "git: diff-tree: bad object older", "EGIT" end
    result = again({ id = "a-2" })
    assert.equal("protect: git: diff-tree: bad object older", result.reason)
    assert.matches("--accept-protected", result.hint, 1, true)
    desk.repo.changes = changes
    assert.equal("failed", again({ id = "a-1" }).verdict)
    assert(require("ralph.protected").accept(desk.project))
    assert.is_nil(again({ id = "a-2" }).reason:find("a-1", 1, true))
  end)

  it("counts one death once, when who settles it is killed as well", function()
    desk = desks.new()
    local dead = desk.tracker.issues["a-1"]
    dead.status, desk.tracker.dead = "in_progress", { dead }
    dead.metadata = { wrapix = { owner = "0123456789abcdef0123456789abcdef:77:5" } }
    assert(attempts.begin(desk.project, "a-1", { attempt = 4, time = 1, before = { tree = "older" } }))
    for _, effect in ipairs({ "comment", "release" }) do
      desk.effects[effect] = function(_, args, built_in)
        if effect == "comment" then
          dead.comments = dead.comments or {}
          table.insert(dead.comments, { text = args.text })
          built_in()
        end
        return nil, "killed"
      end
      assert.equal(1, again().exit)
      desk.effects[effect] = nil
    end
    local result = again()
    assert.same({ 1, 1 }, { result.settled[1].aborted, #dead.comments })
    assert.matches("(process 77)", dead.comments[1].text, 1, true)
    assert.equal("refs/wrapix/rescue/a-1/4", desk.repo.rescued and "refs/wrapix/rescue/a-1/" .. desk.repo.rescued.n)
  end)

  it("is stopped at any time, with the books kept", function()
    desk = desks.new()
    local halt = halts.new()
    desk.effects.agent = function()
      desk.repo.now = "half"
      halt:now("Ctrl-C")
      return desks.outcome()
    end
    local result = again({ halt = halt })
    assert.equal("open", status())
    assert.same({ 130, "stopped" }, { result.exit, result.verdict })
    assert.equal("refs/wrapix/rescue/a-1/1", result.evidence.rescue.ref)
  end)

  it("lets a user replace an effect, and wrap the built-in one", function()
    desk = desks.new()
    local order = {}
    desk.effects.claim = function(_, args, built_in)
      order[1] = "claim " .. args.id
      return built_in()
    end
    assert.equal(0, again().exit)
    assert.same({ "claim a-1" }, order)
    assert.has_error(function() step.run(desk.project, { effects = { verfy = print } }) end)
    assert.has_error(function() step.run(desk.project, { effcts = {} }) end)
  end)

  it("remembers what a token costs for the next loop", function()
    local budgets = require("ralph.budget")
    desk = desks.new()
    local budget = budgets.new({}, { clock = function() return 0 end })
    desk.effects.agent = function(ctx)
      ctx.budget:run():take({ type = "end", usd = 0.5, usage = { input = 1000 } })
      return desks.outcome()
    end
    again({ budget = budget })
    assert.near(0.0005, attempts.rate(desk.project), 1e-9)
  end)

  it("takes a list that cannot be written for broken, never for done", function()
    desk = desks.new()
    desk.effects.close = function() return nil, "tracker: disk full", "ENOSPC" end
    local result = again()
    assert.same({ 1, "broken", "tracker: disk full" }, { result.exit, result.verdict, result.reason })
  end)
end)
