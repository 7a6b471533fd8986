-- SPDX-License-Identifier: MIT
-- The Linux builder with Apple's `container`, of which tests/support/container acts out
-- the documented versions on Podman, as root: /nix in a volume, one directory shared.

local builders = require("support.builder")
local e2e = require("support.e2e")
local json = require("wrapix.json")
local sys = require("wrapix.sys")

-- A name that the double takes for one of a registry.
local IMAGE = "docker.io/library/wrapix-test-builder:1"

describe("a builder of Apple's container", function()
  if not e2e.rootful then return end -- what the double acts out needs root

  setup(function()
    local one = builders.new()
    one:must("start")
    e2e.podman("tag", builders.own_image(), IMAGE)
    one:close()
  end)
  teardown(function()
    builders.remove_image(IMAGE)
    e2e.assert_clean()
  end)

  for _, version in ipairs({ "0.9.0", "0.12.3", "1.0.0", "1.2.2" }) do
    it("starts, builds, keeps what it built and goes, with " .. version, function()
      local one = builders.new(("image = %q"):format(IMAGE))
      one:use_container(version)
      local out, said = one:must("start")
      assert.equal(("wrapix-builder is ready: 127.0.0.1:%d\n"):format(one.port), out)
      assert.truthy(said:find("the service of Apple's container does not run; starting it", 1, true), said)
      assert.truthy(one:must("start"):find("runs already", 1, true))
      one:must("setup", "--user")
      local name = "apple-" .. sys.random_hex(4)
      local result = one:build(name, "echo built > $out")
      assert.equal(0, result.code, result.stderr)
      local path = one:path_of(name)
      local status = one:status()
      assert.is_true(status.ready)
      assert.equal("wrapix-builder-nix", status.store)
      one:must("stop")
      assert.equal("stopped", one:status().state)
      one:must("restart")
      assert.is_true(one:is_valid(path))
      assert.equal("built\n", one:inside("cat " .. path))
      one:container("system", "stop")
      assert.equal("stopped", one:status().state)
      one:must("start")
      assert.is_true(one:is_valid(path))
      one:close()
      assert.equal("absent", one:status().state)
      assert.falsy(one:container("volume", "list"):find("wrapix-builder", 1, true))
      assert.same({}, assert(json.decode((one:container("list", "--format", "json")))))
      one:container("__purge")
    end)
  end
end)
