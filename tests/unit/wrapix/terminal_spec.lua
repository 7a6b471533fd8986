-- SPDX-License-Identifier: MIT
-- What is found in a program's output, however it is cut into pieces, and that no bytes
-- break the finding. The relay itself needs a terminal: tests/integration/watch_spec.lua.

local terminal = require("wrapix.terminal")
local proc = require("wrapix.proc")

local function found(...)
  local watcher, all = terminal.watcher(), {}
  for _, piece in ipairs({ ... }) do
    for _, text in ipairs(watcher:feed(piece)) do all[#all + 1] = text end
  end
  return all
end

-- Output of all kinds, and what is to be found in it.
local OUTPUT = "a\ab\27]9;one\a\27[31;1mred\27[0m\27]0;title\a\27]777;notify;T;two\27\\"
  .. "\27Pq#0\a\27\\\27]99;i=1:d=0;three\27\\\27]8;;http://x\27\\link\27]8;;\27\\"
  .. "\27]52;c;AAAA\a\27(B\27]9;\195\156\a\a\27[12\aC\27\a]0;"
local FOUND = { "bell", "9;one", "777;notify;T;two", "99;i=1:d=0;three", "9;\195\156", "bell",
  "bell", "bell" }

describe("terminal.watcher", function()
  it("finds bells and notifications, and no end of another sequence", function()
    assert.same(FOUND, found(OUTPUT))
  end)

  it("finds the same wherever the output is cut", function()
    for at = 1, #OUTPUT - 1 do
      assert.same(FOUND, found(OUTPUT:sub(1, at), OUTPUT:sub(at + 1)), tostring(at))
    end
    local bytes = {}
    for i = 1, #OUTPUT do bytes[i] = OUTPUT:sub(i, i) end
    assert.same(FOUND, found(table.unpack(bytes)))
  end)

  it("takes a sequence that another one cuts off for none", function()
    assert.same({ "9;b" }, found("\27]9;a\27[0m\27]9;b\a"))
    assert.same({ "bell" }, found("\27]9;a\24\a"))
    assert.same({ "9;b" }, found("\27]9;a\27]9;b\27\\"))
    assert.same({}, found("\27]9;never ended", ("x"):rep(10000)))
  end)

  it("finds what is wrapped for tmux", function()
    assert.same({ "9;x" }, found("\27Ptmux;\27\27]9;x\a\27\\"))
  end)

  it("keeps no control character, and not the whole of a long one", function()
    assert.same({ "9;abc" }, found("\27]9;a\nb\0\rc\a"))
    local long = found("\27]9;" .. ("y"):rep(100000) .. "\a\27]9;z\a")
    assert.same({ 4000, "9;z" }, { #long[1], long[2] })
  end)

  it("tells of no more than 64 in a piece", function()
    assert.equal(64, #found(("\a"):rep(1000)))
  end)

  it("takes any bytes", function()
    local alphabet = { "\27", "\a", "]", "\\", "9;", "99;", "777;notify;", "P", "\24", "x", "\200", "\0" }
    math.randomseed(7)
    for _ = 1, 300 do
      local parts = {}
      for i = 1, 60 do parts[i] = alphabet[math.random(#alphabet)] end
      local whole = table.concat(parts)
      local expected = found(whole)
      assert.same(expected, found(table.unpack(parts)), ("%q"):format(whole))
      for _, text in ipairs(expected) do
        assert.is_true(text == "bell" or text:find("^9+;") == 1 or text:find("^777;") == 1)
        assert.is_nil(text:find("[\0-\31]"))
      end
    end
  end)

  it("raises on what is no text", function()
    assert.has_error(function() terminal.watcher():feed({}) end)
  end)
end)

describe("terminal.relay", function()
  it("fails where there is no terminal, and leaves nothing open", function()
    local relay, message, code = terminal.relay(987, 987)
    assert.same({ nil, "EBADF" }, { relay, code })
    assert.matches("read the terminal's modes", message)
  end)

  it("raises on what is no descriptor", function()
    assert.has_error(function() terminal.relay(-1, 1) end)
    assert.has_error(function() terminal.relay("x", 1) end)
  end)
end)

describe("proc.spawn with a terminal", function()
  it("fails where stdin is none", function()
    local started, message, code = proc.spawn({ "true" }, { terminal = true })
    assert.same({ nil, "ENOTTY" }, { started, code })
    assert.matches("set up standard streams of", message)
  end)
end)
