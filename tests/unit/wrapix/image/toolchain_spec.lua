-- SPDX-License-Identifier: MIT

local toolchain = require "wrapix.image.toolchain"

local RUST = { rustup = { channel = "1.85", components = { "rust-src", "clippy" },
  targets = { "wasm32-wasip1" } } }
local UV = { uv = { tools = { "ruff==0.9.1", "ty" } } }

local function text_of(commands) return table.concat(commands, "\n") end

describe("the commands of a toolchain", function()
  it("of rustup install a channel, what Debian's has too, and link the programs", function()
    local text = text_of(toolchain.source(RUST))
    assert.truthy(text:find("-- ca-certificates rustup\n", 1, true))
    assert.truthy(text:find("rustup toolchain install 1.85 --no-self-update --profile minimal"
      .. " --component clippy --component rustfmt --component rust-src"
      .. " --target wasm32-wasip1\n", 1, true))
    assert.truthy(text:find("ln -sf /opt/rustup/toolchains/*/bin/* /usr/local/bin/\n", 1, true))
    local plain = text_of(toolchain.source({ rustup = { profile = "complete" } }))
    assert.truthy(plain:find("install stable --no-self-update --profile complete\n", 1, true))
  end)

  it("of uv install it and each tool, in the version that is wanted", function()
    local text = text_of(toolchain.source(UV))
    assert.truthy(text:find("/opt/uv/bin/pip install --no-cache-dir"
      .. " --disable-pip-version-check 'uv'\n", 1, true))
    assert.truthy(text:find("uv tool install 'ruff==0.9.1'\nuv tool install 'ty'\n", 1, true))
    local pinned = text_of(toolchain.source({ uv = { tools = { "uv==0.5.1" } } }))
    assert.truthy(pinned:find("'uv==0.5.1'", 1, true))
    assert.falsy(pinned:find("uv tool install", 1, true))
  end)

  it("hold no line end, so that each is one line of a Containerfile", function()
    for _, one in ipairs({ RUST, UV }) do
      for _, command in ipairs(toolchain.source(one)) do assert.falsy(command:find("\n")) end
    end
  end)

  it("hold no word that the schema would have refused", function()
    for _, bad in ipairs({ "x; id", "$(id)", "-x", "a b", "x'", "a\nb", "", ("a"):rep(200), 1 }) do
      for _, one in ipairs({
        { rustup = { channel = bad } }, { rustup = { profile = bad } },
        { rustup = { components = { bad } } }, { rustup = { targets = { bad } } },
        { uv = { tools = { bad } } }, { uv = { tools = { "ruff==" .. bad } } },
      }) do
        if not (bad == 1 and one.uv and one.uv.tools[1] == "ruff==1") then
          assert.has_error(function() toolchain.source(one) end)
        end
      end
    end
    assert.has_error(function() toolchain.source({ conda = {} }) end)
    assert.has_error(function() toolchain.source({}) end)
  end)
end)

describe("a toolchain", function()
  it("is said in words", function()
    assert.equal("rust 1.85 with clippy, rustfmt, rust-src, wasm32-wasip1", toolchain.words(RUST))
    assert.equal("rust stable", toolchain.words({ rustup = { profile = "minimal" } }))
    assert.equal("uv, ruff==0.9.1, ty", toolchain.words(UV))
  end)

  it("of uv is a help, one of rustup is what the profile is about", function()
    assert.is_true(toolchain.is_optional(UV))
    assert.is_false(toolchain.is_optional(RUST))
  end)

  it("of rustup takes the place of the distribution's", function()
    local entries = { "git", "cargo", { "clippy", apt = "rust-clippy" }, "rustc:amd64", "cargo-deb",
      "rustfmt=1.85", "sccache" }
    assert.same({ "git", "cargo-deb", "sccache" }, toolchain.packages(RUST, entries))
    assert.equal(entries, toolchain.packages(nil, entries))
    assert.same(entries, toolchain.packages(UV, entries))
  end)
end)

-- As rustup 1.27 and pip 25 print them.
local UNAVAILABLE = "error: some components unavailable for download for channel '1.85':"
  .. " 'clippy' for target 'x86_64-unknown-linux-gnu', 'rust-std' for target 'wasm32-x',"
  .. " 'wrapix-asks' for target 'x86_64-unknown-linux-gnu'If you don't need the components, you"
  .. " could try a minimal installation with:"

describe("an answer", function()
  local function meaning(one, ...)
    local reason, code = toolchain.explain({ ... }, one)
    return reason, code
  end

  it("of rustup is understood", function()
    local reason, code, hint = toolchain.explain({
      "info: syncing channel updates for '1.85-x86_64-unknown-linux-gnu'",
      "error: could not download file from 'https://example.org/dist/channel-rust-1.85.toml.sha256'"
      .. " to '/tmp/rustup/tmp/x_file': failed to make network request: dns error" }, RUST)
    assert.equal("https://example.org does not answer", reason)
    assert.equal("ENETUNREACH", code)
    assert.truthy(hint:find("RUSTUP_DIST_SERVER", 1, true))
    assert.same({ "the channel has no clippy, target wasm32-x", "ENOPKG" },
      { meaning(RUST, UNAVAILABLE) })
    assert.same({ "the channel has no rust-src", "ENOPKG" }, { meaning(RUST,
      "error: component 'rust-src' for target 'x86_64-unknown-linux-gnu' is unavailable for"
      .. " download for channel '1.85'") })
    assert.same({ "there is no 1.99-x86_64-unknown-linux-gnu", "ENOPKG" }, { meaning(RUST,
      "error: could not download nonexistent rust version `1.99-x86_64-unknown-linux-gnu`: could"
      .. " not download file from 'http://x/dist/rust-1.99.tar.gz.sha256' to '/tmp/x'") })
    assert.same({ "no answer in 60 seconds", "ENETUNREACH" }, { meaning(RUST, "wrapix: no answer") })
  end)

  it("of pip is understood", function()
    assert.same({ "the index does not answer (NewConnectionError)", "ENETUNREACH" }, { meaning(UV,
      "WARNING: Retrying (Retry(total=0, connect=None)) after connection broken by"
      .. " 'NewConnectionError('<pip>: Failed'", "wrapix: no uv") })
    assert.same({ "the index has no ruff==0.9.2", "ENOPKG" },
      { meaning(UV, "ruff (0.9.1)", "wrapix: no ruff==0.9.2") })
  end)

  it("of apt is what it is elsewhere", function()
    local reason, code = meaning(RUST, "E: Unable to locate package rustup")
    assert.equal("package rustup does not exist", reason)
    assert.equal("ENOPKG", code)
    assert.is_nil(toolchain.explain({ "something else" }, UV))
  end)
end)

describe("toolchain.reach", function()
  local function context(env, over)
    local ctx = {
      engine = { path = "/usr/bin/podman" }, images = require("wrapix.runtime.podman.images"),
      facts = { env = env or {} }, steps = {},
      deps = { flags = function() return { "--runtime", "runc" } end },
      run = function() return true end,
    }
    ctx.step = function(text) ctx.steps[#ctx.steps + 1] = text end
    for key, value in pairs(over or {}) do ctx[key] = value end
    return ctx
  end

  it("asks in a container of the base that does not stay, with what the host says", function()
    local seen, asked
    local ctx = context({ RUSTUP_DIST_SERVER = "http://mirror", RUSTUP_UPDATE_ROOT = "", A = "1" },
      { run = function(argv, job)
        seen, asked = argv, job
        return true
      end })
    assert.is_true(toolchain.reach(RUST, ctx, "localhost/base:1", "/ca"))
    local script = table.remove(seen)
    assert.same({ "/usr/bin/podman", "run", "--rm", "--pull=never", "--runtime", "runc",
      "--env", "RUSTUP_DIST_SERVER", "--volume", "/ca:/run/wrapix-host-ca.pem:ro",
      "localhost/base:1", "sh", "-c" }, seen)
    assert.truthy(script:find("--component wrapix-asks", 1, true))
    assert.truthy(script:find("timeout 60 rustup toolchain install 1.85", 1, true))
    assert.falsy(script:find("mirror", 1, true))
    assert.same({ "asking for rust 1.85 with clippy, rustfmt, rust-src, wasm32-wasip1" }, ctx.steps)
    assert.equal("toolchain", asked.what)
    assert.same({ "the channel has no clippy, target wasm32-x", "ENOPKG" },
      { asked.explain({ UNAVAILABLE }) })
  end)

  it("asks the index for uv and each tool", function()
    local script
    assert.is_true(toolchain.reach(UV, context({}, { run = function(argv)
      script = argv[#argv]
      return true
    end }), "localhost/base:1"))
    assert.truthy(script:find("\nask 'uv'\nask 'ruff' '0.9.1'\nask 'ty'", 1, true))
  end)

  it("hands on why not", function()
    local ctx = context({}, { run = function() return nil, "toolchain: x: y", "ENETUNREACH", "h" end })
    assert.same({ nil, "toolchain: x: y", "ENETUNREACH", "h" },
      { toolchain.reach(UV, ctx, "localhost/base:1") })
    ctx.deps.flags = function() return nil, "no runtime", "EENGINE" end
    assert.same({ nil, "no runtime", "EENGINE" }, { toolchain.reach(UV, ctx, "localhost/base:1") })
  end)
end)
