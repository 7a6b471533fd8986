-- SPDX-License-Identifier: MIT
-- vm.conf on both of its sides: what the launcher writes for every version of container is what
-- wrapix-vm takes, whatever the names in it are made of.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local proc = require("wrapix.proc")
local staging = require("wrapix.runtime.apple.staging")
local worlds = require("support.world")

-- What the launch adds to a plan whose sockets go over TCP.
local TOKEN = ("0123456789abcdef"):rep(4)
local SERVED = { host = "192.168.64.1", ["lease.sock"] = { port = 41000, token = TOKEN },
  ["notify.sock"] = { port = 41001, token = TOKEN } }

local VM = assert(fs.realpath("/proc/self/exe")):gsub("[^/]*$", "guest/wrapix-vm")

describe("vm.conf", function()
  local world

  before_each(function() world = worlds.new() end)
  after_each(function() world:close() end)

  local function check(text)
    local path = world.dir .. "/vm.conf"
    assert(fs.write_atomic(path, text, { sync = false }))
    return assert(proc.run({ VM, "--check", path }, { timeout = 10 }))
  end

  local function steps_of(version, args)
    local words = { "explain", "--json", "--runtime", "container@" .. version, "test" }
    local result = world:run(table.move(args, 1, #args, #words + 1, words))
    assert.equal(0, result.code, result.stderr)
    return staging.steps(assert(json.decode(result.stdout)).plan, SERVED)
  end

  for _, version in ipairs({ "0.9.0", "1.0.0", "1.2.2" }) do
    it("of container " .. version .. " is what wrapix-vm takes", function()
      local dir = world.dir .. "/a b%41ü"
      assert(fs.ensure_dir(dir))
      local steps = steps_of(version, { "--mount", dir .. ":/data dir%20/sub:rw", "--pids", "77" })
      local text = staging.text(steps)
      local result = check(text)
      assert.equal("", result.stderr)
      assert.equal(("%d steps\n"):format(#steps), result.stdout)
      assert.truthy(text:find("/data%20dir%2520/sub rw\n", 1, true), text)
      assert.truthy(text:find("\nlimit nproc 77\n", 1, true), text)
    end)
  end

  it("with a line that only one side knows is refused", function()
    local steps = steps_of("1.2.2", {})
    steps[#steps + 1] = { words = { "frobnicate" } }
    local result = check(staging.text(steps))
    assert.equal(125, result.code)
    assert.truthy(result.stderr:find("unknown word 'frobnicate'", 1, true), result.stderr)
  end)
end)
