-- SPDX-License-Identifier: MIT
local base = require("wrapix.image.base")
local build = require("wrapix.image.build")
local fake = require("support.fake_builder")
local image = require("wrapix.image")

local OFFICIAL = "docker.io/library/debian:trixie-slim"
local OWN = "localhost/wrapix-base-debian:trixie"
local TAR = "/cache/images/base-trixie-x86_64.tar"

-- The base is only reached through a build; its label tells which one it was.
local function used(world, fields)
  local profile = { name = "shop", packages = {}, base = fields and fields.base }
  local result, message, code, hint = build.ensure(assert(image.recipe(profile)), world.facts,
    { deps = world.deps, report = world.report, now = fields and fields.now })
  if not result then return nil, message, code, hint end
  for _, call in ipairs(world.calls) do
    local found = call:match("^/bin/podman build .*%-%-label wrapix%.base=(%S+)")
    if found then return found end
  end
end

local function count(world, pattern)
  local n = 0
  for _, call in ipairs(world.calls) do
    if call:find(pattern) then n = n + 1 end
  end
  return n
end

describe("base.suite", function()
  it("is the release of a Debian image, and nothing else's", function()
    assert.equal("trixie", base.suite(OFFICIAL))
    assert.equal("sid", base.suite("docker.io/library/debian:sid"))
    assert.equal("stable", base.suite("docker.io/library/debian:latest"))
    for _, ref in ipairs({ "docker.io/library/ubuntu:noble", "docker.io/me/debian:trixie",
      "docker.io/library/debian:13", "docker.io/library/debian", OWN,
      "docker.io/library/debian:trixie-slim@sha256:00" }) do
      assert.is_nil(base.suite(ref))
    end
  end)
end)

describe("the base of a build", function()
  it("is the one in storage without a question to the registry", function()
    local world = fake.new(fake.engine())
    world.images[OFFICIAL] = true
    assert.equal(OFFICIAL, used(world))
    assert.equal(0, count(world, "manifest"))
  end)

  it("is the registry's where it answers", function()
    local world = fake.new(fake.engine(function(argv)
      if argv[2] == "manifest" then return { stdout = "{}" } end
    end))
    assert.equal(OFFICIAL, used(world))
    assert.equal(1, count(world, " pull %-%- docker"))
    assert.equal(0, count(world, "^mmdebstrap"))
  end)

  it("is made of packages where no registry answers, and that is remembered", function()
    local world = fake.new(fake.engine())
    assert.equal(OWN, used(world))
    local tar, own = TAR:gsub("%p", "%%%0"), OWN:gsub("%p", "%%%0")
    assert.equal(1, count(world, "^mmdebstrap %-%-mode=unshare .* trixie " .. tar .. "%.partial$"))
    assert.equal(1, count(world, " import %-%-quiet .* " .. tar .. " " .. own .. "$"))
    assert.equal("tar", world.files[TAR])
    assert.is_nil(world.files[TAR .. ".partial"])
    assert.truthy(table.concat(world.notes, "\n"):find("no registry: no network: registry.test"))
    world.images = {}
    assert.equal(OWN, used(world))
    assert.equal(1, count(world, "manifest"))
    assert.equal(1, count(world, "^mmdebstrap"))
  end)

  it("asks the registry again after some hours", function()
    local world = fake.new(fake.engine())
    used(world, { now = function() return 1000000 end })
    world.images = {}
    used(world, { now = function() return 1000000 + 7 * 3600 end })
    assert.equal(2, count(world, "manifest"))
    -- A clock that was set back must not silence the registry for years.
    world.images = {}
    used(world, { now = function() return 5 end })
    assert.equal(3, count(world, "manifest"))
  end)

  it("is made as root without a namespace", function()
    local world = fake.new(fake.engine())
    world.facts.euid = 0
    used(world)
    assert.equal(1, count(world, "^mmdebstrap %-%-mode=root "))
  end)

  it("does not depend on a registry that answers and then breaks off", function()
    local world = fake.new(fake.engine(function(argv)
      if argv[2] == "manifest" then return { stdout = "{}" } end
      if argv[2] == "pull" then return { stdout = "Error: unexpected EOF\n", code = 125 } end
    end))
    assert.equal(OWN, used(world))
  end)

  it("gives up on a registry that says nothing", function()
    local world = fake.new(fake.engine(function(argv, _)
      if argv[2] == "manifest" then return { timed_out = true } end
    end))
    assert.equal(OWN, used(world))
    assert.truthy(table.concat(world.notes, "\n"):find("no answer in 15 seconds", 1, true))
  end)

  it("never counts a half-written archive", function()
    local world = fake.new(fake.engine(function(argv, world)
      if argv[1] ~= "mmdebstrap" then return nil end
      world.files[argv[#argv]] = "half"
      return { stdout = "E: cannot fetch\n", code = 1 }
    end))
    local result, message = used(world)
    assert.is_nil(result)
    assert.equal("make base: debian trixie: failed with status 1", message:match("^[^\n]+"))
    assert.is_nil(world.files[TAR])
    assert.is_nil(world.files[TAR .. ".partial"])
    assert.is_nil(next(world.locks))
  end)

  it("throws away an archive that cannot be imported", function()
    local world = fake.new(fake.engine(function(argv)
      if argv[2] == "import" then return { stdout = "Error: bad archive\n", code = 125 } end
    end))
    world.files[TAR] = "bad"
    assert.is_nil((used(world)))
    assert.is_nil(world.files[TAR])
  end)

  it("says what to install where mmdebstrap is missing", function()
    local world = fake.new(fake.engine(function(argv)
      if argv[1] == "mmdebstrap" then return { missing = true } end
    end))
    local result, message, code, hint = used(world)
    assert.is_nil(result)
    assert.equal("make base: mmdebstrap: is not installed, and no registry answers", message)
    assert.equal("EIMAGE", code)
    assert.truthy(hint:find("^apt install mmdebstrap"))
  end)

  it("is pulled or fails where nothing else could make it", function()
    local world = fake.new(fake.engine(function(argv)
      if argv[2] == "pull" then return { stdout = "Error: denied: x\n", code = 125 } end
    end))
    local result, message, code = used(world, { base = "quay.io/x/y:1" })
    assert.is_nil(result)
    assert.equal("pull: quay.io/x/y:1: the registry refuses it", message:match("^[^\n]+"))
    assert.equal("EACCES", code)
    result, message = used(fake.new(fake.engine()), { base = "localhost/x" })
    assert.is_nil(result)
    assert.equal("base localhost/x: no such image", message)
  end)
end)

describe("WRAPIX_BASE", function()
  it("=mmdebstrap asks no registry and takes no pulled image", function()
    local world = fake.new(fake.engine())
    world.images[OFFICIAL] = true
    world.facts.env.WRAPIX_BASE = "mmdebstrap"
    assert.equal(OWN, used(world))
    assert.equal(0, count(world, "manifest"))
    local result, _, code = used(fake.new(fake.engine()), { base = "quay.io/x/y:1" })
    assert.equal("quay.io/x/y:1", result)
    assert.is_nil(code)
    world = fake.new(fake.engine())
    world.facts.env.WRAPIX_BASE = "mmdebstrap"
    result, _, code = used(world, { base = "quay.io/x/y:1" })
    assert.is_nil(result)
    assert.equal("EIMAGE", code)
  end)

  it("=registry makes nothing by itself", function()
    local world = fake.new(fake.engine(function(argv)
      if argv[2] == "pull" then
        return { stdout = "Error: lookup registry.test: no such host\n", code = 125 }
      end
    end))
    world.facts.env.WRAPIX_BASE = "registry"
    local result, _, code = used(world)
    assert.is_nil(result)
    assert.equal("ENETUNREACH", code)
    assert.equal(0, count(world, "^mmdebstrap"))
  end)
end)
