-- SPDX-License-Identifier: MIT
-- What work may cost: nested, asked while the stream runs.

local budgets = require("ralph.budget")

local now
local function clock() return now end

before_each(function() now = 100 end)

local function new(limits, opts)
  opts = opts or {}
  opts.clock = clock
  return budgets.new(limits, opts)
end

local function usage(fields)
  fields.type = "usage"
  return fields
end

describe("budget", function()
  it("is reached in tokens before the run has ended", function()
    local budget = new({ tokens = 100 })
    local run = budget:run()
    run:take(usage({ input = 40, output = 10, cache_read = 5000 }))
    assert.is_nil(budget:reached())
    run:take(usage({ input = 30, cache_write = 20 }))
    assert.equal("tokens", budget:reached().kind)
    assert.equal("100 of 100 tokens", budgets.text(budget:reached()))
  end)

  it("counts what the agent says of the whole session once", function()
    local budget = new({ tokens = 100 })
    local run = budget:run()
    run:take(usage({ input = 60, usd = 0.2, whole = true }))
    run:take(usage({ input = 80, usd = 0.3, whole = true }))
    assert.equal(80, budget.tokens)
    assert.near(0.3, budget.usd, 1e-9)
    run:take({ type = "end", usage = { input = 90, output = 5 }, usd = 0.4 })
    assert.equal(95, budget.tokens)
    assert.near(0.4, budget.usd, 1e-9)
  end)

  it("guesses the price by runs before, and lets the end have the last word", function()
    local budget = new({ usd = 1 })
    local first = budget:run()
    first:take(usage({ input = 1000 }))
    assert.equal(0, budget.usd)
    first:take({ type = "end", usage = { input = 1000, output = 0 }, usd = 0.5 })
    local second = budget:run()
    second:take(usage({ input = 900 }))
    assert.near(0.95, budget.usd, 1e-9)
    assert.is_true(select(2, second:cost()))
    second:take(usage({ input = 200 }))
    assert.equal("usd", budget:reached().kind)
    second:take({ type = "end", usage = { input = 1100, output = 0 }, usd = 0.2 })
    assert.near(0.7, budget.usd, 1e-9)
    assert.is_nil(budget:reached())
  end)

  it("knows a price from before", function()
    local budget = new({ usd = 1 }, { rate = 0.001 })
    budget:child({}):run():take(usage({ input = 1000 }))
    assert.equal("usd", budget:reached().kind)
    assert.equal(0.001, budget:child({}):known_rate())
  end)

  it("takes long answers for output that nobody has counted yet", function()
    local budget = new({ tokens = 100 })
    local run = budget:run()
    run:take({ type = "text", text = ("x"):rep(4000) })
    run:take(usage({ input = 1, output = 1 }))
    assert.equal("tokens", budget:reached().kind)
  end)

  it("has no more than its parent has left", function()
    local whole = new({ usd = 1, steps = 2 })
    local step = whole:child({ usd = 5, seconds = 60 })
    step:run():take({ type = "end", usd = 0.75 })
    assert.same({ usd = 0.25, steps = 2, seconds = 60 }, step:remaining())
    assert.equal(0.75, whole.usd)
    step:run():take({ type = "end", usd = 0.5 })
    assert.equal(1, step:reached().limit)
    assert.equal(0, whole:remaining().usd)
  end)

  it("believes no number that would end counting", function()
    local budget = new({ tokens = 100 })
    local run = budget:run()
    run:take(usage({ input = 90, output = 0 }))
    run:take(usage({ input = -1e9, output = 0 / 0, usd = -5 }))
    run:take(usage({ input = 0.5, output = 1e308, usd = 1e308 }))
    run:take(usage({ input = "7", output = 1e308, usd = 1e308 }))
    run:take({ type = "end", usd = -1, usage = { input = 99.5, output = -3 } })
    assert.same({ 100, 0 }, { budget.tokens, budget.usd })
    assert.equal("100 of 100 tokens", budgets.text(budget:reached()))
  end)

  it("counts time and steps", function()
    local budget = new({ seconds = 30, steps = 2 })
    budget:step()
    now = 129
    assert.is_nil(budget:reached())
    now = 130
    assert.equal("30 s of 30", budgets.text(budget:reached()))
    now = 100
    budget:child({}):step()
    assert.equal("2 of 2 steps", budgets.text(budget:reached()))
  end)
end)
