-- SPDX-License-Identifier: MIT
-- What ends a loop, what it waits for, and what it says of its end.

local desks = require("support.ralph_desk")
local halts = require("ralph.halt")
local loop = require("ralph.loop")

local desk

local function run(opts, more)
  desk = desks.new(opts)
  return assert(loop.run(desk.project, desk.options(more)))
end

-- A loop whose steps are these results, one after the other; then nothing is left.
local function play(results, more, opts)
  desk = desks.new(opts)
  local n, given = 0, {}
  local options = desk.options(more)
  options.step = function(_, step_opts)
    n = n + 1
    given[n] = step_opts
    local result = results[n] or { exit = 100, reason = "nothing is left to do" }
    if type(result) == "function" then result = result(step_opts) end
    return result
  end
  return assert(loop.run(desk.project, options)), given
end

local function step(verdict, more)
  local result = { exit = 0, verdict = verdict,
    evidence = { before = { tree = "a" }, after = { tree = "b" }, commits = {}, files = {} } }
  for key, value in pairs(more or {}) do result[key] = value end
  return result
end
local function idle(verdict) return step(verdict,
  { evidence = { before = { tree = "a" }, after = { tree = "a" }, commits = {}, files = {} } }) end

after_each(function()
  if desk then desk.close() end
  desk = nil
end)

describe("loop", function()
  it("does every issue, and says so", function()
    local summary = run({ issues = 3 })
    assert.same({ 0, "done", 3, 3 }, { summary.exit, summary.ended, summary.steps, summary.done })
    assert.matches("^all done %(3 done, %d+s%)$", loop.line(summary))
    assert.same({ "ralph: finished" }, desk.told)
  end)

  it("goes on with other issues when one waits for a person, and ends truthfully", function()
    local summary = run({ issues = 3, agent = function(args)
      if args.issue.id == "a-1" then return desks.outcome({ text = "RALPH_CLARIFY: which?" }) end
      if args.issue.id == "a-2" then return desks.outcome({ text = "no signal" }) end
      return desks.outcome()
    end, config = { retries = 0 } })
    assert.same({ 102, "waiting", 1, 1, 2 },
      { summary.exit, summary.ended, summary.done, summary.failed, summary.parked })
    assert.matches("^waiting: 2 issues wait for a person %(1 done, 1 failed attempt, ",
      loop.line(summary))
  end)

  it("ends when all are blocked", function()
    local summary = play({ { exit = 101, reason = "all of 2 issues are blocked" } })
    assert.same({ 101, "blocked" }, { summary.exit, summary.ended })
    assert.matches("^nothing is ready: all of 2", loop.line(summary))
  end)

  it("stops at once when something is broken", function()
    local summary, given = play({ step("broken", { reason = "login: refused", hint = "wrapix login" }) })
    assert.same({ 1, "broken", "login: refused", "wrapix login", 1 },
      { summary.exit, summary.ended, summary.reason, summary.hint, #given })
  end)

  it("ends after so many steps", function()
    local summary, given = play({ step("done"), step("failed"), step("done") }, { max_iterations = 2 },
      { issues = 1 })
    assert.same({ 103, "budget", "2 of 2 steps", 2 }, { summary.exit, summary.ended, summary.reason, #given })
    assert.same({ "ralph: budget reached" }, desk.told)
  end)

  it("does not blame a budget that was used up together with the work", function()
    local summary = run({ issues = 2 }, { max_iterations = 2 })
    assert.same({ 0, "done", 2 }, { summary.exit, summary.ended, summary.steps })
  end)

  it("gives each step what the loop has left", function()
    local summary = play({ function(opts)
      local budget = opts.budget:run()
      budget:take({ type = "end", usd = 3, usage = {} })
      return step("done")
    end, function(opts)
      assert.equal(2, opts.budget:remaining().usd)
      opts.budget:run():take({ type = "end", usd = 2.5, usage = {} })
      return step("stopped", { evidence = { budget = opts.budget:reached(), before = {}, after = {} } })
    end }, { max_cost = 5 })
    assert.same({ 103, "budget", "cost 5.50 USD of 5.00" }, { summary.exit, summary.ended, summary.reason })
    assert.near(5.5, summary.usd, 1e-9)
  end)

  it("ends when attempts change nothing, however they end", function()
    local results = {}
    for i = 1, 50 do results[i] = idle(i % 2 == 0 and "failed" or "no_change") end
    local summary, given = play(results)
    assert.same({ 1, "no_progress", loop.NO_PROGRESS }, { summary.exit, summary.ended, #given })
    results[loop.NO_PROGRESS - 1] = step("failed")
    desk.close()
    summary, given = play(results)
    assert.equal("no_progress", summary.ended)
    assert.equal(2 * loop.NO_PROGRESS - 1, #given)
  end)

  it("waits for a limit without counting it, and ends the wait when asked", function()
    local halt = halts.new()
    desk = desks.new()
    local waited, n = {}, 0
    local options = desk.options({ halt = halt })
    halt.sleep = function(_, seconds)
      waited[#waited + 1] = seconds
      return #waited < 3
    end
    options.step = function()
      n = n + 1
      return step("limited", { limit = { kind = "limit", reset = require("wrapix").sys.time() + 600 } })
    end
    halt.soon_reason = "Ctrl-C"
    local summary = assert(loop.run(desk.project, options))
    assert.same({ 130, "interrupted", 0, 3 }, { summary.exit, summary.ended, summary.steps, n })
    for _, seconds in ipairs(waited) do assert.is_true(seconds >= 599 and seconds <= 661, seconds) end
    assert.matches("waiting until", table.concat(desk.shown))
    assert.equal("ralph: limit reached", desk.told[1])
  end)

  it("does not wait longer than it may run", function()
    local summary = play({ step("limited", { limit = { kind = "limit",
      reset = require("wrapix").sys.time() + 7200 } }) }, { max_time = 600 })
    assert.same({ 103, "limit" }, { summary.exit, summary.ended })
  end)

  it("finishes the step when it is asked once", function()
    local halt = halts.new()
    local summary, given = play({ function()
      halt:soon("Ctrl-C")
      return step("done")
    end, step("done") }, { halt = halt })
    assert.same({ 130, "interrupted", "Ctrl-C", 1, 1 },
      { summary.exit, summary.ended, summary.reason, summary.done, #given })
  end)

  it("runs its hooks, and stops at their no", function()
    local seen = {}
    local summary = run({ config = { hooks = {
      before_loop = function(ctx) seen[1] = ctx.project end,
      after_loop = function(found) seen[2] = found.ended end,
    } } })
    assert.equal(0, summary.exit)
    assert.same({ desk.project.root, "done" }, seen)
    desk.close()
    summary = run({ config = { hooks = { before_loop = function() error("no", 0) end } } })
    assert.same({ 1, "broken", "hook: before_loop: no" }, { summary.exit, summary.ended, summary.reason })
    assert.same({}, desk.tracker.calls)
    desk.close()
    summary = run({ config = { hooks = { after_loop = function() return false, "bad" end } } })
    assert.same({ 1, "broken" }, { summary.exit, summary.ended })
  end)

  it("changes nothing in a dry run", function()
    local summary = run({ issues = 2 }, { dry_run = true })
    assert.same({ 0, "dry_run", "a-1", "a-2" },
      { summary.exit, summary.ended, summary.ready[1].id, summary.ready[2].id })
    assert.same({}, desk.tracker.calls)
    assert.same({}, desk.told)
  end)

  it("refuses options that are none", function()
    desk = desks.new()
    assert.has_error(function() loop.run(desk.project, { max_costs = 1 }) end)
  end)
end)
