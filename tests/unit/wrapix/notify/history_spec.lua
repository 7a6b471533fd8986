-- SPDX-License-Identifier: MIT
local fs = require("wrapix.fs")
local history = require("wrapix.notify.history")

describe("notify.history", function()
  local dir
  before_each(function() dir = assert(fs.temp_dir("wx-history")) .. "/state" end)
  after_each(function() fs.remove_tree(dir:match("^(.*)/")) end)

  local function titles(list)
    local out = {}
    for i, record in ipairs(list) do out[i] = record.title end
    return out
  end

  it("gives back what was added, the newest last, for nobody else to read", function()
    local one = history.open(dir)
    assert.same({}, one:read())
    for i = 1, 5 do one:add({ title = "t" .. i, levels = { { name = "a" } } }) end
    assert(one:flush())
    assert.same({ "t1", "t2", "t3", "t4", "t5" }, titles(history.open(dir):read()))
    assert.same({ "t4", "t5" }, titles(one:read(2)))
    assert.equal("a", one:read(1)[1].levels[1].name)
    assert.equal(384, fs.stat(one.path).mode & 511)
    assert.equal(448, fs.stat(dir).mode & 511)
  end)

  it("stays below its size, and keeps the newest", function()
    local one = history.open(dir, { limit = 4096 })
    for i = 1, 2000 do
      one:add({ title = ("title %d"):format(i), message = ("x"):rep(100) })
      assert(one:flush())
    end
    local size = fs.stat(one.path).size + fs.stat(one.path .. ".1").size
    assert.is_true(size < 2 * (4096 + 200))
    local list = one:read()
    assert.equal("title 2000", list[#list].title)
    assert.is_true(#list > 30)
    assert.same({ "title 1999", "title 2000" }, titles(one:read(2)))
  end)

  it("cuts long texts, and passes over what is no record", function()
    local one = history.open(dir)
    one:add({ title = ("é"):rep(5000) })
    one:add({ title = "bad", broken = print })
    assert(one:flush())
    assert(fs.append(one.path, "{\"title\":\"torn\n[1]\n17\nnot json\n"))
    one:add({ title = "last" })
    assert(one:flush())
    local list = one:read()
    assert.equal("last", list[#list].title)
    assert.is_true(#list[1].title < 1100)
    assert.is_truthy(utf8.len(list[1].title))
  end)

  it("says when it cannot write", function()
    assert(fs.write_atomic(dir, "a file in the way"))
    local one = history.open(dir)
    one:add({ title = "t" })
    assert.is_nil((one:flush()))
    assert.is_nil((one:read()))
  end)

  it("does not write through a link, which it could never move away", function()
    assert(fs.ensure_dir(dir))
    assert(fs.write_atomic(dir .. "/keep", "kept"))
    local one = history.open(dir)
    assert(fs.symlink(dir .. "/keep", one.path))
    one:add({ title = "t" })
    local ok, message = one:flush()
    assert.is_nil(ok)
    assert.matches("notify.jsonl: is a symlink and no file", message, 1, true)
    assert.equal("kept", fs.read(dir .. "/keep"))
  end)
end)
