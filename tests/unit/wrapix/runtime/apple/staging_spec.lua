-- SPDX-License-Identifier: MIT
-- Which source becomes which share, and how a line of vm.conf is written.

local staging = require "wrapix.runtime.apple.staging"

local AT = { kind = "default", text = "default" }
local SESSION = "/run/w/sessions/s1/run"

local function plan(mounts, crossing)
  local list = {
    { type = "bind", source = SESSION, dest = "/run/wrapix", mode = "ro", kind = "directory" },
    { type = "bind", source = "/guest", dest = "/run/wrapix/bin", mode = "ro", kind = "directory" },
    { type = "bind", source = SESSION .. "/out", dest = "/run/wrapix/out", mode = "rw",
      kind = "directory" },
  }
  for _, mount in ipairs(mounts or {}) do
    mount.type, mount.mode = "bind", mount.mode or "ro"
    list[#list + 1] = mount
  end
  return {
    name = "n", hostname = "wrapix", mounts = list, limits = {}, files = {}, crossing = crossing,
    user = { name = "joe", uid = 501, gid = 20, home = "/home/wrapix" },
    security = { read_only = true }, workspace = { dest = "/work space" },
  }
end

local function shares(made)
  local out = {}
  for _, share in ipairs(staging.layout(made).shares) do
    if share.what == "mount" or share.what == "socket" then
      out[#out + 1] = ("%s %s %s %s"):format(share.form, share.source, share.at, share.mode)
    end
  end
  return out
end

local function binds(made)
  local out = {}
  for _, step in ipairs(staging.steps(made)) do
    local verb = step.words[1]
    if (verb == "bind" or verb == "socket") and not step.words[3]:find("^/run/wrapix/") then
      out[#out + 1] = table.concat(step.words, " ")
    end
  end
  return out
end

describe("staging.layout", function()
  it("shares a directory once, writable if any mount of it is", function()
    local made = plan({ { source = "/d", dest = "/a", kind = "directory" },
      { source = "/d", dest = "/b", mode = "rw", kind = "directory" },
      { source = "/e", dest = "/c", kind = "directory" } })
    assert.same({ "volume /d /mnt/wrapix/1 rw", "volume /e /mnt/wrapix/2 ro" }, shares(made))
    assert.same({ "bind /mnt/wrapix/1 /a ro", "bind /mnt/wrapix/1 /b rw", "bind /mnt/wrapix/2 /c ro" },
      binds(made))
  end)

  it("copies a file that is only read, and shares one that is written or large", function()
    local made = plan({ { source = "/k/key", dest = "/key", kind = "file", bytes = 400 },
      { source = "/k/rc", dest = "/rc", mode = "rw", kind = "file", bytes = 4 },
      { source = "/big/iso", dest = "/iso", kind = "file", bytes = 1 << 30 } })
    assert.same({ "volume /k/rc /mnt/wrapix/f1 rw", "volume /big/iso /mnt/wrapix/f2 ro" }, shares(made))
    assert.same({ "bind /mnt/wrapix/vm/files/1 /key ro", "bind /mnt/wrapix/f1 /rc rw",
      "bind /mnt/wrapix/f2 /iso ro" }, binds(made))
    local staged = staging.stage(made, { root = "/run/w/sessions/s1", dir = SESSION })
    assert.same({ from = "/k/key", path = "vm/files/1" }, staged.copies[2])
  end)

  it("takes a file out of its directory's share, which the CLI would drop otherwise", function()
    local made = plan({ { source = "/k", dest = "/k", kind = "directory" },
      { source = "/k/rc", dest = "/rc", mode = "rw", kind = "file", bytes = 4 } })
    assert.same({ "volume /k /mnt/wrapix/1 rw" }, shares(made))
    assert.same({ "bind /mnt/wrapix/1 /k ro", "bind /mnt/wrapix/1/rc /rc rw" }, binds(made))
  end)

  it("shares the directory of two files, and of one whose name has a colon", function()
    local made = plan({ { source = "/k/a", dest = "/a", mode = "rw", kind = "file", bytes = 4 },
      { source = "/k/b", dest = "/b", mode = "rw", kind = "file", bytes = 4 },
      { source = "/l/c:d", dest = "/c", mode = "rw", kind = "file", bytes = 4 } })
    assert.same({ "volume /k /mnt/wrapix/1 rw", "volume /l /mnt/wrapix/2 rw" }, shares(made))
    assert.same({ "bind /mnt/wrapix/1/a /a rw", "bind /mnt/wrapix/1/b /b rw",
      "bind /mnt/wrapix/2/c:d /c rw" }, binds(made))
  end)

  it("numbers the session's own sockets first", function()
    local crossing = { mode = "socket", dir = SESSION, sockets = { { name = "lease.sock" } }, origin = AT }
    local made = plan({ { source = "/a.sock", dest = "/a.sock", kind = "socket" } }, crossing)
    assert.same({ ("volume %s/lease.sock /mnt/wrapix/s1 rw"):format(SESSION),
      "volume /a.sock /mnt/wrapix/s2 rw" }, shares(made))
    table.insert(crossing.sockets, { name = "shop.sock" })
    assert.equal("volume /a.sock /mnt/wrapix/s3 rw", shares(made)[3])
  end)

  it("takes the session's own files out of what is staged", function()
    local made = plan({ { source = SESSION .. "/agents/x", dest = "/etc/x", kind = "directory" } })
    assert.same({}, shares(made))
    assert.same({ "bind /mnt/wrapix/vm/run/agents/x /etc/x ro" }, binds(made))
  end)
end)

describe("staging.form", function()
  it("finds the form that can carry a path", function()
    assert.equal("volume", staging.form("/a,b=c", "directory"))
    assert.equal("mount", staging.form("/a:b", "directory"))
    assert.is_nil(staging.form("/a:b,c", "directory"))
    assert.is_nil(staging.form("/a:b=c", "directory"))
    assert.is_nil(staging.form("/a:b", "file"))
    assert.is_nil(staging.form("/a:b", "socket"))
  end)
end)

describe("staging.stage", function()
  local SERVED = { host = "192.168.64.1", ["lease.sock"] = { port = 5001, token = ("ab"):rep(16) },
    ["notify.sock"] = { port = 5002, token = ("cd"):rep(16) } }

  it("puts ports and tokens into the file alone", function()
    local crossing = { mode = "tcp", dir = SESSION, origin = AT,
      sockets = { { name = "lease.sock" }, { name = "notify.sock" } } }
    local made = plan({}, crossing)
    local staged = staging.stage(made, { root = "/run/w/sessions/s1", dir = SESSION, served = SERVED })
    assert.equal("vm/vm.conf", staged.files[1].path)
    assert.equal(tonumber("600", 8), staged.files[1].mode)
    local text = staged.files[1].text
    assert.truthy(text:find("\nlease 192.168.64.1 5001 " .. ("ab"):rep(16) .. "\n", 1, true))
    assert.truthy(text:find("\nrelay /run/wrapix/notify.sock 192.168.64.1 5002 " .. ("cd"):rep(16),
      1, true))
    assert.same({ from = SESSION, path = "vm/run", tree = true, without = { "out", "bin" } },
      staged.copies[1])
    assert.truthy(staging.text(staging.steps(made)):find("lease GATEWAY PORT TOKEN", 1, true))
  end)
end)

describe("staging.text", function()
  it("is a line a step, its words encoded", function()
    assert.equal("wrapix-vm 1\nbind /a%20b%0A%25 /c\195\164%7F ro\n", staging.text({
      { words = { "bind", "/a b\n%", "/c\195\164\127", "ro" } } }))
  end)

  it("lets no path become another line or word", function()
    local made = plan({ { source = "/d", dest = "/x ro\nroot rw", kind = "directory" } })
    local text = staging.text(staging.steps(made))
    assert.truthy(text:find("\nbind /mnt/wrapix/1 /x%20ro%0Aroot%20rw ro\n", 1, true))
    assert.truthy(text:find("\ncwd /work%20space\n", 1, true))
    local _, roots = text:gsub("\nroot ", "")
    assert.equal(1, roots)
  end)
end)
