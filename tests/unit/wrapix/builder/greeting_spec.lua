-- SPDX-License-Identifier: MIT
local greeting = require("wrapix.builder.greeting")

describe("builder.greeting", function()
  it("says what Nix's clients say first", function()
    assert.equal("cxin\0\0\0\0", greeting.hello())
  end)

  it("takes the daemon's answer, and nothing else", function()
    assert.same({ major = 1, minor = 0x25 }, greeting.parse("oixd\0\0\0\0\x25\1\0\0\0\0\0\0more"))
    for _, bytes in ipairs({ "", "oixd\0\0\0\0", "SSH-2.0-OpenSSH_9.2\r\n", ("\0"):rep(16),
      "oixd\0\0\0\0\0\0\0\0\0\0\0\0", "cxin\0\0\0\0\x25\1\0\0\0\0\0\0" }) do
      assert.is_nil(greeting.parse(bytes))
    end
  end)

  it("knows what ssh complains of", function()
    for said, code in pairs({
      ["Host key verification failed.\n"] = "EHOSTKEY",
      ["builder@127.0.0.1: Permission denied (publickey).\n"] = "EACCES",
      ["ssh: connect to host 127.0.0.1 port 2222: Connection refused\n"] = "ECONNREFUSED",
      ["something else\n"] = "EPROTO", [""] = "EPROTO",
    }) do
      assert.equal(code, select(2, greeting.explain(said)), said)
    end
  end)
end)
