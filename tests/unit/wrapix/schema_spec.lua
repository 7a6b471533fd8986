-- SPDX-License-Identifier: MIT
-- Specs of wrapix.schema: for each field what is taken and what is refused.

local json = require "wrapix.json"
local schema = require "wrapix.schema"

local function texts(tbl)
  local list = {}
  for i, problem in ipairs(schema.check(tbl)) do
    local keys = {}
    for k, key in ipairs(problem.path) do keys[k] = tostring(key) end
    list[i] = table.concat(keys, ".") .. ": " .. problem.text
  end
  table.sort(list)
  return list
end

local function f() end

local GOOD = {
  name = { "a", "shop", "my-shop.v2", "a__b", "a--b", "0", ("x"):rep(64) },
  image = { "debian", "docker.io/library/debian:trixie-slim", "localhost:5000/x/y:1",
    "x@sha256:" .. ("0"):rep(64), { nix = "/nix/store/x" } },
  base = { "docker.io/library/debian:trixie-slim" },
  packages = { {}, { "git", "g++", "libc6:arm64", "python3.11" }, { "fd=8.6.0-3~bpo+1" },
    { { "fd", apt = "fd-find", nix = "fd" } }, { { "x", nix = "python3Packages.x" } },
    { { "fd", apt = "fd-find", apk = "fd" } } },
  agents = { { "claude", "codex" }, { "claude@2.1.330", "pi@1.0.0-beta.1+x" } },
  agent = { "claude", false },
  env = { {}, { A = "", _b9 = "x=y\n$Z", N = 5 } },
  secrets = { { "ANTHROPIC_API_KEY" } },
  mounts = { { { source = "~/x", dest = "~/x", mode = "rw", optional = true } } },
  writable = { { "/var/cache/x", "~/.cache" } },
  network = { "open", "none" },
  dns = { {}, { "1.1.1.1", "9.9.9.9" }, { "2606:4700:4700::1111" } },
  fallback = { true, false, {}, { "limits.cpus", "mounts" } },
  limits = { {}, { cpus = 1.5, memory = "4g", pids = 10, timeout = "1h30m" },
    { memory = 512 * 1024 * 1024, timeout = 90 } },
  command = { { "make" }, { "sh", "-c", "", "ü" } },
  hooks = { {}, { before_start = f, after_exit = { f, f }, on_error = "warn",
    agent = { Stop = "make check", PreToolUse = { { command = "x", matcher = "Bash", timeout = "5s" },
      { command = "y", timeout = 3 }, "z" } } } },
  mcp = { { playwright = { command = "npx", args = { "--headless", "" }, env = { A = "b" } },
    off = false, web = { url = "https://example.org/mcp", type = "http" },
    list = { command = { "python3", "-m", "server" }, type = "stdio" } } },
  shell = { "", "export A=1", "PATH_add bin\n", "a b", "$(x)" },
  notify = { {}, { terminal = true }, { terminal = false } },
  login = { "default", "work", "a-b_c" },
  settings = { {}, { claude = { model = "x", a = { b = { 1, 2.5, true } }, none = json.null },
    codex = {}, pi = { list = json.array() } } },
  caches = { {}, { ["cargo-registry"] = "~/.cargo/registry", uv = "/var/cache/uv" } },
  toolchain = { { rustup = {} }, { uv = { tools = { "ruff", "ty==0.1.2" } } },
    { rustup = { channel = "1.85", components = { "rust-src", "clippy" }, profile = "minimal",
      targets = { "thumbv8m.main-none-eabi", "wasm32-wasip1" } } } },
  read_only = { true, false },
  userns = { true, false },
  deploy_key = { true, false, "shop-box", "a", "A.b_c-1" },
  ssh_agent = { true, false },
}

local cycle = {}
cycle.self = cycle

local BAD = {
  name = { "", "A", "-a", "a-", "a/b", "a b", ("x"):rep(65), "a..b", "a._b", ".", "a\n", 5, {} },
  image = { "", "-x", "a b", "a\0", "x;y", "$(x)", 5, {}, "ü", ("x"):rep(513),
    { nix = "result" }, { nix = 5 }, { nix = "/x", tag = "1" }, { oci = "/x" } },
  base = { "--privileged", false },
  packages = { "git", { "-y" }, { "a b" }, { "" }, { "foo-" }, { 5 }, { {} },
    { { "a", apt = "-x" } }, { { "a", atp = "x" } }, { { "a", "b" } }, { x = "git" },
    { "a", nil, "b" }, { "a\0" }, { "a=-1" }, { "a=" }, { "$(x)" }, { "../x" }, { ("x"):rep(129) }, { "foo-:amd64" } },
  agents = { "claude", { "Claude" }, { "-x" }, { 1 }, { "claude@" }, { "@1" }, { "claude@latest" },
    { "claude@1;x" }, { "claude@1@2" }, { "claude@1\n" }, { ["claude"] = "1" },
    { "claude@" .. ("1"):rep(65) } },
  agent = { "", "-x", {}, true },
  env = { "A=1", { ["1A"] = "x" }, { ["A-B"] = "x" }, { ["A=B"] = "x" }, { "x" }, { A = true },
    { A = {} }, { A = "x\0y" }, { A = "\xff" }, { [""] = "x" }, { ["A\n"] = "x" } },
  secrets = { "KEY", { "A=b" }, { 1 }, { "sk-123" }, { A = "b" } },
  mounts = { "a:b", { "a:b" }, { { source = "/a" } }, { { source = "/a", dest = "/" } },
    { { source = "/a", dest = "/b", mod = "rw" } }, { source = "/a", dest = "/b" } },
  writable = { "/x", { "x" }, { "/proc" }, { "/workspace" }, { 5 }, { "/a\0" } },
  network = { "opne", true, "", "limit" },
  dns = { "1.1.1.1", { "one.one.one.one" }, { "1.1.1" }, { "1.1.1.256" }, { 1 }, { "-x" }, { "1.1.1.1 " },
    { "::1%eth0" } },
  fallback = { "mounts", 1, { "user" }, { "network" }, { "limits.pid" }, { mounts = true } },
  limits = { 5, { cpus = 0 }, { cpus = -1 }, { cpus = "x" }, { memory = "4q" }, { memory = 0 },
    { pids = 0 }, { pids = 1.5 }, { pids = {} }, { timeout = "5x" }, { timeout = "" },
    { timeout = 0 }, { memry = "4g" }, { cpus = 0 / 0 }, { memory = true }, { memory = "-4g" } },
  command = { "make", {}, { "" }, { 5 }, { "a\0" }, { "a", "\xff" }, { a = "b" } },
  hooks = { f, { before_strat = f }, { before_start = "x" }, { before_start = { f, 1 } },
    { on_error = "explode" }, { agent = f }, { agent = cycle }, { [1] = f },
    { agent = { stop = { f } } }, { agent = { [1] = "x" } }, { agent = { Stop = "" } },
    { agent = { Stop = "a\0" } }, { agent = { Stop = { {} } } }, { agent = { ["a b"] = "x" } },
    { agent = { Stop = { { command = "x", tineout = 5 } } } }, { agent = { Stop = true } },
    { agent = { Stop = { { command = "x", timeout = 0 } } } }, { agent = { Stop = { command = "x" } } },
    { after_exit = { x = f } } },
  mcp = { "tmux", { "tmux" }, { ["-x"] = false }, { tmux = "yes" }, { tmux = cycle }, { tmux = true },
    { tmux = {} }, { tmux = { command = "x", url = "http://x" } }, { tmux = { command = {} } },
    { tmux = { command = "" } }, { tmux = { command = "x", args = "-y" } },
    { tmux = { command = "x", env = { "A" } } }, { tmux = { url = "file:///etc" } },
    { tmux = { url = "https://a b" } }, { tmux = { url = "http://x", args = { "a" } } },
    { tmux = { command = "x", type = "http" } }, { tmux = { url = "http://x", type = "stdio" } },
    { tmux = { command = "x", comand = "y" } }, { tmux = { command = { "x", 5 } } } },
  shell = { "zsh", "/bin/zsh", " bash\n", "nix-shell", 5, "a\0", "\xff", ("x "):rep(40000) },
  notify = { true, "terminal", { true }, { terminal = "yes" }, { terminall = true }, { watch = 1 } },
  login = { "", "-x", "a/b", "..", ".", "A", "a b", 5, {}, ("x"):rep(65), "a\n" },
  settings = { "x", { { a = 1 } }, { claude = "x" }, { claude = { 1 } }, { claude = cycle },
    { claude = { f = f } }, { Claude = {} }, { claude = { a = { 1, b = 2 } } },
    { claude = { a = "\xff" } }, { claude = { ["\xff"] = 1 } }, { claude = { a = 0 / 0 } },
    { claude = { a = math.huge } }, { claude = { a = { [1.5] = 1 } } }, { ["../x"] = {} } },
  caches = { "x", { "x" }, { ["a/b"] = "/x" }, { [".."] = "/x" }, { A = "/x" }, { ["-a"] = "/x" },
    { a = "x" }, { a = "/proc" }, { a = true }, { a = "/a\0" }, { a_b = "/x" }, { [""] = "/x" } },
  toolchain = { "stable", {}, { rustup = {}, uv = {} }, { rustup = true }, { cargo = {} },
    { rustup = { channel = "-x" } }, { rustup = { channel = "a b" } }, { rustup = { chanel = "x" } },
    { rustup = { components = "clippy" } }, { rustup = { components = { "-x" } } },
    { rustup = { targets = { "$(x)" } } }, { rustup = { profile = "big" } },
    { uv = { tools = { "ruff;x" } } }, { uv = { tools = { "ruff==" } } }, { uv = { tools = "ruff" } },
    { uv = { tools = { "-r" } } } },
  read_only = { "no", 0 },
  userns = { "yes", 1 },
  deploy_key = { "", "-x", "a/b", "../x", "a b", "a.pub", "a-signing", "a\0", "a\n", 5, {},
    ("x"):rep(101) },
  ssh_agent = { "yes", 1 },
}

describe("schema.check", function()
  it("has cases for every field", function()
    for name in pairs(schema.fields) do
      assert.is_table(GOOD[name], name)
      assert.is_table(BAD[name], name)
    end
  end)

  for name, values in pairs(GOOD) do
    for i, value in ipairs(values) do
      it(("accepts good %s %d"):format(name, i), function()
        assert.same({}, texts({ [name] = value }))
      end)
    end
  end

  for name, values in pairs(BAD) do
    for i, value in ipairs(values) do
      it(("refuses bad %s %d"):format(name, i), function()
        local list = texts({ [name] = value })
        assert.is_true(#list > 0)
        assert.equal(name, list[1]:match("^[a-z_]+"))
        for _, problem in ipairs(schema.check({ [name] = value })) do
          assert.is_nil(problem.text:find("[%c\x7f]"), problem.text)
        end
      end)
    end
  end

  it("takes a deploy key or the agent, not both", function()
    local both = texts({ deploy_key = "a", ssh_agent = true })
    assert.same({ "ssh_agent: a profile has a deploy key or the agent, not both" }, both)
    assert.same({}, texts({ deploy_key = "a", ssh_agent = false }))
    assert.same({}, texts({ deploy_key = false, ssh_agent = true }))
  end)

  it("says what is to be written in the place of what once was", function()
    assert.same({ "shell: is text for the host's dev shell; what opens inside is "
      .. 'command = { "zsh" }' }, texts({ shell = "zsh" }))
    assert.same({ "mcp.tests: true says nothing about how it is started: { command = \"…\" }, "
      .. "or false for none" }, texts({ mcp = { tests = true } }))
  end)

  it("names an unknown field and the nearest known one", function()
    assert.same({ "pakages: unknown field 'pakages' (did you mean 'packages'?)" },
      texts({ pakages = {} }))
    assert.same({ "limits.memry: unknown limit 'memry' (did you mean 'memory'?)" },
      texts({ limits = { memry = 1 } }))
    assert.same({ "1: unknown field 1" }, texts({ "git" }))
  end)

  it("collects everything", function()
    assert.equal(4, #texts({ nme = "x", network = "nnone", packages = { "-a", "ok", "-b" } }))
  end)

  it("gives the path to the culprit", function()
    assert.same({ "mounts", 2, "mode" }, schema.check({ mounts = {
      { source = "/a", dest = "/b" }, { source = "/a", dest = "/b", mode = "x" } } })[1].path)
    assert.same({ "packages", 1, "apt" },
      schema.check({ packages = { { "a", apt = "-" } } })[1].path)
    assert.same({ "hooks", "after_exit", 2 },
      schema.check({ hooks = { after_exit = { f, 1 } } })[1].path)
  end)

  it("refuses an image together with a base", function()
    assert.same({ "base: a profile has an image or a base to build on, not both" },
      texts({ image = "a", base = "b" }))
  end)

  it("never prints what may be a secret", function()
    local all = table.concat(texts({
      secrets = { "hunter2-secret" }, env = { A = "hunter2\0", B = { "hunter2" } } }))
    assert.is_nil(all:find("hunter2", 1, true))
  end)

  it("shortens long values, also in the middle of a character", function()
    for _, value in ipairs({ ("ü"):rep(500), ("\xbf"):rep(500), ("x"):rep(500), "x" ..
      ("ü"):rep(500) }) do
      assert.is_true(#texts({ name = value })[1] < 450)
    end
  end)

  it("does not run metamethods of what it is given", function()
    local trap = setmetatable({}, { __index = error, __pairs = error, __len = error })
    assert.same({}, texts({ packages = trap, env = trap }))
  end)

  it("raises on misuse", function() assert.is_false(pcall(schema.check, "x")) end)
end)

describe("schema.is_list", function()
  it("tells lists from all else", function()
    assert.is_true(schema.is_list({}))
    assert.is_true(schema.is_list({ 1, 2, 3 }))
    assert.is_false(schema.is_list({ 1, nil, 3 }))
    assert.is_false((schema.is_list({ a = 1 })))
    assert.equal("a", select(2, schema.is_list({ 1, a = 1 })))
    assert.is_false((schema.is_list({ [0] = 1 })))
  end)
end)
