-- SPDX-License-Identifier: MIT
-- The Linux builder, with this host's own Nix as its client: built on by --store and by
-- --builders, stopped, killed and filled anew, and nobody let in without the key.

local builders = require("support.builder")
local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local net = require("wrapix.net")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local function mode(path) return ("%o"):format(assert(fs.lstat(path)).mode) end

local function name_of(word) return word .. "-" .. sys.random_hex(4) end

describe("a builder", function()
  local one

  setup(function()
    one = builders.new()
    one:must("start")
    one:must("setup", "--user")
  end)
  teardown(function()
    one:close()
    e2e.assert_clean()
  end)

  it("is there when start returns, and a second start finds it", function()
    local status = one:status()
    assert.equal("running", status.state)
    assert.is_true(status.ready)
    assert.is_false(status.stale)
    local out, said = one:must("start")
    assert.equal(("wrapix-builder runs already: 127.0.0.1:%d\n"):format(one.port), out)
    assert.falsy(said:find("fill", 1, true), said)
  end)

  it("builds over --store, and the output is there", function()
    local name = name_of("store")
    local result = one:build(name, "echo hello > $out")
    assert.equal(0, result.code, result.stderr)
    assert.equal("hello\n", one:inside("cat " .. one:path_of(name)))
    local failing = one:build(name_of("fails"), "echo so it goes >&2; exit 3")
    assert.equal(1, failing.code)
    assert.truthy(failing.stderr:find("so it goes", 1, true), failing.stderr)
  end)

  it("builds over --builders, and the output comes here", function()
    local name = name_of("remote")
    local result = assert(proc.run({ "nix", "build", "--no-link", "--store", one.dir .. "/root",
      "--max-jobs", "0", "--builders", one:must("config", "machines"):gsub("\n", ""),
      "-f", one.dir .. "/build.nix", "--argstr", "name", name, "--argstr", "script",
      "hostname > $out" }, { env = one.env, timeout = 120 }))
    assert.equal(0, result.code, result.stderr)
    local found = fs.list(one.dir .. "/root/nix/store")
    for _, entry in ipairs(found) do
      if entry:sub(-#name) == name then
        assert.matches("^wrapix%-builder", fs.read(one.dir .. "/root/nix/store/" .. entry))
        return
      end
    end
    error("not copied: " .. table.concat(found, " "))
  end)

  it("is the builder of this user's Nix after setup, with no words more", function()
    local name = name_of("setup")
    local env = { NIX_CONFIG = one.env.NIX_CONFIG .. "max-jobs = 0\n" }
    for key, value in pairs(one.env) do env[key] = env[key] or value end
    local result = assert(proc.run({ "nix", "build", "--no-link", "--store", one.dir .. "/root",
      "-f", one.dir .. "/build.nix", "--argstr", "name", name, "--argstr", "script",
      "echo $NIX_BUILD_TOP > $out" }, { env = env, timeout = 120 }))
    assert.equal(0, result.code, result.stderr)
    assert.truthy(result.stderr:find("ssh-ng://builder@wrapix-builder", 1, true), result.stderr)
    local again, note = one:must("setup", "--user")
    assert.equal("", again)
    assert.truthy(note:find("nothing to change", 1, true), note)
  end)

  it("does ten builds at once", function()
    local word = sys.random_hex(4)
    local began = sys.clock()
    local results = assert(task.parallel(10, { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, function(i)
      return one:build(("ten-%d-%s"):format(i, word), ("sleep 2; echo %d > $out"):format(i))
    end))
    for i, result in ipairs(results) do assert.equal(0, result.code, i .. ": " .. result.stderr) end
    e2e.assert_within(began, 18) -- twenty would be one after another
    local all = one:inside("cat /nix/store/*-ten-*-" .. word .. " | sort -n | tr '\\n' ' '")
    assert.equal("1 2 3 4 5 6 7 8 9 10 ", all)
  end)

  it("lets in nobody but the user with the key", function()
    local key = one:key()
    local answers = one:ssh({ "-i", key, "builder@127.0.0.1", "echo in" })
    assert.equal("in\n", answers.stdout)
    local function refused(words)
      local result = one:ssh(words)
      assert.equal(255, result.code, result.stdout)
      assert.truthy(result.stderr:find("Permission denied (publickey)", 1, true), result.stderr)
    end
    refused({ "-i", key, "root@127.0.0.1", "true" })
    refused({ "-i", key, "nixbld1@127.0.0.1", "true" })
    refused({ "-o", "PubkeyAuthentication=no", "-o", "BatchMode=no", "-o", "NumberOfPasswordPrompts=1",
      "-o", "PreferredAuthentications=password,keyboard-interactive", "builder@127.0.0.1", "true" })
    local other = e2e.dir() .. "/other"
    assert(proc.run({ "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other }))
    refused({ "-i", other, "builder@127.0.0.1", "true" })
    local forward = one:ssh({ "-i", key, "-W", "127.0.0.1:22", "builder@127.0.0.1" })
    assert.truthy(forward.code ~= 0 and not forward.stdout:find("SSH-", 1, true), forward.stderr)
  end)

  it("listens on 127.0.0.1 alone", function()
    local address = assert(proc.run({ "hostname", "-I" })).stdout:match("%S+")
    if not address then return end
    local stream, _, code = net.connect_tcp(address, one.port)
    if stream then
      -- A published port may be taken and dropped; what counts is that nobody answers.
      local text = task.timeout(3, function() return stream:read() end)
      stream:close()
      assert.falsy(text and text:find("SSH-", 1, true), text)
    else
      assert.truthy(code == "ECONNREFUSED" or code == "ETIMEDOUT" or code == "EHOSTUNREACH", code)
    end
  end)

  it("has the capabilities its two servers need, and can gain no more", function()
    local status = builders.as_root("cat /proc/1/status")
    local bound = tonumber(status:match("CapBnd:%s*(%x+)"), 16)
    -- CHOWN DAC_OVERRIDE FOWNER KILL SETGID SETUID NET_BIND_SERVICE SYS_CHROOT
    assert.equal(1 << 0 | 1 << 1 | 1 << 3 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 10 | 1 << 18, bound)
    assert.equal("1", status:match("NoNewPrivs:%s*(%d)"))
    assert.truthy(one:inside("grep CapEff /proc/self/status"):find("0000000000000000", 1, true))
  end)

  it("keeps its keys private, and out of its image", function()
    local dir = one.data .. "/wrapix/builder/keys"
    assert.equal("700", mode(dir))
    for _, name in ipairs({ "client", "client.pub", "host", "host.pub" }) do
      assert.equal("600", mode(dir .. "/" .. name), name)
    end
    local found = e2e.podman("run", "--rm", "--network=none", "--ulimit=nofile=1024:1024",
      "--ulimit=nproc=1000:1000", e2e.rootful and "--runtime=runc" or "--pull=never",
      "--entrypoint", "/bin/sh", builders.own_image(), "-c",
      "grep -rl 'OPENSSH PRIVATE KEY' /etc /home /root /nix-image /var/lib /run || echo none")
    assert.equal("none", found)
    local shared = builders.as_root("ls /etc/wrapix-builder")
    assert.falsy(shared:find("client", 1, true) or shared:find("host_key", 1, true), shared)
    assert.equal("600", builders.as_root("stat -c %a /run/wrapix-builder/ssh/host_key"))
  end)

  it("keeps what it built over stop and start", function()
    local name = name_of("kept")
    assert.equal(0, one:build(name, "echo kept > $out").code)
    local path = one:path_of(name)
    assert.equal("wrapix-builder is stopped\n", one:must("stop"))
    assert.equal("wrapix-builder does not run\n", one:must("stop"))
    assert.equal("stopped", one:status().state)
    assert.equal(1, one:run("status").code)
    one:must("start")
    assert.is_true(one:is_valid(path))
    assert.equal("kept\n", one:inside("cat " .. path))
  end)

  it("killed in the middle of a build builds it after the next start", function()
    local name = name_of("killed")
    local going <close> = assert(proc.spawn(one:build_words(name, "sleep 3; echo whole > $out"),
      { env = one.env, stdout = "pipe", stderr = "pipe", session = true }))
    e2e.wait_for("the build", function()
      return builders.as_root("pgrep -f 'sleep 3' || true") ~= ""
    end)
    e2e.podman("kill", "--signal", "KILL", builders.name)
    local cut = assert(going:wait())
    assert.truthy(cut.code ~= 0, cut.stderr)
    local _, said = one:must("start")
    assert.truthy(said:find("it was stopped", 1, true), said)
    local result = one:build(name, "sleep 3; echo whole > $out")
    assert.equal(0, result.code, result.stderr)
    assert.equal("whole\n", one:inside("cat " .. one:path_of(name)))
    local verified = one:verify()
    assert.equal(0, verified.code, verified.stdout)
  end)

  it("says so when its keys changed under it, and takes them with a restart", function()
    local dir = one.data .. "/wrapix/builder/keys"
    assert(fs.rename(dir, dir .. ".old"))
    local result = one:run("start")
    assert.equal(125, result.code, result.stdout)
    assert.truthy(result.stderr:find("answers with another host key", 1, true), result.stderr)
    assert.truthy(result.stderr:find("hint: `wrapix builder restart`", 1, true), result.stderr)
    one:must("restart")
    assert.is_true(one:status().ready)
    assert(fs.chmod(dir .. "/client", tonumber("644", 8)))
    result = one:run("start")
    assert(fs.chmod(dir .. "/client", tonumber("600", 8)))
    assert.equal(125, result.code, result.stdout)
    assert.truthy(result.stderr:find("can be read by others", 1, true), result.stderr)
    one:must("setup", "--user")
    assert(fs.remove_tree(dir .. ".old"))
    assert.equal(0, one:build(name_of("rekeyed"), "echo 1 > $out").code)
  end)
end)

describe("a builder's store", function()
  local one, big, small

  setup(function()
    one = builders.new()
    one:must("start")
    one:must("setup", "--user")
    big = builders.grown_image("big", 600, 30000)
    small = builders.grown_image("small", 2, 1000)
  end)
  teardown(function()
    one:close()
    for _, ref in ipairs({ big, small }) do builders.remove_image(ref) end
    e2e.assert_clean()
  end)

  it("gets the paths of an image that changed, and loses none", function()
    local name = name_of("old")
    assert.equal(0, one:build(name, "echo old > $out").code)
    local path = one:path_of(name)
    one:configure(("image = %q"):format(small))
    assert.is_true(one:status().stale)
    local _, warned = one:must("start")
    assert.truthy(warned:find("wrapix builder restart", 1, true), warned)
    local _, said = one:must("restart")
    assert.truthy(said:find("fill: the image changed: 2 new paths", 1, true), said)
    assert.is_true(one:is_valid(path))
    assert.is_true(one:is_valid(one:path_of("small1")))
    assert.equal(0, one:build(name_of("new"), "echo new > $out").code)
    -- A collection takes neither what the image brought nor its database.
    builders.as_root("nix-store --gc 2>/dev/null")
    assert.is_true(one:is_valid(one:path_of("small2")))
    assert.equal(0, one:verify().code)
  end)

  it("is filled anew when that was cut short, at any point", function()
    one:must("reset", "--yes")
    one:configure(("image = %q"):format(big))
    for _, mark in ipairs({ "fill: /nix is new", "fill: 61 of", "fill: 421 of" }) do
      local starting <close> = assert(proc.spawn({ e2e.wrapix, "builder", "start" },
        { env = one.env, stdout = "pipe", stderr = "pipe", session = true }))
      local init = e2e.process("guest.sh", function(process)
        return process.argv:find("/bin/sh /etc/wrapix-builder/guest.sh", 1, true)
      end)
      local log = e2e.podman("inspect", "--format", "{{.HostConfig.LogConfig.Path}}", builders.name)
      e2e.wait_for(mark, function() return fs.read(log):find(mark, 1, true) end)
      e2e.kill(init.pid, "KILL")
      local result = assert(starting:wait())
      if result.code ~= 0 then -- else it was quicker
        assert.equal(125, result.code, result.stderr)
        assert.truthy(result.stderr:find("its container ended", 1, true), result.stderr)
      end
    end
    one:must("start")
    assert.equal("600\n", one:inside("ls -d /nix/store/*-big* | wc -l"))
    assert.equal("", one:inside("nix-store --check-validity --print-invalid /nix/store/*-big*"))
    local verified = one:verify()
    assert.equal(0, verified.code, verified.stdout)
    assert.falsy(verified.stdout:find("modified", 1, true), verified.stdout)
    assert.falsy(one:inside("ls -A /nix"):find("part", 1, true))
  end)

  it("mends what is missing from it", function()
    local path = one:path_of("big7")
    builders.as_root("chmod -R u+w " .. path .. " && rm -rf " .. path)
    local _, said = one:must("restart")
    assert.truthy(said:find("fill: 1 paths are missing", 1, true), said)
    assert.equal("30000\n", one:inside("stat -c %s " .. path .. "/data"))
    assert.equal(0, one:verify().code)
  end)

  it("goes with reset, and the keys stay", function()
    local client = assert(fs.read(one:key() .. ".pub"))
    one:must("reset", "--yes")
    assert.equal("absent", one:status().state)
    assert.falsy(fs.exists(one.data .. "/wrapix/builder/nix"))
    assert.falsy(fs.exists(one.data .. "/wrapix/builder/run"))
    assert.equal(client, fs.read(one:key() .. ".pub"))
    local refused = e2e.cli({ "builder", "reset" }, { env = one.env })
    assert.equal(1, refused.code)
  end)
end)

describe("a builder that cannot start", function()
  after_each(e2e.assert_clean)

  it("for its port is taken names who has it", function()
    local one = builders.new()
    local server <close> = assert(net.listen_tcp("127.0.0.1", one.port))
    assert.is_truthy(server)
    local result = one:run("start")
    one:close()
    assert.equal(125, result.code, result.stdout)
    assert.truthy(result.stderr:find(("port %d: process %d ("):format(one.port, sys.pid()), 1, true),
      result.stderr)
    assert.truthy(result.stderr:find("hint: end it, or set another port", 1, true), result.stderr)
  end)

  it("for the disk is full says that", function()
    local one = builders.new(nil, e2e.tmp .. "/small")
    local free = builders.new()
    free:must("start")
    local ref = builders.grown_image("full", 10, 1000000)
    free:close()
    one:configure(("image = %q"):format(ref))
    local result = one:run("start")
    one:close()
    builders.remove_image(ref)
    assert.equal(125, result.code, result.stdout)
    assert.truthy(result.stderr:find("the disk is full", 1, true), result.stderr)
    assert.truthy(result.stderr:find("hint: free some space", 1, true), result.stderr)
  end)

  it("for the container is somebody else's leaves it alone", function()
    local one = builders.new()
    local words = { "create", "--name", builders.name, e2e.image, "true" }
    e2e.podman(table.unpack(words))
    local start, reset = one:run("start"), one:run("reset", "--yes")
    e2e.podman("rm", builders.name)
    assert.equal(125, start.code)
    assert.truthy(start.stderr:find("was not made by wrapix", 1, true), start.stderr)
    assert.equal(125, reset.code)
  end)

  it("for there is no engine says so", function()
    local one = builders.new()
    one.env.PATH = e2e.dir()
    local result = one:run("start")
    assert.equal(125, result.code)
    assert.truthy(result.stderr:find("podman", 1, true), result.stderr)
    assert.truthy(result.stderr:find("hint: ", 1, true), result.stderr)
    one.env.PATH = nil
    one:close()
  end)
end)

describe("wrapix builder config", function()
  it("tells the same keys in each form", function()
    local one = builders.new()
    local all = assert(json.decode((one:must("config", "--json"))))
    local public = assert(fs.read(one.data .. "/wrapix/builder/keys/host.pub")):match("^%S+ (%S+)")
    local base64 = assert(proc.run({ "base64", "-d" }, { input = all["host-key"] })).stdout
    assert.equal("ssh-ed25519 " .. public, base64)
    assert.truthy(all.known_hosts:find(public, 1, true))
    assert.truthy(all["nix-darwin"]:find(all["host-key"]:gsub("\n", ""), 1, true))
    local parsed = assert(proc.run({ "nix-instantiate", "--parse", "-E", all["nix-darwin"] },
      { timeout = 30, env = { NIX_STORE_DIR = one.dir .. "/store", NIX_STATE_DIR = one.dir .. "/var" } }))
    assert.equal(0, parsed.code, parsed.stderr)
    one:close()
  end)
end)
