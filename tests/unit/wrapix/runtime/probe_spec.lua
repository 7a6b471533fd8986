-- SPDX-License-Identifier: MIT
-- Specs of wrapix.runtime.probe: reading `podman info` of several versions and
-- makes, and the cached record.

local dkjson = require "dkjson"
local fake_host = require "tests.unit.wrapix.fake_host"
local probe = require "wrapix.runtime.probe"

local function recorded()
  local file = assert(io.open("tests/unit/data/podman-info-4.3.1.json"))
  local text = file:read("a")
  file:close()
  return text
end

local function with(change)
  local info = dkjson.decode(recorded())
  change(info)
  return info
end

local function host(changes)
  local deps = fake_host.new({
    files = { ["/usr/bin/podman"] = { size = 100, mtime = 5 } },
    programs = { podman = "/usr/bin/podman" },
    answers = { ["/usr/bin/podman"] = { code = 0, stdout = recorded(), stderr = "" } },
  })
  for key, value in pairs(changes or {}) do deps.host[key] = value end
  return deps
end

local function read(deps)
  return probe.read(deps, { cache = "/cache", env = deps.host.env })
end

describe("probe.parse_version", function()
  it("reads what Podman prints", function()
    assert.same({ 5, 4, 2 }, probe.parse_version("5.4.2"))
    assert.same({ 4, 3, 1 }, probe.parse_version("4.3.1"))
    assert.same({ 6, 0, 0 }, probe.parse_version("6.0.0-rc1"))
    assert.same({ 5, 9, 0 }, probe.parse_version("5.9-dev"))
    assert.same({ 4, 10, 0 }, probe.parse_version("v4.10"))
  end)

  it("gives nil for anything else", function()
    for _, text in ipairs({ "", "podman", "5", "five.4", ".4.2", {}, 5 }) do
      assert.is_nil(probe.parse_version(text))
    end
  end)
end)

describe("probe.parse", function()
  it("takes what matters from a real answer", function()
    assert.same({
      name = "podman",
      path = "/p",
      version = { 4, 3, 1 },
      version_text = "4.3.1",
      rootless = false,
      oci_runtime = { name = "crun", path = "/usr/bin/crun", version = "1.8.1" },
      graph_driver = "overlay",
      cgroup_manager = "cgroupfs",
      seccomp = true,
      seccomp_base = "/usr/share/containers/seccomp.json",
      selinux = false,
    }, probe.parse(dkjson.decode(recorded()), "/p"))
  end)

  it("lives with fields of another type or none", function()
    local engine = assert(probe.parse({
      version = { Version = "6.0.0-rc1" },
      host = { security = {}, ociRuntime = { name = "", version = 7 } },
    }, "/p"))
    assert.same({ name = "unknown" }, engine.oci_runtime)
    assert.is_false(engine.rootless)
    assert.is_nil(engine.seccomp_base)
  end)

  local function refused(info, pattern, hint)
    local engine, message, code, got = probe.parse(info, "/p")
    assert.is_nil(engine)
    assert.matches(pattern, message)
    assert.equal("EENGINE", code)
    if hint then assert.matches(hint, got) end
  end

  it("recognises Docker", function()
    refused({ ServerVersion = "27.1", DockerRootDir = "/var/lib/docker" },
      "^probe: /p: is Docker under another name$", "apt install podman")
  end)

  it("refuses a remote engine", function()
    refused(with(function(info) info.host.serviceIsRemote = true end), "on another machine",
      "CONTAINER_HOST")
  end)

  it("refuses what is too old, and names the version", function()
    refused(with(function(info) info.version.Version = "4.0.3" end), "is Podman 4%.0%.3, and 4%.1")
    refused(with(function(info) info.version.Version = "3.4.4" end), "is Podman 3%.4%.4")
    assert(probe.parse(with(function(info) info.version.Version = "4.1.0" end), "/p"))
  end)

  it("refuses what is no answer of Podman's", function()
    refused({}, "does not look like Podman's")
    refused({ version = { Version = "5.4.2" } }, "does not look like Podman's")
    refused({ host = {}, version = "5.4.2" }, "does not look like Podman's")
    refused("text", "did not answer with an object")
    refused(with(function(info) info.version.Version = "new" end), 'cannot be read: "new"')
  end)
end)

describe("probe.read", function()
  it("asks once, and a second start runs no process", function()
    local deps = host()
    local first = assert(read(deps))
    assert.same({ "/usr/bin/podman", "info", "--format", "json" }, deps.ran[1].argv)
    assert.same(first, read(deps))
    assert.equal(1, #deps.ran)
  end)

  it("asks again when anything the answer depends on changes", function()
    local deps = host()
    local changes = {
      function() deps.host.files["/usr/bin/podman"].mtime = 6 end,
      function() deps.host.files["/usr/bin/podman"].size = 101 end,
      function() deps.host.files["/etc/containers/containers.conf"] = "[engine]" end,
      function() deps.host.files["/home/joe/.config/containers/containers.conf"] = "x" end,
      function() deps.host.programs.runc = "/usr/sbin/runc"
        deps.host.files["/usr/sbin/runc"] = "elf" end,
      function() deps.host.env.CONTAINER_HOST = "unix:///x" end,
      function() deps.sys.euid = function() return 0 end end,
    }
    assert(read(deps))
    for i, change in ipairs(changes) do
      change()
      assert(read(deps))
      assert.equal(i + 1, #deps.ran)
      assert(read(deps))
      assert.equal(i + 1, #deps.ran)
    end
  end)

  it("ignores and replaces a broken record", function()
    local deps = host()
    assert(read(deps))
    local record
    for name in pairs(deps.host.files) do
      record = name:match("^/cache/probe.*") or record
    end
    local good = deps.host.files[record].text
    assert.equal(tonumber("600", 8), deps.host.files[record].mode)
    local count = 1
    local wrong = good:gsub('"version":%[4,3,1%]', '"version":4')
    assert.not_equal(good, wrong)
    for _, text in ipairs({ "", "{", "[]", "null", '"x"', wrong, good:sub(1, 40) }) do
      deps.host.files[record] = text
      assert.equal("4.3.1", read(deps).version_text)
      count = count + 1
      assert.equal(count, #deps.ran)
      assert.equal(good, deps.host.files[record].text)
    end
  end)

  it("works without a cache that can be written", function()
    local deps = host({ read_only = true })
    assert.equal("4.3.1", read(deps).version_text)
    assert.equal("4.3.1", read(deps).version_text)
    assert.equal(2, #deps.ran)
  end)

  it("takes WRAPIX_PODMAN", function()
    local deps = host({ programs = {} })
    deps.host.env.WRAPIX_PODMAN = "/usr/bin/podman"
    assert.equal("/usr/bin/podman", read(deps).path)
    deps.host.env.WRAPIX_PODMAN = "/nowhere"
    local engine, message, code, hint = read(deps)
    assert.is_nil(engine)
    assert.equal("probe: /nowhere: is not a program", message)
    assert.equal("EENGINE", code)
    assert.matches("unset WRAPIX_PODMAN", hint)
  end)

  it("says how to get Podman", function()
    local engine, message, _, hint = read(host({ programs = {} }))
    assert.is_nil(engine)
    assert.equal("probe: podman: not found on PATH", message)
    assert.equal("apt install podman", hint)
  end)

  it("passes on what Podman complains about", function()
    local answers = {
      { { code = 125, stdout = "", stderr = "warning\nError: no such thing\n" },
        "`info` failed: Error: no such thing" },
      { { code = 1, stdout = "", stderr = "" }, "`info` failed: ended with status 1" },
      { { code = 0, stdout = "not json", stderr = "" }, "`info` printed no JSON" },
      { false, "could not be started" },
    }
    for _, case in ipairs(answers) do
      local engine, message = read(host({ answers = { ["/usr/bin/podman"] = case[1] or nil } }))
      assert.is_nil(engine)
      assert.matches(case[2], message, 1, true)
    end
  end)
end)
