-- SPDX-License-Identifier: MIT
-- Every example is run: the profiles planned, the scripts run with an engine that
-- confines nothing, the C program built against both libraries.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")

local examples = WRAPIX_ROOT .. "/examples"
-- The binary that runs these specs, and the libraries beside it. Those of a
-- sanitizer build need the sanitizer in the programs that use them.
local wrapix = assert(fs.realpath("/proc/self/exe"))
local build = wrapix:match("^(.*)/")
local sanitize = (fs.read(build .. "/flags") or ""):match("%-fsanitize=%S+")

local dir, workspace, env

before_each(function()
  dir = assert(fs.temp_dir())
  workspace = dir .. "/work space"
  for _, name in ipairs({ workspace, dir .. "/run", dir .. "/stub" }) do
    assert(fs.mkdir(name, tonumber("700", 8)))
  end
  env = {
    HOME = dir, XDG_RUNTIME_DIR = dir .. "/run", STUB_PODMAN = dir .. "/stub",
    WRAPIX_PODMAN = WRAPIX_ROOT .. "/tests/support/stub_podman", STUB_WRAPIX = wrapix,
    XDG_CONFIG_HOME = false, XDG_CACHE_HOME = false, XDG_STATE_HOME = false, XDG_DATA_HOME = false,
    WRAPIX_BASE = false, TERM = "dumb", LUA_CPATH = build .. "/lua/?.so", LUA_PATH = false,
  }
end)
after_each(function() fs.remove_tree(dir) end)

local function run(argv, more)
  local own = {}
  for _, from in ipairs({ env, more or {} }) do
    for name, value in pairs(from) do own[name] = value end
  end
  return assert(proc.run(argv, { cwd = workspace, env = own, timeout = 60 }))
end

local function calls() return fs.read(dir .. "/stub/calls") or "" end

local function plan_of(name, more)
  local result = run({ wrapix, "--dry-run", "--json", examples .. "/profiles/" .. name .. ".lua" },
    more)
  assert.equal(0, result.code, result.stderr)
  return assert(json.decode(result.stdout)), result
end

local function by(list, key, value)
  for _, entry in ipairs(list) do
    if entry[key] == value then return entry end
  end
end

describe("examples/profiles", function()
  it("are all planned here", function()
    local tried = { mounts = true, node = true, python = true, secrets = true }
    for _, name in ipairs(assert(fs.list(examples .. "/profiles"))) do
      assert.is_true(tried[name:match("^(.*)%.lua$")], name .. " has no spec")
    end
  end)

  it("python: packages, buffering, a cache when there is one", function()
    local plan = plan_of("python")
    assert.equal("python", plan.profile)
    assert.matches("^localhost/wrapix%-python:%x+$", plan.image.ref)
    assert.equal("1", by(plan.env, "name", "PYTHONUNBUFFERED").value)
    assert.equal("~/.cache/pip:~/.cache/pip:rw:optional", by(plan.skipped, "kind", "mount").what)
    assert(fs.ensure_dir(dir .. "/.cache/pip"))
    plan = plan_of("python")
    assert.equal("rw", by(plan.mounts, "dest", "/home/wrapix/.cache/pip").mode)
  end)

  it("node: its own limits beside those of base", function()
    local plan, result = plan_of("node")
    assert.equal("node", plan.profile)
    local memory = by(plan.limits, "name", "memory") or by(plan.skipped, "what", "memory=6g")
    assert.is_table(memory, result.stderr)
    assert.matches("node.lua:%d+", memory.origin.text)
  end)

  it("mounts: relative sources start at the file, missing ones are skipped", function()
    local plan = plan_of("mounts")
    assert.equal(examples .. "/scripts", by(plan.mounts, "dest", "/srv/scripts").source)
    local here = by(plan.mounts, "dest", "/srv/profiles here")
    assert.same({ examples .. "/profiles", "ro" }, { here.source, here.mode })
    assert.equal(3, #plan.skipped - (by(plan.skipped, "kind", "limit") and 1 or 0))
    assert.equal("tmpfs", by(plan.mounts, "dest", "/opt/build").type)
  end)

  it("secrets: by name only, and not when they are unset", function()
    local canary = "canary-" .. sys.random_hex(8)
    local plan, result = plan_of("secrets", { DEPLOY_TOKEN = canary, DEPLOY_PASSWORD = false })
    assert.is_true(by(plan.env, "name", "DEPLOY_TOKEN").secret)
    assert.is_nil(by(plan.env, "name", "DEPLOY_TOKEN").value)
    assert.equal("DEPLOY_PASSWORD", by(plan.skipped, "kind", "secret").what)
    assert.is_nil((result.stdout .. result.stderr):find(canary, 1, true))
    result = run({ wrapix, "-q", examples .. "/profiles/secrets.lua" }, { DEPLOY_TOKEN = canary })
    assert.equal("a token is there\n", result.stdout)
    assert.matches("--env DEPLOY_TOKEN ", calls(), 1, true)
    assert.is_nil(calls():find(canary, 1, true))
  end)
end)

describe("examples/scripts", function()
  local function script(name, ...)
    return run({ wrapix, examples .. "/scripts/" .. name .. ".lua", ... })
  end

  it("check.lua passes output and status on", function()
    local result = script("check", "sh", "-c", "echo one; echo two; exit 3")
    assert.equal(3, result.code)
    assert.matches("^> one\n> two\nstatus 3 after %d", result.stdout)
  end)

  it("check.lua says why there is no sandbox", function()
    env.WRAPIX_PODMAN = "/nonexistent/podman"
    local result = script("check", "true")
    assert.equal(125, result.code)
    assert.equal("probe: /nonexistent/podman: is not a program\n"
      .. "hint: unset WRAPIX_PODMAN to use the podman on PATH\n", result.stderr)
  end)

  it("matrix.lua runs each profile once and counts the failures", function()
    local result = script("matrix", 'echo "with $CC"; test "$CC" != tcc')
    assert.equal(0, result.code, result.stderr)
    -- The stub hands no variables in.
    assert.matches("^gcc    ok      with \nclang  ok      with \ntcc    ok      with \n$",
      result.stdout)
    assert.equal(3, select(2, calls():gsub("wrapix%.profile=with%-%l+", "")))
    assert.equal(3, script("matrix", "exit 1").code)
  end)

  it("session.lua starts one sandbox and removes it", function()
    local result = script("session")
    assert.equal("the answer is 42\n", result.stdout, result.stderr)
    assert.equal(0, result.code)
    assert.matches(" --hold", calls():match("^[^\n]+"), 1, true)
    assert.equal(3, select(2, calls():gsub("exec %-%-", "")))
    assert.matches("\nstop [^\n]+\nrm %-%-force [^\n]+\n?$", calls())
    assert.same({}, fs.list(dir .. "/run/wrapix/sessions"))
  end)

  it("until.lua has an agent work until a command passes, and three times at most", function()
    local profile = dir .. "/toy.lua"
    assert(fs.write_atomic(profile, [[
      return { image = "localhost/toy:1", agent = "command", agents = { "command" }, settings = {
        command = { argv = { "sh", "-c", "cat >>prompts; test -e first && : >second; : >first" } } } }
    ]]))
    local result = script("until", profile, "ls second", "make a second file")
    assert.equal(0, result.code, result.stderr)
    assert.matches("^attempt 1\n  done after %d+ s\nattempt 2\n  done after %d+ s\nit passes\n$", result.stdout)
    local prompts = assert(fs.read(workspace .. "/prompts"))
    assert.equal(2, select(2, prompts:gsub("make a second file\n\nThe task is done when", "")))
    result = script("until", profile, "ls third", "make a third file")
    assert.same({ 1, 3 }, { result.code, select(2, result.stdout:gsub("attempt %d", "")) })
    assert.matches("it does not pass\n$", result.stdout)
    assert.equal(1, script("until", profile).code)
  end)

  it("plain.lua runs in a stock Lua and in wrapix", function()
    for i, argv in ipairs({ { wrapix }, { "lua5.4" } }) do
      if sanitize and i == 2 then
        local library = assert(proc.run({ "cc", "-print-file-name=libasan.so" })).stdout
        env.LD_PRELOAD, env.ASAN_OPTIONS = library:match("%S+"), "detect_leaks=0"
      end
      argv[2] = examples .. "/scripts/plain.lua"
      local result = run(argv)
      assert.equal(0, result.code, result.stderr)
      assert.matches('^here: %S+ %S+\nC A B in less than 0%.1 s\n{"sandbox":{"network":"none"}}\n$',
        result.stdout)
    end
  end)
end)

describe("examples/embed", function()
  local function flags(...)
    local result = assert(proc.run({ "pkg-config", ... }))
    assert.equal(0, result.code, result.stderr)
    local words = {}
    for word in result.stdout:gmatch("%S+") do words[#words + 1] = word end
    return words
  end

  local function compile(libraries)
    local out = dir .. "/embed"
    local argv = { os.getenv("CC") or "cc", "-std=c11", "-Wall", "-Wextra", "-Werror",
      "-I", WRAPIX_ROOT .. "/src", "-o", out, examples .. "/embed/main.c" }
    argv[#argv + 1] = sanitize
    local needed = flags("--cflags", "--libs", "lua5.4", "libuv", "libcjson")
    for _, list in ipairs({ libraries, needed }) do
      table.move(list, 1, #list, #argv + 1, argv)
    end
    local result = assert(proc.run(argv, { timeout = 120 }))
    assert.equal(0, result.code, result.stderr)
    return out
  end

  local function check(result)
    assert.equal(0, result.code, result.stderr)
    assert.matches("^profile embedded, network none\n", result.stdout)
    assert.matches("stub_podman run .*%-%-network=none.* trixie%-slim %-%- id\n",
      (result.stdout:gsub("docker.io/library/debian:", "")))
    assert.matches("\n%d+ words\nmistake: mistake:1: ", result.stdout)
    assert.equal("", calls())
  end

  it("runs with the static library", function()
    check(run({ compile({ build .. "/libwrapix.a" }) }))
  end)

  it("runs with the shared library", function()
    local place = dir .. "/lib"
    assert(fs.mkdir(place, tonumber("700", 8)))
    assert(fs.copy_tree(assert(fs.realpath(build .. "/libwrapix.so")), place .. "/libwrapix.so.0"))
    assert(fs.symlink("libwrapix.so.0", place .. "/libwrapix.so"))
    check(run({ compile({ "-L" .. place, "-lwrapix" }) }, { LD_LIBRARY_PATH = place }))
  end)

  it("tells why there is no plan", function()
    env.WRAPIX_PODMAN = "/nonexistent/podman"
    local result = run({ compile({ build .. "/libwrapix.a" }) })
    assert.equal(1, result.code)
    assert.equal("embed: plan: probe: /nonexistent/podman: is not a program; "
      .. "hint: unset WRAPIX_PODMAN to use the podman on PATH\n", result.stderr)
  end)
end)
