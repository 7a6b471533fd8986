-- SPDX-License-Identifier: MIT

local double = require("unit.wrapix.cli.double")

local function facts()
  return {
    cpus = 4, memory_bytes = 8 << 30, subuid = true, tun_readable = true,
    env = { TOKEN = "hunter2" }, fs = { realpath = print },
    limits = { nofile = { soft = 1024, hard = 524288 }, nproc = { soft = 100, hard = math.huge } },
    cgroup = { mode = "v2", controllers = { memory = true, pids = true, cpu = false } },
    engine = { name = "podman", path = "/usr/bin/podman", version_text = "5.4.2", rootless = true,
      oci_runtime = { name = "crun", version = "1.21", path = "/usr/bin/crun" },
      graph_driver = "overlay", pasta = "/usr/bin/pasta", seccomp_path = "/c/s.json" },
  }
end

local function fine() return true end

local function try(over, ...)
  local checks = { add_user = fine, add_security = fine, add_engine = fine,
    add_network = function(ctx)
      ctx.plan.network = { backend = "pasta" }
      return true
    end }
  for key, value in pairs(over.checks or {}) do checks[key] = value end
  local d = double.new({
    gather = over.gather or function() return facts() end,
    plan_host = checks,
    plan_limits = { add = over.limits or fine },
  })
  return double.run(d, "doctor", ...)
end

describe("doctor", function()
  it("shows a host that is fine", function()
    local status, out = try({})
    assert.equal(0, status)
    for _, part in ipairs({ "podman +5%.4%.2, rootless +/usr/bin/podman", "OCI runtime +crun 1%.21",
      "storage +overlay", "slirp4netns +missing", "network +pasta", "controllers +memory pids\n",
      "open files +at most 524288", "processes +no limit", "memory +8%.0 GiB",
      "sandboxes can start here\n$" }) do
      assert.truthy(out:find(part), part .. "\n" .. out)
    end
    assert.is_nil(out:find("problems", 1, true))
  end)

  it("shows every problem with what mends it, and fails", function()
    local status, out = try({ checks = {
      add_user = function() return nil, "plan: me: has no ids", "EPLAN", "usermod me" end,
      add_network = function() return nil, "plan: network: no tun\nhint: chmod tun", "EPLAN" end,
    } })
    assert.equal(1, status)
    assert.truthy(out:find("problems\n  me: has no ids\n    hint: usermod me\n"
      .. "  network: no tun\n    hint: chmod tun\n", 1, true))
    assert.truthy(out:find("sandboxes cannot start here\n$"))
  end)

  it("shows warnings without failing", function()
    local status, out = try({ limits = function(ctx)
      ctx.plan.warnings[1] = { text = "no limit on cpus", hint = "delegate" }
      return true
    end })
    assert.equal(0, status)
    assert.truthy(out:find("warnings\n  no limit on cpus\n    hint: delegate\n", 1, true))
  end)

  it("says when there is no engine", function()
    local status, out = try({ gather = function()
      return nil, "probe: podman: not found on PATH", "EENGINE", "apt install podman"
    end })
    assert.equal(1, status)
    assert.equal("problems\n  probe: podman: not found on PATH\n    hint: apt install podman\n\n"
      .. "sandboxes cannot start here\n", out)
  end)

  it("is the same as JSON, without the environment", function()
    local status, out = try({ checks = {
      add_user = function() return nil, "plan: me: has no ids", "EPLAN", "usermod me" end,
    } }, "--json")
    assert.equal(1, status)
    assert.truthy(out:find('"ok":false', 1, true))
    assert.truthy(out:find('"problems":[{"hint":"usermod me","text":"me: has no ids"}]', 1, true))
    assert.truthy(out:find('"network":"pasta"', 1, true))
    assert.is_nil(out:find("hunter2", 1, true))
  end)
end)
