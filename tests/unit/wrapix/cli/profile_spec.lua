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
    for _, command in ipairs({ "show", "env" }) do
      local status, _, err = try({}, command, "rsut")
      assert.equal(2, status)
      assert.equal(("wrapix: profile %s: rsut: no such profile or .lua file "
        .. "(did you mean 'rust'?)\nhint: `wrapix profile list` lists the profiles\n")
        :format(command), err)
    end
  end)
end)

describe("profile env", function()
  local SHOP = {
    name = "shop", caches = { ccache = "~/.cache/ccache" }, secrets = { "TOKEN" },
    env = { CCACHE_DIR = "/home/wrapix/.cache/ccache", CC = "ccache gcc", TOKEN = "never" },
    shell = "export CC='ccache gcc'",
  }

  local function env(over, ...)
    local made = {}
    local words = table.pack(...)
    local all = {
      files = { ["./p.lua"] = SHOP }, made = made,
      sys = { euid = function() return 5 end, uid = function() return 5 end,
        gid = function() return 6 end, environ = function() return { TOKEN = "secret" } end },
      store = {
        cache = function(dirs, user, name)
          return ("%s/%s%d/%s"):format(dirs.cache, user.mode, user.uid, name)
        end,
        make = function(dir, dirs, user)
          made[#made + 1] = ("%s %s %d"):format(dir, dirs.cache, user.gid)
          return true
        end,
      },
    }
    for key, value in pairs(over) do all[key] = value end
    local status, out, err = try(all, "env", "./p.lua", table.unpack(words))
    return status, out, err, made
  end

  it("prints the directories it has made, and the profile's text", function()
    local status, out, err, made = env({})
    assert.equal(0, status)
    assert.equal("", err)
    assert.equal("export CCACHE_DIR=/cache/keep-id5/ccache\nexport CC='ccache gcc'\n", out)
    assert.same({ "/cache/keep-id5/ccache /cache 6" }, made)
  end)

  it("is the same as JSON", function()
    local _, out = env({}, "--json")
    assert.equal('{"caches":{"ccache":"/cache/keep-id5/ccache"},'
      .. '"env":{"CCACHE_DIR":"/cache/keep-id5/ccache"},"profile":"shop",'
      .. '"shell":"export CC=\'ccache gcc\'"}\n', out)
  end)

  it("means as root the caches of the workspace's owner", function()
    local sys = { euid = function() return 0 end }
    local fs = { stat = function(dir)
      assert.equal("/w", dir)
      return { uid = 7, gid = 8 }
    end }
    local status, out, _, made = env({ sys = sys, fs = fs })
    assert.equal(0, status)
    assert.truthy(out:find("CCACHE_DIR=/cache/direct7/ccache\n", 1, true))
    assert.same({ "/cache/direct7/ccache /cache 8" }, made)
  end)

  it("prints nothing when a directory cannot be made", function()
    local store = {
      cache = function() return "/c" end,
      make = function() return nil, "store: /c: is a link", "ELOOP", "look there" end,
    }
    local status, out, err = env({ store = store })
    assert.equal(125, status)
    assert.equal("", out)
    assert.equal("wrapix: store: /c: is a link\nhint: look there\n", err)
  end)
end)
