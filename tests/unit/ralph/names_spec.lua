-- SPDX-License-Identifier: MIT

local names = require("ralph.names")

describe("ralph.names", function()
  it("takes names of specs that are names of files everywhere", function()
    for _, name in ipairs({ "shop", "shop-cart", "a", "0.9_x", ("a"):rep(64) }) do
      assert.equal(name, names.spec(name))
    end
  end)

  it("refuses what is none, and says why", function()
    local bad = { "", "a/b", "../x", ".hidden", "-x", "Shop", "a b", "a\nb", "a..b", "a.", "x.lock",
      "readme", "shop.md", ("a"):rep(65), "ä", "a\0", 1, false }
    for _, name in ipairs(bad) do
      local ok, message, code = names.spec(name)
      assert.is_nil(ok)
      assert.equal("EINVAL", code)
      assert.matches("^spec: ", message)
      assert.is_nil(message:find("[%c]"))
    end
    assert.matches("table of all specs", (select(2, names.spec("readme"))))
    assert.equal("say `shop`", select(4, names.spec("shop.md")))
  end)

  it("knows ids of issues, and beginnings of them", function()
    for _, id in ipairs({ "wx-a3f8", "my-app-1", "x", "wx-1.2.3", "PROJ_7-b" }) do
      assert.is_true(names.is_issue(id))
      assert.equal(id, names.issue(id))
    end
    assert.equal("wx-", names.issue("wx-"))
    assert.is_false(names.is_issue("wx-"))
    for _, id in ipairs({ "", "../x", "a/b", "a b", "-x", "a..b", ("a"):rep(129), "x.lock", "x." }) do
      assert.is_false(names.is_issue(id), id)
    end
    for _, id in ipairs({ "", "../x", "a/b", "--all", "a\27[1m", 7 }) do
      assert.equal("EINVAL", select(3, names.issue(id)))
    end
  end)
end)
