-- SPDX-License-Identifier: MIT
local held = require("wrapix.launch.held_log")

describe("launch.held_log", function()
  local said, log
  before_each(function()
    said = {}
    log = setmetatable({}, { __index = function(_, level)
      return function(_, text, hint) said[#said + 1] = { level, text, hint } end
    end })
  end)

  it("keeps what is said until it is released, each text once, and then says all at once", function()
    local one = held.new(log)
    one:warn("w", "h")
    one:warn("w", "h")
    one:detail("d")
    assert.same({}, said)
    one:release()
    one:release()
    one:error("later")
    assert.same({ { "warn", "w", "h" }, { "detail", "d" }, { "error", "later" } }, said)
  end)

  it("keeps a few, and counts the rest", function()
    local one = held.new(log)
    for i = 1, 1000 do one:warn("w" .. i) end
    one:release()
    assert.equal(11, #said)
    assert.equal("notify: 990 more were told of meanwhile", said[11][2])
  end)
end)
