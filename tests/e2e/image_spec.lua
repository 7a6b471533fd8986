-- SPDX-License-Identifier: MIT
-- Images: a profile's packages become one, really built from the package archive;
-- once, however many ask; and what is said where that cannot be done.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")

-- The images of these specs; those of the host and of others stay.
local NAME = "e2e" .. sys.random_hex(3)

local PACKAGES = "packages = { 'file', { 'fd', apt = 'fd-find' } }"

local function remove_images()
  local all = e2e.podman("images", "--format",
    '{{.Repository}}:{{.Tag}} {{index .Labels "wrapix.profile"}}')
  for ref, name in all:gmatch("(%S+) ([^\n]*)") do
    if ref:find("^localhost/wrapix%-") and name == NAME then e2e.podman("rmi", "--force", ref) end
  end
end

local function profile(dir, fields, file)
  return e2e.file(dir .. "/" .. (file or "my.lua"),
    ("return { name = %q, %s }"):format(NAME, fields))
end

describe("an image of a profile", function()
  after_each(e2e.assert_clean)
  teardown(remove_images)

  it("is built once by two starts at once, and then is there", function()
    local dir = e2e.dir()
    profile(dir, PACKAGES .. ", command = { 'file', '--version' }")
    local function start()
      return assert(proc.spawn({ e2e.wrapix, "./my.lua" },
        { cwd = dir, stdout = "pipe", stderr = "pipe", session = true }))
    end
    local one <close> = start()
    local two <close> = start()
    local first, second = assert(one:wait()), assert(two:wait())
    assert.equal(0, first.code, first.stderr)
    assert.equal(0, second.code, second.stderr)
    assert.truthy(first.stdout:find("^file%-%d"), first.stdout)
    assert.equal(first.stdout, second.stdout)
    local _, built = (first.stderr .. second.stderr):gsub("building localhost/wrapix%-", "")
    assert.equal(1, built, first.stderr .. second.stderr)

    local began = sys.clock()
    local again = assert(proc.run({ e2e.wrapix, "-q", "./my.lua", "--", "sh", "-c",
      "id -un; id -u; command -v fdfind; touch made; touch /usr/x 2>&1; ls -d /home/wrapix" },
      { cwd = dir, timeout = 60 }))
    e2e.assert_within(began, 20) -- nothing is built
    local wanted = "wrapix\n%d\n/usr/bin/fdfind\n"
      .. "touch: cannot touch '/usr/x': Read-only file system\n/home/wrapix\n"
    assert.equal(wanted:format(e2e.uid), again.stdout)
    assert.equal("", again.stderr)
    assert.equal(e2e.uid, fs.stat(dir .. "/made").uid)
  end)

  it("holds in a whole Debian what holds in the small image", function()
    local dir = e2e.dir()
    e2e.compile("attack", dir)
    local result = assert(proc.run({ e2e.wrapix, "-q", "--image", e2e.debian, "--", "sh", "-c", [[
      ./attack; unshare -Ur true && echo unshare ok
      for program in /bin/su /bin/mount /usr/bin/passwd; do
        $program --help >/dev/null 2>&1; done
      find / -xdev -perm -4000 -type f 2>/dev/null | head -n 1 | xargs -r ls >/dev/null
      grep -E '^Cap(Eff|Bnd)' /proc/self/status
      apt-get update 2>&1 | tail -n 1; env | sort ]] }, { cwd = dir, timeout = 60 }))
    assert.equal(0, result.code, result.stderr)
    for line in result.stdout:gmatch("[^\n]+") do assert.falsy(line:find(" ok$"), line) end
    assert.truthy(result.stdout:find("CapEff:\t0000000000000000", 1, true))
    assert.truthy(result.stdout:find("CapBnd:\t0000000000000000", 1, true))
    assert.truthy(result.stdout:find("\nPATH=/run/wrapix/bin:", 1, true))
  end)

  it("is built on command, listed, and not built again", function()
    local dir = e2e.dir()
    local path = profile(dir, PACKAGES)
    local result = e2e.cli({ "image", "build", path }, { cwd = dir, timeout = 120 })
    assert.equal(0, result.code, result.stderr)
    assert.falsy(result.stderr:find("installing packages", 1, true), "the spec before built it")
    local list = e2e.cli({ "image", "list" }, { cwd = dir })
    assert.equal(0, list.code)
    assert.truthy(list.stdout:find("localhost/wrapix-" .. NAME, 1, true), list.stdout)
  end)

  it("with a package that does not exist is refused by its name, and leaves nothing", function()
    local dir = e2e.dir()
    profile(dir, "packages = { 'no-such-package-anywhere' }")
    local result = assert(proc.run({ e2e.wrapix, "./my.lua", "--", "true" },
      { cwd = dir, timeout = 120 }))
    assert.equal(125, result.code)
    assert.truthy(result.stderr:find("no-such-package-anywhere", 1, true), result.stderr)
    assert.equal("", e2e.podman("ps", "--all", "--external", "--quiet"))
  end)
end)

-- A small program that npm has as a native one of its own.
local AGENT = [[return {
  name = "robot", title = "Robot", stream = "text",
  install = { npm = "esbuild", version = %q, bin = { robot = "/opt/robot/robot" },
    files = { { from = "@esbuild/linux-x64/bin/esbuild", to = "/opt/robot/robot" },
      { from = "@esbuild/linux-arm64/bin/esbuild", to = "/opt/robot/robot" } } },
  argv = function() return { "robot", "--version" } end,
}]]

describe("an image with an agent from npm", function()
  local dir, env

  local function agent(version) e2e.file(env.XDG_CONFIG_HOME .. "/wrapix/agents/robot.lua",
    AGENT:format(version)) end

  local function image(...)
    local result = e2e.cli({ "image", ... }, { cwd = dir, env = env, timeout = 300 })
    assert.equal(0, result.code, result.stderr)
    return result.stdout:match("^(localhost/%S+)\n$") or result.stdout, result.stderr
  end

  setup(function()
    dir = e2e.dir()
    local own = e2e.dir("own") -- no workspace may hold them
    env = { XDG_CONFIG_HOME = own .. "/config", XDG_STATE_HOME = own .. "/state" }
    assert(fs.ensure_dir(env.XDG_CONFIG_HOME .. "/wrapix/agents"))
    profile(dir, "packages = { 'file' }, agents = { 'robot' }")
  end)
  teardown(remove_images)

  it("is built, prepared and runs it; a new version makes one stage anew", function()
    agent("0.25.1")
    local old, notes = image("build", "./my.lua")
    assert.truthy(notes:find("agents +localhost/wrapix%-%S+ %(%d+ [kM]B, %d+ s%)"), notes)
    local ran = e2e.cli({ "-q", "./my.lua", "--", "robot", "--version" }, { cwd = dir, env = env })
    assert.equal("0.25.1\n", ran.stdout, ran.stderr)
    agent("0.25.2")
    local began = sys.clock()
    local new
    new, notes = image("build", "./my.lua")
    assert.not_equal(old, new)
    e2e.assert_within(began, 180)
    assert.truthy(notes:find("packages +localhost/wrapix%-stage:%x+ %(was there%)"), notes)
    local again = sys.clock()
    assert.equal(new, (image("build", "./my.lua")))
    e2e.assert_within(again, 5) -- a third of a second on a machine at rest
  end)

  it("is told what is in it, and which of the two nobody needs", function()
    local shown = image("show", "./my.lua")
    assert.truthy(shown:find("agent +robot 0.25.2"), shown)
    assert.truthy(shown:find("\n  agents +%d+ MB"), shown)
    local would = image("prune", "--dry-run")
    local current = image("build", "./my.lua")
    assert.is_nil(would:find(current, 1, true), would)
    assert.truthy(would:find("would remove localhost/wrapix-" .. NAME, 1, true), would)
  end)

  it("goes into a file and comes back under its name", function()
    local ref = image("build", "./my.lua")
    assert.equal(ref, (image("export", "robot.oci", "./my.lua")))
    e2e.podman("rmi", ref)
    assert.equal(ref, (image("import", "robot.oci")))
    local ran = e2e.cli({ "-q", "./my.lua", "--", "robot", "--version" }, { cwd = dir, env = env })
    assert.equal("0.25.2\n", ran.stdout, ran.stderr)
  end)

  it("that npm does not have in this version names it, and keeps the rest", function()
    local before = image("build", "./my.lua")
    agent("99.9.9")
    local result = e2e.cli({ "image", "build", "./my.lua" }, { cwd = dir, env = env, timeout = 120 })
    assert.equal(125, result.code)
    assert.truthy(result.stderr:find("agent robot 99.9.9: npm has no such version", 1, true),
      result.stderr)
    local below = result.stderr:match("(localhost/wrapix%-stage:%x+) is kept")
    for _, ref in ipairs({ before, below }) do e2e.podman("image", "exists", ref) end
    assert.equal("", e2e.podman("ps", "--all", "--external", "--quiet"))
  end)
end)

describe("an image that cannot be had", function()
  after_each(e2e.assert_clean)

  it("of this host is named, with what to do", function()
    local result = e2e.run({ "true" }, { image = "localhost/wrapix-no-such:1" })
    assert.equal(125, result.code)
    assert.truthy(result.stderr:find("localhost/wrapix-no-such:1: no such image", 1, true))
    assert.truthy(result.stderr:find("hint: ", 1, true))
  end)

  it("for want of a network is named, with the reason", function()
    local result = e2e.run({ "true" }, { image = "registry.invalid/none/such:1" })
    assert.equal(125, result.code)
    assert.truthy(result.stderr:find("registry.invalid/none/such:1", 1, true), result.stderr)
    assert.truthy(result.stderr:find("no network", 1, true), result.stderr)
    assert.truthy(result.stderr:find("hint: ", 1, true))
  end)
end)
