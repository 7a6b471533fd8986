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
  for ref in e2e.podman("images", "--format", "{{.Repository}}:{{.Tag}}"):gmatch("%S+") do
    if ref:find("localhost/wrapix-" .. NAME, 1, true) then e2e.podman("rmi", "--force", ref) end
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
    assert.truthy(sys.clock() - began < 10)
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
