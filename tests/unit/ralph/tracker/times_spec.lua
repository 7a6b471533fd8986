-- SPDX-License-Identifier: MIT

local times = require("ralph.tracker.times")

describe("ralph.tracker.times", function()
  it("makes moments comparable, whatever their zone", function()
    local keys = {
      ["2026-01-31T18:00:00Z"] = "20260131180000000000000",
      ["2026-01-31T18:00:00.5Z"] = "20260131180000500000000",
      ["2026-01-31t18:00:00.123456789z"] = "20260131180000123456789",
      ["2026-01-31T20:30:00+02:30"] = "20260131180000000000000",
      ["2025-12-31T23:30:00-01:00"] = "20260101003000000000000",
      ["2024-02-28T23:30:00-01:00"] = "20240229003000000000000",
      ["2000-03-01T00:30:00+01:00"] = "20000229233000000000000",
      ["0001-01-01T00:00:00Z"] = "00010101000000000000000",
    }
    for text, key in pairs(keys) do assert.equal(key, times.key(text), text) end
  end)

  it("takes nothing else for a moment", function()
    for _, text in ipairs({ "", "2026-01-31", "2026-13-01T00:00:00Z", "2026-01-32T00:00:00Z",
      "2026-01-00T00:00:00Z", "2026-02-30T00:00:00Z", "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
      "2026-04-31T00:00:00Z",
      "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z",
      "2026-01-01T00:00:00+1", "2026-01-01T00:00:00Zx", "tomorrow", ("1"):rep(99), 7 }) do
      assert.is_nil(times.key(text))
    end
  end)

  it("writes moments that it reads", function()
    assert.equal("2023-11-14T22:13:20.250000Z", times.format(1700000000.25))
    assert.equal("2023-11-14T22:13:20.250003Z", times.format(1700000000.25, 3))
    assert.is_true(times.key(times.now()) < times.key(times.now(1000000)))
  end)

  it("agrees with the calendar of the system over centuries", function()
    for day = 0, 60000, 37 do
      local text = os.date("!%Y-%m-%dT%H:%M:%S", day * 86400 + 3600)
      local key = times.key(text .. "+05:00")
      assert.equal(os.date("!%Y%m%d%H%M%S", day * 86400 + 3600 - 5 * 3600) .. ("0"):rep(9), key)
    end
  end)
end)
