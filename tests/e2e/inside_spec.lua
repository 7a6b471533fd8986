-- SPDX-License-Identifier: MIT
-- What a sandbox looks like from inside, line by line of the contract: user,
-- workspace, file systems, /run/wrapix, environment, labels.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local json = require("wrapix.json")

local GIB, MIB = 1 << 20, 1 << 10 -- in the kilobytes of df

-- One sandbox answers most of the specs; each is a subshell in it.
local QUESTIONS = {
  id = "id -u; id -un; id -g",
  passwd = "grep '^wrapix:' /etc/passwd; whoami",
  home = 'echo "$HOME"; cd; pwd; stat -c "%a %u %g" /home/wrapix; touch ~/x ~/.y && mkdir -p ~/a/b',
  cwd = "pwd",
  hostname = "hostname",
  workspace = "touch file && mkdir -p dir/sub && echo x >dir/sub/y && stat -c '%u %g' file dir",
  mounts = "cat /proc/self/mounts",
  capabilities = "grep -E '^(Cap|NoNewPrivs)' /proc/self/status; echo; grep Cap /proc/1/status",
  seccomp = "grep '^Seccomp:' /proc/self/status",
  etc = "touch /etc/x",
  usr = "touch /usr/x /bin/x",
  root = "touch /x; mkdir /y",
  etc_passwd = "echo x >>/etc/passwd",
  temps = "for d in /tmp /var/tmp /run /home/wrapix; do touch $d/w && stat -c '%n %a %u' $d; done",
  sizes = "for d in /tmp /var/tmp /run /home/wrapix; do df -k $d | tail -n 1; done",
  shm = "touch /dev/shm/x && df -k /dev/shm | tail -n 1",
  path = 'echo "$PATH"; which wrapix-init; ls /run/wrapix/bin',
  own_dir = "ls -A /run/wrapix; touch /run/wrapix/x; rm /run/wrapix/context.json; "
    .. "mv /run/wrapix/out /run/wrapix/o2; touch /run/wrapix/bin/x",
  out = "echo hello >/run/wrapix/out/file && cat /run/wrapix/out/file",
  context = "cat /run/wrapix/context.json",
  env = "env -0 2>/dev/null | tr '\\0' '\\n' || env",
  devices = "ls /dev",
  processes = "ls /proc | grep '^[0-9]' | head -n 1; tr '\\0' ' ' </proc/1/cmdline",
  interfaces = "ls /sys/class/net",
  secret_file = "cat /host-secret; find / -name 'canary-of-the-host*' 2>/dev/null",
  limits = "ulimit -n; ulimit -u 2>/dev/null || ulimit -p",
  core = "ulimit -c",
}

-- A host environment with much in it that is nobody's business.
local ODD = {
  http_proxy = "http://proxy.invalid:1", HTTPS_PROXY = "http://proxy.invalid:2",
  no_proxy = "invalid", FTP_PROXY = "x", ALL_PROXY = "socks5://proxy.invalid",
  ODD_HOST_VARIABLE = "odd", AWS_SECRET_ACCESS_KEY = "not-for-you", SSH_AUTH_SOCK = "/tmp/agent",
  DISPLAY = ":7", DBUS_SESSION_BUS_ADDRESS = "unix:path=/nonexistent", NOTIFY_SOCKET = "/nonexist",
  LANG = "xx_XX", LC_ALL = "C", EDITOR = "odd", WRAPIX_TEST_ODD = "odd", container = "host",
  LD_PRELOAD = false, TERM = "odd-term", COLORTERM = "truecolor", TZ = "Asia/Tokyo",
  BASH_ENV = "/nonexistent", ENV = "/nonexistent", PS1 = "odd", CDPATH = "/", HOSTNAME = "odd",
}

describe("inside a sandbox", function()
  local found, dir

  setup(function()
    dir = e2e.dir()
    e2e.file(e2e.tmp .. "/canary-of-the-host.txt", "secret")
    found = e2e.sections(QUESTIONS, { dir = dir, env = ODD })
  end)

  teardown(e2e.assert_clean)

  local function out(name) return found[name].out end

  it("is started without a complaint of the engine", function()
    assert.equal(0, found.result.code)
    for line in found.result.stderr:gmatch("[^\n]+") do
      assert.truthy(line:match("^wrapix: ") or line:match("^hint: "), line)
    end
  end)

  it("has the user wrapix with the ids of the host's user", function()
    assert.equal(("%d\nwrapix\n%d"):format(e2e.uid, e2e.gid), out("id"))
    local entry = ("wrapix:*:%d:%d::/home/wrapix:/bin/sh"):format(e2e.uid, e2e.gid)
    assert.equal(entry .. "\nwrapix", out("passwd"))
  end)

  it("has a home of its own that it can write", function()
    local text = "/home/wrapix\n/home/wrapix\n700 %d %d"
    assert.equal(text:format(e2e.uid, e2e.gid), out("home"))
    assert.equal(0, found.home.code)
  end)

  it("starts in /workspace", function() assert.equal("/workspace", out("cwd")) end)

  it("is called wrapix", function() assert.equal("wrapix", out("hostname")) end)

  it("makes files and directories of the host's user", function()
    local pair = ("%d %d"):format(e2e.uid, e2e.gid)
    assert.equal(pair .. "\n" .. pair, out("workspace"))
    for _, name in ipairs({ "file", "dir", "dir/sub", "dir/sub/y" }) do
      local stat = assert(fs.lstat(dir .. "/" .. name))
      assert.same({ e2e.uid, e2e.gid }, { stat.uid, stat.gid }, name)
    end
  end)

  local function options_of(dest)
    for line in out("mounts"):gmatch("[^\n]+") do
      local at, kind, options = line:match("^%S+ (%S+) (%S+) (%S+)")
      if at == dest then return "," .. options .. ",", kind end
    end
    error("nothing is mounted at " .. dest)
  end

  it("has the workspace read-write, nosuid and nodev", function()
    local options = options_of("/workspace")
    assert.truthy(options:find(",rw,", 1, true))
    assert.truthy(options:find(",nosuid,", 1, true), options)
    assert.truthy(options:find(",nodev,", 1, true), options)
  end)

  it("has no capability in any set, PID 1 neither", function()
    local zero = "0000000000000000"
    for _, block in ipairs({ out("capabilities"), out("capabilities"):match("\n\n(.*)") }) do
      for _, set in ipairs({ "Inh", "Prm", "Eff", "Bnd", "Amb" }) do
        assert.equal(zero, block:match("Cap" .. set .. ":%s*(%x+)"), set)
      end
    end
  end)

  it("can gain no privileges", function()
    assert.equal("1", out("capabilities"):match("NoNewPrivs:%s*(%d)"))
    assert.equal("2", out("seccomp"):match("(%d)"))
  end)

  it("has a read-only root file system", function()
    assert.truthy(options_of("/"):find(",ro,", 1, true))
    for _, name in ipairs({ "etc", "usr", "root" }) do
      assert.truthy(out(name):find("Read-only file system", 1, true), name .. ": " .. out(name))
      assert.not_equal(0, found[name].code, name)
    end
  end)

  it("cannot change its user database", function()
    assert.not_equal(0, found.etc_passwd.code)
  end)

  it("can write its tmpfs mounts, with the modes they should have", function()
    assert.equal(0, found.temps.code)
    local uid = e2e.uid
    assert.equal(("/tmp 1777 %d\n/var/tmp 1777 %d\n/run 755 %d\n/home/wrapix 700 %d")
      :format(uid, uid, uid, uid), out("temps"))
    for _, dest in ipairs({ "/tmp", "/var/tmp", "/run", "/home/wrapix" }) do
      local options, kind = options_of(dest)
      assert.equal("tmpfs", kind)
      assert.truthy(options:find(",nosuid,", 1, true), options)
    end
  end)

  it("has tmpfs mounts that are bounded", function()
    local sizes = {}
    for size, dest in out("sizes"):gmatch("(%d+) +%d+ +%d+ +%d+%% (%S+)") do
      sizes[dest] = tonumber(size)
    end
    assert.same({ ["/tmp"] = 2 * GIB, ["/var/tmp"] = GIB, ["/run"] = 64 * MIB,
      ["/home/wrapix"] = 2 * GIB }, sizes)
    assert.equal(0, found.shm.code)
    assert.truthy(tonumber(out("shm"):match("%s(%d+)")) <= 64 * MIB)
  end)

  it("has its helpers first on PATH", function()
    assert.equal("/run/wrapix/bin", out("path"):match("^([^:]*):"))
    assert.truthy(out("path"):find("\n/run/wrapix/bin/wrapix-init\n", 1, true))
  end)

  it("cannot change /run/wrapix", function()
    local there = { bin = true, out = true, ["context.json"] = true, ["lease.sock"] = true,
      ["notify.sock"] = true, ["notify.token"] = true }
    for line in out("own_dir"):gmatch("[^\n]+") do
      assert.truthy(there[line] or line:find("Read-only file system", 1, true)
        or line:find("busy", 1, true), line)
    end
    assert.not_equal(0, found.own_dir.code)
  end)

  it("can write to /run/wrapix/out", function()
    assert.equal("hello", out("out"))
  end)

  it("is told what it is by context.json", function()
    local context = assert(json.decode(out("context")))
    assert.equal("/workspace", context.workspace)
    assert.equal("open", context.network)
    assert.is_true(context.read_only)
    assert.same({ name = "wrapix", uid = e2e.uid, gid = e2e.gid, home = "/home/wrapix" },
      context.user)
    local modes = {}
    for _, mount in ipairs(context.mounts) do modes[mount.dest] = mount.mode end
    assert.same({ ["/workspace"] = "rw", ["/run/wrapix"] = "ro", ["/run/wrapix/out"] = "rw",
      ["/run/wrapix/bin"] = "ro", ["/tmp"] = "rw", ["/var/tmp"] = "rw", ["/run"] = "rw",
      ["/home/wrapix"] = "rw" }, modes)
  end)

  it("has the environment of the contract and nothing else of the host's", function()
    local env = {}
    for name, value in out("env"):gmatch("([%w_]+)=([^\n]*)") do env[name] = value end
    assert.truthy(env.WRAPIX_SESSION_ID:match("^%x+$"))
    env.WRAPIX_SESSION_ID = nil
    for _, name in ipairs({ "OLDPWD", "SHLVL", "PWD", "_" }) do env[name] = nil end -- the shell's
    assert.same({
      WRAPIX = "1", WRAPIX_PROFILE = "base", HOME = "/home/wrapix", TERM = "dumb",
      LANG = "C.UTF-8", TZ = "Asia/Tokyo", GIT_AUTHOR_NAME = "wrapix",
      GIT_AUTHOR_EMAIL = "wrapix@localhost", GIT_COMMITTER_NAME = "wrapix",
      GIT_COMMITTER_EMAIL = "wrapix@localhost",
      -- The engine's own.
      container = "podman", HOSTNAME = "wrapix",
      PATH = "/run/wrapix/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    }, env)
  end)

  it("has no device but the harmless ones", function()
    local known = {}
    for name in ("console core fd full mqueue null ptmx pts random shm stderr stdin stdout tty "
      .. "urandom zero"):gmatch("%S+") do known[name] = true end
    for name in out("devices"):gmatch("%S+") do assert.truthy(known[name], name) end
  end)

  it("sees its own processes only, wrapix-init being the first", function()
    assert.equal("1", out("processes"):match("^(%d+)\n"))
    assert.truthy(out("processes"):find("/run/wrapix/bin/wrapix-init -- sh -c", 1, true))
  end)

  it("does not see a file of the host", function()
    assert.truthy(out("secret_file"):find("No such file", 1, true))
    assert.falsy(out("secret_file"):find("canary", 1, true))
  end)

  it("may open at least 1024 files", function()
    assert.truthy(tonumber(out("limits"):match("^(%d+)")) >= 1024)
  end)
end)

describe("a running sandbox", function()
  after_each(e2e.assert_clean)

  it("shows what it writes to /run/wrapix/out, and is labelled", function()
    local dir = e2e.dir()
    local running <close> = e2e.start({ "sh", "-c",
      "echo here >/run/wrapix/out/note; echo up; while [ ! -e end ]; do sleep 0.1; done" },
      { dir = dir })
    assert.equal("up", running.stdout:read_line())
    local sessions = assert(fs.list(e2e.sessions))
    assert.equal(1, #sessions)
    local session = e2e.sessions .. "/" .. sessions[1]
    assert.equal("here\n", assert(fs.read(session .. "/run/out/note")))
    assert.equal(e2e.uid, assert(fs.stat(session .. "/run/out/note")).uid)
    assert.equal(tonumber("700", 8), assert(fs.stat(e2e.runtime_dir)).mode)
    local name = e2e.podman("ps", "--format", "{{.Names}}")
    assert.truthy(name:match("^wrapix%-project%-%x+$"), name)
    local details = assert(json.decode(e2e.podman("inspect", name)))[1]
    local labels = details.Config.Labels
    assert.equal(sessions[1], labels["wrapix.session"])
    assert.equal(fs.realpath(dir), labels["wrapix.workspace"])
    assert.equal("base", labels["wrapix.profile"])
    local boot, pid, start = labels["wrapix.owner"]:match("^([^:]+):(%d+):(%d+)$")
    local sys = require("wrapix.sys")
    assert.equal(sys.boot_id(), boot)
    assert.equal(running:pid(), tonumber(pid))
    assert.equal(sys.process_start(running:pid()), start)
    e2e.file(dir .. "/end", "")
    assert.equal(0, running:wait().code)
    assert.is_nil(fs.stat(session))
  end)
end)
