-- SPDX-License-Identifier: MIT
-- The build tool's SHA-256 and the program's are two; each is the other's test.
local fast = require("wrapix.sha256")
local slow = dofile(rawget(_G, "WRAPIX_ROOT") .. "/src/sha256.lua")

describe("src/sha256.lua", function()
  it("agrees with the one in C at every length of the last block", function()
    for length = 0, 200 do
      local bytes = {}
      for i = 1, length do bytes[i] = string.char(i * 131 + length & 255) end
      local text = table.concat(bytes)
      assert.equal(fast.hex(text), slow.hex(text), length)
    end
  end)

  it("raises on what is no text", function()
    assert.has_error(function() slow.hex(nil) end, "text: string expected, got nil")
  end)
end)
