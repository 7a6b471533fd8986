-- SPDX-License-Identifier: MIT

local dev_shell = require "wrapix.dev_shell"

local function cache_path(name) return "/home/me/it's a cache/" .. name end

local RUST = {
  caches = { cargo = "~/.cargo", ["cargo-git"] = "~/.cargo/git" },
  env = { CARGO_HOME = "/home/wrapix/.cargo", DEEP = "/home/wrapix/.cargo/git/db", A = "x",
    NEAR = "/home/wrapix/.cargox", UP = "/home/wrapix/.cargo/../.ssh", LIST = "~/.cargo" },
  secrets = { "CARGO_REGISTRY_TOKEN" },
  toolchain = { rustup = { channel = "1.85" } },
}

describe("dev_shell", function()
  it("leads variables that name a cache to the host's directory, and no others", function()
    assert.same({
      caches = { { name = "cargo", path = "/home/me/it's a cache/cargo" },
        { name = "cargo-git", path = "/home/me/it's a cache/cargo-git" } },
      env = { { name = "CARGO_HOME", value = "/home/me/it's a cache/cargo" },
        { name = "DEEP", value = "/home/me/it's a cache/cargo-git/db" },
        { name = "RUSTUP_TOOLCHAIN", value = "1.85" } },
    }, dev_shell.describe(RUST, cache_path))
  end)

  it("is text that a shell takes word for word", function()
    assert.equal("export CARGO_HOME='/home/me/it'\\''s a cache/cargo'\n"
      .. "export DEEP='/home/me/it'\\''s a cache/cargo-git/db'\n"
      .. "export RUSTUP_TOOLCHAIN=1.85\n", dev_shell.text(dev_shell.describe(RUST, cache_path)))
  end)

  it("ends with the profile's own text, on lines of its own", function()
    local function text(own) return dev_shell.text({ env = {}, shell = own }) end
    assert.equal("alias t='cargo test'\n", text("alias t='cargo test'"))
    assert.equal("a\nb\n", text("a\nb\n\n"))
    assert.equal("", text(""))
    assert.equal("", dev_shell.text(dev_shell.describe({}, cache_path)))
    assert.equal("stable", dev_shell.describe({ toolchain = { rustup = {} } }, cache_path)
      .env[1].value)
    assert.same({}, dev_shell.describe({ toolchain = { uv = {} } }, cache_path).env)
  end)
end)
