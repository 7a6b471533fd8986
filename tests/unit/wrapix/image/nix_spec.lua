-- SPDX-License-Identifier: MIT
local image = require("wrapix.image")
local nix = require("wrapix.image.nix")
local fake = require("support.fake_builder")

local HASH = "0123456789abcdfghijklmnpqrsvwxyz"
local PATH = "/nix/store/" .. HASH .. "-stream-wrapix-rust"

local function recipe(path, env)
  return image.recipe({ name = "shop", image = { nix = path }, packages = { "git" } }, env)
end

describe("a path of Nix's store", function()
  it("is the store, a hash with a name, and perhaps a file below", function()
    assert.is_true(nix.is_store_path(PATH, "/nix/store"))
    assert.is_true(nix.is_store_path(PATH .. "/bin/stream+x=1?_.sh", "/nix/store"))
    assert.is_true(nix.is_store_path("/my/store/" .. HASH .. "-a", "/my/store"))
  end)

  it("is refused when it is anything else", function()
    for _, path in ipairs({
      "", "/", "/nix/store", "/nix/store/", "/nix/store/" .. HASH, "/nix/store/" .. HASH .. "-",
      "/nix/store/" .. HASH:upper() .. "-a", "/nix/store/" .. HASH:gsub("z", "e") .. "-a",
      "/nix/store/" .. HASH:sub(2) .. "-a", "/nix/store//" .. HASH .. "-a",
      "/nix/store/../" .. HASH .. "-a", "/nix/storex/" .. HASH .. "-a", PATH .. "/",
      PATH .. "/../x",
      PATH .. "/./x", PATH .. "//x", PATH .. " x", PATH .. "\n", PATH .. "\0", PATH .. "$(id)",
      PATH .. "/a:b", "nix/store/" .. HASH .. "-a", "/tmp/" .. HASH .. "-a",
      "/nix/store/" .. HASH .. "-" .. ("a"):rep(1024),
    }) do
      assert.is_false(nix.is_store_path(path, "/nix/store"), path)
    end
    assert.is_false(nix.is_store_path(7, "/nix/store"))
    assert.is_false(nix.is_store_path(nil, "/nix/store"))
  end)

  it("lies where NIX_STORE_DIR says, and else where it always does", function()
    assert.equal("/nix/store", nix.store_of({}))
    assert.equal("/nix/store", nix.store_of(nil))
    assert.equal("/nix/store", nix.store_of({ NIX_STORE_DIR = "" }))
    assert.equal("/nix/store", nix.store_of({ NIX_STORE_DIR = "relative" }))
    assert.equal("/my/store", nix.store_of({ NIX_STORE_DIR = "/my/x/../store/" }))
  end)
end)

describe("a recipe of an image of Nix", function()
  it("is one stage, named after the store path alone", function()
    local one = assert(recipe(PATH))
    assert.equal("nix", one.backend)
    assert.same({ { kind = "nix", path = PATH } }, one.stages)
    assert.matches("^localhost/wrapix%-shop:%x+$", image.reference(one))
    local other = assert(image.recipe({ name = "shop", image = { nix = PATH } },
      { WRAPIX_BASE = "debian:sid" }))
    assert.equal(image.reference(one), image.reference(other))
    assert.not_equal(image.hash(one), image.hash(assert(recipe(PATH .. "2"))))
  end)

  it("is refused outside the store, with a hint", function()
    local result, message, code, hint = recipe("/home/me/" .. HASH .. "-x")
    assert.is_nil(result)
    assert.matches("is not a path of Nix's store, /nix/store", message, 1, true)
    assert.equal("EIMAGE", code)
    assert.matches("/nix/store/HASH-NAME", hint, 1, true)
    assert.is_nil((recipe(PATH, { NIX_STORE_DIR = "/my/store" })))
  end)
end)

describe("loading an image of Nix", function()
  -- A world with the archive in its store; `loaded` is what podman load says.
  local function world_of(stat, loaded)
    local world = fake.new(fake.engine(function(argv)
      if argv[2] == "load" then return loaded end
      if argv[2] == "image" and argv[5] == "{{.Id}}" then
        return { stdout = ("ab"):rep(32) .. "\n" }
      end
    end))
    world.deps.fs.stat = function(path)
      if path == PATH and stat then return stat end
      return nil, "ENOENT: no such file", "ENOENT"
    end
    world.deps.fs.realpath = function(path) return path end
    return world
  end

  local function ensure(world)
    return image.ensure(assert(recipe(PATH)), world.facts,
      { deps = world.deps, report = world.report })
  end

  local ARCHIVE = { type = "file", mode = tonumber("444", 8) }

  it("names and labels it, and drops the record of what was loaded", function()
    local loaded = "localhost/wrapix-nix/wrapix-rust:" .. HASH
    local world = world_of(ARCHIVE, { stdout = "Loaded image: " .. loaded .. "\n" })
    local result = assert(ensure(world))
    assert.is_true(result.built)
    local calls = table.concat(world.calls, "\n")
    assert.matches("/bin/podman load --input " .. PATH, calls, 1, true)
    assert.matches("--label wrapix.base=" .. PATH, calls, 1, true)
    assert.matches("/bin/podman rmi -- " .. loaded, calls, 1, true)
    assert.is_false(assert(ensure(world)).built)
  end)

  it("leaves a name that is not the library's", function()
    local world = world_of(ARCHIVE, { stdout = "Loaded image: localhost/mine:1\n" })
    assert(ensure(world))
    assert.falsy(table.concat(world.calls, "\n"):find("podman rmi", 1, true))
  end)

  it("is refused for several images, or none", function()
    for count, text in pairs({ [0] = "done\n", [2] = "Loaded image: a:1\nLoaded image: b:1\n" }) do
      local result, message = ensure(world_of(ARCHIVE, { stdout = text }))
      assert.is_nil(result)
      assert.matches(("holds %d images; one expected"):format(count), message, 1, true)
    end
  end)

  it("says what is wrong with the path, or the load", function()
    local function failing(stat, loaded, ...)
      local result, message, code, hint = ensure(world_of(stat, loaded))
      assert.is_nil(result)
      for _, text in ipairs({ ... }) do assert.matches(text, message, 1, true) end
      return code, hint
    end
    local code, hint = failing(nil, {}, PATH, "is not in the store")
    assert.equal("ENOENT", code)
    assert.matches("nix build", hint, 1, true)
    failing({ type = "directory", mode = 493 }, {}, "is a directory")
    code = failing(ARCHIVE, { code = 125,
      stdout = "Error: writing blob: no space left on device\n" }, "the disk is full")
    assert.equal("ENOSPC", code)
    failing(ARCHIVE, { code = 125, stdout = "Error: payload does not match any of the supported"
      .. " image formats:\n" }, "is not the archive of an image")
  end)
end)
