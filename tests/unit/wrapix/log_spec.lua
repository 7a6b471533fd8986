-- SPDX-License-Identifier: MIT
-- Specs of wrapix.log: what a person sees, and what hostile text cannot do.

local log = require("wrapix.log")
local task = require("wrapix.task")

-- A stream that keeps each write.
local function recorder()
  return {
    writes = {},
    write = function(self, ...)
      assert(select("#", ...) == 1)
      self.writes[#self.writes + 1] = ...
    end,
  }
end

local function new(opts)
  opts = opts or {}
  local stream = recorder()
  opts.stream = stream
  return log.new(opts), stream.writes
end

describe("log.clean", function()
  local cases = {
    { "plain text, ä€😀 \\ '", "plain text, ä€😀 \\ '" },
    { "", "" },
    { "a\27[31mred\27[0m", "a\\x1B[31mred\\x1B[0m" },
    { "a\nwrapix: forged\r\t\0\127", "a\\x0Awrapix: forged\\x0D\\x09\\x00\\x7F" },
    { "\xC2\x9B31m", "\\xC2\\x9B31m" },
    { "\xFF\xFEa\xC3", "\\xFF\\xFEa\\xC3" },
    { "\xC3\27", "\\xC3\\x1B" },
    { "ä\xA4ä", "ä\\xA4ä" },
    { "\xED\xA0\x80", "\\xED\\xA0\\x80" },
    { "a\u{202E}b\u{2066}c\u{2028}d", "a\\xE2\\x80\\xAEb\\xE2\\x81\\xA6c\\xE2\\x80\\xA8d" },
    { "a\u{61C}b\u{61B}", "a\\xD8\\x9Cb\u{61B}" },
    { "€ – “x” \u{A0}", "€ – “x” \u{A0}" },
  }
  for _, case in ipairs(cases) do
    it(("turns %q into %q"):format(case[1], case[2]), function()
      assert.equal(case[2], log.clean(case[1]))
    end)
  end

  it("leaves no control byte of any text", function()
    local bytes = {}
    for i = 0, 255 do bytes[#bytes + 1] = string.char(i) end
    local all = table.concat(bytes)
    for i = 1, 256 do
      local text = log.clean(all:sub(i) .. all:sub(1, i))
      assert.is_nil(text:find("[\0-\31\127]"))
      assert.is_truthy(utf8.len(text))
    end
  end)

  it("cleans megabytes in linear time", function()
    local start = os.clock()
    assert.equal(4000000, #log.clean(("\xFF"):rep(1000000)))
    assert.equal(2000000, #log.clean(("ä"):rep(1000000)))
    assert.is_true(os.clock() - start < 100)
  end)
end)

describe("log.split", function()
  it("takes the hint off a message", function()
    assert.same({ "probe: x: y", "do z" }, { log.split("probe: x: y\nhint: do z") })
    assert.same({ "probe: x: y" }, { log.split("probe: x: y") })
  end)
end)

describe("a log", function()
  it("writes one line at a time, in one form", function()
    local l, writes = new()
    l:error("open: /x: no such file", "wrapix doctor")
    l:warn("limits: pids: not enforced here")
    l:info("build image: done")
    l:debug("not shown")
    assert.same({
      "wrapix: open: /x: no such file\n",
      "hint: wrapix doctor\n",
      "wrapix: warning: limits: pids: not enforced here\n",
      "wrapix: build image: done\n",
    }, writes)
  end)

  it("keeps to its level", function()
    for level, count in pairs({ error = 1, warn = 2, info = 3, debug = 4 }) do
      local l, writes = new({ level = level })
      l:error("1")
      l:warn("2")
      l:info("3")
      l:debug("4", nil)
      assert.equal(count, #writes)
      assert.equal(level == "debug", l:shows("debug"))
    end
  end)

  it("shows no hint without its line", function()
    local l, writes = new({ level = "error" })
    l:warn("a", "b")
    assert.same({}, writes)
  end)

  it("lets no text forge a line or steer the terminal", function()
    local l, writes = new()
    l:error("open: a\nwrapix: all is well\27[2J", "x\ny")
    assert.same({
      "wrapix: open: a\\x0Awrapix: all is well\\x1B[2J\n",
      "hint: x\\x0Ay\n",
    }, writes)
  end)

  it("indents the text of other programs", function()
    local l, writes = new({ level = "error" })
    l:block("error", "one\r\n\27[1mtwo\n\nthree\n")
    l:block("debug", "no")
    assert.same({ "  one\n", "  \\x1B[1mtwo\n", "  \n", "  three\n" }, writes)
  end)

  it("takes another name, and refuses wrong options", function()
    local l, writes = new({ name = "ralph" })
    l:info("x")
    assert.same({ "ralph: x\n" }, writes)
    assert.error_matches(function() log.new({ level = "loud" }) end, "one of error")
    assert.error_matches(function() log.new({ colour = true }) end, "unknown option")
    assert.error_matches(function() l:shows("loud") end, "unknown level")
    assert.error_matches(function() l:error(nil) end, "string expected")
  end)
end)

describe("log:progress", function()
  it("says nothing about what is quick, and passes everything on", function()
    local l, writes = new()
    local function add(a, b) return a + b, nil, "third" end
    assert.same({ 3, nil, "third", n = 3 }, table.pack(l:progress("add", add, 1, 2)))
    assert.same({ n = 0 }, table.pack(l:progress("nothing", function() end)))
    local value, message, code = l:progress("fail", function() return nil, "EIO: x", "EIO" end)
    assert.same({ nil, "EIO: x", "EIO" }, { value, message, code })
    assert.error_matches(function() l:progress("raise", error, "boom") end, "boom")
    assert.same({}, writes)
  end)

  local function slow(opts, outcome)
    local now = 100
    opts.clock, opts.after = function() return now end, 0.01
    local l, writes = new(opts)
    pcall(l.progress, l, "build: \27x", function()
      now = 175
      task.sleep(0.1)
      return table.unpack(outcome)
    end)
    return writes
  end

  it("writes plain lines where there is no terminal", function()
    assert.same({
      "wrapix: build: \\x1Bx (1 min 15 s)\n",
      "wrapix: build: \\x1Bx: done (1 min 15 s)\n",
    }, slow({ tty = false }, { true }))
  end)

  it("keeps one line up to date on a terminal, and tells a failure", function()
    assert.same({
      "\r\27[Kwrapix: build: \\x1Bx (1 min 15 s)",
      "\r\27[Kwrapix: build: \\x1Bx: failed (1 min 15 s)\n",
    }, slow({ tty = true }, { nil, "EIO: x" }))
  end)

  it("is silent when the log is", function()
    assert.same({}, slow({ tty = true, level = "warn" }, { true }))
  end)
end)
