-- SPDX-License-Identifier: MIT

local double = require("unit.wrapix.cli.double")

local function try(image, ...)
  local d = double.new({ image = image })
  d.files["./fixed.lua"] = { name = "fixed", image = "quay.example/x:1" }
  local status, out, err = double.run(d, "image", ...)
  return status, out, err, d
end

describe("image build", function()
  it("builds what the profile needs", function()
    local asked
    local status, out, err = try({
      recipe = function(profile) return { of = profile.name } end,
      ensure = function(target, _, opts)
        asked = target
        opts.report:note("building")
        return { ref = "localhost/wrapix-rust:1", built = true }
      end,
    }, "build", "rust")
    assert.equal(0, status)
    assert.same({ of = "rust" }, asked)
    assert.equal("localhost/wrapix-rust:1\n", out)
    assert.equal("wrapix: note: building\n", err)
  end)

  it("fetches the image a profile names", function()
    local asked
    local _, out, err = try({ ensure = function(target)
      asked = target
      return { ref = target, built = false }
    end }, "build", "./fixed.lua")
    assert.equal("quay.example/x:1", asked)
    assert.equal("quay.example/x:1\n", out)
    assert.equal("wrapix: note: quay.example/x:1 is there already\n", err)
  end)

  it("fails with the reason", function()
    local status, out, err = try({
      recipe = function() return {} end,
      ensure = function() return nil, "build image: x: no network", "ENETUNREACH", "try again" end,
    }, "build")
    assert.equal(125, status)
    assert.equal("", out)
    assert.equal("wrapix: build image: x: no network\nhint: try again\n", err)
    status, out, err = try({ recipe = function() return nil, "image: bad", "EIMAGE" end }, "build")
    assert.equal("", out)
    assert.equal(125, status)
    assert.equal("wrapix: image: bad\n", err)
  end)
end)

describe("image list", function()
  local IMAGES = { { ref = "localhost/wrapix-base:1", size = 250e6, created = 0 } }

  it("tells reference, size and time", function()
    local status, out = try({ list = function() return IMAGES end }, "list")
    assert.equal(0, status)
    assert.truthy(out:find("^images\n  localhost/wrapix%-base:1 +250 MB  19[67]%d%-%d%d%-%d%d "))
  end)

  it("is the same as JSON, also when there is none", function()
    local _, out = try({ list = function() return IMAGES end }, "list", "--json")
    assert.truthy(out:find('"ref":"localhost/wrapix-base:1"', 1, true))
    assert.equal("[]\n", select(2, try({ list = function() return {} end }, "list", "--json")))
  end)

  it("says when there is none", function()
    local status, out, err = try({ list = function() return {} end }, "list")
    assert.equal(0, status)
    assert.equal("", out)
    assert.equal("wrapix: note: no images yet; `wrapix image build` makes one\n", err)
  end)
end)
