-- SPDX-License-Identifier: MIT
local fake = require("support.fake_builder")
local image = require("wrapix.image")

local REF = "localhost/wrapix-shop:00ff"

describe("preparing an image", function()
  local function warm(world)
    return image.warm(REF, world.facts, { deps = world.deps, report = world.report })
  end

  it("makes a container of it and takes it away, once", function()
    local world = fake.new(fake.engine())
    assert.is_true(warm(world))
    assert.same({
      "/bin/podman create --replace --name wrapix-warm-1000-localhost-wrapix-shop-00ff --pull=never"
        .. " --userns=keep-id --network=none " .. REF .. " true",
      "/bin/podman rm --force --ignore -- wrapix-warm-1000-localhost-wrapix-shop-00ff",
    }, world.calls)
    assert.is_false(warm(world))
    assert.equal(2, #world.calls)
    assert.is_nil(image.first_use_notice(REF, world.facts, { deps = world.deps }))
  end)

  it("is nothing where the engine copies nothing", function()
    local world = fake.new(fake.engine())
    world.facts.engine.rootless = false
    assert.is_false(warm(world))
    assert.same({}, world.calls)
  end)

  it("that failed is tried again, and leaves no container", function()
    local world = fake.new(fake.engine(function(argv)
      if argv[2] == "create" then return { code = 125, stdout = "No space left on device\n" } end
    end))
    local done, message, code = warm(world)
    assert.is_nil(done)
    assert.truthy(message:find("the disk is full", 1, true))
    assert.equal("ENOSPC", code)
    assert.truthy(world.calls[2]:find(" rm --force", 1, true))
    assert.truthy(image.first_use_notice(REF, world.facts, { deps = world.deps }))
  end)
end)
