-- SPDX-License-Identifier: MIT
-- With a real tar and files; the engine is a double.

local archive = require("wrapix.image.archive")
local fake = require("support.fake_builder")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local proc = require("wrapix.proc")
local sha256 = require("wrapix.sha256")

local REF = "localhost/wrapix-shop:00ff00ff00ff00ff"

describe("an image in a file", function()
  local dir, world

  before_each(function()
    dir = assert(fs.temp_dir("wrapix-archive-"))
    world = fake.new(fake.engine(function(argv, w)
      if argv[1] == "tar" then return assert(proc.run(argv)) end
      if argv[2] == "save" then
        fs.write_atomic(argv[7], "image")
        return { code = w.save_fails and 125 or 0, stdout = "No space left on device\n" }
      elseif argv[2] == "load" then
        w.images[w.loads or REF] = fake.image("00ff00ff00ff00ff")
      end
    end))
    world.deps.json = json
    local doubles = world.deps.fs
    world.deps.fs = setmetatable({ lock = doubles.lock, ensure_dir = doubles.ensure_dir,
      write_atomic = doubles.write_atomic, append = doubles.append }, { __index = fs })
  end)
  after_each(function() assert(fs.remove_tree(dir)) end)

  local function opts() return { deps = world.deps, report = world.report } end

  local function put(value)
    local text = json.encode(value)
    local digest = sha256.hex(text)
    assert(fs.ensure_dir(dir .. "/oci/blobs/sha256"))
    assert(fs.write_atomic(dir .. "/oci/blobs/sha256/" .. digest, text))
    return { digest = "sha256:" .. digest }
  end

  local function archive_of(ref, recipe, more)
    local config = put({ config = { Labels = { ["wrapix.recipe"] = recipe } } })
    local manifest = put({ config = config })
    manifest.annotations = { ["org.opencontainers.image.ref.name"] = ref }
    local list = json.array({ manifest, more })
    assert(fs.write_atomic(dir .. "/oci/index.json", json.encode({ manifests = list })))
    local file = dir .. "/x.oci"
    assert(proc.run({ "tar", "-C", dir .. "/oci", "-cf", file, "." , "--transform", "s|^\\./||" }))
    return file
  end

  local function import(file) return archive.import(file, world.facts, opts()) end

  local function is_loaded()
    for _, call in ipairs(world.calls) do
      if call:find("^/bin/podman load ") then return true end
    end
    return false
  end

  it("is taken in under its own name", function()
    local file = archive_of(REF, "00ff00ff00ff00ff")
    assert.same({ ref = REF, loaded = true }, assert(import(file)))
    assert.same({ ref = REF, loaded = false }, assert(import(file)))
  end)

  it("may have been packed as a directory, with ./ before its names", function()
    local file = archive_of(REF, "00ff00ff00ff00ff")
    assert(proc.run({ "tar", "-C", dir .. "/oci", "-cf", file, "." }))
    assert.same({ ref = REF, loaded = true }, assert(import(file)))
  end)

  it("is refused before the engine sees it when it is not what its name says", function()
    for _, case in ipairs({
      { REF, "1111111111111111", "was not made from that recipe" },
      { "docker.io/library/debian:trixie-slim", "00ff00ff00ff00ff", "no image made by wrapix" },
      { "localhost/wrapix-shop:latest", "latest", "no image made by wrapix" },
      { REF, "00ff00ff00ff00ff", "holds 2 images", { digest = "sha256:00" } },
    }) do
      local _, message, code = import(archive_of(case[1], case[2], case[4]))
      assert.truthy(tostring(message):find(case[3], 1, true), tostring(message))
      assert.equal("EIMAGE", code)
    end
    assert.is_false(is_loaded())
  end)

  it("is refused when it is no archive, or half of one", function()
    for _, text in ipairs({ "", "x", ("\0"):rep(10240) }) do
      assert(fs.write_atomic(dir .. "/y.oci", text))
      local _, message, code = import(dir .. "/y.oci")
      assert.truthy(message:find("is no OCI archive", 1, true), message)
      assert.equal("EIMAGE", code)
    end
    local _, message, code = import(dir .. "/nothing")
    assert.truthy(message:find("^import: "))
    assert.equal("ENOENT", code)
    assert.is_false(is_loaded())
  end)

  it("is whole or not there", function()
    world.images[REF] = fake.image("00ff00ff00ff00ff")
    local file = dir .. "/out.oci"
    assert.same({ ref = REF, file = file, size = 5 },
      assert(archive.export(REF, file, world.facts, opts())))
    world.save_fails = true
    assert(fs.unlink(file))
    local _, message, code = archive.export(REF, file, world.facts, opts())
    assert.equal("ENOSPC", code)
    assert.truthy(message:find("the disk is full", 1, true))
    assert.same({}, { fs.stat(file) and file, fs.stat(file .. ".partial") and "partial" })
    assert.is_nil((archive.export("localhost/wrapix-no:1", file, world.facts, opts())))
  end)
end)
