-- SPDX-License-Identifier: MIT
-- What differs between hosts: quirks that are handled, warnings that are given
-- once, and what `wrapix doctor` says of it.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local proc = require("wrapix.proc")

describe("this host", function()
  after_each(e2e.assert_clean)

  local function dry_run(...)
    local result = e2e.cli({ "--image", e2e.image, "--dry-run", ... }, { cwd = e2e.dir() })
    assert.equal(0, result.code, result.stderr)
    return result.stdout, result.stderr
  end

  it("gets the OCI runtime that works", function()
    local text = dry_run("--", "true")
    -- deb12: an old crun drops nosuid; rootful: it refuses hybrid cgroups.
    assert.equal(e2e.host ~= "deb13", text:find("%-%-runtime /%S+/runc ") ~= nil, text)
  end)

  it("is told the reason by explain", function()
    local result = e2e.cli({ "explain", "--image", e2e.image }, { cwd = e2e.dir() })
    assert.equal(0, result.code)
    local reasons = {
      deb12 = "crun 1.8.1 does not set nosuid on writable mounts",
      rootful = "crun does not work with hybrid cgroups",
    }
    local reason = reasons[e2e.host]
    if reason then assert.truthy(result.stdout:find(reason, 1, true), result.stdout) end
  end)

  it("gets each warning once, and none with -q", function()
    local result = e2e.run({ "true" })
    local warnings = { rootful = "running as root", deb12 = "no limit on", deb13 = "no limit on" }
    assert.equal(1, e2e.count(result.stderr, warnings[e2e.host]), result.stderr)
    assert.equal("", e2e.run({ "true" }, { args = { "-q" } }).stderr)
  end)

  it("is asked once: a later start runs one engine process", function()
    local dir = e2e.tmp .. "/counted"
    assert(fs.ensure_dir(dir))
    e2e.file(dir .. "/podman", ("#!/bin/sh\necho \"$*\" >>%s/calls\nexec /usr/bin/podman \"$@\"\n")
      :format(dir), tonumber("755", 8))
    local env = { PATH = dir .. ":" .. os.getenv("PATH") }
    assert.equal(0, e2e.run({ "true" }, { env = env }).code)
    assert(fs.unlink(dir .. "/calls"))
    assert.equal(0, e2e.run({ "true" }, { env = env }).code)
    local calls = fs.read(dir .. "/calls")
    assert.equal(1, e2e.count(calls, "\n"), calls)
    assert.truthy(calls:find("^run .*%-%-pull=never "), calls)
  end)

  it("passes the doctor", function()
    local result = e2e.cli({ "doctor" })
    assert.equal(0, result.code, result.stdout)
    assert.truthy(result.stdout:find("sandboxes can start here", 1, true))
    local data = assert(json.decode(e2e.cli({ "doctor", "--json" }).stdout))
    local wanted = {
      rootful = { false, "bridge", "hybrid" }, deb12 = { true, "slirp4netns", "v2" },
      deb13 = { true, "pasta", "v2" },
    }
    assert.is_true(data.ok)
    assert.same(wanted[e2e.host], { data.engine.rootless, data.network, data.cgroup.mode })
  end)

  it("without podman fails the doctor, with the line that mends it", function()
    local result = e2e.cli({ "doctor" }, { env = { PATH = "/nonexistent" } })
    assert.equal(1, result.code)
    assert.truthy(result.stdout:find("hint: ", 1, true), result.stdout)
    assert.truthy(result.stdout:find("sandboxes cannot start here", 1, true))
  end)

  -- What differs from start to start: the session and its owner.
  local function without_session(words)
    return (words:gsub("%x%x%x%x%x%x%x%x%x%x%x%x%f[%X]", "SESSION")
      :gsub("%-%x%x%x%x%x%x%x%x\n", "-SESSION\n"):gsub("wrapix%.owner=%S+", "OWNER"))
  end

  it("runs what --dry-run prints, as a shell takes it", function()
    local dir, stub = e2e.dir("odd ' name"), e2e.tmp .. "/recorded"
    assert(fs.ensure_dir(stub))
    e2e.file(stub .. "/podman",
      ("#!/bin/sh\nprintf '%%s\\n' \"$@\" >%s/words\nexec /usr/bin/podman \"$@\"\n"):format(stub),
      tonumber("755", 8))
    local env = { PATH = stub .. ":" .. os.getenv("PATH") }
    local words = { "-q", "--image", e2e.image, "-e", "A=it's \"odd\" $x", "--", "sh", "-c",
      "echo \"$A\"; exit 4", "a b", "" }
    local ran = e2e.cli(words, { cwd = dir, env = env })
    assert.same({ 4, "it's \"odd\" $x\n" }, { ran.code, ran.stdout })
    table.insert(words, 1, "--dry-run")
    local printed = e2e.cli(words, { cwd = dir, env = env }).stdout
    local take = "set -- " .. printed .. "\nshift; printf '%s\\n' \"$@\""
    local taken = assert(proc.run({ "sh", "-c", take }))
    assert.equal(without_session(fs.read(stub .. "/words")), without_session(taken.stdout))
  end)

  if e2e.rootful then
    it("as root of root's own workspace says that the user inside is root", function()
      local dir = e2e.dir()
      assert(fs.chown(dir, 0, 0))
      local found = e2e.sections({ id = "id -u", caps = "grep CapEff /proc/self/status",
        etc = "touch /etc/x", file = "touch file && stat -c %u file" }, { dir = dir })
      assert.equal("0", found.id.out)
      assert.truthy(found.caps.out:find("0000000000000000", 1, true))
      assert.not_equal(0, found.etc.code)
      assert.equal("0", found.file.out)
      assert.truthy(found.result.stderr:find("the user inside is uid 0", 1, true))
    end)
  end
end)
