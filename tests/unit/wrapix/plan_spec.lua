-- SPDX-License-Identifier: MIT
-- Specs of wrapix.plan: what a launch is decided to be on different hosts, and
-- what is refused with which hint. Whole plans are in plan_golden_spec.

local fixture = require "tests.unit.wrapix.plan_fixture"
local plan = require "wrapix.plan"
local podman = require "wrapix.runtime.podman"
local profiles = require "wrapix.profile"

local function profile(fields)
  fields.name = fields.name or "t"
  if not fields.image and not fields.base then fields.image = "localhost/i:1" end
  return assert(profiles.from_table(fields, { source = "t.lua", text = "return {}", dir = "/srv" }))
end

local function make(fields, options, change)
  local facts = fixture.facts()
  if change then change(facts) end
  return plan.make(profile(fields or {}), options or {}, facts)
end

local function made(...)
  local result, message = make(...)
  return assert(result, message)
end

local function refused(pattern, fields, options, change)
  local result, message, code, hint = make(fields, options, change)
  assert.is_nil(result)
  assert.matches(pattern, message)
  assert.is_string(code)
  return hint, code
end

local function find(list, name)
  for _, item in ipairs(list) do
    if item.name == name or item.dest == name or item.what == name then return item end
  end
end

describe("plan.make", function()
  it("is pure: the same input gives the same plan, and nothing given is changed", function()
    local given, facts = fixture.profile("shop"), fixture.facts()
    local options = { env = { "A=1" }, command = { "x" } }
    local before = { fixture.plan_text(given), fixture.plan_text(options) }
    local first = plan.make(given, options, facts)
    assert.same(first, plan.make(given, options, facts))
    assert.same(before, { fixture.plan_text(given), fixture.plan_text(options) })
    first.command.value[1] = "changed"
    assert.equal("x", options.command[1])
  end)

  it("looks origins up when they are read, in a plan that is to run", function()
    local given, facts = fixture.profile("shop"), fixture.facts()
    local late = plan.make(given, {}, facts, { runs = true })
    local shown = plan.make(given, {}, facts)
    assert.is_nil(rawget(late.image.origin, "text"))
    assert.is_string(rawget(shown.image.origin, "text"))
    assert.is_nil(getmetatable(shown.image.origin))
    assert.equal(fixture.flags_text(podman.flags(shown)), fixture.flags_text(podman.flags(late)))
    assert.equal(shown.image.origin.text, late.image.origin.text)
  end)

  it("raises on an option it does not know or of another type", function()
    assert.error_matches(function() make({}, { memroy = "4g" }) end, 'unknown option "memroy"')
    assert.error_matches(function() make({}, { env = "A=1" }) end, "env: table expected, got str")
  end)

  it("knows only podman", function()
    refused('^plan: %-%-runtime: "docker" is not known', {}, { runtime = "docker" })
    assert.equal("podman", made({}, { runtime = "podman" }).runtime)
  end)
end)

describe("name", function()
  it("is made of the workspace and the session", function()
    for path, name in pairs({
      ["/home/joe/My Project!"] = "wrapix-my-project-5f1e9a7c",
      ["/home/joe/..."] = "wrapix-workspace-5f1e9a7c",
      ["/home/joe/-x"] = "wrapix-x-5f1e9a7c",
      ["/home/joe/日本"] = "wrapix-workspace-5f1e9a7c",
      ["/home/joe/" .. ("a"):rep(99)] = "wrapix-" .. ("a"):rep(30) .. "-5f1e9a7c",
    }) do
      local got = made({}, {}, function(facts) facts.workspace.path = path end)
      assert.equal(name, got.name)
      assert.equal("wrapix", got.hostname)
    end
  end)

  it("refuses what the engine would not take", function()
    for _, name in ipairs({ "", "-x", ".x", "a b", "a/b", "ä", "a\n", ("x"):rep(129) }) do
      local hint, code = refused("%-%-name", {}, { name = name })
      assert.is_string(hint)
      assert.equal("EPLAN", code)
    end
  end)
end)

describe("image", function()
  it("comes from the option, then the profile, then the recipe", function()
    assert.equal("a:1", made({ image = "b:1" }, { image = "a:1" }).image.ref)
    assert.equal("b:1", made({ image = "b:1" }).image.ref)
    local built = made({ base = "debian:13", packages = { "git" } }).image
    assert.equal("localhost/wrapix-t:0123456789ab", built.ref)
    assert.same({ "git" }, built.recipe.packages)
    assert.is_nil(made({ base = "debian:13" }, { image = "a:1" }).image.recipe)
    local path = "/nix/store/" .. ("0"):rep(32) .. "-x"
    assert.same({ "git" }, made({ image = { nix = path }, packages = { "git" } }).image.recipe.packages)
  end)

  it("refuses what could be taken for a flag", function()
    for _, ref in ipairs({ "", "--privileged", "a b", "a\nb" }) do
      refused("is not an image reference", {}, { image = ref })
    end
  end)

  it("says so when there is none", function()
    refused("^plan: image: ", { base = "x" }, {}, function(facts)
      facts.image.recipe = function() return nil end
    end)
  end)
end)

describe("command", function()
  it("comes from the option, the profile, the agent", function()
    local all = { command = { "make" }, agent = "claude", shell = "export A=1" }
    assert.same({ "id" }, made(all, { command = { "id" } }).command.value)
    assert.same({ "make" }, made(all).command.value)
    assert.same({ "codex", "interactive" }, made(all, { agent = "codex" }).command.value)
    assert.same({ "claude", "--prompt=/run/wrapix/agents/prompt.md" },
      made({ agent = "claude" }).command.value)
    assert.same({ "--shell" }, made({ shell = "export A=1" }).command.value)
    assert.is_true(made({}).command.shell)
    assert.same({ "--shell" }, made({}, { command = {} }).command.value)
  end)

  it("refuses NUL bytes and other types", function()
    refused("word 2 of the command", {}, { command = { "a", "b\0c" } })
    refused("word 1 of the command", {}, { command = { 7 } })
  end)
end)

describe("terminal", function()
  it("is there only with a terminal on both sides", function()
    local cases = { { true, true, true }, { true, false, false }, { false, true, false } }
    for _, case in ipairs(cases) do
      local got = made({}, {}, function(facts)
        facts.stdin_tty, facts.stdout_tty = case[1], case[2]
      end)
      assert.equal(case[3], got.terminal.tty)
      assert.is_true(got.terminal.stdin)
      assert.equal(case[3] and "xterm-kitty" or "dumb", find(got.env, "TERM").value)
      assert.equal(case[3], find(got.env, "COLORTERM") ~= nil)
    end
  end)

  it("is watched where the profile asks for it, which says where", function()
    assert.is_nil(made({}, {}).terminal.watch)
    assert.is_nil(made({ notify = { terminal = false } }, {}).terminal.watch)
    local got = made({ notify = { terminal = true } }, {}).terminal
    assert.is_true(got.watch)
    assert.equal("profile", got.watch_origin.kind)
  end)

  it("is kept for whoever attaches when detached, else nothing is connected", function()
    local got = made({}, { detach = true }, function(facts)
      facts.stdin_tty, facts.stdout_tty = true, false
    end)
    assert.is_false(got.terminal.stdin)
    assert.is_false(got.terminal.tty)
    got = made({}, { detach = true }, function(facts)
      facts.stdin_tty, facts.stdout_tty = true, true
    end)
    assert.is_true(got.terminal.stdin)
    assert.is_true(got.terminal.tty)
  end)

  it("has a type that programs know", function()
    for _, term in ipairs({ "dumb", "", "a b", "x\ny" }) do
      local got = made({}, {}, function(facts) facts.env.TERM = term end)
      assert.equal("xterm-256color", find(got.env, "TERM").value)
    end
  end)
end)

describe("environment", function()
  it("lets options beat the profile, and the profile the defaults", function()
    local got = made({ env = { TZ = "UTC", A = "1", B = "1" } }, { env = { "A=2", "C=a=b" } })
    assert.equal("UTC", find(got.env, "TZ").value)
    assert.equal("2", find(got.env, "A").value)
    assert.equal("1", find(got.env, "B").value)
    assert.equal("a=b", find(got.env, "C").value)
    assert.equal("profile", find(got.env, "TZ").origin.kind)
  end)

  it("passes secrets by name, and those that are not there not at all", function()
    local got = made({ secrets = { "API_KEY", "GONE", "BLANK" } }, {}, function(facts)
      facts.env.BLANK = ""
    end)
    assert.is_true(find(got.env, "API_KEY").secret)
    assert.is_nil(find(got.env, "API_KEY").value)
    assert.is_nil(find(got.env, "GONE"))
    assert.is_nil(find(got.env, "BLANK"))
    assert.equal("is not set in the environment", find(got.skipped, "GONE").reason)
    assert.equal("is empty in the environment", find(got.skipped, "BLANK").reason)
    assert.same({}, got.warnings)
    assert.is_nil(fixture.plan_text(got):find("canary", 1, true))
  end)

  it("warns when a variable named on the command line is not there", function()
    local got = made({}, { env = { "GONE", "API_KEY" } })
    assert.equal(1, #got.warnings)
    assert.matches("^%-e GONE: is not set", got.warnings[1].text)
    assert.is_true(find(got.env, "API_KEY").secret)
  end)

  it("refuses names no program could use, and those the sandbox lives by", function()
    for _, text in ipairs({ "", "=x", "1A=x", "A B=x", "A-B", "A*", "Ä=1", "A\n=1" }) do
      refused("is not a variable name", {}, { env = { text } })
    end
    for _, name in ipairs({ "HOME", "WRAPIX", "WRAPIX_SESSION_ID", "WRAPIX_PROFILE" }) do
      refused(name .. " is set by wrapix", {}, { env = { name .. "=x" } })
      refused(name .. " is set by wrapix", {}, { env = { name } })
    end
    refused("NUL", {}, { env = { "A=b\0c" } })
  end)

  it("has nothing of the host but what is listed", function()
    local got = made({}, {}, function(facts)
      facts.env = { PATH = "/p", LANG = "de_DE.UTF-8", USER = "joe", SSH_AUTH_SOCK = "/s" }
    end)
    local names = {}
    for i, item in ipairs(got.env) do names[i] = item.name end
    assert.equal("GIT_AUTHOR_EMAIL GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL GIT_COMMITTER_NAME HOME "
      .. "LANG TERM TZ WRAPIX WRAPIX_PROFILE WRAPIX_SESSION_ID", table.concat(names, " "))
    assert.equal("C.UTF-8", find(got.env, "LANG").value)
  end)
end)

describe("limits", function()
  it("have defaults this host can bear", function()
    local got = made({}, {}, function(facts) facts.cpus, facts.memory_bytes = 1, 1 << 30 end)
    assert.equal(1, find(got.limits, "cpus").value)
    assert.equal(1 << 30, find(got.limits, "memory").value)
    got = made({}, {}, function(facts) facts.cpus = 3 end)
    assert.equal(2, find(got.limits, "cpus").value)
    assert.equal(4 << 30, find(got.limits, "memory").value)
  end)

  it("skip only what is not delegated, with one warning", function()
    local got = made({}, {}, function(facts) facts.cgroup.controllers = { memory = true } end)
    assert.is_table(find(got.limits, "memory"))
    assert.is_nil(find(got.limits, "cpus"))
    assert.is_table(find(got.skipped, "cpus=4"))
    assert.is_table(find(got.skipped, "pids=4096"))
    assert.equal(1, #got.warnings)
    assert.matches("^no limit on cpus, pids: the controller is not delegated", got.warnings[1].text)
    assert.matches("Delegate=", got.warnings[1].hint)
    assert.is_table(find(got.limits, "nproc"))
  end)

  it("bound the tmpfs mounts even where memory cannot be limited", function()
    local got = made({}, { memory = "64m" }, function(facts) facts.cgroup.controllers = {} end)
    assert.equal("memory=64m", got.skipped[2].what)
    assert.equal(32 << 20, find(got.mounts, "/tmp").size)
    assert.equal(8 << 20, find(got.mounts, "/run").size)
    assert.equal(1 << 20, find(made({}, { memory = 1024 }).mounts, "/tmp").size)
  end)

  it("never ask for more than the launcher may set", function()
    local got = made({}, {}, function(facts)
      facts.limits.nofile.hard, facts.limits.nproc.hard = math.huge, 1000
    end)
    assert.equal(1048576, find(got.limits, "nofile").value)
    assert.equal(1000, find(got.limits, "nproc").value)
    assert.equal("host", find(got.limits, "nproc").origin.kind)
  end)

  it("name the option and the value that cannot be read", function()
    refused("^plan: %-%-memory: memory: lots is not a size", {}, { memory = "lots" })
    refused("^plan: %-%-cpus: cpus: 0 is out of range", {}, { cpus = 0 })
    refused("^plan: %-%-pids: pids: %-1 ", {}, { pids = -1 })
    refused("^plan: %-%-timeout: timeout: soon is not a duration", {}, { timeout = "soon" })
  end)

  it("has no timeout unless one is asked for", function()
    assert.is_nil(made({}).timeout_seconds)
    assert.is_nil(find(made({}).limits, "timeout"))
    assert.equal(300, made({ limits = { timeout = "5m" } }).timeout_seconds)
    assert.equal(2, made({ limits = { timeout = "5m" } }, { timeout = 2 }).timeout_seconds)
  end)
end)

describe("mounts", function()
  it("start at the profile's file, or at the current directory", function()
    local fields = { mounts = { { source = "lib", dest = "/lib1" } } }
    local got = made(fields, { mounts = { "data:/d" } })
    assert.equal("/srv/lib", find(got.mounts, "/lib1").source)
    assert.equal("/home/joe/shop/data", find(got.mounts, "/d").source)
  end)

  it("are refused before anything is touched", function()
    local lib = { source = "/srv/lib", dest = "/x" }
    refused("/srv/none", { mounts = { { source = "/srv/none", dest = "/x" } } })
    refused("two mounts at one place", { mounts = { lib } }, { mounts = { "/srv/lib:/x" } })
    refused("two mounts at one place", { mounts = { lib }, writable = { "/x" } })
    local hint = refused("no destination", {}, { mounts = { "/srv/lib" } })
    assert.matches("SRC:DST", hint)
    refused("home directory", {}, { mounts = { "~:/x" } }, function(facts)
      facts.fs.realpath = function(path) return path end
    end)
  end)

  it("give the user every directory above a mount point in a tmpfs", function()
    local spec = { source = "/srv/lib", dest = "~/.a/b/c" }
    local got = made({ mounts = { spec }, writable = { "~/.a/b" } })
    assert.equal("tmpfs", find(got.mounts, "/home/wrapix/.a").type)
    assert.is_true(find(got.mounts, "/home/wrapix/.a").owned)
    local count = 0
    for i, mount in ipairs(got.mounts) do
      count = count + (mount.dest == "/home/wrapix/.a/b" and 1 or 0)
      if mount.dest == "/home/wrapix/.a/b/c" then assert.equal(#got.mounts, i) end
    end
    assert.equal(1, count)
  end)

  it("leave directories inside a bind alone", function()
    local got = made({ mounts = { { source = "/srv/lib", dest = "/workspace/a/b" } } })
    assert.is_nil(find(got.mounts, "/workspace/a"))
  end)
end)

describe("workspace", function()
  local function at(path) return function(facts) facts.workspace.path = path end end

  it("is never the home directory, what holds it, or the whole host", function()
    for _, path in ipairs({ "/", "/home", "/home/joe", "/proc/1", "/run/user/1000/wrapix" }) do
      local hint = refused("cannot be a workspace", {}, {}, at(path))
      assert.matches("%-C DIR", hint)
    end
  end)

  it("has a path the engine can pass on", function()
    refused("UTF%-8", {}, {}, at("/home/joe/\xff"))
    assert.equal("/home/joe/a b,c:d", made({}, {}, at("/home/joe/a b,c:d")).workspace.source)
  end)
end)

describe("network", function()
  local function with(changes)
    return function(facts)
      for key, value in pairs(changes) do
        facts.engine[key] = value or nil
      end
    end
  end

  it("picks what this Podman can do", function()
    local cases = {
      { { version = { 5, 4, 2 } }, "pasta" },
      { { version = { 4, 4, 0 } }, "pasta" },
      { { version = { 4, 3, 1 } }, "slirp4netns" },
      { { version = { 5, 4, 2 }, pasta = false }, "slirp4netns" },
      { { version = { 6, 0, 0 } }, "pasta" },
      { { version = { 10, 0, 0 } }, "pasta" },
      { { rootless = false }, "bridge" },
    }
    for _, case in ipairs(cases) do
      local got = made({}, {}, with(case[1]))
      assert.equal(case[2], got.network.backend)
      local notices = 0
      for _, warning in ipairs(got.warnings) do
        notices = notices + (warning.text:find("^network:") and 1 or 0)
      end
      assert.equal(case[2] == "slirp4netns" and 1 or 0, notices)
    end
  end)

  it("fails with the package to install", function()
    assert.equal("apt install passt",
      refused("pasta is missing", {}, {}, with({ version = { 6, 0, 0 }, pasta = false })))
    assert.equal("apt install slirp4netns",
      refused("slirp4netns is missing", {}, {},
        with({ version = { 4, 3, 1 }, slirp4netns = false })))
  end)

  it("needs the tun device only for an open network without root", function()
    local function closed(facts) facts.tun_readable = false end
    assert.matches("chmod 666 /dev/net/tun", refused("/dev/net/tun", {}, {}, closed))
    assert.equal("none", made({}, { network = "none" }, closed).network.backend)
    assert.equal("bridge", made({}, {}, function(facts)
      facts.tun_readable, facts.engine.rootless = false, false
    end).network.backend)
  end)

  it("names the words it knows", function()
    refused('network "host" is not known %(known: open, none%)', {}, { network = "host" })
  end)
end)

describe("security", function()
  it("fails closed without a seccomp profile", function()
    local function without(facts)
      facts.engine.seccomp_path, facts.engine.seccomp_base = nil, nil
    end
    assert.matches("containers%-common", refused("seccomp", {}, {}, without))
    refused("seccomp", { userns = true }, {}, without)
    refused("allows by default", {}, {}, function(facts)
      facts.engine.seccomp_path, facts.engine.seccomp_problem = nil, "/x: allows by default"
    end)
    refused("cannot filter system calls", {}, {}, function(facts) facts.engine.seccomp = false end)
  end)

  it("is widened only by the profile's own words", function()
    local got = made({}).security
    assert.same({ "all", true, true, false },
      { got.cap_drop, got.no_new_privileges, got.read_only, got.userns })
    assert.matches("seccomp%-1%.json$", got.seccomp)
    assert.equal("/usr/share/containers/seccomp.json", made({ userns = true }).security.seccomp)
    assert.is_false(made({ read_only = false }).security.read_only)
    assert.is_true(made({ read_only = true }).security.read_only)
  end)

  it("says what SELinux loses", function()
    local got = made({}, {}, function(facts) facts.engine.selinux = true end)
    assert.equal("disable", got.security.label)
    assert.is_table(find(got.skipped, "SELinux separation"))
  end)
end)

describe("quirks", function()
  it("uses runc where crun cannot work, or says how to get it", function()
    local function hybrid(facts) facts.cgroup.v2_busy = true end
    assert.equal("/usr/sbin/runc", made({}, {}, hybrid).engine.oci_runtime)
    assert.is_nil(made({}).engine.oci_runtime)
    assert.equal("apt install runc", refused("hybrid cgroups", {}, {}, function(facts)
      hybrid(facts)
      facts.runc = nil
    end))
    assert.is_nil(made({}, {}, function(facts)
      hybrid(facts)
      facts.engine.oci_runtime = { name = "runc" }
    end).engine.oci_runtime)
  end)

  it("uses runc where crun loses mount flags, or says what is lost", function()
    local function crun(version, runc, rootless)
      return made({}, {}, function(facts)
        facts.engine.oci_runtime.version, facts.runc = version, runc
        facts.engine.rootless = rootless ~= false
      end)
    end
    for _, version in ipairs({ "1.8.1", "1.11", "1.11.0", "0.17" }) do
      assert.equal("/r", crun(version, "/r").engine.oci_runtime)
      assert.is_table(find(crun(version, nil).skipped, "nosuid on writable mounts"))
    end
    for _, version in ipairs({ "1.11.1", "1.12", "1.21", "2.0", "unknown" }) do
      assert.is_nil(crun(version, "/r").engine.oci_runtime)
      assert.same({}, crun(version, nil).skipped)
    end
    assert.is_nil(crun("1.8.1", "/r", false).engine.oci_runtime)
  end)

  it("says how to get subordinate ids", function()
    local hint = refused("joe: has no range", {}, {}, function(facts) facts.subuid = false end)
    assert.equal("sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 joe", hint)
  end)

  it("warns once and loudly as root, and takes the workspace's owner", function()
    local function root(uid)
      return function(facts)
        facts.engine.rootless, facts.subuid, facts.workspace.uid = false, false, uid
      end
    end
    local got = made({}, {}, root(1234))
    assert.same({ "direct", 1234 }, { got.user.mode, got.user.uid })
    assert.equal(1, #got.warnings)
    assert.matches("^running as root", got.warnings[1].text)
    assert.matches("uid 0 as well", made({}, {}, root(0)).warnings[1].text)
  end)
end)
