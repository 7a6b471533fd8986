-- SPDX-License-Identifier: MIT
local sha256 = require("wrapix.sha256")

describe("sha256.hex", function()
  it("answers the published vectors", function()
    assert.equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      sha256.hex(""))
    assert.equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      sha256.hex("abc"))
    assert.equal("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
      sha256.hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))
    assert.equal("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
      sha256.hex(("a"):rep(1000000)))
  end)

  -- One block or two: behind 56 bytes the length no longer fits.
  it("pads right at the edges of a block", function()
    local known = {
      [55] = "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318",
      [56] = "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a",
      [63] = "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34",
      [64] = "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb",
    }
    for length, digest in pairs(known) do
      assert.equal(digest, sha256.hex(("a"):rep(length)))
    end
  end)

  it("takes any bytes", function()
    assert.equal("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
      sha256.hex("\0"))
  end)

  it("raises on what is no text", function()
    assert.has_error(function() sha256.hex(nil) end, "text: string expected, got nil")
  end)
end)
