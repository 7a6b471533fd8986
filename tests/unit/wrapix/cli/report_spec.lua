-- SPDX-License-Identifier: MIT

local report = require("wrapix.cli.report")

local function make(opts)
  local written = {}
  local stream = { write = function(_, text) written[#written + 1] = text end }
  local r = report.new({ stream = stream, tty = false })
  if opts then r:choose(opts) end
  return r, function() return table.concat(written) end
end

describe("report", function()
  it("writes an error with its hint", function()
    local r, written = make()
    r:error("open: x: no such file", "make it")
    assert.equal("wrapix: open: x: no such file\nhint: make it\n", written())
  end)

  it("takes a hint out of the message", function()
    local r, written = make()
    r:error("open: x: no such file\nhint: make it")
    assert.equal("wrapix: open: x: no such file\nhint: make it\n", written())
  end)

  it("indents further lines", function()
    local r, written = make()
    r:error("profile: x.lua: 2 mistakes\none\ntwo", "mend them")
    assert.equal("wrapix: profile: x.lua: 2 mistakes\n  one\n  two\nhint: mend them\n", written())
  end)

  it("escapes what could rewrite the terminal, in hints as well", function()
    local r, written = make()
    r:error("open: a\27[2J\nb\rc", "\7")
    assert.equal("wrapix: open: a\\x1B[2J\n  b\\x0Dc\nhint: \\x07\n", written())
  end)

  it("leaves notices out when quiet, but no warning", function()
    local r, written = make({ quiet = true })
    r:note("unused", "unused")
    r:detail("unused")
    r:warn("careful", "do x")
    assert.equal("wrapix: warning: careful\nhint: do x\n", written())
  end)

  it("shows details only when asked", function()
    local r, written = make()
    r:detail("argv")
    assert.equal("", written())
    r, written = make({ verbose = true })
    r:detail("argv\n\tmore")
    r:note("n")
    assert.equal("  argv\n    more\nwrapix: note: n\n", written())
  end)

  it("is a log for whoever wants one", function()
    local r, written = make({ quiet = true })
    assert.is_false(r:shows("info"))
    r:info("unused")
    r:block("warn", "x")
    assert.equal(3, r:progress("work", function(n) return n end, 3))
    assert.equal("  x\n", written())
  end)
end)
