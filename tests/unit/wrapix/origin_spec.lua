-- SPDX-License-Identifier: MIT
-- Specs of wrapix.origin: lines of fields in ordinary, odd and broken sources.

local origin = require "wrapix.origin"

--- Runs a source and scans it, as a loader does.
local function both(source)
  return origin.scan(source), assert(load(source, "=source", "t"))()
end

local PROFILE = [==[
#!/usr/bin/env wrapix
--[[ a comment with { braces }
     and a "quote ]]
local wrapix = { derive = function(_, t) return t end } -- { not = "this" }

return wrapix.derive("base", {
  name = "shop", packages = { "sqlite3",
    { "fd", apt = "fd-find" }, },
  env = {
    DATABASE_URL = "sqlite:///x", -- }
    ["ODD NAME"] = [[
long { text } ]],
  },
  mounts = {
    { source = "~/.cargo", dest = "~/.cargo" },
    {
      source = "/srv",
      dest = "/srv",
    };
  },
  hooks = {
    before_start = function(ctx)
      local t = { name = "inner" }; if ctx then return t, { 1, 2 } end
      for _ = 1, 2 do repeat t = nil until true end
      while false do end
      return { a = 1, b = 2 }
    end,
    after_exit = function() end,
  },
  limits = { memory = "4g", cpus = 1.5e0, pids = 0x10 },
})
]==]

describe("origin.lookup", function()
  local scan, tbl = origin.scan(PROFILE), load(PROFILE:gsub("^#[^\n]*", "", 1))()

  local cases = {
    { 6 }, { 7, "name" }, { 7, "packages" }, { 7, "packages", 1 }, { 8, "packages", 2 },
    { 8, "packages", 2, "apt" }, { 9, "env" }, { 10, "env", "DATABASE_URL" },
    { 11, "env", "ODD NAME" }, { 15, "mounts", 1 }, { 15, "mounts", 1, "dest" },
    { 16, "mounts", 2 }, { 17, "mounts", 2, "source" }, { 18, "mounts", 2, "dest" },
    { 21, "hooks" }, { 22, "hooks", "before_start" }, { 28, "hooks", "after_exit" },
    { 30, "limits" }, { 30, "limits", "pids" },
  }
  for _, case in ipairs(cases) do
    it("finds " .. (table.concat(case, ".", 2)), function()
      assert.equal(case[1], origin.lookup(scan, tbl, table.unpack(case, 2)))
    end)
  end

  it("falls back to the innermost field that stands in the text", function()
    assert.equal(14, origin.lookup(scan, tbl, "mounts", 9))
    assert.equal(16, origin.lookup(scan, tbl, "mounts", 2, "nothing"))
    assert.is_nil(origin.lookup(scan, tbl, "nothing"))
  end)

  it("follows a field to a table made elsewhere", function()
    local source = 'local list = {\n  { a = "x" },\n  { a = "y" },\n}\nreturn {\n name = "n",\n'
      .. ' mounts = list }'
    local s, t = both(source)
    assert.equal(7, origin.lookup(s, t, "mounts"))
    assert.equal(3, origin.lookup(s, t, "mounts", 2))
    assert.equal(3, origin.lookup(s, t, "mounts", 2, "a"))
  end)

  it("keeps to the field when the entries are computed", function()
    local source = 'local function f(x) return { x } end\nreturn {\n name = "n",\n env = f("v"),\n'
      .. ' list = { f(1), f(2) } }'
    local s, t = both(source)
    assert.equal(4, origin.lookup(s, t, "env", 1))
    assert.equal(5, origin.lookup(s, t, "list", 2))
  end)

  it("tells tables with the same keys apart by their values", function()
    local s, t = both('return {\n { "a", n = 1 },\n { "b", n = 2 },\n { "c", n = true } }')
    for i = 1, 3 do assert.equal(i + 1, origin.match(s, t[i]).line) end
  end)

  it("takes the nearest of two equal constructors", function()
    local s, t = both('local a = { "git" }\n\n\n\nlocal b = { "git" }\nreturn a, b')
    assert.equal(1, origin.match(s, t).line)
    assert.equal(5, origin.match(s, t, 4).line)
    assert.equal(1, origin.match(s, t, 2).line)
  end)

  it("knows nothing of a table the text did not make", function()
    local s = origin.scan('return { name = "x", env = { A = "1" } }')
    assert.is_nil(origin.lookup(s, { quite = 1, other = 2 }, "quite"))
    assert.is_nil(origin.lookup({}, { a = 1 }, "a"))
  end)
end)

describe("origin.scan", function()
  it("notes where a constructor opens and closes", function()
    local s = origin.scan("\nx = {\n\n}")
    assert.equal(2, s[1].line)
    assert.equal(4, s[1].last_line)
  end)

  it("counts every kind of line break once", function()
    for _, br in ipairs({ "\n", "\r", "\r\n", "\n\r" }) do
      local text = ("return {%s a = 1,%s%s b = 'x\\%sy', c = [[%s]],%s d = 2 }")
        :gsub("%%s", function() return br end)
      local s = origin.scan(text)
      local f = s[1].fields
      assert.same({ 2, 4, 5, 7 }, { f.a.line, f.b.line, f.c.line, f.d.line })
    end
  end)

  it("reads strings, numbers and comments as Lua does", function()
    local s = origin.scan([===[return {
      a = "}\"{", b = '\z
        }', c = [=[ ]] } ]=], d = 0x1p-3, e = 1e+5, f = .5, --[=[ ]] } ]=] g = "x" .. "}",
      h = 3 --- }
      , i = a == b, j = t["}"], k = #"}", ["l"] = -1, [2] = "two", [f()] = 5, "item",
      m = a.b["c"]{ "}" }, n = "a" "b" }]===])
    local f = s[1].fields
    assert.equal(0.125, f.d.value)
    assert.equal(1e5, f.e.value)
    assert.equal(0.5, f.f.value)
    assert.equal(" ]] } ", f.c.value)
    assert.is_nil(f.g.value)
    assert.is_nil(f.n.value)
    assert.equal(4, f.h.line)
    assert.equal("two", f[2].value)
    assert.equal("item", s[1].items[1].value)
    assert.equal(1, #s[1].items)
    assert.equal(6, s[1].last_line)
    assert.equal(2, #s)
  end)

  it("does not take the text of a broken string or comment for code", function()
    assert.equal(0, #origin.scan("--[[ {{{"))
    assert.equal(0, #origin.scan("x = [==[ {{{ ]]"))
    assert.equal(1, #origin.scan('x = "{\n y = { a = 1 }'))
  end)

  it("skips a byte order mark and a first line with #", function()
    local s = origin.scan("\xef\xbb\xbf#!/bin/x {\nreturn { a = 1 }")
    assert.equal(1, #s)
    assert.equal(2, s[1].fields.a.line)
  end)

  it("raises only on misuse", function()
    assert.is_false(pcall(origin.scan, nil))
    assert.same({}, origin.scan(""))
  end)

  it("survives a source that is cut off or changed anywhere", function()
    for i = 1, #PROFILE, 5 do
      assert.is_table(origin.scan(PROFILE:sub(1, i)))
      assert.is_table(origin.scan(PROFILE:sub(i)))
      for _, byte in ipairs({ "\0", "{", "}", "[", '"', "\\" }) do
        assert.is_table(origin.scan(PROFILE:sub(1, i - 1) .. byte .. PROFILE:sub(i + 1)))
      end
    end
  end)

  it("gives only nodes with lines of the text, whatever the text", function()
    local state, alphabet = 3, { "{", "}", "[", "]", "=", "(", ")", '"', "'", "\\", "--", "\n", ",",
      "a", "1", "end", " function ", " do ", "[[", "]]", "[=[", "\0", "\xff", ".", "e+", "0x" }
    for _ = 1, 1000 do
      local parts = {}
      for j = 1, 40 do
        state = (state * 1103515245 + 12345) % 2147483648
        parts[j] = alphabet[(state >> 8) % #alphabet + 1]
      end
      local text = table.concat(parts)
      local _, breaks = text:gsub("\n", "")
      for _, c in ipairs(origin.scan(text)) do
        assert.is_true(c.line >= 1 and c.last_line >= c.line and c.last_line <= breaks + 1)
        for _, node in pairs(c.fields) do assert.is_true(node.line <= c.last_line + breaks) end
      end
    end
  end)

  -- Counts executed instructions, because time on a busy machine proves nothing.
  it("takes work in proportion to the size of hostile texts", function()
    local function cost(text)
      local count = 0
      debug.sethook(function() count = count + 1 end, "", 100)
      origin.scan(text)
      debug.sethook()
      return count
    end
    local units = { "{", "}", "[", "[=", "[[", "--[==", "--[[", '"', '"\\', "\\z", "(", "end ",
      "do ", "{[1]=", "{a=", "a", "1e+", ",", "{,", "\n", "--", "{(", "{function(", "#" }
    for _, unit in ipairs(units) do
      local small, large = cost(unit:rep(1000)), cost(unit:rep(4000))
      assert.is_true(large <= 5 * small + 100, unit .. " " .. small .. " " .. large)
    end
  end)

  it("leaves a text alone that is too large to be a profile", function()
    assert.same({}, origin.scan(("{"):rep(5 * 1024 * 1024)))
  end)
end)
