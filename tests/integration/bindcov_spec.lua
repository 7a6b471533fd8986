-- SPDX-License-Identifier: MIT
-- The check of stubs and mentions: clean here, and able to complain.

local fs = require("wrapix.fs")
local proc = require("wrapix.proc")

local function bindcov(root)
  return assert(proc.run({ "lua5.4", WRAPIX_ROOT .. "/.ci/bindcov.lua", root }))
end

local function write(dir, name, text)
  local path = dir .. "/" .. name
  assert(fs.ensure_dir(path:match("^(.*)/")))
  assert(fs.write_atomic(path, text, { sync = false }))
end

describe("bindcov", function()
  local dir
  before_each(function()
    dir = assert(fs.temp_dir())
    write(dir, "src/host.c", "")
    write(dir, "src/api/lx.c", "static const luaL_Reg f[] = {FN(go), METHOD(stop), {NULL, NULL}};")
    write(dir, "docs/api/x.lua", "function x.go() end\nfunction X:stop() end\n")
    write(dir, "tests/x_spec.lua", "x.go(); thing:stop()\n")
  end)
  after_each(function() fs.remove_tree(dir) end)

  it("finds nothing missing in this tree", function()
    local result = bindcov(WRAPIX_ROOT)
    assert.equal("", result.stdout)
    assert.equal(0, result.code)
  end)

  it("is content with a stub and a mention for each", function()
    assert.same({ "", 0 }, { bindcov(dir).stdout, bindcov(dir).code })
  end)

  it("names a function without a stub and one without a mention", function()
    write(dir, "docs/api/x.lua", "function x.go() end\n")
    write(dir, "tests/x_spec.lua", "x.gone(); thing:stop()\n")
    local result = bindcov(dir)
    assert.equal(1, result.code)
    assert.equal("bindcov: x.go: in no spec\nbindcov: x:stop: no stub in docs/api/x.lua\n",
      result.stdout)
  end)

  it("names a stub that outlived its function", function()
    write(dir, "docs/api/x.lua",
      "function x.go() end\nfunction X:stop() end\nfunction x.old() end\n")
    local result = bindcov(dir)
    assert.equal(1, result.code)
    assert.matches("x.old: docs/api/x.lua has a stub", result.stdout, 1, true)
  end)

  it("looks for the word of `seen as` instead", function()
    write(dir, "docs/api/x.lua",
      "-- seen as: x.start\nfunction x.go() end\nfunction X:stop() end\n")
    assert.equal("bindcov: x.go: in no spec\n", bindcov(dir).stdout)
    write(dir, "tests/x_spec.lua", "x.start(); thing:stop()\n")
    assert.equal(0, bindcov(dir).code)
  end)

  it("does not take an empty place for a clean one", function()
    assert(fs.remove_tree(dir .. "/src/api"))
    assert(fs.ensure_dir(dir .. "/src/api"))
    local result = bindcov(dir)
    assert.equal(1, result.code)
    assert.matches("no C module found", result.stdout, 1, true)
  end)
end)
