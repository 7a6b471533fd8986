-- SPDX-License-Identifier: MIT
-- Files that were never put in place: the old ones go, and nothing else.

local fs = require("wrapix.fs")
local pieces = require("ralph.pieces")
local places = require("unit.ralph.place")
local projects = require("ralph.project")
local sys = require("wrapix.sys")

describe("pieces of files", function()
  local place, project
  before_each(function()
    place = places.new()
    project = assert(projects.open(place.root, { log = places.log() }))
  end)
  after_each(function() place:close() end)

  local function names(dir) return fs.list(dir) or {} end

  it("go when they are old, wherever one of ours writes", function()
    local dirs = { project.dirs.state, project.paths.git, project.paths.attempts, project.dirs.wrapix }
    for _, dir in ipairs(dirs) do place:write(dir .. "/.wrapix-00ff00ff00ff00ff", "half") end
    place:write(project.paths.git .. "/out/pack-1234.pack", "half")
    assert.equal(0, pieces.sweep(project, sys.time()))
    assert.equal(5, pieces.sweep(project, sys.time() + pieces.OLD + 10))
    for _, dir in ipairs(dirs) do
      assert.is_nil(fs.stat(dir .. "/.wrapix-00ff00ff00ff00ff"))
    end
    assert.same({}, names(project.paths.git .. "/out"))
  end)

  it("are told from what somebody made", function()
    local kept = { ".wrapix-notes", "x.wrapix-00ff00ff00ff00ff", "issues.jsonl" }
    for _, name in ipairs(kept) do place:write(".wrapix/" .. name, "mine") end
    assert(fs.mkdir(project.dirs.wrapix .. "/.wrapix-00ff00ff00ff00aa"))
    assert.equal(0, pieces.sweep(project, sys.time() + 2 * pieces.OLD))
    assert.equal(4, #names(project.dirs.wrapix))
  end)

  it("are not looked for behind a link", function()
    local outside = place.dir .. "/outside"
    place:write(outside .. "/.wrapix-00ff00ff00ff00ff", "not ours")
    assert(fs.symlink(outside, project.dirs.wrapix))
    assert.equal(0, pieces.sweep(project, sys.time() + 2 * pieces.OLD))
    assert.equal(1, #names(outside))
  end)
end)
