-- SPDX-License-Identifier: MIT
-- The flake, evaluated against a stub of nixpkgs (see tests/nix/eval.sh), and what
-- its library writes, read by wrapix.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local proc = require("wrapix.proc")

local WRAPIX = assert(fs.realpath("/proc/self/exe"))

local function eval(...)
  return assert(proc.run({ "bash", WRAPIX_ROOT .. "/tests/nix/eval.sh", ... }, { timeout = 120 }))
end

local TREE = { "flake.nix", "Makefile", "src" }

-- A copy of what the flake reads, in which one file is changed.
local function eval_changed(file, from, to)
  local dir = assert(fs.temp_dir())
  for _, name in ipairs(TREE) do
    assert(fs.copy_tree(WRAPIX_ROOT .. "/" .. name, dir .. "/" .. name))
  end
  local text = assert(fs.read(dir .. "/" .. file))
  local at, last = text:find(from, 1, true)
  assert.is_truthy(at, from)
  local changed = text:sub(1, at - 1) .. to .. text:sub(last + 1)
  assert(fs.write_atomic(dir .. "/" .. file, changed, { sync = false }))
  local result = eval(dir, "outputs")
  assert(fs.remove_tree(dir))
  assert.equal(1, result.code, result.stdout)
  return result.stdout
end

describe("flake.nix", function()
  local result
  setup(function() result = eval() end)

  it("gives what it promises for each system, and its library does", function()
    assert.is_nil(result.stdout:match("not ok[^\n]*\n[^\n]*"))
    assert.equal(0, result.code, result.stderr .. result.stdout)
    assert.matches("\n1%.%.%d%d\n$", result.stdout)
  end)

  it("writes a profile that wrapix reads as it was meant", function()
    local lines = {}
    for line in result.stdout:gmatch("# profile: ([^\n]*)") do lines[#lines + 1] = line end
    local store = table.concat(lines):match('"(/[^"]*/store)/[^"/]*%-stream%-wrapix%-shop"')
    assert.is_string(store)
    local dir = assert(fs.temp_dir())
    assert(fs.write_atomic(dir .. "/shop.lua", table.concat(lines, "\n"), { sync = false }))
    local shown = assert(proc.run({ WRAPIX, "profile", "show", "--json",
      dir .. "/shop.lua" }, { env = { NIX_STORE_DIR = store } }))
    assert(fs.remove_tree(dir))
    assert.equal(0, shown.code, shown.stderr)
    local profile = assert(json.decode(shown.stdout)).profile
    assert.equal("shop", profile.name)
    assert.equal("claude", profile.agent)
    assert.same({ "claude" }, profile.agents)
    assert.equal("postgres://localhost/shop", profile.env.DATABASE_URL)
    assert.equal("sccache", profile.env.RUSTC_WRAPPER, "of the built-in rust")
    assert.equal("8g", profile.limits.memory)
    assert.matches("%-stream%-wrapix%-shop$", profile.image.nix)
  end)

  it("knows the built-in profiles as they are", function()
    local made = assert(proc.run({ WRAPIX, "--run",
      WRAPIX_ROOT .. "/src/nix/profiles.lua" }))
    assert.equal(0, made.code, made.stderr)
    assert.equal(made.stdout, assert(fs.read(WRAPIX_ROOT .. "/src/nix/profiles.json")),
      "write it anew: wrapix --run src/nix/profiles.lua > src/nix/profiles.json")
  end)

  it("is refused with a package that is not there", function()
    local text = eval_changed("src/nix/package.nix", "pkgs.libuv", "pkgs.libvu")
    assert.matches("not ok %d+ %- nix flake check evaluates every output", text)
    assert.matches("not ok %d+ %- its libraries", text)
  end)

  it("is refused with an argument that a builder does not take", function()
    local text = eval_changed("src/nix/package.nix", "enableParallelBuilding",
      "enableParalelBuilding")
    assert.matches("unknown enableParalelBuilding", text, 1, true)
    text = eval_changed("src/nix/image.nix", "maxLayers", "maximumLayers")
    assert.matches("streamLayeredImage: unknown maximumLayers", text, 1, true)
  end)

  it("is refused without its second system", function()
    local text = eval_changed("flake.nix", '"aarch64-linux"', "")
    assert.matches("not ok %d+ %- packages are for every system", text)
  end)
end)
