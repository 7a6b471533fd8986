-- SPDX-License-Identifier: MIT
-- What a program inside must not be able to do, tried by a program that tries it,
-- and the two switches of a profile that widen the confinement.

local e2e = require("support.e2e")

local function attempts(dir, opts)
  e2e.compile("attack", dir)
  opts.dir = dir
  local found = {}
  for name, answer in e2e.output("./attack", opts):gmatch("([%w_]+) ([^\n]*)") do
    found[name] = answer
  end
  return found
end

describe("the confinement", function()
  after_each(e2e.assert_clean)

  it("refuses every attempt", function()
    local found, count = attempts(e2e.dir(), {}), 0
    for name, answer in pairs(found) do
      assert.not_equal("ok", answer, name)
      count = count + 1
    end
    assert.truthy(count >= 30, "attempts: " .. count)
    assert.equal("Operation not permitted", found.user_namespace)
  end)

  it("refuses unshare -Ur, and mount, of the image's own tools", function()
    local found = e2e.sections({
      unshare = "unshare -Ur true", mount = "mount -t tmpfs none /tmp", umount = "umount /tmp",
      remount = "mount -o remount,rw /", su = "su -c true", chown = "chown 0 /workspace",
      kill = "kill -9 1; kill -STOP 1; echo still here",
    }, {})
    for _, name in ipairs({ "unshare", "mount", "umount", "remount", "su", "chown" }) do
      assert.not_equal(0, found[name].code, name)
    end
    assert.truthy(found.unshare.out:find("not permitted", 1, true), found.unshare.out)
    assert.equal("still here", found.kill.out:match("[^\n]*$"))
    assert.equal(0, found.result.code)
  end)

  it("gives a set-uid file in the workspace no power", function()
    local dir = e2e.dir()
    assert.equal(0, e2e.run({ "sh", "-c",
      "cp /bin/busybox id; chmod 6755 id; ./id | tee /dev/stderr | grep -q euid=0" },
      { dir = dir }).code == 0 and 1 or 0)
  end)

  local function profile(name, text)
    return e2e.file(e2e.tmp .. "/" .. name, ("return { name = 'wide', image = %q, %s }")
      :format(e2e.image, text))
  end

  it("lets a profile ask for a writable root, which lasts as long as the sandbox", function()
    local path = profile("writable.lua", "read_only = false")
    local opts = { image = false, args = { path } }
    local uid = e2e.uid
    -- The files of the image belong to root, so what can be written is what they let others.
    local script = "grep ' / ' /proc/self/mounts | grep -o ' rw,' && "
      .. "grep -o '\"read_only\": false' /run/wrapix/context.json; id -u"
    assert.equal((' rw,\n"read_only": false\n%d'):format(uid), e2e.output(script, opts))
  end)

  it("lets a profile ask for user namespaces", function()
    local opts = { image = false, args = { profile("userns.lua", "userns = true") } }
    assert.equal("0", e2e.output("unshare -Ur id -u", opts))
    -- Everything else stays as tight.
    opts.args = { profile("userns.lua", "userns = true") }
    local found = attempts(e2e.dir(), opts)
    for _, name in ipairs({ "mount_tmpfs", "mem_of_init", "trace_init", "raw_socket",
      "raise_capability", "mount_namespace" }) do
      assert.not_equal("ok", found[name], name)
    end
    assert.equal("ok", found.user_namespace)
  end)
end)
