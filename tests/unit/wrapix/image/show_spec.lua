-- SPDX-License-Identifier: MIT
local fake = require("support.fake_builder")
local json = require("wrapix.json")
local show = require("wrapix.image.show")

local SIZES = { base = 100, ["localhost/wrapix-stage:0a"] = 150, ["localhost/wrapix-shop:01"] = 550 }

local function image(ref, labels)
  local all = { ["wrapix.recipe"] = ref:match(":(%x+)$") }
  for name, value in pairs(labels) do all["wrapix." .. name] = value end
  return { Id = ref, Names = { ref }, Size = 999, Created = 7, Labels = all }
end

local function new_world(list)
  local world = fake.new(function(argv)
    if argv[2] == "images" then return { stdout = json.encode(json.array(list)) } end
    local size = argv[2] == "history" and SIZES[argv[#argv]]
    return size and { stdout = ('[{"size":%d}]'):format(size) } or { code = 125 }
  end)
  world.deps.json = json
  return world
end

local STAGE = image("localhost/wrapix-stage:0a",
  { stage = "packages", base = "base", ["package-list"] = "git jq" })
local SHOP = image("localhost/wrapix-shop:01", { stage = "agents", base = "base",
  parent = "localhost/wrapix-stage:0a", agents = "claude@1.0.0 pi@2.0.0",
  ["package-list"] = "git jq", toolchain = "rust 1.85", ["left-out"] = "uv" })

local function read(ref, list)
  local world = new_world(list)
  return show.read(ref, world.facts, { deps = world.deps })
end

describe("image.show", function()
  it("tells stages with their own sizes, and what went in", function()
    local shown = assert(read("localhost/wrapix-shop:01", { SHOP, STAGE }))
    assert.same({
      { kind = "base", ref = "base", size = 100 },
      { kind = "packages", ref = "localhost/wrapix-stage:0a", size = 50, created = 7 },
      { kind = "agents", ref = "localhost/wrapix-shop:01", size = 400, created = 7 },
    }, shown.stages)
    assert.same({ 550, 400 }, { shown.size, shown.own_size })
    assert.same({ "git", "jq" }, shown.packages)
    assert.same({ { name = "claude", version = "1.0.0" }, { name = "pi", version = "2.0.0" } },
      shown.agents)
    assert.same({ "rust 1.85", "uv", "base" }, { shown.toolchain, shown.left_out, shown.base })
  end)

  it("ends at a stage that is gone", function()
    local shown = assert(read("localhost/wrapix-shop:01", { SHOP }))
    assert.equal(1, #shown.stages)
    assert.equal("agents", shown.stages[1].kind)
  end)

  it("says which image is not there", function()
    local _, message, code, hint = read("localhost/wrapix-no:01", { SHOP })
    assert.equal("image localhost/wrapix-no:01: is not there, or was not made by wrapix", message)
    assert.equal("ENOENT", code)
    assert.truthy(hint)
  end)
end)
