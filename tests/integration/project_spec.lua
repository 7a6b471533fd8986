-- SPDX-License-Identifier: MIT
-- Starting in a project: `wrapix init` looks, writes and trusts; what it wrote
-- loads and plans; what is there stays, and hostile projects lead nowhere.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local worlds = require("support.world")

local world

before_each(function() world = worlds.new() end)
after_each(function() world:close() end)

local function has(text, part) return text:find(part, 1, true) ~= nil end
local function own() return fs.read(world.workspace .. "/wrapix.lua") end

local function init(...)
  local result = world:run({ "init", ... })
  assert.equal(0, result.code, result.stderr)
  return result
end

-- What was written is a profile by itself, and can be planned.
local function accepted()
  local shown = world:run({ "profile", "show", "./wrapix.lua", "--json" })
  assert.equal(0, shown.code, shown.stderr .. (own() or ""))
  local planned = world:run({ "./wrapix.lua", "--dry-run", "--json" })
  assert.equal(0, planned.code, planned.stderr .. own())
  return assert(json.decode(shown.stdout)).profile, assert(json.decode(planned.stdout))
end

describe("wrapix init", function()
  for file, case in pairs({
    ["Cargo.toml"] = { "rust", "cargo" }, ["pyproject.toml"] = { "python", "pip" },
    ["package.json"] = { "node", "npm" }, ["go.mod"] = { "go", "go" },
    ["CMakeLists.txt"] = { "c", "cmake" }, ["README.md"] = { "base", "git" },
  }) do
    it(("writes a profile of %s for a project with %s"):format(case[1], file), function()
      world:write("work/" .. file, "{}")
      local result = init()
      assert.is_true(has(result.stdout, "derived from " .. case[1] .. ": "), result.stdout)
      local profile = accepted()
      local found = false
      for _, entry in ipairs(profile.packages) do
        found = found or entry == case[2] or (type(entry) == "table" and entry.name == case[2])
      end
      assert.is_true(found)
      assert.equal("work", profile.name)
    end)
  end

  it("adds what other languages need, and says what it saw", function()
    world:write("work/Cargo.toml", "")
    world:write("work/rust-toolchain.toml", '[toolchain]\nchannel = "1.85"\n')
    world:write("work/package.json", '{ "engines": { "node": ">=18" } }')
    world:write("work/Makefile", "all:\n")
    local result = init()
    for _, text in ipairs({ "package.json         JavaScript (node >=18)", "a toolchain (1.85)",
      "derived from rust: because of Cargo.toml; adds what is needed for node", "written: " }) do
      assert.is_true(has(result.stdout, text), result.stdout)
    end
    local profile = accepted()
    assert.same({ rustup = { channel = "1.85" } }, profile.toolchain)
    assert.equal("~/.npm", profile.caches.npm)
    assert.equal("/home/wrapix/.npm", profile.env.NPM_CONFIG_CACHE)
  end)

  it("is used by wrapix from then on, until the file changes", function()
    world:write("work/Cargo.toml", "")
    assert.is_true(has(init().stderr, "`wrapix` uses it"))
    local plan = assert(json.decode(world:run({ "--dry-run", "--json" }).stdout))
    assert.equal("work", plan.profile)
    world:write("work/wrapix.lua", "error('ran')")
    local changed = world:run({ "--dry-run" })
    assert.equal(125, changed.code)
    assert.is_true(has(changed.stderr, "has changed since it was trusted\nhint: `wrapix trust ./wrapix.lua` shows"))
    assert.is_true(has(changed.stderr, "./wrapix.lua"))
    assert(fs.unlink(world.workspace .. "/wrapix.lua"))
    assert.is_true(has(world:run({ "--dry-run" }).stderr, "is gone since it was trusted"))
    assert.equal(0, world:run({ "base", "--dry-run" }).code)
    assert.equal(0, world:run({ "trust", "--remove", "./wrapix.lua" }).code)
    assert.equal(0, world:run({ "--dry-run" }).code)
  end)

  it("takes the profile it is given, and refuses one there is not", function()
    world:write("work/Cargo.toml", "")
    assert.is_true(has(init("--profile", "go").stdout, "derived from go: asked for"))
    assert(fs.unlink(world.workspace .. "/wrapix.lua"))
    assert.is_true(has(init("--profile=test").stdout, "derived from test"))
    assert(fs.unlink(world.workspace .. "/wrapix.lua"))
    for _, name in ipairs({ "rsut", "./x.lua", "" }) do
      local result = world:run({ "init", "--profile", name })
      assert.is_true(result.code == 2 or result.code == 1, result.stderr)
      assert.is_nil(own())
    end
  end)

  it("writes .wrapix/.gitignore so that git sees issues.jsonl alone", function()
    init()
    assert.equal(0, #world:calls())
    world:write("work/.wrapix/issues.jsonl", "")
    world:write("work/.wrapix/.gitattributes", "")
    world:write("work/.wrapix/profiles/x.lua", "")
    local proc = require("wrapix.proc")
    local env = { PATH = os.getenv("PATH"), HOME = world.dir .. "/home" }
    assert(proc.run({ "git", "init", "-q" }, { cwd = world.workspace, env = env, clear_env = true }))
    local status = assert(proc.run({ "git", "status", "--porcelain", "-uall" },
      { cwd = world.workspace, env = env, clear_env = true }))
    assert.equal("?? .wrapix/.gitattributes\n?? .wrapix/.gitignore\n"
      .. "?? .wrapix/issues.jsonl\n?? wrapix.lua\n", status.stdout)
  end)

  it("keeps a .wrapix/.gitignore that is there", function()
    world:write("work/.wrapix/.gitignore", "mine\n")
    assert.is_false(has(init().stdout, ".gitignore"))
    assert.equal("mine\n", fs.read(world.workspace .. "/.wrapix/.gitignore"))
  end)

  it("changes nothing when there is a wrapix.lua of any kind", function()
    for kind, make in pairs({
      file = function(path) assert(fs.write_atomic(path, "return {}")) end,
      directory = function(path) assert(fs.mkdir(path)) end,
      link = function(path) assert(fs.symlink("/nonexistent/x", path)) end,
    }) do
      local path = world.workspace .. "/wrapix.lua"
      make(path)
      local before = fs.lstat(path)
      for _, more in ipairs({ {}, { "--dry-run" }, { "--json" }, { "--profile", "rust" } }) do
        local result = world:run({ "init", table.unpack(more) })
        assert.equal(1, result.code, kind)
        assert.equal("", result.stdout)
        assert.is_true(has(result.stderr, "wrapix.lua: is there already"), result.stderr)
        assert.is_true(has(result.stderr, "hint: nothing was changed"), result.stderr)
      end
      assert.same(before, fs.lstat(path))
      assert.same({ "wrapix.lua" }, fs.list(world.workspace))
      assert.is_nil(fs.stat(world.dir .. "/state/wrapix/trust.json"))
      assert(fs.remove_tree(path))
    end
  end)

  it("follows no link of the project", function()
    local outside = world.dir .. "/outside"
    assert(fs.mkdir(outside))
    assert(fs.symlink(outside, world.workspace .. "/.wrapix"))
    local result = world:run({ "init" })
    assert.equal(1, result.code)
    assert.is_true(has(result.stderr, ".wrapix: is a symlink, not a directory"), result.stderr)
    assert.same({ ".wrapix" }, fs.list(world.workspace))
    assert(fs.unlink(world.workspace .. "/.wrapix"))
    assert(fs.mkdir(world.workspace .. "/.wrapix"))
    assert(fs.symlink(outside .. "/x", world.workspace .. "/.wrapix/.gitignore"))
    world:write("outside/Cargo.toml", "")
    assert(fs.symlink(outside .. "/Cargo.toml", world.workspace .. "/Cargo.toml"))
    assert.is_true(has(init().stdout, "derived from base"))
    assert.same({ "Cargo.toml" }, fs.list(outside))
  end)

  it("prints what it would write, as text or JSON, and writes nothing", function()
    world:write("work/go.mod", "module x\n\ngo 1.22\n")
    local text = init("--dry-run").stdout
    local data = assert(json.decode(init("--dry-run", "--json").stdout))
    assert.equal(text, data.text)
    assert.same({ "go", false, false, "missing" },
      { data.profile, data.written, data.trusted, data.ignore_file })
    assert.same({ { file = "go.mod", means = "Go (go 1.22)", profile = "go" } }, data.found)
    assert.same({ "go.mod" }, fs.list(world.workspace))
    init()
    assert.equal(text, own())
  end)

  it("works on the directory -C names, and says so", function()
    world:write("work/inner/go.mod", "")
    assert.is_true(has(init("-C", "inner").stderr, "`wrapix -C inner` uses it"))
    local plan = assert(json.decode(world:run({ "-C", "inner", "--dry-run", "--json" }).stdout))
    assert.equal("inner", plan.profile)
    assert.equal(1, world:run({ "init", "-C", "nowhere" }).code)
  end)

  it("takes wrong words for what they are", function()
    for _, words in ipairs({ { "x.json" }, { "--from", "compose" }, { "--nothing" },
      { "--from", "devcontainer", "a", "b" } }) do
      assert.equal(2, world:run({ "init", table.unpack(words) }).code, words[1])
    end
  end)
end)

local SAMPLE = [[
// Made by hand
{
  "name": "The Shop", /* its name */
  "image": "example.org/devcontainers/base:bookworm",
  "features": {
    "example.org/devcontainers/features/node:1": { "version": "20" },
    "example.org/devcontainers/features/docker-in-docker:2": {},
  },
  "mounts": [
    "source=${localEnv:HOME}/.cache/shop,target=/home/vscode/.cache/shop,type=bind",
    "source=/var/run/docker.sock,target=/var/run/docker.sock,type=bind",
    { "source": "modules", "target": "${containerWorkspaceFolder}/node_modules", "type": "volume" },
    { "source": "claude", "target": "/home/vscode/.claude", "type": "volume" },
    "source=npm,target=/home/vscode/.npm,type=volume",
  ],
  "containerEnv": { "RUST_LOG": "info", "TOKEN": "${localEnv:TOKEN}", "HOME": "/x" },
  "postCreateCommand": "npm ci",
  "forwardPorts": [3000], "privileged": true,
}]]

describe("wrapix init --from devcontainer", function()
  it("takes over what has a place, lists what has none, and trusts nothing", function()
    world:write("work/.devcontainer/devcontainer.json", SAMPLE)
    local result = init("--from", "devcontainer")
    for _, text in ipairs({ "profile node, in the distribution's version, not 20",
      "mounts, ~/.cache/shop at ~/.cache/shop, rw", "NOT TAKEN OVER", "takes away what protects",
      "the-shop-modules at /workspace/node_modules", "no port of a sandbox",
      "~/.npm is there already, the cache npm", "~/.claude is there already" }) do
      assert.is_true(has(result.stdout, text), text .. "\n" .. result.stdout)
    end
    assert.is_true(has(result.stderr, "~/.cache/shop of this host is shown to the sandbox, read-write"))
    assert.is_true(has(result.stderr, "read wrapix.lua, then `wrapix trust`"), result.stderr)
    local profile = accepted()
    assert.same({ "the-shop", "example.org/devcontainers/base:bookworm", "info" },
      { profile.name, profile.base, profile.env.RUST_LOG })
    assert.equal(1, #profile.mounts)
    assert.same({ "TOKEN" }, profile.secrets)
    assert.is_false(has(own(), "docker.sock\","))
    local unused = world:run({ "--dry-run" })
    assert.is_true(has(unused.stderr, "found but not used"), unused.stderr)
  end)

  it("gives the same as JSON", function()
    world:write("work/.devcontainer.json", SAMPLE)
    local data = assert(json.decode(init("--from", "devcontainer", "--json").stdout))
    assert.same({ ".devcontainer.json", "node", false }, { data.source, data.profile, data.trusted })
    local reasons = {}
    for _, row in ipairs(data.unmapped) do reasons[row.what] = row.reason end
    assert.is_truthy(reasons.privileged)
    assert.is_true(#data.mapped > 5)
  end)

  it("runs its commands inside, at the start", function()
    world:write("work/.devcontainer.json", json.encode({ image = worlds.image,
      postCreateCommand = { "sh", "-c", "echo made >made.txt" }, postStartCommand = "exit 7" }))
    init("--from", "devcontainer")
    assert.equal(0, world:run({ "trust", "--yes" }).code)
    local running <close> = world:start({ "--", "cat" })
    local said
    repeat said = assert(running.stderr:read_line(), "it ended") -- with what it tells before
    until has(said, "postStartCommand: status 7")
    assert.equal(0, world:finish(running).code)
    assert.equal("made\n", fs.read(world.workspace .. "/made.txt"))
  end)

  it("leaves to a person what shows credentials or the system, as comments", function()
    world:write("home/.ssh/id", "a key")
    world:write("work/.devcontainer.json", json.encode({ image = worlds.image, mounts = {
      "source=/etc,target=/host-etc,type=bind", "source=/etc,target=/ro-etc,type=bind,readonly",
      "source=${localEnv:HOME}/.ssh,target=/root/.ssh,type=bind,readonly" } }))
    local result = init("--from", "devcontainer")
    assert.is_true(has(result.stdout, "a comment in the draft: ~/.ssh has credentials of yours; "
      .. "`deploy_key` or `ssh_agent` are for git"), result.stdout)
    assert.is_true(has(result.stdout, "a comment in the draft: /etc is the system's own"), result.stdout)
    assert.is_false(has(result.stderr, "read-write"), result.stderr)
    local text = fs.read(world.workspace .. "/wrapix.lua")
    assert.is_true(has(text, '-- { source = "~/.ssh"'), text)
    assert.equal(0, world:run({ "trust", "--yes" }).code)
    local plan = assert(json.decode(world:run({ "--dry-run", "--json", "--", "true" }).stdout))
    local shown = {}
    for _, mount in ipairs(plan.mounts) do shown[mount.dest] = mount.mode end
    assert.same({ nil, "ro", nil }, { shown["/host-etc"], shown["/ro-etc"], shown["/home/wrapix/.ssh"] })
  end)

  it("asks to name one of several, and takes the one that is named", function()
    world:write("work/.devcontainer/a/devcontainer.json", '{ "image": "debian:12" }')
    world:write("work/.devcontainer/b/devcontainer.json", '{ "image": "ubuntu" }')
    local result = world:run({ "init", "--from", "devcontainer" })
    assert.equal(2, result.code)
    assert.is_true(has(result.stderr, ".devcontainer/a/devcontainer.json, .devcontainer/b/"), result.stderr)
    assert.is_nil(own())
    init("--from", "devcontainer", ".devcontainer/b/devcontainer.json")
    assert.equal("docker.io/library/ubuntu", accepted().base)
  end)

  it("refuses what is absent, broken, a link or huge, with the place", function()
    local absent = world:run({ "init", "--from", "devcontainer" })
    assert.equal(1, absent.code)
    assert.is_true(has(absent.stderr, "no devcontainer.json"))
    for text, reason in pairs({ ['{\n  "image": }'] = "line 2, column 12", ["[]"] = "is no object",
      ["{ /* "] = "a comment without an end", [("x"):rep((1 << 20) + 1)] = "more than" }) do
      world:write("work/.devcontainer.json", text)
      local result = world:run({ "init", "--from", "devcontainer" })
      assert.equal(1, result.code, reason)
      assert.is_true(has(result.stderr, reason), result.stderr)
    end
    assert(fs.unlink(world.workspace .. "/.devcontainer.json"))
    world:write("outside.json", SAMPLE)
    assert(fs.symlink("../outside.json", world.workspace .. "/.devcontainer.json"))
    assert.equal(1, world:run({ "init", "--from", "devcontainer" }).code)
    assert.equal(1, world:run({ "init", "--from", "devcontainer", ".devcontainer.json" }).code)
    assert.is_nil(own())
    init("--from", "devcontainer", world.dir .. "/outside.json")
  end)

  it("lets nothing of a hostile file out of its quotes", function()
    local witness = world.dir .. "/executed"
    local evil = ('"]] .. io.open(%q, "w") --[[\n\\" }) os.execute("touch %s") --'):format(witness, witness)
    world:write("work/.devcontainer.json", json.encode({
      name = evil, image = "debian:12", containerEnv = { A = evil, [evil] = evil }, [evil] = evil,
      postCreateCommand = evil, onCreateCommand = { [evil] = { evil, evil } },
      features = { [evil] = { version = evil } }, customizations = { [evil] = 1 },
      mounts = { { source = "/" .. evil, target = "/m/" .. evil, type = "bind" }, evil },
      runArgs = { evil }, remoteEnv = { B = ("x"):rep(16000) .. evil },
    }))
    local result = init("--from", "devcontainer")
    assert.is_nil((result.stdout .. own()):find("[\0-\8\11-\31\127]"))
    local profile = accepted()
    assert.equal(evil, profile.env.A)
    assert.is_nil(fs.stat(witness))
  end)
end)

describe("wrapix trust", function()
  local function trust(...) return world:run({ "trust", ... }) end

  it("makes a profile of the project one that is used", function()
    world:write("work/wrapix.lua", ("return { name = 'own', image = %q }\n"):format(worlds.image))
    world:write("work/.wrapix/profiles/shop.lua", ("return { image = %q }\n"):format(worlds.image))
    assert.is_true(has(world:run({ "--dry-run" }).stderr, "`wrapix trust` shows it and asks"))
    assert.equal(2, world:run({ "shop", "--dry-run" }).code)
    local refused = trust()
    assert.equal(1, refused.code)
    assert.is_true(has(refused.stderr, "no terminal to ask at\nhint: "), refused.stderr)
    local result = trust("--yes")
    assert.same({ 0, 2 }, { result.code, select(2, result.stdout:gsub("  trusted\n", "")) })
    assert.is_true(has(world:run({ "--", "sh", "-c", "echo $WRAPIX_PROFILE" }).stdout, "own"))
    assert.equal("shop\n", world:run({ "shop", "--", "sh", "-c", "echo $WRAPIX_PROFILE" }).stdout)
    local rows = assert(json.decode(trust("--list", "--json").stdout))
    assert.same({ world.workspace .. "/.wrapix/profiles/shop.lua", "trusted" },
      { rows[1].file, rows[1].state })
    world:write("work/.wrapix/profiles/shop.lua", "error('ran')")
    assert.equal(2, world:run({ "shop", "--dry-run" }).code)
    assert.is_true(has(trust("--list").stdout, "changed"))
    assert.equal(0, trust("--remove", "wrapix.lua").code)
    assert.is_true(has(world:run({ "--dry-run" }).stderr, "found but not used"))
  end)

  it("is about the settings of its workflow too, which a script then reads", function()
    world:write("work/ralph.lua", "return {}\n")
    world:write("read.lua", 'print(require("wrapix").trust.read("ralph.lua"))\n')
    local before = world:run({ world.dir .. "/read.lua" })
    assert.is_true(has(before.stdout, "is not trusted\tEUNTRUSTED\t`wrapix trust"), before.stdout)
    assert.equal(0, trust("ralph.lua", "--yes").code)
    assert.equal("return {}\n\n", world:run({ world.dir .. "/read.lua" }).stdout)
  end)

  it("shows the file at a terminal, harmlessly, and takes only yes for an answer", function()
    world:write("work/wrapix.lua", "-- \27[2J\27]0;x\7hidden\nreturn {}\n")
    for answer, code in pairs({ ["y\r"] = 0, ["n\r"] = 1, ["\r"] = 1, ["\4"] = 1, ["\3"] = 130 }) do
      trust("--remove")
      local term <close> = world:terminal({ "trust" })
      term:expect("%[y/N%]")
      assert.is_true(has(term.seen, "\\x1B[2J\\x1B]0;x\\x07hidden"), term.seen)
      assert.is_false(has(term.seen, "\27]0;"))
      term:type(answer)
      assert.equal(code, (term:wait()), ("%q"):format(answer))
    end
  end)

  it("is about files of a project only", function()
    world:write("work/other.lua", "return {}")
    assert.equal(2, trust("other.lua", "--yes").code)
    assert.equal(1, trust("nowhere", "--yes").code)
    assert.equal(1, trust("--yes").code)
    assert(fs.symlink("other.lua", world.workspace .. "/wrapix.lua"))
    local result = trust("--yes")
    assert.equal(1, result.code)
    assert.is_true(has(result.stderr, "is a link"), result.stderr)
    for _, words in ipairs({ { "--list", "--remove" }, { "--json" }, { "--list", "x" } }) do
      assert.equal(2, trust(table.unpack(words)).code)
    end
  end)
end)
