-- SPDX-License-Identifier: MIT
-- Specs of wrapix.git: what is mounted for which checkout, and what is refused.
-- The repositories are directories made by hand; git is not needed.

local fs = require "wrapix.fs"
local git = require "wrapix.git"
local sys = require "wrapix.sys"

describe("git.mounts", function()
  local top, uid

  before_each(function()
    top, uid = assert(fs.realpath(assert(fs.temp_dir("wrapix-git-")))), sys.uid()
  end)

  after_each(function() assert(fs.remove_tree(top)) end)

  local function write(name, text)
    local file = top .. "/" .. name
    assert(fs.ensure_dir(file:match("^(.*)/")))
    assert(fs.write_atomic(file, text, { sync = false }))
    return file
  end

  local function make_git_dir(name, config)
    for _, sub in ipairs({ "objects", "refs", "hooks" }) do
      assert(fs.ensure_dir(("%s/%s/%s"):format(top, name, sub)))
    end
    write(name .. "/HEAD", "ref: refs/heads/main\n")
    write(name .. "/config", config or "[core]\n\tbare = false\n")
    return top .. "/" .. name
  end

  local function make_worktree(name, main)
    main = main or "main"
    local entry = ("%s/.git/worktrees/%s"):format(main, name)
    write(name .. "/.git", ("gitdir: %s/%s\n"):format(top, entry))
    write(entry .. "/gitdir", ("%s/%s/.git\n"):format(top, name))
    write(entry .. "/commondir", "../..\n")
    write(entry .. "/HEAD", "ref: refs/heads/x\n")
    return top .. "/" .. name, top .. "/" .. entry
  end

  local function mounts(dir, who)
    local found = git.mounts(dir, fs, who or uid)
    local list = {}
    for _, one in ipairs(found.mounts) do
      local source = one.source and one.source:gsub("^" .. top:gsub("%p", "%%%0"), "") or one.file
      local dest = one.dest:gsub("^" .. top:gsub("%p", "%%%0"), "")
      list[#list + 1] = ("%s %s%s"):format(one.mode, source, dest ~= source and " " .. dest or "")
    end
    table.sort(list)
    return list, found
  end

  -- Nothing is mounted, and one note says why.
  local function refused(dir, reason, who)
    local list, found = mounts(dir, who)
    assert.same({}, list)
    assert.equal(1, #found.notes)
    assert.truthy(found.notes[1].reason:find(reason, 1, true), found.notes[1].reason)
    assert.same({}, found.files)
    assert.is_nil(found.workdir)
  end

  local function nothing(dir, who)
    local list, found = mounts(dir, who)
    assert.same({}, list)
    assert.same({}, found.notes)
  end

  it("is nothing without a repository and for a plain clone", function()
    assert(fs.ensure_dir(top .. "/empty"))
    nothing(top .. "/empty")
    make_git_dir("main/.git")
    nothing(top .. "/main")
  end)

  it("gives a worktree the common directory, and protects what is not its own", function()
    make_git_dir("main/.git")
    local dir, entry = make_worktree("tree")
    make_worktree("other")
    local list, found = mounts(dir)
    assert.same({
      "ro /main/.git/config", "ro /main/.git/hooks", "ro /main/.git/worktrees",
      "ro /main/.git/worktrees/tree/commondir", "ro /main/.git/worktrees/tree/gitdir",
      "ro git/dotgit /tree/.git", "ro git/dotgit /workspace/.git",
      "rw /main/.git", "rw /main/.git/worktrees/tree", "rw /tree",
    }, list)
    assert.same({ { path = "git/dotgit", text = "gitdir: " .. entry .. "\n" } }, found.files)
    assert.same({ { "gc.auto", "0" } }, found.git_config)
    assert.same({}, found.notes)
  end)

  it("takes relative paths in a worktree, and protects its own settings", function()
    make_git_dir("main/.git")
    local dir, entry = make_worktree("tree")
    write("tree/.git", "gitdir: ../main/.git/worktrees/tree\n")
    assert(fs.write_atomic(entry .. "/gitdir", "../../../../tree/.git\n"))
    assert(fs.write_atomic(entry .. "/config.worktree", ""))
    local list, found = mounts(dir)
    assert.equal("gitdir: " .. entry .. "\n", found.files[1].text)
    assert.truthy(table.concat(list, "\n"):find("ro /main/.git/worktrees/tree/config.worktree", 1,
      true))
  end)

  it("gives a submodule its directory, with settings that name no worktree", function()
    make_git_dir("super/.git")
    local config = "[core]\n\tworktree = ../../../sub\n[remote \"origin\"]\n\turl = x\n"
    make_git_dir("super/.git/modules/sub", config)
    write("super/sub/.git", "gitdir: ../.git/modules/sub\n")
    local list, found = mounts(top .. "/super/sub")
    assert.same({
      "ro /super/.git/modules/sub/hooks", "ro git/config /super/.git/modules/sub/config",
      "ro git/dotgit /super/sub/.git", "ro git/dotgit /workspace/.git",
      "rw /super/.git/modules/sub", "rw /super/sub",
    }, list)
    for _, file in ipairs(found.files) do
      if file.path == "git/config" then
        assert.equal("[core]\n\t\n[remote \"origin\"]\n\turl = x\n", file.text)
      end
    end
  end)

  it("shows a part of a repository the rest of it, read-only", function()
    make_git_dir("main/.git")
    assert(fs.ensure_dir(top .. "/main/a/b"))
    local list, found = mounts(top .. "/main/a/b")
    assert.same({ "ro /main", "ro /main/.git/config", "ro /main/.git/hooks", "rw /main/.git",
      "rw /main/a/b" }, list)
    assert.equal(top .. "/main/a/b", found.workdir)
    assert.equal(top .. "/main", found.exposes)
  end)

  it("says what it cannot protect", function()
    make_git_dir("main/.git")
    local dir = make_worktree("tree")
    assert(fs.rmdir(top .. "/main/.git/hooks"))
    local _, found = mounts(dir)
    assert.truthy(found.notes[1].reason:find("can be made inside", 1, true))
    assert(fs.symlink("/etc", top .. "/main/.git/hooks"))
    local list
    list, found = mounts(dir)
    assert.truthy(found.notes[1].reason:find("cannot be made read-only", 1, true))
    assert.falsy(table.concat(list):find("etc", 1, true))
  end)

  it("shows a clone the signs of its worktrees elsewhere, and nothing of them", function()
    make_git_dir("main/.git")
    local _, entry = make_worktree("tree")
    local list, found = mounts(top .. "/main")
    assert.same({ "ro git/worktree-0 /tree/.git" }, list)
    assert.equal("gitdir: " .. entry .. "\n", found.files[1].text)
  end)

  it("shows no signs where the other side does not agree", function()
    make_git_dir("main/.git")
    write("main/.git/worktrees/a/gitdir", "/etc/passwd\n")
    write("main/.git/worktrees/b/gitdir", top .. "/gone/.git\n")
    write("main/.git/worktrees/c/gitdir", "relative/.git\n")
    write("main/.git/worktrees/d/gitdir", write("victim/.git", "gitdir: /elsewhere\n") .. "\n")
    assert(fs.symlink("/etc", top .. "/main/.git/worktrees/e"))
    write("main/.git/worktrees/f/gitdir", top .. "/x\ny/.git\n")
    nothing(top .. "/main")
  end)

  it("is the workspace's own path for worktrees inside it", function()
    make_git_dir("main/.git")
    make_worktree("main/.trees/a")
    write("main/.git/worktrees/a/gitdir", top .. "/main/.trees/a/.git\n")
    write("main/.trees/a/.git", ("gitdir: %s/main/.git/worktrees/a\n"):format(top))
    assert.same({ "rw /main" }, (mounts(top .. "/main")))
  end)

  it("needs nothing for a git directory in the workspace", function()
    make_git_dir("main/.bare")
    write("main/.git", "gitdir: ./.bare\n")
    nothing(top .. "/main")
    write("main/.git", ("gitdir: %s/main/.bare\n"):format(top))
    assert.same({ "rw /main" }, (mounts(top .. "/main")))
  end)

  describe("refuses", function()
    before_each(function()
      make_git_dir("main/.git")
      assert(fs.ensure_dir(top .. "/evil"))
    end)

    it("a .git that names what is no git directory", function()
      for _, target in ipairs({ "/etc", "/home", "../main", top, "/proc/self" }) do
        write("evil/.git", "gitdir: " .. target .. "\n")
        local list, found = mounts(top .. "/evil")
        assert.same({}, list, target)
        assert.equal(1, #found.notes, target)
      end
    end)

    it("a .git of another form", function()
      for _, text in ipairs({ "", "gitdir:/etc\n", "x\n", "gitdir: /a\ngitdir: /b\n",
        "gitdir: /a\0b\n", ("x"):rep(9000), "gitdir: \n" }) do
        write("evil/.git", text)
        local list, found = mounts(top .. "/evil")
        assert.same({}, list)
        assert.equal(1, #found.notes)
      end
    end)

    it("a .git that is a link", function()
      assert(fs.symlink(top .. "/main/.git", top .. "/evil/.git"))
      refused(top .. "/evil", "is a symlink, which could lead anywhere")
    end)

    it("a repository that does not point back", function()
      write("evil/.git", ("gitdir: %s/main/.git\n"):format(top))
      refused(top .. "/evil", "does not name this directory as its worktree")
      local _, entry = make_worktree("tree")
      write("evil/.git", "gitdir: " .. entry .. "\n")
      refused(top .. "/evil", "does not name this worktree as its own")
      make_git_dir("main/.git/modules/s", "[core]\nworktree = ../../../s\n")
      write("evil/.git", ("gitdir: %s/main/.git/modules/s\n"):format(top))
      refused(top .. "/evil", "does not name this directory as its worktree")
    end)

    it("a commondir that leads away", function()
      local dir, entry = make_worktree("tree")
      make_git_dir("victim/.git")
      for _, text in ipairs({ "../../../../victim/.git\n", "/etc\n", "..\n", "",
        "../..\n\n../..\n" }) do
        assert(fs.write_atomic(entry .. "/commondir", text))
        refused(dir, "is no worktree's directory of the repository it lies in")
      end
    end)

    it("a common directory that is none", function()
      local dir = make_worktree("tree")
      assert(fs.unlink(top .. "/main/.git/HEAD"))
      refused(dir, "is no git directory of this user")
      assert(fs.symlink("/etc/passwd", top .. "/main/.git/HEAD"))
      refused(dir, "is no git directory of this user")
    end)

    it("directories of others", function()
      refused(make_worktree("tree"), "is no directory of this user", uid + 1)
      assert(fs.ensure_dir(top .. "/main/part"))
      refused(top .. "/main/part", "is no git directory of this user", uid + 1)
    end)

    it("a git directory around the worktree", function()
      make_git_dir("around", "[core]\nworktree = inner\n")
      write("around/inner/.git", "gitdir: ..\n")
      refused(top .. "/around/inner", "cannot be its git directory")
    end)
  end)

  it("tells of borrowed objects and does not show them", function()
    make_git_dir("main/.git")
    make_git_dir("other/.git")
    write("main/.git/objects/info/alternates", top .. "/other/.git/objects\n")
    refused(top .. "/main", "holds objects this repository borrows")
  end)
end)

describe("git.settings", function()
  it("reads the clone's own file, follows no include, and takes plain texts only", function()
    local top = assert(fs.realpath(assert(fs.temp_dir("wrapix-git-"))))
    assert(fs.ensure_dir(top .. "/.git"))
    assert(fs.write_atomic(top .. "/secret", "[user]\n\temail = secret\n"))
    assert(fs.write_atomic(top .. "/.git/config", "[include]\n\tpath = ../secret\n"
      .. "[user]\n\tname = Ann\n[x]\n\ty = a\\nb\n\tz = \xff\n\te =\n"))
    local settings = git.settings(top, fs, sys.uid())
    assert.equal("Ann", git.text(settings, "user.name"))
    assert.is_nil(git.text(settings, "user.email"))
    for _, key in ipairs({ "x.y", "x.z", "x.e" }) do assert.is_nil(git.text(settings, key)) end
    assert(fs.write_atomic(top .. "/.git/config", "[broken"))
    assert.same({}, git.settings(top, fs, sys.uid()))
    assert(fs.remove_tree(top))
  end)
end)
