-- SPDX-License-Identifier: MIT
local spec = require("wrapix.builder.spec")

local HOST = { cpus = 8, memory_bytes = 64 << 30, arch = "aarch64" }

local function refused(given)
  local found, message = spec.check(given, HOST)
  assert.is_nil(found)
  return message
end

describe("builder.spec", function()
  it("has settings without a file, no larger than the machine", function()
    local found = assert(spec.check({}, HOST))
    assert.equal(2222, found.port)
    assert.equal(4, found.cpus)
    assert.equal(4, found.max_jobs)
    assert.equal(4 << 30, found.memory)
    assert.same({ "aarch64-linux" }, found.systems)
    assert.same({ "big-parallel", "benchmark" }, found.features)
    assert.same({ min_free = 1 << 30, max_free = 3 << 30 }, found.gc)
    local small = spec.defaults({ cpus = 1, memory_bytes = 2 << 30, arch = "x86_64" })
    assert.equal(1, small.cpus)
    assert.equal(1 << 30, small.memory)
    assert.same({ "x86_64-linux" }, small.systems)
  end)

  it("reads all fields", function()
    local found = assert(spec.check({
      cpus = 6, memory = "8g", port = 22022, max_jobs = 3, speed_factor = 2, features = { "kvm" },
      systems = { "aarch64-linux", "x86_64-linux" }, gc = { min_free = "2g", max_free = "9g" },
      image = "localhost/mine:1", sandbox = false, ready_within = "5m",
      nix = { substituters = "", ["http-connections"] = 4, ["keep-going"] = true },
    }, HOST))
    assert.equal(8 << 30, found.memory)
    assert.equal(3, found.max_jobs)
    assert.same({ min_free = 2 << 30, max_free = 9 << 30 }, found.gc)
    assert.is_false(found.sandbox)
    assert.equal(300, found.ready_within)
    assert.same({ substituters = "", ["http-connections"] = "4", ["keep-going"] = "true" }, found.nix)
  end)

  it("lets one setting follow from another", function()
    assert.equal(6, assert(spec.check({ cpus = 6 }, HOST)).max_jobs)
    assert.equal(32, assert(spec.check({ cpus = 64 }, HOST)).max_jobs)
    assert.equal(30 << 30, assert(spec.check({ gc = { min_free = "10g" } }, HOST)).gc.max_free)
    assert.equal(0, assert(spec.check({ gc = { min_free = 0 } }, HOST)).gc.min_free)
  end)

  it("names what it does not know, and the nearest it does", function()
    assert.matches("unknown field 'ports' %(did you mean 'port'%?%)", refused({ ports = 1 }))
    assert.matches("gc: unknown field 'minfree' %(did you mean 'min_free'%?%)",
      refused({ gc = { minfree = "1g" } }))
    assert.matches("nix: 'max%-jobs': write max_jobs", refused({ nix = { ["max-jobs"] = 3 } }))
    assert.matches("'trusted%-users' is the builder's own", refused({ nix = { ["trusted-users"] = "*" } }))
  end)

  it("names every mistake at once", function()
    local message = refused({ port = 0, memory = "much", systems = {} })
    for _, field in ipairs({ "port: ", "memory: ", "systems: " }) do
      assert.matches(field, message, 1, true)
    end
  end)

  it("refuses what makes no sense, or a second line", function()
    for field, values in pairs({
      cpus = { 0, 1.5, "4" }, port = { 0, 65536, "2222", 22.5 }, max_jobs = { 0, 33 },
      speed_factor = { 0, -1 }, memory = { "x", "100m", true }, ready_within = { "soon", 0 },
      features = { "kvm", { 5 }, { "a b" }, { "a,b" }, { "a\nb" }, { x = 1 } },
      systems = { {}, "x86_64-linux", { "aarch64-darwin" }, { "x86_64-linux\nx" } },
      gc = { "1g", { min_free = "x" }, { min_free = "3g", max_free = "1g" } },
      image = { "", "-x", "a b", 5 }, sandbox = { "yes" },
      nix = { "x", { ["a b"] = "1" }, { a = "1\nb = 2" }, { a = {} }, { 5 } },
    }) do
      for i, value in ipairs(values) do
        assert.matches("^" .. field .. ": ", refused({ [field] = value }), 1, nil, field .. i)
      end
    end
    assert.matches("return a table", refused(nil))
  end)
end)
