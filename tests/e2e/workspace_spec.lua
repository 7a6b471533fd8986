-- SPDX-License-Identifier: MIT
-- Workspaces of any name, and mounts: how they arrive, and which are refused.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local path = require("wrapix.path")
local proc = require("wrapix.proc")

local ODD_NAMES = {
  "with space", "it's \"quoted\"", "new\nline", "a,b", "a:b:c", "grüße-日本", "-leading-dash",
  "dollar $HOME `x`", "back\\slash", "a=b", "source=x,destination=y", " spaces around ", "~",
  "%s", "#x", "{}",
}

-- Those that are also tried with -C, from elsewhere.
local BY_NAME = { ["new\nline"] = true, ["a:b:c"] = true, ["-leading-dash"] = true, ["~"] = true }

describe("a workspace", function()
  after_each(e2e.assert_clean)

  for _, name in ipairs(ODD_NAMES) do
    it(("may be called %q"):format(name), function()
      local dir = e2e.dir(name)
      e2e.file(dir .. "/in", "from outside")
      local argv = { "--image", e2e.image, "-q", "--", "sh", "-c", "cat in; echo inside >out" }
      local result = e2e.cli(argv, { cwd = dir })
      assert.same({ 0, "from outside", "" }, { result.code, result.stdout, result.stderr })
      assert.equal("inside\n", fs.read(dir .. "/out"))
      assert.equal(e2e.uid, fs.stat(dir .. "/out").uid)
      if not BY_NAME[name] then return end
      table.insert(argv, 1, "-C")
      table.insert(argv, 2, "./" .. name)
      result = e2e.cli(argv, { cwd = path.dirname(dir) })
      assert.same({ 0, "from outside", "" }, { result.code, result.stdout, result.stderr })
    end)
  end

  it("whose name is not UTF-8 is refused in words", function()
    local result = e2e.cli({ "--image", e2e.image, "--", "true" }, { cwd = e2e.dir("bad\xff") })
    assert.equal(125, result.code)
    assert.truthy(result.stderr:find("UTF-8", 1, true), result.stderr)
  end)

  it("that is a link is the directory it leads to", function()
    local dir = e2e.dir()
    local link = path.dirname(dir) .. "/link"
    assert(fs.symlink(dir, link))
    assert.equal(0, e2e.run({ "touch", "here" }, { dir = link }).code)
    assert.truthy(fs.stat(dir .. "/here"))
  end)

  it("that is not there, or no directory, is refused", function()
    local file = e2e.file(e2e.tmp .. "/plain-file", "")
    for _, dir in ipairs({ "/nonexistent/x", file }) do
      local result = e2e.run({ "true" }, { dir = dir })
      assert.equal(125, result.code)
      assert.truthy(result.stderr:find(dir, 1, true), result.stderr)
    end
  end)

  it("cannot be the home directory or /", function()
    for _, dir in ipairs({ os.getenv("HOME"), "/", "/proc" }) do
      local result = e2e.run({ "true" }, { dir = dir })
      assert.equal(125, result.code, dir)
      assert.truthy(result.stderr:find("cannot be a workspace", 1, true), result.stderr)
      assert.truthy(result.stderr:find("hint: ", 1, true), result.stderr)
    end
  end)
end)

describe("a mount", function()
  after_each(e2e.assert_clean)

  local function source(name, text)
    local dir = e2e.dir(name)
    e2e.file(dir .. "/file", text or "content\n")
    assert(fs.chown(dir .. "/file", e2e.uid, e2e.gid))
    return dir
  end

  local function profile(text)
    return e2e.file(e2e.tmp .. "/mounts.lua", ("return { name = 'm', image = %q, %s }")
      :format(e2e.image, text))
  end

  it("is read-only unless rw is said", function()
    local one, two = source("one"), source("two")
    local found = e2e.sections({
      before = "cat /mnt/one/file /mnt/two/file", one = "echo x >/mnt/one/file",
      two = "echo x >/mnt/two/file && touch /mnt/two/new",
      options = "grep ' /mnt/' /proc/self/mounts",
    }, { args = { "-m", one .. ":/mnt/one", "-m", two .. ":/mnt/two:rw" } })
    assert.equal("content\ncontent", found.before.out)
    assert.truthy(found.one.out:find("Read-only", 1, true), found.one.out)
    assert.same({ 0, "" }, { found.two.code, found.two.out })
    assert.equal("x\n", fs.read(two .. "/file"))
    assert.equal(e2e.uid, fs.stat(two .. "/new").uid)
    assert.equal("content\n", fs.read(one .. "/file"))
    for line in found.options.out:gmatch("[^\n]+") do
      assert.truthy(line:find("nosuid", 1, true) and line:find("nodev", 1, true), line)
    end
  end)

  it("may be one file, and stays read-only in the home it stands in", function()
    local dir = source("config")
    local found = e2e.sections({
      read = "cat ~/.config/tool/file", write = "echo x >~/.config/tool/file",
      beside = "touch ~/.config/other ~/.config/tool/more && stat -c %u ~/.config ~/.config/tool",
    }, { args = { "-m", dir .. "/file:~/.config/tool/file" } })
    assert.equal("content", found.read.out)
    assert.not_equal(0, found.write.code)
    assert.equal(("%d\n%d"):format(e2e.uid, e2e.uid), found.beside.out)
  end)

  it("that is optional and absent is left out; one that is not is refused", function()
    local args = { "-m", "/nonexistent/x:/mnt/x:ro:optional" }
    assert.equal("no", e2e.output("test -e /mnt/x || echo no", { args = args }))
    local result = e2e.run({ "true" }, { args = { "-m", "/nonexistent/x:/mnt/x" } })
    assert.equal(125, result.code)
    assert.truthy(result.stderr:find("/nonexistent/x", 1, true), result.stderr)
  end)

  it("expands ~ and the two variables, in profiles too", function()
    local home = os.getenv("HOME")
    assert(fs.ensure_dir(home .. "/e2e-shared"))
    e2e.file(home .. "/e2e-shared/file", "shared\n")
    for _, from in ipairs({ "~/e2e-shared", "$HOME/e2e-shared" }) do
      local text = ("mounts = { { source = %q, dest = '~/shared' } }"):format(from)
      assert.equal("shared", e2e.output("cat /home/wrapix/shared/file",
        { image = false, args = { profile(text) } }))
    end
    assert(fs.remove_tree(home .. "/e2e-shared"))
  end)

  it("may come from a place of any name", function()
    for _, name in ipairs({ "a:b", "a,b", "it's \"q\"", "new\nline", "-dash" }) do
      local dir = source(name, "odd\n")
      local text = ("mounts = { { source = %q, dest = %q } }"):format(dir, "/mnt/" .. name)
      local result = e2e.run({ "cat", "/mnt/" .. name .. "/file" },
        { image = false, args = { "-q", profile(text) } })
      assert.same({ 0, "odd\n", "" }, { result.code, result.stdout, result.stderr }, name)
    end
  end)

  it("gives writable directories of the profile", function()
    local owner = e2e.output("touch /var/cache/x/y && stat -c %u /var/cache/x",
      { image = false, args = { profile("writable = { '/var/cache/x' }") } })
    assert.equal(tostring(e2e.uid), owner)
  end)

  -- Sources that would give the host away.
  it("that is dangerous is refused, by its real name", function()
    local link = e2e.tmp .. "/link-to-home"
    assert(fs.symlink(os.getenv("HOME"), link))
    local sockets = os.getenv("XDG_RUNTIME_DIR") .. "/podman"
    assert(fs.ensure_dir(sockets))
    e2e.file(sockets .. "/podman.sock", "")
    local cases = { os.getenv("HOME"), "/", "/proc", "/sys", "/dev", link,
      sockets .. "/podman.sock", os.getenv("XDG_RUNTIME_DIR"), e2e.runtime_dir, "~" }
    for _, from in ipairs(cases) do
      local result = e2e.run({ "true" }, { args = { "-m", from .. ":/mnt/x" } })
      assert.equal(125, result.code, from)
      assert.truthy(result.stderr:find("allow_dangerous", 1, true), result.stderr)
    end
    assert(fs.remove_tree(sockets))
    assert(fs.remove_tree(link))
  end)

  it("that is dangerous is made when the profile says so", function()
    local text = "mounts = { { source = '/proc/sys', dest = '/mnt/x', allow_dangerous = true } }"
    assert.equal("kernel", e2e.output("ls -d /mnt/x/kernel | grep -o kernel",
      { image = false, args = { profile(text) } }))
  end)

  it("over what a sandbox is made of is refused, and so are two in one place", function()
    local dir = source("x")
    for _, dest in ipairs({ "/workspace", "/", "/run/wrapix", "/run/wrapix/bin", "/proc/x", "/tmp",
      "/home/wrapix", "/dev/x" }) do
      local result = e2e.run({ "true" }, { args = { "-m", dir .. ":" .. dest } })
      assert.truthy(result.code == 125 or result.code == 2, dest)
      assert.truthy(result.stderr:find(dest, 1, true), result.stderr)
    end
    local twice = { "-m", dir .. ":/mnt/x", "-m", dir .. ":/mnt/x" }
    assert.equal(125, e2e.run({ "true" }, { args = twice }).code)
  end)

  it("out of the workspace through a link in it is refused", function()
    local dir = e2e.dir()
    assert(fs.symlink("/etc", dir .. "/escape"))
    local text = "mounts = { { source = './escape', dest = '/mnt/x' } }"
    e2e.file(dir .. "/my.lua", ("return { name = 'm', image = %q, %s }"):format(e2e.image, text))
    local result = assert(proc.run({ e2e.wrapix, "./my.lua", "--", "ls", "/mnt/x" }, { cwd = dir }))
    assert.equal(125, result.code)
    assert.truthy(result.stderr:find("link", 1, true), result.stderr)
  end)
end)
