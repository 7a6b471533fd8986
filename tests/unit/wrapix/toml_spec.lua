-- SPDX-License-Identifier: MIT

local toml = require "wrapix.toml"

local function refused(text)
  local value, message, code = toml.decode(text)
  assert.is_nil(value)
  assert.equal("EINVAL", code)
  return message
end

describe("toml.decode", function()
  it("reads tables, names and values", function()
    assert.same({
      a = "x", ["b c"] = 'q"\\\t\u{e9}\u{1f600}', n = -12, zero = 0, yes = true, no = false,
      lit = [[c:\new "x"]],
      t = { list = { "1", "2" }, inner = { deep = { 1, { 2 } } }, x = { y = 3 } },
    }, toml.decode([==[
# first
a = "x" # why
"b c" = "q\"\\\t\u00e9\U0001f600"
n = -12
zero = 0
yes=true
no	=	false
lit = 'c:\new "x"'

[t]
list = [ "1", # one
  "2",
]
x.y = 3
[ t . inner ]
deep = [1,[2]]]==]))
  end)

  it("takes an empty text, a byte order mark and lines that end as on Windows", function()
    assert.same({}, toml.decode(""))
    assert.same({}, toml.decode("\n# only\n"))
    assert.same({ a = 1, b = {} }, toml.decode("\xef\xbb\xbfa = 1\r\n[b]\r\n"))
    assert.same({ list = {} }, toml.decode("list = []"))
  end)

  it("names the line of what it does not read, and shows none of it", function()
    for text, reason in pairs({
      ["a = 1\nb = 1.5"] = "line 2: a value that is not understood here",
      ["a = 1979-05-27"] = "line 1: a value that is not understood here",
      ["a = 0x10"] = "line 1: a value that is not understood here",
      ["a = 007"] = "line 1: a value that is not understood here",
      ["a = 99999999999999999999"] = "line 1: a value that is not understood here",
      ["a = { b = 1 }"] = "line 1: a value expected",
      ['a = """x"""'] = "line 1: a string over several lines",
      ["a = '''x'''"] = "line 1: a string over several lines",
      ["[[a]]"] = "line 1: an array of tables",
      ['a = "x'] = "line 1: a string without an end",
      ['a = "\n"'] = "line 1: a string without an end",
      ["a = 'x\n'"] = "line 1: a string without an end",
      ['a = "\\x"'] = "line 1: an escape that TOML does not have",
      ['a = "\\ud800"'] = "line 1: no character has this number",
      ["a = 1\na = 2"] = "line 2: a name that is there already",
      ["[a]\n[a]"] = "line 2: a table that is there already",
      ["a = 1\n[a]"] = "line 2: a name that is a value and a table",
      ["a = [1]\na.b = 1"] = "line 2: a name that is a value and a table",
      ["a"] = "line 1: '=' expected",
      ["= 1"] = "line 1: a name expected",
      ["a = "] = "line 1: a value expected",
      ["a = 1 b = 2"] = "line 1: the end of the line expected",
      ["a = [1 2]"] = "line 1: ',' or ']' expected",
      ["a = [1,"] = "line 1: a value expected",
      ["[a"] = "line 1: ']' expected",
      ["a = \0"] = "holds a control character",
      ["a = \"\27[2J\""] = "holds a control character",
      ["a = \"\xff\""] = "not valid UTF-8",
    }) do
      assert.equal(reason, refused(text))
    end
  end)

  it("has bounds", function()
    assert.equal("longer than 64 KiB", refused(("#"):rep(70000)))
    assert.equal("line 1: arrays nested too deep", refused("a = " .. ("["):rep(2000)))
    assert.equal("line 1: tables nested too deep", refused(("a."):rep(2000) .. "b = 1"))
    assert.equal("line 1: too many values", refused("a = [" .. ("1,"):rep(5000) .. "]"))
  end)

  it("never raises over what stands in a text", function()
    local letters = { "[", "]", "a", ".", "=", '"', "'", "\\", "u", "1", ",", "\n", "#", " ", "\t" }
    math.randomseed(7)
    for _ = 1, 3000 do
      local parts = {}
      for i = 1, math.random(1, 24) do parts[i] = letters[math.random(#letters)] end
      local value, message = toml.decode(table.concat(parts))
      assert.is_true(value ~= nil or type(message) == "string")
    end
    assert.has_error(function() toml.decode(nil) end)
  end)
end)
