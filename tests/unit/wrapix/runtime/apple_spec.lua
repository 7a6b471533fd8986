-- SPDX-License-Identifier: MIT
-- Every field a profile can have and everything a plan holds, on every version of
-- Apple's container: a flag, a line of vm.conf, an error or a warning. Nothing may go
-- unmentioned, so the tables are compared with the schema and with real plans.

local apple = require "wrapix.runtime.apple"
local fixture = require "tests.unit.wrapix.plan_fixture"
local plan = require "wrapix.plan"
local profiles = require "wrapix.profile"
local schema = require "wrapix.schema"
local staging = require "wrapix.runtime.apple.staging"

local VERSIONS = { "0.9.0", "0.10.0", "0.11.0", "0.12.0", "0.12.3", "1.0.0", "1.1.0", "1.2.0",
  "1.2.2", "1.4.1" }

local function profile(fields)
  local tbl = { name = "x", base = "debian:trixie-slim", packages = { "git" } }
  for key, value in pairs(fields or {}) do tbl[key] = value end
  if tbl.image then tbl.base, tbl.packages = nil, nil end
  return assert(profiles.from_table(tbl, { source = "x.lua", text = "", dir = "/home/joe/shop" }))
end

local function facts_with(version, change)
  local facts = fixture.apple_facts(version)
  local files, stat = {}, facts.fs.stat
  facts.fs.stat = function(path) return files[path] or stat(path) end
  local realpath = facts.fs.realpath
  facts.fs.realpath = function(path) return files[path] and path or realpath(path) end
  facts.files = files
  if change then change(facts) end
  return facts
end

-- The outcome of a plan: its command line and vm.conf as one text each, or why not.
local function try(version, fields, options, change)
  local facts = facts_with(version, change)
  local made, message, code, hint = plan.make(profile(fields), options or {}, facts)
  if not made then return { refused = message, code = code, hint = hint } end
  local words = apple.argv(made)
  return { plan = made, argv = words, flags = "\n" .. table.concat(words, "\n") .. "\n",
    conf = "\n" .. staging.text(apple.steps(made)) }
end

local function has(text, wanted) return text:find(wanted, 1, true) ~= nil end

local function flag(...)
  local words = "\n" .. table.concat({ ... }, "\n") .. "\n"
  return function(got, where) assert.truthy(got.flags and has(got.flags, words), where .. words) end
end

local function line(text)
  return function(got, where) assert.truthy(got.conf and has(got.conf, "\n" .. text .. "\n"),
    where .. text .. (got.conf or got.refused)) end
end

local function refused(text)
  return function(got, where)
    assert.truthy(got.refused and has(got.refused, text), where .. tostring(got.refused))
    assert.equal("EPLAN", got.code)
  end
end

local function both(...)
  local checks = { ... }
  return function(got, where) for _, check in ipairs(checks) do check(got, where) end end
end

local function lies(kind, path)
  return function(facts) facts.files[path] = { type = kind, size = 10 } end
end

-- What lies outside of plan and engine: images, agents and hooks are the same for any engine.
local ELSEWHERE = { "name", "packages", "base", "agents", "agent", "login", "settings", "toolchain",
  "shell", "hooks", "mcp", "deploy_key", "notify" }

local AGENT_SOCKET = "/run/user/501/agent.sock"
local function with_agent(facts)
  facts.env.SSH_AUTH_SOCK = AGENT_SOCKET
  facts.files[AGENT_SOCKET] = { type = "socket", uid = 501 }
end

-- field → cases { fields, check, from?, to?, options?, change? }: from and to are versions.
local FIELDS = {
  image = { { { image = "docker.io/library/alpine:3" },
    flag("--workdir", "/", "docker.io/library/alpine:3", "--shell") } },
  env = { { { env = { A = "b=c\nd" } }, flag("--env", "A=b=c\nd") } },
  secrets = { { { secrets = { "API_KEY" } }, flag("--env", "API_KEY") } },
  mounts = {
    { { mounts = { { source = "/srv/lib", dest = "/srv/lib" } } },
      both(flag("--volume", "/srv/lib:/mnt/wrapix/2:ro"), line("bind /mnt/wrapix/2 /srv/lib ro")) },
    { { mounts = { { source = "/srv/s.sock", dest = "/s.sock", mode = "rw" } } },
      refused("mounts (x.lua"), to = "1.0.0", change = lies("socket", "/srv/s.sock") },
    { { mounts = { { source = "/srv/s.sock", dest = "/s.sock", mode = "rw" } } },
      both(flag("--volume", "/srv/s.sock:/mnt/wrapix/s3"), line("socket /mnt/wrapix/s3 /s.sock")),
      from = "1.1.0", change = lies("socket", "/srv/s.sock") },
    { { mounts = { { source = "/srv/pipe", dest = "/pipe" } } }, refused("is a fifo"),
      change = lies("fifo", "/srv/pipe") },
    { { mounts = { { source = "/srv/lib", dest = "/mnt/wrapix" } } },
      refused("): /mnt/wrapix: ") },
    { { fallback = true, mounts = { { source = "/srv/lib", dest = "/mnt/wrapix/vm/run" } } },
      refused("/mnt/wrapix/vm/run: ") },
    { { mounts = { { source = "/srv/lib", dest = "/mnt" } } },
      line("bind /mnt/wrapix/2 /mnt ro") },
  },
  writable = { { { writable = { "/var/cache/x" } }, line("tmpfs /var/cache/x 1073741824 0755") },
    { { writable = { "/mnt/wrapix/x" } }, refused("writable (x.lua") },
    { { writable = { "/etc" } }, refused("mounted there") },
    { { writable = { "/etc/x" } }, line("tmpfs /etc/x 1073741824 0755") } },
  caches = { { { caches = { uv = "~/.cache/uv" } }, both(
    flag("--volume", "/home/joe/.cache/wrapix/caches/uv:/mnt/wrapix/2"),
    line("bind /mnt/wrapix/2 /home/wrapix/.cache/uv rw")) } },
  network = {
    { { network = "open" }, flag("--network", "default") },
    { { network = "none" }, refused("network (x.lua"), to = "1.0.0" },
    { { network = "none" }, flag("--network", "none"), from = "1.1.0" },
  },
  dns = { { { dns = { "1.1.1.1", "9.9.9.9" } }, flag("--dns", "1.1.1.1", "--dns", "9.9.9.9") } },
  limits = {
    { { limits = { cpus = 3 } }, flag("--cpus", "3") },
    { { limits = { cpus = 1.5 } }, refused("limits.cpus (x.lua") },
    { { limits = { cpus = 9 } }, refused("the Mac has 8") },
    { { limits = { memory = "512m" } }, flag("--memory", "512M") },
    { { limits = { memory = "100m" } }, flag("--memory", "100M"), to = "0.9.0" },
    { { limits = { memory = "100m" } }, refused("a VM has at least 200 MiB"), from = "0.10.0" },
    { { limits = { pids = 64 } }, both(line("limit nproc 64"),
      function(got, where) assert.same({}, got.plan.warnings, where) end) },
    { { limits = { pids = 64 } }, function(got, where)
      assert.equal("pids=64", got.plan.skipped[1].what, where)
      assert.truthy(has(got.plan.warnings[2].text, "limits.pids (x.lua"), where)
    end, change = function(facts) facts.euid, facts.uid, facts.workspace.uid = 0, 0, 0 end },
    { { limits = { timeout = "90s" } },
      function(got, where) assert.equal(90, got.plan.timeout_seconds, where) end },
  },
  command = { { { command = { "make", "-k", "" } }, flag("--", "make", "-k", "") } },
  ssh_agent = {
    { { ssh_agent = true }, refused("ssh_agent (x.lua"), to = "1.0.0", change = with_agent },
    { { ssh_agent = true }, both(flag("--volume", AGENT_SOCKET .. ":/mnt/wrapix/s3"),
      line("socket /mnt/wrapix/s3 /run/wrapix-ssh-agent"),
      flag("--env", "SSH_AUTH_SOCK=/run/wrapix-ssh-agent")), from = "1.1.0", change = with_agent },
  },
  read_only = { { {}, line("root ro") }, { { read_only = false }, line("root rw") } },
  userns = { { { userns = true }, line("userns") },
    { {}, function(got, where) assert.is_false(has(got.conf, "userns"), where) end } },
  fallback = {
    { { fallback = { "limits.cpus" }, limits = { cpus = 1.5 } }, both(flag("--cpus", "2"),
      function(got, where)
        assert.equal("cpus=1.5", got.plan.skipped[1].what, where)
        assert.truthy(has(got.plan.warnings[1].text, "limits.cpus (x.lua"), where)
      end) },
    { { fallback = true, limits = { memory = "100m" } }, flag("--memory", "200M"), from = "0.10.0" },
    { { fallback = { "limits.memory" }, limits = { cpus = 1.5 } }, refused("limits.cpus") },
    { { fallback = true, network = "none" }, refused("network"), to = "1.0.0" },
    { { fallback = { "ssh_agent" }, ssh_agent = true }, both(
      function(got, where)
        assert.is_false(has(got.flags, "SSH_AUTH_SOCK"), where)
        assert.truthy(has(got.plan.warnings[1].text, "ssh_agent (x.lua"), where)
      end), to = "1.0.0", change = with_agent },
    { { fallback = true, mounts = { { source = "/srv/pipe", dest = "/workspace/pipe" } } },
      refused("is a fifo"), change = lies("fifo", "/srv/pipe") },
    { { fallback = true, mounts = { { source = "/srv/pipe", dest = "/pipe" } } },
      function(got, where) assert.equal("/srv/pipe", got.plan.skipped[1].what, where) end,
      change = lies("fifo", "/srv/pipe") },
  },
}

-- As numbers, so that 0.12 comes after 0.9.
local function order(version)
  local a, b, c = version:match("(%d+)%.(%d+)%.(%d+)")
  return a * 10000 + b * 100 + c
end

local function applies(case, version)
  return (not case.from or order(version) >= order(case.from))
    and (not case.to or order(version) <= order(case.to))
end

describe("each field of a profile", function()
  it("is in the table", function()
    local named = {}
    for _, name in ipairs(ELSEWHERE) do named[name] = true end
    for name in pairs(FIELDS) do named[name] = true end
    for name in pairs(schema.fields) do
      assert.truthy(named[name], name .. " is in no table of this file")
    end
  end)

  for _, version in ipairs(VERSIONS) do
    it("has its place on " .. version, function()
      for name, cases in pairs(FIELDS) do
        local tried = 0
        for i, case in ipairs(cases) do
          if applies(case, version) then
            tried = tried + 1
            local got = try(version, case[1], { runtime = "container" }, case.change)
            case[2](got, ("%s %s[%d]: "):format(version, name, i))
          end
        end
        assert.is_true(tried > 0, name .. " has no case for " .. version)
      end
    end)
  end
end)

-- What of a plan becomes what. "launch": kept by the launcher, on every engine.
local PLAN = {
  version = "launch", session = "--label", name = "--name", name_origin = "origin",
  hostname = "hostname", profile = "--label", runtime = "launch", workspace = "cwd",
  files = "copy", agents = "launch", image = "image", command = "command", user = "user",
  mounts = "bind", env = "--env", labels = "--label", limits = "limit", network = "--network",
  security = "root", engine = "path", terminal = "--interactive", lease = "socket", keep = "--rm",
  detach = "launch", timeout_seconds = "launch", skipped = "launch", warnings = "launch",
  crossing = "socket", log_path = "launch",
}

describe("each part of a plan", function()
  it("is in the table", function()
    for _, options in ipairs({ {}, { detach = true, keep = true, timeout = 5, command = { "x" } } }) do
      local made = assert(plan.make(fixture.profile("small"), options, fixture.apple_facts()))
      for key in pairs(made) do assert.truthy(PLAN[key], key) end
    end
  end)

  it("becomes a flag or a line where the table says so", function()
    local got = try("1.2.2", {}, { agent = "claude" })
    for key, place in pairs(PLAN) do
      if place:find("^%-%-") then
        assert.truthy(has(got.flags, "\n" .. place .. "\n"), key)
      elseif place ~= "launch" and place ~= "origin" and place ~= "path" and place ~= "image"
        and place ~= "command" then
        assert.truthy(has(got.conf, "\n" .. place .. " "), key)
      end
    end
  end)

  it("never has a value joined to its option, nor a secret's value", function()
    local got = try("1.2.2", { secrets = { "API_KEY" } })
    for _, word in ipairs(got.argv) do
      assert.is_nil(word:find("^%-%-[%w-]+=[^=]"), word)
      assert.is_nil(word:find("canary", 1, true), word)
    end
    assert.is_nil(got.conf:find("canary", 1, true))
  end)
end)

describe("what a version has", function()
  it("of capabilities is asked for from 0.12.0 on", function()
    for _, version in ipairs(VERSIONS) do
      local got = try(version, {})
      assert.equal(order(version) >= 1200, has(got.flags, "\n--cap-add\nSYS_ADMIN\n"), version)
    end
  end)

  it("of sockets decides how lease and notifications cross", function()
    for _, version in ipairs(VERSIONS) do
      local got = try(version, {})
      local is_socket = order(version) >= 10100
      assert.equal(is_socket and "socket" or "tcp", got.plan.lease.mode, version)
      assert.equal(got.plan.lease.mode, got.plan.crossing.mode)
      assert.equal(is_socket, has(got.flags, "/lease.sock:/mnt/wrapix/s1\n"), version)
      assert.equal(is_socket, has(got.conf, "\nsocket /mnt/wrapix/s2 /run/wrapix/notify.sock\n"))
      assert.equal(not is_socket, has(got.conf, "\nlease GATEWAY PORT TOKEN\n"), version)
    end
  end)

  it("is refused before 0.9.0 and taken for the newest when it is newer", function()
    assert.truthy(has(try("0.8.0", {}).refused, "0.9.0 is the oldest"))
    local got = try("2.0.0", {})
    assert.truthy(has(got.plan.warnings[1].text, "newer than what wrapix knows"))
  end)

  it("runs on macOS 26 and later", function()
    local got = try("1.2.2", {}, {}, function(facts) facts.engine.macos = { 15, 6, 0 } end)
    assert.truthy(has(got.refused, "macOS: is 15.6"))
  end)
end)

describe("names, words and labels", function()
  it("of the container follow the CLI", function()
    assert.truthy(has(try("1.0.0", {}, { name = ("a"):rep(70) }).flags, ("a"):rep(70)))
    assert.truthy(has(try("1.2.0", {}, { name = ("a"):rep(64) }).refused, "longer than 63"))
    assert.truthy(has(try("1.2.0", {}, { name = "a" }).refused, "at least two"))
  end)

  it("that are no UTF-8 are refused, because Swift would change them", function()
    local got = try("1.2.2", {}, { command = { "x", "\xff" } })
    assert.truthy(has(got.refused, "word 2 holds bytes that are not UTF-8"))
    assert.truthy(has(try("1.2.2", {}, { env = { "A=\xfe" } }).refused, "A: its value"))
    got = try("1.2.2", { secrets = { "API_KEY" } }, {}, function(f) f.env.API_KEY = "\xff" end)
    assert.truthy(has(got.refused, "secrets"))
    assert.is_nil(got.refused:find("\xff", 1, true))
  end)

  it("of a workspace with '=' and ':' go round both", function()
    local function place(path)
      return function(facts)
        facts.workspace.path = path
        facts.fs.realpath = function(p) return p end
      end
    end
    local got = try("1.2.2", {}, {}, place("/home/joe/a=b%c"))
    flag("--label", "wrapix.workspace=/home/joe/a%3Db%25c")(got, "")
    flag("--volume", "/home/joe/a=b%c:/mnt/wrapix/1")(got, "")
    got = try("1.2.2", {}, {}, place("/home/joe/a:b"))
    flag("--mount", "type=bind,source=/home/joe/a:b,destination=/mnt/wrapix/1")(got, "")
    got = try("1.2.2", { fallback = true }, {}, place("/home/joe/a:b,c"))
    assert.truthy(has(got.refused, "workspace"), got.refused)
    assert.truthy(has(got.hint, "without ':'"), got.hint)
  end)

  it("of a socket with ':' are mended by no upgrade", function()
    local got = try("1.2.2", { mounts = { { source = "/srv/a:s", dest = "/s", mode = "rw" } } }, {},
      lies("socket", "/srv/a:s"))
    assert.truthy(has(got.refused, "mounts (x.lua"), got.refused)
    assert.equal("give it a path without ':', or fallback = { \"mounts\" } in the profile", got.hint)
  end)
end)

describe("the terminal", function()
  it("is asked for only with both ends, and never by a detached sandbox", function()
    assert.truthy(has(try("1.2.2", {}).flags, "\n--interactive\n--tty\n"))
    local got = try("1.2.2", {}, {}, function(facts) facts.stdin_tty = false end)
    assert.is_false(has(got.flags, "--tty"))
    assert.truthy(has(got.flags, "\n--interactive\n"))
    got = try("1.2.2", {}, { detach = true, command = { "sleep", "9" } })
    assert.is_false(has(got.flags, "--tty") or has(got.flags, "--interactive"))
    assert.is_false(has(got.flags, "--detach"))
  end)

  it("of a detached agent would have nobody at it", function()
    local got = try("1.2.2", {}, { detach = true, agent = "claude" })
    assert.truthy(has(got.refused, "--detach"), got.refused)
  end)
end)

describe("another engine's facts", function()
  it("are not taken for the one asked for", function()
    local made, message = plan.make(profile(), { runtime = "container" }, fixture.facts())
    assert.is_nil(made)
    assert.truthy(has(message, "container was asked for"))
    made, message = plan.make(profile(), { runtime = "docker" }, fixture.facts())
    assert.is_nil(made)
    assert.truthy(has(message, "is not known"))
  end)

  it("make the field fallback harmless with Podman", function()
    local made = assert(plan.make(profile({ fallback = true, limits = { cpus = 1.5 },
      dns = { "1.1.1.1" } }), {}, fixture.facts()))
    assert.equal("podman", made.runtime)
    local text = table.concat(require("wrapix.runtime.podman").argv(made), " ")
    assert.truthy(has(text, "--cpus 1.5"))
    assert.truthy(has(text, "--dns 1.1.1.1"))
  end)
end)

describe("commands about a container", function()
  local PLAN_OF = { name = "n1", engine = { path = "/c" }, workspace = { dest = "/workspace" } }

  it("are the CLI's own", function()
    assert.same({ "/c", "stop", "--time", "3", "n1" }, apple.stop_argv(PLAN_OF, 2.1))
    assert.same({ "/c", "kill", "--signal", "TERM", "n1" }, apple.kill_argv(PLAN_OF, "SIGTERM"))
    assert.same({ "/c", "delete", "--force", "n1" }, apple.remove_argv(PLAN_OF))
    assert.same({ "/c", "list", "--all", "--format", "json" }, apple.list_argv({ path = "/c" }))
    assert.same({ "/c", "system", "start", "--enable-kernel-install" },
      apple.service_argv({ path = "/c" }))
    assert.has_error(function() apple.kill_argv(PLAN_OF, "-9") end)
  end)

  it("run one more program through wrapix-vm", function()
    assert.same({ "/c", "exec", "--interactive", "--tty", "--user", "0:0", "--workdir", "/",
      "--env", "A=1", "n1", "/run/wrapix/bin/wrapix-vm", "--exec", "--cwd", "/tmp", "--", "--",
      "ls", "-l" }, apple.exec_argv(PLAN_OF, { "ls", "-l" },
      { stdin = true, tty = true, env = { "A=1" }, workdir = "/tmp" }))
    assert.same({ "/c", "exec", "--user", "0:0", "--workdir", "/", "n1",
      "/run/wrapix/bin/wrapix-vm", "--exec", "--", "--shell" }, apple.exec_argv(PLAN_OF))
  end)

  it("do not attach", function()
    local argv, reason = apple.attach_argv(PLAN_OF, {})
    assert.is_nil(argv)
    assert.truthy(has(reason, "cannot attach"))
  end)
end)
