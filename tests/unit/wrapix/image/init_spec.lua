-- SPDX-License-Identifier: MIT
local fake = require("support.fake_builder")
local image = require("wrapix.image")

local function recipe(fields)
  local profile = { name = "shop", packages = { "git", "jq" } }
  for key, value in pairs(fields or {}) do profile[key] = value end
  return assert(image.recipe(profile))
end

describe("image.recipe", function()
  it("is a plain table with everything that goes in", function()
    assert.same({
      recipe_version = 1,
      backend = "debian",
      name = "shop",
      base = "docker.io/library/debian:trixie-slim",
      packages = { "ca-certificates", "fd-find", "git", "jq" },
      links = { { name = "fd", target = "fdfind" } },
      stages = { { kind = "packages" } },
    }, recipe({ packages = { "jq", "git", { "fd", apt = "fd-find", nix = "fd" }, "git" } }))
  end)

  it("is nil, without a message, where the profile names an image", function()
    local result, message = image.recipe({ name = "a", image = "alpine" })
    assert.is_nil(result)
    assert.is_nil(message)
  end)

  it("makes a repository name of any profile name", function()
    assert.equal("my-shop-2", recipe({ name = "My Shop_2!" }).name)
    assert.equal("profile", recipe({ name = "***" }).name)
    assert.equal(("a"):rep(63), recipe({ name = ("a"):rep(63) .. "-b" }).name)
  end)

  it("says which package is no package", function()
    local result, message, code, hint = image.recipe({ name = "a", packages = { "git; id" } })
    assert.is_nil(result)
    assert.equal('image: package "git; id": is not the name of a Debian package', message)
    assert.equal("EIMAGE", code)
    assert.truthy(hint)
  end)

  it("takes another base from the environment", function()
    local profile = { name = "a", packages = {} }
    assert.equal("quay.io/x/y:1", image.recipe(profile, { WRAPIX_BASE = "quay.io/x/y:1" }).base)
    for _, way in ipairs({ "registry", "mmdebstrap", "" }) do
      assert.equal("docker.io/library/debian:trixie-slim",
        image.recipe(profile, { WRAPIX_BASE = way }).base)
    end
    assert.is_nil((image.recipe(profile, { WRAPIX_BASE = "x\nRUN id" })))
  end)

  it("raises on what is no profile", function()
    assert.has_error(function() image.recipe("base") end, "profile: table expected")
  end)
end)

describe("image.reference", function()
  it("has the profile's name and sixteen digits of the content", function()
    assert.truthy(image.reference(recipe()):find("^localhost/wrapix%-shop:%x+$"))
    assert.equal(16, #image.hash(recipe()))
  end)

  it("stays the same whatever the order and repetition of packages", function()
    assert.equal(image.reference(recipe({ packages = { "jq", "git", "jq" } })),
      image.reference(recipe({ packages = { "git", "jq", "ca-certificates" } })))
  end)

  it("changes with everything that goes in", function()
    local seen = {}
    for _, fields in ipairs({
      {},
      { packages = { "git" } },
      { packages = { "git", "jq=1.7-1" } },
      { packages = { "git", "jq", "fd-find" } },
      { packages = { "git", "jq", { "find2", apt = "fd-find" } } },
      { packages = { "git", "jq", "man-db" } },
      { base = "debian:sid-slim" },
    }) do
      local hash = image.hash(recipe(fields))
      assert.is_nil(seen[hash])
      seen[hash] = true
    end
    local newer = recipe()
    newer.recipe_version = 2
    assert.is_nil(seen[image.hash(newer)])
  end)

  it("has the same content for two profiles with the same packages", function()
    assert.equal(image.hash(recipe()), image.hash(recipe({ name = "other" })))
    assert.not_equal(image.reference(recipe()), image.reference(recipe({ name = "other" })))
  end)

  it("raises on what is no recipe", function()
    assert.has_error(function() image.reference({ name = "x" }) end,
      "recipe: made by image.recipe expected")
  end)
end)

describe("the first use of an image", function()
  local world
  before_each(function() world = fake.new(fake.engine()) end)

  it("is announced once", function()
    local opts = { deps = world.deps }
    assert.truthy(image.first_use_notice("localhost/a:1", world.facts, opts):find("first use"))
    image.mark_used("localhost/a:1", world.facts, opts)
    assert.is_nil(image.first_use_notice("localhost/a:1", world.facts, opts))
    assert.truthy(image.first_use_notice("localhost/a:2", world.facts, opts))
    world.facts.uid = 1001
    assert.truthy(image.first_use_notice("localhost/a:1", world.facts, opts))
  end)

  it("is announced again after a new build", function()
    local opts = { deps = world.deps }
    image.mark_used("localhost/a:1", world.facts, opts)
    image.forget_used("localhost/a:1", world.facts, opts)
    assert.truthy(image.first_use_notice("localhost/a:1", world.facts, opts))
  end)

  it("costs nothing where ids are mapped on the way, or not at all", function()
    for _, engine in ipairs({
      { rootless = false, graph_driver = "overlay" },
      { rootless = true, graph_driver = "overlay", mount_program = "/usr/bin/fuse-overlayfs" },
      { rootless = true, graph_driver = "vfs" },
    }) do
      world.facts.engine = engine
      assert.is_nil(image.first_use_notice("localhost/a:1", world.facts, { deps = world.deps }))
      image.mark_used("localhost/a:1", world.facts, { deps = world.deps })
    end
    assert.is_nil(next(world.files))
  end)

  it("keeps its marks in one directory whatever the reference", function()
    image.mark_used("../../etc/x:1", world.facts, { deps = world.deps })
    assert.equal("/cache/images/used/.._.._etc_x_1-1000", (next(world.files)))
  end)
end)
