-- SPDX-License-Identifier: MIT
-- Specs of wrapix.json: what is JSON, what is not and where, and that what was
-- written reads back the same.

local json = require("wrapix.json")

local NULL = json.null

-- Deterministic values of every kind, nested.
local function random_value(random, depth)
  local kind = random(depth > 4 and 6 or 8)
  if kind == 1 then return NULL end
  if kind == 2 then return random(2) == 1 end
  if kind == 3 then return random(1 << 30) * random(1 << 30) - (1 << 40) end
  if kind == 4 then return (random(1 << 30) - (1 << 29)) / random(1 << 20) end
  if kind <= 6 then
    local pieces = { "", "a", "\"", "\\", "\n", "\1", "ä", "€", "😀", "/", "\127", "key" }
    return pieces[random(#pieces)] .. pieces[random(#pieces)]
  end
  local t = {}
  for i = 1, random(5) - 1 do
    t[kind == 7 and i or ("k" .. random(99))] = random_value(random, depth + 1)
  end
  return kind == 7 and json.array(t) or t
end

local function generator(seed)
  return function(n)
    seed = (seed * 1103515245 + 12345) % 2147483648
    return (seed >> 8) % n + 1
  end
end

describe("json.decode", function()
  local function decodes(text, value)
    it(("takes %s"):format(#text > 40 and text:sub(1, 40) .. "…" or text), function()
      local got, message = json.decode(text)
      assert.is_nil(message)
      assert.same(value, got)
      assert.equal(math.type(value), math.type(got))
    end)
  end

  decodes("null", NULL)
  decodes(" \t\r\n true ", true)
  decodes("false", false)
  decodes("0", 0)
  decodes("-0", 0)
  decodes("1.0", 1.0)
  decodes("1e2", 100.0)
  decodes("-0.0", -0.0)
  decodes("9007199254740993", 9007199254740993)
  decodes("9223372036854775807", math.maxinteger)
  decodes("-9223372036854775808", math.mininteger)
  decodes("9223372036854775808", 9223372036854775808.0)
  decodes("1E-400", 0.0)
  decodes("0.1", 0.1)
  decodes([["\u00e4\ud83d\ude00\"\\\/\b\f\n\r\t"]], "ä😀\"\\/\b\f\n\r\t")
  decodes('"\127ä€😀"', "\127ä€😀")
  decodes('{"a":{"":[1,{"b":null}]}}', { a = { [""] = { 1, { b = NULL } } } })
  decodes("[]", {})
  decodes("{}", {})

  local function refuses(name, text, offset, reason)
    it("refuses " .. name, function()
      local value, message, at = json.decode(text)
      assert.is_nil(value)
      assert.matches(reason, message, 1, true)
      assert.equal(offset, at)
    end)
  end

  refuses("nothing", "", 1, "the text ends")
  refuses("blanks alone", "  ", 3, "the text ends")
  refuses("a leading zero", "[01]", 2, "leading zero")
  refuses("a negative leading zero", "-012", 2, "leading zero")
  refuses("a plus sign", "+1", 1, "value expected")
  refuses("a lone minus", "-", 2, "digit expected")
  refuses("a point without digits", "1.", 3, "after the point")
  refuses("a number that begins with a point", ".5", 1, "value expected")
  refuses("an exponent without digits", "1e+", 4, "exponent")
  refuses("hexadecimal", "0x10", 2, "end of the text")
  refuses("NaN", "NaN", 1, "value expected")
  refuses("Infinity", "-Infinity", 2, "digit expected")
  refuses("a number out of range", "[1e999]", 2, "too large")
  refuses("a very long number", ("1"):rep(64), 1, "63 characters")
  refuses("a trailing comma in a list", "[1,]", 4, "value expected")
  refuses("a trailing comma in an object", '{"a":1,}', 8, "key in double quotes")
  refuses("a missing comma", "[1 2]", 4, "',' or ']'")
  refuses("the wrong bracket", "[1}", 3, "',' or ']'")
  refuses("an object without its end", '{"a":1', 7, "',' or '}'")
  refuses("a key without quotes", "{a:1}", 2, "key in double quotes")
  refuses("a key without a colon", '{"a" 1}', 6, "':' expected")
  refuses("single quotes", "'a'", 1, "value expected")
  refuses("a comment", "// x\n1", 1, "value expected")
  refuses("text after the value", "1 1", 3, "end of the text")
  refuses("a NUL after the value", "1\0", 2, "end of the text")
  refuses("a form feed as blank", "\f1", 1, "value expected")
  refuses("a byte order mark", "\xEF\xBB\xBF1", 1, "byte order mark")
  refuses("a cut word", "nul", 1, "value expected")
  refuses("a string without its end", '"abc', 5, "closing quote")
  refuses("a string that ends in a backslash", '"abc\\', 5, "unknown escape")
  refuses("a newline in a string", '"a\nb"', 3, "control character")
  refuses("a NUL in a string", '"a\0b"', 3, "control character")
  refuses("an unknown escape", [["\x41"]], 2, "unknown escape")
  refuses("\\u0000", [["ab\u0000c"]], 4, "\\u0000")
  refuses("a short \\u", [["\u12"]], 2, "four hexadecimal")
  refuses("a \\u that is no number", [["\u12g4"]], 2, "four hexadecimal")
  refuses("a lone high surrogate", [["\ud83dx"]], 2, "high surrogate")
  refuses("a high surrogate at the end", [["\ud83d]], 2, "high surrogate")
  refuses("two high surrogates", [["\ud83d\ud83d"]], 2, "high surrogate")
  refuses("a lone low surrogate", [["\ude00"]], 2, "low surrogate")
  refuses("a stray continuation byte", '"\x80"', 2, "UTF-8")
  refuses("an overlong form", '"\xC0\xAF"', 2, "UTF-8")
  refuses("an overlong form of three", '"\xE0\x80\xAF"', 2, "UTF-8")
  refuses("an encoded surrogate", '"\xED\xA0\x80"', 2, "UTF-8")
  refuses("a character beyond U+10FFFF", '"\xF4\x90\x80\x80"', 2, "UTF-8")
  refuses("a cut character", '"\xE2\x82"', 2, "UTF-8")
  refuses("a key that is there twice", '{"a":{"b":1},"c":{"b":1,"d":2,"b":3}}', 31, "twice")

  it("tells line and column", function()
    local _, message = json.decode('{\n  "a": 1,\n  "b": x\n}')
    assert.equal("json: line 3, column 8: value expected", message)
  end)

  it("limits the nesting, itself not nested", function()
    assert.is_table(json.decode(("["):rep(128) .. ("]"):rep(128)))
    local value, message, at = json.decode(("["):rep(129) .. ("]"):rep(129))
    assert.is_nil(value)
    assert.matches("nested too deeply", message)
    assert.equal(129, at)
    assert.is_table(json.decode(("["):rep(1000) .. ("]"):rep(1000), { max_depth = 1000 }))
    assert.is_nil((json.decode("[[1]]", { max_depth = 1 })))
    assert.is_nil((json.decode(("{\"a\":"):rep(5000000))))
  end)

  it("limits the size", function()
    assert.equal("abc", (json.decode('"abc"', { max_size = 5 })))
    local value, message, at = json.decode('"abcd"', { max_size = 5 })
    assert.is_nil(value)
    assert.matches("more than 5 bytes", message)
    assert.equal(6, at)
  end)

  it("reads megabytes of each shape in linear time", function()
    local long = '"' .. ("ä\\n"):rep(1000000) .. '"'
    local list = "[" .. ("1,"):rep(400000) .. "1]"
    local keys = {}
    for i = 1, 80000 do keys[i] = ('"key%d":%d'):format(i, i) end
    local start = os.clock()
    assert.equal(3000000, #json.decode(long))
    assert.equal(400001, #json.decode(list))
    assert.equal(777, json.decode("{" .. table.concat(keys, ",") .. "}").key777)
    assert.is_nil((json.decode(('{"a":'):rep(800000))))
    -- Seconds where quadratic time would take hours; valgrind has its share too.
    assert.is_true(os.clock() - start < 200)
  end)

  it("marks arrays", function()
    local value = json.decode('{"empty":[],"object":{},"full":[1]}')
    assert.is_true(json.is_array(value.empty))
    assert.is_true(json.is_array(value.full))
    assert.is_false(json.is_array(value.object))
    assert.is_false(json.is_array(value))
  end)

  it("raises for misuse only", function()
    assert.has_error(function() json.decode(nil) end, "json.decode: string expected, got nil")
    assert.error_matches(function() json.decode("1", { depth = 1 }) end, "unknown option \"depth\"")
    assert.error_matches(function() json.decode("1", { max_depth = 0 }) end, "1 to 1000")
    assert.error_matches(function() json.decode("1", { max_depth = 1001 }) end, "1 to 1000")
    assert.error_matches(function() json.decode("1", { max_size = -1 }) end, "0 or more")
    local _, err = pcall(function() json.decode("1", { max_size = "x" }) end)
    assert.matches("json_spec.lua", err, 1, true)
  end)

  it("may be used by a finalizer that runs in the middle of it", function()
    local text = '[{"a":["' .. ("x"):rep(100) .. '",2,{"b":"c"}]}]'
    local many = "[" .. (text .. ","):rep(60) .. text .. "]"
    local runs, bad = 0, 0
    local pause = collectgarbage("setpause", 110) -- so that it collects all the time
    finally(function() collectgarbage("setpause", pause) end)
    collectgarbage() -- it counts from the end of a round
    for _ = 1, 20 do
      for _ = 1, 20 do
        setmetatable({}, { __gc = function()
          runs = runs + 1
          if json.encode(json.decode(text)) ~= text then bad = bad + 1 end
        end })
      end
      assert.equal(many, json.encode(json.decode(many)))
      assert.is_nil(json.decode(many .. "x"))
    end
    assert.is_true(runs > 100)
    assert.equal(0, bad)
  end)

  it("takes or refuses any bytes without raising", function()
    local random = generator(11)
    local pieces = {
      "[", "]", "{", "}", ",", ":", '"', "\\u", "d83d", "1", "0", ".", "e", "-", "true", "null",
      " ", "\xC3", "\xA4", "\0", "a",
    }
    for _ = 1, 10000 do
      local text = {}
      for i = 1, random(12) do text[i] = pieces[random(#pieces)] end
      local value, message, at = json.decode(table.concat(text))
      assert.is_true((value == nil) == (message ~= nil))
      if message then assert.is_true(at >= 1 and at <= #table.concat(text) + 1) end
    end
  end)
end)

describe("json.null", function()
  it("is one value that cannot be taken for a table", function()
    assert.equal("null", tostring(NULL))
    assert.equal(NULL, json.decode("[null]")[1])
    assert.has_error(function() return NULL.field end)
  end)
end)

describe("json.encode", function()
  local function encodes(value, text)
    it("writes " .. text:sub(1, 60), function() assert.equal(text, json.encode(value)) end)
  end

  encodes(NULL, "null")
  encodes(true, "true")
  encodes(0, "0")
  encodes(math.mininteger, "-9223372036854775808")
  encodes(1.0, "1.0")
  encodes(-0.0, "-0.0")
  encodes(0.1, "0.1")
  encodes(1 / 3, "0.3333333333333333")
  encodes(1e300, "1e+300")
  encodes(5e-324, "4.94065645841247e-324")
  encodes("", '""')
  encodes("a/b\"\\\b\f\n\r\t\1\127ä😀", '"a/b\\"\\\\\\b\\f\\n\\r\\t\\u0001\127ä😀"')
  encodes({}, "{}")
  encodes(json.array(), "[]")
  encodes({ 1, "a", NULL, { 2 } }, '[1,"a",null,[2]]')
  encodes({ b = 1, a = { z = false, y = {} }, ["A"] = json.array({}) },
    '{"A":[],"a":{"y":{},"z":false},"b":1}')

  it("indents with two spaces", function()
    local text = json.encode({ a = { 1, { b = 2 } }, c = {}, d = json.array() }, { pretty = true })
    assert.equal([[{
  "a": [
    1,
    {
      "b": 2
    }
  ],
  "c": {},
  "d": []
}]], text)
  end)

  it("keeps every value through a round trip", function()
    local random = generator(5)
    for i = 1, 2000 do
      local value = random_value(random, 0)
      local text = assert(json.encode(value, { pretty = i % 2 == 0 }))
      local back, message = json.decode(text)
      assert.is_nil(message)
      assert.same(value, back)
      assert.equal(text, json.encode(back, { pretty = i % 2 == 0 }))
    end
  end)

  local function refuses(name, value, message)
    it("refuses " .. name, function()
      local text, why, code = json.encode(value)
      assert.is_nil(text)
      assert.equal(message, why)
      assert.equal("EINVAL", code)
    end)
  end

  local cycle = { a = {} }
  cycle.a.b = cycle
  refuses("a function", { mounts = { { x = 1 }, { x = print } } },
    "json: at .mounts[2].x: a function has no form in JSON")
  refuses("nil", nil, "json: at the value itself: a nil has no form in JSON")
  refuses("NaN", { 0 / 0 }, ("json: at [1]: the number %s has no form in JSON"):format(0 / 0))
  refuses("infinity", { a = math.huge }, "json: at .a: the number inf has no form in JSON")
  refuses("a cycle", cycle, "json: at .a.b: a table inside itself")
  refuses("a list with names", { ["x y"] = { 1, n = 1 } },
    'json: at ["x y"]: a table with both list entries and names')
  refuses("an array with names", { a = json.array({ n = 1 }) },
    "json: at .a: a table with both list entries and names")
  refuses("a list with holes", { a = { 1, nil, 3 } }, "json: at .a: a list with holes")
  refuses("a huge index", { a = { [1 << 40] = 1 } }, "json: at .a: a list with holes")
  refuses("an index below one", { [0] = 1 },
    "json: at the value itself: a table with a key of type integer")
  refuses("a boolean key", { [true] = 1 },
    "json: at the value itself: a table with a key of type boolean")
  refuses("bad UTF-8", { a = "x\xFF" }, "json: at .a: string is not valid UTF-8 (byte 2)")
  refuses("a bad key", { ["\xFF"] = 1 }, 'json: at ["\xFF"]: string is not valid UTF-8 (byte 1)')
  refuses("a NUL", { a = "\0" }, "json: at .a: string with a NUL byte (byte 1)")

  it("allows the same table in two places", function()
    local shared = { 1 }
    assert.equal('{"a":[1],"b":[1]}', json.encode({ a = shared, b = shared }))
  end)

  it("limits the nesting", function()
    local function nest(n) return n == 0 and 1 or { nest(n - 1) } end
    assert.is_string(json.encode(nest(128)))
    local text, message = json.encode(nest(129))
    assert.is_nil(text)
    assert.matches("more than 128 levels$", message)
    assert.is_string(json.encode(nest(1000), { max_depth = 1000 }))
  end)

  it("writes ten megabytes quickly", function()
    local start = os.clock()
    assert.equal(10000002, #json.encode(("a"):rep(10000000)))
    assert.is_true(os.clock() - start < 30)
  end)

  it("raises for misuse only", function()
    assert.error_matches(function() json.encode(1, { indent = 2 }) end, "unknown option \"indent\"")
    assert.error_matches(function() json.encode(1, { pretty = 1 }) end, "boolean expected")
    assert.error_matches(function() json.array(1) end, "table expected")
    assert.error_matches(function() json.array(setmetatable({}, {})) end, "metatable already")
  end)
end)
