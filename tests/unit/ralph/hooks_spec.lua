-- SPDX-License-Identifier: MIT
-- The user's functions around steps and loops.

local hooks = require("ralph.hooks")
local task = require("wrapix.task")

describe("hooks.run", function()
  local function run(fn, seconds) return hooks.run({ one = fn }, "one", { id = 7 }, seconds) end

  it("agrees when there is none, or it says nothing against", function()
    assert.is_true(hooks.run(nil, "one"))
    assert.is_true(hooks.run({}, "one"))
    assert.is_true(run(function() end))
    assert.is_true(run(function() return nil end))
    assert.is_true(run(function(arg) return arg.id end))
  end)

  it("is refused by a veto, with its reason", function()
    assert.same({ "hook: one: not now", "EHOOK" }, { select(2, run(function() return false, "not now" end)) })
    assert.same({ "hook: one: not now", "EHOOK" }, { select(2, run(function() return nil, "not now" end)) })
    assert.matches("without a reason", select(2, run(function() return false end)))
  end)

  it("is refused by an error, as one harmless line", function()
    local _, message = run(function() error("bad\27[2J\nmore", 0) end)
    assert.equal("hook: one: bad\\x1B[2J", message)
    assert.matches("a table", select(2, run(function() error({}) end)))
  end)

  it("is given a time, also when it computes or waits without end", function()
    assert.matches("not done", select(2, run(function() task.sleep(30) end, 0.05)))
    assert.matches("not done", select(2, run(function() while true do end end, 0.05)))
  end)
end)
