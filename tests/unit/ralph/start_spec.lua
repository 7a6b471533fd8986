-- SPDX-License-Identifier: MIT
-- The first phase: what it makes, that it completes what is half there, and which spec is
-- meant when none is named.

local fs = require("wrapix.fs")
local phases = require("unit.ralph.phases")
local start = require("ralph.start")
local states = require("ralph.state")

describe("ralph.start", function()
  local place, project

  before_each(function()
    place = phases.new(function() end)
    project = place.project
  end)
  after_each(function() place:close() end)

  it("makes file, row and state", function()
    local result = assert(start.run(project, "shop"))
    assert.same({ true, true }, { result.created, result.listed })
    local state = assert(states.read(project))
    assert.equal("shop", state.current)
    assert.equal("integer", math.type(state.specs.shop.created))
  end)

  it("completes what a crash left half done", function()
    place:write("specs/shop.md", phases.FILLED)
    local result = assert(start.run(project, "shop"))
    assert.same({ false, true }, { result.created, result.listed })
    assert(fs.unlink(place.root .. "/specs/README.md"))
    local created = assert(states.read(project)).specs.shop.created
    result = assert(start.run(project, "shop"))
    assert.same({ false, true }, { result.created, result.listed })
    assert.equal(created, assert(states.read(project)).specs.shop.created)
    assert.equal(phases.FILLED, place:read("specs/shop.md"))
  end)

  it("gives a hidden spec no row, and hides none that is in the work tree", function()
    local result = assert(start.run(project, "plan-b", { hidden = true }))
    assert.same({ true, false }, { result.created, result.listed })
    assert.is_nil(fs.stat(place.root .. "/specs"))
    assert.is_true(assert(states.read(project)).specs["plan-b"].hidden)
    place:write("specs/shop.md", "x")
    local _, message, code = start.run(project, "shop", { hidden = true })
    assert.equal("EEXIST", code)
    assert.matches("start: specs/shop.md: is in the work tree", message, 1, true)
  end)

  it("knows which spec is meant", function()
    local _, message, code, hint = start.name(project)
    assert.equal("ENOENT", code)
    assert.equal("spec: shop: none is in work", message)
    assert.matches("ralph start NAME", hint, 1, true)
    assert(start.run(project, "cart"))
    assert.equal("cart", start.name(project))
    assert.equal("other", start.name(project, "other"))
    assert.equal("EINVAL", select(3, start.name(project, "../x")))
  end)

  it("changes nothing when the state cannot be read", function()
    place:write(project.dirs.state .. "/state.json", "{")
    assert.equal("EINVAL", select(3, start.run(project, "shop")))
    assert.equal("{", place:read(project.dirs.state .. "/state.json"))
  end)
end)
