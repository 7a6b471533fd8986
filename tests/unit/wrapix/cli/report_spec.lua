-- SPDX-License-Identifier: MIT

local report = require("wrapix.cli.report")

local function make(opts)
  local written = {}
  opts = opts or {}
  opts.write = function(text) written[#written + 1] = text end
  return report.new(opts), function() return table.concat(written) end
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
    r:error("profile: x.lua: 2 mistakes\n  one\ntwo")
    assert.equal("wrapix: profile: x.lua: 2 mistakes\n    one\n  two\n", written())
  end)

  it("escapes what could rewrite the terminal", function()
    local r, written = make()
    r:error("open: a\27[2Jb\rc\xc2\x9b: no")
    assert.equal("wrapix: open: a\\x1b[2Jb\\x0dc\\xc2\\x9b: no\n", written())
  end)

  it("escapes bytes that are no UTF-8", function()
    assert.equal("a\\xff", report.printable("a\xff"))
    assert.equal("über\\n", report.printable("über\n"))
  end)

  it("leaves notices out when quiet, but no warning", function()
    local r, written = make({ quiet = true })
    r:note("unused")
    r:warn("careful", "do x")
    assert.equal("wrapix: warning: careful\nhint: do x\n", written())
  end)

  it("shows details only when asked", function()
    local r, written = make()
    r:detail("argv")
    assert.equal("", written())
    r, written = make({ verbose = true })
    r:detail("argv")
    r:note("n")
    assert.equal("wrapix: argv\nwrapix: note: n\n", written())
  end)
end)
