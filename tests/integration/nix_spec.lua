-- SPDX-License-Identifier: MIT
-- flake.nix, evaluated against a stub of nixpkgs; see tests/nix/eval.sh.

local fs = require("wrapix.fs")
local proc = require("wrapix.proc")

local function eval(flake)
  return assert(proc.run({ "bash", WRAPIX_ROOT .. "/tests/nix/eval.sh", flake }, { timeout = 120 }))
end

describe("flake.nix", function()
  local text = assert(fs.read(WRAPIX_ROOT .. "/flake.nix"))

  -- The changed flake stands in a tree of its own, where its version is.
  local function eval_changed(from, to)
    local dir = assert(fs.temp_dir())
    local at, last = text:find(from, 1, true)
    assert.is_truthy(at, from)
    local changed = text:sub(1, at - 1) .. to .. text:sub(last + 1)
    assert(fs.write_atomic(dir .. "/flake.nix", changed, { sync = false }))
    assert(fs.mkdir(dir .. "/src"))
    assert(fs.write_atomic(dir .. "/src/VERSION", assert(fs.read(WRAPIX_ROOT .. "/src/VERSION"))))
    local result = eval(dir .. "/flake.nix")
    assert(fs.remove_tree(dir))
    return result
  end

  it("gives the package, the checks and the shell of each system", function()
    local result = eval(nil)
    assert.is_nil(result.stdout:match("not ok[^\n]*\n[^\n]*"))
    assert.equal(0, result.code, result.stderr)
    assert.matches("\n1%.%.%d%d\n$", result.stdout)
  end)

  it("is refused with a package that is not there", function()
    local result = eval_changed("pkgs.libuv", "pkgs.libvu")
    assert.equal(1, result.code)
    assert.matches("not ok %d+ %- x86_64%-linux: its libraries", result.stdout)
  end)

  it("is refused with an argument mkDerivation does not know", function()
    local result = eval_changed("enableParallelBuilding", "enableParalelBuilding")
    assert.equal(1, result.code)
    assert.matches("unknown enableParalelBuilding", result.stdout, 1, true)
  end)

  it("is refused without its second system", function()
    local result = eval_changed('"aarch64-linux"', "")
    assert.equal(1, result.code)
    assert.matches("not ok %d+ %- packages are for every system", result.stdout)
  end)
end)
