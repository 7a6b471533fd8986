-- SPDX-License-Identifier: MIT
local fake = require("support.fake_builder")
local json = require("wrapix.json")
local prune = require("wrapix.image.prune")

-- An image as `podman images` tells of it.
local function image(name, hash, labels)
  local all = { ["wrapix.recipe"] = hash, ["wrapix.profile"] = "x" }
  for key, value in pairs(labels or {}) do all["wrapix." .. key] = value end
  return { Id = "id-" .. hash, Names = { name and ("localhost/wrapix-%s:%s"):format(name, hash) },
    Size = 5, Created = 1, Labels = all }
end

-- base (ba) ← stage (aa) ← two versions of a profile's image, made with npm (ee).
local function images()
  local parent, npm = "localhost/wrapix-stage:aa", "localhost/wrapix-npm:ee"
  return {
    image("stage", "aa"), image("stage", "ab"), image("npm", "ee"), image("npm", "ef"),
    image("shop", "01", { parent = parent, npm = npm }),
    image("shop", "02", { parent = parent, npm = npm }),
  }
end

local function new_world(list, opts)
  opts = opts or {}
  local world = fake.new(function(argv, world)
    if argv[2] == "images" then return { stdout = json.encode(json.array(list)) } end
    if argv[2] == "ps" then return { stdout = json.encode(json.array(opts.containers or {})) } end
    if argv[2] == "history" then return { stdout = '[{"size":1000},{"size":7}]' } end
    if argv[2] ~= "rmi" then return nil end
    local why = (opts.refuses or {})[argv[#argv]]
    if why then return { code = 2, stderr = why .. "\n" } end
    world.gone = world.gone or {}
    table.insert(world.gone, argv[#argv])
  end)
  world.deps.json = json
  world.deps.sha256, world.deps.record = require("wrapix.sha256"), {
    read = function() return opts.sessions or {}, 0 end,
  }
  world.facts.dirs.state = "/state"
  world.files["/w"] = ""
  local stat = world.deps.fs.stat
  world.deps.fs.stat = function(path)
    if path == "/w" then return { type = "directory" } end
    return stat(path)
  end
  return world
end

local function run(world, profiles, opts)
  local all = { deps = world.deps, report = world.report }
  for key, value in pairs(opts or {}) do all[key] = value end
  return assert(prune.run(world.facts, profiles or {}, all))
end

local USES_01 = { { image = "localhost/wrapix-shop:01", workspace = "/w", start = 1 },
  { image = "localhost/wrapix-shop:02", workspace = "/w", start = 2 } }

describe("image.prune", function()
  it("keeps a workspace's image and all it is built on, and takes the rest", function()
    local world = new_world(images(), { sessions = USES_01 })
    local done = run(world)
    assert.same({ "localhost/wrapix-npm:ef", "localhost/wrapix-shop:01", "localhost/wrapix-stage:ab" },
      world.gone)
    assert.equal(3, done.kept)
    assert.equal("no workspace uses it, and it is no profile's image", done.images[2].why)
  end)

  it("takes what stands on another away before it", function()
    local world = new_world(images())
    run(world)
    assert.equal("localhost/wrapix-shop:01", world.gone[1])
    assert.equal("localhost/wrapix-shop:02", world.gone[2])
    assert.equal(6, #world.gone)
  end)

  it("needs no workspace that is gone", function()
    local gone = { { image = "localhost/wrapix-shop:01", workspace = "/gone", start = 1 } }
    local world = new_world(images(), { sessions = gone })
    run(world)
    assert.equal(6, #world.gone)
  end)

  it("keeps the images of profiles that have a name", function()
    local world = new_world(images())
    run(world, { ["localhost/wrapix-shop:02"] = { "shop" } })
    assert.equal(3, #world.gone)
  end)

  it("keeps the builder's image with all it is built on, also while it has no container", function()
    local world, asked = new_world(images()), nil
    function world.deps.builder_image(facts)
      asked = facts
      return "localhost/wrapix-shop:02"
    end
    run(world)
    assert.equal(world.facts, asked)
    assert.same({ "localhost/wrapix-npm:ef", "localhost/wrapix-shop:01", "localhost/wrapix-stage:ab" },
      world.gone)
  end)

  it("never touches what a container uses", function()
    local world = new_world(images(), { containers = { { ImageID = "id-01" } } })
    run(world)
    for _, ref in ipairs(world.gone) do assert.not_equal("localhost/wrapix-shop:01", ref) end
    assert.equal(5, #world.gone)
  end)

  it("takes away what was left of the preparing of an image, which uses it no more", function()
    local containers = { { ImageID = "id-01", Names = { "wrapix-warm-1000-x" } } }
    local world = new_world({ image("shop", "01") }, { containers = containers })
    run(world, {}, { dry_run = true })
    assert.is_nil(table.concat(world.calls, "\n"):find("podman rm ", 1, true))
    run(world)
    assert.truthy(table.concat(world.calls, "\n")
      :find("/bin/podman rm --force --ignore -- wrapix-warm-1000-x", 1, true))
    assert.same({ "localhost/wrapix-shop:01" }, world.gone)
  end)

  it("leaves what is being built, and says so", function()
    local world = new_world({ image("stage", "ab") })
    world.locks["/cache/images/lock/ab"] = true
    local done = run(world)
    assert.is_nil(world.gone)
    assert.equal("is being built, or built on", done.images[1].error)
    assert.same({ 0, 1 }, { done.freed, done.kept })
  end)

  it("leaves what the engine refuses to remove, and goes on", function()
    local refuses = { ["localhost/wrapix-shop:01"] = "Error: image is in use by a container" }
    local world = new_world(images(), { refuses = refuses })
    local done = run(world)
    assert.equal("Error: image is in use by a container", done.images[1].error)
    assert.equal(5, #world.gone)
    assert.is_nil(next(world.locks))
  end)

  it("removes nothing in a trial", function()
    local world = new_world(images())
    local done = run(world, {}, { dry_run = true })
    assert.is_nil(world.gone)
    assert.equal(6, #done.images)
    assert.is_nil(done.images[1].removed)
  end)

  it("takes an image that lost its name by its id", function()
    local world = new_world({ image(nil, "aa") })
    run(world)
    assert.same({ "id-aa" }, world.gone)
  end)

  it("counts an image with two names once, and only when both go", function()
    local list = { image("a", "01"), image("b", "01") }
    list[1].Id, list[2].Id = "same", "same"
    assert.equal(1007, run(new_world(list)).freed)
    assert.equal(0, run(new_world(list), { ["localhost/wrapix-b:01"] = { "b" } }).freed)
  end)

  it("does nothing when the engine or the record cannot tell", function()
    local world = new_world(images())
    world.deps.record.read = function() return nil, "record: cannot be read", "EACCES" end
    local done, message, code = prune.run(world.facts, {}, { deps = world.deps })
    assert.is_nil(done)
    assert.same({ "record: cannot be read", "EACCES" }, { message, code })
    assert.is_nil(world.gone)
  end)
end)
