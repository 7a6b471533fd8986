-- SPDX-License-Identifier: MIT
-- Finding the CLI, its version and its surroundings, on a host that is made up.

local doctor = require "wrapix.runtime.apple.doctor"
local json = require "wrapix.json"
local probe = require "wrapix.runtime.apple.probe"

local PATH = "/usr/local/bin/container"
local VERSION = "container CLI version 1.2.2 (build: release, commit: af405ff)\n"
local NETWORK = '[{"id":"default","status":{"ipv4Gateway":"192.168.64.1"}}]'

-- Answers by the words after the program; "" stands for success without output.
local function world(answers, programs)
  local w = { calls = {}, files = { [PATH] = { size = 10, mtime_ns = 5, ino = 7 } },
    written = {}, platform = "macos" }
  programs = programs or { container = PATH, sw_vers = "/usr/bin/sw_vers", sysctl = "/usr/sbin/sysctl" }
  w.deps = {
    json = json,
    sys = { which = function(name) return programs[name] end, euid = function() return 501 end,
      platform = function() return w.platform end },
    fs = {
      stat = function(path) return w.files[path] end,
      realpath = function(path) return path end,
      read = function(path) return w.written[path] end,
      ensure_dir = function() return true end,
      write_atomic = function(path, text)
        w.written[path] = text
        return true
      end,
    },
    proc = { run = function(argv)
      local words = table.concat(argv, " "):gsub("^%S*/", "")
      w.calls[#w.calls + 1] = words
      local answer = answers[words]
      if answer == nil then return nil, "ENOENT: not found", "ENOENT" end
      if type(answer) == "string" then answer = { stdout = answer } end
      return { code = answer.code or 0, stdout = answer.stdout or "", stderr = answer.stderr or "" }
    end },
  }
  return w
end

local MAC = { ["container --version"] = VERSION, ["sw_vers -productVersion"] = "26.1\n",
  ["sysctl -n sysctl.proc_translated"] = "0\n" }

local function with(changes)
  local out = {}
  for key, value in pairs(MAC) do out[key] = value end
  for key, value in pairs(changes) do out[key] = value end
  return out
end

local function read(w, opts)
  local all = { cache = "/cache", env = {} }
  for key, value in pairs(opts or {}) do all[key] = value end
  return probe.read(w.deps, all)
end

describe("probe.read", function()
  it("tells version and macOS, and asks once", function()
    local w = world(MAC)
    local expected = { name = "container", path = PATH, version = { 1, 2, 2 },
      version_text = "1.2.2", macos = { 26, 1, 0 } }
    assert.same(expected, read(w))
    local calls = #w.calls
    assert.same(expected, read(w))
    assert.equal(calls, #w.calls)
    w.files[PATH].size = 11
    assert.same(expected, read(w))
    assert.is_true(#w.calls > calls)
  end)

  it("believes no record that says something else", function()
    local w = world(MAC)
    assert(read(w))
    local file, text = next(w.written)
    for _, forged in ipairs({ "{", "[]", (text:gsub('"container"', '"podman"')),
      (text:gsub("1,2,2", '"1","2","2"')), (text:gsub("/usr/local/bin/container\",\"ver", "/x\",\"ver")),
      (text:gsub("26,1,0", "{}")) }) do
      w.written[file] = forged
      local calls = #w.calls
      assert.equal("1.2.2", assert(read(w)).version_text)
      assert.is_true(#w.calls > calls, forged)
    end
  end)

  it("refuses what cannot work, with what mends it", function()
    for _, case in ipairs({
      { with({ ["sw_vers -productVersion"] = "15.6.1\n" }), "macOS: is 15.6", "softwareupdate" },
      { with({ ["sysctl -n sysctl.proc_translated"] = "1\n" }), "Rosetta", "Finder" },
      { with({ ["container --version"] = "podman version 5.4.2\n" }), "is not Apple's container", "" },
      { with({ ["container --version"] = "container version x\n" }), "is not Apple's container", "" },
      { with({ ["container --version"] = { code = 1,
        stderr = "Error: `container` is currently running under Rosetta Translation\n" } }),
        "Rosetta", "Finder" },
      { with({ ["container --version"] = { code = 9 } }), "ended with status 9", "by hand" },
    }) do
      local engine, message, code, hint = read(world(case[1]))
      assert.is_nil(engine)
      assert.truthy(message:find(case[2], 1, true), message)
      assert.equal("EENGINE", code)
      assert.truthy(hint:find(case[3], 1, true), hint)
    end
  end)

  it("has no macOS where there is none, and is found by WRAPIX_CONTAINER", function()
    local w = world({ ["mine --version"] = VERSION }, { ["/opt/mine"] = "/opt/mine" })
    w.platform = "linux"
    local engine = assert(read(w, { env = { WRAPIX_CONTAINER = "/opt/mine" } }))
    assert.equal("/opt/mine", engine.path)
    assert.is_nil(engine.macos)
    local none, message = read(w, { env = { WRAPIX_CONTAINER = "/none" } })
    assert.is_nil(none)
    assert.truthy(message:find("/none: is not a program", 1, true))
  end)

  it("assumes one where nothing is to be started", function()
    local w = world({}, {})
    assert.is_nil((read(w)))
    local engine = assert(read(w, { shows = true }))
    assert.same({ true, "1.4.1", "container" }, { engine.assumed, engine.version_text, engine.path })
    engine = assert(read(w, { shows = true, version = "0.12" }))
    assert.same({ 0, 12, 0 }, engine.version)
    assert.is_nil((read(w, { version = "0.8" })))
    assert.is_nil((read(w, { version = "x" })))
    assert.same({}, w.calls)
  end)
end)

describe("probe.gateway", function()
  it("is asked each time, and tells a service that is down", function()
    local w = world({ ["container network inspect default"] = NETWORK })
    assert.equal("192.168.64.1", probe.gateway({ path = PATH }, w.deps))
    assert.equal("192.168.64.1", probe.gateway({ path = PATH }, w.deps))
    assert.equal(2, #w.calls)
    w = world({ ["container network inspect default"] = { code = 1,
      stderr = 'Error: interrupted: "XPC connection error: Connection invalid"\n' } })
    local gateway, message, code, hint = probe.gateway({ path = PATH }, w.deps)
    assert.is_nil(gateway)
    assert.equal("EDOWN", code)
    assert.truthy(message:find("does not run", 1, true))
    assert.truthy(hint)
  end)
end)

describe("probe.vpn_problem", function()
  local ANSWERS = { ["route -n get 192.168.64.1"] = "  interface: utun3\n", ifconfig = "" }

  it("asks on a Mac alone", function()
    local w = world(ANSWERS)
    local reason, hint = probe.vpn_problem("192.168.64.1", w.deps)
    assert.truthy(reason:find("utun3", 1, true))
    assert.truthy(hint:find("-interface bridge100", 1, true))
    w = world(ANSWERS)
    w.platform = "linux"
    assert.is_nil((probe.vpn_problem("192.168.64.1", w.deps)))
    assert.same({}, w.calls)
  end)
end)

describe("apple.doctor", function()
  local IFCONFIG = "lo0: flags=8049<UP>\n\tinet 127.0.0.1 netmask 0xff000000\n"
    .. "bridge100: flags=8a63<UP>\n\tether 5e:1:2:3:4:64\n\tinet 192.168.64.1 netmask 0xffffff00\n"

  local function look(version, changes)
    local answers = { ["container system status"] = "apiserver is running\n",
      ["container network inspect default"] = NETWORK, ["ifconfig"] = IFCONFIG,
      ["route -n get 192.168.64.1"] = "  interface: bridge100\n" }
    for key, value in pairs(changes or {}) do answers[key] = value end
    local engine = { path = PATH, version = version, version_text = "v", macos = { 26, 1, 0 } }
    return doctor.look(engine, world(answers).deps)
  end

  local function text(seen)
    local lines = {}
    for i, row in ipairs(seen.rows) do lines[i] = row[1] .. "=" .. row[2] end
    return table.concat(lines, " ")
  end

  it("tells version, service, macOS, gateway and what is lacking", function()
    local seen = look({ 1, 2, 2 })
    assert.equal("container=v macOS=26.1 service=runs network gateway=192.168.64.1 "
      .. "sockets=go into the VM", text(seen))
    assert.same({ {}, {}, {} }, { seen.lacks, seen.problems, seen.warnings })
    seen = look({ 0, 9, 0 })
    assert.equal(5, #seen.lacks)
    assert.truthy(seen.lacks[1].hint:find("container %d+%.%d+%.%d+ has it"))
  end)

  it("finds a VPN's route a problem where the lease goes over TCP", function()
    local changes = { ["route -n get 192.168.64.1"] = "  interface: utun3\n" }
    local seen = look({ 1, 0, 0 }, changes)
    assert.equal("sudo route -n add -net 192.168.64.0/25 -interface bridge100 && "
      .. "sudo route -n add -net 192.168.64.128/25 -interface bridge100", seen.problems[1].hint)
    assert.equal(1, #look({ 1, 2, 2 }, changes).warnings)
  end)

  it("says that the service is down, and asks it nothing", function()
    local seen = look({ 1, 2, 2 }, { ["container system status"] = { code = 1 } })
    assert.equal("container system start --enable-kernel-install", seen.warnings[1].hint)
    assert.truthy(text(seen):find("service=down", 1, true))
  end)
end)
