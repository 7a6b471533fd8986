-- SPDX-License-Identifier: MIT
-- git in real sandboxes: clones, worktrees, submodules and parts of repositories.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local repo = require("support.repo")

local PROFILE = [[
return { name = "git", base = "localhost/wrapix-base-debian:trixie", network = "none",
  packages = { "git", "openssh-client", "openssh-server" } }
]]

describe("git in a sandbox", function()
  local profile, image

  setup(function()
    profile = e2e.file(e2e.tmp .. "/git.lua", PROFILE)
    local result = e2e.cli({ "image", "build", profile }, { timeout = 600 })
    assert(result.code == 0, result.stderr)
    image = result.stdout:match("%S+")
  end)

  teardown(e2e.assert_clean)

  local function sh(dir, script, args)
    return e2e.sh("set -e; exec 2>&1; " .. script, { dir = dir, image = image, args = args })
  end

  local function out(dir, script)
    local result = sh(dir, script)
    assert.equal(0, result.code, result.stdout .. result.stderr)
    return (result.stdout:gsub("%s+$", ""))
  end

  local COMMIT = "git status --short; echo more >>file; git add file; git commit -q -m inside; "
    .. "git log --oneline | wc -l; git status --short"

  local function skipped(dir)
    return e2e.cli({ "explain", "-C", dir, "--image", image }).stdout
  end

  it("works in a plain clone", function()
    local dir = repo.new()
    assert.equal("3", out(dir, COMMIT))
    assert.equal("inside", repo.git(dir, "log", "-1", "--format=%s"))
    assert.equal("", repo.git(dir, "status", "--short"))
    repo.git(dir, "fsck")
  end)

  it("commits with the identity of the clone", function()
    local dir = repo.new()
    repo.git(dir, "config", "user.name", "Local Name")
    repo.git(dir, "config", "user.email", "local@example.org")
    out(dir, COMMIT)
    assert.equal("Local Name local@example.org", repo.git(dir, "log", "-1", "--format=%an %ae"))
  end)

  describe("with worktrees", function()
    local main, tree, other

    before_each(function()
      main = repo.new()
      local above = main:match("^(.*)/")
      tree, other = above .. "/tree", above .. "/other"
      repo.git(main, "worktree", "add", "-q", tree)
      repo.git(main, "worktree", "add", "-q", other)
    end)

    it("works in a linked worktree, at both of its paths", function()
      assert.equal("3", out(tree, COMMIT))
      assert.equal("4", out(tree, ("cd '%s'; %s"):format(tree, COMMIT)))
      assert.equal("inside", repo.git(main, "log", "-1", "--format=%s", "tree"))
      assert.equal("", repo.git(tree, "status", "--short"))
      assert.equal("", repo.git(main, "status", "--short"))
      repo.git(main, "fsck")
    end)

    it("takes the daily work of a worktree", function()
      out(tree, "git switch -q -c feature; echo a >a; git add a; git commit -q -m a; "
        .. "echo b >>a; git stash -q; git stash pop -q; git commit -q -a -m b; git tag v1; "
        .. "git switch -q tree; git merge -q --no-edit feature; git branch -q -D feature; "
        .. "git tag -d v1; git switch -q -c side HEAD~1; echo c >c; git add c; git commit -q -m c; "
        .. "git cherry-pick tree >/dev/null; git rebase -q tree; git reset -q --hard HEAD~1")
      repo.git(main, "fsck")
    end)

    it("does not harm the metadata of other worktrees", function()
      local before = repo.listing(main .. "/.git/worktrees/other")
      local result = sh(tree, "git worktree prune -v || true; "
        .. ("rm -rf '%s/.git/worktrees/other' || true; "):format(main)
        .. ("mv '%s/.git/worktrees' '%s/.git/w' || true; "):format(main, main)
        .. "git gc -q --prune=now || true; git worktree list; git status")
      assert.equal(0, result.code, result.stdout)
      assert.equal(before, repo.listing(main .. "/.git/worktrees/other"))
      assert.equal("", repo.git(other, "status", "--short"))
    end)

    it("does not start collections of garbage that would fail half-way", function()
      assert.equal("0", out(tree, "git config gc.auto"))
    end)

    it("leaves its own entry alone when pruned", function()
      out(tree, "git worktree prune; git status")
      local list = repo.git(main, "worktree", "list", "--porcelain")
      assert.truthy(list:find("worktree " .. tree, 1, true))
      assert.falsy(list:find("prunable", 1, true))
      assert.equal("", repo.git(tree, "status", "--short"))
    end)

    it("cannot change settings, hooks, and what leads to them", function()
      local script = ([[
        git config core.fsmonitor /workspace/evil && echo CHANGED
        echo x >'%s/.git/config' && echo CHANGED
        mv '%s/.git/config' /tmp/c && echo CHANGED
        echo x >'%s/.git/hooks/post-checkout' && echo CHANGED
        mv '%s/.git/hooks' '%s/.git/h' && echo CHANGED
        d=$(git rev-parse --git-dir)
        echo /workspace/evil >$d/commondir && echo CHANGED
        mv $d/commondir $d/c && echo CHANGED
        echo 'gitdir: /workspace/evil' >.git && echo CHANGED
        mv .git g && echo CHANGED
        rm -f .git && echo CHANGED
        cd '%s' && mv .git g && echo CHANGED
        true]]):format(main, main, main, main, main, tree)
      local result = e2e.sh(script, { dir = tree, image = image })
      assert.falsy(result.stdout:find("CHANGED", 1, true), result.stdout)
      assert.equal("", repo.git(tree, "status", "--short"))
    end)

    it("sees commits of the host while it runs, and the host its own", function()
      local running <close> = e2e.start({ "sh", "-c",
        "echo >started; until [ -e go ]; do sleep 0.1; done; git log --oneline --all | wc -l; "
        .. "git commit -q --allow-empty -m inside" }, { dir = tree, image = image })
      e2e.wait_file(tree .. "/started")
      repo.git(main, "commit", "-q", "--allow-empty", "-m", "meanwhile")
      repo.git(main, "config", "x.y", "z")
      repo.write(tree .. "/go", "")
      local result = running:wait()
      assert.equal(0, result.code, result.stderr)
      assert.equal("3", result.stdout:match("%d+"))
      assert.equal("inside", repo.git(tree, "log", "-1", "--format=%s"))
    end)

    it("works in two worktrees at once", function()
      local words = { "sh", "-c",
        "for i in 1 2 3 4 5; do git commit -q --allow-empty -m $i || exit 1; done" }
      local one <close> = e2e.start(words, { dir = tree, image = image })
      local two <close> = e2e.start(words, { dir = other, image = image })
      local first, second = one:wait(), two:wait()
      assert.equal(0, first.code, first.stderr)
      assert.equal(0, second.code, second.stderr)
      assert.equal("7", repo.git(main, "rev-list", "--count", "tree"))
      assert.equal("7", repo.git(main, "rev-list", "--count", "other"))
      repo.git(main, "fsck")
    end)

    it("does not lose worktrees when the main clone is the workspace", function()
      local before = repo.listing(main .. "/.git/worktrees")
      out(main, "git worktree prune -v; git worktree list")
      assert.equal(before, repo.listing(main .. "/.git/worktrees"))
      out(main, "git gc -q")
      assert.falsy(repo.git(main, "worktree", "list", "--porcelain"):find("prunable", 1, true))
      assert.equal("", repo.git(tree, "status", "--short"))
      assert.equal("3", out(main, COMMIT))
    end)

    it("works in a worktree inside the clone, started in either", function()
      repo.git(main, "worktree", "add", "-q", main .. "/.trees/in", "-b", "in")
      assert.equal("3", out(main, "cd .trees/in; " .. COMMIT))
      assert.equal("4", out(main .. "/.trees/in", COMMIT))
      out(main, "git worktree prune")
      assert.equal("", repo.git(main .. "/.trees/in", "status", "--short"))
    end)

    it("works in a part of a worktree", function()
      assert.equal("3", out(tree .. "/part", "pwd >/tmp/x; echo more >>inner; git add inner; "
        .. "git commit -q -m inside; git log --oneline | wc -l; git status --short"))
      assert.equal("part/inner", repo.git(tree, "log", "-1", "--format=", "--name-only"))
      assert.equal("", repo.git(tree, "status", "--short"))
    end)
  end)

  it("works in a submodule", function()
    local super, library = repo.new("super"), repo.new("library")
    repo.git(super, "submodule", "--quiet", "add", library, "libs/lib one")
    repo.git(super, "commit", "-q", "-m", "with library")
    local dir = super .. "/libs/lib one"
    assert.equal("3", out(dir, COMMIT))
    assert.equal("4", out(dir, ("cd '%s'; %s"):format(dir, COMMIT)))
    assert.equal("inside", repo.git(dir, "log", "-1", "--format=%s"))
    assert.equal("", repo.git(dir, "status", "--short"))
    assert.equal(' M "libs/lib one"', repo.git(super, "status", "--short"))
    assert.not_equal(0, sh(dir, "git config x.y z").code)
    -- From above all of it lies in the workspace.
    assert.equal("5", out(super, "cd 'libs/lib one'; " .. COMMIT))
  end)

  it("works in a part of a repository, at the path it has on the host", function()
    local dir = repo.new("a b")
    local script = "pwd; git status --short; echo more >>inner; git add inner; "
      .. "git commit -q -a -m inside; git log --oneline | wc -l; git status --short"
    assert.equal(dir .. "/part\n3", out(dir .. "/part", script))
    assert.equal("part/inner", repo.git(dir, "log", "-1", "--format=", "--name-only"))
    assert.equal("", repo.git(dir, "status", "--short"))
    local result = sh(dir .. "/part", "ls /workspace; echo x >>../file")
    assert.not_equal(0, result.code)
    assert.truthy(result.stdout:find("inner", 1, true))
    assert.truthy(result.stderr:find("can be read inside", 1, true), result.stderr)
  end)

  describe("refuses a .git that", function()
    local function hostile(text)
      local dir = e2e.dir("evil")
      repo.write(dir .. "/.git", text)
      return dir
    end

    for name, target in pairs({
      ["names the home directory"] = os.getenv("HOME"), ["names /etc"] = "/etc",
      ["names the root"] = "/", ["climbs out"] = "../../../../../../../../etc",
    }) do
      it(name, function()
        local dir = hostile("gitdir: " .. target .. "\n")
        local text = skipped(dir)
        assert.truthy(text:find("skipped", 1, true), text)
        assert.equal(0, sh(dir, "! git status").code)
        local mounts = out(dir, "cat /proc/self/mounts")
        assert.falsy(mounts:find(" " .. dir .. " ", 1, true))
      end)
    end

    it("names somebody else's repository", function()
      local victim = repo.new("victim")
      local dir = hostile("gitdir: " .. victim .. "/.git\n")
      assert.truthy(skipped(dir):find("does not name this directory", 1, true))
      assert.not_equal(0, sh(dir, ("ls '%s'"):format(victim)).code)
    end)

    it("is a link out of the workspace", function()
      local victim, dir = repo.new("victim"), e2e.dir("evil")
      assert(fs.symlink(victim .. "/.git", dir .. "/.git"))
      assert.truthy(skipped(dir):find("is a symlink", 1, true))
      assert.not_equal(0, sh(dir, ("ls '%s'"):format(victim)).code)
    end)
  end)
end)
