-- SPDX-License-Identifier: MIT
local lanes = require("wrapix.notify.lanes")

local function message(title, more)
  local all = { title = title, message = "", extra = {} }
  for key, value in pairs(more or {}) do all[key] = value end
  return all
end

local function taken(all, lane)
  local list = {}
  while true do
    local one, count = all:take(lane)
    if not one then return list end
    list[#list + 1] = one.title .. count
  end
end

describe("notify.lanes", function()
  it("gives each session its own, in order, until it is empty", function()
    local all = lanes.new()
    local a, is_new = all:push("a", message("1"))
    assert.is_true(is_new)
    local b = all:push("b", message("other"))
    assert.same({ a, false }, { all:push("a", message("2", { count = 3 })) })
    assert.same({ "11", "23" }, taken(all, a))
    assert.same({ "other1" }, taken(all, b))
    assert.equal(0, all.bytes)
    assert.is_true(select(2, all:push("a", message("3"))))
  end)

  it("makes one with a count of the oldest when there are too many", function()
    local all, lane = lanes.new(), nil
    for i = 1, 70 do lane = all:push("a", message(i .. ":")) end
    local list = taken(all, lane)
    assert.equal("6:6", list[1])
    assert.equal("7:1", list[2])
    assert.equal(65, #list)
    assert.equal(0, all.bytes)
  end)

  it("counts what unknown fields take, wherever they lead", function()
    for _, make in ipairs({
      function() return ("x"):rep(1 << 20) end,
      function()
        local list = {}
        for i = 1, 20000 do list[i] = {} end
        return list
      end,
      function()
        local one = {}
        one.one, one.two = one, one
        return one
      end,
    }) do
      local all, lane = lanes.new(), nil
      for i = 1, 10 do lane = all:push("a", message("t" .. i, { extra = { x = make() } })) end
      assert.is_true(all.bytes < 9 << 20)
      assert.is_true(#taken(all, lane) < 10)
      assert.equal(0, all.bytes)
    end
  end)
end)
