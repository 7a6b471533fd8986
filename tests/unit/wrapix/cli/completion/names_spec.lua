-- SPDX-License-Identifier: MIT
-- The names that the completion scripts ask for.

local double = require("unit.wrapix.cli.double")

describe("completion names", function()
  local function names(kind, list, record)
    local d = double.new()
    d.live = { list = function() return list end }
    d.record = { read = function() return record or {} end }
    local status, out, err = double.run(d, "completion", "names", kind)
    assert.equal(0, status)
    assert.equal("", err)
    return out
  end

  it("are one a line, each once", function()
    assert.equal("api\nweb\n", names("sandbox", { { name = "web" }, { name = "api" }, { name = "web" } }))
  end)

  it("leave out what is no plain word of one line", function()
    assert.equal("$(touch x)\n", names("sandbox", { { name = "a\nb" }, { name = "\27[2J" }, { name = "" },
      { name = "-rf" }, { name = "\255" }, { name = ("x"):rep(1000) }, {}, { name = "$(touch x)" } }))
  end)

  it("of sessions are those of detached ones, past ones too", function()
    assert.equal("old\nweb\n", names("session", { { name = "web", detach = true }, { name = "tty" } },
      { { name = "old", detach = true }, { name = "gone" }, { detach = true, name = 5 } }))
  end)

  it("are none, without a word, where the engine does not answer", function()
    assert.equal("", names("sandbox", nil))
  end)

  it("of an unknown kind are wrong usage", function()
    local status, _, err = double.run(double.new(), "completion", "names", "people")
    assert.equal(2, status)
    assert.truthy(err:find("is no kind of name", 1, true))
  end)
end)
