-- SPDX-License-Identifier: MIT
-- Images on Apple's container: built, found, loaded and removed by its words.

local archive = require "wrapix.image.archive"
local fake = require "support.fake_builder"
local image = require "wrapix.image"
local json = require "wrapix.json"

local BASE = "docker.io/library/debian:trixie-slim"
local HASH = "0123456789abcdfghijklmnpqrsvwxyz"
local NIX = "/nix/store/" .. HASH .. "-stream-wrapix-rust"

local function word_after(argv, flag)
  for i, word in ipairs(argv) do
    if word == flag then return argv[i + 1] end
  end
end

local function describe_image(world, ref)
  return { id = "ff", configuration = { name = ref, creationDate = "2026-08-07T18:36:00Z",
    descriptor = { digest = "sha256:" .. ref:gsub("%W", "") } },
    variants = { { platform = { os = "linux" }, size = 1000,
      config = { config = { Labels = world.images[ref] } } } } }
end

local function inspect(argv, world)
  if not world.images[argv[4]] then
    return { code = 1, stderr = 'Error: notFound: "image not found: x"\n' }
  end
  return { stdout = json.encode(json.array({ describe_image(world, argv[4]) })) }
end

local function list(_, world)
  local all = json.array({})
  for ref in pairs(world.images) do all[#all + 1] = describe_image(world, ref) end
  return { stdout = json.encode(all) }
end

local function build(argv, world)
  local labels, text = {}, world.files[word_after(argv, "--file")]
  local from = text:match("FROM (%S+)[^\n]*\n[^F]*$") or text:match("FROM (%S+)")
  for name, value in pairs(world.images[from] or {}) do labels[name] = value end
  for name, value in text:gmatch('\nLABEL "([^"]+)"="([^"]*)"') do labels[name] = value end
  world.images[word_after(argv, "--tag")] = labels
  world.built = (world.built or 0) + 1
  world.seen = {}
  for path, content in pairs(world.files) do world.seen[path] = content end
  return { stdout = "#5 [2/2] RUN x\n#5 1.234 Get:1 http://a b\n#5 2.5 Unpacking git\n" }
end

local VERBS = {
  ["image inspect"] = inspect, ["image list"] = list,
  ["image pull"] = function(argv, world) world.images[argv[4]] = {} end,
  ["image tag"] = function(argv, world) world.images[argv[5]] = world.images[argv[4]] or {} end,
  ["image delete"] = function(argv, world) world.images[argv[4]] = nil end,
}

local function new_world(special)
  local world
  world = fake.new(function(argv)
    local answer = special and special(argv, world)
    if answer then return answer end
    if argv[1] ~= "/bin/container" then return nil end
    if argv[2] == "build" then return build(argv, world) end
    local verb = VERBS[argv[2] .. " " .. (argv[3] or "")]
    return verb and verb(argv, world)
  end)
  world.facts.engine = { name = "container", path = "/bin/container", version = { 1, 2, 2 } }
  world.deps.flags = function() return {} end
  world.deps.json = json
  return world
end

local function recipe(fields)
  local profile = { name = "shop", packages = { "git" } }
  for key, value in pairs(fields or {}) do profile[key] = value end
  return assert(image.recipe(profile))
end

local function ensure(world, target)
  return image.ensure(target or recipe(), world.facts, { deps = world.deps, report = world.report })
end

local function calls_of(world, words)
  local found = {}
  for _, call in ipairs(world.calls) do
    if call:find("/bin/container " .. words, 1, true) == 1 then found[#found + 1] = call end
  end
  return found
end

describe("an image on container", function()
  it("is built once on a base that is pulled, and says what it is", function()
    local world = new_world()
    assert.is_true(assert(ensure(world)).built)
    local ref = image.reference(recipe())
    assert.same({ "/bin/container image pull " .. BASE }, calls_of(world, "image pull"))
    assert.equal(1, world.built)
    assert.equal(image.hash(recipe()), world.images[ref]["wrapix.recipe"])
    assert.equal("ca-certificates git", world.images[ref]["wrapix.package-list"])
    assert.is_false(assert(ensure(world)).built)
    assert.equal(1, world.built)
    local told = table.concat(world.notes, "\n")
    assert.truthy(told:find("downloading packages\ninstalling packages", 1, true), told)
  end)

  it("is found under another name with the same content", function()
    local world = new_world()
    world.images["localhost/wrapix-other:1"] = { ["wrapix.recipe"] = image.hash(recipe()) }
    assert(ensure(world))
    assert.is_nil(world.built)
    assert.same({ ("/bin/container image tag localhost/wrapix-other:1 %s")
      :format(image.reference(recipe())) }, calls_of(world, "image tag"))
  end)

  it("is not believed by its name", function()
    local world = new_world()
    world.images[BASE] = {}
    world.images[image.reference(recipe())] = { ["wrapix.recipe"] = "0000" }
    assert.is_true(assert(ensure(world)).built)
  end)

  it("has the builder's lines read as the package manager wrote them", function()
    local world = new_world(function(argv)
      if argv[2] == "build" then
        return { code = 1, stdout = "#6 3.21 E: Unable to locate package git\n" }
      end
    end)
    world.images[BASE] = {}
    local result, _, code = ensure(world)
    assert.is_nil(result)
    assert.equal("ENOPKG", code)
  end)

  it("of this machine alone is never pulled", function()
    local world = new_world()
    local result, message, code, hint = ensure(world, "localhost/mine:1")
    assert.is_nil(result)
    assert.equal("ENOENT", code)
    assert.truthy(message:find("no such image", 1, true))
    assert.truthy(hint:find("container build", 1, true))
    assert.same({}, calls_of(world, "image pull"))
  end)

  it("waits for the service, and says why it does not run", function()
    local world, asked = new_world(), 0
    world.images[BASE] = {}
    world.deps.service = function(facts)
      asked = asked + (facts == world.facts and 1 or 100)
      assert.same({}, world.calls)
      return true
    end
    assert(ensure(world))
    assert.equal(1, asked)
    world = new_world()
    world.deps.service = function() return nil, "service: no", "EENGINE", "start it" end
    assert.same({ nil, "service: no", "EENGINE", "start it" }, { ensure(world) })
    assert.same({}, world.calls)
  end)

  it("takes no base that mmdebstrap made", function()
    local world = new_world()
    world.facts.env.WRAPIX_BASE = "mmdebstrap"
    local result, message = ensure(world)
    assert.is_nil(result)
    assert.truthy(message:find("container cannot take in", 1, true), message)
  end)

  it("leaves certificates and mirrors nowhere behind", function()
    local world = new_world()
    world.files["/etc/ssl/cert.pem"] = "CERT"
    world.facts.env.NPM_CONFIG_REGISTRY = "https://user:secret@mirror.test/"
    local agent = { install = { npm = "x", version = "1.0.0", bin = { x = "x/x.js" } } }
    local one = assert(image.recipe({ name = "shop", packages = { "git" }, agents = { "x" } }, {},
      { agents = { get = function() return agent end, version = function() end } }))
    assert(ensure(world, one))
    local top = image.stages(one)[#image.stages(one)]
    local dir = "/cache/images/context/wrapix-shop_" .. top.hash
    assert.equal("CERT", world.seen[dir .. "/host-ca.pem"])
    assert.equal("export NPM_CONFIG_REGISTRY='https://user:secret@mirror.test/'\n",
      world.seen[dir .. "/mirrors.sh"])
    assert.is_nil(world.files[dir .. "/mirrors.sh"])
    assert.is_nil(world.files[dir .. "/Containerfile"]:find("secret", 1, true))
    assert.is_nil(table.concat(world.calls):find("secret", 1, true))
  end)

  it("is listed with who needs it", function()
    local world = new_world(function(argv)
      if argv[2] == "list" then
        return { stdout = json.encode(json.array({ { configuration = { id = "x",
          image = { reference = "localhost/wrapix-shop:0a" } } } })) }
      end
    end)
    world.images["localhost/wrapix-shop:0a"] = { ["wrapix.recipe"] = "0a" }
    world.images["localhost/wrapix-old:0b"] = { ["wrapix.recipe"] = "0b" }
    world.images["docker.io/library/x:1"] = {}
    local entries = assert(image.list(world.facts, { deps = world.deps }))
    assert.same({ "localhost/wrapix-old:0b", "localhost/wrapix-shop:0a" },
      { entries[1].ref, entries[2].ref })
    assert.equal(2, #entries)
    local used = require("wrapix.runtime.apple.images").used(
      assert(json.decode(world.deps.proc.run({ "/bin/container", "list" }).stdout)))
    require("wrapix.image.list").mark(entries, { used = used, workspaces = {}, profiles = {} })
    assert.same({ false, true }, { entries[1].in_use, entries[2].in_use })
  end)
end)

describe("an image of Nix on container", function()
  local function nix_world(special)
    local world = new_world(special)
    local stat = world.deps.fs.stat
    world.deps.fs.stat = function(path)
      if path == NIX then return { type = "file", mode = tonumber("444", 8) } end
      return stat(path)
    end
    world.deps.fs.realpath = function(path) return path end
    return world
  end
  local one = assert(image.recipe({ name = "shop", image = { nix = NIX } }))

  it("is converted by skopeo, tagged where it has no name, and labelled", function()
    local world = nix_world(function(argv)
      if argv[2] == "image" and argv[3] == "load" then
        return { stdout = "Loaded images:\nuntagged@sha256:abcd\n" }
      end
    end)
    assert.is_true(assert(ensure(world, one)).built)
    local calls, hash = table.concat(world.calls, "\n"), image.hash(one)
    local file = ("/cache/images/nix-%s.oci"):format(hash)
    assert.truthy(calls:find(("skopeo --insecure-policy copy --quiet docker-archive:%s oci-archive:%s:%s")
      :format(NIX, file, "localhost/wrapix-nix/loaded:" .. hash), 1, true), calls)
    assert.truthy(calls:find("/bin/container image load --input " .. file, 1, true))
    assert.truthy(calls:find("image tag untagged@sha256:abcd localhost/wrapix-nix/loaded:" .. hash, 1,
      true))
    assert.equal(hash, world.images[image.reference(one)]["wrapix.recipe"])
    assert.is_nil(world.images["localhost/wrapix-nix/loaded:" .. hash])
  end)

  it("says what is missing where skopeo is", function()
    local world = nix_world(function(argv)
      if argv[1] == "skopeo" then return { missing = true } end
    end)
    local result, message, code, hint = ensure(world, one)
    assert.is_nil(result)
    assert.equal("ENOENT", code)
    assert.truthy(message:find("skopeo is missing", 1, true), message)
    assert.truthy(hint:find("brew install skopeo", 1, true))
  end)
end)

describe("an archive on container", function()
  local REF = "localhost/wrapix-shop:0a1b"

  -- An archive as a table of its members.
  local function world_with(members, loaded)
    local world = new_world(function(argv, world)
      if argv[1] == "tar" then
        local text = members[argv[#argv]]
        return text and { stdout = text } or { code = 2 }
      elseif argv[3] == "load" then
        world.images[loaded] = { ["wrapix.recipe"] = "0a1b" }
        return { stdout = loaded .. "\n" }
      end
    end)
    world.files["/a.tar"] = "tar"
    return world
  end

  local function members(key, nested)
    local manifest = '{"config":{"digest":"sha256:cc"}}'
    local all = {
      ["index.json"] = ('{"manifests":[{"digest":"sha256:aa","annotations":{"%s":"%s"}}]}')
        :format(key, REF),
      ["blobs/sha256/aa"] = nested and '{"manifests":[{"digest":"sha256:ee","platform":{"os":"unknown"}},'
        .. '{"digest":"sha256:bb","platform":{"os":"linux"}}]}' or manifest,
      ["blobs/sha256/bb"] = manifest,
      ["blobs/sha256/cc"] = '{"config":{"Labels":{"wrapix.recipe":"0a1b"}}}',
    }
    return all
  end

  it("is taken by any of its names, one for several machines too", function()
    for _, key in ipairs({ "com.apple.containerization.image.name", "io.containerd.image.name",
      "org.opencontainers.image.ref.name" }) do
      for _, nested in ipairs({ false, true }) do
        local world = world_with(members(key, nested), "untagged@sha256:aa")
        local got, message = archive.import("/a.tar", world.facts,
          { deps = world.deps, report = world.report })
        assert.same({ ref = REF, loaded = true }, got, message)
        assert.equal(1, #calls_of(world, "image tag untagged@sha256:aa " .. REF))
      end
    end
  end)

  it("that goes round in circles is refused", function()
    local all = members("org.opencontainers.image.ref.name", true)
    all["blobs/sha256/bb"] = all["blobs/sha256/aa"]
    local world = world_with(all, "x:1")
    local got, message = archive.import("/a.tar", world.facts, { deps = world.deps, report = world.report })
    assert.is_nil(got)
    assert.truthy(message:find("was not made from that recipe", 1, true), message)
  end)

  it("is written whole", function()
    local world = new_world(function(argv, world)
      if argv[3] == "save" then world.files[argv[5]] = "archive" end
    end)
    world.images[REF] = {}
    local got = assert(archive.export(REF, "/out.tar", world.facts,
      { deps = world.deps, report = world.report }))
    assert.equal(7, got.size)
    assert.same({ "/bin/container image save --output /out.tar.partial " .. REF },
      calls_of(world, "image save"))
  end)
end)
