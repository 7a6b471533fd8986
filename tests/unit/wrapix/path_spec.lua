-- SPDX-License-Identifier: MIT
-- Specs of wrapix.path: tables of cases, and properties over odd path texts.

local path = require "wrapix.path"

-- A fixed seed: a failure must come back on the next run.
local PIECES = {
  "a", "b", "/", "//", ".", "..", "...", " ", ":", "'", '"', ",", "\n", "-x", "~", "$HOME",
  "ä", "\xff", "\\", "*", "$(id)", "`id`",
}

local function odd_paths(count)
  local state = 7
  local function random(n)
    state = (state * 1103515245 + 12345) % 2147483648
    return (state >> 8) % n + 1
  end
  local list = {}
  for i = 1, count do
    local parts = {}
    for j = 1, random(8) do parts[j] = PIECES[random(#PIECES)] end
    list[i] = table.concat(parts)
  end
  return list
end

describe("path.normalize", function()
  local cases = {
    { "", "." }, { ".", "." }, { "/", "/" }, { "//", "/" }, { "/..", "/" }, { "/../../a", "/a" },
    { "a/..", "." }, { "a/../..", ".." }, { "../../a", "../../a" }, { "a//b/./c/", "a/b/c" },
    { "/a/b/../c", "/a/c" }, { "/...", "/..." }, { "./a", "a" }, { "a/../../b", "../b" },
    { "/a b/\n/ü", "/a b/\n/ü" },
  }
  for _, case in ipairs(cases) do
    it(("turns %q into %q"):format(case[1], case[2]), function()
      assert.equal(case[2], path.normalize(case[1]))
    end)
  end

  it("is idempotent and keeps the kind of any path", function()
    for _, p in ipairs(odd_paths(2000)) do
      local once = path.normalize(p)
      assert.equal(once, path.normalize(once))
      assert.equal(path.is_absolute(p), path.is_absolute(once))
      assert.is_nil(once:find("//", 1, true))
    end
  end)
end)

describe("path.join", function()
  it("puts one slash between parts and skips empty ones", function()
    assert.equal("a/b/c", path.join("a", "b/", "", "c"))
    assert.equal("/a", path.join("/", "a"))
    assert.equal("", path.join())
  end)

  it("restarts at an absolute part", function()
    assert.equal("/etc/x", path.join("/home/me", "/etc", "x"))
  end)

  it("raises on anything but strings, on the caller's line", function()
    local ok, message = pcall(function() path.join("a", nil, "b") end)
    assert.is_false(ok)
    assert.matches("path_spec.lua:%d+: part 2: string expected, got nil", message)
  end)
end)

describe("path.dirname and path.basename", function()
  local cases = {
    { "/a/b", "/a", "b" }, { "/a/b/", "/a", "b" }, { "/a", "/", "a" }, { "/", "/", "/" },
    { "///", "/", "/" }, { "a", ".", "a" }, { "", ".", "" }, { "a/", ".", "a" },
    { "a//b", "a", "b" }, { "//a", "/", "a" }, { "..", ".", ".." },
  }
  for _, case in ipairs(cases) do
    it(("split %q"):format(case[1]), function()
      assert.equal(case[2], path.dirname(case[1]))
      assert.equal(case[3], path.basename(case[1]))
    end)
  end

  it("join to the same place again", function()
    for _, p in ipairs(odd_paths(2000)) do
      local again = path.join(path.dirname(p), path.basename(p))
      assert.equal(path.normalize(p), path.normalize(again))
    end
  end)
end)

describe("path.relative", function()
  local cases = {
    { "/a/b", "/a", "b" }, { "/a", "/a", "." }, { "/a", "/a/b/c", "../.." },
    { "/x/y", "/a/b", "../../x/y" }, { "a/b", "a/c", "../b" }, { "../a", "../b", "../a" },
    { "..", "a", "../.." },
  }
  for _, case in ipairs(cases) do
    it(("goes from %q to %q"):format(case[2], case[1]), function()
      assert.equal(case[3], path.relative(case[1], case[2]))
    end)
  end

  it("refuses what the text cannot tell", function()
    for _, case in ipairs({ { "/a", "b" }, { "a", "/b" }, { "a", ".." } }) do
      local result, message, code = path.relative(case[1], case[2])
      assert.is_nil(result)
      assert.matches("cannot be told", message, 1, true)
      assert.equal("EINVAL", code)
    end
  end)

  it("leads back to the path", function()
    for _, p in ipairs(odd_paths(1000)) do
      local goal, base = path.join("/r", "./" .. p), "/r/s/t"
      assert.equal(path.normalize(goal), path.normalize(path.join(base, path.relative(goal, base))))
    end
  end)
end)

describe("path.is_within", function()
  local yes = {
    { "/", "/a" }, { "/a", "/a" }, { "/a", "/a/b" }, { "/a/", "/a//b/../c" }, { ".", "a" },
    { "..", "a" }, { "..", "../a" }, { "../..", ".." }, { "../a", "../a/b" }, { "..", "." },
  }
  local no = {
    { "/a", "/ab" }, { "/a/b", "/a" }, { "/a", "/a/../b" }, { "/a", "a" }, { ".", "/a" },
    { ".", ".." }, { "../a", "a" }, { "../a", "../b" }, { "..", "../.." }, { "a", "a/../b" },
  }
  it("accepts the path itself and all below", function()
    for _, c in ipairs(yes) do assert.is_true(path.is_within(c[1], c[2]), c[1] .. " " .. c[2]) end
  end)
  it("refuses neighbours, parents and other kinds", function()
    for _, c in ipairs(no) do assert.is_false(path.is_within(c[1], c[2]), c[1] .. " " .. c[2]) end
  end)
  it("agrees with relative", function()
    local list = odd_paths(400)
    for i = 2, #list do
      local a, b = path.join("/r", "./" .. list[i - 1]), path.join("/r", "./" .. list[i])
      local way = path.relative(b, a)
      assert.equal(way:match("^%.%./") == nil and way ~= "..", path.is_within(a, b))
    end
  end)
end)

describe("path.expand", function()
  local vars = { home = "/home/me", user = "me" }

  local cases = {
    { "~", "/home/me" }, { "~/x", "/home/me/x" }, { "$HOME/x", "/home/me/x" },
    { "/u/$USER/x", "/u/me/x" }, { "a~", "a~" }, { "/~", "/~" }, { "./~bob", "./~bob" },
    { "$HOME$USER", "/home/meme" }, { "~/$USER", "/home/me/me" }, { "$USER-x", "me-x" },
  }
  for _, case in ipairs(cases) do
    it(("expands %q"):format(case[1]), function()
      assert.equal(case[2], path.expand(case[1], vars))
    end)
  end

  it("leaves everything else alone", function()
    for _, p in ipairs({
      "$HOMEX", "$HOME_", "$HOME1", "$OTHER", "${HOME}", "$(id)", "`id`", "$", "$$", "$home",
      "a;b", "%1", "\\~", "x/~/y", "$USERS", "*", "",
    }) do
      assert.equal(p, path.expand(p, vars))
    end
  end)

  it("keeps a backslash and still expands what follows it", function()
    assert.equal("\\/home/me", path.expand("\\$HOME", vars))
  end)

  it("does not expand what a value brings in", function()
    local odd = { home = "/h/$USER/~/%1", user = "$HOME" }
    assert.equal("/h/$USER/~/%1/$HOME", path.expand("~/$USER", odd))
  end)

  it("refuses ~name and tells how to write it", function()
    local result, message, code = path.expand("~bob/x", vars)
    assert.is_nil(result)
    assert.equal("EINVAL", code)
    assert.matches("./~bob/x", message, 1, true)
  end)

  it("fails when a value is needed and unknown", function()
    for _, p in ipairs({ "~/x", "$HOME", "/a/$USER" }) do
      local result, message, code = path.expand(p, {})
      assert.is_nil(result)
      assert.matches("not known", message, 1, true)
      assert.equal("EINVAL", code)
    end
    assert.equal("/plain", path.expand("/plain", {}))
  end)

  it("never raises, and without marks changes nothing", function()
    for _, p in ipairs(odd_paths(2000)) do
      local result = path.expand(p, vars)
      if not p:find("[~$]") then assert.equal(p, result) end
    end
  end)
end)

describe("path.show", function()
  local cases = {
    { "/a b/ü:'x", "/a b/ü:'x" }, { "", '""' }, { "a\nb", [["a\nb"]] }, { "\27[2J", [["\x1b[2J"]] },
    { "\xff", [["\xff"]] }, { "ü\xff", [["\xc3\xbc\xff"]] }, { "a\0b", [["a\x00b"]] },
    { "ü\7", '"ü\\x07"' }, { "\xc2\x9b2J", [["\xc2\x9b2J"]] }, { 'a"\n', [["a\"\n"]] },
  }
  for _, case in ipairs(cases) do
    it(("shows %q"):format(case[1]), function()
      assert.equal(case[2], path.show(case[1]))
    end)
  end

  it("never lets a control byte through", function()
    for byte = 0, 255 do
      assert.is_nil(path.show("x" .. string.char(byte)):find("[%c\x7f]"))
    end
  end)
end)
