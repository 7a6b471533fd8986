-- SPDX-License-Identifier: MIT

local words = require("wrapix.cli.words")

local TAKES = { ["-e"] = true, ["--env"] = true, ["-q"] = false, ["--quiet"] = false }

describe("words.scan", function()
  for _, case in ipairs({
    { "the first plain word", { "base" }, 1 },
    { "nothing", {}, nil },
    { "a flag before it", { "-q", "base" }, 2 },
    { "an option with its value apart", { "-e", "A", "base" }, 3 },
    { "a long option with its value apart", { "--env", "A", "base" }, 3 },
    { "a long option with its value joined", { "--env=A", "base" }, 2 },
    { "a short option with its value joined", { "-eA", "base" }, 2 },
    { "a bundle that ends with an option", { "-qe", "A", "base" }, 3 },
    { "a bundle that ends with its value", { "-qeA", "base" }, 2 },
    { "an unknown option takes nothing", { "--what", "base" }, 2 },
    { "a lone dash is a word", { "-" }, 1 },
    { "a lone dash is a value", { "-e", "-", "base" }, 3 },
    { "an option is no value", { "-e", "-q", "base" }, 3 },
    { "an option at the end without its value", { "-e" }, nil },
    { "the empty word is plain", { "" }, 1 },
  }) do
    it("finds " .. case[1], function()
      local plain, dashes = words.scan(case[2], TAKES)
      assert.equal(case[3], plain)
      assert.is_nil(dashes)
    end)
  end

  it("stops at --", function()
    local plain, dashes = words.scan({ "-q", "--", "base" }, TAKES)
    assert.is_nil(plain)
    assert.equal(2, dashes)
  end)

  it("takes -- for no value", function()
    local plain, dashes = words.scan({ "-e", "--", "base" }, TAKES)
    assert.is_nil(plain)
    assert.equal(2, dashes)
  end)
end)

describe("words.split", function()
  it("splits at the first --", function()
    local before, after = words.split({ "a", "--", "b", "--", "c" })
    assert.same({ "a" }, before)
    assert.same({ "b", "--", "c" }, after)
  end)

  it("tells no -- from nothing after it", function()
    local before, after = words.split({ "a" })
    assert.same({ "a" }, before)
    assert.is_nil(after)
    before, after = words.split({ "--" })
    assert.same({}, before)
    assert.same({}, after)
  end)
end)

describe("words.without", function()
  it("leaves one word out and its argument alone", function()
    local list = { "a", "b", "c" }
    assert.same({ "a", "c" }, words.without(list, 2))
    assert.same({ "b", "c" }, words.without(list, 1))
    assert.same({ "a", "b" }, words.without(list, 3))
    assert.same({ "a", "b", "c" }, list)
  end)
end)
