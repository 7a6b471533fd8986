-- SPDX-License-Identifier: MIT
-- What of a devcontainer.json becomes which field, what becomes nothing, and that
-- no value of it gets out of its quotes.

local devcontainer = require("wrapix.project.devcontainer")
local json = require("wrapix.json")
local write = require("wrapix.project.write")

local DEBIAN = "docker.io/library/debian:12"

local function slug(text) return (text:lower():gsub("[^a-z0-9]+", "-")) end

local function map(object, over)
  local draft = write.draft("shop")
  local ctx = {
    basename = "shop", id = "shop-1234", file = ".devcontainer/devcontainer.json", slug = slug,
    look = { profile = "go", why = "because of go.mod", others = {}, packages = {} },
    places = function() return { ["/home/wrapix/.npm"] = "the cache npm" } end,
    check_mount = function(spec)
      if spec.source == "/run/docker.sock" then return nil, "is the engine's socket" end
      return true
    end,
  }
  for key, value in pairs(over or {}) do ctx[key] = value end
  local mapped, message = devcontainer.map(object, draft, ctx)
  if not mapped then return nil, message end
  local taken, left = {}, {}
  for _, row in ipairs(mapped.mapped) do taken[row.what] = row.became end
  for _, row in ipairs(mapped.unmapped) do left[row.what] = row.reason end
  return draft, taken, left, mapped
end

-- Runs a text as a profile, with doubles in the place of wrapix.
local function run(text)
  local function chosen(name)
    return setmetatable({ name = name }, { __index = { with_toolchain = function(t) return { t } end } })
  end
  local wrapix = {
    profiles = setmetatable({}, { __index = function(_, name) return chosen(name) end }),
    derive = function(_, own) return own end,
  }
  local globals = { require = function() return wrapix end, tostring = tostring }
  return assert(load(text, "=wrapix.lua", "t", globals))()
end

describe("an image", function()
  it("built on Debian is a base to build on, by its full name", function()
    for ref, full in pairs({
      ["debian:12"] = DEBIAN, ubuntu = "docker.io/library/ubuntu",
      ["node:20-bookworm"] = "docker.io/library/node:20-bookworm",
      ["example.org/devcontainers/rust:1"] = "example.org/devcontainers/rust:1",
      ["example.org:5000/devcontainers/base@sha256:" .. ("a"):rep(64)] =
        "example.org:5000/devcontainers/base@sha256:" .. ("a"):rep(64),
    }) do
      local draft = map({ image = ref })
      assert.same({ full, nil, "base" }, { draft.base, draft.image, draft.profile })
    end
  end)

  it("of another kind is used as it is, and gets no packages", function()
    local draft, _, left = map({ image = "acme/tools:3",
      features = { ["example.org/devcontainers/features/node:1"] = {} } })
    assert.same({ "docker.io/acme/tools:3", nil, "base" }, { draft.image, draft.base, draft.profile })
    assert.matches("gets no packages", left["features: example.org/devcontainers/features/node:1"])
    assert.equal("docker.io/library/node:20-alpine", map({ image = "node:20-alpine" }).image)
  end)

  it("that is none is left", function()
    for _, ref in ipairs({ "", "$(id)", "a b", "${localEnv:X}", "-x", 5, json.null, {} }) do
      local draft, _, left = map({ image = ref })
      assert.is_nil(draft.image or draft.base)
      assert.is_truthy(left.image)
    end
  end)

  it("from a Dockerfile is not built, and the way to do it is said", function()
    for key, value in pairs({ build = { dockerfile = "Docker file", context = ".." },
      dockerFile = "Docker file" }) do
      local draft, _, left = map({ [key] = value, context = ".." })
      assert.matches("podman build -t localhost/shop:1 -f '.devcontainer/Docker file' .devcontainer/..",
        left[key], 1, true)
      assert.same({ "go", "because of go.mod" }, { draft.profile, draft.why })
    end
  end)
end)

describe("features", function()
  local FEATURES = "example.org/devcontainers/features/"

  it("of languages choose the profile, whatever their versions", function()
    local draft, taken, _, mapped = map({ image = "debian:12", features = {
      [FEATURES .. "node:1"] = { version = "20" }, [FEATURES .. "python:1.2"] = "latest", go = "1.22",
    } })
    assert.same({ "go", "python", "node" },
      { draft.profile, mapped.others[1], mapped.others[2] })
    assert.equal("profile node, in the distribution's version, not 20",
      taken["features: " .. FEATURES .. "node:1"])
    assert.equal("profile python", taken["features: " .. FEATURES .. "python:1.2"])
  end)

  it("with a version of Rust choose the toolchain", function()
    local draft = map({ image = "debian:12", features = { [FEATURES .. "rust:1"] = { version = "1.85" } } })
    assert.same({ "rust", { channel = "1.85" } }, { draft.profile, draft.toolchain })
    local hostile, took, left =
      map({ image = "debian:12", features = { rust = { version = "$(id)" } } })
    assert.is_nil(hostile.toolchain)
    assert.is_truthy(left["features: rust: version"])
    assert.equal("profile rust, in the distribution's version", took["features: rust"])
    assert.is_nil(map({ image = "debian:12", features = { rust = { version = "latest" } } }).toolchain)
  end)

  it("of tools become packages", function()
    local draft = map({ image = "debian:12", features = {
      [FEATURES .. "github-cli:1"] = {}, [FEATURES .. "common-utils:2"] = { installZsh = true },
      ["example.org/rocker-org/devcontainer-features/apt-packages:1"] = { packages = "sqlite3,tk-dev" },
    } })
    local names = {}
    for i, item in ipairs(draft.packages) do
      names[i] = type(item.entry) == "table" and item.entry[1] or item.entry
    end
    assert.same({ "zsh", "gh", "sqlite3", "tk-dev" }, names)
  end)

  it("that are foreign, local or a danger are left", function()
    local draft, _, left = map({ image = "debian:12", features = {
      ["./local"] = {}, ["example.org/evil/features/node:1"] = {}, [FEATURES .. "docker-in-docker:2"] = {},
      ["apt-packages"] = {}, ["example.org/rocker-org/devcontainer-features/apt-packages:1"] =
        { packages = "good,$(id),--x" },
    } })
    assert.equal("base", draft.profile)
    assert.matches("not known", left["features: ./local"])
    assert.matches("not known", left["features: example.org/evil/features/node:1"])
    assert.matches("way to the host", left["features: " .. FEATURES .. "docker-in-docker:2"])
    assert.equal(1, #draft.packages)
  end)
end)

describe("mounts", function()
  local function mounts(...)
    local draft, taken, left = map({ mounts = { ... }, workspaceFolder = "/srv/shop" })
    return draft, taken, left
  end

  it("of the host become mounts, by text or object", function()
    local draft = mounts(
      "source=${localEnv:HOME}${localEnv:USERPROFILE}/.ssh,target=/home/vscode/.ssh,type=bind,readonly",
      { source = "${localWorkspaceFolder}/../x", target = "/x", type = "bind" },
      "src=/srv,dst=/root/srv,type=bind,consistency=cached,readonly=false",
      "source=${localWorkspaceFolder}/data,target=/srv/shop/more,type=bind,ro=true")
    assert.same({
      { source = "~/.ssh", dest = "~/.ssh", mode = "ro", optional = true },
      { source = "../x", dest = "/x", mode = "rw", optional = true },
      { source = "/srv", dest = "~/srv", mode = "rw", optional = true },
      { source = "./data", dest = "/workspace/more", mode = "ro", optional = true },
    }, draft.mounts)
  end)

  it("that only a person should let in are comments, with the reason", function()
    local draft, taken, left = map({ mounts = { "source=/etc,target=/x,type=bind",
      "source=/srv,target=/y,type=bind" } }, { check_mount = function(spec)
        return true, nil, spec.source == "/etc" and "it is\nthe system's own" or nil
      end })
    assert.same({ "mounts: source=/srv,target=/y,type=bind" }, { (next(taken)) })
    assert.equal("a comment in the draft: it is\nthe system's own",
      left["mounts: source=/etc,target=/x,type=bind"])
    local text = write.render(draft)
    assert.matches('    %-%- Left to you: it is.*\n    %-%- { source = "/etc", dest = "/x", '
      .. 'mode = "rw", optional = true },\n    { source = "/srv"', text)
    local own = run(text)
    assert.same({ { source = "/srv", dest = "/y", mode = "rw", optional = true } }, own.mounts)
  end)

  it("of volumes become caches of this project, of tmpfs writable", function()
    local draft = mounts(
      "source=modules-${devcontainerId},target=${containerWorkspaceFolder}/node_modules,type=volume",
      { type = "tmpfs", target = "/opt/x" })
    assert.same({ { name = "shop-modules-shop-1234", dest = "/workspace/node_modules" } }, draft.caches)
    assert.same({ { dest = "/opt/x" } }, draft.writable)
    -- No name of a volume is that of a cache other projects use.
    assert.equal("shop-cargo", mounts("source=cargo,target=/c,type=volume").caches[1].name)
  end)

  it("that are refused or not understood are left with the reason", function()
    for entry, reason in pairs({
      ["source=/run/docker.sock,target=/x,type=bind"] = "engine's socket",
      ["source=/a,target=/proc/x,type=bind"] = "/proc", ["source=/a,target=/,type=bind"] = "would hide",
      ["source=/a,target=/srv/shop,type=bind"] = "would hide /workspace",
      ["source=/a,target=x,type=bind"] = "not absolute", ["source=/a,type=bind"] = "no target",
      ["source=${localEnv:SECRET}/x,target=/x,type=bind"] = "the host's variable SECRET",
      ["source=n,target=/home/node/.npm,type=volume"] = "there already, the cache npm",
      ["type=npipe,source=x,target=/x"] = "a type not known", ['source="/a",target=/x'] = "quotes",
      ["source=/a,target=/x,uid=0,type=bind"] = "the option uid",
      [("x"):rep(5000)] = "too long", ["source=/a\0b,target=/x,type=bind"] = "NUL",
    }) do
      local draft, _, left = mounts(entry)
      assert.same({}, draft.mounts)
      left.workspaceFolder = nil
      assert.matches(reason, select(2, next(left)), 1, true)
    end
    assert.same({}, mounts(json.null, 5, {}, { 1 }, { source = json.null, target = {} }).mounts)
    assert.equal(1, #mounts("source=/a,target=/x,type=bind", "source=/b,target=/x,type=bind").mounts)
  end)
end)

describe("variables", function()
  it("become env, those of the host secrets", function()
    local draft, _, left = map({
      containerEnv = { A = "1", B = 2, C = "${containerWorkspaceFolder}/b:${X}", T = "${localEnv:T}",
        U = "${localEnv:T}", HOME = "/x", ["a b"] = "x", WRAPIX = "x", N = json.null, L = { 1 } },
      remoteEnv = { A = "over", PATH = "${containerEnv:PATH}:/x" },
      secrets = { T = {}, KEY = { description = "x" } },
    })
    local values = {}
    for _, item in ipairs(draft.env) do values[item.name] = item.value end
    assert.same({ A = "over", B = "2", C = "/workspace/b:${X}" }, values)
    assert.same({ { name = "T" }, { name = "KEY" } }, draft.secrets)
    for _, name in ipairs({ "U", "HOME", "a b", "WRAPIX", "N", "L" }) do
      assert.is_truthy(left["containerEnv: " .. name], name)
    end
    assert.is_truthy(left["remoteEnv: PATH"])
  end)
end)

describe("commands", function()
  it("run inside after the start, in their order", function()
    local draft, taken = map({
      postStartCommand = { b = "true", a = { "x", "y z" } }, postCreateCommand = "npm ci",
      onCreateCommand = { "cargo", "fetch", "${containerWorkspaceFolder}/a", "${containerEnv:X}" },
      updateContentCommand = "sudo apt-get update", initializeCommand = "",
    })
    local list = {}
    for i, item in ipairs(draft.commands) do list[i] = { item.what, table.unpack(item.argv) } end
    assert.same({
      { "onCreateCommand", "cargo", "fetch", "/workspace/a", "${X}" },
      { "updateContentCommand", "sh", "-c", "sudo apt-get update" },
      { "postCreateCommand", "sh", "-c", "npm ci" },
      { "postStartCommand: a", "x", "y z" }, { "postStartCommand: b", "sh", "-c", "true" },
    }, list)
    assert.matches("sudo in it will fail", taken.updateContentCommand)
  end)

  it("are what the profile's hooks run, and a failure is told", function()
    local draft = map({ postCreateCommand = "exit 3", onCreateCommand = { "a", "]]\n" } })
    local profile = run(write.render(draft))
    local argvs, code = {}, 0
    local ctx = { sandbox = { exec = function(_, argv)
      argvs[#argvs + 1] = argv
      return { code = code, stderr = "oops" }
    end } }
    assert.equal(2, #profile.hooks.after_start)
    assert.is_nil(profile.hooks.after_start[1](ctx))
    code = 3
    assert.same({ nil, "postCreateCommand: status 3: oops" }, { profile.hooks.after_start[2](ctx) })
    assert.same({ { "a", "]]\n" }, { "sh", "-c", "exit 3" } }, argvs)
  end)
end)

describe("what takes protection away", function()
  it("is never taken over", function()
    local draft, taken, left = map({
      image = "debian:12", privileged = true, capAdd = { "ALL" }, securityOpt = { "x" },
      runArgs = { "--privileged", "--cpus=2" }, initializeCommand = "curl x", forwardPorts = { 1 },
      remoteUser = "root", customizations = { vscode = {} }, unknown = 1, dockerComposeFile = "x",
      workspaceMount = "x", workspaceFolder = "/x",
    })
    for _, name in ipairs({ "privileged", "capAdd", "securityOpt", "runArgs: --privileged",
      "runArgs: --cpus=2", "initializeCommand", "forwardPorts", "remoteUser", "customizations: vscode",
      "unknown", "dockerComposeFile", "workspaceMount", "workspaceFolder" }) do
      assert.is_truthy(left[name], name)
      assert.is_nil(taken[name], name)
    end
    local profile = run(write.render(draft))
    assert.same({ name = "shop", base = DEBIAN }, profile)
    local _, _, off = map({ image = "debian:12", privileged = false, capAdd = {} })
    assert.same({}, off)
  end)
end)

describe("a hostile description", function()
  local EVIL = { '"', "\\", "\n", "]]", "--[[", '" .. os.exit(9) .. "', "\r", "\\\n", "}", "end", "\u{202E}",
    "\\z", "]==]", "${localEnv:HOME}", "${", "$HOME", "\\u{41}" }

  local function texts(seed)
    return function()
      seed = (seed * 1103515245 + 12345) & 0x7fffffff
      local parts = {}
      for i = 1, (seed >> 8) % 4 + 1 do parts[i] = EVIL[((seed >> (4 + i)) % #EVIL) + 1] end
      return table.concat(parts)
    end
  end

  it("stays data in every place", function()
    for seed = 1, 300 do
      local evil = texts(seed * 7919)
      local draft, _, _, mapped = map({
        name = evil(), image = seed % 2 == 0 and "debian:12" or nil, containerEnv = { A = evil(), [evil()] = evil() },
        remoteEnv = { B = evil() }, postCreateCommand = evil(), onCreateCommand = { evil(), evil() },
        postStartCommand = { [evil()] = evil(), [evil()] = { evil() } }, [evil()] = evil(),
        features = { [evil()] = { version = evil() }, rust = { version = evil() } },
        mounts = { { source = "/" .. evil(), target = "/m" .. evil(), type = "bind" },
          { source = evil(), target = "/v" .. evil(), type = "volume" }, evil() },
        customizations = { [evil()] = 1 }, runArgs = { evil() }, build = { dockerfile = evil() },
        secrets = { [evil()] = {} },
      })
      assert.is_table(mapped)
      draft.name = "shop"
      local text = write.render(draft)
      local profile = run(text)
      for i, item in ipairs(draft.mounts) do assert.same(item, profile.mounts[i]) end
      for _, item in ipairs(draft.env) do assert.equal(item.value, profile.env[item.name]) end
      for _, item in ipairs(draft.caches) do assert.equal(item.dest, profile.caches[item.name]) end
      local hooks = profile.hooks and profile.hooks.after_start or {}
      assert.equal(#draft.commands, #hooks)
    end
  end)

  it("that is huge is bounded", function()
    local env, list, args = {}, {}, {}
    for i = 1, 5000 do
      env["V" .. i], list[i], args[i] = "x", ("source=/a,target=/m%d,type=bind"):format(i), "--x" .. i
    end
    local draft, _, left = map({ containerEnv = env, mounts = list, runArgs = args, remoteEnv =
      { LONG = ("x"):rep(20000) }, onCreateCommand = args })
    assert.same({ 64, 64, 0 }, { #draft.env, #draft.mounts, #draft.commands })
    assert.matches("first 64", left.containerEnv)
    assert.matches("16 KiB", left["remoteEnv: LONG"])
    assert.is_true(#write.render(draft) < 40000)
  end)

  it("of the wrong types is refused or left, and never raises", function()
    for _, object in ipairs({ 5, "x", json.null, { 1 }, true }) do
      assert.is_nil((map(object)))
    end
    for _, name in ipairs({ "image", "build", "dockerFile", "features", "mounts", "containerEnv", "remoteEnv",
      "secrets", "postCreateCommand", "runArgs", "customizations", "name", "workspaceFolder", "capAdd" }) do
      for _, value in ipairs({ 5, "x", json.null, { 1 }, { a = 1 }, { { {} } }, true, json.array({}) }) do
        local draft = map({ [name] = value })
        assert.is_table(run(write.render(draft)))
      end
    end
  end)
end)
