-- SPDX-License-Identifier: MIT
-- Limits: they hold, or it is said that they do not.

local check = require("conformance.check")

local M = { title = "Limits" }

-- The test hosts without root have no controllers delegated to their user.
local function undelegated(what)
  return { { runtime = "podman", hosts = { "deb12", "deb13" }, warns = true,
    reason = "the host gives this user no cgroup controllers",
    answers = "no limit on [%a, ]*" .. what } }
end

local function add(id, says, args, script, verdict, lacks)
  local function try(t, command) return t:sh(command or "true", { args = args, loud = true }) end
  M[#M + 1] = { id = "limits." .. id, says = says, lacks = lacks, try = try,
    run = function(t) verdict(t, try(t, script)) end }
end

add("memory", "a program that takes more memory than --memory is ended: 137", { "--memory", "256m" },
  "exec tail -n 1 /dev/zero",
  function(_, result) check.status(result, 137) end, undelegated("memory"))

add("pids", "--pids stops a program that starts too many others", { "--pids", "30" },
  "i=0; while [ $i -lt 60 ]; do sleep 5 & i=$((i+1)); done; echo all",
  function(_, result)
    check.has(result.stderr, "fork", "stderr")
    check.lacks(result.stdout, "all", "stdout")
  end, undelegated("pids"))
-- In a VM it is a limit of the user's processes; the double's sandboxes have one kernel.
M[#M].alone = true

add("cpus", "--cpus bounds what a sandbox computes with", { "--cpus", "1" },
  "if [ \"$(nproc)\" = 1 ]; then echo one; else cat /sys/fs/cgroup/cpu.max 2>/dev/null "
    .. "|| cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us; fi",
  function(_, result)
    local quota, period = result.stdout:match("^(%d+)%s+(%d+)")
    check.holds(result.stdout == "one\n" or quota and quota == period, "cpus: " .. result.stdout)
  end, undelegated("cpus"))

add("fraction", "--cpus may be a fraction", { "--cpus", "0.5" },
  "cat /sys/fs/cgroup/cpu.max 2>/dev/null "
    .. "|| cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us",
  function(_, result)
    local quota, period = result.stdout:match("^(%d+)%s+(%d+)")
    check.holds(quota and quota * 2 == period + 0, "cpus: " .. result.stdout)
  end,
  { undelegated("cpus")[1], { runtime = "container", reason = "a VM has whole processors",
    answers = "cpus" } })

M[#M + 1] = { id = "limits.files", says = "at least 1024 files may be open", group = "inside",
  inside = "ulimit -n",
  check = function(_, answer) check.holds(tonumber(answer.out) >= 1024, "files: " .. answer.out) end }

M[#M + 1] = { id = "limits.core", says = "no program that crashes leaves a memory image in the workspace",
  run = function(t)
    local dir = t:dir()
    check.status(t:sh("kill -SEGV $$", { dir = dir }), 139)
    check.equal(0, #assert(require("wrapix.fs").list(dir)), "files")
  end }

M[#M + 1] = { id = "limits.temporary", says = "a /tmp that is full stops nobody but who fills it",
  run = function(t)
    local out = t:out("head -c 400m /dev/zero >/tmp/big 2>/dev/null; stat -c %s /tmp/big; rm /tmp/big; echo on",
      { args = { "--memory", "256m" } })
    check.equal(("%d\non"):format(128 << 20), out, "bytes in /tmp")
  end }

return M
