-- SPDX-License-Identifier: MIT
-- What the double of Apple's CLI carries out on a real engine: processes, streams, signals,
-- mounts, sockets, volumes, images. Its words and its JSON are the matter of
-- tests/integration/apple_double_spec.lua. It needs a Podman that is root's.

local doubles = require("support.apple_double")
local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local net = require("wrapix.net")
local proc = require("wrapix.proc")
local task = require("wrapix.task")
local terminal = require("support.terminal")

describe("the double of Apple's CLI on an engine", function()
  if not e2e.rootful then return end -- what it acts out needs root

  local apple

  local function open(version)
    if apple then apple:close() end
    apple = doubles.new(version, { env = { CONTAINER_DOUBLE_REGISTRY = "podman" } })
    return apple
  end

  after_each(function()
    local id = fs.read(apple.env.CONTAINER_DOUBLE_STATE .. "/id")
    apple:close()
    apple = nil
    e2e.assert_clean()
    local images = e2e.podman("images", "--format", "{{.Repository}}")
    assert.falsy(images:find(id, 1, true), images)
  end)

  local function words(...) return { "run", "--rm", "--progress", "none", ... } end

  -- A shell script in a container that goes away; options of `run` come after it.
  local function sh(script, ...)
    local all = words(...)
    all[#all + 1] = e2e.image
    table.move({ "sh", "-c", script }, 1, 3, #all + 1, all)
    return apple:run(table.unpack(all))
  end

  local function out(script, ...)
    local result = sh(script, ...)
    assert.equal(0, result.code, result.stdout .. result.stderr)
    return (result.stdout:gsub("\n$", ""))
  end

  local function names() return apple:output("list", "--all", "--quiet") end

  describe("runs", function()
    it("a program with its streams and its status", function()
      open("1.2.2")
      local result = sh("echo out; echo err >&2; exit 7")
      assert.same({ 7, "out\n", "err\n" }, { result.code, result.stdout, result.stderr })
      local all = words("-i", e2e.image, "cat")
      all[#all + 1] = { input = "typed" }
      assert.equal("typed", apple:run(table.unpack(all)).stdout)
      assert.equal("", names())
    end)

    it("nothing when the program is missing: status 1, no container", function()
      open("1.2.2")
      local result = apple:run(table.unpack(words("--name", "box", e2e.image, "/nowhere")))
      assert.equal(1, result.code)
      assert.truthy(result.stderr:find("failed to find target executable /nowhere", 1, true))
      assert.equal("", names())
    end)

    it("in a directory that is missing from 0.12.0 on", function()
      open("0.11.0")
      assert.equal(1, sh("pwd", "-w", "/made/here").code)
      open("0.12.3")
      assert.equal("/made/here", out("pwd", "-w", "/made/here"))
    end)

    it("as root unless told, with the capabilities of the version", function()
      open("0.11.0")
      local script = "id -u; mkdir /m; mount -t tmpfs x /m && echo mounted"
      assert.equal("0\nmounted", out(script))
      open("1.2.2")
      assert.equal("0\nmounted", out(script, "--cap-add", "SYS_ADMIN"))
      assert.is_not.equal(0, sh(script).code)
      assert.equal("CapEff:\t0000000000000001",
        out("grep CapEff /proc/self/status", "--cap-drop", "ALL", "--cap-add", "CHOWN"))
      assert.equal("7700 7701", out("echo $(id -u) $(id -g)", "--user", "7700:7701"))
    end)

    it("with the environment it is given and no more", function()
      open("1.2.2")
      local text = out("env", "-e", "A=b c", "-e", "E=", "--name", "box")
      assert.truthy(text:find("\nA=b c\n", 1, true) or text:find("^A=b c\n"))
      assert.falsy(text:find("container=podman", 1, true), text)
    end)

    it("with its name, its hosts and its servers", function()
      open("1.2.2")
      local gateway = apple:json("network", "inspect", "default")[1].status.ipv4Gateway
      local text = out("hostname; cat /etc/hosts; head -1 /etc/resolv.conf", "--name", "box.lan")
      local address = text:match("\n(%d[%d.]+) box\n")
      assert.truthy(address, text)
      assert.equal(("box\n127.0.0.1 localhost\n%s box\nnameserver %s"):format(address, gateway), text)
      assert.truthy(out("cat /etc/resolv.conf", "--dns", "192.0.2.1"):find("^nameserver 192%.0%.2%.1$"))
      assert.falsy(out("ip -o addr", "--network", "none"):find("eth0", 1, true))
    end)

    it("at a terminal", function()
      open("1.2.2")
      local script = "trap 'stty size' WINCH; stty size; until read x; do :; done; echo got $x; exit 3"
      local argv = words("-i", "-t", e2e.image, "sh", "-c", script)
      table.insert(argv, 1, doubles.program)
      local screen <close> = terminal.open(argv, { env = apple.env, rows = 30, cols = 100 })
      screen:expect("30 100")
      screen:resize(40, 90)
      screen:expect("40 90")
      screen:type("word\r")
      screen:expect("got word")
      assert.equal(3, (screen:wait()))
    end)
  end)

  it("leaves the caller's stdin non-blocking", function()
    open("1.2.2")
    local look = "use Fcntl; system(@ARGV) == 0 or die; "
      .. "print fcntl(STDIN, F_GETFL, 0) & O_NONBLOCK ? 'left' : 'restored'"
    local argv = { "perl", "-e", look, doubles.program }
    table.move(words("-i", e2e.image, "cat"), 1, 99, 5, argv)
    local result = assert(proc.run(argv, { env = apple.env, input = "x", timeout = 60 }))
    assert.equal("xleft", result.stdout, result.stderr)
  end)

  -- Starts a program that tells which signals it gets, and sends the CLI two.
  local function signalled(version)
    open(version)
    local script = "trap 'echo USR1' USR1; trap 'echo PWR' PWR; trap 'echo TERM; exit 5' TERM; echo up; "
      .. "i=0; while [ $i -lt 20 ]; do sleep 0.1; i=$((i+1)); done; exit 9"
    local running <close> = apple:start(words(e2e.image, "sh", "-c", script))
    assert.equal("up", running.stdout:read_line())
    running:kill("USR1")
    task.sleep(0.4)
    running:kill("TERM")
    local result = assert(running:wait())
    return result.code, result.stdout
  end

  describe("signals to the CLI", function()
    it("arrive as numbers of macOS up to 0.12.3", function()
      assert.same({ 5, "PWR\nTERM\n" }, { signalled("0.12.3") })
    end)

    it("do not arrive from 1.0.0 to 1.2.2", function()
      assert.same({ 9, "" }, { signalled("1.0.0") })
    end)

    it("end the CLI at the third, and leave the container alone", function()
      open("1.2.2")
      local running <close> = apple:start(words("--name", "box", e2e.image, "sh", "-c", "echo up; sleep 100"))
      assert.equal("up", running.stdout:read_line())
      for _ = 1, 3 do
        running:kill("TERM")
        task.sleep(0.1)
      end
      local result = assert(running:wait())
      assert.equal(1, result.code)
      assert.truthy(result.stderr:find("Received 3 SIGINT/SIGTERM's, forcefully exiting.", 1, true))
      assert.equal("box", apple:output("list", "--quiet"))
      apple:output("delete", "--force", "box")
    end)

    it("arrive on 1.4.1", function() assert.same({ 5, "USR1\nTERM\n" }, { signalled("1.4.1") }) end)
  end)

  describe("a container in the background", function()
    local function background(script, ...)
      local all = { "run", "-d", "--progress", "none", "--name", "box", ... }
      table.move({ e2e.image, "sh", "-c", script }, 1, 4, #all + 1, all)
      assert.equal("box", apple:output(table.unpack(all)))
    end

    local WAIT = "trap 'echo ended; exit 3' TERM; echo up; while :; do sleep 0.1; done"

    it("is listed, entered, logged, stopped, started and deleted", function()
      open("1.2.2")
      background(WAIT, "-e", "A=b", "-w", "/tmp")
      local one = apple:json("inspect", "box")[1]
      assert.equal("running", one.status.state)
      local prefix = one.status.networks[1].ipv4Gateway:match("^%d+%.%d+%.")
      assert.equal(prefix, one.status.networks[1].ipv4Address:sub(1, #prefix))
      assert.equal("/tmp b", apple:output("exec", "box", "sh", "-c", "echo $PWD $A"))
      assert.equal(4, apple:run("exec", "box", "sh", "-c", "exit 4").code)
      assert.equal(1, apple:run("exec", "box", "/nowhere").code)
      assert.equal("7700", apple:output("exec", "-u", "7700", "box", "id", "-u"))
      e2e.wait_for("its log", function() return apple:output("logs", "box") == "up" end)
      assert.equal("box", apple:output("stop", "box"))
      assert.equal("stopped", apple:json("inspect", "box")[1].status.state)
      assert.equal("up\nended", apple:output("logs", "box"))
      assert.equal("ended", apple:output("logs", "-n", "1", "box"))
      assert.equal(1, apple:run("exec", "box", "true").code)
      assert.equal("box", apple:output("start", "box"))
      assert.equal("box", apple:output("kill", "box"))
      e2e.wait_for("its end", function()
        return apple:json("inspect", "box")[1].status.state == "stopped"
      end)
      assert.equal("box", apple:output("delete", "box"))
      assert.equal("", names())
    end)

    it("is entered at a terminal", function()
      open("1.2.2")
      background(WAIT)
      local argv = { doubles.program, "exec", "-i", "-t", "box", "sh", "-c", "stty size; read x; echo got $x; exit 6" }
      local screen <close> = terminal.open(argv, { env = apple.env, rows = 31, cols = 99 })
      screen:expect("31 99")
      screen:type("word\r")
      screen:expect("got word")
      assert.equal(6, (screen:wait()))
    end)

    it("is killed after the time that `stop` gives it", function()
      open("0.12.3")
      background("trap '' TERM; echo up; while :; do sleep 0.1; done")
      e2e.wait_for("its log", function() return apple:output("logs", "box") == "up" end)
      assert.equal("box", apple:output("stop", "--time", "1", "box"))
      assert.equal("stopped", apple:json("inspect", "box")[1].status)
    end)

    it("goes away by itself with --rm", function()
      open("1.2.2")
      background("true", "--rm")
      e2e.wait_for("its end", function() return names() == "" end)
    end)

    it("takes and gives files", function()
      open("1.2.2")
      background(WAIT)
      local file = apple:write("given", "content")
      assert.equal("box:/tmp/given", apple:output("cp", file, "box:/tmp/given"))
      assert.equal("content", apple:output("exec", "box", "cat", "/tmp/given"))
      assert.equal(apple.dir .. "/back", apple:output("cp", "box:/tmp/given", apple.dir .. "/back"))
      assert.equal("content", fs.read(apple.dir .. "/back"))
      assert.equal(1, apple:run("cp", "box:/tmp/none", apple.dir .. "/x").code)
    end)

    it("lives on when the CLI is killed", function()
      open("1.2.2")
      local all = words("--name", "box", e2e.image, "sh", "-c", "echo up; sleep 100")
      local running = apple:start(all)
      assert.equal("up", running.stdout:read_line())
      running:kill("KILL")
      running:wait()
      assert.equal("box", apple:output("list", "--quiet"))
      apple:output("delete", "--force", "box")
    end)
  end)

  describe("mounts", function()
    it("share directories and files, read-only where asked", function()
      open("1.2.2")
      local file = apple:write("one/file", "text")
      apple:write("two/x", "")
      local script = "cat /f; echo new >/w/new; touch /f 2>/dev/null || echo refused; mount | grep -c ' /t '"
      assert.equal("textrefused\n1", out(script, "-v", file .. ":/f:ro", "-v", apple.dir .. "/two:/w",
        "--tmpfs", "/t"))
      assert.equal("new\n", fs.read(apple.dir .. "/two/new"))
    end)

    it("of a file take away the share of its directory", function()
      open("1.2.2")
      local file = apple:write("one/file", "text")
      apple:write("one/other", "")
      assert.equal("file", out("ls /w", "-v", apple.dir .. "/one:/w", "-v", file .. ":/w/file"))
    end)

    it("of a volume keep what is there, for one container at a time", function()
      open("1.2.2")
      assert.equal("", out("echo kept >/v/file", "-v", "vol:/v"))
      assert.equal("kept", out("cat /v/file", "-v", "vol:/v"))
      apple:output("run", "-d", "--name", "box", "-v", "vol:/v", e2e.image, "sleep", "100")
      local second = sh("true", "-v", "vol:/v")
      assert.equal(1, second.code)
      assert.truthy(second.stderr:find("volume 'vol' is currently in use", 1, true))
      apple:output("delete", "--force", "box")
      assert.equal("vol", apple:output("volume", "delete", "vol"))
    end)
  end)

  describe("sockets", function()
    local ASK = "use IO::Socket::UNIX; for (@ARGV) { my $s = IO::Socket::UNIX->new(Peer => $_); "
      .. "print $s ? 'answer: ' . <$s> : \"$!\\n\" }"

    -- Answers every connection with a line while fn runs.
    local function with_server(path, mode, fn)
      local server = assert(net.listen_unix(path, { mode = mode }))
      task.scope(function(scope)
        local serving = scope:spawn(function()
          for stream in function() return server:accept() end do
            stream:write("hello\n")
            stream:close()
          end
        end)
        fn()
        server:close()
        serving:wait()
      end)
    end

    local function ask(mounts, ...)
      local all = words(table.unpack(mounts))
      table.move({ e2e.debian, "perl", "-e", ASK, ... }, 1, 4 + select("#", ...), #all + 1, all)
      return apple:output(table.unpack(all))
    end

    it("of the host are relayed from 1.1.0, refused on 1.0.0, owned by root", function()
      open("1.1.0")
      with_server(apple.dir .. "/h.sock", 432, function()
        local mount = { "-v", apple.dir .. "/h.sock:/run/h.sock" }
        assert.equal("answer: hello", ask(mount, "/run/h.sock"))
        assert.equal("0 0 660", out("stat -c '%u %g %a' /run/h.sock", table.unpack(mount)))
      end)
      open("1.0.0")
      with_server(apple.dir .. "/h.sock", 432, function()
        assert.equal("Connection refused", ask({ "-v", apple.dir .. "/h.sock:/run/h.sock" }, "/run/h.sock"))
      end)
    end)

    it("inside a share are dead", function()
      open("1.2.2")
      apple:write("share/x", "")
      with_server(apple.dir .. "/share/in", 438, function()
        assert.equal("Connection refused", ask({ "-v", apple.dir .. "/share:/w" }, "/w/in"))
      end)
    end)

    it("of the container are published, and go with it", function()
      open("1.2.2")
      local script = "use IO::Socket::UNIX; my $s = IO::Socket::UNIX->new(Local => '/run/p', Listen => 5) or die $!; "
        .. "while (my $c = $s->accept) { print $c \"inside\\n\"; close $c }"
      local host = apple.dir .. "/new/p.sock"
      apple:output("run", "-d", "--rm", "--name", "box", "--publish-socket", host .. ":/run/p",
        e2e.debian, "perl", "-e", script)
      local line = e2e.wait_for("an answer", function()
        local stream = net.connect_unix(host)
        local text = stream and stream:read_line()
        if stream then stream:close() end
        return text
      end)
      assert.equal("inside", line)
      local second = sh("true", "--publish-socket", host .. ":/run/p")
      assert.truthy(second.stderr:find("already exists and may be in use", 1, true))
      apple:output("delete", "--force", "box")
      e2e.wait_for("the end of the socket", function() return not fs.lstat(host) end)
    end)
  end)

  describe("images", function()
    it("are loaded from an OCI layout, run, tagged, saved and deleted", function()
      open("0.12.3")
      apple.env.CONTAINER_DOUBLE_REGISTRY = nil
      local oci, docker = apple.dir .. "/oci.tar", apple.dir .. "/docker.tar"
      e2e.podman("save", "--quiet", "--format", "oci-archive", "--output", oci, e2e.image)
      e2e.podman("save", "--quiet", "--format", "docker-archive", "--output", docker, e2e.image)
      assert.equal(1, sh("true").code) -- nothing is there that was not loaded
      assert.equal(1, apple:run("image", "load", "-i", docker).code)
      assert.equal("Loaded images:\n" .. e2e.image, apple:output("image", "load", "-i", oci))
      assert.equal("here", out("echo here"))
      apple:output("image", "tag", e2e.image, "mine/one:2")
      apple:output("image", "save", "-o", apple.dir .. "/saved.tar", "mine/one:2")
      apple:output("image", "delete", "--all")
      assert.equal("", apple:output("image", "list", "--quiet"))
      assert.equal("Loaded images:\ndocker.io/mine/one:2",
        apple:output("image", "load", "-i", apple.dir .. "/saved.tar"))
    end)

    it("are built", function()
      open("1.2.2")
      apple:write("ctx/Containerfile", "FROM base/one\nRUN echo built >/built\nCMD [\"cat\", \"/built\"]\n")
      apple:output("image", "pull", e2e.image)
      apple:output("image", "tag", e2e.image, "base/one")
      local text = apple:output("build", "-t", "mine", apple.dir .. "/ctx")
      assert.truthy(text:find("Successfully built docker.io/library/mine:latest", 1, true), text)
      assert.equal("built", apple:output("run", "--rm", "mine"))
      apple:write("bad/Containerfile", "FROM base/one\nRUN exit 3\n")
      assert.equal(1, apple:run("build", "-t", "bad", apple.dir .. "/bad").code)
    end)
  end)
end)
