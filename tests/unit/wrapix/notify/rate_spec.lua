-- SPDX-License-Identifier: MIT
local rates = require("wrapix.notify.rate")

local function message(title, text) return { title = title, message = text or "" } end

local RULES = { join = 10, rate = { count = 3, per = 60 } }

local function show(rate, key, m, now)
  assert.equal("free", rate:peek(key, m, now))
  rate:shown(key, m, now)
end

describe("notify.rate", function()
  it("counts the same message again instead of showing it, and tells once", function()
    local rate = rates.new(RULES)
    show(rate, "a", message("hi"), 0)
    assert.is_nil(rate:next())
    for i = 1, 4 do
      assert.equal("repeat", rate:peek("a", message("hi"), i))
      assert.equal(i == 1, rate:count("a", message("hi"), i, "repeat"))
    end
    assert.equal(10, rate:next())
    assert.same({}, rate:due(9))
    local due = rate:due(10)
    assert.equal(1, #due)
    assert.equal(4, due[1].count)
    assert.equal("hi", due[1].message.title)
    assert.same({}, rate:due(11))
    assert.is_nil(rate:next())
  end)

  it("takes another text, event or session for another message", function()
    local rate = rates.new(RULES)
    show(rate, "a", message("hi"), 0)
    assert.equal("free", rate:peek("a", message("hi", "there"), 0))
    assert.equal("free", rate:peek("a", { title = "hi", message = "", event = "Stop" }, 0))
    assert.equal("free", rate:peek("b", message("hi"), 0))
    assert.equal("free", rate:peek("a", message("hi"), 10))
  end)

  it("lets a session show so many in a time, and another its own", function()
    local rate = rates.new(RULES)
    for i = 1, 3 do show(rate, "a", message("m" .. i), 0) end
    assert.equal("full", rate:peek("a", message("m4"), 0))
    show(rate, "b", message("m4"), 0)
    rate:count("a", message("m4"), 1, "full")
    rate:count("a", message("m5"), 2, "full")
    assert.equal(20, rate:next())
    assert.same({}, rate:due(19))
    local due = rate:due(20)
    assert.equal("full", due[1].why)
    assert.equal(2, due[1].count)
    assert.equal("m5", due[1].message.title)
    rate:shown("a", due[1].message, 20)
    assert.equal("full", rate:peek("a", message("m6"), 21))
    assert.equal("free", rate:peek("a", message("m6"), 41))
  end)

  it("gains no more than the limit in a long silence", function()
    local rate = rates.new(RULES)
    show(rate, "a", message("m0"), 0)
    for i = 1, 3 do show(rate, "a", message("m" .. i), 100000) end
    assert.equal("full", rate:peek("a", message("m4"), 100000))
  end)

  it("absorbs only what adds to a count that is there", function()
    local rate = rates.new(RULES)
    assert.is_false(rate:absorb("a", message("hi"), 0))
    show(rate, "a", message("hi"), 0)
    assert.is_false(rate:absorb("a", message("hi"), 1)) -- the first is to be told of
    rate:count("a", message("hi"), 1, "repeat")
    assert.is_true(rate:absorb("a", message("hi"), 2))
    assert.is_false(rate:absorb("a", message("else"), 2))
    assert.is_false(rate:absorb("a", message("hi"), 10))
    assert.equal(2, rate:due(10)[1].count)
    for i = 1, 3 do rate:shown("b", message("m" .. i), 0) end
    assert.is_false(rate:absorb("b", message("x"), 0))
    rate:count("b", message("x"), 0, "full")
    assert.is_true(rate:absorb("b", message("y", "z"), 1))
    assert.is_false(rate:absorb("b", message("y"), 20)) -- there is room again
  end)

  it("does neither when told not to", function()
    local rate = rates.new({ join = 0, rate = false })
    for _ = 1, 1000 do show(rate, "a", message("hi"), 0) end
    assert.is_nil(rate:next())
  end)

  it("keeps little, whoever speaks", function()
    local rate = rates.new({ join = 10, rate = { count = 1000, per = 60 } })
    for i = 1, 2000 do rate:shown("k" .. i, message("x"), i) end
    local keys = 0
    for _ in pairs(rate._keys) do keys = keys + 1 end
    assert.is_true(keys <= 256)
    for i = 1, 500 do rate:shown("one", message("text " .. i), 3000) end
    local texts = 0
    for _ in pairs(rate._keys.one.texts) do texts = texts + 1 end
    assert.is_true(texts <= 64)
    rate:shown("long", message(("x"):rep(60000)), 3000)
    assert.is_true(#next(rate._keys.long.texts) <= 64)
    assert.equal("repeat", rate:peek("long", message(("x"):rep(60000)), 3001))
    assert.equal("free", rate:peek("long", message(("x"):rep(59999) .. "y"), 3001))
  end)

  it("says at the end what was counted and not told", function()
    local rate = rates.new(RULES)
    show(rate, "a", message("hi"), 0)
    rate:count("a", message("hi"), 1, "repeat")
    rate:count("b", message("much"), 1, "full")
    local rest = {}
    for _, one in ipairs(rate:rest()) do rest[one.key] = one.message.title .. one.count end
    assert.same({ a = "hi1", b = "much1" }, rest)
  end)
end)
