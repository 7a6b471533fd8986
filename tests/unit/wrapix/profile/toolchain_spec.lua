-- SPDX-License-Identifier: MIT

local profile = require "wrapix.profile"
local toolchain = require "wrapix.profile.toolchain"

local BUILTIN = {
  base = "return { name = 'base', packages = { 'git' } }",
  rust = "return { name = 'rust', packages = { 'cargo' }, env = { A = '1' } }",
  python = "return { name = 'python', toolchain = { uv = { tools = { 'ruff' } } } }",
  go = "return { name = 'go' }",
}

local function context(files)
  local ctx = {
    workspace = "/ws", cwd = "/home/me", asked = {}, builtin_names = function() return {} end,
    builtin = function(name) return BUILTIN[name] end, trusted = function() return false end,
  }
  function ctx.read(path) return files[path] end
  function ctx.read_beneath(dir, name, limit)
    assert.equal(16 << 10, limit)
    local value = files[dir .. "/" .. name]
    ctx.asked[#ctx.asked + 1] = dir .. "/" .. name
    if type(value) == "table" then return nil, value[1], value[2] end
    if not value then return nil, "none", "ENOENT" end
    return value
  end
  return ctx
end

--- Loads ./shop.lua, which sees the built-in profiles as `profiles`.
local function load_shop(text, files, workspace)
  files = files or {}
  files["/home/me/./shop.lua"], files["/home/me/shop.lua"] = text, text
  local ctx = context(files)
  ctx.workspace = workspace or ctx.workspace
  _G.profiles, _G.derive = profile.catalog(ctx), profile.derive
  local loaded, message = profile.load("./shop.lua", ctx)
  _G.profiles, _G.derive = nil, nil
  return loaded, message, ctx
end

describe("with_toolchain", function()
  it("makes a profile with that toolchain, and leaves the other as it was", function()
    local shop = assert(load_shop([[
assert(profiles.rust.toolchain == nil)
local shop = profiles.rust.with_toolchain {
  channel = "1.85", components = { "rust-src" }, targets = { "wasm32-wasip1" } }
assert(profiles.rust.toolchain == nil)
return shop]]))
    assert.same({ rustup = { channel = "1.85", components = { "rust-src" },
      targets = { "wasm32-wasip1" } } }, shop.toolchain)
    assert.equal("shop", shop.name)
    assert.same({ "git", "cargo" }, shop.packages)
    assert.equal("./shop.lua:2", profile.field_origin(shop, "toolchain").text)
    assert.equal("profiles/rust.lua:1", profile.field_origin(shop, "env", "A").text)
  end)

  it("can be derived from, and returned at once", function()
    local shop = assert(load_shop([[
return derive(profiles.rust.with_toolchain { channel = "stable" }, { packages = { "mold" } })]]))
    assert.same({ rustup = { channel = "stable" } }, shop.toolchain)
    assert.same({ "git", "cargo", "mold" }, shop.packages)
    assert(load_shop([[return profiles.rust.with_toolchain { channel = "stable" }]]))
  end)

  it("chooses python's tools", function()
    local shop = assert(load_shop([[
return profiles.python.with_toolchain { tools = { "ruff==0.9.1" } }]]))
    assert.same({ uv = { tools = { "ruff==0.9.1" } } }, shop.toolchain)
  end)

  it("is there only where there is one to choose", function()
    assert(load_shop([[
assert(profiles.go.with_toolchain == nil and profiles.base.with_toolchain == nil)
assert(profiles.rust.with_toolchains == nil)
return {}]]))
  end)
end)

describe("a rust-toolchain file", function()
  local TEXT = '[toolchain]\nchannel = "1.85.0"\ncomponents = ["rust-src"]\n'
  local ASK = 'return profiles.rust.with_toolchain { file = "rust-toolchain.toml" }'

  it("is looked for beside the profile, then in the workspace", function()
    local shop, _, ctx = load_shop(ASK, { ["/ws/rust-toolchain.toml"] = TEXT })
    assert.same({ rustup = { channel = "1.85.0", components = { "rust-src" } } }, shop.toolchain)
    assert.same({ "/home/me/rust-toolchain.toml", "/ws/rust-toolchain.toml" }, ctx.asked)
    shop, _, ctx = load_shop(ASK, {
      ["/ws/rust-toolchain.toml"] = TEXT, ["/home/me/rust-toolchain.toml"] = "beta\n" })
    assert.same({ rustup = { channel = "beta" } }, shop.toolchain)
    assert.same({ "/home/me/rust-toolchain.toml" }, ctx.asked)
  end)

  it("is read from its own directory when the path is absolute", function()
    local shop = load_shop('return profiles.rust.with_toolchain { file = "/srv/t" }',
      { ["/srv/t"] = "nightly-2025-01-01" })
    assert.same({ rustup = { channel = "nightly-2025-01-01" } }, shop.toolchain)
  end)

  it("that names no channel means stable, as an unpinned rustup has it", function()
    local shop = load_shop(ASK, { ["/ws/rust-toolchain.toml"] = '[toolchain]\nprofile="minimal"' })
    assert.same({ rustup = { channel = "stable", profile = "minimal" } }, shop.toolchain)
  end)

  it("is refused with its name and the reason", function()
    for text, reason in pairs({
      ["[toolchain]\nchannel = 1.85"] =
        "rust-toolchain.toml: line 2: a value that is not understood here",
      ["channel = 'x'"] = "rust-toolchain.toml: has no table [toolchain]",
      ["toolchain = 'x'"] = "rust-toolchain.toml: has no table [toolchain]",
      ["[toolchain]\npath = '/opt/evil'"] =
        "rust-toolchain.toml: names a directory; a channel can be installed",
      ["[toolchain]\nhook = 'x'"] =
        "rust-toolchain.toml: [toolchain] has an entry hook that is not known",
      ["[toolchain]\nchannel = 'x; rm -rf /'"] = "rust-toolchain.toml: rustup.channel: a channel",
      ["[toolchain]\nchannel = '-x'"] = "rust-toolchain.toml: rustup.channel: a channel",
      ["[toolchain]\ncomponents = ['$(x)']"] = "rust-toolchain.toml: rustup.components.1: the name",
      ["[toolchain]\ntargets = 'x'"] = "rust-toolchain.toml: rustup.targets: a list",
      ["stable; id"] = "rust-toolchain.toml: line 1: '=' expected",
    }) do
      local shop, message = load_shop(ASK, { ["/ws/rust-toolchain.toml"] = text })
      assert.is_nil(shop)
      assert.truthy(message:find("with_toolchain: " .. reason, 1, true), message)
    end
    for problem, reason in pairs({ ELOOP = "is a link", EFBIG = "is too large" }) do
      local _, message = load_shop(ASK, { ["/home/me/rust-toolchain.toml"] = { reason, problem },
        ["/ws/rust-toolchain.toml"] = "stable" })
      assert.truthy(message:find("rust-toolchain.toml: " .. reason, 1, true), message)
    end
    local _, message = load_shop(ASK)
    assert.truthy(message:find("rust-toolchain.toml: no such file in /home/me or /ws", 1, true))
    _, message = load_shop(ASK, nil, "/home/me")
    assert.matches("rust%-toolchain%.toml: no such file in /home/me$", message)
  end)

  it("is misuse when what is asked for makes no sense", function()
    for opts, reason in pairs({
      ["{ }"] = 'channel = "1.85" or file = "rust-toolchain.toml" expected',
      ["'1.85'"] = "a table expected",
      ["{ file = 1 }"] = "file: a path expected",
      ["{ file = 'x', channel = '1' }"] = "file: stands alone",
      ["{ channel = '1.85', component = {} }"] = "did you mean 'components'",
    }) do
      local _, message = load_shop("return profiles.rust.with_toolchain(" .. opts .. ")")
      assert.truthy(message:find(reason, 1, true), message)
    end
  end)

  it("is read in its old form too", function()
    assert.same({ channel = "1.85" }, toolchain.parse_rust("1.85\n"))
    assert.same({ channel = "x" }, toolchain.parse_rust('[toolchain]\r\nchannel="x"\r\n'))
  end)
end)
