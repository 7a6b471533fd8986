-- SPDX-License-Identifier: MIT

local fs = require("wrapix.fs")
local log_writer = require("wrapix.launch.log_writer")
local logfile = require("wrapix.logfile")

describe("the log of a detached sandbox", function()
  local dir, path

  before_each(function()
    dir = assert(fs.temp_dir("log-"))
    path = dir .. "/x.log"
  end)
  after_each(function() fs.remove_tree(dir) end)

  it("is read back as it was said", function()
    local log <close> = assert(log_writer.open(path))
    log:write("stdout", "one\ntwo ")
    log:write("stderr", "\xff oops\n")
    log:write("stdout", "halves\n\nlast")
    local texts = {}
    for _, entry in ipairs(assert(logfile.last(logfile.open(path), 20))) do
      texts[#texts + 1] = entry.stream .. ":" .. entry.text
    end
    table.sort(texts)
    assert.same({ "stderr:\xff oops", "stdout:", "stdout:one", "stdout:two halves" }, texts)
    assert.truthy(fs.read(path):find(" stdout P last\n$"))
    assert.truthy(fs.read(path):find("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d+%+00:00 stdout F one\n"))
  end)

  it("is begun anew when it is full", function()
    local log <close> = assert(log_writer.open(path, 200))
    for i = 1, 20 do log:write("stdout", ("line %d\n"):format(i)) end
    local text = fs.read(path)
    assert.is_true(#text <= 200, #text)
    assert.truthy(text:find("line 20\n", 1, true))
    assert.same({ "x.log" }, fs.list(dir))
  end)

  it("is a file of the user's alone, which no program gets that is started meanwhile", function()
    local log <close> = assert(log_writer.open(path))
    log:write("stdout", "one\n")
    assert.equal(tonumber("600", 8), fs.stat(path).mode)
    for _, name in ipairs(fs.list("/proc/self/fd")) do
      assert.not_equal(path, fs.readlink("/proc/self/fd/" .. name))
    end
  end)

  it("takes nothing after its end, and nothing where it cannot be made anew", function()
    local log <close> = assert(log_writer.open(path))
    log:close()
    log:write("stdout", "late\n")
    assert.equal("", fs.read(path))
    local other <close> = assert(log_writer.open(path, 60))
    other:write("stdout", "one\n")
    fs.remove_tree(dir)
    other:write("stdout", "two\n")
    other:write("stdout", "three\n")
    assert.is_nil(fs.stat(dir))
  end)

  it("cannot be where nothing can be written", function()
    local log, message = log_writer.open(dir .. "/no/x.log")
    assert.is_nil(log)
    assert.truthy(message:find("^log: "))
  end)
end)
