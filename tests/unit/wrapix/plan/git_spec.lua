-- SPDX-License-Identifier: MIT
-- Specs of wrapix.plan.git: what a repository and a deploy key add to a plan.

local fixture = require "tests.unit.wrapix.plan_fixture"
local fs = require "wrapix.fs"
local plan = require "wrapix.plan"
local profiles = require "wrapix.profile"
local sys = require "wrapix.sys"

describe("a plan", function()
  local top, facts

  local function write(name, text, mode)
    local file = top .. "/" .. name
    assert(fs.ensure_dir(file:match("^(.*)/")))
    assert(fs.write_atomic(file, text, { sync = false, mode = mode }))
    return file
  end

  before_each(function()
    top = assert(fs.realpath(assert(fs.temp_dir("wrapix-plan-git-", "/var/tmp"))))
    facts = fixture.facts()
    facts.fs, facts.home = fs, top .. "/home"
    facts.uid, facts.gid = sys.uid(), sys.gid()
    facts.workspace = { path = top .. "/tree", uid = sys.uid(), gid = sys.gid() }
    facts.session.dir = "/run/user/1000/wrapix/s/1/run"
    for _, sub in ipairs({ "objects", "refs", "hooks" }) do
      assert(fs.ensure_dir(top .. "/main/.git/" .. sub))
    end
    write("main/.git/HEAD", "ref: refs/heads/main\n")
    write("main/.git/config", "[remote \"origin\"]\n\turl = git@github.com:joe/shop.git\n")
    write("main/.git/worktrees/tree/gitdir", top .. "/tree/.git\n")
    write("main/.git/worktrees/tree/commondir", "../..\n")
    write("tree/.git", ("gitdir: %s/main/.git/worktrees/tree\n"):format(top))
  end)

  after_each(function() assert(fs.remove_tree(top)) end)

  local function make(fields, options)
    fields = fields or {}
    fields.name, fields.image = "x", "localhost/x"
    return assert(plan.make(assert(profiles.from_table(fields)), options or {}, facts))
  end

  local function mount_at(made, dest)
    for i, one in ipairs(made.mounts) do
      if one.dest == dest then return one, i end
    end
  end

  local function value(made, name)
    for _, one in ipairs(made.env) do
      if one.name == name then return one.value, one.origin.text end
    end
  end

  it("names the repository as the origin of its mounts, an outer one first", function()
    local made = make()
    local common, at = mount_at(made, top .. "/main/.git")
    assert.same({ kind = "host", text = "git worktree of " .. top .. "/main/.git" }, common.origin)
    assert.equal("rw", common.mode)
    local settings, later = mount_at(made, top .. "/main/.git/config")
    assert.equal("ro", settings.mode)
    assert.is_true(later > at)
  end)

  it("takes files that are yet to be written from the session's directory", function()
    local made = make()
    assert.equal(facts.session.dir .. "/git/dotgit", mount_at(made, "/workspace/.git").source)
    assert.equal(("gitdir: %s/main/.git/worktrees/tree\n"):format(top), made.files[1].text)
    assert.equal("gc.auto", (value(made, "GIT_CONFIG_KEY_0")))
    assert.equal("1", (value(made, "GIT_CONFIG_COUNT")))
  end)

  it("leaves a place to whoever mounts something there by name", function()
    assert(fs.ensure_dir(top .. "/own"))
    local made = make({ mounts = { { source = top .. "/own", dest = top .. "/main/.git/hooks" } } })
    assert.equal(top .. "/own", mount_at(made, top .. "/main/.git/hooks").source)
    assert.equal("rw", mount_at(made, top .. "/main/.git").mode)
  end)

  it("mounts nothing of a repository that may not be mounted", function()
    facts.dirs.state = top .. "/main/.git/x"
    local made = make()
    assert.is_nil(mount_at(made, top .. "/main/.git"))
    assert.is_nil(mount_at(made, "/workspace/.git"))
    assert.is_nil(made.files)
    assert.is_nil((value(made, "GIT_CONFIG_COUNT")))
    assert.truthy(made.skipped[1].reason:find("wrapix's own directory", 1, true))
  end)

  it("starts where git works and says what can be read, in a part of a repository", function()
    assert(fs.ensure_dir(top .. "/main/part"))
    facts.workspace.path = top .. "/main/part"
    local made = make()
    assert.equal(top .. "/main/part", made.workspace.dest)
    assert.equal("rw", mount_at(made, "/workspace").mode)
    assert.equal("ro", mount_at(made, top .. "/main").mode)
    local warned = made.warnings[#made.warnings]
    assert.truthy(warned.text:find(top .. "/main, which can be read inside", 1, true), warned.text)
  end)

  it("does not show a home directory because it is a repository", function()
    assert(fs.ensure_dir(top .. "/main/part"))
    facts.workspace.path, facts.home = top .. "/main/part", top .. "/main"
    local made = make()
    assert.equal("/workspace", made.workspace.dest)
    assert.is_nil(mount_at(made, top .. "/main"))
    assert.truthy(made.skipped[1].reason:find("is the home directory", 1, true))
  end)

  describe("with a deploy key", function()
    local name

    before_each(function()
      name = "shop-box"
      for _, ending in ipairs({ "", "-signing" }) do
        local file = "home/.ssh/deploy_keys/" .. name .. ending
        write(file, "private canary", tonumber("600", 8))
        write(file .. ".pub", "ssh-ed25519 AAAA\n")
      end
    end)

    it("finds the one of this repository and host", function()
      local made = make({ deploy_key = true })
      local mount = mount_at(made, "/etc/wrapix/keys/shop-box")
      assert.equal(top .. "/home/.ssh/deploy_keys/shop-box", mount.source)
      assert.equal("ro", mount.mode)
      assert.equal("profile", mount.origin.kind)
      assert.equal("5", (value(made, "GIT_CONFIG_COUNT")))
      assert.equal("ssh", (value(made, "GIT_CONFIG_VALUE_1")))
      assert.is_nil(fixture.plan_text(made):find("canary", 1, true))
    end)

    it("adds its settings behind the profile's", function()
      local made = make({ deploy_key = name, env = { GIT_CONFIG_COUNT = 1,
        GIT_CONFIG_KEY_0 = "a.b", GIT_CONFIG_VALUE_0 = "c", GIT_SSH_COMMAND = "own" } })
      assert.equal("6", (value(made, "GIT_CONFIG_COUNT")))
      assert.equal("a.b", (value(made, "GIT_CONFIG_KEY_0")))
      assert.equal("gc.auto", (value(made, "GIT_CONFIG_KEY_1")))
      assert.equal("own", (value(made, "GIT_SSH_COMMAND")))
      local none, message = plan.make(assert(profiles.from_table({ image = "x", deploy_key = name,
        env = { GIT_CONFIG_COUNT = "many" } })), {}, facts)
      assert.is_nil(none)
      assert.truthy(message:find("GIT_CONFIG_COUNT", 1, true))
    end)

    it("does not sign when told so by option, profile or environment", function()
      local function signs(made) return (value(made, "WRAPIX_SIGNING_KEY")) ~= nil end
      local off = { env = { "WRAPIX_GIT_SIGN=0" } }
      assert.is_true(signs(make({ deploy_key = name })))
      assert.is_false(signs(make({ deploy_key = name }, off)))
      assert.is_false(signs(make({ deploy_key = name, env = { WRAPIX_GIT_SIGN = "0" } })))
      facts.env.WRAPIX_GIT_SIGN = "0"
      assert.is_false(signs(make({ deploy_key = name })))
      assert.is_true(signs(make({ deploy_key = name }, { env = { "WRAPIX_GIT_SIGN=1" } })))
    end)

    it("warns of one that is not there", function()
      local made = make({ deploy_key = "other" })
      local warned = made.warnings[#made.warnings]
      assert.truthy(warned.text:find("deploy_keys/other: does not exist", 1, true), warned.text)
      assert.truthy(warned.hint:find("wrapix deploy-key", 1, true))
    end)
  end)
end)
