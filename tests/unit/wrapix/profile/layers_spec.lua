-- SPDX-License-Identifier: MIT
-- Specs of wrapix.profile.layers: how two tables become one.

local layers = require "wrapix.profile.layers"

local function f() end
local function g() end
local function h() end

describe("layers.join", function()
  it("appends lists, the base's entries first", function()
    local m = layers.join({ packages = { "a" }, secrets = { "S" } },
      { packages = { "b", "a" }, mounts = { 1 } })
    assert.same({ "a", "b", "a" }, m.packages)
    assert.same({ "S" }, m.secrets)
    assert.same({ 1 }, m.mounts)
  end)

  it("merges maps, the extension wins", function()
    local m = layers.join({ env = { A = "1", B = "1" }, limits = { cpus = 1 }, mcp = { a = true } },
      { env = { B = "2", C = "3" }, limits = { pids = 2 }, mcp = { a = false } })
    assert.same({ A = "1", B = "2", C = "3" }, m.env)
    assert.same({ cpus = 1, pids = 2 }, m.limits)
    assert.same({ a = false }, m.mcp)
  end)

  it("replaces the rest, the command too", function()
    local m = layers.join({ name = "a", command = { "bash", "-l" }, read_only = true, agent = "x" },
      { name = "b", command = { "make" }, read_only = false })
    assert.same({ name = "b", command = { "make" }, read_only = false, agent = "x" }, m)
  end)

  it("runs the hooks of both, the base's first", function()
    local m = layers.join(
      { hooks = { before_start = f, after_exit = { f, g }, on_error = "warn",
        agent = { Stop = "a", End = "e" } } },
      { hooks = { before_start = { g, h }, after_exit = h, on_notify = f, on_error = "skip",
        agent = { Stop = { { command = "b", timeout = 5 } }, Start = { "c" } } } })
    assert.same({
      before_start = { f, g, h }, after_exit = { f, g, h }, on_notify = { f }, on_error = "skip",
      agent = {
        Stop = { { command = "a" }, { command = "b", timeout = 5 } },
        End = { { command = "e" } },
        Start = { { command = "c" } },
      },
    }, m.hooks)
  end)

  it("lets an image replace an inherited base and the other way round", function()
    assert.same({ image = "i" }, layers.join({ base = "b" }, { image = "i" }))
    assert.same({ base = "b" }, layers.join({ image = "i" }, { base = "b" }))
    assert.same({ image = "i", base = "b" }, layers.join({}, { image = "i", base = "b" }))
  end)

  it("merges the settings of each agent, one level deep", function()
    local m = layers.join(
      { settings = { claude = { model = "a", env = { A = 1 } }, codex = { x = 1 } } },
      { settings = { claude = { env = { B = 2 }, y = true }, pi = { z = 1 } } })
    assert.same({ claude = { model = "a", env = { B = 2 }, y = true }, codex = { x = 1 },
      pi = { z = 1 } }, m.settings)
  end)

  it("drops inherited agents with an image that is not built", function()
    local base = { base = "b", agents = { "claude" }, agent = "claude" }
    assert.same({ image = "i" }, layers.join(base, { image = "i" }))
    assert.same({ image = "i", agent = "codex" }, layers.join(base, { image = "i", agent = "codex" }))
    assert.same({ image = "i", agents = { "pi" } },
      layers.join(base, { image = "i", agents = { "pi" } }))
    local own = layers.join({ image = "i" }, { agents = { "pi" }, agent = "pi" })
    assert.same({ image = "i", agents = { "pi" }, agent = "pi" }, own)
  end)

  it("drops inherited agents where none is to run, and keeps what comes with that", function()
    local base = { base = "b", agents = { "claude" }, agent = "claude", env = { A = "1" } }
    local none = layers.join(base, { agent = false })
    assert.same({ base = "b", agent = false, env = { A = "1" } }, none)
    assert.same({ base = "b", agent = false, agents = { "pi" }, env = { A = "1" } },
      layers.join(base, { agent = false, agents = { "pi" } }))
    assert.same({ base = "b", agent = "pi", agents = { "pi" }, env = { A = "1" } },
      layers.join(none, { agent = "pi", agents = { "pi" } }))
    assert.same({ "claude" }, base.agents)
  end)

  it("leaves its arguments as they were", function()
    local function base()
      return { packages = { "a" }, env = { A = "1" }, hooks = { after_exit = { f } },
        mounts = { { source = "x" } } }
    end
    local function ext()
      return { packages = { "b" }, env = { B = "1" }, hooks = { after_exit = { g } },
        command = { "x" } }
    end
    local a, b = base(), ext()
    local m = layers.join(a, b)
    m.packages[1], m.env.A, m.hooks.after_exit[1], m.command[1] = "z", "z", h, "z"
    m.mounts[2] = "z"
    assert.same(base(), a)
    assert.same(ext(), b)
  end)

  it("keeps what is no list or map for the check to name", function()
    assert.equal("x", layers.join({ packages = { "a" } }, { packages = "x" }).packages)
    assert.equal("x", layers.join({ packages = "x" }, { packages = { "a" } }).packages)
    assert.same({ k = 1 }, layers.join({ packages = { "a" } }, { packages = { k = 1 } }).packages)
    assert.same({ k = 1 }, layers.join({ packages = { k = 1 } }, { packages = { "a" } }).packages)
    assert.equal(5, layers.join({ hooks = 5 }, { hooks = { before_start = f } }).hooks)
  end)

  it("is associative for lists and maps", function()
    local a, b, c = { packages = { "1" }, env = { A = "a" } },
      { packages = { "2" }, env = { A = "b", B = "b" } }, { packages = { "3" }, env = { B = "c" } }
    assert.same(layers.join(layers.join(a, b), c), layers.join(a, layers.join(b, c)))
  end)
end)

describe("layers.copy", function()
  it("ends on a cycle", function()
    local t = {}
    t.t = t
    assert.is_table(layers.copy(t))
  end)
end)

describe("layers.source_of", function()
  it("reads what debug.getinfo says", function()
    assert.same({ "/a/b.lua", "/a" }, { layers.source_of("@/a/b.lua", "b.lua") })
    assert.same({ "b.lua" }, { layers.source_of("@b.lua", "b.lua") })
    assert.same({ "stdin" }, { layers.source_of("=stdin", "stdin") })
    assert.same({ '[string "x"]' }, { layers.source_of("x", '[string "x"]') })
  end)
end)
