-- SPDX-License-Identifier: MIT
local double = require("unit.wrapix.cli.double")
local sys = require("wrapix.sys")
local text_table = require("wrapix.cli.text_table")

local function test(records)
  local d = double.new({ records = records })
  d.sys.time = sys.time
  return double.run(d, "notify", "--test")
end

local function record(time, more)
  local all = { time = time, title = "wrapix", decision = "failed",
    sinks = { { name = "command", ok = false, detail = "no\27[2J" } } }
  for key, value in pairs(more or {}) do all[key] = value end
  return all
end

describe("notify --test", function()
  local later = sys.time() + 60

  it("tells of the message it sent, and of no other", function()
    local status, out = test({ record(1, { sinks = { { name = "old", ok = true } } }),
      record(later), record(later, { session = "s", sinks = { { name = "other", ok = true } } }) })
    assert.equal(1, status)
    assert.matches("command: ", out, 1, true)
    assert.is_nil(out:find("old", 1, true) or out:find("other", 1, true))
  end)

  it("does not take an older one for it when the history does not have it", function()
    local status, _, err = test({ record(1, { sinks = { { name = "old", ok = true } } }) })
    assert.equal(1, status)
    assert.matches("nothing is known", err, 1, true)
  end)

  it("shows what a sink said as a harmless line", function()
    local _, out = test({ record(later) })
    assert.is_nil(out:find("\27", 1, true))
    assert.matches("x1b[2J", out, 1, true)
  end)
end)

describe("a moment", function()
  it("is none where no calendar has it", function()
    for _, time in ipairs({ 1e308, -1e308, 1 / 0, 0 / 0, -1e18, "5", {} }) do
      assert.equal("-", text_table.moment(time))
    end
    assert.equal("-", text_table.moment(nil))
    assert.matches("^20%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d$", text_table.moment(1800000000.5))
  end)
end)
