-- SPDX-License-Identifier: MIT
-- ralph.git over real repositories: what the work tree holds and what changed, and that
-- nothing a sandbox can write into a repository makes the host run a program, or read
-- or write elsewhere. A canary is a file that every such program would make.

local fs = require("wrapix.fs")
local git = require("ralph.git")
local proc = require("wrapix.proc")
local task = require("wrapix.task")

local ZEROS = ("0"):rep(40)
local WRAPIX = assert(fs.realpath("/proc/self/exe"))

describe("ralph.git", function()
  local top, root, shadow, canary

  before_each(function()
    top = assert(fs.realpath(assert(fs.temp_dir("wx-rgit-"))))
    root, shadow, canary = top .. "/w", top .. "/s", top .. "/canary"
  end)
  after_each(function() assert(fs.remove_tree(top)) end)

  local function write(name, text)
    local file = name:sub(1, 1) == "/" and name or root .. "/" .. name
    assert(fs.ensure_dir(file:match("^(.*)/")))
    assert(fs.write_atomic(file, text, { sync = false }))
    return file
  end

  local function program(name)
    local file = write(name, ("#!/bin/sh\ntouch %s\nexec /bin/cat\n"):format(canary))
    assert(fs.chmod(file, 493))
    return file
  end

  -- The person's own git, which believes everything.
  local function run(dir, ...)
    local result = assert(proc.run({ "git", "-C", dir, ... }, { clear_env = true, env = {
      PATH = os.getenv("PATH"), HOME = top, GIT_CONFIG_NOSYSTEM = "1", GIT_AUTHOR_NAME = "a",
      GIT_AUTHOR_EMAIL = "a@localhost", GIT_COMMITTER_NAME = "a", GIT_COMMITTER_EMAIL = "a@localhost",
    } }))
    assert.equal(0, result.code, result.stderr)
    return (result.stdout:gsub("%s+$", ""))
  end

  local function init(dir, ...)
    assert(fs.ensure_dir(dir))
    run(dir, "init", "-q", "-b", "main", ...)
  end

  local function commit(dir, message)
    run(dir, "add", "-A")
    run(dir, "commit", "-q", "--allow-empty", "-m", message or "change")
    return run(dir, "rev-parse", "HEAD")
  end

  local function start(...)
    init(root, ...)
    write("a.txt", "one\n")
    write("src/main.c", "int main(void) { return 0; }\n")
    return commit(root, "first")
  end

  local function open() return assert(git.open(root, shadow)) end

  -- A program may be started and waited for: the file comes at once or never.
  local function assert_no_canary()
    assert.is_false(fs.exists(canary), "a program of the workspace was run")
  end

  -- Everything there is to ask; each answer is one, or an error with a message.
  local function exercise(repo, message)
    local problems = {}
    local function ask(...)
      local value, msg = ...
      if value == nil and msg then problems[#problems + 1] = msg end
      return value
    end
    local head = ask(repo:head()) or {}
    local id = ask(repo:tree())
    ask(repo:is_dirty())
    ask(repo:changes(head.id, id))
    ask(repo:commits(nil, head.id))
    if head.id then
      ask(repo:file(head.id, "a.txt"))
      ask(repo:diff(head.id, nil))
    end
    ask(repo:rescue("x-1", 1, message or "kept"))
    repo:rescues()
    assert_no_canary()
    return problems
  end

  local function paths(changes)
    local list = {}
    for i, change in ipairs(changes) do list[i] = change.status .. " " .. change.path end
    return list
  end

  describe("of a plain repository", function()
    it("knows what is checked out", function()
      local id = start()
      assert.same({ id = id, ref = "refs/heads/main", branch = "main" }, open():head())
      run(root, "pack-refs", "--all")
      assert.equal(id, open():head().id)
      run(root, "checkout", "-q", "--detach")
      assert.same({ id = id }, open():head())
      run(root, "checkout", "-q", "--orphan", "new/one")
      assert.same({ ref = "refs/heads/new/one", branch = "new/one" }, open():head())
    end)

    it("makes the tree that git itself would make", function()
      start()
      local repo = open()
      assert.equal(run(root, "rev-parse", "HEAD^{tree}"), (assert(repo:tree())))
      write(".gitignore", "*.o\n/build/\n")
      write("src/new.c", "x\n")
      write("main.o", "ignored\n")
      write("build/out", "ignored\n")
      write("odd\nname \t\255", "bytes\n")
      assert(fs.symlink("/etc/passwd", root .. "/link"))
      assert(fs.unlink(root .. "/a.txt"))
      assert(fs.chmod(root .. "/src/main.c", 493))
      local id, left_out = assert(repo:tree())
      run(root, "add", "-A")
      assert.equal(run(root, "write-tree"), id)
      assert.same({}, left_out)
      assert.equal(id, (assert(open():tree())))
    end)

    it("keeps what is tracked though ignored, and drops what is ignored since", function()
      write(".gitignore", "*.log\n")
      init(root)
      write("kept.log", "tracked\n")
      run(root, "add", "-f", "kept.log")
      commit(root)
      write("notes.tmp", "new\n")
      local repo = open()
      assert.same({ "A notes.tmp" }, paths(repo:changes(repo:head().id, assert(repo:tree()))))
      write(".gitignore", "*.log\n*.tmp\n")
      assert.same({ "M .gitignore" }, paths(repo:changes(repo:head().id, assert(repo:tree()))))
      write(".git/info/exclude", ".gitignore.orig\nprivate/\n")
      write("private/x", "mine\n")
      assert.same({ "M .gitignore" }, paths(repo:changes(repo:head().id, assert(repo:tree()))))
    end)

    it("leaves .wrapix out, tracked or not, whatever .gitignore says", function()
      start()
      write(".wrapix/issues.jsonl", "{}\n")
      commit(root)
      write(".gitignore", "!.wrapix/\n!.wrapix/**\n")
      commit(root)
      local repo = open()
      write(".wrapix/issues.jsonl", "{}\n{}\n")
      write(".wrapix/logs/x", "log\n")
      assert.is_false(repo:is_dirty())
      write("a.txt", "two\n")
      assert.is_true(repo:is_dirty())
      assert.same({ "M a.txt" }, paths(repo:changes(repo:head().id, assert(repo:tree()))))
    end)

    it("tells of changes with lines, binary files and types", function()
      start()
      local repo = open()
      local before = assert(repo:tree())
      write("a.txt", "one\ntwo\n")
      write("b.bin", "\0\1\2")
      assert(fs.unlink(root .. "/src/main.c"))
      assert(fs.symlink("../a.txt", root .. "/src/main.c"))
      local changes = assert(repo:changes(before, assert(repo:tree())))
      assert.same({
        { path = "a.txt", status = "M", added = 1, removed = 0 },
        { path = "b.bin", status = "A" },
        { path = "src/main.c", status = "T", added = 1, removed = 1 },
        truncated = false,
      }, changes)
      assert.same({ "A a.txt", "A b.bin", "A src/main.c" }, paths(repo:changes(nil, (repo:tree()))))
      assert.same({ truncated = false }, repo:changes(before, before))
    end)

    it("lists commits that one has and the other has not, cleaned", function()
      local first = start()
      local second = commit(root, "two \27[31mred\u{202E}\nmore")
      run(root, "config", "log.showSignature", "true")
      local repo = open()
      local list = assert(repo:commits(first, second))
      assert.equal(1, #list)
      assert.same({ id = second, subject = "two [31mred more", author = "a <a@localhost>" }, list[1])
      assert.same({ truncated = false }, repo:commits(second, second))
      list = assert(repo:commits(nil, second, 1))
      assert.same({ 1, true }, { #list, list.truncated })
      assert.equal(0, #assert(repo:commits(first, nil)))
      local none, msg, code = repo:commits(nil, ZEROS)
      assert.is_nil(none)
      assert.equal("EGIT", code)
      assert.truthy(msg:find("^git: log: "))
    end)

    it("reads files and differences at a commit, bounded", function()
      local first = start()
      write("a.txt", "one\ntwo\n")
      assert(fs.symlink("a.txt", root .. "/l"))
      local second = commit(root)
      local repo = open()
      assert.equal("one\n", repo:file(first, "a.txt"))
      assert.equal("one\ntwo\n", repo:file(second, "a.txt", 8))
      assert.equal("EFBIG", select(3, repo:file(second, "a.txt", 7)))
      assert.equal("ENOENT", select(3, repo:file(second, "b.txt")))
      assert.equal("EINVAL", select(3, repo:file(second, "src")))
      assert.equal("EINVAL", select(3, repo:file(second, "l")))
      for _, bad in ipairs({ "../w/a.txt", "/etc/passwd", "", "a\0b", "./a.txt" }) do
        assert.equal("EINVAL", select(3, repo:file(second, bad)), bad)
      end
      local text, cut = repo:diff(first, second, "a.txt")
      assert.truthy(text:find("\n one\n+two\n", 1, true), text)
      assert.is_false(cut)
      text, cut = repo:diff(first, second, "a.txt", 10)
      assert.same({ 10, true }, { #text, cut })
      write("a.txt", "three\n")
      assert.truthy(repo:diff(second, nil):find("+three", 1, true))
      assert.has_error(function() repo:file("HEAD; true", "a.txt") end)
      assert.has_error(function() repo:changes("--output=x", first) end)
    end)

    it("leaves out what is too large or cannot be read, and says so", function()
      start()
      local repo, index = open(), require("ralph.git.index")
      local largest = index.LARGEST
      finally(function() index.LARGEST = largest end)
      index.LARGEST = 100
      write("big", ("x"):rep(101))
      write("src/main.c", ("x"):rep(101))
      local id, left_out = assert(repo:tree())
      table.sort(left_out, function(a, b) return a.path < b.path end)
      assert.same({ { path = "big", reason = "too large", size = 101 },
        { path = "src/main.c", reason = "too large", size = 101 } }, left_out)
      assert.equal(run(root, "rev-parse", "HEAD^{tree}"), id)
    end)

    it("asks git nothing as long as no file changed, and sees every change", function()
      start()
      write(".git/info/exclude", "")
      write(".wrapix/issues.jsonl", "")
      local repo, index = open(), shadow .. "/index"
      task.sleep(0.06)
      local id = assert(repo:tree())
      local function is_asked()
        local before = assert(fs.read(index))
        assert(fs.write_atomic(index, "none"))
        local now = assert(repo:tree())
        local was_asked = fs.read(index) ~= "none"
        assert(fs.write_atomic(index, before))
        return was_asked, now
      end
      assert.same({ false, id }, { is_asked() })
      write(".wrapix/logs/x", "not looked at\n")
      assert.same({ false, id }, { is_asked() })
      assert(fs.ensure_dir(root .. "/empty"))
      assert.same({ true, id }, { is_asked() })
      local function changes(fn)
        task.sleep(0.06)
        local before = assert(repo:tree())
        assert.same({ false, before }, { is_asked() })
        fn()
        local was_asked, now = is_asked()
        assert.same({ true, true }, { was_asked, now ~= before })
      end
      -- The same size, and the time it had.
      changes(function()
        local script = 'touch -r a.txt ../stamp && printf "two\\n" >a.txt && touch -r ../stamp a.txt'
        assert.equal(0, proc.run({ "sh", "-c", script }, { cwd = root }).code)
      end)
      changes(function() assert(fs.chmod(root .. "/a.txt", tonumber("755", 8))) end)
      changes(function() write("b.txt", "") end)
      changes(function() write(".git/info/exclude", "b.txt\n") end)
      changes(function() write(".gitignore", "src\n") end)
      changes(function() assert(fs.rename(root .. "/a.txt", root .. "/c.txt")) end)
      changes(function() assert(fs.unlink(root .. "/c.txt")) end)
      changes(function()
        init(root .. "/sub")
        commit(root .. "/sub")
      end)
    end)

    it("works in a directory of a repository, with paths from there", function()
      init(root)
      write("outer.txt", "x\n")
      write("in/a.txt", "one\n")
      local id = commit(root)
      local repo = assert(git.open(root .. "/in", shadow))
      write("outer.txt", "changed\n")
      write("in/b.txt", "new\n")
      write("in/.wrapix/issues.jsonl", "{}\n")
      assert.same({ "A b.txt" }, paths(repo:changes(id, assert(repo:tree()))))
      assert.equal("one\n", repo:file(id, "a.txt"))
      assert.equal("ENOENT", select(3, repo:file(id, "outer.txt")))
      local kept = assert(repo:rescue("x-1", 1, "kept"))
      assert.equal("in/b.txt", run(root, "diff", "--name-only", "HEAD", kept.commit))
    end)

    it("works in a linked worktree and in a submodule", function()
      start()
      run(root, "worktree", "add", "-q", "-b", "side", top .. "/side")
      local repo = assert(git.open(top .. "/side", shadow))
      assert.equal("side", repo:head().branch)
      write(top .. "/side/n.txt", "new\n")
      local kept = assert(repo:rescue("x-1", 1, "kept"))
      assert.equal(kept.commit, run(root, "rev-parse", "refs/wrapix/rescue/x-1/1"))
      init(top .. "/outer")
      run(top .. "/outer", "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", root, "sub")
      repo = assert(git.open(top .. "/outer/sub", top .. "/s2"))
      assert.equal("main", repo:head().branch)
      write(top .. "/outer/sub/a.txt", "two\n")
      assert.is_true(repo:is_dirty())
    end)

    it("works without a commit, and tells where there is no repository", function()
      init(root)
      local repo = open()
      assert.is_false(repo:is_dirty())
      assert.is_nil((repo:rescue("x-1", 1, "nothing")))
      write("a.txt", "one\n")
      assert.is_true(repo:is_dirty())
      local kept = assert(repo:rescue("x-1", 1, "first work"))
      assert.equal("one", run(root, "show", kept.commit .. ":a.txt"))
      assert(fs.mkdir(top .. "/none"))
      local none, msg, code, hint = git.open(top .. "/none", shadow)
      assert.same({ nil, "ENOTGIT", "git init" }, { none, code, hint })
      assert.truthy(msg:find("is in no git repository", 1, true))
    end)

    it("works with SHA-256, and refuses refs it cannot read", function()
      local id = start("--object-format=sha256")
      local repo = open()
      assert.equal(64, #id)
      assert.equal(id, repo:head().id)
      write("a.txt", "two\n")
      assert.same({ "M a.txt" }, paths(repo:changes(id, assert(repo:tree()))))
      local kept = assert(repo:rescue("x-1", 1, "kept"))
      assert.equal("two", run(root, "show", kept.commit .. ":a.txt"))
      local function refused(key, value, reason)
        run(root, "config", key, value)
        local none, msg, code = git.open(root, shadow)
        assert.same({ nil, "ENOTSUP" }, { none, code })
        assert.truthy(msg:find(reason, 1, true), msg)
      end
      refused("extensions.refstorage", "reftable", "keeps its refs as reftable")
    end)

    it("goes on with another name of objects in the same place", function()
      start()
      assert(open():tree())
      assert(fs.remove_tree(root))
      start("--object-format=sha256")
      assert.is_false(open():is_dirty())
    end)

    it("has any name", function()
      root = top .. '/w:"odd\\\n [x]*'
      start()
      write("in [y]/a.txt", "x\n")
      local repo = open()
      assert.same({ "A in [y]/a.txt" }, paths(repo:changes(repo:head().id, assert(repo:tree()))))
      assert.equal("one\n", repo:file(repo:head().id, "a.txt"))
      local kept = assert(repo:rescue("x-1", 1, "kept"))
      assert.equal("x", run(root, "show", kept.commit .. ":in [y]/a.txt"))
    end)

    it("forgets what no tree of two weeks needs, once a day", function()
      start()
      write("a.txt", "new\n")
      local repo = open()
      local id = assert(repo:tree())
      local function has(name)
        return (repo._shadow:git({ "cat-file", "-e", name })) ~= nil
      end
      local old = repo._shadow:word({ "hash-object", "-w", "--stdin" }, { input = "old" })
      local file = ("%s/objects/%s/%s"):format(shadow, old:sub(1, 2), old:sub(3))
      assert.equal(0, proc.run({ "touch", "-d", "20 days ago", file }).code)
      assert(repo:tree())
      assert.is_true(has(old))
      assert.equal(0, proc.run({ "touch", "-d", "2 days ago", shadow .. "/tidied" }).code)
      assert.equal(id, (assert(repo:tree())))
      assert.is_false(has(old))
      assert.is_true(has(id))
    end)

    it("makes a new index when the old one is broken", function()
      start()
      local id = assert(open():tree())
      write(shadow .. "/index", "no index")
      write(shadow .. "/index.lock", "")
      assert.equal(id, (assert(open():tree())))
    end)
  end)

  describe("rescue", function()
    it("keeps the work and changes nothing else", function()
      start()
      write(".wrapix/issues.jsonl", "{}\n")
      local id = commit(root)
      write("a.txt", "work\n")
      write("new file", "more\n")
      write(".wrapix/issues.jsonl", "{}\n{}\n")
      local status = run(root, "status", "--porcelain")
      local repo = open()
      local kept = assert(repo:rescue("shop-a1", 2, "shop-a1: attempt 2\n\nkept\0"))
      assert.equal("refs/wrapix/rescue/shop-a1/2", kept.ref)
      assert.equal(kept.commit, run(root, "rev-parse", kept.ref))
      assert.equal(id, run(root, "rev-parse", kept.ref .. "^"))
      assert.equal("a.txt\nnew file", run(root, "diff", "--name-only", "HEAD", kept.ref))
      assert.equal("wrapix <wrapix@localhost>", run(root, "log", "-1", "--format=%an <%ae>", kept.ref))
      assert.equal(status, run(root, "status", "--porcelain"))
      assert.equal(id, run(root, "rev-parse", "HEAD"))
      run(root, "fsck", "--strict")
      run(root, "gc", "-q", "--prune=now")
      assert.equal("work", run(root, "show", kept.ref .. ":a.txt"))
      run(root, "cat-file", "-e", kept.commit .. "^{tree}")
    end)

    it("is nothing without work, the same for the same work, and another for other work", function()
      start()
      local repo = open()
      assert.same({ n = 1 }, table.pack(repo:rescue("x-1", 1, "none")))
      write("a.txt", "two\n")
      local first = assert(repo:rescue("x-1", 1, "kept"))
      assert.same(first, repo:rescue("x-1", 1, "again"))
      run(root, "pack-refs", "--all")
      assert.same(first, repo:rescue("x-1", 1, "again"))
      write("a.txt", "three\n")
      local second = assert(repo:rescue("x-1", 1, "other"))
      assert.equal("refs/wrapix/rescue/x-1/1-2", second.ref)
      assert.same({
        { ref = first.ref, commit = first.commit, issue = "x-1", n = 1 },
        { ref = second.ref, commit = second.commit, issue = "x-1", n = 1 },
      }, repo:rescues())
      for _, bad in ipairs({ "", "a/b", "..", "a b", "x.lock", "a..b", "~" }) do
        assert.has_error(function() repo:rescue(bad, 1, "m") end)
      end
    end)
  end)

  it("rescues again where a kill left half of a pack", function()
    start()
    write("a.txt", "work\n")
    local repo = open()
    local kept = assert(repo:rescue("x-1", 1, "kept"))
    local pack = assert(fs.list(root .. "/.git/objects/pack"))
    assert.equal(2, #pack)
    for _, name in ipairs(pack) do
      local file = root .. "/.git/objects/pack/" .. name
      if name:find("idx$") then
        assert(fs.unlink(file))
      else
        assert(fs.unlink(file))
        write(file, "PACK half")
      end
    end
    assert(fs.unlink(root .. "/.git/" .. kept.ref))
    local again = assert(repo:rescue("x-1", 1, "kept"))
    assert.equal(kept.ref, again.ref)
    assert.equal("work", run(root, "show", again.ref .. ":a.txt"))
  end)

  describe("of a hostile repository", function()
    local function hostile_config(more)
      local run_it = program("evil.sh")
      write("a.txt", "one\n")
      start()
      write(".gitattributes", "*.txt filter=x diff=x merge=x\n")
      commit(root)
      local file = assert(io.open(root .. "/.git/config", "a"))
      file:write(([[
[core]
	fsmonitor = %s
	hooksPath = %s/hooks
	sshCommand = %s
	pager = %s
	editor = %s
	askPass = %s
	gitProxy = %s
	alternateRefsCommand = %s
	attributesFile = %s/attrs
[filter "x"]
	clean = %s
	smudge = %s
	process = %s
	required = true
[diff]
	external = %s
[diff "x"]
	command = %s
	textconv = %s
[alias]
	ls-files = !%s
	write-tree = !%s
	diff-tree = !%s
[gpg]
	program = %s
[commit]
	gpgSign = true
[log]
	showSignature = true
[credential]
	helper = !%s
[include]
	path = %s/included
[trace2]
	eventTarget = %s/trace
]]):gsub("%%s", run_it) .. (more or ""))
      file:close()
      write(top .. "/included", ("[core]\n\tfsmonitor = %s\n"):format(run_it))
      return run_it
    end

    it("runs no program that its configuration names", function()
      hostile_config()
      write("a.txt", "changed\n")
      write("b.txt", "new\n")
      assert.same({}, exercise(open()))
      assert.equal("b.txt", paths(open():changes(open():head().id, (open():tree())))[2]:sub(3))
    end)

    it("fetches no missing objects and leaves no work tree to the configuration", function()
      write("a.txt", "one\n")
      local id = start() and run(root, "rev-parse", "HEAD:a.txt")
      hostile_config(([[
[remote "origin"]
	url = ssh://nowhere.invalid/x
	promisor = true
	uploadpack = %s
[extensions]
	partialClone = origin
[core]
	worktree = %s
]]):format(root .. "/evil.sh", top))
      assert(fs.remove_tree(("%s/.git/objects/%s/%s"):format(root, id:sub(1, 2), id:sub(3))))
      write("a.txt", "changed\n")
      local repo = open()
      local text, msg = repo:file(repo:head().id, "a.txt")
      assert.is_nil(text)
      assert.is_string(msg)
      exercise(repo)
      assert_no_canary()
    end)

    it("runs no hook", function()
      start()
      for _, name in ipairs({ "post-index-change", "reference-transaction", "pre-commit", "post-commit",
        "commit-msg", "prepare-commit-msg", "fsmonitor-watchman", "pre-auto-gc", "post-rewrite",
        "update", "post-update" }) do
        program(".git/hooks/" .. name)
      end
      write("a.txt", "changed\n")
      assert.same({}, exercise(open()))
    end)

    it("runs no git of the workspace that is on PATH, and obeys no variable", function()
      start()
      for _, name in ipairs({ "git", "find", "cat", "git-write-tree" }) do program("bin/" .. name) end
      assert(fs.symlink(root .. "/bin", top .. "/bin"))
      write("a.txt", "changed\n")
      local script = write(top .. "/try.lua", [[
        local repo = assert(require("ralph.git").open(...))
        assert(repo:tree())
        assert(repo:rescue("x-1", 1, "kept"))
        io.write(tostring(assert(repo:is_dirty())))
      ]])
      local result = assert(proc.run({ WRAPIX, "--run", script, root, shadow }, { cwd = root, env = {
        PATH = ("%s/bin:%s/bin:bin:.:%s"):format(root, top, os.getenv("PATH")), GIT_EXEC_PATH = root .. "/bin",
        GIT_CONFIG_COUNT = "1", GIT_CONFIG_KEY_0 = "core.fsmonitor", GIT_CONFIG_VALUE_0 = root .. "/bin/git",
        GIT_EXTERNAL_DIFF = root .. "/bin/git", GIT_DIR = top, GIT_SSH_COMMAND = root .. "/bin/git",
      } }))
      assert.same({ 0, "true" }, { result.code, result.stdout }, result.stderr)
      assert_no_canary()
    end)

    -- What looks into an inner repository would wait for ever at the FIFO.
    it("does not look into inner repositories, whose settings are as hostile", function()
      start()
      local tool = program("evil.sh")
      init(root .. "/sub")
      write("sub/f", "x\n")
      local inner = commit(root .. "/sub")
      run(root, "-c", "advice.addEmbeddedRepo=false", "add", "-A")
      run(root, "commit", "-q", "-m", "with a link")
      write("sub/f", "changed\n")
      local newer = commit(root .. "/sub")
      run(root .. "/sub", "reset", "-q", "--hard", inner)
      write("sub/f", "changed\n")
      run(root .. "/sub", "config", "core.fsmonitor", tool)
      program("sub/.git/hooks/post-index-change")
      local repo = open()
      local id, left_out = assert(repo:tree())
      assert.same({}, left_out)
      assert.truthy(run(root, "ls-tree", "HEAD", "sub"):find(inner, 1, true))
      assert.equal(run(root, "rev-parse", "HEAD^{tree}"), id)
      assert(fs.unlink(root .. "/sub/.git/HEAD"))
      assert(proc.run({ "mkfifo", root .. "/sub/.git/HEAD" }))
      local started = os.time()
      assert.same({}, exercise(repo))
      assert.is_true(os.time() - started < 30)
      assert(fs.unlink(root .. "/sub/.git/HEAD"))
      write("sub/.git/HEAD", newer .. "\n")
      assert.same({ { path = "sub", status = "M", added = 1, removed = 1, link = true }, truncated = false },
        repo:changes(repo:head().id, (repo:tree())))
      assert(fs.remove_tree(root .. "/sub"))
      assert.same({ "D sub" }, paths(repo:changes(repo:head().id, (repo:tree()))))
    end)

    it("notes new inner repositories but not what their .git leads to", function()
      start()
      init(root .. "/in ner*[x]")
      write("in ner*[x]/f", "x\n")
      local inner = commit(root .. "/in ner*[x]")
      init(top .. "/private")
      write(top .. "/private/secret", "s\n")
      commit(top .. "/private")
      write("led/.git", ("gitdir: %s/private/.git\n"):format(top))
      write("led/f", "x\n")
      assert(fs.ensure_dir(root .. "/linked"))
      assert(fs.symlink(top .. "/private/.git", root .. "/linked/.git"))
      write("empty\nname/.git/HEAD", "ref: refs/heads/none\n")
      write("ignored/.git/HEAD", "x\n")
      write(":(top)x/.git/HEAD", "x\n")
      write(".gitignore", "/ignored/\n/:(top)x/\n!/led/\n!led/**\n")
      commit(root .. "/in ner*[x]", "second")
      run(root .. "/in ner*[x]", "reset", "-q", "--hard", inner)
      local repo = open()
      local id, left_out = assert(repo:tree())
      assert.same({ "A .gitignore", "A in ner*[x]" }, paths(repo:changes(repo:head().id, id)))
      local reasons = {}
      for _, one in ipairs(left_out) do reasons[one.path] = one.reason:match("^%a+") end
      assert.same({ led = "repository", linked = "repository", ["empty\nname"] = "repository" }, reasons)
      assert.same({}, exercise(repo))
      local listed = run(root, "ls-tree", "-r", assert(repo:rescue("x-2", 1, "m")).commit)
      assert.truthy(listed:find("160000 commit " .. inner, 1, true), listed)
    end)

    local function refused(reason, ...)
      local repo, msg, code = git.open(root, shadow)
      local ok = repo
      if repo then
        ok, msg, code = repo:tree()
        if ok then ok, msg, code = repo:file(repo:head().id, "a.txt") end
      end
      assert.is_nil(ok)
      assert.equal(... or "EUNSAFE", code)
      assert.truthy(msg:find(reason, 1, true), msg)
      if repo then exercise(repo) end
      assert_no_canary()
    end

    it("borrows no objects from elsewhere", function()
      start()
      init(top .. "/private")
      write(top .. "/private/secret", "s\n")
      local secret = commit(top .. "/private")
      write(".git/objects/info/alternates", top .. "/private/.git/objects\n")
      write(".git/HEAD", secret .. "\n")
      refused("borrows objects")
    end)

    it("follows no link among the objects", function()
      local secret
      local function case(name, fn)
        assert(fs.remove_tree(top))
        start()
        init(top .. "/private")
        write(top .. "/private/a.txt", "s\n")
        secret = commit(top .. "/private")
        write(".git/HEAD", secret .. "\n")
        fn(root .. "/.git/objects", top .. "/private/.git/objects")
        refused(name == "objects" and "is no" or "could lead anywhere")
      end
      case("objects", function(dir, other)
        assert(fs.remove_tree(dir))
        assert(fs.symlink(other, dir))
      end)
      case("pack", function(dir, other)
        assert(fs.remove_tree(dir .. "/pack"))
        assert(fs.symlink(other .. "/pack", dir .. "/pack"))
      end)
      case("fan", function(dir, other)
        for _, name in ipairs(fs.list(other)) do
          if not fs.exists(dir .. "/" .. name) then
            assert(fs.symlink(other .. "/" .. name, dir .. "/" .. name))
          end
        end
      end)
      case("object", function(dir, other)
        local name = ("/%s/%s"):format(secret:sub(1, 2), secret:sub(3))
        assert(fs.ensure_dir(dir .. "/" .. secret:sub(1, 2)))
        assert(fs.symlink(other .. name, dir .. name))
      end)
    end)

    it("follows no .git and no ref that is a link", function()
      start()
      init(top .. "/private")
      write(top .. "/private/a.txt", "s\n")
      commit(top .. "/private")
      assert(fs.rename(root .. "/.git", top .. "/kept"))
      assert(fs.symlink(top .. "/private/.git", root .. "/.git"))
      refused("is a symlink")
      assert(fs.unlink(root .. "/.git"))
      write(".git", ("gitdir: %s/private/.git\n"):format(top))
      refused("does not name this directory as its worktree")
      assert(fs.unlink(root .. "/.git"))
      assert(fs.rename(top .. "/kept", root .. "/.git"))
      for _, name in ipairs({ "HEAD", "refs/heads/main", "refs/heads", "config", "packed-refs" }) do
        local file = root .. "/.git/" .. name
        local is_there = fs.exists(file)
        if is_there then assert(fs.rename(file, top .. "/aside")) end
        if name == "packed-refs" then assert(fs.rename(root .. "/.git/refs/heads/main", top .. "/main")) end
        assert(fs.symlink(top .. "/private/.git/" .. name, file))
        refused("is", "EUNSAFE")
        assert(fs.unlink(file))
        if is_there then assert(fs.rename(top .. "/aside", file)) end
        if name == "packed-refs" then assert(fs.rename(top .. "/main", root .. "/.git/refs/heads/main")) end
      end
      assert(open():tree())
    end)

    it("reads no HEAD that is a FIFO, huge, or names what is no ref", function()
      start()
      local head = root .. "/.git/HEAD"
      for _, text in ipairs({ "ref: ../../x\n", "ref: refs/heads/../../../x\n", "ref: refs/heads/a.lock\n",
        "ref: refs/heads/a\1b\n", "ref: \n", "", "nonsense", ("a"):rep(64) .. "\n", "ref: /etc/passwd\n",
        "ref: config\n", ("x"):rep(100000), "\0", "ref: refs/heads/.invalid\n" }) do
        write(head, text)
        refused("HEAD")
      end
      write(head, "ref: refs/heads/a\n")
      write(".git/refs/heads/a", "ref: refs/heads/b\n")
      write(".git/refs/heads/b", "ref: refs/heads/a\n")
      refused("circle")
      assert(fs.unlink(head))
      assert(proc.run({ "mkfifo", head }))
      refused("is no regular file")
    end)

    it("writes the rescue nowhere else", function()
      for _, name in ipairs({ "refs/wrapix", "refs", "objects/pack", "objects" }) do
        assert(fs.remove_tree(top))
        start()
        write("a.txt", "work\n")
        local other = top .. "/other"
        assert(fs.mkdir(other))
        local place = root .. "/.git/" .. name
        if fs.exists(place) then
          assert(fs.rename(place, top .. "/aside"))
        end
        assert(fs.symlink(other, place))
        local repo = git.open(root, shadow)
        local kept, msg = nil, "refused"
        if repo then kept, msg = repo:rescue("x-1", 1, "kept") end
        assert.is_nil(kept)
        assert.is_string(msg)
        assert.same({}, fs.list(other))
      end
    end)

    it("has files that are no files, and links in the way", function()
      start()
      write("dir/f", "x\n")
      local id = commit(root)
      assert(fs.remove_tree(root .. "/dir"))
      assert(fs.mkdir(top .. "/dir"))
      write(top .. "/dir/f", "outside\n")
      assert(fs.symlink(top .. "/dir", root .. "/dir"))
      assert(fs.unlink(root .. "/a.txt"))
      assert(proc.run({ "mkfifo", root .. "/a.txt", root .. "/new.fifo" }))
      assert(fs.unlink(root .. "/src/main.c"))
      write("src/main.c/x", "now a directory\n")
      local repo = open()
      assert.same({ "D a.txt", "A dir", "D dir/f", "D src/main.c", "A src/main.c/x" },
        paths(repo:changes(id, assert(repo:tree()))))
      assert.same({}, exercise(repo))
    end)

    it("believes nothing that a power cut has torn", function()
      start()
      for i = 1, 100 do write("more/" .. i, ("text %d\n"):format(i)) end
      local good = assert(open():tree())
      local saved = {}
      for _, name in ipairs({ "index", "base", "links", "tree", "origin" }) do
        saved[name] = fs.read(shadow .. "/" .. name) or ""
      end
      for name, text in pairs(saved) do
        for _, size in ipairs({ 0, 1, #text // 2, #text - 1 }) do
          for other, whole in pairs(saved) do write(shadow .. "/" .. other, whole) end
          write(shadow .. "/" .. name, text:sub(1, math.max(0, size)))
          if name ~= "origin" then fs.unlink(shadow .. "/origin") end
          assert.equal(good, (open():tree()), name .. " " .. size)
        end
      end
      -- Objects are looked at once after each start of the machine.
      write(shadow .. "/boot", "another")
      local count = 0
      for rel, stat in fs.walk(shadow .. "/objects") do
        if stat.type == "file" and rel:find("^%x%x/") then
          count = count + 1
          assert(fs.chmod(shadow .. "/objects/" .. rel, 384))
          write(shadow .. "/objects/" .. rel, count % 2 == 0 and "" or ("\0"):rep(stat.size))
        end
      end
      assert.is_true(count > 100)
      local repo = open()
      assert.equal(good, assert(repo:tree()))
      assert.equal(102, #assert(repo:changes(nil, good)))
    end)

    it("waits for no rules that are a FIFO, and reads none that are huge", function()
      start()
      local repo = open()
      for _, name in ipairs({ ".gitignore", "src/.gitattributes" }) do
        assert.equal(0, proc.run({ "mkfifo", root .. "/" .. name }).code)
        local id, msg, code = repo:tree()
        assert.same({ nil, "git: " .. name .. ": is no file of rules, or larger than 1 MiB", "EUNSAFE" },
          { id, msg, code })
        assert(fs.unlink(root .. "/" .. name))
        assert.equal(0, proc.run({ "truncate", "-s", "20G", root .. "/" .. name }).code)
        assert.equal("EUNSAFE", select(3, repo:tree()))
        assert(fs.unlink(root .. "/" .. name))
        assert(fs.symlink("/dev/zero", root .. "/" .. name))
        assert(repo:tree())
        assert(fs.unlink(root .. "/" .. name))
      end
      assert.is_false(repo:is_dirty())
    end)

    it("looks as closely where there is more than it looks at by itself", function()
      start()
      local deep = ("d/"):rep(120)
      assert.equal(0, proc.run({ "mkdir", "-p", root .. "/" .. deep }).code)
      write(".gitignore", "")
      local repo = open()
      assert(repo:tree())
      assert(fs.symlink("/dev/zero", root .. "/" .. deep .. ".gitignore"))
      assert(repo:tree())
      assert(fs.unlink(root .. "/" .. deep .. ".gitignore"))
      assert.equal(0, proc.run({ "mkfifo", root .. "/" .. deep .. ".gitattributes" }).code)
      assert.same({ "git: " .. deep .. ".gitattributes: is no file of rules, or larger than 1 MiB", "EUNSAFE" },
        { select(2, repo:tree()) })
      assert(fs.unlink(root .. "/" .. deep .. ".gitattributes"))
      init(root .. "/" .. deep .. "sub")
      write(deep .. "sub/f", "x\n")
      local inner = commit(root .. "/" .. deep .. "sub")
      run(root .. "/" .. deep .. "sub", "config", "core.fsmonitor", program("evil.sh"))
      local id = assert(repo:tree())
      run(root, "-c", "advice.addEmbeddedRepo=false", "add", "-A")
      assert.matches(inner, run(root, "ls-files", "-s", deep .. "sub"), 1, true)
      assert.equal(run(root, "write-tree"), id)
      assert.equal(0, proc.run({ "mkdir", "-p", root .. "/.git/objects/" .. deep }).code)
      assert(fs.symlink("/etc", root .. "/.git/objects/" .. deep .. "link"))
      refused("could lead anywhere")
    end)

    it("has settings of ours alone where a shadow lies in the workspace", function()
      start()
      local none, msg, code = git.open(root, root .. "/.wrapix/git")
      assert.same({ nil, "EUNSAFE" }, { none, code })
      assert.truthy(msg:find("in the workspace", 1, true))
    end)
  end)
end)
