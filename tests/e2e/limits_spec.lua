-- SPDX-License-Identifier: MIT
-- Limits: they hold where the host can enforce them, and where it cannot there is
-- one warning and the sandbox starts.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local json = require("wrapix.json")

local WARNING = "no limit on cpus, memory, pids: the controller is not delegated to this user"

describe("limits", function()
  after_each(e2e.assert_clean)

  it("of open files and processes hold everywhere", function()
    local text = e2e.output("ulimit -n; grep 'Max processes' /proc/self/limits")
    assert.truthy(tonumber(text:match("^%d+")) >= 1024, text)
    assert.equal("4096", text:match("Max processes%s+(%d+)"))
  end)

  it("are what a tmpfs is sized by, enforced or not", function()
    local size = e2e.output("df -k /tmp | tail -n 1 | tr -s ' ' | cut -d ' ' -f 2",
      { args = { "--memory", "128m" } })
    assert.equal("65536", size)
    local written = e2e.output("head -c 100m /dev/zero >/tmp/big 2>&1; stat -c %s /tmp/big",
      { args = { "--memory", "128m" } })
    assert.equal(tostring(64 << 20), written:match("%d+$"))
  end)

  if not e2e.rootful then
    it("that cannot be enforced are said once, and the sandbox starts", function()
      local result = e2e.run({ "true" }, { args = { "--memory", "64m", "--pids", "20" } })
      assert.equal(0, result.code)
      assert.equal(1, e2e.count(result.stderr, WARNING), result.stderr)
      assert.equal(1, e2e.count(result.stderr, "Delegate="), result.stderr)
      assert.equal("", e2e.run({ "true" }, { args = { "-q" } }).stderr)
    end)

    it("that cannot be enforced are in explain with the reason", function()
      local result = e2e.cli({ "explain", "--json", "--memory", "64m", "--image", e2e.image },
        { cwd = e2e.dir() })
      local data = assert(json.decode(result.stdout))
      local skipped = (data.plan or data).skipped
      local found = {}
      for _, one in ipairs(skipped) do found[one.what] = one.reason end
      assert.equal("the controller is not delegated to this user", found["memory=64m"])
    end)
    return
  end

  it("are set without a warning", function()
    local opts = { args = { "--memory", "64m", "--pids", "20", "--cpus", "0.5" } }
    local found = e2e.sections({
      memory = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes",
      pids = "cat /sys/fs/cgroup/pids/pids.max",
      cpus = "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us",
    }, opts)
    assert.equal(tostring(64 << 20), found.memory.out)
    assert.equal("20", found.pids.out)
    local quota, period = found.cpus.out:match("(%d+)\n(%d+)")
    assert.equal(0.5, quota / period)
    assert.falsy(found.result.stderr:find("no limit", 1, true))
  end)

  it("have defaults", function()
    assert.equal(("%d\n4096"):format(4 << 30), e2e.output(
      "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/pids/pids.max"))
  end)

  it("of memory end a greedy program", function()
    -- A line without an end, which tail has to keep as a whole.
    local result = e2e.sh("head -c 300m /dev/zero | tail -n 1 | wc -c; echo over",
      { args = { "--memory", "32m" } })
    assert.falsy(result.stdout:find("314572800", 1, true), result.stdout)
    local dir = e2e.dir()
    local words = { "--image", e2e.image, "--memory", "32m", "--", "tail", "-n", "1", "/dev/zero" }
    assert.equal(137, e2e.cli(words, { cwd = dir }).code)
    assert.same({}, assert(fs.list(dir)), "conmon leaves its file `oom` where it was started")
  end)

  it("of processes end a fork bomb", function()
    local result = e2e.sh("i=0; while [ $i -lt 60 ]; do sleep 5 & i=$((i+1)); done; echo all",
      { args = { "--pids", "20" } })
    assert.truthy(result.stderr:find("fork", 1, true), result.stderr)
    assert.falsy(result.stdout:find("all", 1, true))
  end)

  it("of processors slow a busy program down", function()
    local text = e2e.output("timeout 2 sh -c 'while :; do :; done'; "
      .. "cat /sys/fs/cgroup/cpu/cpu.stat", { args = { "--cpus", "0.1" } })
    assert.truthy(tonumber(text:match("nr_throttled (%d+)")) > 5, text)
  end)
end)
