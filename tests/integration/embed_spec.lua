-- SPDX-License-Identifier: MIT
-- wrapix outside its program: in a C program of its own, and in a stock Lua, where
-- nothing is a task and what waits blocks.

local fs = require("wrapix.fs")
local proc = require("wrapix.proc")

local build = assert(fs.realpath("/proc/self/exe")):match("^(.*)/")
local sanitize = (fs.read(build .. "/flags") or ""):match("%-fsanitize=%S+")

local dir
before_each(function() dir = assert(fs.temp_dir()) end)
after_each(function() fs.remove_tree(dir) end)

local function write(name, text)
  assert(fs.write_atomic(dir .. "/" .. name, text, { sync = false }))
  return dir .. "/" .. name
end

describe("wrapix.h", function()
  local function compile(source)
    local libraries = { "lua5.4", "libuv", "libcjson" }
    local flags = assert(proc.run({ "pkg-config", "--cflags", "--libs", table.unpack(libraries) }))
    local argv = { os.getenv("CC") or "cc", "-std=c11", "-Wall", "-Wextra", "-Werror",
      "-I", WRAPIX_ROOT .. "/src", "-o", dir .. "/program", source, build .. "/libwrapix.a" }
    for word in flags.stdout:gmatch("%S+") do argv[#argv + 1] = word end
    argv[#argv + 1] = sanitize
    local result = assert(proc.run(argv, { timeout = 120 }))
    assert.equal(0, result.code, result.stderr)
    return dir .. "/program"
  end

  it("serves two states, files, mistakes and a call from inside", function()
    local program = compile(WRAPIX_ROOT .. "/tests/integration/embed/hosts.c")
    local file = write("args.lua", [[
      local a, b, c = ...
      assert(a == "one" and b == "two words" and c == "")
      return select("#", ...)
    ]])
    local result = assert(proc.run({ program, file }, { timeout = 60 }))
    assert.equal("", result.stdout, result.stderr)
    assert.equal(0, result.code)
  end)
end)

describe("a script", function()
  local function run(text)
    local file = write("main.lua", "local w = require('wrapix')\n" .. text)
    return assert(proc.run({ build .. "/wrapix", file }, { cwd = dir, timeout = 20 }))
  end

  it("waits for the tasks it leaves", function()
    local result = run([[
      w.task.spawn(function() w.task.sleep(0.02) print("child") return true end)
      print("body")
      return 4
    ]])
    assert.equal("body\nchild\n", result.stdout, result.stderr)
    assert.equal(4, result.code)
  end)

  it("fails with one of them", function()
    local result = run([[
      w.task.spawn(function() w.task.sleep(0.02) error("broke") end)
      return 4
    ]])
    assert.equal(1, result.code)
    assert.matches("^wrapix: run: %S+main.lua: main.lua:2: broke\n$",
      (result.stderr:gsub("/[^ ]*/main.lua:2", "main.lua:2")))
  end)

  it("does not wait for what is detached", function()
    local result = run([[
      w.task.detach(w.task.sleep, 60)
      w.task.sleep(0.01) -- the end comes in a later turn of the loop
      return 4
    ]])
    assert.equal(4, result.code, result.stderr)
    assert.is_true(result.seconds < 15)
  end)
end)

describe("a stock Lua", function()
  -- Runs a text in lua5.4; what it prints must be "fine".
  local function run(text)
    local env = { LUA_CPATH = build .. "/lua/?.so", LUA_PATH = false, DIR = dir }
    if sanitize then
      env.LD_PRELOAD = assert(proc.run({ "cc", "-print-file-name=libasan.so" })).stdout:match("%S+")
      env.ASAN_OPTIONS = "detect_leaks=0"
    end
    local file = write("main.lua", "local w = require('wrapix')\n" .. text .. "\nprint('fine')\n")
    local result = assert(proc.run({ "lua5.4", file }, { env = env, cwd = dir, timeout = 30 }))
    return result, result.stdout .. result.stderr
  end

  it("blocks in a process and in a sleep", function()
    local _, out = run([[
      local r = assert(w.proc.run({ "cat" }, { input = "through" }))
      assert(r.code == 0 and r.stdout == "through")
      local child = assert(w.proc.spawn({ "sh", "-c", "echo a; echo b" }, { stdout = "pipe" }))
      local lines = {}
      for line in child:lines() do lines[#lines + 1] = line end
      assert(table.concat(lines, "-") == "a-b" and child:wait().code == 0)
      local before = w.sys.clock()
      assert(w.task.sleep(0.05) == true and w.sys.clock() - before >= 0.05)
    ]])
    assert.equal("fine\n", out)
  end)

  it("blocks in a socket's accept, connect and read", function()
    local _, out = run([[
      local server <close> = assert(w.net.listen_unix(os.getenv("DIR") .. "/s"))
      local near <close> = assert(w.net.connect_unix(os.getenv("DIR") .. "/s"))
      local far <close> = assert(server:accept())
      assert(near:write("one\ntwo\n"))
      assert(far:read_line() == "one" and far:read_line() == "two")
      near:close()
      assert(far:read() == nil)
    ]])
    assert.equal("fine\n", out)
  end)

  it("has tasks inside a scope, and their failures", function()
    local _, out = run([[
      local order = {}
      local got = w.task.scope(function(scope)
        scope:spawn(function() w.task.sleep(0.02) order[#order + 1] = "late" return true end)
        scope:spawn(function() order[#order + 1] = "early" return true end)
        return "body"
      end)
      assert(got == "body" and table.concat(order, " ") == "early late")
      local value, message, code = w.task.timeout(0.01, w.task.sleep, 5)
      assert(value == nil and code == "ETIMEDOUT" and message:find("0.01"))
      local ok, err = pcall(w.task.scope, function(scope) scope:spawn(error, "raised", 0) end)
      assert(not ok and tostring(err):find("raised"))
      local spawned, why = pcall(w.task.spawn, print)
      assert(not spawned and why:find("outside a task"))
      local tasks, handles = w.task.stats()
      assert(tasks == 0, tasks)
    ]])
    assert.equal("fine\n", out)
  end)

  it("finds the scripts in the module and changes no path of its own", function()
    local _, out = run([[
      assert(package.loaded.wrapix == w and require("wrapix") == w)
      assert(w.version:match("^%d+%.%d+%.%d+"))
      assert(package.path:find("./?.lua", 1, true))
      assert(w.profiles.base.name == "base")
      assert(not pcall(require, "wrapix.nothing"))
    ]])
    assert.equal("fine\n", out)
  end)

  it("ends with an error's status and message", function()
    local result, out = run("error('on purpose')")
    assert.equal(1, result.code)
    assert.matches("on purpose", out, 1, true)
  end)
end)
