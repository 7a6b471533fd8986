-- SPDX-License-Identifier: MIT
-- CPU time by what the kernel tells, from trees of files made up after real ones.

local cpu = require("wrapix.launch.cpu")
local fs = require("wrapix.fs")
local sys = require("wrapix.sys")

local dir, places

before_each(function()
  dir = assert(fs.temp_dir())
  places = { proc = dir .. "/proc", cgroup = dir .. "/cgroup" }
end)
after_each(function() fs.remove_tree(dir) end)

local function write(name, text)
  assert(fs.ensure_dir((dir .. "/" .. name):match("^(.*)/")))
  assert(fs.write_atomic(dir .. "/" .. name, text, { sync = false }))
end

local function process(pid, parent, ticks, group, name)
  write(("proc/%d/stat"):format(pid), ("%d (%s) S %d 1 1 0 -1 0 0 0 0 0 %d 0 0 0 20 0 1\n")
    :format(pid, name or "sh", parent, ticks))
  write(("proc/%d/cgroup"):format(pid), group or "0::/user.slice/shell\n")
end

describe("launch.cpu", function()
  it("takes the group that the engine made, in each layout", function()
    process(7, 1, 300, "0::/user.slice/libpod-ab.scope/container\n")
    write("proc/self/cgroup", "0::/user.slice/shell\n")
    write("cgroup/user.slice/libpod-ab.scope/container/cpu.stat", "usage_usec 2500000\nuser_usec 1\n")
    assert.equal(2.5, cpu.seconds(7, places))
    process(7, 1, 300, "5:cpu,cpuacct:/libpod_parent/libpod-ab\n1:name=systemd:/x\n0::/\n")
    write("cgroup/cpu,cpuacct/libpod_parent/libpod-ab/cpuacct.usage", "1500000000\n")
    assert.equal(1.5, cpu.seconds(7, places))
    process(7, 1, 300, "0::/libpod-ab\n")
    write("cgroup/unified/libpod-ab/cpu.stat", "usage_usec 500000\n")
    assert.equal(0.5, cpu.seconds(7, places))
  end)

  it("takes the processes where a group is not the sandbox's alone", function()
    for _, group in ipairs({ "/user.slice/shell", "/libpod-outer", "/../libpod-x", "/other" }) do
      write("proc/self/cgroup", "0::/libpod-outer/shell\n")
      write("cgroup" .. group:gsub("%.%.", "up") .. "/cpu.stat", "usage_usec 99000000\n")
      process(7, 1, 300, ("0::%s\n"):format(group))
      assert.equal(3, cpu.seconds(7, places), group)
    end
  end)

  it("adds up the whole tree, and nothing beside it", function()
    process(7, 1, 100)
    process(8, 7, 50, nil, "a) S 1 (b")
    process(9, 8, 25)
    process(10, 1, 7777)
    write("proc/11/stat", "11 (gone")
    write("proc/version", "Linux")
    assert.equal(1.75, cpu.seconds(7, places))
  end)

  it("knows nothing of a process that is gone", function()
    process(8, 1, 50)
    assert.is_nil(cpu.seconds(7, places))
    assert.is_nil(cpu.seconds(7, { proc = dir .. "/none", cgroup = dir .. "/none" }))
  end)

  it("reads what this kernel tells", function()
    local before, till = cpu.seconds(sys.pid()), sys.clock() + 0.1
    while sys.clock() < till do end
    local after = cpu.seconds(sys.pid())
    assert.is_true(after >= before + 0.03 and after < before + 5, after - before)
  end)
end)
