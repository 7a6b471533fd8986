-- SPDX-License-Identifier: MIT
local fs = require("wrapix.fs")
local image = require("wrapix.image")
local life = require("wrapix.builder.life")
local recipes = require("wrapix.builder.image")

describe("the image of the builder's next start", function()
  local root, facts

  before_each(function()
    root = assert(fs.temp_dir("builder-"))
    facts = { dirs = { data = root .. "/data", config = root .. "/config" }, env = {},
      cpus = 2, memory_bytes = 4 << 30 }
    assert(fs.ensure_dir(root .. "/data/builder"))
    assert(fs.ensure_dir(root .. "/config"))
  end)
  after_each(function() fs.remove_tree(root) end)

  local function set_up() assert(fs.write_atomic(root .. "/data/builder/known_hosts", "")) end

  it("is none where there is no builder", function()
    assert.is_nil(life.needed_image(facts))
    fs.remove_tree(root .. "/data")
    assert.is_nil(life.needed_image(facts))
  end)

  it("is that of its recipe, on the base that is set", function()
    set_up()
    assert.equal(image.reference(assert(recipes.recipe({}))), life.needed_image(facts))
    facts.env = { WRAPIX_BASE = "debian:bookworm" }
    assert.equal(image.reference(assert(recipes.recipe(facts.env))), life.needed_image(facts))
  end)

  it("is the one that its settings name", function()
    set_up()
    assert(fs.write_atomic(root .. "/config/builder.lua", 'return { image = "quay.example/x:1" }'))
    assert.equal("quay.example/x:1", life.needed_image(facts))
  end)

  it("is that of its recipe where the settings cannot be read", function()
    set_up()
    assert(fs.write_atomic(root .. "/config/builder.lua", "return {"))
    assert.equal(image.reference(assert(recipes.recipe({}))), life.needed_image(facts))
  end)
end)
