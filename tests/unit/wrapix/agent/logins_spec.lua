-- SPDX-License-Identifier: MIT
-- Specs of wrapix.agent.logins: what is read of stores a sandbox may write to.

local fs = require("wrapix.fs")
local logins = require("wrapix.agent.logins")
local store = require("wrapix.agent.store")
local sys = require("wrapix.sys")

local ME = { uid = sys.uid(), gid = sys.gid(), mode = "keep-id" }

describe("agent.logins", function()
  local base, dirs

  before_each(function()
    base = assert(fs.temp_dir("wrapix-logins-"))
    dirs = { data = base .. "/data/wrapix", cache = base .. "/cache/wrapix" }
  end)
  after_each(function() assert(fs.remove_tree(base)) end)

  it("reads files of a login up to a limit, through no link", function()
    local dir = store.login(dirs, ME, "claude", "office")
    assert(store.make(dir, dirs, ME))
    assert(fs.write_atomic(dir .. "/token", "t"))
    assert(fs.write_atomic(base .. "/outside", "o"))
    assert(fs.symlink(base .. "/outside", dir .. "/link"))
    assert(fs.write_atomic(dir .. "/huge", ("x"):rep((1 << 20) + 1)))
    local read = logins.reader(dirs, ME, "claude", "office")
    assert.equal("t", read("token"))
    for _, name in ipairs({ "link", "huge", "none", "../office/token", "" }) do
      assert.is_nil(read(name), name)
    end
  end)

  it("lists logins, and says which cannot be used", function()
    assert.same({}, logins.list(dirs, ME))
    local dir = store.login(dirs, ME, "claude", "office")
    assert(store.make(dir, dirs, ME))
    assert(store.make(store.login(dirs, ME, "claude"), dirs, ME))
    assert(fs.write_atomic(dir .. "/token", "t"))
    assert(fs.symlink("/etc", dirs.data .. "/logins/claude/evil"))
    assert(fs.ensure_dir(dirs.data .. "/logins/claude/No Name"))
    local list = logins.list(dirs, ME)
    assert.same({ "default", "evil", "office" }, { list[1].name, list[2].name, list[3].name })
    assert.is_nil(list[1].changed)
    assert.equal("is a symlink, not a directory", list[2].problem)
    assert.equal(fs.lstat(dir .. "/token").mtime, list[3].changed)
    assert.equal(3, #list)
  end)

  it("lists the users root has stores of", function()
    assert.same({}, logins.uids(dirs))
    assert(fs.ensure_dir(dirs.data .. "/uid/1001"))
    assert(fs.ensure_dir(dirs.data .. "/uid/x"))
    assert(fs.symlink("1001", dirs.data .. "/uid/1002"))
    assert.same({ 1001 }, logins.uids(dirs))
  end)
end)
