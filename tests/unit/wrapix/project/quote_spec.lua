-- SPDX-License-Identifier: MIT
-- Foreign bytes in Lua source: they come back as they were and run nothing, and
-- what a reader sees of them is all there is.

local quote = require("wrapix.project.quote")

local HOSTILE = {
  "", '"', "'", "\\", '\\"', "\n", "\r", "\r\n", "\0", "\0001", "]]", "--[[", "]==]", "${x}", "\27[31m", "\127",
  '" .. os.exit(1) .. "', "\\\n", "\xff\xfe", "\xc3", "\xe2\x80", "äöü€𝄞", "\u{202E}x", "\u{200B}", "\u{FEFF}",
  "\xc2\x85", "\u{2028}", "\u{E0041}", ("x"):rep(100000), "\\z\n  ", "%s%n", "a\tb",
}

local function read_back(source)
  local chunk = assert(load("return " .. source, "=quoted", "t", {}))
  return chunk()
end

describe("a text", function()
  it("comes back as it was, from one line", function()
    for _, text in ipairs(HOSTILE) do
      local source = quote.text(text)
      assert.is_nil(source:find("[%c\127]"), source)
      assert.is_truthy(utf8.len(source))
      assert.is_true(read_back(source) == text, source:sub(1, 60))
    end
  end)

  it("of random bytes comes back as it was", function()
    local seed = 42
    local function random(n)
      seed = (seed * 1103515245 + 12345) & 0x7fffffff
      return (seed >> 8) % n
    end
    local pieces = { '"', "\\", "\n", "\0", "]]", "0", "9", "\xe2\x80\xae", "\xc3", "a", "-", "\r", "\u{FE0F}" }
    for _ = 1, 3000 do
      local parts = {}
      for i = 1, random(12) do
        parts[i] = random(2) == 0 and pieces[random(#pieces) + 1] or string.char(random(256))
      end
      local text = table.concat(parts)
      assert.is_true(read_back(quote.text(text)) == text, quote.text(text))
    end
  end)

  it("hides nothing from who reads it", function()
    assert.equal([["a\u{202E}b\u{200B}c"]], quote.text("a\u{202E}b\u{200B}c"))
    assert.equal([["\027[2Kä"]], quote.text("\27[2Kä"))
    assert.equal([["\0001"]], quote.text("\0" .. "1"))
  end)
end)

describe("a value", function()
  it("comes back as it was", function()
    local value = { "a", { x = 1, ["end"] = true, ["odd key\n"] = 1.5 }, ["]]"] = false, [""] = "\0" }
    assert.same(value, read_back(quote.value(value)))
    assert.equal('{ "fd", apt = "fd-find" }', quote.value({ "fd", apt = "fd-find" }))
    assert.equal("{}", quote.value({}))
  end)

  it("that is no plain data raises", function()
    assert.has_error(function() quote.value({ print }) end)
  end)
end)

describe("a comment", function()
  it("stays one, whatever is in it", function()
    for _, text in ipairs(HOSTILE) do
      local source = "--" .. quote.comment(text) .. "\nreturn 7"
      assert.equal(7, assert(load(source, "=c", "t", {}))())
      local line = source:match("^[^\n]*")
      assert.is_nil(line:find("[%c\127]"))
      assert.is_true(#line < 300)
    end
    assert.equal(7, assert(load("--" .. quote.comment("[[\nreturn 8") .. "\nreturn 7"))())
  end)
end)
