-- SPDX-License-Identifier: MIT
local box = require("wrapix.builder.box")
local spec = require("wrapix.builder.spec")

local KEYS = { client_public = "ssh-ed25519 C", host_public = "ssh-ed25519 H", host_private = "S" }

local function facts(more, engine)
  local one = {
    uid = 1000, gid = 1000, username = "ann", subuid = true, tun_readable = true,
    dirs = { data = "/home/ann/.local/share/wrapix" }, workspace = { path = "/", uid = 0, gid = 0 },
    limits = { nofile = { soft = 1024, hard = 4096 }, nproc = { soft = 1, hard = math.huge } },
    cgroup = { controllers = { cpu = true, memory = true, pids = true } },
    engine = { name = "podman", path = "/usr/bin/podman", version = { 5, 4, 2 },
      version_text = "5.4.2", rootless = true, oci_runtime = { name = "crun", version = "1.21" },
      pasta = "/usr/bin/pasta" },
  }
  for name, value in pairs(engine or {}) do one.engine[name] = value end
  for name, value in pairs(more or {}) do one[name] = value end
  return one
end

local function settings(given) return assert(spec.check(given or {}, { cpus = 4, arch = "x86_64" })) end

local function plan(...) return box.plan(settings(), facts(...), KEYS, "localhost/i:1") end

describe("builder.box", function()
  it("takes the limits and the network that this host has", function()
    local found = assert(plan()).box
    assert.equal(4096, found.nofile)
    assert.equal(16384, found.nproc)
    assert.equal("pasta", found.network)
    assert.equal(4, found.cpus)
    assert.same({ dir = "/home/ann/.local/share/wrapix/builder/nix" }, found.nix)
    found = assert(plan({ cgroup = { controllers = {} } })).box
    assert.is_nil(found.cpus)
    assert.is_nil(found.memory)
  end)

  it("refuses a user without subordinate ids, and says what mends it", function()
    local found, message, code, hint = plan({ subuid = false })
    assert.is_nil(found)
    assert.matches("^builder: ann: has no range of subordinate ids", message)
    assert.is_string(code)
    assert.matches("usermod", hint)
  end)

  it("uses runc where crun does not work", function()
    local hybrid = { controllers = {}, v2_busy = true }
    assert.equal("/usr/bin/runc", assert(plan({ cgroup = hybrid, runc = "/usr/bin/runc" })).box.engine.oci_runtime)
    local found, message, _, hint = plan({ cgroup = hybrid })
    assert.is_nil(found)
    assert.matches("^builder: crun", message)
    assert.matches("runc", hint)
  end)

  it("keeps /nix in a volume with Apple's container", function()
    local found = assert(plan(nil, { name = "container", path = "/c", version = { 1, 2, 2 } }))
    assert.same({ volume = "wrapix-builder-nix" }, found.box.nix)
    assert.equal("/c", found.argv[1])
    assert.is_nil(found.box.network)
  end)

  it("labels the container with the digest of all that was asked for", function()
    local one, same = assert(plan()), assert(plan())
    assert.equal(one.box.digest, same.box.digest)
    assert.truthy(table.concat(one.argv, " "):find("wrapix.builder=" .. one.box.digest, 1, true))
    local other = assert(box.plan(settings({ port = 2223 }), facts(), KEYS, "localhost/i:1"))
    assert.not_equal(one.box.digest, other.box.digest)
    other = assert(box.plan(settings(), facts(), { client_public = "ssh-ed25519 D",
      host_public = "ssh-ed25519 H", host_private = "S" }, "localhost/i:1"))
    assert.not_equal(one.box.digest, other.box.digest)
  end)

  it("puts no secret into a command line", function()
    assert.falsy(table.concat(assert(plan()).argv, " "):find("ssh-ed25519", 1, true))
  end)
end)
