-- SPDX-License-Identifier: MIT

local double = require("unit.wrapix.cli.double")

local function try(over, ...)
  local d = double.new(over)
  local status, out, err = double.run(d, "profile", ...)
  return status, out, err, d
end

local PROFILE = {
  name = "shop", packages = { "git", { "fd", apt = "fd-find" } },
  env = { B = "2", A = "x y" }, limits = { memory = "4g" }, command = { "make", "a b" },
  hooks = { before_start = { function() end } }, secrets = {},
}

describe("profile list", function()
  it("tells name, place and purpose", function()
    local status, out = try({}, "list")
    assert.equal(0, status)
    assert.equal("profiles\n"
      .. "  base  built-in              About base.\n"
      .. "  rust  built-in              About rust.\n"
      .. "  mine  /c/profiles/mine.lua\n", out)
  end)

  it("is the same as JSON", function()
    local _, out = try({}, "list", "--json")
    assert.equal('[{"name":"base","summary":"About base.","where":"built-in"},'
      .. '{"name":"rust","summary":"About rust.","where":"built-in"},'
      .. '{"name":"mine","summary":"","where":"/c/profiles/mine.lua"}]\n', out)
  end)

  it("takes no words", function()
    assert.equal(2, (try({}, "list", "x")))
  end)
end)

describe("profile show", function()
  it("tells where each part comes from", function()
    local status, out = try({ files = { ["./p.lua"] = PROFILE } }, "show", "./p.lua")
    assert.equal(0, status)
    assert.equal([==[
profile shop
  name                shop                   x.lua:name
  packages[1]         git                    x.lua:packages/1
  packages[2]         { fd, apt = fd-find }  x.lua:packages/2
  command             { make, a b }          x.lua:command
  env.A               x y                    x.lua:env/A
  env.B               2                      x.lua:env/B
  limits.memory       4g                     x.lua:limits/memory
  hooks.before_start  { function }           x.lua:hooks/before_start
]==], out)
  end)

  it("is the same as JSON, without functions", function()
    local status, out = try({ files = { ["./p.lua"] = PROFILE } }, "show", "--json", "./p.lua")
    assert.equal(0, status)
    assert.truthy(out:find('"hooks":{"before_start":["function"]}', 1, true))
    assert.truthy(out:find('"packages":["git",{"apt":"fd-find","name":"fd"}]', 1, true))
    assert.truthy(out:find('{"origin":{"kind":"profile","text":"x.lua:env/A"},"path":["env","A"]}',
      1, true))
  end)

  it("needs to know which", function()
    local status, _, err = try({}, "show")
    assert.equal(2, status)
    assert.equal("wrapix: usage: NAME|PATH is missing\n"
      .. "hint: `wrapix profile show --help` shows how\n", err)
  end)

  it("names the nearest of an unknown one", function()
    local status, _, err = try({}, "show", "rsut")
    assert.equal(2, status)
    assert.truthy(err:find("(did you mean 'rust'?)", 1, true))
  end)
end)
