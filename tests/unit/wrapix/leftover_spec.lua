-- SPDX-License-Identifier: MIT
local fs = require("wrapix.fs")
local leftover = require("wrapix.leftover")
local live = require("wrapix.live")
local record = require("wrapix.record")
local store = require("wrapix.agent.store")

describe("leftover.find", function()
  local dir, facts, running, real_list

  before_each(function()
    dir = assert(fs.realpath(assert(fs.temp_dir("leftover-"))))
    facts = { dirs = { state = dir .. "/state", data = dir .. "/data" } }
    running, real_list = {}, live.list
    live.list = function() return running end
  end)
  after_each(function()
    live.list = real_list
    fs.remove_tree(dir)
  end)

  -- A workspace that had sessions, with what agents kept of it below `part`.
  local function project(name, part)
    local workspace = dir .. "/" .. name
    assert(fs.ensure_dir(workspace))
    assert(record.append(facts.dirs.state, { session = name, workspace = workspace }))
    local kept = ("%s/%sprojects/%s"):format(facts.dirs.data, part or "", store.key(workspace))
    assert(fs.ensure_dir(kept .. "/claude/home"))
    return workspace, kept
  end

  local function found()
    local out = {}
    for i, one in ipairs(assert(leftover.find(facts))) do out[i] = one.what end
    table.sort(out)
    return out
  end

  it("is what is kept of workspaces that are gone, and removes that alone", function()
    assert.same({}, found())
    local _, there = project("there")
    local gone, kept = project("gone")
    local theirs, their_kept = project("theirs", "uid/1001/")
    assert(fs.ensure_dir(facts.dirs.data .. "/projects/unknown-0123456789ab/claude"))
    assert(fs.ensure_dir(facts.dirs.data .. "/logins/claude/default"))
    assert(fs.write_atomic(dir .. "/precious", "x"))
    assert(fs.symlink(dir .. "/precious", kept .. "/claude/home/link"))
    assert.same({}, found())
    assert(fs.remove_tree(gone))
    assert(fs.remove_tree(theirs))
    assert.same({ kept, their_kept }, found())
    local list = leftover.find(facts)
    assert.equal(("its workspace %s is gone"):format(gone), list[1].why)
    for _, one in ipairs(list) do assert.is_true(one.remove()) end
    assert.same({}, found())
    for _, path in ipairs({ there, facts.dirs.data .. "/projects/unknown-0123456789ab",
      facts.dirs.data .. "/logins/claude/default", dir .. "/precious" }) do
      assert.is_true(fs.exists(path), path)
    end
  end)

  it("is nothing of a workspace that a sandbox runs in, nor what a link stands for", function()
    local gone, kept = project("gone")
    assert(fs.remove_tree(gone))
    running = { { workspace = gone } }
    assert.same({}, found())
    running = {}
    assert.same({ kept }, found())
    assert(fs.rename(kept, dir .. "/elsewhere"))
    assert(fs.symlink(dir .. "/elsewhere", kept))
    assert.same({}, found())
  end)

  it("fails as the engine does", function()
    live.list = function() return nil, "no engine", "EENGINE" end
    assert.same({ "no engine", "EENGINE" }, { select(2, leftover.find(facts)) })
  end)
end)
