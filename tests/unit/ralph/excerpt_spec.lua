-- SPDX-License-Identifier: MIT
-- Bounded pieces of output: head and tail, whole characters, nothing that steers.

local excerpt = require("ralph.excerpt")

describe("excerpt", function()
  it("keeps what fits, and head and tail of the rest", function()
    assert.equal("short", excerpt.both("short", 5))
    assert.equal("abc\n[… 4 bytes left out …]\nhij", excerpt.both("abcdefghij", 6))
  end)

  it("cuts no character in two", function()
    local text = excerpt.both(("ä"):rep(20), 7)
    assert.is_truthy(utf8.len(text))
    assert.is_truthy(utf8.len(excerpt.line(("é"):rep(20), 5)))
  end)

  it("takes out what steers a terminal", function()
    assert.equal("red plain", excerpt.plain("\27[1;31mred\27[0m plain\7"))
    assert.equal("100%\nok", excerpt.plain("10%\r50%\r100%\r\nok"))
    assert.equal("x", excerpt.plain("\27]0;title\7x"))
    assert.equal("1mâ", excerpt.plain("\u{9b}1mâ"))
  end)

  it("makes anything fit for a list", function()
    assert.equal("a?b\nc ä", excerpt.fit("a\xffb\nc\0 ä\27[0m", 100))
    assert.is_truthy(utf8.len(excerpt.fit(("\xe4ö"):rep(1000), 100)))
  end)

  it("names files by what JSON takes", function()
    assert.same({ "ä\n", "a%FF%E4" }, { excerpt.name("ä\n"), excerpt.name("a\xff\xe4") })
  end)

  it("makes one line of many", function()
    assert.equal("first", excerpt.line("\n  first  \nsecond", 50))
    assert.equal("abc…", excerpt.line("abcdef", 3))
  end)

  it("keeps head and tail of what comes in pieces", function()
    local keeper = excerpt.keeper(8)
    for i = 1, 1000 do keeper:take(tostring(i % 10)) end
    assert.equal("1234\n[… 992 bytes left out …]\n7890", keeper:text())
    keeper = excerpt.keeper(8)
    keeper:take("abc")
    keeper:take("def")
    assert.equal("abcdef", keeper:text())
    assert.equal("ab\n[… 2 bytes left out …]\nef", keeper:fit(4))
    keeper = excerpt.keeper(16)
    for _ = 1, 10 do keeper:take("\27[1mé\xFFx") end
    assert.equal("é?\n[… 65 bytes left out …]\né?x", keeper:fit(6))
  end)
end)
