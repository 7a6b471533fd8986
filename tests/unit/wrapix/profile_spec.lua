-- SPDX-License-Identifier: MIT
-- Specs of wrapix.profile: loading, deriving, the errors a person reads, and
-- where each field says it comes from.

local profile = require "wrapix.profile"

local BUILTIN = {
  base = [[
return {
  name = "base",
  packages = {
    "bash",
    { "fd", apt = "fd-find" },
  },
  env = { EDITOR = "vim", PAGER = "less" },
  limits = { memory = "4g" },
  hooks = { before_start = function() return "base" end },
}
]],
}

local function context(files)
  local ctx
  ctx = {
    workspace = "/ws", config_dir = "/cfg", cwd = "/cwd",
    read = function(p)
      if files[p] then return files[p] end
      return nil, "ENOENT: no such file", "ENOENT"
    end,
    builtin = function(name) return BUILTIN[name] end,
    builtin_names = function() return { "base" } end,
    trusted = function() return false end,
  }
  return ctx
end

--- Loads a text as /cwd/shop.lua; `wrapix` inside is a library with derive and
--- profiles, as the real one has.
local function load_shop(text, name)
  name = name or "shop.lua"
  local ctx = context({ ["/cwd/" .. name] = text })
  package.loaded["wrapix.spec"] = { derive = profile.derive, profiles = profile.catalog(ctx) }
  return profile.load("./" .. name, context({ ["/cwd/./" .. name] = text }))
end

teardown(function() package.loaded["wrapix.spec"] = nil end)

local SHOP = [[
local wrapix = require "wrapix.spec"
return wrapix.derive(wrapix.profiles.base, {
  name = "shop",
  packages = {
    "sqlite3",
  },
  env = {
    DATABASE_URL = "sqlite:///workspace/dev.db",
    EDITOR = "ed",
  },
  mounts = {
    { source = "./data", dest = "/data" },
    {
      source = "~/.cargo",
      dest = "~/.cargo",
    },
  },
  hooks = {
    before_start = function() return "shop" end,
  },
})
]]

local function text_of(p, ...) return profile.field_origin(p, ...).text end

describe("a derived profile", function()
  local shop = assert(load_shop(SHOP))

  it("has the merged fields", function()
    assert.equal("shop", shop.name)
    assert.same({ "bash", { "fd", apt = "fd-find" }, "sqlite3" }, shop.packages)
    assert.same({ EDITOR = "ed", PAGER = "less", DATABASE_URL = "sqlite:///workspace/dev.db" },
      shop.env)
    assert.equal(2, #shop.hooks.before_start)
    assert.equal("base", shop.hooks.before_start[1]())
    assert.equal("shop", shop.hooks.before_start[2]())
  end)

  it("carries its layers, base first", function()
    local meta = getmetatable(shop)
    assert.equal("wrapix.profile", meta.__name)
    assert.equal(2, #meta.layers)
    assert.same({ "base", "profiles/base.lua", 1 },
      { meta.layers[1].name, meta.layers[1].source, meta.layers[1].line })
    assert.same({ "shop", "./shop.lua", 2 },
      { meta.layers[2].name, meta.layers[2].source, meta.layers[2].line })
    assert.same({ "sqlite3" }, meta.layers[2].fields.packages)
  end)

  local cases = {
    { "./shop.lua:3", "name" }, { "./shop.lua:4", "packages" },
    { "profiles/base.lua:4", "packages", 1 },
    { "profiles/base.lua:5", "packages", 2 }, { "./shop.lua:5", "packages", 3 },
    { "./shop.lua:8", "env", "DATABASE_URL" }, { "./shop.lua:9", "env", "EDITOR" },
    { "profiles/base.lua:7", "env", "PAGER" }, { "profiles/base.lua:8", "limits", "memory" },
    { "./shop.lua:12", "mounts", 1 }, { "./shop.lua:13", "mounts", 2 },
    { "./shop.lua:15", "mounts", 2, "dest" }, { "./shop.lua:19", "hooks", "before_start" },
    { "profiles/base.lua:9", "hooks", "before_start", 1 },
    { "./shop.lua:19", "hooks", "before_start", 2 }, { "./shop.lua:2", "network" },
    { "./shop.lua:4", "packages", 99 }, { "./shop.lua:7", "env", "NOT_THERE" },
  }
  for _, case in ipairs(cases) do
    it("knows where " .. table.concat(case, " ", 2) .. " was written", function()
      assert.equal(case[1], text_of(shop, table.unpack(case, 2)))
    end)
  end

  it("says kind and layer", function()
    assert.same({ kind = "profile", text = "profiles/base.lua:4", layer = "base" },
      profile.field_origin(shop, "packages", 1))
    assert.equal("shop", profile.field_origin(shop, "packages", 3).layer)
  end)

  it("knows where relative paths of a field start", function()
    assert.equal("/cwd/.", profile.base_dir(shop, "mounts", 1))
    assert.is_nil(profile.base_dir(shop, "packages", 1))
  end)

  it("can be derived and checked again", function()
    local again = assert(profile.from_table(profile.derive(shop, {
      packages = { "x" }, hooks = { before_start = function() end } })))
    assert.equal("shop", again.name)
    assert.equal(4, #again.packages)
    assert.equal(3, #again.hooks.before_start)
    assert.equal("./shop.lua:5", text_of(again, "packages", 3))
    assert.matches("profile_spec.lua:%d+$", text_of(again, "packages", 4))
    assert.same(shop, assert(profile.from_table(shop)))
  end)
end)

describe("profile.derive", function()
  it("records its call site", function()
    local p = profile.derive({ name = "a" }, { name = "b" })
    local line = debug.getinfo(1, "l").currentline - 1
    local layer = getmetatable(p).layers[2]
    assert.equal(line, layer.line)
    assert.matches("profile_spec.lua$", layer.source)
  end)

  it("does not blame its caller's caller for a tail call", function()
    local function make() return profile.derive({ name = "a" }, { name = "b" }) end
    local layer = getmetatable(make()).layers[2]
    assert.is_nil(layer.source)
    assert.is_nil(layer.line)
  end)

  it("does not change its arguments", function()
    local base, ext = { packages = { "a" }, env = { A = "1" } }, { packages = { "b" } }
    profile.derive(base, ext).packages[1] = "z"
    assert.same({ packages = { "a" }, env = { A = "1" } }, base)
    assert.same({ packages = { "b" } }, ext)
    assert.is_nil(getmetatable(base))
  end)

  it("raises on misuse, blaming the caller", function()
    for _, args in ipairs({ { nil, {} }, { {}, nil }, { "rust", {} }, { {}, 5 } }) do
      local ok, message = pcall(function() local _ = profile.derive(args[1], args[2]) end)
      assert.is_false(ok)
      assert.matches("profile_spec.lua:%d+: derive: [be][ax][st]", message)
    end
    assert.matches("wrapix.profiles.rust", select(2, pcall(profile.derive, "rust", {})), 1, true)
  end)

  it("concatenates the layers of an extension that is a profile", function()
    local p = profile.derive(profile.derive({ name = "a" }, { name = "b" }),
      profile.derive({ name = "c" }, { name = "d" }))
    local names = {}
    for i, layer in ipairs(getmetatable(p).layers) do names[i] = layer.name end
    assert.same({ "a", "b", "c", "d" }, names)
    assert.equal("d", p.name)
  end)
end)

describe("profile.load", function()
  it("names a profile after its file when it has no name of its own", function()
    assert.equal("shop", load_shop("return {}").name)
    assert.equal("shop",
      load_shop('local w = require "wrapix.spec"\nreturn w.derive(w.profiles.base, {})').name)
    assert.equal("base", load_shop('return require("wrapix.spec").profiles.base').name)
    assert.equal("my-shop-2", load_shop("return {}", "My Shop (2).lua").name)
    assert.equal("profile", load_shop("return {}", "ü.lua").name)
    assert.equal("own", load_shop('return { name = "own" }').name)
  end)

  it("turns numbers of the environment into text", function()
    assert.same({ A = "5", B = "1.5" }, load_shop("return { env = { A = 5, B = 1.5 } }").env)
  end)

  it("names the line, the value and the nearest word", function()
    local result, message, code = load_shop('return {\n  name = "x",\n  pakages = {},\n}')
    assert.is_nil(result)
    assert.equal("profile: ./shop.lua:3: unknown field 'pakages' (did you mean 'packages'?)",
      message)
    assert.equal("EINVAL", code)
  end)

  it("collects all mistakes of all layers in order", function()
    local _, message = load_shop([[
local wrapix = require "wrapix.spec"
local common = { limits = { memory = "lots" } }
return wrapix.derive(wrapix.derive(wrapix.profiles.base, common), {
  packages = { "ok", "-rf" },
  env = {
    ["A B"] = "x",
  },
  mounts = {
    { source = "/a", dest = "/b" },
    { source = "/a", dest = "/proc", mode = "ro" },
  },
  netwrok = "none",
})
]])
    assert.equal([[
profile: ./shop.lua: 5 mistakes
  ./shop.lua:2: limits.memory: 'lots' is not a size such as 512m or 4g
  ./shop.lua:4: packages[4]: the name of a package expected, got '-rf'
  ./shop.lua:6: env["A B"]: 'A B' is not a variable name: letters, digits and _ only
  ./shop.lua:10: mounts[2].dest: /proc: nothing can be mounted at or below /proc
  ./shop.lua:12: unknown field 'netwrok' (did you mean 'network'?)]],
      message)
  end)

  it("passes on errors of the file", function()
    local result, message, code, _, traceback = load_shop("\nlocal t = nil\nreturn t.x")
    assert.is_nil(result)
    assert.matches("^profile: ./shop.lua:3: attempt to index", message)
    assert.equal("EINVAL", code)
    assert.is_string(traceback)
  end)

  it("refuses a file that returns no table", function()
    for text, word in pairs({ [""] = "nothing", ["return 5"] = "a number",
      ["return nil"] = "a nil" }) do
      local result, message, _, hint = load_shop(text)
      assert.is_nil(result)
      assert.matches("returned " .. word, message, 1, true)
      assert.matches("return {", hint, 1, true)
    end
  end)

  it("gives what was found but not used", function()
    local ctx = context({ ["/ws/.wrapix/profiles/base.lua"] = "return {}" })
    assert.matches("not trusted", profile.notes(assert(profile.load("base", ctx)))[1])
    assert.same({}, profile.notes(assert(load_shop("return {}"))))
  end)

  it("does not run an untrusted file of the workspace", function()
    local ctx = context({ ["/ws/.wrapix/profiles/base.lua"] = "error('ran')" })
    assert.equal("base", assert(profile.load("base", ctx)).name)
  end)

  it("raises on misuse", function() assert.is_false(pcall(profile.load, nil, {})) end)
end)

describe("profile.load_file", function()
  local function load_file(text, ...)
    return profile.load_file("x.lua", context({ ["/cwd/x.lua"] = text }), ...)
  end

  it("takes a returned table for a profile", function()
    local kind, p = load_file('return { packages = { "git" } }')
    assert.equal("profile", kind)
    assert.equal("x", p.name)
    assert.equal("x.lua:1", text_of(p, "packages", 1))
  end)

  it("takes anything else for a script that has run", function()
    local kind, results = load_file("return (...) .. '!', 2", { "hi" })
    assert.equal("script", kind)
    assert.same({ "hi!", 2, n = 2 }, results)
    assert.equal("script", (load_file("")))
  end)

  it("passes on errors", function()
    assert.is_nil((load_file("return { nope = 1 }")))
    assert.matches("x.lua:1", select(2, load_file("error('no')")), 1, true)
    local _, _, code = profile.load_file("gone.lua", context({}))
    assert.equal("ENOENT", code)
  end)
end)

describe("profile.from_table", function()
  it("makes a profile that shares nothing with the table", function()
    local t = { packages = { "a" }, hooks = { after_exit = function() end } }
    local p = assert(profile.from_table(t, { source = "s.lua", line = 7 }))
    t.packages[1] = "-bad"
    assert.same({ "a" }, p.packages)
    assert.equal("sandbox", p.name)
    assert.equal("s.lua:7", text_of(p, "packages", 1))
    assert.is_table(p.hooks.after_exit)
  end)

  it("finds exact lines when it gets the text", function()
    local text = 'local w = {}\nw.sandbox({\n name = "n",\n packages = { "a",\n "b" } })'
    local p = assert(profile.from_table({ name = "n", packages = { "a", "b" } },
      { source = "s.lua", line = 2, text = text, dir = "/d" }))
    assert.equal("s.lua:5", text_of(p, "packages", 2))
    assert.equal("/d", profile.base_dir(p, "packages", 2))
  end)

  it("names the call in errors", function()
    local result, message, code = profile.from_table({ nmae = "x" }, { source = "s.lua", line = 7 })
    assert.is_nil(result)
    assert.equal("profile: s.lua:7: unknown field 'nmae' (did you mean 'name'?)", message)
    assert.equal("EINVAL", code)
    assert.matches("^profile: profile: unknown", (select(2, profile.from_table({ nmae = "x" }))))
  end)

  it("sees changes made after derive", function()
    local p = profile.derive({ name = "a" }, { packages = { "b" } })
    p.network = "opne"
    p.packages[2] = "c"
    assert.matches("network: 'open' or 'none' expected, got 'opne'",
      (select(2, profile.from_table(p))), 1, true)
    p.network = "none"
    p = assert(profile.from_table(p))
    assert.equal("none", p.network)
    assert.is_string(text_of(p, "network"))
    assert.is_string(text_of(p, "packages", 2))
  end)

  it("keeps a name set after derive", function()
    local p = profile.derive({ name = "a" }, { packages = { "b" } })
    assert.equal("x", profile.from_table(p, { name = "x" }).name)
    p.name = "own"
    assert.equal("own", profile.from_table(p, { name = "x" }).name)
  end)

  it("keeps control bytes out of messages", function()
    local _, message = profile.from_table({ env = { ["A\27[2J"] = "x" }, ["\27x"] = 1 },
      { source = "s\n.lua" })
    assert.is_nil(message:gsub("\n  ", ""):find("%c"))
  end)

  it("raises on misuse", function() assert.is_false(pcall(profile.from_table, "x")) end)
end)

describe("profile.agents", function()
  it("names each once; the last entry decides about the version", function()
    local base = { agents = { "claude", "codex@1.0" } }
    local p = assert(profile.from_table(profile.derive(base, { agents = { "claude@2.1", "pi" } })))
    assert.same({ { name = "claude", version = "2.1", index = 3 },
      { name = "codex", version = "1.0", index = 2 }, { name = "pi", index = 4 } },
      profile.agents(p))
    assert.same({}, profile.agents({}))
    assert.is_false(pcall(profile.agents, { agents = { "A" } }))
  end)

  it("are found behind an image that dropped others", function()
    local base = { agents = { "codex", "claude" }, agent = "codex", name = "low" }
    local p = profile.derive(base, { name = "up", image = "i", agents = { "pi" } })
    assert.same({ "up" }, { profile.field_origin(p, "agents", 1).layer })
    assert.same({ "low" }, { profile.field_origin(profile.derive(base, {}), "agents", 2).layer })
  end)

  it("have settings of which each is found where it was written", function()
    local p = profile.derive({ name = "low", settings = { pi = { a = 1, b = 1 } } },
      { name = "up", settings = { pi = { b = 2 } } })
    assert.equal("low", profile.field_origin(p, "settings", "pi", "a").layer)
    assert.equal("up", profile.field_origin(p, "settings", "pi", "b").layer)
    assert.equal("up", profile.field_origin(p, "settings", "pi").layer)
  end)
end)

describe("any table at all", function()
  local state = 17
  local function random(n)
    state = (state * 1103515245 + 12345) % 2147483648
    return (state >> 8) % n + 1
  end
  local FIELDS = {}
  for name in pairs(profile.schema) do FIELDS[#FIELDS + 1] = name end
  table.sort(FIELDS)
  local KEYS = { 1, 2, 3, 5, -1, 0.5, "a", "A", "source", "dest", "mode", "memory", "\27[1m", "apt",
    "before_start", "agent", true, "ä\xff", "" }
  local VALUES = { "", "a", "-a", "/x", "~", "\0", "\27[2J", "\xff", 0, -1, 1.5, 1 / 0, 0 / 0, true,
    false, print, io.stdout, coroutine.create(print), "ro", "4g", ("x"):rep(300) }

  local function value(depth)
    if depth == 0 or random(3) == 1 then return VALUES[random(#VALUES)] end
    local t = {}
    for i = 1, random(4) do
      t[random(2) == 1 and i or KEYS[random(#KEYS)]] = value(depth - 1)
    end
    if random(10) == 1 then t.self = t end
    return t
  end
  local function tbl()
    local t = {}
    for _ = 1, random(5) do t[FIELDS[random(#FIELDS)]] = value(3) end
    if random(8) == 1 then t[KEYS[random(#KEYS)]] = value(1) end
    return t
  end

  it("gives a profile or a clean message, never an error", function()
    local good = 0
    for _ = 1, 1000 do
      local t = tbl()
      if random(2) == 1 then t = profile.derive(t, tbl()) end
      local p, message, code = profile.from_table(t, { source = "s.lua" })
      if p then
        good = good + 1
        assert.same({ "wrapix.profile" }, { getmetatable(p).__name })
      else
        assert.equal("EINVAL", code)
        assert.matches("^profile: ", message)
        assert.is_nil(message:gsub("\n  ", ""):find("[%c\x7f]"))
        assert.is_truthy(utf8.len(message))
      end
      for name in pairs(profile.schema) do
        assert.is_string(profile.field_origin(t, name, 1, "x").text or "")
      end
    end
    assert.is_true(good > 0)
  end)
end)

describe("profile.caller", function()
  it("is the caller of the function that asks", function()
    local function api() return (profile.caller(1)) end
    local from = api()
    local line = debug.getinfo(1, "l").currentline - 1
    assert.equal(line, from.line)
    assert.matches("profile_spec.lua$", from.source)
  end)
end)

describe("profile.catalog", function()
  it("loads on use and once", function()
    local profiles = profile.catalog(context({}))
    assert.equal("base", profiles.base.name)
    assert.equal(profiles.base, profiles.base)
  end)

  it("gives a profile of the person's own the built-in one of its name", function()
    local ctx = context({ ["/cfg/profiles/base.lua"] = 'local wrapix = require "wrapix.spec"\n'
      .. 'return wrapix.derive(wrapix.profiles.base, { packages = { "mine" }, env = { A = "1" } })' })
    local profiles = profile.catalog(ctx)
    package.loaded["wrapix.spec"] = { derive = profile.derive, profiles = profiles }
    local wanted = { "bash", { "fd", apt = "fd-find" }, "mine" }
    assert.same(wanted, assert(profile.load("base", ctx)).packages)
    assert.same(wanted, profiles.base.packages)
    assert.same("1", profiles.base.env.A)
  end)

  describe("of files that derive from each other", function()
    local function of(name) return ("return (require 'wrapix.spec').profiles.%s"):format(name) end

    local function load(what, files)
      local ctx = context(files)
      package.loaded["wrapix.spec"] = { profiles = profile.catalog(ctx) }
      return profile.load(what, ctx)
    end

    it("names the files, once, and says what to do", function()
      local files = { ["/cfg/profiles/a.lua"] = of("b"), ["/cfg/profiles/b.lua"] = "\n" .. of("c"),
        ["/cfg/profiles/c.lua"] = of("a"), ["/cfg/profiles/start.lua"] = of("a") }
      for _, what in ipairs({ "a", "start", "a" }) do
        local result, message, code, hint = load(what, files)
        assert.is_nil(result)
        assert.equal("profile: /cfg/profiles/a.lua: derives from itself: /cfg/profiles/a.lua → "
          .. "/cfg/profiles/b.lua → /cfg/profiles/c.lua → /cfg/profiles/a.lua", message)
        assert.equal("ELOOP", code)
        assert.is_string(hint)
      end
    end)

    it("finds a file again that was given by its path", function()
      local text = of("a")
      local _, message = load("../cfg/profiles/a.lua", { ["/cwd/../cfg/profiles/a.lua"] = of("b"),
        ["/cfg/profiles/b.lua"] = text, ["/cfg/profiles/a.lua"] = of("b") })
      assert.matches("^profile: /cfg/profiles/a.lua: derives from itself: ../cfg/profiles/a.lua → "
        .. "/cfg/profiles/b.lua → /cfg/profiles/a.lua$", message)
    end)

    it("names the one whose name no built-in profile has", function()
      local _, message = load("me", { ["/cfg/profiles/me.lua"] = "\n" .. of("me") })
      assert.equal("profile: /cfg/profiles/me.lua:2: derives from itself: there is no built-in "
        .. "profile 'me'", message)
    end)

    it("goes on to load others after that", function()
      local files = { ["/cfg/profiles/a.lua"] = of("b"), ["/cfg/profiles/b.lua"] = [[
        local ok = pcall(function() return (require 'wrapix.spec').profiles.a end)
        return { name = "b", env = { A = tostring(ok) } }]] }
      assert.equal("false", assert(load("a", files)).env.A)
      assert.equal("b", assert(load("b", files)).name)
    end)
  end)

  it("raises for an unknown name", function()
    local ok, message = pcall(function() return profile.catalog(context({})).bsae end)
    assert.is_false(ok)
    assert.matches("did you mean 'base'", message, 1, true)
    assert.is_false(pcall(function() return profile.catalog(context({}))["../x"] end))
  end)
end)

describe("profile.field_origin of a table that was never loaded", function()
  it("still answers", function()
    assert.same({ kind = "profile", text = "x", layer = "x" },
      profile.field_origin({ name = "x" }, "packages", 1))
  end)
end)

describe("profile.late_origin", function()
  it("is the origin, with a text that is found when it is read", function()
    local shop = assert(load_shop(SHOP))
    local origin = profile.late_origin(shop, "packages", 1)
    assert.equal("base", rawget(origin, "layer"))
    assert.is_nil(rawget(origin, "text"))
    assert.equal("profiles/base.lua:4", origin.text)
    assert.equal("profiles/base.lua:4", rawget(origin, "text"))
    assert.is_nil(origin.line)
  end)

  it("answers for a table that was never loaded", function()
    local origin = profile.late_origin({ name = "x" }, "packages", 1)
    assert.equal("x x", origin.layer .. " " .. origin.text)
  end)
end)
