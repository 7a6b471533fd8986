-- SPDX-License-Identifier: MIT
local policy = require("wrapix.notify.policy")

local RULES = { quiet = false, min_age = 0, focus = true }

local function rules(more)
  local all = {}
  for key, value in pairs(RULES) do all[key] = value end
  for key, value in pairs(more or {}) do all[key] = value end
  return all
end

local function answers(...)
  local list = {}
  for i, answer in ipairs({ ... }) do list[i] = { name = "level" .. i, answer = answer } end
  return function() return list end
end

local function known(more)
  local all = { minute = 12 * 60, rate = "free" }
  for key, value in pairs(more or {}) do all[key] = value end
  return all
end

local function action(more_known, more_rules)
  return policy.decide(known(more_known), rules(more_rules)).action
end

describe("notify.policy", function()
  it("shows what nobody knows anything about", function()
    local decision = policy.decide(known(), rules())
    assert.equal("show", decision.action)
    assert.is_nil(decision.why)
    assert.equal("unknown", decision.levels[#decision.levels].answer)
  end)

  it("holds back only when a level says focused and none says away", function()
    assert.equal("hold", action({ focus = answers("focused") }))
    assert.equal("hold", action({ focus = answers("unknown", "focused", "unknown") }))
    assert.equal("show", action({ focus = answers("focused", "away") }))
    assert.equal("show", action({ focus = answers("away", "focused") }))
    assert.equal("show", action({ focus = answers("unknown", "unknown") }))
    assert.equal("show", action({ focus = answers() }))
    assert.equal("show", action({ focus = answers("a word nobody knows") }))
    assert.equal("show", action({ focus = answers("focused") }, { focus = false }))
  end)

  it("gives each level's answer", function()
    local levels = policy.decide(known({ focus = answers("focused", "away") }), rules()).levels
    local text = {}
    for i, level in ipairs(levels) do text[i] = level.name .. "=" .. level.answer end
    assert.equal("quiet=off age=off rate=show level1=focused level2=away focus=away",
      table.concat(text, " "))
  end)

  it("asks no detector for what is held back anyway", function()
    local asked = 0
    local function focus()
      asked = asked + 1
      return {}
    end
    assert.equal("hold", action({ focus = focus, minute = 0 }, { quiet = { from = 0, to = 60 } }))
    assert.equal("join", action({ focus = focus, rate = "full" }))
    assert.equal("join", action({ focus = focus, rate = "repeat" }))
    assert.equal(0, asked)
    action({ focus = focus })
    assert.equal(1, asked)
  end)

  it("shows everything when asked to, and asks nobody", function()
    local decision = policy.decide(known({ always = true, rate = "full", minute = 0,
      focus = function() error("asked") end }), rules({ quiet = { from = 0, to = 600 } }))
    assert.equal("show", decision.action)
  end)

  it("knows quiet hours over midnight, and whose end is not quiet", function()
    local night = { from = 22 * 60, to = 7 * 60 }
    for minute, quiet in pairs({ [22 * 60] = true, [0] = true, [7 * 60 - 1] = true, [7 * 60] = false,
      [12 * 60] = false, [22 * 60 - 1] = false }) do
      assert.equal(quiet, policy.is_within(night, minute), minute)
    end
    local day = { from = 60, to = 120 }
    assert.is_true(policy.is_within(day, 60))
    assert.is_false(policy.is_within(day, 120))
    assert.is_false(policy.is_within({ from = 60, to = 60 }, 60))
    assert.equal("hold", action({ minute = 23 * 60 }, { quiet = night }))
  end)

  it("holds back short turns, and shows those of unknown length", function()
    assert.equal("hold", action({ age = 19.9 }, { min_age = 20 }))
    assert.equal("show", action({ age = 20 }, { min_age = 20 }))
    assert.equal("show", action({}, { min_age = 20 }))
  end)

  it("lets nothing a sandbox says of itself decide", function()
    local decision = policy.decide(known({ focus = answers("focused"), urgency = "critical",
      session_id = "x" }), rules())
    assert.equal("hold", decision.action)
  end)
end)
