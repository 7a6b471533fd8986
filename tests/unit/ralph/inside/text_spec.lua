-- SPDX-License-Identifier: MIT
-- Specs of ralph.inside.text: any bytes → text that can be stored and shown.

local text_of = require("ralph.inside.text")

describe("ralph.inside.text", function()
  it("keeps text and its form", function()
    for _, text in ipairs({ "", "plain", "a\n\tb\n", "\u{e9}\u{4e2d}\u{1F600}", "a\u{200D}b" }) do
      assert.equal(text, text_of.block(text, 100))
    end
    assert.equal("a\nb\nc", text_of.block("a\r\nb\rc", 100))
  end)

  it("takes out what steers terminals or turns the writing", function()
    assert.equal("[31mred", text_of.block("\27[31mred\7\8\0\127", 100))
    assert.equal("abcd", text_of.block("a\u{202E}b\u{2066}c\u{200B}\u{FEFF}\u{AD}d\u{E0041}", 100))
    assert.equal("ab", text_of.block("a\u{9B}b\u{85}", 100))
    assert.equal("a b", text_of.block("a\u{2028}b", 100))
  end)

  it("shows that bytes were no UTF-8", function()
    assert.equal("a\u{FFFD}b\u{FFFD}\u{FFFD}", text_of.block("a\xffb\xc3\xff", 100))
    assert.equal("\u{FFFD}(", text_of.block("\xc3(", 100))
    assert.equal(3, utf8.len(text_of.block("\xed\xa0\x80", 100)))
  end)

  it("is never longer than asked for, and cut between characters", function()
    assert.equal("abc…", text_of.block("abcdefghij", 6))
    assert.equal("\u{e9}…", text_of.block("\u{e9}\u{e9}\u{e9}\u{e9}", 6))
    for limit = 4, 40 do
      local text = text_of.block(("\xff\u{1F600}x"):rep(30), limit)
      assert.is_true(#text <= limit)
      assert.is_truthy(utf8.len(text))
    end
  end)

  it("makes one line of many", function()
    assert.equal("a b c", text_of.line(" a\n\n\tb \r\n c ", 100))
    assert.equal("", text_of.line(" \n\27 ", 100))
    assert.equal("ab…", text_of.line("ab cd ef", 5))
  end)

  it("makes valid text of any bytes", function()
    math.randomseed(20240131)
    for _ = 1, 300 do
      local bytes = {}
      for i = 1, math.random(0, 80) do bytes[i] = string.char(math.random(0, 255)) end
      local text = text_of.line(table.concat(bytes), 60)
      assert.is_truthy(utf8.len(text))
      assert.is_nil(text:find("[%c\127]"))
      assert.is_true(#text <= 60)
    end
  end)
end)
