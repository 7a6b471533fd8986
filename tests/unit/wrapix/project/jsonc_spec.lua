-- SPDX-License-Identifier: MIT
-- JSON with comments: what is taken, what stays wrong, and where a mistake is.

local jsonc = require("wrapix.project.jsonc")

describe("a text with comments", function()
  it("is read as if they were blanks", function()
    assert.same({ a = 1, b = { 2, 3 }, c = "// no /* comment */", d = '\\"//' }, jsonc.decode([[
      // first
      { "a": 1, /* one
        two */ "b": [2, 3,], "c": "// no /* comment */", // last
        "d": "\\\"//",
      } // end]]))
    assert.same({}, jsonc.decode("\xef\xbb\xbf{/**/}"))
    assert.same({ { {} } }, jsonc.decode("[[{\n},\n] , ]"))
    assert.same({ "," }, jsonc.decode('[",",]'))
  end)

  it("keeps its length and lines", function()
    local text = '{ // x\r\n "a": [1, /* ü */ ], \n}'
    local clean = jsonc.clean(text)
    assert.equal(#text, #clean)
    assert.equal((text:gsub("[^\r\n]", "")), (clean:gsub("[^\r\n]", "")))
  end)

  it("that is wrong is refused with the place in the file", function()
    for text, place in pairs({
      ['{ /* x */ "a": ]'] = "line 1, column 16",
      ['{\n// x\n  "a" 1 }'] = "line 3, column 7",
      ['{ "a": 1 /* '] = "line 1, column 10: a comment without an end",
      ["[,]"] = "line 1", ["[1,,]"] = "line 1", ["{,}"] = "line 1", ['{"a":,}'] = "line 1",
      ["{} {}"] = "line 1", [""] = "line 1", ["/"] = "line 1", ["// x"] = "line 1",
      ['{"a":1,"a":2}'] = "line 1", ['"\\u0000"'] = "line 1", ["{'a':1}"] = "line 1",
      ['{"a'] = "line 1", ["/*/"] = "line 1, column 1",
    }) do
      local value, message, code = jsonc.decode(text)
      assert.is_nil(value, text)
      assert.matches(place, message, 1, true)
      assert.equal("EINVAL", code)
    end
  end)

  it("that is large, deep or made to be slow ends soon", function()
    local start = os.clock() -- of the processor: others may have it meanwhile
    assert.equal("longer than 1 MiB", select(2, jsonc.decode((" "):rep((1 << 20) + 1))))
    for _, text in ipairs({
      ("["):rep(1 << 18), ("/"):rep(1 << 18), (","):rep(1 << 18), ('"'):rep(1 << 18),
      "[" .. (" "):rep(1 << 17) .. "1" .. (",]"):rep(1 << 17), ("/*"):rep(1 << 17), ("\\"):rep(1 << 18),
      ("[,"):rep(1 << 17), (", "):rep(1 << 17),
    }) do
      assert.is_nil((jsonc.decode(text)))
    end
    assert.is_true(os.clock() - start < 5)
  end)
end)
