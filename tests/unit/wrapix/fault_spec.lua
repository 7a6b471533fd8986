-- SPDX-License-Identifier: MIT
-- What a test build does at a point is in tests/integration/record_spec.lua: it
-- ends the process.
local fault = require("wrapix.fault")

describe("fault.points", function()
  it("names each point once and says what has happened by then", function()
    local seen = {}
    for _, point in ipairs(fault.points()) do
      assert.matches("^[%l_]+%.[%l_]+$", point.name)
      assert.is_true(#point.text > 0)
      assert.is_nil(seen[point.name])
      seen[point.name] = true
    end
    assert.is_true(seen["record.appended"])
  end)

  it("hands out a copy", function()
    fault.points()[1].name = "x"
    assert.not_equal("x", fault.points()[1].name)
  end)
end)

describe("fault.point", function()
  it("raises on a name that is not declared, blaming the caller", function()
    local ok, message = pcall(function() fault.point("record.nowhere") end)
    assert.is_false(ok)
    assert.matches('fault_spec.lua:%d+: fault.point: no point is named "record.nowhere"', message)
    assert.has_error(function() fault.point(nil) end)
  end)

  it("does nothing where nothing was asked for", function()
    local ran = false
    fault.point("record.torn", function() ran = true end)
    assert.is_false(ran)
  end)
end)

describe("fault.parse", function()
  it("takes a name, a pass and a kind", function()
    assert.same({ name = "record.head", pass = 1, kind = "kill" }, fault.parse("record.head"))
    assert.same({ name = "record.head", pass = 12, kind = "kill" }, fault.parse("record.head:12"))
    assert.same({ name = "record.head", pass = 1, kind = "stop" }, fault.parse("stop@record.head"))
    assert.same({ name = "record.head", pass = 3, kind = "stop" },
      fault.parse("stop@record.head:3"))
  end)

  it("refuses everything else", function()
    for _, text in ipairs({
      "", ":", "record.head:", "record.head:0", "record.head:-1", "record.head:x", "stop@",
      "kill@record.head", "stop@stop@record.head", "record.head:1:2",
    }) do
      local wish, message = fault.parse(text)
      assert.is_nil(wish, text)
      assert.matches("^WRAPIX_FAULT: ", message)
    end
    assert.equal('WRAPIX_FAULT: no point is named "record.nowhere"',
      select(2, fault.parse("record.nowhere")))
  end)
end)
