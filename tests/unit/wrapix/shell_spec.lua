-- SPDX-License-Identifier: MIT
-- Quoting for a POSIX shell, by the letter; the integration ring gives the
-- results to a real one.

local shell = require("wrapix.shell")

describe("shell.quote", function()
  it("leaves safe words alone", function()
    for _, word in ipairs({ "make", "/usr/bin/podman", "--mount", "a=b,c:d", "x@y%z+1_2.3-4" }) do
      assert.equal(word, shell.quote(word))
    end
  end)

  it("quotes what a shell would read otherwise", function()
    assert.equal("''", shell.quote(""))
    assert.equal("'a b'", shell.quote("a b"))
    assert.equal("'$HOME'", shell.quote("$HOME"))
    assert.equal("'~'", shell.quote("~"))
    assert.equal("'*'", shell.quote("*"))
    assert.equal("'a;b&c|d'", shell.quote("a;b&c|d"))
    assert.equal("'a\\b'", shell.quote("a\\b"))
    assert.equal("'über'", shell.quote("über"))
    assert.equal("'#'", shell.quote("#"))
  end)

  it("takes a single quote out of the quotes", function()
    assert.equal("'it'\\''s'", shell.quote("it's"))
  end)

  it("keeps newlines and tabs, and prints no other control byte", function()
    assert.equal("'a\nb\t'", shell.quote("a\nb\t"))
    assert.equal([['a'"$(printf '\033')"'[31m']], shell.quote("a\27[31m"))
    assert.equal([[''"$(printf '\001\177')"'']], shell.quote("\1\127"))
    assert.equal([['a'"$(printf '\302\233')"'']], shell.quote("a\xc2\x9b"))
    assert.equal([['a'"$(printf '\377')"'']], shell.quote("a\xff"))
    for byte = 1, 255 do
      local quoted = shell.quote("x" .. string.char(byte))
      assert.is_nil(quoted:gsub("[\n\t]", ""):find("%c"), byte)
    end
  end)

  it("refuses what no argv can hold", function()
    assert.has_error(function() shell.quote("a\0b") end, "word: holds a NUL byte")
    assert.has_error(function() shell.quote(1) end, "word: string expected")
  end)
end)

describe("shell.join", function()
  it("joins words with blanks", function()
    assert.equal("/usr/bin/podman run 'a b'", shell.join({ "/usr/bin/podman", "run", "a b" }))
    assert.equal("", shell.join({}))
  end)

  it("keeps the first word from being an assignment or a keyword", function()
    assert.equal("'A=1' A=1", shell.join({ "A=1", "A=1" }))
    assert.equal("'if' if", shell.join({ "if", "if" }))
  end)

  it("refuses what is no list", function()
    assert.has_error(function() shell.join("ls") end, "argv: table expected")
  end)
end)
