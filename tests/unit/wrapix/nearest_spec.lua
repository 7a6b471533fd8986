-- SPDX-License-Identifier: MIT
-- Specs of wrapix.nearest: what counts as a typing mistake and what does not.

local nearest = require "wrapix.nearest"

describe("nearest.distance", function()
  it("counts single edits", function()
    assert.equal(0, nearest.distance("env", "env"))
    assert.equal(1, nearest.distance("env", "envs"))
    assert.equal(1, nearest.distance("mounts", "muonts"))
    assert.equal(3, nearest.distance("", "env"))
    assert.equal(3, nearest.distance("env", ""))
    assert.equal(3, nearest.distance("kitten", "sitting"))
  end)

  it("is symmetric", function()
    local words = { "", "a", "ab", "ba", "abc", "packages", "pakcages", "image" }
    for _, a in ipairs(words) do
      for _, b in ipairs(words) do
        assert.equal(nearest.distance(a, b), nearest.distance(b, a))
      end
    end
  end)
end)

describe("nearest.find", function()
  local fields = { "packages", "mounts", "memory", "env", "secrets", "image" }

  it("finds the word meant", function()
    assert.equal("packages", nearest.find("pakages", fields))
    assert.equal("mounts", nearest.find("mount", fields))
    assert.equal("env", nearest.find("ENV", fields))
    assert.equal("memory", nearest.find("mem", fields))
  end)

  it("takes the keys of a map as well", function()
    assert.equal("image", nearest.find("imgae", { image = true, env = {} }))
  end)

  it("stays silent when nothing is near", function()
    assert.is_nil(nearest.find("zzz", fields))
    assert.is_nil(nearest.find("", fields))
    assert.is_nil(nearest.find(("x"):rep(1000), fields))
    assert.is_nil(nearest.find("env", {}))
    assert.is_nil(nearest.find(12, fields))
    assert.is_nil(nearest.find("x", { "y" }))
  end)

  it("breaks a tie by the alphabet", function()
    assert.equal("bat", nearest.find("xat", { "cat", "bat", "hat" }))
  end)

  it("puts a near miss before an abbreviation", function()
    assert.equal("nope", nearest.find("nop", { "nop-the-long-word", "nope" }))
  end)
end)

describe("nearest.hint", function()
  it("is ready to be appended", function()
    assert.equal(" (did you mean 'env'?)", nearest.hint("envv", { "env" }))
    assert.equal("", nearest.hint("quite different", { "env" }))
  end)
end)
