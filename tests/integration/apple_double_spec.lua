-- SPDX-License-Identifier: MIT
-- The double of Apple's CLI itself, without an engine: which words each version takes,
-- how it refuses the others, and the JSON it prints. What it carries out is the matter of
-- tests/e2e/apple_double_spec.lua.

local doubles = require("support.apple_double")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local net = require("wrapix.net")
local proc = require("wrapix.proc")

local DRY = { env = { CONTAINER_DOUBLE_DRY = "1" } }

describe("the double of Apple's CLI", function()
  local apple

  local function open(version, opts)
    if apple then apple:close() end
    apple = doubles.new(version, opts or DRY)
    return apple
  end

  after_each(function()
    if apple then apple:close() end
    apple = nil
  end)

  -- Words of `run` up to the image; what is refused must leave no container.
  local function run(...)
    local words = { "run", "-d", "--name", "box", ... }
    words[#words + 1] = "alpine"
    return apple:run(table.unpack(words))
  end

  local function refused(status, text, ...)
    local result = run(...)
    assert.equal(status, result.code, result.stdout .. result.stderr)
    assert.truthy(result.stderr:find(text, 1, true), result.stderr)
    assert.same({}, fs.list(apple.env.CONTAINER_DOUBLE_STATE .. "/containers") or {})
  end

  local function taken(...)
    local result = run(...)
    assert.equal(0, result.code, result.stderr)
    local recorded = doubles.recorded(result)
    assert(fs.remove_tree(apple.env.CONTAINER_DOUBLE_STATE .. "/containers/box"))
    return recorded.create
  end

  describe("words", function()
    -- { option and value, first version }
    local SINCE = {
      { "--cap-add NET_ADMIN", "0.12.3" }, { "--cap-drop ALL", "0.12.3" }, { "--init", "0.10.0" },
      { "--shm-size 64M", "1.0.0" }, { "--kernel-arg quiet", "1.2.2" },
      { "--masked-path /proc/x", "1.2.2" }, { "--read-only-path /proc/x", "1.2.2" },
      { "--runtime container-runtime-linux", "0.10.0" }, { "--progress plain", "0.12.3" },
      { "--progress none", "0.9.0" }, { "--ulimit nofile=10", "0.9.0" }, { "--read-only", "0.9.0" },
      { "--network default,mtu=1400", "0.11.0" }, { "--platform linux/arm64", "0.9.0" },
    }
    local VERSIONS = { "0.9.0", "0.10.0", "0.11.0", "0.12.3", "1.0.0", "1.1.0", "1.2.2", "1.4.1" }

    local function position(version)
      for i, one in ipairs(VERSIONS) do
        if one == version then return i end
      end
    end

    for _, version in ipairs({ "0.9.0", "0.12.3", "1.2.2" }) do
      it("come and go by version: " .. version, function()
        open(version)
        for _, case in ipairs(SINCE) do
          local words = {}
          for word in case[1]:gmatch("%S+") do words[#words + 1] = word end
          local result = run(table.unpack(words))
          local wanted = position(version) >= position(case[2])
          assert.equal(wanted, result.code == 0, case[1] .. ": " .. result.stderr)
          if wanted then
            assert(fs.remove_tree(apple.env.CONTAINER_DOUBLE_STATE .. "/containers/box"))
          end
        end
      end)
    end

    it("that no version has are a wrong use, with the usage", function()
      open("1.2.2")
      for _, option in ipairs({ "--hostname", "--add-host", "--userns", "--security-opt",
        "--pids-limit", "--privileged", "--device", "--group-add", "--pull", "--sysctl" }) do
        refused(64, ("Error: Unknown option '%s'\nUsage: container run [<options>]"):format(option), option)
      end
    end)

    it("are joined with = only where there is a long name and a value", function()
      open("1.2.2")
      assert.same({ "7" }, doubles.values(taken("--cpus=7", "--label=a=b"), "--cpus") and { "7" })
      refused(64, "Unknown option '-eA=b'", "-eA=b")
      refused(64, "Missing value for '--memory <memory>'", "--memory=")
      refused(64, "does not take any value", "--rm=true")
      refused(64, "Missing value for '-w <dir>'", "-w", "--rm")
    end)

    it("cluster as flags", function()
      open("1.2.2")
      assert.truthy(table.concat(taken("-it"), " "):find("--tty --interactive", 1, true))
      refused(64, "Unknown option '-iz'", "-iz")
    end)

    it("after the image belong to the program", function()
      open("1.2.2")
      local result = apple:run("run", "-d", "--", "alpine", "--rm", "-x", "--")
      local create = doubles.recorded(result).create
      assert.same({ "-x", "--" }, { create[#create - 1], create[#create] })
      assert.same({ '["--rm"]' }, doubles.values(create, "--entrypoint"))
    end)

    it("take --debug only before the command", function()
      open("1.2.2")
      assert.equal(0, apple:run("--debug", "list").code)
      assert.equal(64, apple:run("list", "--debug").code)
    end)

    it("name commands by version", function()
      open("0.12.3")
      assert.equal(64, apple:run("cp", "a", "b").code)
      assert.equal(64, apple:run("machine", "list").code)
      open("1.0.0")
      assert.equal(1, apple:run("cp", "a", "b").code)
      assert.equal(70, apple:run("machine", "list").code)
      local attach = apple:run("attach", "x")
      assert.equal(64, attach.code)
      assert.truthy(attach.stderr:find("Plugin 'container-attach' not found", 1, true))
    end)

    it("want whole numbers of CPUs", function()
      open("1.2.2")
      refused(64, "The value '1.5' is invalid for '--cpus <cpus>'", "--cpus", "1.5")
    end)

    it("say what version it is, from a link on PATH too", function()
      open("1.1.0", { down = true })
      assert(fs.symlink(doubles.program, apple.dir .. "/container"))
      local linked = assert(proc.run({ apple.dir .. "/container", "--version" }, { env = apple.env }))
      assert.equal(apple:output("--version") .. "\n", linked.stdout, linked.stderr)
      assert.equal("container CLI version 1.1.0 (build: release, commit: af405ff)",
        apple:output("--version"))
    end)

    it("refuse a version nothing is known of", function()
      open("1.2.2")
      local result = apple:run("list", { env = { CONTAINER_DOUBLE_VERSION = "1.9.9" } })
      assert.is_not.equal(0, result.code)
      assert.truthy(result.stderr:find("1.9.9", 1, true))
    end)
  end)

  describe("values", function()
    it("of labels have no = inside", function()
      open("1.2.2")
      refused(1, "invalid label format a=b=c", "-l", "a=b=c")
      taken("-l", "a=b=", "-l", "c")
    end)

    it("of memory are whole mebibytes, 200 at least from 0.10.0", function()
      open("0.9.0")
      taken("-m", "100M")
      open("0.10.0")
      refused(1, "minimum memory amount allowed is 200 MiB (got 104857600 bytes)", "-m", "100M")
      assert.same({ "314572800" }, doubles.values(taken("-m", "314573000"), "--memory"))
      refused(1, "invalid size", "-m", "1.5G")
    end)

    it("of names fit a pattern, and 63 characters from 1.2.0", function()
      open("1.1.0")
      local long = ("x"):rep(64)
      assert.equal(0, apple:run("create", "--name", long, "alpine").code)
      for _, name in ipairs({ "a", "_a", "a b", "ä-x" }) do
        assert.equal(1, apple:run("create", "--name", name, "alpine").code, name)
      end
      open("1.2.2")
      local result = apple:run("create", "--name", long, "alpine")
      assert.equal(1, result.code)
      assert.truthy(result.stderr:find("is not a valid container ID", 1, true))
    end)

    it("of names are there once", function()
      open("0.9.0")
      assert.equal(0, run().code)
      local result = run()
      assert.equal(1, result.code)
      assert.equal('Error: exists: "container with id box already exists"\n', result.stderr)
      open("1.2.2")
      run()
      assert.truthy(run().stderr:find("\nError: container with id box already exists\n", 1, true)
        or run().stderr == "Error: container with id box already exists\n")
    end)

    it("of --publish are checked", function()
      open("1.2.2")
      for spec, text in pairs({
        ["80"] = "invalid publish value", ["1:80"] = "invalid publish host port range",
        ["8080:80/sctp"] = "invalid publish protocol: sctp", ["x:80"] = "invalid publish host port: x",
        ["80-82:80-81"] = "port counts are not equal", ["1.2.3.400:80:80"] = "invalid publish IPv4 address",
      }) do refused(1, text, "-p", spec) end
      refused(1, "may not overlap", "-p", "8080:80", "-p", "127.0.0.1:8080:81")
      assert.same({ "127.0.0.1:2222:22/tcp", "0.0.0.0:90-91:80-81/udp" },
        doubles.values(taken("-p", "127.0.0.1:2222:22", "-p", "90-91:80-81/UDP"), "--publish"))
    end)

    it("of --network none work, but not on 1.0.0", function()
      open("0.9.0")
      assert.same({ "none" }, doubles.values(taken("--network", "none"), "--network"))
      refused(1, "no other networks may be created along with network none", "--network", "none",
        "--network", "default")
      open("1.0.0")
      refused(1, "none", "--network", "none")
    end)

    it("of --network are known networks and properties", function()
      open("1.2.2")
      refused(1, "network nowhere not found", "--network", "nowhere")
      refused(1, "unknown network property 'ip'", "--network", "default,ip=1")
      refused(1, "must be between 1280 and 65535", "--network", "default,mtu=100")
      refused(1, "invalid MAC address format", "--network", "default,mac=1:2")
    end)

    it("of --dns are addresses from 0.12.0, and --no-dns excludes them from 1.0.0", function()
      open("0.11.0")
      taken("--dns", "resolver", "--no-dns")
      open("0.12.3")
      refused(1, "resolver", "--dns", "resolver")
      taken("--dns", "1.1.1.1", "--no-dns")
      open("1.0.0")
      refused(64, "`--no-dns` cannot be used", "--dns", "1.1.1.1", "--no-dns")
    end)

    it("of --ulimit have a type and an order", function()
      open("1.2.2")
      refused(1, "unsupported ulimit type 'foo'", "--ulimit", "foo=1")
      refused(1, "soft limit (2) cannot exceed hard limit (1)", "--ulimit", "core=2:1")
      refused(1, "duplicate ulimit type: core", "--ulimit", "core=1", "--ulimit", "core=2")
    end)

    it("of --tmpfs have no options", function()
      open("1.2.2")
      refused(70, "A3, --tmpfs", "--tmpfs", "/tmp:size=1m")
      assert.equal(1, #doubles.values(taken("--tmpfs", "/tmp"), "--tmpfs"))
    end)
  end)

  describe("the environment", function()
    local function environment(...)
      local words = { "create", "--name", "box", ... }
      words[#words + 1] = "alpine"
      local result = apple:run(table.unpack(words))
      assert.equal(0, result.code, result.stderr)
      local out = {}
      local config = apple:json("inspect", "box")[1].configuration
      for _, entry in ipairs(config.initProcess.environment) do
        local name, value = entry:match("^([^=]*)=(.*)$")
        out[name] = value
      end
      apple:run("delete", "box")
      return out
    end

    it("is the image's, then files, then words; a bare name is inherited", function()
      open("1.2.2", { env = { CONTAINER_DOUBLE_DRY = "1", INHERITED = "yes" } })
      local file = apple:write("env", "# no\n\n  A=file\nB= spaced \nINHERITED\nMISSING_ONE\n")
      assert.same({ PATH = "/usr/bin:/bin", A = "word", B = " spaced ", INHERITED = "yes", C = "" },
        environment("--env-file", file, "-e", "A=word", "-e", "C=", "-e", "MISSING_TWO"))
    end)

    it("refuses a file with a wrong line", function()
      open("1.2.2")
      refused(1, "failed to read envfile at /nowhere", "--env-file", "/nowhere")
      refused(1, "variable 'A B' contains whitespaces", "--env-file", apple:write("a", "A B=1\n"))
      refused(1, "no variable name on line '=1'", "--env-file", apple:write("b", "=1\n"))
    end)
  end)

  describe("mounts", function()
    it("have a host path that is there, and no colon in it", function()
      open("1.2.2")
      local dir = apple.dir .. "/with:colon"
      assert(fs.ensure_dir(dir))
      refused(1, "does not exist", "-v", dir .. ":/w")
      refused(1, "path '/nowhere' does not exist", "-v", "/nowhere:/w")
      refused(1, "invalid volume format", "-v", "/tmp:/a:ro:x")
    end)

    it("take . and .. as a path from 0.11.0", function()
      open("0.10.0")
      refused(1, "invalid volume name '.'", "-v", ".:/w")
      open("0.11.0")
      local here = assert(fs.realpath("."))
      local found = doubles.values(taken("-v", ".:/w"), "--mount")
      assert.truthy(table.concat(found, "\n"):find(("source=%s,destination=/w"):format(here), 1, true))
    end)

    it("by --mount share directories only, and split at each , and =", function()
      open("1.2.2")
      local file = apple:write("share/file", "x")
      refused(1, "is not a directory", "--mount", ("type=bind,source=%s,target=/f"):format(file))
      refused(1, "invalid directive format missing value", "--mount", "type=bind,source=/a=b,target=/w")
      refused(1, "unknown directive", "--mount", "type=bind,source=/a,b,target=/w")
      refused(1, "cannot specify source for tmpfs mount", "--mount", "type=tmpfs,source=/a,target=/w")
      refused(1, "unsupported option size for bind mount", "--mount", "type=bind,source=/tmp,target=/w,size=1M")
      local create = taken("--mount", ("source=%s/share,dst=/w,readonly"):format(apple.dir))
      local words = table.concat(doubles.values(create, "--mount"), "\n")
      assert.truthy(words:find("destination=/w,bind-propagation=rprivate,ro=true", 1, true), words)
    end)

    it("of a single file drop the share of its own directory", function()
      open("1.2.2")
      local file = apple:write("share/file", "x")
      local create = taken("-v", apple.dir .. "/share:/w", "-v", file .. ":/w/file:ro")
      local words = table.concat(doubles.values(create, "--mount"), "\n")
      assert.falsy(words:find(("source=%s/share,"):format(apple.dir), 1, true), words)
      assert.truthy(words:find(("source=%s,destination=/w/file"):format(file), 1, true), words)
    end)

    it("were not sorted before 0.12.0: a later one hides what is below it", function()
      open("0.11.0")
      apple:write("a/x", "")
      apple:write("b/x", "")
      local function mounts()
        return table.concat(doubles.values(taken("-v", apple.dir .. "/a:/w/a", "-v", apple.dir .. "/b:/w"),
          "--mount"), "\n")
      end
      assert.falsy(mounts():find("destination=/w/a", 1, true))
      open("0.12.3")
      apple:write("a/x", "")
      apple:write("b/x", "")
      assert.truthy(mounts():find("destination=/w/a", 1, true))
    end)

    it("cover the sockets inside a share with a dead one", function()
      open("1.2.2")
      apple:write("s/x", "")
      local server = assert(net.listen_unix(apple.dir .. "/s/in"))
      local words = table.concat(doubles.values(taken("-v", apple.dir .. "/s:/w"), "--mount"), "\n")
      server:close()
      assert.truthy(words:find("dead.sock,destination=/w/in", 1, true), words)
    end)

    it("hand a socket over from 1.1.0", function()
      for version, relay in pairs({ ["1.0.0"] = "dead.sock", ["1.1.0"] = "relay.1" }) do
        open(version)
        local server = assert(net.listen_unix(apple.dir .. "/h.sock"))
        local words = table.concat(doubles.values(taken("-v", apple.dir .. "/h.sock:/run/h"), "--mount"), "\n")
        server:close()
        assert.truthy(words:find(relay .. ",destination=/run/h", 1, true), words)
      end
    end)
  end)

  describe("privileges", function()
    local function added(...)
      local set = {}
      for _, name in ipairs(doubles.values(taken(...), "--cap-add")) do set[name] = true end
      return set
    end

    it("were all of them before 0.12.0", function()
      open("0.11.0")
      assert.truthy(added().SYS_ADMIN)
    end)

    it("are the default set from 0.12.0: adds first, a single drop wins", function()
      open("0.12.3")
      local default = added()
      assert.falsy(default.SYS_ADMIN)
      assert.truthy(default.SETPCAP)
      assert.same({ CHOWN = true }, added("--cap-drop", "all", "--cap-add", "cap_chown"))
      local mixed = added("--cap-add", "ALL", "--cap-drop", "SYS_ADMIN")
      assert.falsy(mixed.SYS_ADMIN)
      assert.truthy(mixed.SYS_PTRACE)
      assert.same({}, added("--cap-add", "KILL", "--cap-drop", "KILL", "--cap-drop", "ALL"))
      refused(1, "invalid capability", "--cap-add", "FLY")
    end)
  end)

  describe("the daemon", function()
    it("is down at first: every command says so but those of `system`", function()
      open("1.2.2", { down = true })
      for _, words in ipairs({ { "list" }, { "run", "alpine" }, { "image", "list" },
        { "network", "inspect", "default" }, { "stop", "x" } }) do
        local result = apple:run(table.unpack(words))
        assert.equal(1, result.code)
        assert.truthy(result.stderr:find("XPC connection error", 1, true))
        assert.truthy(result.stderr:find("\nEnsure container system service has been started with "
          .. "`container system start`.", 1, true))
      end
      assert.equal(1, #apple:json("system", "version", "--format", "json"))
    end)

    it("asks about the kernel unless told", function()
      open("1.2.2", { down = true, env = DRY.env })
      local asked = apple:run("system", "start", { stdin = "null" })
      assert.equal(1, asked.code)
      assert.truthy(asked.stdout:find("[Y/n]: ", 1, true))
      assert.truthy(asked.stderr:find("failed to read user input", 1, true))
      assert.truthy(apple:run("run", "alpine").stderr:find("default kernel not configured", 1, true))
      assert.equal(0, apple:run("system", "start", { input = "\n" }).code)
      assert.equal(0, run().code)
      assert.equal(64, apple:run("system", "start", "--enable-kernel-install",
        "--disable-kernel-install").code)
    end)

    it("tells its state in the shape of its version", function()
      open("0.9.0", { down = true })
      assert.equal(64, apple:run("system", "status", "--format", "json").code)
      local plain = apple:run("system", "status")
      assert.equal(1, plain.code)
      assert.equal("apiserver is not running and not registered with launchd\n", plain.stdout)
      open("1.2.2", { down = true })
      local down = apple:run("system", "status", "--format", "json")
      assert.equal(1, down.code)
      assert.equal("unregistered", json.decode(down.stdout).status)
      assert.equal("", json.decode(down.stdout).appRoot)
      apple:output("system", "start", "--enable-kernel-install")
      assert.equal("/usr/local/", apple:json("system", "status", "--format", "json").installRoot)
      apple:output("system", "stop")
      assert.equal(1, apple:run("system", "status").code)
      open("1.4.1")
      local up = apple:json("system", "status", "--format", "json")
      assert.equal("running", up.status)
      assert.equal("/usr/local/", up.paths.installRoot)
      assert.is_nil(up.appRoot)
    end)
  end)

  describe("JSON", function()
    local function both(version)
      open(version)
      apple:write("w/x", "")
      assert.equal(0, run("-v", apple.dir .. "/w:/w:ro", "-l", "k=v").code)
      return apple:output("list", "--format", "json"), apple:output("inspect", "box")
    end

    it("up to 0.12.3 has flat states, dates from 2001, no order and no indentation", function()
      local list, inspect = both("0.12.3")
      local one = json.decode(list)[1]
      assert.equal("running", one.status)
      assert.equal("192.168.64.3/24", one.networks[1].ipv4Address)
      assert.equal("number", type(one.startedDate))
      assert.truthy(one.startedDate < os.time() - 978307200 + 60)
      assert.is_nil(one.id)
      assert.truthy(list:find('"docker.io\\/library\\/alpine:latest"', 1, true))
      assert.falsy(inspect:find("\n", 1, true))
      local keys = {}
      for key in list:gmatch('"([%a]+)":[%[{]') do keys[#keys + 1] = key end
      local sorted = table.move(keys, 1, #keys, 1, {})
      table.sort(sorted)
      assert.are_not.same(sorted, keys)
    end)

    it("from 1.0.0 has nested states, ISO dates and sorted keys", function()
      local list, inspect = both("1.0.0")
      local one = json.decode(list)[1]
      assert.equal("box", one.id)
      assert.equal("running", one.status.state)
      assert.truthy(one.status.startedDate:match("^%d+%-%d+%-%d+T[%d:]+Z$"))
      assert.truthy(list:find('^%[{"configuration":{"capAdd":%[%]'))
      assert.truthy(inspect:find('"destination" : "\\/w"', 1, true))
      assert.same({ "ro" }, one.configuration.mounts[1].options)
      assert.same({ k = "v" }, one.configuration.labels)
    end)

    it("of a missing container is [] up to 0.12.3, a failure from 1.0.0", function()
      open("0.12.3")
      assert.equal("[]", apple:output("inspect", "nobody"))
      assert.equal("[]", apple:output("network", "inspect", "nowhere"))
      open("1.0.0")
      local result = apple:run("inspect", "nobody")
      assert.equal(1, result.code)
      assert.equal("Error: container not found: nobody\n", result.stderr)
    end)

    it("of `list` forgets on 0.9.0 what it was asked for", function()
      for version, count in pairs({ ["0.9.0"] = 1, ["0.10.0"] = 0 }) do
        open(version)
        assert.equal(0, apple:run("create", "--name", "idle", "alpine").code)
        assert.equal(count, #apple:json("list", "--format", "json"))
        assert.equal("", apple:output("list", "--quiet"))
        assert.equal("idle", apple:output("list", "--quiet", "--all"))
      end
    end)

    it("of networks, volumes and images changes at 1.0.0", function()
      open("0.12.3")
      assert.equal("192.168.64.1", apple:json("network", "inspect", "default")[1].status.ipv4Gateway)
      assert.equal("nat", apple:json("network", "inspect", "default")[1].config.mode)
      assert.equal("vv", apple:output("volume", "create", "vv"))
      assert.equal("vv", apple:json("volume", "list", "--format", "json")[1].name)
      run()
      assert.equal("docker.io/library/alpine:latest",
        apple:json("image", "list", "--format", "json")[1].reference)
      open("1.0.0")
      assert.equal("nat", apple:json("network", "inspect", "default")[1].configuration.mode)
      apple:output("volume", "create", "vv")
      assert.equal("vv", apple:json("volume", "inspect", "vv")[1].configuration.name)
      run()
      assert.equal("docker.io/library/alpine:latest",
        apple:json("image", "inspect", "alpine")[1].configuration.name)
    end)
  end)

  describe("what ends containers", function()
    it("is silent about unknown ones up to 0.10.0", function()
      open("0.10.0")
      assert.equal("", apple:output("stop", "nobody"))
      assert.truthy(apple:run("delete", "nobody").stderr:find("failed to delete one or more containers", 1, true))
      open("0.11.0")
      local result = apple:run("stop", "nobody")
      assert.equal(1, result.code)
      assert.equal('Error: notFound: "container with ID nobody not found"\n', result.stderr)
    end)

    it("wants names or --all, and not both", function()
      open("1.2.2")
      for _, verb in ipairs({ "stop", "kill", "delete" }) do
        assert.equal(1, apple:run(verb).code)
        assert.equal(1, apple:run(verb, "--all", "x").code)
        assert.equal(0, apple:run(verb, "--all").code)
      end
    end)

    it("does not delete what runs without --force", function()
      open("1.2.2")
      run()
      local result = apple:run("delete", "box")
      assert.equal(1, result.code)
      assert.truthy(result.stderr:find("container box is running and can not be deleted", 1, true))
      assert.equal("box", (apple:output("delete", "--force", "box"):match("box$")))
    end)

    it("does not attach to what runs", function()
      open("1.2.2")
      run()
      local result = apple:run("start", "--attach", "box")
      assert.equal(1, result.code)
      assert.truthy(result.stderr:find("attach is currently unsupported", 1, true))
    end)
  end)

  it("wants a terminal for -it, and deletes the container without one", function()
    open("1.2.2")
    local result = apple:run("run", "-it", "--name", "box", "alpine", { stdin = "null" })
    assert.equal(1, result.code)
    assert.same({}, apple:json("list", "--all", "--format", "json"))
  end)

  it("writes plain progress to what is no terminal, from 0.12.0", function()
    open("0.11.0")
    assert.equal("", run().stderr)
    open("0.12.3")
    assert.truthy(run().stderr:find("^%[1/6%] Fetching image"))
    apple:run("delete", "-f", "box")
    assert.equal("", run("--progress", "none").stderr)
  end)

  it("writes a cidfile and refuses a Dockerfile of 16 KiB from 1.0.0", function()
    open("0.12.3")
    local file = apple.dir .. "/cid"
    assert.equal(0, run("--cidfile", file).code)
    assert.equal("box", fs.read(file))
    apple:write("ctx/Dockerfile", "FROM x\n" .. ("#"):rep(16384))
    assert.equal(0, apple:run("build", "-t", "x", apple.dir .. "/ctx").code)
    open("1.0.0")
    apple:write("ctx/Dockerfile", "FROM x\n" .. ("#"):rep(16384))
    local result = apple:run("build", "-t", "x", apple.dir .. "/ctx")
    assert.equal(1, result.code)
    assert.truthy(result.stderr:find("exceeds the maximum allowed size of 16384 bytes", 1, true))
  end)

  it("takes an OCI layout only, under the name its annotations give", function()
    open("0.12.3")
    apple:write("layout/oci-layout", '{"imageLayoutVersion":"1.0.0"}')
    apple:write("layout/index.json", json.encode({ schemaVersion = 2, manifests = json.array({
      { mediaType = "m", digest = "sha256:aa", size = 1, annotations = {
        ["org.opencontainers.image.ref.name"] = "later", ["io.containerd.image.name"] = "localhost/mine:1" } },
      { mediaType = "m", digest = "sha256:bb", size = 1 } }) }))
    apple:write("docker/manifest.json", "[]")
    for _, name in ipairs({ "layout", "docker" }) do
      assert.equal(0, proc.run({ "tar", "-cf", ("%s/%s.tar"):format(apple.dir, name), "-C",
        apple.dir .. "/" .. name, "." }).code)
    end
    local out = apple:output("image", "load", "-i", apple.dir .. "/layout.tar")
    assert.truthy(out:find("Loaded images:\nlocalhost/mine:1\nuntagged@sha256:bb", 1, true), out)
    local result = apple:run("image", "load", "-i", apple.dir .. "/docker.tar")
    assert.equal(1, result.code)
    assert.truthy(result.stderr:find("/oci%-layout"))
    assert.equal(1, apple:run("image", "load", "-i", "/dev/fd/0", { stdin = "null" }).code)
    assert.equal("localhost/mine:1\nuntagged@sha256:bb", apple:output("image", "list", "-q"))
    apple:output("image", "tag", "localhost/mine:1", "other")
    assert.equal("docker.io/library/other:latest",
      apple:output("image", "delete", "other"):match("[^\n]+$"))
  end)
end)
