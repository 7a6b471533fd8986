-- SPDX-License-Identifier: MIT

local fs = require("wrapix.fs")
local logfile = require("wrapix.logfile")

local T = "2026-11-21T22:56:05.123456789+00:00"

local function record(stream, tag, text) return ("%s %s %s %s\n"):format(T, stream, tag, text) end

describe("logfile.parse", function()
  it("reads a record", function()
    assert.same({ time = T, stream = "stdout", text = "a  b" }, logfile.parse(T .. " stdout F a  b"))
    assert.same({ time = T, stream = "stderr", text = "x", partial = true },
      logfile.parse(T .. " stderr P x"))
    assert.same("", logfile.parse(T .. " stdout F ").text)
    assert.same("\27[31m\r", logfile.parse(T .. " stdout F \27[31m\r").text)
  end)

  it("takes nothing else for one", function()
    for _, line in ipairs({ "", "text", T, T .. " stdout", T .. " stdout F", T .. " stdin F x",
      T .. " stdout X x", "yesterday stdout F x" }) do
      assert.is_nil(logfile.parse(line), line)
    end
  end)
end)

describe("a log reader", function()
  local dir, path

  before_each(function()
    dir = assert(fs.temp_dir("logfile-"))
    path = dir .. "/x.log"
  end)
  after_each(function() fs.remove_tree(dir) end)

  local function write(...) assert(fs.append(path, table.concat({ ... }))) end

  local function texts(reader)
    local out = {}
    for entry in function() return reader:next() end do
      out[#out + 1] = ("%s:%s%s"):format(entry.stream:sub(4), entry.text, entry.partial and "~" or "")
    end
    return out
  end

  it("joins the pieces of a line, each stream on its own", function()
    write(record("stdout", "P", "a"), record("stderr", "F", "e"), record("stdout", "P", "b"),
      record("stdout", "F", "c"), record("stdout", "F", ""))
    assert.same({ "err:e", "out:abc", "out:" }, texts(logfile.open(path)))
  end)

  it("reads on when the file grows, whole records only", function()
    write(record("stdout", "F", "one"), T .. " std")
    local reader = logfile.open(path)
    assert.same({ "out:one" }, texts(reader))
    assert.same({}, texts(reader))
    write("out F two\n", record("stdout", "P", "thr"))
    assert.same({ "out:two" }, texts(reader))
    assert.same("thr", reader:pending()[1].text)
    assert.same({}, reader:pending())
    write(record("stdout", "F", "ee"))
    assert.same({ "out:ee" }, texts(reader))
  end)

  it("reads a file that takes the place of a full one", function()
    write(record("stdout", "F", "old"))
    local reader = logfile.open(path)
    texts(reader)
    assert(fs.write_atomic(path, record("stdout", "F", "new"), { sync = false }))
    assert.same({ "out:new" }, texts(reader))
    assert.equal(1, reader.replaced)
    assert(fs.unlink(path))
    assert.same({}, texts(reader))
    write(record("stdout", "F", "own"))
    assert.same({ "out:own" }, texts(reader))
    assert.equal(2, reader.replaced)
  end)

  it("says when there is no file", function()
    local entry, message, code = logfile.open(dir .. "/none"):next()
    assert.is_nil(entry)
    assert.equal("ENOENT", code)
    assert.matches("^ENOENT: ", message)
  end)

  it("counts what is no record, and goes on", function()
    write("rubbish\n", record("stdout", "F", "x"))
    local reader = logfile.open(path)
    assert.same({ "out:x" }, texts(reader))
    assert.equal(1, reader.skipped)
  end)

  it("hands a line without end out in pieces", function()
    local piece = ("x"):rep(8192)
    for _ = 1, 4 do write(record("stdout", "P", piece):rep(40)) end
    local reader = logfile.open(path)
    local sizes = 0
    for entry in function() return reader:next() end do
      assert.is_true(entry.partial)
      assert.is_true(#entry.text <= (1 << 20) + 8192)
      sizes = sizes + #entry.text
    end
    for _, entry in ipairs(reader:pending()) do sizes = sizes + #entry.text end
    assert.equal(4 * 40 * 8192, sizes)
  end)

  it("gives the last lines only", function()
    local lines = {}
    for i = 1, 10 do lines[i] = record("stdout", "F", tostring(i)) end
    write(table.concat(lines))
    for count, expected in pairs({ [0] = "", [1] = "10", [3] = "8 9 10", [10] = "1 2 3 4 5 6 7 8 9 10",
      [99] = "1 2 3 4 5 6 7 8 9 10" }) do
      local out = {}
      for i, entry in ipairs(assert(logfile.last(logfile.open(path), count))) do out[i] = entry.text end
      assert.equal(expected, table.concat(out, " "), count)
    end
    assert.equal(10, #assert(logfile.last(logfile.open(path))))
    assert.equal("ENOENT", select(3, logfile.last(logfile.open(dir .. "/none"), 1)))
  end)
end)

describe("logfile.utf8", function()
  it("replaces what is no UTF-8", function()
    assert.equal("ä€", logfile.utf8("ä€"))
    assert.equal("", logfile.utf8(""))
    assert.equal("a\u{FFFD}b\u{FFFD}", logfile.utf8("a\xffb\xc3"))
    assert.equal("\u{FFFD}\u{FFFD}\u{FFFD}", logfile.utf8("\xed\xa0\x80"))
  end)
end)
