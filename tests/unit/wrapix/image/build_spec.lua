-- SPDX-License-Identifier: MIT
local build = require("wrapix.image.build")
local fake = require("support.fake_builder")
local image = require("wrapix.image")
local task = require("wrapix.task")

local BASE = "docker.io/library/debian:trixie-slim"

local function recipe(fields)
  local profile = { name = "shop", packages = { "git" } }
  for key, value in pairs(fields or {}) do profile[key] = value end
  return assert(image.recipe(profile))
end

local function ensure(world, target)
  return build.ensure(target or recipe(), world.facts, { deps = world.deps, report = world.report })
end

local function calls_of(world, verb)
  local found = {}
  for _, call in ipairs(world.calls) do
    if call:find("^/bin/podman " .. verb) then found[#found + 1] = call end
  end
  return found
end

describe("image.ensure", function()
  it("does nothing but look when the image is there", function()
    local world = fake.new(fake.engine())
    fake.add_images(world, image.stages(recipe()))
    local result = assert(ensure(world))
    assert.same({ ref = image.reference(recipe()), built = false, seconds = 0 }, result)
    assert.equal(1, #world.calls)
    assert.same({}, world.notes)
  end)

  it("asks first when there is something to build, and builds nothing when refused", function()
    local world = fake.new(fake.engine())
    local asked = 0
    local function try()
      return build.ensure(recipe(), world.facts, { deps = world.deps, report = world.report,
        before = function()
          asked = asked + 1
          return nil, "hook: no", "EHOOK"
        end })
    end
    assert.same({ n = 3, nil, "hook: no", "EHOOK" }, table.pack(table.unpack({ try() }, 1, 3)))
    assert.same({ 1, 1, {} }, { asked, #world.calls, world.notes })
    fake.add_images(world, image.stages(recipe()))
    assert.is_false(assert(try()).built)
    assert.equal(1, asked)
  end)

  it("builds a recipe's image in one layer, labelled with what went in", function()
    local world = fake.new(fake.engine())
    world.images[BASE] = true
    local result = assert(ensure(world))
    assert.is_true(result.built)
    local ref, hash = image.reference(recipe()), image.hash(recipe())
    local dir = "/cache/images/context/wrapix-shop_" .. hash
    assert.same({ table.concat({
      "/bin/podman build --runtime runc --pull=never --layers=false --force-rm",
      "--label wrapix.recipe=" .. hash, "--label wrapix.profile=shop",
      "--label wrapix.stage=packages", "--label wrapix.base=" .. BASE, "--label wrapix.packages=2",
      "--label wrapix.package-list=ca-certificates git",
      "--tag", ref, "--file", dir .. "/Containerfile", "--", dir,
    }, " ") }, calls_of(world, "build"))
    assert.equal(image.stages(recipe())[1].text, world.files[dir .. "/Containerfile"])
    assert.is_true(world.processes[1].closed)
    assert.same({ "/cache/images/tmp/wrapix-shop_" .. hash }, world.removed)
    assert.is_nil(next(world.locks))
  end)

  it("says what it is at, each stage once", function()
    local world = fake.new(fake.engine())
    world.images[BASE] = true
    ensure(world)
    local ref = image.reference(recipe())
    assert.same({
      "building " .. ref .. " with 2 packages (may take a minute or two)",
      "downloading packages", "installing packages", "storing the image", "ready: " .. ref,
    }, world.notes)
    assert.equal("STEP 1/5: FROM x", world.details[1])
  end)

  it("tags what another profile with the same packages has built", function()
    local world = fake.new(fake.engine(function(argv)
      if argv[2] == "images" then return { stdout = "sha256:0123abcd\nsha256:ffff\n" } end
    end))
    assert.is_true(assert(ensure(world)).built)
    assert.same({ "/bin/podman tag 0123abcd " .. image.reference(recipe()) },
      calls_of(world, "tag"))
    assert.same({}, calls_of(world, "build"))
  end)

  it("forgets that the former image of this name was used", function()
    local world = fake.new(fake.engine())
    world.images[BASE] = true
    image.mark_used(image.reference(recipe()), world.facts, { deps = world.deps })
    ensure(world)
    assert.truthy(image.first_use_notice(image.reference(recipe()), world.facts,
      { deps = world.deps }))
  end)

  it("passes on that the engine cannot build here", function()
    local world = fake.new(fake.engine())
    world.images[BASE] = true
    local failure = { nil, "engine: no runtime", "EENGINE", "apt install runc", n = 4 }
    world.deps.flags = function() return table.unpack(failure, 1, 4) end
    assert.same(failure, table.pack(ensure(world)))
  end)

  it("raises on what is neither recipe nor reference", function()
    local world = fake.new(fake.engine())
    assert.has_error(function() ensure(world, 7) end, "target: recipe or reference expected")
  end)
end)

describe("two starts at once", function()
  it("build once, and the second says what it waits for", function()
    local world = fake.new(fake.engine(function(argv, world)
      if argv[2] ~= "build" then return nil end
      for i, word in ipairs(argv) do
        if word == "--tag" then world.images[argv[i + 1]] = fake.image(image.hash(recipe())) end
      end
      return { stdout = "COMMIT x\n", seconds = 0.05 }
    end))
    world.images[BASE] = true
    local ref = image.reference(recipe())
    -- Until the build ends nobody sees its tag.
    local built_at
    local run = world.deps.proc.run
    world.deps.proc.run = function(argv, opts)
      if argv[2] == "image" and argv[#argv] == ref and not built_at then return { code = 1 } end
      return run(argv, opts)
    end
    local results = task.parallel(2, { 1, 2 }, function()
      local result = assert(ensure(world))
      built_at = true
      return result
    end)
    assert.equal(1, #calls_of(world, "build"))
    assert.is_true(results[1].built)
    assert.is_false(results[2].built)
    local waiting = 0
    for _, note in ipairs(world.notes) do
      if note == "waiting for another build of " .. ref then waiting = waiting + 1 end
    end
    assert.equal(1, waiting)
  end)
end)

describe("a failed build", function()
  local function failing(stdout, code)
    local world = fake.new(fake.engine(function(argv)
      if argv[2] == "build" then return { stdout = stdout, code = code or 100 } end
    end))
    world.images[BASE] = true
    return world
  end

  it("names the package, shows the last lines and where the rest is", function()
    local lines = {}
    for i = 1, 50 do lines[i] = "line " .. i end
    lines[51] = "E: Unable to locate package gti"
    local world = failing(table.concat(lines, "\n") .. "\n")
    local result, message, code, hint = ensure(world)
    assert.is_nil(result)
    assert.equal("ENOPKG", code)
    assert.truthy(hint)
    local ref, hash = image.reference(recipe()), image.hash(recipe())
    assert.equal(("build image: %s: package gti does not exist"):format(ref),
      message:match("^[^\n]+"))
    assert.is_nil(message:find("| line 31\n", 1, true))
    assert.truthy(message:find("| line 32\n", 1, true))
    local log = ("/cache/images/log/wrapix-shop_%s.log"):format(hash)
    assert.equal("the whole output is in " .. log, message:match("[^\n]+$"))
    assert.equal(table.concat(lines, "\n") .. "\n", world.files[log])
    assert.is_nil(world.images[ref])
    assert.is_nil(next(world.locks))
  end)

  it("has its status where the output says nothing", function()
    local _, message, code = ensure(failing("hm", 7))
    assert.truthy(message:find(": failed with status 7\n| hm\n", 1, true))
    assert.equal("EIMAGE", code)
  end)

  it("can neither move the cursor nor flood the terminal", function()
    local _, message = ensure(failing("\27[2J10%\r20%\r" .. ("x"):rep(5000) .. "\n\7\n"))
    assert.is_nil(message:find("[\27\r\7]"))
    assert.truthy(#message < 2000)
  end)

  it("says when the program is not there", function()
    local world = fake.new(fake.engine(function(argv)
      if argv[2] == "build" then return { missing = true } end
    end))
    world.images[BASE] = true
    local _, message, code = ensure(world)
    assert.truthy(message:find("^build image: .*ENOENT"))
    assert.equal("ENOENT", code)
  end)
end)

describe("a cancelled build", function()
  it("ends the build's program first, then what is left", function()
    local world = fake.new(fake.engine(function(argv)
      if argv[2] == "build" then return { stdout = "STEP\n", seconds = 60 } end
    end))
    world.images[BASE] = true
    world.bundles = { "buildah1", "buildah2", "other" }
    local tmp = "/cache/images/tmp/wrapix-shop_" .. image.hash(recipe())
    world.files[tmp .. "/buildah1/pid"] = "4711"
    world.files["/proc/4711/status"] = "Name:\tsh\nNSpid:\t4711\t1\n"
    -- A number that is somebody else's by now.
    world.files[tmp .. "/buildah2/pid"] = "4712"
    world.files["/proc/4712/status"] = "Name:\tsh\nNSpid:\t4712\n"
    local result, message, code = task.timeout(0.05, function() return ensure(world) end)
    assert.is_nil(result)
    assert.equal("ETIMEDOUT", code)
    assert.truthy(message)
    local kills = {}
    for _, call in ipairs(world.calls) do
      if call:find("^kill ") then kills[#kills + 1] = call end
    end
    assert.same({ "kill -KILL 4711" }, kills)
    assert.is_true(world.processes[1].closed)
    assert.is_nil(next(world.locks))
  end)
end)

describe("an image named by reference", function()
  it("is pulled with its progress", function()
    local world = fake.new(fake.engine())
    local result = assert(ensure(world, "quay.io/x/y:1"))
    assert.is_true(result.built)
    assert.same({ "/bin/podman pull -- quay.io/x/y:1" }, calls_of(world, "pull"))
    assert.same({ "pulling quay.io/x/y:1", "ready: quay.io/x/y:1" }, world.notes)
  end)

  it("fails with the registry's reason", function()
    local world = fake.new(fake.engine(function(argv)
      if argv[2] == "pull" then return { stdout = "Error: x: manifest unknown\n", code = 125 } end
    end))
    local _, message, code = ensure(world, "quay.io/x/y:1")
    assert.equal("pull: quay.io/x/y:1: the registry has no such image", message:match("^[^\n]+"))
    assert.equal("ENOENT", code)
  end)

  it("is not looked for anywhere when it is of this machine", function()
    local world = fake.new(fake.engine())
    local _, message, code, hint = ensure(world, "localhost/mine:1")
    assert.equal("image localhost/mine:1: no such image", message)
    assert.equal("ENOENT", code)
    assert.truthy(hint)
    assert.same({}, calls_of(world, "pull"))
  end)
end)

describe("a build in stages", function()
  local AGENT = {
    install = { npm = "@a/claude", version = "1.0.0", packages = { "git" },
      files = { { from = "@a/claude-linux-x64/claude", to = "/opt/wrapix/claude/claude" } },
      bin = { claude = "/opt/wrapix/claude/claude" } },
  }

  local function with_agent(version, more)
    local profile = { name = "shop", packages = { "git" }, agents = { "claude" } }
    for key, value in pairs(more or {}) do profile[key] = value end
    return assert(image.recipe(profile, {}, { agents = {
      get = function() return AGENT end, version = function() return version end,
    } }))
  end

  local function tags(world)
    local out = {}
    for i, call in ipairs(calls_of(world, "build")) do
      out[i] = call:match("%-%-tag localhost/wrapix%-(%S-):")
    end
    return table.concat(out, " ")
  end

  local function new_world(special)
    local world = fake.new(fake.engine(special))
    world.images[BASE] = true
    return world
  end

  it("makes the lowest first, and npm's image when it is wanted", function()
    local world = new_world()
    local result = assert(ensure(world, with_agent()))
    assert.equal("stage npm shop", tags(world))
    assert.same({ "packages", "agents" }, { result.stages[1].kind, result.stages[2].kind })
    assert.equal(1000000, result.stages[2].size)
    assert.is_nil(next(world.locks))
  end)

  it("makes only the last for a new version of an agent", function()
    local world = new_world()
    assert(ensure(world, with_agent()))
    world.calls = {}
    local result = assert(ensure(world, with_agent("1.0.1")))
    assert.equal("shop", tags(world))
    assert.same({ false, true }, { result.stages[1].built, result.stages[2].built })
  end)

  it("builds no agent with a word that is more than a word", function()
    local world, wrong = new_world(), with_agent()
    wrong.stages[2].agents[1].npm = "x; id"
    local result, message, code = ensure(world, wrong)
    assert.is_nil(result)
    assert.truthy(message:find("image: agent claude: names no package of npm", 1, true), message)
    assert.equal("EIMAGE", code)
    assert.equal("stage", tags(world))
  end)

  it("says what went into each stage", function()
    local world = new_world()
    assert(ensure(world, with_agent()))
    local stages = image.stages(with_agent())
    local labels = world.images[stages[2].ref].labels
    assert.same({ stages[2].hash, "agents", stages[1].ref, "claude@1.0.0", "ca-certificates git" },
      { labels["wrapix.recipe"], labels["wrapix.stage"], labels["wrapix.parent"],
        labels["wrapix.agents"], labels["wrapix.package-list"] })
    assert.is_nil(world.images[stages[1].ref].labels["wrapix.agents"])
  end)

  it("keeps what was made below the stage that failed, and says how to use it", function()
    local is_cut = true
    local world = new_world(function(argv)
      if argv[2] == "build" and is_cut and table.concat(argv, " "):find("wrapix-shop:", 1, true) then
        return { code = 1, stdout = "wrapix: agent claude 1.0.0\nnpm ERR! code ENOTFOUND\n" }
      end
    end)
    local result, message, code, hint = ensure(world, with_agent())
    assert.is_nil(result)
    assert.equal("ENETUNREACH", code)
    assert.truthy(hint)
    assert.truthy(message:find("agent claude 1.0.0: npm's registry does not answer", 1, true))
    local below = image.stages(with_agent())[1].ref
    assert.truthy(message:find(below .. " is kept: `wrapix --image " .. below, 1, true), message)
    is_cut, world.calls = false, {}
    assert(ensure(world, with_agent()))
    assert.equal("shop", tags(world))
  end)

  it("does not believe a name whose image says something else of itself", function()
    local world = new_world()
    local list = image.stages(with_agent())
    fake.add_images(world, list)
    world.images[list[2].ref] = fake.image("0000000000000000")
    assert.is_true(assert(ensure(world, with_agent())).built)
    assert.equal("npm shop", tags(world))
    world.images[list[2].ref] = true
    assert.is_true(assert(ensure(world, with_agent())).built)
  end)

  it("gives the build what this host trusts, and its mirror by name alone", function()
    local world = new_world()
    world.facts.env.NPM_CONFIG_REGISTRY = "https://user:secret@mirror.test/"
    world.deps.fs.stat = function(path)
      if path == "/etc/ssl/certs/ca-certificates.crt" then return { type = "file" } end
    end
    assert(ensure(world, with_agent()))
    local calls = calls_of(world, "build")
    assert.is_nil(calls[1]:find("--volume", 1, true))
    assert.truthy(calls[3]:find("--volume /etc/ssl/certs/ca-certificates.crt:/run/wrapix-host-ca.pem:ro"
      .. " --build-arg NPM_CONFIG_REGISTRY --omit-history", 1, true), calls[3])
    assert.is_nil(table.concat(world.calls):find("secret", 1, true))
    local list = image.stages(with_agent())
    local text = world.files["/cache/images/context/wrapix-shop_" .. list[2].hash .. "/Containerfile"]
    assert.truthy(text:find("AS npm\nARG NPM_CONFIG_REGISTRY\n", 1, true))
  end)

  local function with_commands(argv)
    local agent = { install = { version = "1.0", commands = { argv } } }
    local profile = { name = "shop", packages = { "git" }, agents = { "x" } }
    return assert(image.recipe(profile, {},
      { agents = { get = function() return agent end, version = function() end } }))
  end

  it("gives commands of an agent the mirrors in their own part, and asks for no npm", function()
    local world = new_world()
    world.facts.env.PIP_INDEX_URL = "https://user:secret@mirror.test/"
    local shop = with_commands({ "pip", "install", "x==@VERSION@" })
    assert(ensure(world, shop))
    assert.equal("stage shop", tags(world))
    local call = calls_of(world, "build")[2]
    assert.truthy(call:find("--build-arg PIP_INDEX_URL --omit-history", 1, true), call)
    assert.is_nil(table.concat(world.calls):find("secret", 1, true))
    local list = image.stages(shop)
    local text = world.files["/cache/images/context/wrapix-shop_" .. list[2].hash .. "/Containerfile"]
    assert.matches("\nFROM [^\n]+\nARG PIP_INDEX_URL\nRUN ", text)
  end)

  it("builds no agent whose commands would break out of their line", function()
    local world = new_world()
    local result, message, code = ensure(world, with_commands({ "x@VERSION@\nRUN id" }))
    assert.is_nil(result)
    assert.matches("agent x: command 1 has a word that is no text on one line", message)
    assert.equal("EIMAGE", code)
    assert.equal("stage", tags(world))
  end)
end)

describe("a toolchain that cannot be reached", function()
  local function new_world()
    local world = fake.new(fake.engine(function(argv, world)
      if argv[2] == "run" and not world.reachable then
        return { code = 1, stdout = "WARNING: connection broken by 'NewConnectionError'\n" }
      end
    end))
    world.images[BASE] = true
    return world
  end

  local function python() return recipe({ toolchain = { uv = { tools = { "ruff" } } } }) end

  it("is told of before anything is built", function()
    local world = new_world()
    local _, message, code = ensure(world, recipe({ toolchain = { rustup = { channel = "1.85" } } }))
    assert.truthy(message:find("^toolchain: rust 1.85"), message)
    assert.truthy(code)
    assert.same({}, calls_of(world, "build"))
  end)

  it("is left out where the profile can do without, and tried again on command", function()
    local world = new_world()
    local result = assert(ensure(world, python()))
    assert.is_true(result.built)
    assert.truthy(world.warnings[1]:find("^left out: uv, ruff"), world.warnings[1])
    assert.equal("uv, ruff", world.images[result.ref].labels["wrapix.left-out"])
    local opts = { deps = world.deps, report = world.report, complete = true }
    assert.is_false(assert(ensure(world, python())).built)
    assert.is_false(assert(build.ensure(python(), world.facts, opts)).built)
    world.reachable = true
    assert.is_true(assert(build.ensure(python(), world.facts, opts)).built)
    assert.is_nil(world.images[result.ref].labels["wrapix.left-out"])
  end)
end)
