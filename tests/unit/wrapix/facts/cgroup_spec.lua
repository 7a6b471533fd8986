-- SPDX-License-Identifier: MIT
-- Specs of wrapix.facts.cgroup over recorded /proc and /sys texts.

local cgroup = require "wrapix.facts.cgroup"
local fake_host = require "tests.unit.wrapix.fake_host"

local V2 = "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
local HYBRID = [[
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
33 31 0:30 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
34 31 0:31 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
]]
local UNIFIED = "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
local USER_SERVICE = "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service"

local function read(files, euid)
  local fs = fake_host.new({ files = files }).fs
  local uid = euid or 1000
  return cgroup.read(fs, { uid = uid, euid = uid, runtime_dir = "/run/user/1000" })
end

describe("cgroup.read", function()
  it("gives root all of a pure v2 hierarchy", function()
    local all = { cpu = true, memory = true, pids = true }
    assert.same({ mode = "v2", v2_busy = false, controllers = all }, read({
      ["/proc/self/mountinfo"] = V2,
      ["/sys/fs/cgroup/cgroup.controllers"] = "cpuset cpu io memory hugetlb pids rdma misc\n",
    }, 0))
  end)

  it("gives a user with a session what is delegated to its systemd", function()
    local two = { memory = true, pids = true }
    assert.same({ mode = "v2", v2_busy = false, controllers = two }, read({
      ["/proc/self/mountinfo"] = V2,
      ["/run/user/1000/bus"] = { type = "socket" },
      [USER_SERVICE .. "/cgroup.controllers"] = "memory pids\n",
    }))
  end)

  it("looks at the own group without a session", function()
    local files = {
      ["/proc/self/mountinfo"] = V2,
      ["/proc/self/cgroup"] = "0::/jobs/7\n",
      ["/sys/fs/cgroup/jobs/7/cgroup.procs"] = "",
      ["/sys/fs/cgroup/jobs/7/cgroup.controllers"] = "cpu pids\n",
      [USER_SERVICE .. "/cgroup.controllers"] = "memory pids\n",
    }
    assert.same({ cpu = true, pids = true }, read(files).controllers)
    files["/sys/fs/cgroup/jobs/7/cgroup.procs"] = { text = "", access = "r" }
    assert.same({}, read(files).controllers)
  end)

  it("knows that only root has limits in the old hierarchy", function()
    local files = { ["/proc/self/mountinfo"] = HYBRID }
    assert.same({ mode = "v1", v2_busy = false, controllers = {} }, read(files))
    assert.same({ cpu = true, memory = true }, read(files, 0).controllers)
  end)

  it("tells whether the v2 half of a hybrid hierarchy holds controllers", function()
    local files = { ["/proc/self/mountinfo"] = HYBRID .. UNIFIED }
    assert.same({ mode = "hybrid", v2_busy = false, controllers = {} }, read(files))
    files["/sys/fs/cgroup/unified/cgroup.controllers"] = "\n"
    assert.is_false(read(files).v2_busy)
    files["/sys/fs/cgroup/unified/cgroup.controllers"] = "hugetlb\n"
    assert.is_true(read(files).v2_busy)
  end)

  it("is not led astray by a second cgroup2 mount", function()
    local files = { ["/proc/self/mountinfo"] = V2 .. UNIFIED,
      ["/sys/fs/cgroup/cgroup.controllers"] = "memory" }
    assert.same({ mode = "v2", v2_busy = false, controllers = { memory = true } }, read(files, 0))
  end)

  it("lives without /proc", function()
    assert.same({ mode = "v1", v2_busy = false, controllers = {} }, read({}))
    assert.same({ mode = "v1", v2_busy = false, controllers = {} },
      read({ ["/proc/self/mountinfo"] = "garbage\n- -\n" }))
  end)
end)
