-- SPDX-License-Identifier: MIT
-- Specs of wrapix.profile.chunk: where a profile is looked for, what is run as
-- code and what is not, and how its errors read.

local chunk = require "wrapix.profile.chunk"

local function context(files, more)
  local ctx = {
    workspace = "/ws", config_dir = "/cfg", cwd = "/cwd",
    read = function(p)
      local text = files[p]
      if type(text) == "table" then return nil, table.unpack(text) end
      if text then return text end
      return nil, "ENOENT: open '" .. p .. "': no such file or directory", "ENOENT"
    end,
    builtin = function(name) return ({ base = "return {}", rust = "return {}" })[name] end,
    builtin_names = function() return { "rust", "base" } end,
    trusted = function() return false end,
  }
  for key, value in pairs(more or {}) do ctx[key] = value end
  return ctx
end

local WS, CFG = "/ws/.wrapix/profiles/", "/cfg/profiles/"

describe("chunk.is_path", function()
  it("tells paths from names", function()
    for _, p in ipairs({ "./x", "a/b", "/x", "x.lua", "wrapix.lua" }) do
      assert.is_true(chunk.is_path(p))
    end
    for _, name in ipairs({ "x", "base", "x.luac", "lua", "" }) do
      assert.is_false(chunk.is_path(name))
    end
  end)
end)

describe("chunk.find by name", function()
  it("takes the user's file before the built-in one", function()
    local found = chunk.find("rust", context({ [CFG .. "rust.lua"] = "return 1" }))
    assert.same({ "user", "return 1", "/cfg/profiles", "rust", CFG .. "rust.lua" },
      { found.where, found.text, found.dir, found.name, found.source })
    found = chunk.find("rust", context({}))
    assert.same({ "builtin", "profiles/rust.lua" }, { found.where, found.source })
    assert.is_nil(found.dir)
  end)

  it("takes the workspace's file only when trusted, and notes it otherwise", function()
    local files = { [WS .. "rust.lua"] = "return 1" }
    local found = chunk.find("rust", context(files))
    assert.equal("builtin", found.where)
    assert.matches("/ws/.wrapix/profiles/rust.lua is not used", found.notes[1], 1, true)
    local asked
    local function trusted(...)
      asked = { ... }
      return true
    end
    found = chunk.find("rust", context(files, { trusted = trusted }))
    assert.equal("workspace", found.where)
    assert.same({ WS .. "rust.lua", "return 1" }, asked)
    assert.same({}, found.notes)
  end)

  it("does not send to `wrapix trust` what nobody can agree to", function()
    local files = { [WS .. "shop.lua"] = "return 1" }
    local _, _, code, hint = chunk.find("shop", context(files, { trusted = function()
      return false, "it is a link, or below one"
    end }))
    assert.same({ "ENOENT", WS .. "shop.lua is not used: it is a link, or below one" }, { code, hint })
  end)

  it("tells of an untrusted file when there is no other", function()
    local result, message, code, hint =
      chunk.find("shop", context({ [WS .. "shop.lua"] = "return 1" }))
    assert.is_nil(result)
    assert.matches("no such profile", message)
    assert.equal("ENOENT", code)
    assert.matches("not trusted", hint)
  end)

  it("lists what there is, with the nearest", function()
    local result, message, code = chunk.find("rsut", context({}, {
      list = function(dir) return dir == "/cfg/profiles" and { "shop.lua", "x.txt" } or nil end }))
    assert.is_nil(result)
    assert.equal("profile: rsut: no such profile (did you mean 'rust'?);"
      .. " there are: base, rust, shop", message)
    assert.equal("ENOENT", code)
  end)

  it("refuses words that are neither name nor path", function()
    for _, word in ipairs({ "", "A B", "..", "-x", "a\0b", "a\nb", "~" }) do
      local result, message, code = chunk.find(word, context({}))
      assert.is_nil(result)
      assert.equal("EINVAL", code)
      assert.is_nil(message:find("%c"))
    end
  end)

  it("does not take a file it may not read for none", function()
    local result, message, code = chunk.find("rust",
      context({ [CFG .. "rust.lua"] = { "EACCES: permission denied", "EACCES" } }))
    assert.is_nil(result)
    assert.matches("permission denied", message)
    assert.equal("EACCES", code)
  end)
end)

describe("chunk.find by path", function()
  it("starts at the current directory and shows the path as given", function()
    local found = chunk.find("./my.lua", context({ ["/cwd/./my.lua"] = "return 1" }))
    assert.same({ "./my.lua", "/cwd/.", "my", "path" },
      { found.source, found.dir, found.name, found.where })
    assert.equal("/x", chunk.find("/x/y.lua", context({ ["/x/y.lua"] = "" })).dir)
  end)

  it("fails for a missing one", function()
    local result, message, code = chunk.find("no.lua", context({}))
    assert.is_nil(result)
    assert.equal("profile: no.lua: no such file", message)
    assert.equal("ENOENT", code)
  end)
end)

describe("chunk.list", function()
  it("names each profile once, as the lookup finds it", function()
    local function list(dir)
      return ({ ["/ws/.wrapix/profiles"] = { "base.lua", "own.lua" },
        ["/cfg/profiles"] = { "rust.lua", "Bad Name.lua", "note.md" } })[dir]
    end
    local function names(trusted)
      local out = {}
      for i, e in ipairs(chunk.list(context({}, { list = list, trusted = function()
        return trusted end }))) do out[i] = e.name .. ":" .. e.where end
      return out
    end
    assert.same({ "base:builtin", "rust:user" }, names(false))
    assert.same({ "base:workspace", "own:workspace", "rust:user" }, names(true))
  end)
end)

describe("chunk.run", function()
  local function run(text, args) return chunk.run({ source = "/p/my.lua", text = text }, args) end

  it("returns all values and passes arguments", function()
    local r = run("return select('#', ...), ...", { "a", "b" })
    assert.same({ 2, "a", "b", n = 3 }, r)
    assert.equal(0, run("").n)
    assert.equal(2, run("return nil, nil").n)
  end)

  it("names file and line of a syntax error", function()
    local result, message, code = run("return {\n a = \n}")
    assert.is_nil(result)
    assert.matches("^profile: /p/my.lua:3: unexpected symbol", message)
    assert.equal("EINVAL", code)
  end)

  it("names file and line of an error at run time, with a traceback", function()
    local result, message, code, _, traceback = run("local x\nreturn x.y")
    assert.is_nil(result)
    assert.matches("^profile: /p/my.lua:2: attempt to index", message)
    assert.equal("EINVAL", code)
    assert.matches("my.lua:2", traceback, 1, true)
  end)

  it("copes with any error object", function()
    assert.matches("profile: /p/my.lua: nil", select(2, run("error()")), 1, true)
    assert.matches("profile: /p/my.lua: plain", (select(2, run("error('plain', 0)"))))
    assert.matches("profile: /p/my.lua: table", (select(2, run("error({})"))))
    assert.matches("an error of type table",
      (select(2, run("error(setmetatable({}, { __tostring = error }))"))))
  end)

  it("refuses compiled code", function()
    local result, message = run(string.dump(load("return {}")))
    assert.is_nil(result)
    assert.matches("only source text", message)
    assert.is_nil((run("\xef\xbb\xbf" .. string.dump(load("return {}")))))
    assert.is_nil((run("#!x\n" .. string.dump(load("return {}")))))
  end)

  it("skips a first line with # and a byte order mark, keeping the lines", function()
    assert.equal(2, run("#!/usr/bin/env wrapix\nreturn debug.getinfo(1, 'l').currentline")[1])
    assert.equal(7, run("\xef\xbb\xbfreturn 7")[1])
  end)

  it("gives the usual globals and keeps those it sets from the others", function()
    assert.equal(require, run("leak_of_profile = 1; return require")[1])
    assert.is_nil(rawget(_G, "leak_of_profile"))
    assert.is_nil(run("return rawget(_G, 'leak_of_profile')")[1])
  end)
end)
