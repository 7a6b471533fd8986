-- SPDX-License-Identifier: MIT
local fake = require("support.fake_builder")
local sizes = require("wrapix.image.sizes")

local SIZES = { base = 100, stage = 150, shop = 550 }

local function new_world()
  return fake.new(function(argv)
    local size = argv[2] == "history" and SIZES[argv[#argv]]
    return size and { stdout = ('[{"size":%d}]'):format(size) } or { code = 125 }
  end)
end

describe("image.sizes", function()
  it("tells all layers and those of its own, whatever the engine's list says", function()
    local world = new_world()
    local entries = {
      { ref = "stage", size = 999, labels = { base = "base" } },
      { ref = "shop", size = 999, labels = { base = "base", parent = "stage" } },
      { ref = "gone", size = 999, labels = { base = "base" } },
    }
    assert.equal(entries, sizes.measure(entries, world.facts, { deps = world.deps }))
    local told = {}
    for i, one in ipairs(entries) do told[i] = { one.size, one.own_size } end
    assert.same({ { 150, 50 }, { 550, 400 }, {} }, told)
  end)

  it("asks the engine once for each image", function()
    local asked = {}
    local function size_of(ref)
      asked[#asked + 1] = ref
      return SIZES[ref]
    end
    assert.same({ 150, 50 }, { sizes.of("stage", "base", size_of) })
    assert.same({ 100, 100 }, { sizes.of("base", nil, size_of) })
    assert.same({}, { sizes.of("gone", "base", size_of) })
    local world = new_world()
    sizes.measure({ { ref = "stage", labels = { base = "base" } },
      { ref = "stage", labels = { base = "base" } } }, world.facts, { deps = world.deps })
    assert.equal(2, #world.calls)
  end)
end)
