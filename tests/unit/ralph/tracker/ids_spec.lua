-- SPDX-License-Identifier: MIT

local ids = require("ralph.tracker.ids")

local function none() return false end

describe("ralph.tracker.ids", function()
  local seed = { title = "t", description = "d", created_by = "ann", created_at = "2026-01-01T00:00:00Z" }

  it("makes an id of what the issue is", function()
    local id = ids.new("wx", seed, 0, none)
    assert.matches("^wx%-[0-9a-z][0-9a-z][0-9a-z][0-9a-z]$", id)
    assert.equal(id, ids.new("wx", seed, 0, none))
    assert.not_equal(id, ids.new("wx", { title = "u", created_at = seed.created_at }, 0, none))
  end)

  it("makes them longer where there are many", function()
    assert.equal(3 + 5, #ids.new("wx", seed, 501, none))
    assert.equal(3 + 6, #ids.new("wx", seed, 1501, none))
  end)

  it("goes on to another when one is taken, and to longer ones then", function()
    local taken = {}
    for i = 1, 40 do
      local id = ids.new("wx", seed, 0, function(one) return taken[one] end)
      assert.is_nil(taken[id])
      taken[id] = true
      assert.equal(i <= 10 and 4 or i <= 20 and 5 or i <= 30 and 6 or 7, #id - 3)
    end
    assert.equal("EEXIST", select(3, ids.new("wx", seed, 0, function() return true end)))
  end)

  it("numbers children", function()
    local taken = { ["wx-a.1"] = true, ["wx-a.2"] = true }
    assert.equal("wx-a.3", ids.child("wx-a", function(id) return taken[id] end))
  end)

  it("takes the prefix that most issues have, else the name of the directory", function()
    assert.equal("my-app", ids.common_prefix({ "my-app-a1", "my-app-b2.1", "other-x" }, "dir"))
    assert.equal("a", ids.common_prefix({ "b-1", "a-1" }, "dir"))
    assert.equal("my-shop-2", ids.common_prefix({}, "My Shop (2)"))
    assert.equal("issue", ids.common_prefix({}, "日本"))
    assert.equal(20, #ids.common_prefix({}, ("x"):rep(99)))
  end)
end)
