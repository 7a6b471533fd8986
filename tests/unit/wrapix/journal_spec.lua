-- SPDX-License-Identifier: MIT
local fs = require("wrapix.fs")
local journal = require("wrapix.journal")

local dir, path

before_each(function()
  dir = assert(fs.temp_dir("wrapix-journal-"))
  path = dir .. "/log"
end)
after_each(function() assert(fs.remove_tree(dir)) end)

local function put(text) assert(fs.write_atomic(path, text, { sync = false })) end

local function all(next_line)
  local out = {}
  for text, ended in next_line do out[#out + 1] = text .. (ended and "|" or "?") end
  return out
end

local function turned(list)
  local out = {}
  for i = #list, 1, -1 do out[#out + 1] = list[i] end
  return out
end

describe("journal.append", function()
  it("makes a private file and adds to it", function()
    assert.is_true(journal.append(path, "a\n"))
    assert.is_true(journal.append(path, "b\0\xFF\n"))
    assert.equal("a\nb\0\xFF\n", fs.read(path))
    assert.equal(tonumber("600", 8), fs.stat(path).mode)
  end)

  it("fails where there is no such directory, and on what is no file", function()
    local ok, message, code = journal.append(dir .. "/none/log", "a\n")
    assert.is_nil(ok)
    assert.equal("ENOENT", code)
    assert.matches("^ENOENT: open ", message)
    assert.equal("EINVAL", select(3, journal.append("/dev/null", "a\n")))
    assert.equal("EISDIR", select(3, journal.append(dir, "a\n")))
    assert.has_error(function() journal.append("a\0b", "a\n") end)
    assert.has_error(function() journal.append(path, "a\n", { sync = true }) end)
  end)
end)

describe("journal.cut", function()
  it("takes off what is behind a place, and makes nothing longer", function()
    put("one\ntwo\nthr")
    assert.is_true(journal.cut(path, 8))
    assert.equal("one\ntwo\n", fs.read(path))
    assert.is_true(journal.cut(path, 100))
    assert.equal("one\ntwo\n", fs.read(path))
    assert.is_true(journal.cut(path, 0))
    assert.equal("", fs.read(path))
  end)

  it("fails on what is no file", function()
    local ok, message, code = journal.cut(dir .. "/none", 0)
    assert.is_nil(ok)
    assert.equal("ENOENT", code)
    assert.matches("^ENOENT: open ", message)
    assert.equal("EISDIR", select(3, journal.cut(dir, 0)))
    assert.equal("EINVAL", select(3, journal.cut("/dev/null", 0)))
    assert.has_error(function() journal.cut(path, -1) end)
    assert.has_error(function() journal.cut("a\0b", 0) end)
  end)
end)

describe("journal.read", function()
  it("reads a range, and less only at the end", function()
    put("0123456789")
    assert.equal("234", journal.read(path, 2, 3))
    assert.equal("89", journal.read(path, 8, 10))
    assert.equal("", journal.read(path, 10, 10))
    assert.equal("", journal.read(path, 1000, 10))
    assert.equal("ENOENT", select(3, journal.read(dir .. "/none", 0, 1)))
    assert.has_error(function() journal.read(path, -1, 1) end)
    assert.has_error(function() journal.read(path, 0, 1 << 25) end)
  end)
end)

describe("journal.lines and journal.reverse", function()
  local function check(text, expected)
    put(text)
    assert.same(expected, all(assert(journal.lines(path))))
    assert.same(turned(expected), all(assert(journal.reverse(path))))
  end

  it("give the same lines from both ends", function()
    check("", {})
    check("a\n", { "a|" })
    check("a", { "a?" })
    check("\n", { "|" })
    check("\n\n", { "|", "|" })
    check("a\n\nb\n", { "a|", "|", "b|" })
    check("a\nb", { "a|", "b?" })
  end)

  -- They read 64 KiB at a time.
  it("join what lies across the edges of a chunk", function()
    for _, length in ipairs({ 65534, 65535, 65536, 65537, 131071, 131072, 200000 }) do
      local long = ("x"):rep(length)
      check("a\n" .. long .. "\nb\n", { "a|", long .. "|", "b|" })
      check(long .. "\n", { long .. "|" })
      check("\n" .. long, { "|", long .. "?" })
    end
    local lines, shown = {}, {}
    for i = 1, 20000 do
      lines[i] = ("y"):rep(i % 37)
      shown[i] = lines[i] .. "|"
    end
    check(table.concat(lines, "\n") .. "\n", shown)
  end)

  it("stay inside a range", function()
    put("one\ntwo\nthree\n")
    assert.same({ "two|" }, all(assert(journal.lines(path, { from = 4, to = 8 }))))
    assert.same({ "two|", "thr?" }, all(assert(journal.lines(path, { from = 4, to = 11 }))))
    assert.same({ "two|" }, all(assert(journal.reverse(path, { from = 4, to = 8 }))))
    assert.same({ "three|" }, all(assert(journal.lines(path, { from = 8, to = 1000 }))))
    assert.same({}, all(assert(journal.lines(path, { from = 1000 }))))
  end)

  it("keep no more of a line than the limit", function()
    put(("x"):rep(300000) .. "\nab\n")
    local next_line = assert(journal.lines(path, { limit = 3 }))
    assert.same({ "xxx", true, 300000 }, { next_line() })
    assert.same({ "ab", true, 2 }, { next_line() })
    assert.is_nil(next_line())
    local back = assert(journal.reverse(path, { limit = 100000 }))
    assert.equal("ab", back())
    assert.is_true(#back() < 200000)
    assert.is_nil(back())
  end)

  it("do not see what is added meanwhile", function()
    put("a\n")
    local next_line = assert(journal.lines(path))
    assert(journal.append(path, "b\n"))
    assert.same({ "a|" }, all(next_line))
  end)

  it("tell a failure from the end", function()
    assert.equal("ENOENT", select(3, journal.lines(path)))
    assert.equal("ENOENT", select(3, journal.reverse(path)))
    put("a\n")
    local forward, back = assert(journal.lines(path)), assert(journal.reverse(path))
    assert(fs.unlink(path))
    assert.equal("ENOENT", select(3, forward()))
    assert.equal("ENOENT", select(3, back()))
  end)
end)
