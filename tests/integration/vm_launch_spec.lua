-- SPDX-License-Identifier: MIT
-- The launch with a runtime that makes a VM of each sandbox, by a scripted CLI: what is
-- there before the start, what carries signals and statuses, what ends and what stays.

local fs = require("wrapix.fs")
local proc = require("wrapix.proc")
local worlds = require("support.world")

local CLI = WRAPIX_ROOT .. "/tests/support/vm_cli.lua"

describe("a sandbox in a VM", function()
  local world

  local function script(name, text) return world:write("vm/" .. name, text or "") end

  before_each(function()
    world = worlds.new()
    local program = world:write("bin/container",
      ('#!/bin/sh\nexec "%s" --run "%s" "$@"\n'):format(worlds.wrapix, CLI))
    assert(fs.chmod(program, tonumber("755", 8)))
    world.env.WRAPIX_CONTAINER, world.env.VM_CLI_DIR = program, world.dir .. "/vm"
    script("image")
    script("up")
    script("gateway", "127.0.0.1")
  end)
  after_each(function() world:close_empty() end)

  local function words(...) return { "-q", "--runtime", "container", ... } end

  local function calls(pattern)
    local list = {}
    for line in (fs.read(world.dir .. "/vm/calls") or ""):gmatch("[^\n]+") do
      if line:find(pattern) then list[#list + 1] = line end
    end
    return list
  end

  it("ends with the status of its program, and leaves nothing", function()
    local result = world:run(words("test", "--", "sh", "-c", "echo out; echo err >&2; exit 7"))
    assert.same({ 7, "out\n", "err\n" }, { result.code, result.stdout, result.stderr })
    assert.equal(1, #calls("^call run "))
    assert.equal(0, #calls("^call delete"))
  end)

  it("is not started before its image is there", function()
    fs.unlink(world.dir .. "/vm/image")
    local result = world:run(words("test", "--", "true"))
    assert.equal(125, result.code)
    assert.same({}, calls("^call run "))
  end)

  it("has the service started for it, once", function()
    fs.unlink(world.dir .. "/vm/up")
    local result = world:run({ "--runtime", "container", "test", "--", "true" })
    assert.equal(0, result.code, result.stderr)
    assert.truthy(result.stderr:find("does not run; starting it", 1, true), result.stderr)
    assert.truthy(result.stderr:find("Launching container-apiserver", 1, true))
    assert.same({ "call system start --enable-kernel-install" }, calls("^call system"))
  end)

  it("is not started when the service cannot be", function()
    fs.unlink(world.dir .. "/vm/up")
    script("broken")
    local result = world:run(words("test", "--", "true"))
    assert.equal(125, result.code)
    assert.truthy(result.stderr:find("could not be started: Error: the kernel is not there", 1, true),
      result.stderr)
    assert.equal(1, #calls("^call system"))
  end)

  it("says 127 for a program that is not there", function()
    local result = world:run(words("test", "--", "nosuch"))
    assert.equal(127, result.code)
    assert.truthy(result.stderr:find("nosuch: command not found", 1, true), result.stderr)
  end)

  for _, version in ipairs({ "1.2.2", "1.0.0" }) do
    it("gets a signal by the lease alone, with " .. version, function()
      script("version", version)
      local running <close> = world:start(words("test", "--", "sh", "-c",
        "trap 'echo int; exit 6' INT; echo up; while :; do sleep 0.01; done"))
      assert.equal("up", running.stdout:read_line())
      world:signal(running, "INT")
      local result = world:finish(running)
      assert.same({ 6, "int\n" }, { result.code, result.stdout })
      assert.same({ "byte 2" }, calls("^byte"))
      assert.same({}, calls("^signal"))
    end)
  end

  it("sends away who comes over the network without its token", function()
    script("version", "0.12.3")
    assert.equal(0, world:run(words("test", "--", "true")).code)
    assert.same({ "stranger nil" }, calls("^stranger"))
    assert.same({}, calls("^call run .*%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x"))
  end)

  it("is stopped by the runtime's own stop", function()
    local running <close> = world:start(words("test", "--", "sh", "-c", "echo up; exec sleep 1000"))
    assert.equal("up", running.stdout:read_line())
    world:signal(running, "TERM")
    assert.equal(143, world:finish(running).code)
    assert.equal(1, #calls("^call stop %-%-time 10 "))
    assert.same({}, calls("^signal"))
  end)

  it("keeps its output in a log when it is detached, and ends on request", function()
    local result = world:run(words("-d", "--name", "far", "test", "--", "sh", "-c",
      "echo out; echo err >&2; printf part; exec sleep 1000"))
    assert.same({ 0, "far\n" }, { result.code, result.stdout })
    local name = fs.list(world.dir .. "/state/wrapix/logs") or {}
    local seen
    worlds.wait_until("the log", function()
      seen = world:run({ "logs", "far" }).stdout
      return seen:find("part", 1, true)
    end)
    assert.truthy(seen:find("out\n", 1, true), table.concat(name, " "))
    local attached = world:run({ "attach", "far" })
    assert.equal(125, attached.code)
    assert.truthy(attached.stderr:find("cannot attach", 1, true), attached.stderr)
    assert.equal(0, world:run({ "stop", "far" }).code)
    worlds.wait_until("the session is removed", function() return #world:sessions() == 0 end)
  end)

  it("tells why a detached one never ran", function()
    local result = world:run(words("-d", "test", "--", "nosuch"))
    assert.equal(127, result.code)
    assert.truthy(result.stderr:find("nosuch: command not found", 1, true), result.stderr)
  end)

  it("is held for a script's exec", function()
    world:write("work/job.lua", [[
      local wrapix = require("wrapix")
      local box <close> = assert(wrapix.sandbox("test", { runtime = "container" }))
      assert(box:start())
      print(assert(box:exec({ "echo", "inside" }, { capture = true })).stdout)
      print(box:stop(1))
    ]])
    local result = world:run({ "./job.lua" })
    assert.same({ 0, "inside\n\ntrue\n" }, { result.code, result.stdout }, result.stderr)
  end)

  it("leaves the caller's stdin blocking", function()
    script("spoils_stdin")
    local line = ('"%s" -q --runtime container test -- true; cat /proc/self/fdinfo/0')
      :format(worlds.wrapix)
    local result = world:run({ "-c", line }, { program = "/bin/sh", stdin = "pipe" })
    local flags = tonumber(result.stdout:match("flags:%s*(%d+)"), 8)
    assert.equal(0, flags & tonumber("4000", 8), result.stdout)
  end)

  it("is named with a version only to be shown", function()
    local result = world:run({ "--runtime", "container@0.12", "test", "--", "true" })
    assert.equal(2, result.code)
    assert.truthy(result.stderr:find("goes with explain and --dry-run alone", 1, true), result.stderr)
    result = world:run({ "--runtime", "container@0.12", "--dry-run", "test", "--", "true" })
    assert.equal(0, result.code, result.stderr)
    assert.truthy(result.stdout:find(" run --name ", 1, true), result.stdout)
    assert.same({}, proc.run({ "true" }).code == 0 and calls("^call run") or nil)
  end)
end)
