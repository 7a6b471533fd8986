-- SPDX-License-Identifier: MIT
local archive = require("wrapix.image.archive")
local build = require("wrapix.image.build")
local fake = require("support.fake_builder")
local image = require("wrapix.image")
local prune = require("wrapix.image.prune")
local show = require("wrapix.image.show")

local BASE = "docker.io/library/debian:trixie-slim"

local function recipe(fields)
  local profile = { name = "shop", packages = { "git" } }
  for key, value in pairs(fields or {}) do profile[key] = value end
  return assert(image.recipe(profile))
end

-- Its task is cancelled while it waits for the n-th time: what waits once more raises, as
-- rule 12 of docs/concurrency.md has it. Clearing up, shielded, may wait.
local function cut_at(world, n)
  local proc, waits, shielded = world.deps.proc, 0, false
  local run, spawn = proc.run, proc.spawn
  local function strike(argv)
    if shielded then return false end
    waits = waits + 1
    if waits > n then error("ECANCELED: waits again: " .. table.concat(argv, " "), 0) end
    return waits == n
  end
  function proc.run(argv, opts)
    if strike(argv) then return nil, "ECANCELED: run", "ECANCELED" end
    return run(argv, opts)
  end
  function proc.spawn(argv, opts)
    local is_cut = strike(argv)
    local process, message, code = spawn(argv, opts)
    if not process or not is_cut then return process, message, code end
    process.stdout.read = function() return nil, "ECANCELED: read", "ECANCELED" end
    return process
  end
  world.deps.task = setmetatable({ shield = function(fn, ...)
    shielded = true
    local out = table.pack(fn(...))
    shielded = false
    return table.unpack(out, 1, out.n)
  end }, { __index = world.deps.task })
  return function() return waits end
end

-- Cuts an act at each of its waits, until it gets to its end.
local function cut_everywhere(new_world, act)
  for n = 1, 100 do
    local world = new_world()
    local waits = cut_at(world, n)
    local result, message, code = act(world)
    assert.is_nil(next(world.locks))
    if waits() < n then return n - 1 end
    if waits() == n and result == nil then
      assert.same({ n, "ECANCELED" }, { n, code }, message)
    end
  end
  error("it does not come to an end")
end

local function options(world) return { deps = world.deps, report = world.report } end

describe("an act that is cancelled while it looks", function()
  local function ensure(target)
    return function(world) return build.ensure(target, world.facts, options(world)) end
  end

  it("builds and waits for nothing more", function()
    local function new() return fake.new(fake.engine()) end
    assert.is_true(cut_everywhere(new, ensure(recipe())) >= 8)
    assert.is_true(cut_everywhere(new, ensure(recipe({ agents = { "claude" } }))) >= 10)
    assert.is_true(cut_everywhere(new, ensure("quay.io/x/y:1")) >= 3)
    local function based()
      local world = new()
      world.images[BASE] = true
      return world
    end
    assert.is_true(cut_everywhere(based, ensure(recipe())) >= 5)
  end)

  it("asks nobody whether it may build", function()
    local world, asked = fake.new(fake.engine()), false
    cut_at(world, 1)
    local opts = options(world)
    function opts.before() asked = true end
    local result, _, code = build.ensure(recipe(), world.facts, opts)
    assert.same({ "ECANCELED", false }, { code, asked })
    assert.is_nil(result)
  end)

  it("takes no more images away", function()
    local list = {}
    for i, hash in ipairs({ "01", "02" }) do
      list[i] = { Id = "id-" .. hash, Names = { "localhost/wrapix-shop:" .. hash }, Created = 1,
        Labels = { ["wrapix.recipe"] = hash } }
    end
    local function new()
      local world = fake.new(function(argv)
        if argv[2] == "images" then return { stdout = "list" } end
        if argv[2] == "ps" then return { stdout = "ps" } end
        if argv[2] == "history" then return { stdout = '[{"size":7}]' } end
      end)
      world.deps.json = { decode = function(text)
        if text == "list" then return list end
        return text == "ps" and { { ImageID = "x", Names = { "wrapix-warm-1000-x" } } } or {}
      end }
      world.deps.record = { read = function() return {}, 0 end }
      world.facts.dirs.state = "/state"
      return world
    end
    local count = cut_everywhere(new, function(world)
      return prune.run(world.facts, {}, options(world))
    end)
    assert.is_true(count >= 7, count)
    cut_everywhere(new, function(world)
      return show.read("localhost/wrapix-shop:01", world.facts, options(world))
    end)
  end)

  it("does not remember a registry it was asking as silent", function()
    local world = fake.new(fake.engine(function(argv, world)
      if argv[2] == "manifest" then world.was_asked = true end
    end))
    local run = world.deps.proc.run
    function world.deps.proc.run(argv, opts)
      if world.was_asked then error("ECANCELED: waits again", 0) end
      local result, message, code = run(argv, opts)
      if world.was_asked then return nil, "ECANCELED: run", "ECANCELED" end
      return result, message, code
    end
    local result, _, code = build.ensure(recipe(), world.facts, options(world))
    assert.same({ true, "ECANCELED" }, { world.was_asked, code })
    assert.is_nil(result)
    assert.is_nil(world.files["/cache/images/registry-silent"])
  end)

  it("does not take what it could not see for what is not there", function()
    local world = fake.new(fake.engine())
    cut_at(world, 1)
    local result, message, code = archive.export("localhost/wrapix-x:1", "/x.oci", world.facts,
      options(world))
    assert.same({ "ECANCELED: run", "ECANCELED" }, { message, code })
    assert.is_nil(result)
  end)
end)
