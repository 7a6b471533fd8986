-- SPDX-License-Identifier: MIT
-- The raw stream of each attempt as a file of its own, in a tree that is hostile.

local fs = require("wrapix.fs")
local proc = require("wrapix.proc")
local states = require("ralph.state")
local transcripts = require("ralph.transcript")

describe("transcript", function()
  local project
  before_each(function()
    project = { root = assert(fs.realpath(assert(fs.temp_dir()))), dirs = { state = assert(fs.temp_dir()) } }
  end)
  after_each(function()
    fs.remove_tree(project.root)
    fs.remove_tree(project.dirs.state)
  end)

  local issue = { id = "a-1", spec_id = "shop" }

  it("takes the bytes as they come, under the next free number", function()
    assert.equal(1, transcripts.next_number(project, issue, 0))
    local one = assert(transcripts.open(project, issue, 1))
    one:write("a\n")
    one:write("b")
    assert.equal("a\nb", fs.read(project.root .. "/.wrapix/logs/shop/a-1/attempt-1.jsonl"))
    assert.equal(2, transcripts.next_number(project, issue, 0))
    assert.equal(6, transcripts.next_number(project, issue, 5))
  end)

  it("is bounded, says so, and has the end of the stream", function()
    local largest, tail = transcripts.LARGEST, transcripts.TAIL
    transcripts.LARGEST, transcripts.TAIL = 20, 12
    local file = project.root .. "/.wrapix/logs/shop/a-1/attempt-1.jsonl"
    local one = assert(transcripts.open(project, issue, 1))
    one:write('{"n":1}\n')
    one:write('{"n":2}\n{"n":3}\n')
    for i = 4, 90 do one:write(('{"n":%d}\n'):format(i)) end
    one:close()
    one:close()
    local two = assert(transcripts.open(project, issue, 2))
    two:write(("x"):rep(20))
    two:close()
    transcripts.LARGEST, transcripts.TAIL = largest, tail
    local lines = {}
    for line in fs.read(file):gmatch("[^\n]+") do lines[#lines + 1] = line end
    assert.same({ '{"n":1}', '{"n":2}', '{"n"',
      '{"text":"the stream is longer than 20 bytes: only its end is kept","type":"wrapix"}',
      '{"text":"772 bytes are left out","type":"wrapix"}', '{"n":90}' }, lines)
    assert.equal(("x"):rep(20), fs.read((file:gsub("1%.jsonl", "2.jsonl"))))
  end)

  it("makes names of files of any id", function()
    assert.equal("no-spec/a-b-c", transcripts.dir({ id = "a/b c" }))
    assert.equal("-/-evil", transcripts.dir({ id = "..evil", spec_id = ".." }))
  end)

  it("keeps out of the work tree what quotes a hidden spec", function()
    assert(states.merge(project, { specs = { shop = { hidden = true, created = 1 } } }))
    local one = assert(transcripts.open(project, issue, 1))
    one:write("secret")
    local file = project.dirs.state .. "/logs/shop/a-1/attempt-1.jsonl"
    assert.same({ file, "secret" }, { one.shown, fs.read(file) })
    assert.is_nil((fs.stat(project.root .. "/.wrapix")))
    assert.equal(2, transcripts.next_number(project, issue, 0))
    assert.equal(project.dirs.state, transcripts.all(project)[1].root)
    assert.equal(".wrapix/logs/blog/a-1/attempt-1.jsonl",
      assert(transcripts.open(project, { id = "a-1", spec_id = "blog" }, 1)).shown)
    assert(fs.write_atomic(project.dirs.state .. "/state.json", "{"))
    assert.matches("^/", assert(transcripts.open(project, { id = "a-1", spec_id = "blog" }, 2)).shown)
    assert.equal(3, transcripts.prune(project, 0, 9e9))
  end)

  it("follows no link, writing or removing", function()
    local outside = assert(fs.temp_dir())
    assert(fs.ensure_dir(project.root .. "/.wrapix"))
    assert(fs.symlink(outside, project.root .. "/.wrapix/logs"))
    assert.is_nil((transcripts.open(project, issue, 1)))
    assert(fs.ensure_dir(outside .. "/shop/a-1"))
    assert(fs.write_atomic(outside .. "/shop/a-1/attempt-1.jsonl", "x"))
    assert.equal(0, transcripts.prune(project, 0, 9e9))
    assert.same({}, transcripts.all(project))
    assert.equal("x", fs.read(outside .. "/shop/a-1/attempt-1.jsonl"))
    fs.remove_tree(outside)
  end)

  it("lists them, and removes old ones and nothing else", function()
    for i = 1, 2 do assert(transcripts.open(project, issue, i)):write("x") end
    local dir = project.root .. "/.wrapix/logs/shop/a-1/"
    assert(fs.write_atomic(dir .. "notes", "mine"))
    assert(proc.run({ "touch", "-d", "@1000", dir .. "attempt-1.jsonl", dir .. "notes" }).code == 0)
    local all = transcripts.all(project)
    assert.same({ 1, 2, "a-1", "shop" }, { all[1].attempt, all[2].attempt, all[1].issue, all[1].spec })
    assert.equal(0, transcripts.prune(project, false, 9e9))
    assert.equal(1, transcripts.prune(project, 60, 2000))
    assert.same({ "attempt-2.jsonl", "notes" }, fs.list(dir))
  end)

  it("lets the attempt go on when the disk does not", function()
    local one = assert(transcripts.open(project, issue, 1))
    fs.remove_tree(project.root .. "/.wrapix")
    one:write("x")
    one:write("y")
    assert.is_string(one.failure)
  end)
end)
