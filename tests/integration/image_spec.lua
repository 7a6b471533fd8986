-- SPDX-License-Identifier: MIT
-- Builds by real processes with a made-up engine: locks, and what is left of a
-- build that was cancelled.

local fs = require("wrapix.fs")
local image = require("wrapix.image")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local ROOT = rawget(_G, "WRAPIX_ROOT")
local ENGINE = ROOT .. "/tests/support/fake_build_podman"

local function lines_of(path)
  local list = {}
  for line in (fs.read(path) or ""):gmatch("[^\n]+") do list[#list + 1] = line end
  return list
end

local function builds(dir)
  local count = 0
  for _, line in ipairs(lines_of(dir .. "/calls")) do
    if line:find("^build ") then count = count + 1 end
  end
  return count
end

describe("an image build", function()
  local dir

  before_each(function()
    dir = assert(fs.temp_dir("wrapix-image-"))
    assert(fs.write_atomic(dir .. "/localhost_base", ""))
    for _, name in ipairs({ "/go", "/forever" }) do
      assert.equal(0, assert(proc.run({ "mkfifo", dir .. name })).code)
    end
  end)

  after_each(function() assert(fs.remove_tree(dir)) end)

  local function start()
    return assert(proc.spawn({
      sys.which("/proc/self/exe"), "--run", ROOT .. "/tests/support/ensure_image.lua",
      ENGINE, dir .. "/cache",
    }, { stdout = "pipe", stderr = "pipe", session = true, env = { FAKE_PODMAN = dir } }))
  end

  local function wait_for_line(stream, pattern)
    for line in function() return stream:read_line() end do
      if line:find(pattern) then return line end
    end
    error("the stream ended without " .. pattern)
  end

  it("is done by one of two starts, and the other waits for it", function()
    local first <close> = start()
    wait_for_line(first.stderr, "building localhost/wrapix%-twin:")
    local second <close> = start()
    wait_for_line(second.stderr, "waiting for another build of localhost/wrapix%-twin:")
    assert.equal(0, assert(proc.run({ "sh", "-c", 'echo >"$0"', dir .. "/go" })).code)
    local results = task.parallel(2, { first, second }, function(process) return process:wait() end)
    assert.same({ 0, 0 }, { results[1].code, results[2].code })
    assert.same({ "true\n", "false\n" }, { results[1].stdout, results[2].stdout })
    assert.equal(1, builds(dir))
  end)

  it("leaves no process and no lock when it is cancelled", function()
    local facts = {
      uid = 1, euid = 1, env = {}, dirs = { cache = dir .. "/cache" },
      engine = { path = ENGINE, rootless = true, graph_driver = "overlay" },
    }
    local recipe = assert(image.recipe({ name = "x", base = "localhost/base", packages = {} }))
    local with_env = setmetatable({}, { __index = proc })
    for _, name in ipairs({ "run", "spawn" }) do
      with_env[name] = function(argv, opts)
        opts.env = opts.env or {}
        opts.env.FAKE_PODMAN = dir
        return proc[name](argv, opts)
      end
    end
    local seen = {}
    local deps = {
      fs = fs, proc = with_env, sys = sys, task = task, flags = function() return {} end,
    }
    local result, _, code = task.scope(function(scope)
      local child = scope:spawn(function()
        return image.ensure(recipe, facts, {
          deps = deps,
          report = {
            note = function(_, text) seen[#seen + 1] = text end,
            detail = function() seen.step = true end,
          },
        })
      end)
      while not seen.step or #lines_of(dir .. "/pids") < 2 do task.sleep(0.005) end
      child:cancel()
      return child:wait()
    end)
    assert.is_nil(result)
    assert.equal("ECANCELED", code)
    for _, pid in ipairs(lines_of(dir .. "/pids")) do
      local stat = fs.read("/proc/" .. pid .. "/status")
      assert.truthy(not stat or stat:find("State:%s+Z"), "process " .. pid .. " is left")
    end
    local locks = dir .. "/cache/images/lock"
    for _, name in ipairs(assert(fs.list(locks))) do
      assert(fs.lock(locks .. "/" .. name)):close()
    end
    assert.is_nil(fs.stat(dir .. "/" .. image.reference(recipe):gsub("[/:]", "_")))
  end)
end)
