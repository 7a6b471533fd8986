-- SPDX-License-Identifier: MIT
-- Specs of wrapix.agent.store: places, making, and what a sandbox may have left.

local fs = require("wrapix.fs")
local store = require("wrapix.agent.store")
local sys = require("wrapix.sys")

local ME = { uid = sys.uid(), gid = sys.gid(), mode = "keep-id" }
local PRIVATE = tonumber("700", 8)

describe("agent.store", function()
  local base, dirs

  before_each(function()
    base = assert(fs.temp_dir("wrapix-store-"))
    dirs = { data = base .. "/data/wrapix", cache = base .. "/cache/wrapix" }
  end)
  after_each(function() assert(fs.remove_tree(base)) end)

  it("names a place for each agent, login, project and user", function()
    local d, direct = { data = "/d", cache = "/c" }, { uid = 1001, gid = 1, mode = "direct" }
    local root = { uid = 0, gid = 0, mode = "direct" }
    assert.equal("/d/logins/claude/default", store.login(d, ME, "claude"))
    assert.equal("/d/logins/claude/work", store.login(d, root, "claude", "work"))
    assert.equal("/d/uid/1001/logins/claude/work", store.login(d, direct, "claude", "work"))
    assert.equal("/c/caches/uv", store.cache(d, ME, "uv"))
    assert.equal("/c/uid/1001/caches/uv", store.cache(d, direct, "uv"))
    local one = store.state(d, ME, "/a/shop", "pi", "home")
    local two = store.state(d, ME, "/b/shop", "pi", "home")
    assert.matches("^/d/projects/shop%-%x+/pi/home$", one)
    assert.not_equal(one, two)
  end)

  it("makes one name of any workspace", function()
    for _, workspace in ipairs({ "/", "/Ä ö/..x..", "/a/" .. ("x"):rep(300), "/a/-\n-" }) do
      local key = store.key(workspace)
      assert.matches("^[a-z0-9][a-z0-9._-]*%-%x+$", key)
      assert.is_true(#key <= 60)
    end
    assert.not_equal(store.key("/a/X"), store.key("/a/x"))
  end)

  it("makes directories for their user alone, and again does no harm", function()
    local dir = store.login(dirs, ME, "claude")
    assert(store.make(dir, dirs, ME))
    assert(fs.write_atomic(dir .. "/kept", "x"))
    assert(fs.chmod(dir, tonumber("755", 8)))
    assert(store.make(dir, dirs, ME))
    assert.equal("x", fs.read(dir .. "/kept"))
    local place = dir
    while place ~= base .. "/data" do
      assert.equal(PRIVATE, fs.lstat(place).mode, place)
      place = place:match("^(.*)/")
    end
  end)

  it("makes what a plan says, and the places of mounts inside of others", function()
    local outer, inner = store.login(dirs, ME, "gemini"), store.state(dirs, ME, "/w", "gemini", "tmp")
    local plan = { user = ME, mounts = {
      { dest = "/home/wrapix/.g", source = outer, make = true },
      { dest = "/home/wrapix/.g/a/tmp", source = inner, make = true },
      { dest = "/workspace", source = base .. "/none" },
    } }
    assert(store.make_all(plan, dirs))
    for _, dir in ipairs({ outer, outer .. "/a/tmp", inner }) do
      assert.equal(PRIVATE, fs.lstat(dir).mode, dir)
    end
    assert.is_nil(fs.lstat(base .. "/none"))
    assert(fs.remove_tree(outer .. "/a"))
    assert(fs.symlink("/tmp", outer .. "/a"))
    assert.equal("ENOTDIR", select(3, store.make_all(plan, dirs)))
  end)

  it("takes no link for a store or for what is above it", function()
    assert(fs.ensure_dir(dirs.data .. "/logins/claude"))
    assert(fs.ensure_dir(base .. "/victim"))
    assert(fs.symlink(base .. "/victim", dirs.data .. "/logins/claude/default"))
    assert(fs.symlink(base .. "/victim", dirs.data .. "/logins/codex"))
    for _, agent in ipairs({ "claude", "codex" }) do
      local ok, message, code, hint = store.make(store.login(dirs, ME, agent), dirs, ME)
      assert.is_nil(ok)
      assert.matches("^store: ", message)
      assert.equal("ENOTDIR", code)
      assert.matches("something else is in its place", hint)
    end
    assert.same({}, fs.list(base .. "/victim"))
  end)

  it("is misused with a place of others", function()
    for _, dir in ipairs({ "/etc", dirs.data, dirs.data .. "/x", dirs.cache .. "/logins/a",
      dirs.data .. "/logins/../../x" }) do
      local raised, ok = pcall(store.make, dir, dirs, ME)
      assert.is_true(raised == false or ok == nil, dir)
    end
    assert.is_nil(fs.lstat(base .. "/data/x"))
  end)

  if sys.euid() == 0 then
    it("gives a store of another user to that user, and refuses one of a third", function()
      local user = { uid = 1001, gid = 1002, mode = "direct" }
      local dir = store.login(dirs, user, "claude")
      assert(store.make(dir, dirs, user))
      local stat = fs.lstat(dir)
      assert.same({ 1001, 1002, PRIVATE }, { stat.uid, stat.gid, stat.mode })
      assert.equal(0, fs.lstat(dir:match("^(.*)/")).uid)
      assert(fs.chown(dir, 1003, 1003))
      local ok, _, code, hint = store.make(dir, dirs, user)
      assert.same({ nil, "EPERM" }, { ok, code })
      assert.matches("belongs to somebody else", hint)
    end)
  end
end)
