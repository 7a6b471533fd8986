-- SPDX-License-Identifier: MIT
-- Specs of wrapix.fs, each in a directory of its own. What needs a FIFO, a
-- second process or a race is in tests/unit/core/fs_test.c.

local fs = require("wrapix.fs")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local function octal(text) return tonumber(text, 8) end

local dir

before_each(function() dir = assert(fs.temp_dir("wrapix-fs-")) end)
after_each(function() assert(fs.remove_tree(dir)) end)

local function at(name) return dir .. "/" .. name end

-- Asserts a failure of the outside world.
local function fails(code, pattern, value, message, got)
  assert.is_nil(value)
  assert.equal(code, got)
  assert.equal(code .. ": ", message:sub(1, #code + 2))
  assert.matches(pattern, message)
end

local function put(name, data) assert(fs.write_atomic(at(name), data or name, { sync = false })) end

local function make(names)
  for _, name in ipairs(names) do
    assert(fs.ensure_dir(at(name):match("^(.*)/")))
    if name:sub(-1) ~= "/" then put(name) end
  end
end

local function tree(root)
  local out = {}
  for rel, stat in assert(fs.walk(root)) do
    out[#out + 1] = rel .. (({ directory = "/", symlink = "@" })[stat.type] or "")
  end
  return out
end

describe("fs.read", function()
  it("reads bytes as they are", function()
    put("x", "a\0b\r\n\xFF")
    assert.equal("a\0b\r\n\xFF", fs.read(at("x")))
    put("empty", "")
    assert.equal("", fs.read(at("empty")))
  end)

  it("reads files that say size 0", function()
    assert.matches("^Name:", fs.read("/proc/self/status"))
  end)

  it("holds the limit, also where the size is not known", function()
    put("x", ("x"):rep(10000))
    assert.equal(10000, #fs.read(at("x"), 10000))
    fails("EFBIG", "more than 9999 bytes", fs.read(at("x"), 9999))
    fails("EFBIG", "more than 10 bytes", fs.read("/proc/self/status", 10))
    assert.equal("", fs.read("/dev/null/..", 0) or "")
  end)

  it("reads 10 MB quickly", function()
    local data = ("0123456789"):rep(1000000)
    put("big", data)
    assert.is_true(fs.read(at("big")) == data)
  end)

  it("refuses what is no file", function()
    fails("ENOENT", "open '.*/none'", fs.read(at("none")))
    fails("EISDIR", "open", fs.read(dir))
    fails("EINVAL", "a char and not a file", fs.read("/dev/null"))
    assert.error_matches(function() fs.read("a\0b") end, "NUL")
    assert.has_error(function() fs.read() end)
    assert.has_error(function() fs.read("x", -1) end)
  end)
end)

describe("fs.write_atomic", function()
  it("replaces the whole file and leaves nothing else", function()
    put("x", "first")
    put("x", "2")
    assert.equal("2", fs.read(at("x")))
    assert.same({ "x" }, fs.list(dir))
  end)

  it("sets an exact mode, and 0644 less the umask without one", function()
    assert(fs.write_atomic(at("a"), "", { mode = octal("666") }))
    assert.equal(octal("666"), fs.stat(at("a")).mode)
    assert(fs.write_atomic(at("b"), "", { mode = octal("600") }))
    assert.equal(octal("600"), fs.stat(at("b")).mode)
    assert(fs.write_atomic(at("c"), ""))
    assert.equal(0, fs.stat(at("c")).mode & ~octal("644"))
  end)

  it("replaces a link and leaves its target alone", function()
    put("target", "kept")
    assert(fs.symlink("target", at("link")))
    put("link", "new")
    assert.equal("kept", fs.read(at("target")))
    assert.equal("file", fs.lstat(at("link")).type)
  end)

  it("takes the longest names", function()
    local name = ("n"):rep(255)
    put(name, "x")
    assert.equal("x", fs.read(at(name)))
    fails("ENAMETOOLONG", "write", fs.write_atomic(at(name .. "n"), "x"))
    assert.same({ name }, fs.list(dir))
  end)

  it("leaves no temporary file after a failure", function()
    make({ "d/in" })
    fails("EISDIR", "write", fs.write_atomic(at("d"), "x"))
    fails("EISDIR", "write", fs.write_atomic(at("d/"), "x"))
    assert.same({ "d/", "d/in" }, tree(dir))
  end)

  it("tells what is missing", function()
    fails("ENOENT", "write '.*/no/x': open '.*/no'", fs.write_atomic(at("no/x"), ""))
    fails("EINVAL", "ends in no name", fs.write_atomic("", ""))
    fails("EINVAL", "ends in no name", fs.write_atomic("..", ""))
    local function raises(pattern, opts)
      assert.error_matches(function() fs.write_atomic("x", "", opts) end, pattern)
    end
    raises("unknown option \"perm\"", { perm = 1 })
    raises("integer expected", { mode = "0644" })
    raises("7777", { mode = octal("10000") })
  end)
end)

describe("fs.append", function()
  it("adds to the end and makes the file", function()
    assert(fs.append(at("log"), "a\n", { mode = octal("600") }))
    assert(fs.append(at("log"), "b\n"))
    assert.equal("a\nb\n", fs.read(at("log")))
    assert.equal(octal("600"), fs.stat(at("log")).mode)
    fails("EISDIR", "open", fs.append(dir, "x"))
  end)
end)

describe("fs.ensure_dir", function()
  it("makes what is missing and is content with what is there", function()
    assert.is_true(fs.ensure_dir(at("a//b/c/"), octal("700")))
    assert.is_true(fs.ensure_dir(at("a/b/c"), octal("755")))
    assert.equal(octal("700"), fs.stat(at("a/b/c")).mode)
    assert.equal(octal("700"), fs.stat(at("a")).mode)
    assert.is_true(fs.ensure_dir("/"))
  end)

  it("goes through a link to a directory", function()
    make({ "real/" })
    assert(fs.symlink("real", at("link")))
    assert.is_true(fs.ensure_dir(at("link/x")))
    assert.equal("directory", fs.stat(at("real/x")).type)
  end)

  it("refuses what is in the way", function()
    make({ "file" })
    fails("ENOTDIR", "/file'", fs.ensure_dir(at("file")))
    fails("ENOTDIR", "/file'", fs.ensure_dir(at("file/x/y")))
    assert(fs.symlink("nowhere", at("dangling")))
    fails("EEXIST", "dangling", fs.ensure_dir(at("dangling/x")))
    fails("ENOENT", "''", fs.ensure_dir(""))
    fails("ENAMETOOLONG", "make", fs.ensure_dir(("/x"):rep(5000)))
  end)
end)

describe("fs.temp_dir", function()
  it("makes a private directory of its own", function()
    local a, b = fs.temp_dir("p-", dir), fs.temp_dir("p-", dir)
    assert.not_equal(a, b)
    assert.equal(octal("700"), fs.stat(a).mode)
    assert.equal(dir .. "/p-", a:sub(1, #dir + 3))
    fails("ENOENT", "make a directory", fs.temp_dir("x", at("none")))
    assert.error_matches(function() fs.temp_dir("a/b") end, "without '/'")
  end)
end)

describe("fs.lock", function()
  it("excludes a second holder and says who the first is", function()
    local lock <close> = assert(fs.lock(at("l")))
    assert.equal(tostring(sys.pid()) .. "\n", fs.read(at("l")))
    fails("EAGAIN", "held by process " .. sys.pid(), fs.lock(at("l")))
    fails("EAGAIN", "held by", fs.lock(at("l"), { wait = 0.02 }))
    assert.equal("lock (held)", tostring(lock))
  end)

  it("is given back by close, by <close> and by the collector", function()
    local lock = assert(fs.lock(at("l")))
    lock:close()
    lock:close()
    assert.equal("lock (closed)", tostring(lock))
    assert.equal("", fs.read(at("l")))
    do
      local scoped <close> = assert(fs.lock(at("l")))
      assert.is_userdata(scoped)
    end
    assert.is_userdata(fs.lock(at("l")))
    collectgarbage()
    collectgarbage()
    assert(fs.lock(at("l"))):close()
  end)

  it("waits until the holder is done", function()
    local order = {}
    task.scope(function(scope)
      local lock = assert(fs.lock(at("l")))
      scope:spawn(function()
        local second <close> = assert(fs.lock(at("l"), { wait = true }))
        order[#order + 1] = tostring(second)
      end)
      task.sleep(0.03)
      order[#order + 1] = "first"
      lock:close()
    end)
    assert.same({ "first", "lock (held)" }, order)
  end)

  it("can be cancelled while it waits", function()
    local lock <close> = assert(fs.lock(at("l")))
    assert.equal("lock (held)", tostring(lock))
    fails("ETIMEDOUT", "timeout", task.timeout(0.02, fs.lock, at("l"), { wait = true }))
  end)

  it("is not fooled by a removed lock file", function()
    local old <close> = assert(fs.lock(at("l")))
    assert(fs.unlink(at("l")))
    local new <close> = assert(fs.lock(at("l")))
    assert.not_equal(old, new)
    fails("EAGAIN", "lock", fs.lock(at("l")))
  end)

  it("refuses links and what is no file", function()
    assert(fs.symlink("elsewhere", at("link")))
    fails("ELOOP", "link", fs.lock(at("link")))
    assert.is_false(fs.exists(at("elsewhere")))
    fails("EISDIR", "open", fs.lock(dir))
    assert.error_matches(function() fs.lock("x", { wait = "1" }) end, "number or boolean expected")
  end)

  it("makes a private file", function()
    assert(fs.lock(at("l"))):close()
    assert.equal(octal("600"), fs.stat(at("l")).mode)
  end)
end)

describe("fs.walk", function()
  it("goes depth first in byte order and follows no link", function()
    make({ "b/z", "b/a/x", "B", "a.txt", "ä" })
    assert(fs.symlink("b", at("link")))
    assert.same({ "B", "a.txt", "b/", "b/a/", "b/a/x", "b/z", "link@", "ä" }, tree(dir))
  end)

  it("leaves out what descend refuses", function()
    make({ "node_modules/x", "src/x" })
    local seen = {}
    for rel in fs.walk(dir, { descend = function(rel) return rel ~= "node_modules" end }) do
      seen[#seen + 1] = rel
    end
    assert.same({ "node_modules", "src", "src/x" }, seen)
  end)

  it("may be left at any time", function()
    make({ "a/b", "c" })
    for rel in fs.walk(dir) do
      if rel == "a/b" then break end
    end
  end)

  it("reports a directory that became a link, and does not enter it", function()
    make({ "a/x", "out/secret" })
    local problems = {}
    local function swap(rel)
      if rel == "a" then
        assert(fs.remove_tree(at("a")))
        assert(fs.symlink("out", at("a")))
      end
      return rel ~= "out"
    end
    for rel, _, problem, code in fs.walk(dir, { descend = swap }) do
      assert.not_equal("a/secret", rel)
      problems[#problems + 1] = problem and rel .. " " .. code
    end
    assert.equal(1, #problems)
    assert.matches("^a E", problems[1])
  end)

  it("goes deeper than descriptors and paths reach", function()
    -- Each level is made with a relative link-free path short enough for mkdir.
    local path = dir
    for i = 1, 300 do
      path = path .. "/d" .. i
      assert(fs.mkdir(path))
    end
    assert.equal(300, #tree(dir))
  end)

  it("fails for a root that is not there", function()
    fails("ENOENT", "open '.*/none'", fs.walk(at("none")))
    make({ "file" })
    fails("ENOTDIR", "open", fs.walk(at("file")))
  end)
end)

describe("fs.copy_tree", function()
  it("copies content, permission bits and links", function()
    make({ "src/sub/file", "src/tool", "src/empty/" })
    assert(fs.chmod(at("src/tool"), octal("4751")))
    assert(fs.chmod(at("src/sub"), octal("500")))
    assert(fs.symlink("../outside", at("src/link")))
    assert.is_true(fs.copy_tree(at("src"), at("dst")))
    assert.same({ "empty/", "link@", "sub/", "sub/file", "tool" }, tree(at("dst")))
    assert.equal("src/sub/file", fs.read(at("dst/sub/file")))
    assert.equal(octal("751"), fs.stat(at("dst/tool")).mode)
    assert.equal(octal("500"), fs.stat(at("dst/sub")).mode)
    assert.equal("../outside", fs.readlink(at("dst/link")))
  end)

  it("copies a lone file and a lone link", function()
    make({ "file" })
    assert(fs.symlink("file", at("link")))
    assert(fs.copy_tree(at("file"), at("file2")))
    assert(fs.copy_tree(at("link"), at("link2")))
    assert(fs.copy_tree(at("link"), at("file3"), { follow = true }))
    assert.equal("file", fs.read(at("file2")))
    assert.equal("file", fs.readlink(at("link2")))
    assert.equal("file", fs.lstat(at("file3")).type)
  end)

  it("follows links when told, but not in circles", function()
    make({ "src/", "other/x" })
    assert(fs.symlink("../other", at("src/link")))
    assert(fs.copy_tree(at("src"), at("dst"), { follow = true }))
    assert.same({ "link/", "link/x" }, tree(at("dst")))
    assert(fs.symlink(".", at("src/one")))
    assert(fs.symlink(".", at("src/two")))
    fails("ELOOP", "one", fs.copy_tree(at("src"), at("dst2"), { follow = true }))
    assert.is_false(fs.exists(at("dst2")))
  end)

  it("refuses devices and leaves nothing behind", function()
    make({ "src/" })
    assert(fs.symlink("/dev/null", at("src/z")))
    make({ "src/a" })
    fails("EINVAL", "'z' is a char", fs.copy_tree(at("src"), at("dst"), { follow = true }))
    assert.is_false(fs.exists(at("dst")))
  end)

  it("refuses a destination that is there, or inside the source", function()
    make({ "src/x", "dst/y" })
    fails("EEXIST", "dst", fs.copy_tree(at("src"), at("dst")))
    fails("EINVAL", "inside", fs.copy_tree(at("src"), at("src/copy")))
    assert.same({ "dst/", "dst/y", "src/", "src/x" }, tree(dir))
    fails("ENOENT", "none", fs.copy_tree(at("none"), at("dst2")))
    fails("ENOENT", "no", fs.copy_tree(at("src"), at("no/dst")))
  end)

  it("holds the limit of bytes and of depth", function()
    make({ "src/" })
    put("src/a", ("x"):rep(600))
    put("src/b", ("x"):rep(600))
    assert(fs.copy_tree(at("src"), at("dst"), { max_bytes = 1200 }))
    fails("EFBIG", "1199 bytes", fs.copy_tree(at("src"), at("dst2"), { max_bytes = 1199 }))
    assert.is_false(fs.exists(at("dst2")))
    assert(fs.ensure_dir(at("deep" .. ("/d"):rep(200))))
    fails("ELOOP", "128 levels", fs.copy_tree(at("deep"), at("dst3")))
    assert.is_false(fs.exists(at("dst3")))
  end)
end)

describe("fs.remove_tree", function()
  it("removes everything below a name, and is content with nothing", function()
    make({ "t/a/b/c", "t/x", "t/e/" })
    assert.is_true(fs.remove_tree(at("t/")))
    assert.is_true(fs.remove_tree(at("t")))
    assert.is_true(fs.remove_tree(at("no/where")))
    assert.same({}, fs.list(dir))
  end)

  it("removes a file, and links instead of what they point to", function()
    make({ "keep/x", "t/", "f" })
    assert(fs.symlink(at("keep"), at("t/link")))
    assert(fs.symlink("keep", at("link")))
    assert(fs.remove_tree(at("t")))
    assert(fs.remove_tree(at("link/")))
    assert(fs.remove_tree(at("f")))
    assert.same({ "keep/", "keep/x" }, tree(dir))
  end)

  -- Root is not bound by permissions; fs_test.c does the same as a plain user.
  it("opens directories that were made unreadable", function()
    make({ "t/locked/inner/x" })
    assert(fs.chmod(at("t/locked/inner"), 0))
    assert(fs.chmod(at("t/locked"), octal("400")))
    assert.is_true(fs.remove_tree(at("t")))
  end)

  it("comes to the end of trees deeper than paths may be long", function()
    local lfs = require("lfs")
    local back = lfs.currentdir()
    assert(fs.mkdir(at("t")))
    assert(lfs.chdir(at("t")))
    local name = ("n"):rep(200)
    for _ = 1, 400 do -- 80 kB of path
      assert(lfs.mkdir(name))
      assert(lfs.chdir(name))
    end
    assert(io.open("leaf", "w")):close()
    assert(lfs.chdir(back))
    assert.is_true(fs.remove_tree(at("t")))
    assert.is_false(fs.exists(at("t")))
  end)

  it("refuses the root and paths that end in no name", function()
    for _, path in ipairs({ "", "/", "//", ".", "..", "/.", dir .. "/..", dir .. "/." }) do
      fails("EINVAL", "ends in no name", fs.remove_tree(path))
    end
    assert.error_matches(function() fs.remove_tree(dir .. "\0/x") end, "NUL")
    assert.is_true(fs.exists(dir))
  end)

  it("removes names of any bytes", function()
    for _, name in ipairs({ "a\nb", "-rf", " ", "\xFF", "*", "$(id)", "'" }) do put("t" .. name) end
    make({ "t/x" })
    for _, name in ipairs(fs.list(dir)) do assert(fs.remove_tree(at(name))) end
    assert.same({}, fs.list(dir))
  end)
end)

describe("fs.stat and fs.lstat", function()
  it("tell type, size, mode and time", function()
    put("f", "12345")
    assert(fs.chmod(at("f"), octal("640")))
    assert(fs.symlink("f", at("l")))
    local stat = fs.stat(at("l"))
    assert.equal("file", stat.type)
    assert.equal(5, stat.size)
    assert.equal(octal("640"), stat.mode)
    assert.equal(sys.euid(), stat.uid)
    assert.equal(1, stat.nlink)
    assert.equal("integer", math.type(stat.mtime_ns))
    assert.is_true(math.abs(stat.mtime - sys.time()) < 60)
    assert.is_true(math.abs(stat.mtime - stat.mtime_ns / 1e9) < 0.001)
    assert.is_true(stat.ctime_ns >= stat.mtime_ns and stat.ctime_ns - stat.mtime_ns < 60 * 10^9)
    assert.equal("symlink", fs.lstat(at("l")).type)
    assert.equal("directory", fs.stat(dir).type)
    assert.equal("char", fs.stat("/dev/null").type)
    assert.equal(stat.ino, fs.stat(at("f")).ino)
    fails("ENOENT", "stat", fs.stat(at("none")))
  end)
end)

describe("the single calls", function()
  it("list, mkdir, rmdir, rename, unlink", function()
    assert(fs.mkdir(at("d"), octal("700")))
    fails("EEXIST", "make directory", fs.mkdir(at("d")))
    put("b")
    put("a")
    assert.same({ "a", "b", "d" }, fs.list(dir))
    assert(fs.rename(at("a"), at("d/a")))
    fails("ENOTEMPTY", "remove directory", fs.rmdir(at("d")))
    assert(fs.unlink(at("d/a")))
    fails("ENOENT", "remove", fs.unlink(at("d/a")))
    assert(fs.rmdir(at("d")))
    fails("ENOENT", "rename '.*' to '.*'", fs.rename(at("none"), at("x")))
    fails("ENOENT", "open", fs.list(at("none")))
  end)

  it("symlink, readlink, realpath", function()
    make({ "real/x" })
    assert(fs.symlink("real", at("l")))
    assert.equal("real", fs.readlink(at("l")))
    assert.equal(fs.realpath(dir) .. "/real/x", fs.realpath(at("l/../l/x")))
    fails("EEXIST", "make link", fs.symlink("x", at("l")))
    fails("EINVAL", "read link", fs.readlink(dir))
    fails("ENOENT", "resolve", fs.realpath(at("l/none")))
  end)

  it("access and exists", function()
    put("f")
    assert(fs.chmod(at("f"), octal("600")))
    assert.is_true(fs.access(at("f"), "rw"))
    fails("EACCES", "access", fs.access(at("f"), "x"))
    assert.is_true(fs.access(at("f"), ""))
    assert.error_matches(function() fs.access("f", "rz") end, "letters r, w and x")
    assert.is_true(fs.exists(dir))
    assert.is_false(fs.exists(at("none")))
    assert(fs.symlink("none", at("dangling")))
    assert.is_false(fs.exists(at("dangling")))
  end)

  it("refuse NUL in every path", function()
    local single = {
      "read", "ensure_dir", "list", "realpath", "stat", "lstat", "mkdir", "rmdir", "unlink",
      "readlink", "exists", "walk", "lock", "remove_tree",
    }
    for _, name in ipairs(single) do
      assert.error_matches(function() fs[name]("a\0b") end, "NUL", nil, name)
    end
    assert.error_matches(function() fs.rename("a", "a\0b") end, "NUL")
    assert.error_matches(function() fs.symlink("a\0b", "a") end, "NUL")
    assert.error_matches(function() fs.copy_tree("a", "a\0b") end, "NUL")
    assert.error_matches(function() fs.chmod("a\0b", 0) end, "NUL")
    assert.error_matches(function() fs.access("a\0b", "r") end, "NUL")
    assert.error_matches(function() fs.append("a\0b", "r") end, "NUL")
    assert.error_matches(function() fs.write_atomic("a\0b", "r") end, "NUL")
    assert.error_matches(function() fs.temp_dir("a\0b") end, "NUL")
  end)
end)

describe("beneath a root", function()
  local OWNER = { mode = tonumber("700", 8), uid = sys.uid(), gid = sys.gid() }

  it("fs.read_beneath reads files and follows no link", function()
    assert(fs.ensure_dir(dir .. "/a/b"))
    assert(fs.write_atomic(dir .. "/a/b/f", "text"))
    assert(fs.symlink("f", dir .. "/a/b/link"))
    assert(fs.symlink("b", dir .. "/a/up"))
    assert(fs.symlink(dir, dir .. "/root"))
    assert.equal("text", fs.read_beneath(dir, "a/b/f"))
    assert.equal("text", fs.read_beneath(dir .. "/root", "a//b/f", 4))
    for rel, code in pairs({ ["a/b/link"] = "ELOOP", ["a/up/f"] = "ENOTDIR", ["a/b/none"] = "ENOENT",
      ["a/../a/b/f"] = "EINVAL", ["a/b"] = "EISDIR", [""] = "EINVAL", ["a/b/.."] = "EINVAL" }) do
      assert.equal(code, select(3, fs.read_beneath(dir, rel)), rel)
    end
    assert.equal("EFBIG", select(3, fs.read_beneath(dir, "a/b/f", 3)))
    assert.equal("ENOENT", select(3, fs.read_beneath(dir .. "/none", "f")))
  end)

  it("fs.ensure_dir_beneath makes private directories and takes no link for one", function()
    assert(fs.ensure_dir_beneath(dir, "x/y/z", OWNER))
    for _, rel in ipairs({ "x", "x/y", "x/y/z" }) do
      local stat = fs.lstat(dir .. "/" .. rel)
      assert.same({ "directory", OWNER.mode }, { stat.type, stat.mode })
    end
    assert(fs.chmod(dir .. "/x/y/z", tonumber("777", 8)))
    assert(fs.ensure_dir_beneath(dir, "x/y/z", OWNER))
    assert.equal(OWNER.mode, fs.lstat(dir .. "/x/y/z").mode)
    assert(fs.symlink("y", dir .. "/x/link"))
    assert.equal("ENOTDIR", select(3, fs.ensure_dir_beneath(dir, "x/link", OWNER)))
    assert.equal("ENOTDIR", select(3, fs.ensure_dir_beneath(dir, "x/link/new", OWNER)))
    assert.is_nil(fs.lstat(dir .. "/x/y/new"))
    assert(fs.write_atomic(dir .. "/file", ""))
    assert.equal("ENOTDIR", select(3, fs.ensure_dir_beneath(dir, "file", OWNER)))
    assert.equal("EINVAL", select(3, fs.ensure_dir_beneath(dir, "x/../up", OWNER)))
  end)

  it("fs.create_beneath makes new files only and follows no link", function()
    assert(fs.ensure_dir(dir .. "/out"))
    assert(fs.ensure_dir(dir .. "/new/in"))
    assert(fs.symlink("../out", dir .. "/new/link"))
    assert(fs.symlink("nowhere", dir .. "/new/dangling"))
    assert(fs.create_beneath(dir .. "/new", "in/f", "te\0xt"))
    assert.equal("te\0xt", fs.read(dir .. "/new/in/f"))
    assert.equal(1, fs.lstat(dir .. "/new/in/f").nlink)
    for rel, code in pairs({ ["in/f"] = "EEXIST", ["in"] = "EEXIST", dangling = "EEXIST",
      link = "EEXIST", ["link/f"] = "ENOTDIR", ["none/f"] = "ENOENT", ["../x"] = "EINVAL",
      [""] = "EINVAL", [".."] = "EINVAL" }) do
      assert.equal(code, select(3, fs.create_beneath(dir .. "/new", rel, "other")), rel)
    end
    assert.equal("te\0xt", fs.read(dir .. "/new/in/f"))
    assert.same({ "dangling", "in", "link" }, fs.list(dir .. "/new"))
    assert.same({ "f" }, fs.list(dir .. "/new/in"))
    assert.same({}, fs.list(dir .. "/out"))
  end)

  it("fs.replace_beneath puts a whole file in place and follows no link", function()
    assert(fs.ensure_dir(dir .. "/out"))
    assert(fs.write_atomic(dir .. "/out/f", "outside"))
    assert(fs.ensure_dir(dir .. "/rep/in"))
    assert(fs.symlink("../out", dir .. "/rep/link"))
    assert(fs.symlink("../out/f", dir .. "/rep/file"))
    assert(fs.replace_beneath(dir .. "/rep", "in/f", "one"))
    assert(fs.replace_beneath(dir .. "/rep", "in/f", "tw\0o", { sync = false }))
    assert.equal("tw\0o", fs.read(dir .. "/rep/in/f"))
    assert(fs.replace_beneath(dir .. "/rep", "in/f", "x", { mode = tonumber("640", 8) }))
    assert.equal(tonumber("640", 8), fs.lstat(dir .. "/rep/in/f").mode)
    assert(fs.replace_beneath(dir .. "/rep", "file", "ours"))
    assert.equal("file", fs.lstat(dir .. "/rep/file").type)
    for rel, code in pairs({ ["in"] = "EISDIR", ["link/f"] = "ENOTDIR", ["none/f"] = "ENOENT",
      ["in/f/f"] = "ENOTDIR", ["../x"] = "EINVAL", ["in/../f"] = "EINVAL", [""] = "EINVAL",
      ["in/"] = "EINVAL", ["."] = "EINVAL" }) do
      assert.equal(code, select(3, fs.replace_beneath(dir .. "/rep", rel, "other")), rel)
    end
    assert.equal("outside", fs.read(dir .. "/out/f"))
    assert.same({ "f" }, fs.list(dir .. "/out"))
    assert.same({ "f" }, fs.list(dir .. "/rep/in"))
    assert.same({ "file", "in", "link" }, fs.list(dir .. "/rep"))
    assert.error_matches(function() fs.replace_beneath(dir, "f", "x", { mod = 1 }) end, "mod")
    assert.error_matches(function() fs.replace_beneath(dir, "f\0", "x") end, "NUL")
    assert.error_matches(function() fs.replace_beneath(dir, "f", "x", { mode = 1 << 20 }) end,
      "0o7777")
  end)

  it("fs.append_beneath adds to files and follows no link", function()
    assert(fs.ensure_dir(dir .. "/out"))
    assert(fs.write_atomic(dir .. "/out/f", "outside"))
    assert(fs.ensure_dir(dir .. "/app/in"))
    assert(fs.symlink("../out", dir .. "/app/link"))
    assert(fs.symlink("../out/f", dir .. "/app/file"))
    assert(fs.symlink("nowhere", dir .. "/app/dangling"))
    assert(fs.append_beneath(dir .. "/app", "in/f", "a\0"))
    assert(fs.append_beneath(dir .. "/app", "in/f", "b"))
    assert.equal("a\0b", fs.read(dir .. "/app/in/f"))
    for rel, code in pairs({ file = "ELOOP", dangling = "ELOOP", ["link/f"] = "ENOTDIR",
      ["in"] = "EISDIR", ["none/f"] = "ENOENT", ["in/../f"] = "EINVAL", [".."] = "EINVAL" }) do
      assert.equal(code, select(3, fs.append_beneath(dir .. "/app", rel, "other")), rel)
    end
    assert.equal("outside", fs.read(dir .. "/out/f"))
    assert.same({ "dangling", "file", "in", "link" }, fs.list(dir .. "/app"))
    assert.error_matches(function() fs.append_beneath(dir, "f\0", "x") end, "NUL")
  end)

  it("fs.read_part_beneath reads a part and follows no link", function()
    assert(fs.ensure_dir(dir .. "/part/in"))
    assert(fs.write_atomic(dir .. "/part/in/f", "abc\0def"))
    assert(fs.symlink("in/f", dir .. "/part/l"))
    assert.equal("c\0d", fs.read_part_beneath(dir .. "/part", "in/f", 2, 3))
    assert.equal("ef", fs.read_part_beneath(dir .. "/part", "in/f", 5, 100))
    assert.equal("", fs.read_part_beneath(dir .. "/part", "in/f", 50, 1))
    assert.equal("ELOOP", select(3, fs.read_part_beneath(dir .. "/part", "l", 0, 1)))
    assert.equal("EISDIR", select(3, fs.read_part_beneath(dir .. "/part", "in", 0, 1)))
    assert.has_error(function() fs.read_part_beneath(dir .. "/part", "in/f", -1, 1) end)
  end)

  it("fs.patch_beneath changes one part in one step, keeps the mode and follows no link", function()
    local root = dir .. "/patch"
    assert(fs.ensure_dir(root))
    local big = ("0123456789"):rep(20000)
    assert(fs.write_atomic(root .. "/f", big, { mode = tonumber("640", 8) }))
    local before = fs.stat(root .. "/f").ino
    local part = { size = #big, at = 150000, cut = 10 }
    assert(fs.patch_beneath(root, "f", part, "new\0"))
    assert.equal(big:sub(1, 150000) .. "new\0" .. big:sub(150011), fs.read(root .. "/f"))
    local stat = fs.stat(root .. "/f")
    assert.equal(tonumber("640", 8), stat.mode)
    assert.is_true(stat.ino ~= before)
    assert(fs.patch_beneath(root, "f", { size = stat.size, at = stat.size, cut = 0 }, "!",
      { sync = false }))
    assert(fs.patch_beneath(root, "f", { size = stat.size + 1, at = 0, cut = stat.size }, ""))
    assert.equal("!", fs.read(root .. "/f"))
    assert(fs.patch_beneath(root, "f", { size = 1, at = 1, cut = 0 }, "?", { sync = "content" }))
    assert(fs.replace_beneath(root, "f", fs.read(root .. "/f"):sub(1, 1), { sync = "content" }))
    assert.equal("!", fs.read(root .. "/f"))
    assert.error_matches(function()
      fs.patch_beneath(root, "f", { size = 1, at = 1, cut = 0 }, "?", { sync = "directory" })
    end, "content")
    assert.error_matches(function() fs.replace_beneath(root, "f", "", { sync = "all" }) end, "content")
    local code = select(3, fs.patch_beneath(root, "f", part, "x"))
    assert.equal("EAGAIN", code)
    assert(fs.symlink("f", root .. "/l"))
    assert.equal("ELOOP", select(3, fs.patch_beneath(root, "l", { size = 1, at = 0, cut = 1 }, "x")))
    assert.equal("ENOENT", select(3, fs.patch_beneath(root, "n", { size = 1, at = 0, cut = 1 }, "x")))
    assert.same({ "f", "l" }, fs.list(root))
    assert.has_error(function() fs.patch_beneath(root, "f", { size = 1, at = 1, cut = 1 }, "x") end)
    assert.has_error(function() fs.patch_beneath(root, "f", { size = 1, at = 2, cut = 0 }, "x") end)
    assert.error_matches(function() fs.patch_beneath(root, "f", { length = 1 }, "x") end, "length")
  end)

  it("fs.list_beneath tells links from what they point to", function()
    assert(fs.mkdir(dir .. "/d"))
    assert(fs.symlink("d", dir .. "/l"))
    local names, stats = fs.list_beneath(dir, "")
    assert.same({ "d", "l" }, names)
    assert.same({ "directory", "symlink" }, { stats[1].type, stats[2].type })
    assert.equal("ENOTDIR", select(3, fs.list_beneath(dir, "l")))
  end)

  describe("fs.survey_beneath", function()
    local function look(opts)
      local all = { most = 100, names = { "rules" }, stop = { ".git" }, skip = "own", digest = true }
      for key, value in pairs(opts or {}) do all[key] = value end
      return fs.survey_beneath(dir, "t", all)
    end

    before_each(function()
      for _, name in ipairs({ "t/a/.git/x", "t/own/b" }) do assert(fs.ensure_dir(dir .. "/" .. name)) end
      assert(fs.write_atomic(dir .. "/t/a/rules", "12345"))
      assert(fs.write_atomic(dir .. "/t/own/b/rules", ""))
    end)

    it("tells where names are, and enters no directory that it is to stop at", function()
      local seen = assert(look())
      local found = {}
      for i, path in ipairs(seen.paths) do
        local stat = seen.stats[i]
        found[path] = stat.type == "file" and stat.size or stat.type
      end
      assert.same({ ["a/rules"] = 5, ["a/.git"] = "directory", ["own/b/rules"] = 0 }, found)
      assert.equal(6, seen.count)
      assert.is_nil(seen.odd)
      assert(fs.symlink("/", dir .. "/t/a/link"))
      assert.equal("a/link", look().odd)
      assert.equal(7, look().count)
      assert.equal("a/link", look({ digest = false }).odd)
      assert.is_nil(look({ digest = false }).digest)
    end)

    it("has a digest that is the same while nothing but times of directories changes", function()
      local first = assert(look())
      assert.equal(32, #first.digest)
      assert.equal(fs.stat(dir .. "/t/a/rules").ctime_ns, first.newest_ns)
      assert(fs.write_atomic(dir .. "/t/own/more", "x"))
      assert(fs.mkdir(dir .. "/t/a/new"))
      assert.is_true(look().digest ~= first.digest)
      assert(fs.rmdir(dir .. "/t/a/new"))
      assert.equal(first.digest, look().digest)
      assert(fs.write_atomic(dir .. "/t/a/rules", "54321"))
      assert.is_true(look().digest ~= first.digest)
      local second = look().digest
      assert(fs.chmod(dir .. "/t/a", tonumber("700", 8)))
      assert.is_true(look().digest ~= second)
      assert(fs.rename(dir .. "/t/a/rules", dir .. "/t/rules"))
      assert.is_true(look().digest ~= second)
    end)

    it("gives up where there is more, deeper, or not to be read", function()
      assert.equal("E2BIG", select(3, look({ most = 5 })))
      assert(look({ most = 6 }))
      assert.equal("ENOENT", select(3, fs.survey_beneath(dir, "none", { most = 1 })))
      assert(fs.symlink("t", dir .. "/l"))
      assert.equal("ENOTDIR", select(3, fs.survey_beneath(dir, "l", { most = 9 })))
      assert(fs.ensure_dir(dir .. "/t/" .. ("d/"):rep(101)))
      assert.equal("E2BIG", select(3, look({ most = 1000 })))
      assert.has_error(function() look({ most = -1 }) end)
      assert.has_error(function() look({ names = { 1, {} } }) end)
      assert.has_error(function() look({ stop = { "1", "2", "3", "4", "5", "6", "7", "8" } }) end)
    end)
  end)
end)
