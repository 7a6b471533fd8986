-- SPDX-License-Identifier: MIT
-- Specs of wrapix.sha1: the published examples, and lengths around a block.

local sha1 = require "wrapix.sha1"

local function hex(text)
  return (text:gsub(".", function(char) return ("%02x"):format(char:byte()) end))
end

describe("sha1", function()
  it("gives the published digests", function()
    assert.equal("da39a3ee5e6b4b0d3255bfef95601890afd80709", hex(sha1.digest("")))
    assert.equal("a9993e364706816aba3e25717850c26c9cd0d89d", hex(sha1.digest("abc")))
    assert.equal("84983e441c3bd26ebaae4aa1f95129e5e54670f1",
      hex(sha1.digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")))
    assert.equal("291e9a6c66994949b57ba5e650361e98fc36b1ba", hex(sha1.digest(("a"):rep(1000))))
  end)

  it("gives the published codes", function()
    assert.equal("b617318655057264e28bc0b6fb378c8ef146be00",
      hex(sha1.hmac(("\x0b"):rep(20), "Hi There")))
    assert.equal("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
      hex(sha1.hmac("Jefe", "what do ya want for nothing?")))
    assert.equal("aa4ae5e15272d00e95705637ce8a3b55ed402112",
      hex(sha1.hmac(("\xaa"):rep(80), "Test Using Larger Than Block-Size Key - Hash Key First")))
  end)

  it("takes every length around a block", function()
    local seen = {}
    for length = 50, 140 do
      local digest = sha1.digest(("x"):rep(length))
      assert.equal(20, #digest)
      assert.is_nil(seen[digest])
      seen[digest] = true
    end
  end)
end)
