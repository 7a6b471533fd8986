-- SPDX-License-Identifier: MIT
-- `wrapix builder` as a program, with doubles of podman and of ssh: what is said and done
-- in each state the container can be in, and what a crash or a mistake leaves.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local net = require("wrapix.net")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")
local worlds = require("support.world")

local w

local function free_port()
  local server = assert(net.listen_tcp("127.0.0.1", 0))
  local port = server:port()
  server:close()
  return port
end

local function configure(more)
  w:write("config/wrapix/builder.lua",
    ("return { port = %d, image = %q, %s }"):format(w.port, worlds.image, more or ""))
end

local function program(name, text)
  local path = w:write("bin/" .. name, text)
  assert(fs.chmod(path, 493))
end

before_each(function()
  w = worlds.new()
  w.port = free_port()
  configure()
  assert(fs.ensure_dir(w.dir .. "/podman/builder"))
  assert(fs.ensure_dir(w.dir .. "/bin"))
  assert(fs.symlink(WRAPIX_ROOT .. "/tests/support/builder_ssh", w.dir .. "/bin/ssh"))
  -- No Nix of this machine is asked.
  program("nix", "#!/bin/sh\nexit 0\n")
  w.env.PATH = w.dir .. "/bin:" .. w.env.PATH
  w.env.WRAPIX_PODMAN = WRAPIX_ROOT .. "/tests/support/builder_podman"
  w.env.BUILDER_FAKE_PODMAN = worlds.fake_podman
end)
after_each(function() w:close() end)

local function double(name, text) w:write("podman/builder/" .. name, text) end

local function run(...) return w:run({ "builder", ... }) end

local function must(...)
  local result = run(...)
  assert.equal(0, result.code, result.stderr)
  return result.stdout, result.stderr
end

local function refused(result, ...)
  assert.equal(125, result.code, result.stdout .. result.stderr)
  for _, text in ipairs({ ... }) do
    assert.truthy(result.stderr:find(text, 1, true), result.stderr)
  end
end

local function keys() return w.dir .. "/data/wrapix/builder/keys" end

describe("wrapix builder start", function()
  it("makes keys and container, waits for the greeting, and the second finds it", function()
    local out = must("start")
    assert.equal(("wrapix-builder is ready: 127.0.0.1:%d\n"):format(w.port), out)
    assert.equal(tonumber("700", 8), fs.lstat(keys()).mode)
    local run_dir = w.dir .. "/data/wrapix/builder/run"
    assert.equal(tonumber("700", 8), fs.lstat(run_dir).mode)
    -- The container has a copy by then.
    assert.is_false(fs.exists(run_dir .. "/host_key"))
    out = must("start")
    assert.equal(("wrapix-builder runs already: 127.0.0.1:%d\n"):format(w.port), out)
    local calls = assert(fs.read(w.dir .. "/podman/builder/calls"))
    assert.equal(1, select(2, calls:gsub("\nrun ", "")))
    assert.truthy(calls:find(("--publish 127.0.0.1:%d:22 "):format(w.port), 1, true))
    assert.truthy(calls:find("--cap-drop=all", 1, true))
  end)

  it("shows how the filling goes", function()
    double("run.logs", "wrapix-builder: fill: /nix is new: 9 paths\nwrapix-builder: fill: 9 of 9 paths\n"
      .. "wrapix-builder: serving\n")
    local _, said = must("start")
    assert.truthy(said:find("note: fill: 9 of 9 paths", 1, true), said)
  end)

  it("starts a stopped one anew", function()
    must("start")
    must("stop")
    local _, said = must("start")
    assert.truthy(said:find("it was stopped; what it built is kept", 1, true), said)
  end)

  it("tells that the settings changed, and a restart takes them", function()
    must("start")
    configure("cpus = 1, max_jobs = 7")
    local out, said = must("start")
    assert.truthy(out:find("runs already", 1, true))
    assert.truthy(said:find("it was started with other settings", 1, true), said)
    assert.is_true(json.decode(run("status", "--json").stdout).stale)
    must("restart")
    assert.is_false(json.decode(run("status", "--json").stdout).stale)
    assert.truthy(fs.read(w.dir .. "/data/wrapix/builder/run/nix.conf"):find("max-jobs = 7", 1, true))
  end)

  it("names who has the port", function()
    local server <close> = assert(net.listen_tcp("127.0.0.1", w.port))
    assert.is_truthy(server)
    refused(run("start"), ("builder: port %d: process %d ("):format(w.port, sys.pid()),
      "hint: end it, or set another port in ")
  end)

  it("tells a full disk, a broken database and an image that is none apart", function()
    double("run.state", "exited")
    for text, wanted in pairs({
      ["full: copy /nix/store/x"] = "the disk is full (copy /nix/store/x)\nhint: free some space",
      ["database: ask the database of /nix"] = "wrapix builder reset` begins anew",
      ["image: the image has no sshd"] = "the image has no sshd\nhint: set another image",
      ["daemon: nix-daemon ended"] = "nix-daemon ended\nhint: `wrapix builder logs`",
    }) do
      double("run.logs", "wrapix-builder: failed: " .. text .. "\n")
      refused(run("start"), wanted)
      must("stop")
    end
    double("run.logs", "something\n")
    refused(run("start"), "its container ended: status 70")
  end)

  it("gives up when nothing moves", function()
    configure("ready_within = 1")
    double("run.logs", "nothing of ours\n")
    refused(run("start"), "nothing moved for 1 seconds", "hint: `wrapix builder logs`")
  end)

  it("says at once what no waiting mends", function()
    must("start")
    for mode, wanted in pairs({ hostkey = "answers with another host key",
      denied = "does not take the client's key" }) do
      double("ssh", mode)
      refused(run("start"), wanted, "hint: `wrapix builder restart`")
      local status = run("status", "--json")
      assert.equal(1, status.code)
      assert.equal(wanted, json.decode(status.stdout).problem)
    end
  end)

  it("says what the engine said, in our words where there are some", function()
    double("run.fail", "Error: copying: no space left on device\n")
    refused(run("start"), "builder: start: the disk is full", "hint: free some space")
    double("run.fail", "Error: something new\n")
    refused(run("start"), "builder: start: Error: something new")
  end)

  it("leaves a container of somebody else alone", function()
    double("state", "running")
    double("label", "")
    double("image", "x")
    for _, words in ipairs({ { "start" }, { "stop" }, { "restart" }, { "reset", "--yes" } }) do
      refused(run(table.unpack(words)), "was not made by wrapix", "podman rm wrapix-builder")
    end
    assert.equal("running", fs.read(w.dir .. "/podman/builder/state"))
  end)

  it("is one at a time", function()
    local held <close> = assert(fs.ensure_dir(w.dir .. "/data/wrapix/builder"))
      and assert(fs.lock(w.dir .. "/data/wrapix/builder/lock"))
    local running <close> = w:start({ "builder", "start" })
    local said = running.stderr:read()
    assert.truthy(said:find("waiting for another wrapix-builder command", 1, true), said)
    held:close()
    local result = w:finish(running)
    assert.equal(0, result.code, result.stderr)
  end)
end)

describe("wrapix builder start that is interrupted", function()
  it("ends with the signal's status, and the next one goes on where it was", function()
    double("ssh", "silent")
    local key = w.dir .. "/data/wrapix/builder/run/host_key"
    local running <close> = w:start({ "builder", "start" })
    worlds.wait_until("the greeting", function()
      return fs.exists(w.dir .. "/podman/builder/ssh.calls")
    end)
    w:signal(running, "INT")
    local result = w:finish(running)
    assert.equal(130, result.code, result.stderr)
    assert.equal(tonumber("600", 8), fs.lstat(key).mode)
    assert.equal(fs.read(keys() .. "/host"), fs.read(key))
    double("ssh", "")
    assert.truthy(must("start"):find("runs already", 1, true))
    assert.is_false(fs.exists(key))
    assert.equal(1, select(2, fs.read(w.dir .. "/podman/builder/calls"):gsub("\nrun ", "")))
  end)
end)

describe("what setup writes as root", function()
  it("goes through sudo, beside its place first, with the mode the file had", function()
    program("sudo", ('#!/bin/sh\necho "$1" >>%s/sudo.calls\nexec "$@"\n'):format(w.dir))
    local script = w:write("apply.lua", ([[
      local setup = require("wrapix.builder.setup")
      local file = ...
      local function edits(lines, is_removal)
        return assert(setup.plan({ { path = file, lines = lines, mode = 420 } }, is_removal))
      end
      local function always() return true end
      assert(setup.apply(edits({ "a" }), always))
      assert(setup.apply(edits({ "b" }), always))
      io.write(assert(io.open(file)):read("a"))
      assert(setup.apply(edits({}, true), always))
      assert(not io.open(file))
    ]]))
    local result = w:run({ "--run", script, w.dir .. "/etc/ssh/x.conf" })
    assert.equal(0, result.code, result.stderr)
    assert.matches("^# >>> wrapix%-builder.-\nb\n# <<<", result.stdout)
    assert.equal("mkdir\ninstall\nmv\nmkdir\ninstall\nmv\nrm\n", fs.read(w.dir .. "/sudo.calls"))
    assert.same({}, fs.list(w.dir .. "/etc/ssh"))
  end)

  it("says so when sudo refuses", function()
    program("sudo", "#!/bin/sh\nexit 1\n")
    local script = w:write("apply.lua", ([[
      local setup = require("wrapix.builder.setup")
      local edits = assert(setup.plan({ { path = ..., lines = { "a" }, mode = 420 } }, false))
      print(select(2, setup.apply(edits, function() return true end)))
    ]]))
    local result = w:run({ "--run", script, w.dir .. "/etc/x" })
    assert.truthy(result.stdout:find("sudo mkdir: failed with status 1", 1, true), result.stdout)
    assert.is_false(fs.exists(w.dir .. "/etc/x"))
  end)
end)

describe("the keys of a builder", function()
  it("are whole or not there, whenever their making is killed", function()
    local real = assert(sys.which("ssh-keygen", os.getenv("PATH")))
    for passes = 0, 1 do
      program("ssh-keygen", ("#!/bin/sh\nn=$(cat %s/n 2>/dev/null || echo 0)\necho $((n + 1)) >%s/n\n"
        .. "[ $n -lt %d ] || { touch \"$(echo \"$*\" | sed 's/.*-f //')\"; kill -KILL $PPID; exit 1; }\n"
        .. "exec %s \"$@\"\n"):format(w.dir, w.dir, passes, real))
      fs.unlink(w.dir .. "/n")
      local result = run("start")
      assert.equal(9, result.signal)
      assert.is_false(fs.exists(keys()))
    end
    assert(fs.unlink(w.dir .. "/bin/ssh-keygen"))
    must("start")
    assert.same({ "keys", "known_hosts", "lock", "nix", "run" },
      fs.list(w.dir .. "/data/wrapix/builder"))
  end)

  it("that are broken are named, with what mends them", function()
    must("start")
    local file = keys() .. "/client"
    local whole, public = assert(fs.read(file)), assert(fs.read(keys() .. "/host.pub"))
    local private = { mode = tonumber("600", 8) }
    assert(fs.chmod(file, tonumber("640", 8)))
    refused(run("start"), "keys/client: can be read by others (mode 640)", "hint: chmod 600 ")
    assert(fs.write_atomic(file, "nonsense\n", private))
    refused(run("start"), "keys/client: cannot be used", "hint: `wrapix builder reset --keys`")
    assert(fs.write_atomic(file, whole, private))
    assert(fs.write_atomic(keys() .. "/host.pub", fs.read(file .. ".pub"), private))
    refused(run("start"), "keys/host.pub: does not belong to its private half")
    assert(fs.unlink(keys() .. "/host.pub"))
    refused(run("start"), "keys/host.pub: is missing")
    assert(fs.symlink("/etc/passwd", keys() .. "/host.pub"))
    refused(run("start"), "keys/host.pub: is a symlink")
    assert(fs.unlink(keys() .. "/host.pub"))
    assert(fs.write_atomic(keys() .. "/host.pub", public, private))
    must("start")
  end)

  it("stay with reset, and go when that is asked for", function()
    must("start")
    local public = fs.read(keys() .. "/client.pub")
    local asked = run("reset")
    assert.equal(1, asked.code)
    assert.truthy(asked.stderr:find("hint: --yes", 1, true), asked.stderr)
    must("reset", "--yes")
    assert.same({ "keys", "lock" }, fs.list(w.dir .. "/data/wrapix/builder"))
    must("start")
    assert.equal(public, fs.read(keys() .. "/client.pub"))
    must("reset", "--yes", "--keys")
    assert.same({ "lock" }, fs.list(w.dir .. "/data/wrapix/builder"))
  end)

  it("of which one is private are in nothing that is printed", function()
    must("start")
    -- The lines of the file hold the public half first.
    local secret = assert(fs.read(keys() .. "/client")):match("^[^\n]*\n[^\n]*\n[^\n]*\n[^\n]*\n([^\n]*)")
    assert.is_true(#secret > 30)
    for _, words in ipairs({ { "config" }, { "config", "--json" }, { "status" }, { "setup", "-n" } }) do
      assert.falsy(must(table.unpack(words)):find(secret, 1, true))
    end
    assert.falsy(fs.read(w.dir .. "/podman/builder/calls"):find(secret, 1, true))
    for path, text in pairs(w:files("data/wrapix/builder/run")) do
      assert.falsy(text:find(secret, 1, true), path)
    end
  end)
end)

describe("wrapix builder", function()
  it("status tells each state", function()
    local result = run("status")
    assert.equal(1, result.code)
    assert.truthy(result.stdout:find("not made yet", 1, true), result.stdout)
    must("start")
    assert.truthy(must("status"):find("runs, and answers", 1, true))
    must("stop")
    result = run("status")
    assert.equal(1, result.code)
    assert.truthy(result.stdout:find("stopped", 1, true), result.stdout)
  end)

  it("stop is fine when nothing runs", function()
    assert.equal("wrapix-builder does not run\n", must("stop"))
    must("start")
    assert.equal("wrapix-builder is stopped\n", must("stop"))
    assert.equal("wrapix-builder does not run\n", must("stop"))
  end)

  it("ssh hands on words, output and status", function()
    must("start")
    double("ssh", "shell")
    assert.equal("a b\n", must("ssh", "echo a  b"))
    assert.equal("a  b\n", must("ssh", "echo", "a  b"))
    assert.equal("-n; exit 3\n", must("ssh", "--", "printf", "%s\\n", "-n; exit 3"))
    assert.equal(7, run("ssh", "exit 7").code)
    local calls = assert(fs.read(w.dir .. "/podman/builder/ssh.calls"))
    assert.truthy(calls:find("<StrictHostKeyChecking=yes>", 1, true))
    assert.truthy(calls:find(("<-p><%d>"):format(w.port), 1, true))
  end)

  it("logs prints what there is", function()
    refused(run("logs"), "there is no builder", "hint: `wrapix builder start`")
    must("start")
    assert.equal("wrapix-builder: serving\n", must("logs"))
    assert.equal(2, run("logs", "-n", "x").code)
  end)

  it("config prints each form, alone or all", function()
    local machines = must("config", "machines")
    assert.matches("^ssh%-ng://builder@wrapix%-builder %S+ " .. keys():gsub("%p", "%%%0")
      .. "/client %d+ 1 %S+ %- %S+\n$", machines)
    assert.truthy(must("config"):find(machines, 1, true))
    assert.equal(2, run("config", "machnes").code)
  end)

  it("setup writes once, shows first, and takes it out again", function()
    refused(run("setup", "--dry-run", "--user"), "there are none yet", "hint: `wrapix builder start`")
    must("start")
    w:write("home/.ssh/config", "Host other\n")
    local shown = must("setup", "--dry-run", "--user")
    assert.truthy(shown:find("+++ " .. w.dir .. "/home/.ssh/config", 1, true), shown)
    assert.truthy(shown:find("\n+Host wrapix-builder 127.0.0.1:", 1, true), shown)
    assert.equal("Host other\n", fs.read(w.dir .. "/home/.ssh/config"))
    local out = must("setup", "--user")
    assert.equal(3, select(2, out:gsub("wrote ", "")))
    out = must("setup", "--user")
    assert.equal("", out)
    out = must("setup", "--user", "--remove")
    assert.equal(2, select(2, out:gsub("removed ", "")))
    assert.equal("Host other\n", fs.read(w.dir .. "/home/.ssh/config"))
    assert.equal(2, run("setup", "--user", "--system").code)
  end)

  it("refuses settings with a mistake, naming file and field", function()
    w:write("config/wrapix/builder.lua", "return { prot = 5 }")
    refused(run("start"), "builder.lua: unknown field 'prot' (did you mean 'port'?)", "docs/builder.md")
    w:write("config/wrapix/builder.lua", "return {")
    refused(run("status"), "builder.lua:1:")
  end)

  it("is wrapix-builder, too", function()
    local name = w.dir .. "/bin/wrapix-builder"
    assert(fs.symlink(worlds.wrapix, name))
    local result = assert(proc.run({ name, "stop" }, { env = w.env, clear_env = true, timeout = 30 }))
    assert.equal("wrapix-builder does not run\n", result.stdout, result.stderr)
    result = assert(proc.run({ name }, { env = w.env, clear_env = true, timeout = 30 }))
    assert.equal(2, result.code)
    assert.truthy(result.stderr:find("start, stop, restart", 1, true), result.stderr)
  end)
end)
