-- SPDX-License-Identifier: MIT
-- Specs of wrapix.plan.units: what people write for sizes, durations, counts.

local units = require "wrapix.plan.units"

describe("units.size", function()
  local good = {
    { 1024, 1024 }, { "512", 512 }, { "512b", 512 }, { "1k", 1024 }, { "512m", 512 << 20 },
    { "4g", 4 << 30 }, { "4G", 4 << 30 }, { "4GiB", 4 << 30 }, { "4gb", 4 << 30 },
    { "1.5 g", 3 << 29 }, { "2t", 2 << 40 }, { " 1m ", 1 << 20 },
  }
  for _, case in ipairs(good) do
    it("reads " .. tostring(case[1]), function()
      local bytes = units.size(case[1])
      assert.equal(case[2], bytes)
      assert.equal("integer", math.type(bytes))
    end)
  end

  local bad = { "", "g", "4x", "4gg", "-1m", "0", 0, -5, 0 / 0, math.huge, "1e9", "0x10", "1ib",
    "1bb", "4 g b", true, {}, "9999999t", "1,5g" }
  for _, value in ipairs(bad) do
    it("refuses " .. tostring(value), function()
      local bytes, reason = units.size(value)
      assert.is_nil(bytes)
      assert.is_string(reason)
    end)
  end
end)

describe("units.format_size", function()
  it("is read back as the same size", function()
    for bytes, text in pairs({
      [1] = "1b", [1000] = "1000b", [1024] = "1k", [1536 << 10] = "1536k", [4 << 30] = "4g",
      [2 << 40] = "2t",
    }) do
      assert.equal(text, units.format_size(bytes))
      assert.equal(bytes, (units.size(text)))
    end
  end)
end)

describe("units.duration", function()
  local good = {
    { 90, 90 }, { 1.5, 1.5 }, { "90", 90 }, { "90s", 90 }, { "5m", 300 }, { "1h30m", 5400 },
    { "2d", 172800 }, { "0.5m", 30 }, { "1H", 3600 }, { "1h 5s", 3605 },
  }
  for _, case in ipairs(good) do
    it("reads " .. tostring(case[1]), function()
      assert.equal(case[2], (units.duration(case[1])))
    end)
  end
  for _, value in ipairs({ "", "m", "5 minutes", "5mm", 0, "0s", -1, "1e3", "nan", "inf", true, {},
    math.huge, 0 / 0, "0x10" }) do
    it("refuses " .. tostring(value), function()
      local seconds, reason = units.duration(value)
      assert.is_nil(seconds)
      assert.is_string(reason)
    end)
  end
end)

describe("units.cpus and units.count", function()
  it("read numbers and texts", function()
    assert.equal(2, (units.cpus("2")))
    assert.equal(1.5, (units.cpus(1.5)))
    assert.equal("integer", math.type((units.cpus(2.0))))
    assert.equal(100, (units.count("100")))
    assert.equal("integer", math.type((units.count(100.0))))
  end)

  it("refuse everything else", function()
    for _, value in ipairs({ 0, -1, "two", "", "1e1", 0 / 0, math.huge, {}, true }) do
      assert.is_nil((units.cpus(value)))
      assert.is_nil((units.count(value)))
    end
    assert.is_nil((units.count(1.5)))
    assert.is_nil((units.count("1.5")))
  end)
end)
