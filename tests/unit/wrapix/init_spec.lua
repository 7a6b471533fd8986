-- SPDX-License-Identifier: MIT
-- The public table: what is there is loaded when it is used, what is not is nil.

local fs = require("wrapix.fs")
local host = require("wrapix.host")
local sys = require("wrapix.sys")
local wrapix = require("wrapix")

describe("require \"wrapix\"", function()
  it("has nothing behind a name there is none of", function()
    assert.is_nil(wrapix.no_such_thing)
    assert.equal(host.version, wrapix.version)
  end)

  it("gives directories of wrapix alone", function()
    local dirs = wrapix.dirs()
    for _, name in ipairs({ "runtime", "state", "data", "cache", "config" }) do
      assert.matches("^/.*/wrapix", dirs[name], name)
    end
  end)

  it("gives files that came with it", function()
    assert.equal(host.script("profiles/base.lua"), wrapix.script("profiles/base.lua"))
    assert.same({ n = 1 }, table.pack(wrapix.script("profiles/none.lua")))
    assert.equal(1, select("#", wrapix.script("profiles/base.lua")))
  end)

  it("reads durations", function()
    assert.same({ 5400, 12, 90 },
      { wrapix.duration("1h30m"), wrapix.duration(12), wrapix.duration("90s") })
    local seconds, reason = wrapix.duration("soon")
    assert.is_nil(seconds)
    assert.matches("is not a duration", reason, 1, true)
    assert.is_nil((wrapix.duration(0)))
  end)

  it("lists the profiles that can be named", function()
    local where = {}
    for _, one in ipairs(wrapix.profile_names("/nonexistent")) do where[one.name] = one.where end
    assert.equal("builtin", where.rust)
  end)

  it("gives digests and the nearest word", function()
    assert.matches("^e3b0c442", wrapix.sha256.hex(""))
    assert.equal(" (did you mean 'base'?)", wrapix.nearest.hint("bsae", { "base" }))
  end)

  it("tells a process from any other", function()
    local owner = assert(wrapix.owner.current())
    assert.same(owner, wrapix.owner.decode(wrapix.owner.encode(owner)))
    assert.equal("alive", wrapix.owner.state(owner))
    assert.equal(sys.pid(), owner.pid)
  end)

  it("reads programs of a workspace only when they are trusted, and changes no trust", function()
    local dir <close> = setmetatable({ path = assert(fs.temp_dir()) }, {
      __close = function(self) fs.remove_tree(self.path) end,
    })
    assert(fs.write_atomic(dir.path .. "/ralph.lua", "return {}"))
    assert.equal("EUNTRUSTED", select(3, wrapix.trust.read(dir.path .. "/ralph.lua")))
    assert.is_nil(wrapix.trust.add)
  end)
end)
