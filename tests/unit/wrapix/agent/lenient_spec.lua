-- SPDX-License-Identifier: MIT
-- Specs of wrapix.agent.lenient: what is of another type is absent.

local json = require "wrapix.json"
local lenient = require "wrapix.agent.lenient"

describe("lenient", function()
  it("takes the type it looks for, and no other", function()
    assert.same({ "x", 3, { 1 } }, { lenient.text("x"), lenient.number(3), lenient.table({ 1 }) })
    for _, value in ipairs({ json.null, true, 3 }) do
      assert.is_nil(lenient.text(value))
      assert.same({}, lenient.table(value))
    end
    assert.is_nil(lenient.number("3"))
  end)

  it("joins the texts of blocks", function()
    assert.equal("a\nb", lenient.blocks({ { text = "a" }, { image = 1 }, 3, "b", json.null }))
    assert.equal("x", lenient.blocks("x"))
    assert.equal("", lenient.blocks(json.null))
    assert.equal("a\nb", lenient.join({ "a", 3, "b" }))
  end)
end)
