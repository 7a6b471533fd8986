-- SPDX-License-Identifier: MIT
-- PID 1 needs nothing of an image: one like Alpine (musl, busybox, no bash, no /home),
-- one like distroless (a loader, a libc, one program, a user and an entrypoint of its
-- own) and one with a single static program and not even a directory.

local e2e = require("support.e2e")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")

local SECONDS = 15
local ZERO = "0000000000000000"

local IMAGES = {
  { name = "alpine", probe = "/usr/bin/probe", short = "probe", shell = "/bin/sh" },
  { name = "distroless", probe = "/usr/bin/probe", short = "probe" },
  { name = "scratch", probe = "/probe", short = "../probe" },
}

-- A profile that lays a file into the skeleton of the home.
local function profile(ref)
  local dir = e2e.dir()
  return e2e.file(dir .. "/skeleton.lua", ([[
    local fs = require("wrapix").fs
    return { name = "skeleton", image = %q, hooks = { before_start = function(ctx)
      local dir = %q .. "/" .. ctx.session .. "/run/skel/.probe"
      assert(fs.ensure_dir(dir))
      assert(fs.write_atomic(dir .. "/settings", "skeleton of " .. ctx.session .. "\n",
        { mode = tonumber("644", 8), sync = false }))
      return true
    end } }
  ]]):format(ref, e2e.sessions))
end

local function lines_of(text)
  local seen = {}
  for line in text:gmatch("[^\n]+") do
    local key, value = line:match("^([^=:]+)[=:]%s*(.*)$")
    if key then seen[key] = value end
  end
  return seen
end

-- An executable of the host's libc, which none of these images but one can load.
local function build_foreign(target)
  local result = assert(proc.run({ os.getenv("CC") or "cc", "-std=c11", "-o", target,
    WRAPIX_ROOT .. "/tests/host/probe.c" }))
  assert.equal(0, result.code, result.stderr)
  return target
end

for _, image in ipairs(IMAGES) do
  describe("in the image " .. image.name, function()
    local ref = ("localhost/wrapix-test-%s:1"):format(image.name)

    after_each(e2e.assert_clean)

    local function run(argv, opts)
      opts = opts or {}
      opts.image, opts.args = ref, opts.args or { "-q" }
      return e2e.run(argv, opts)
    end

    local function shell(opts)
      return e2e.cli({ "-q", "-C", e2e.dir(), "--image", ref }, opts)
    end

    it("a command runs as wrapix, in its home, without privileges", function()
      local result = e2e.cli({ "-q", "-C", e2e.dir(), profile(ref), "--", image.probe, "see" })
      assert.equal(0, result.code, result.stderr)
      local seen = lines_of(result.stdout)
      assert.same({ tostring(e2e.uid), tostring(e2e.gid), "wrapix", "1", "/workspace" },
        { seen.uid, seen.gid, seen.user, seen.ppid, seen.cwd })
      assert.equal(("/home/wrapix 700 %d"):format(e2e.uid), seen.home)
      assert.matches("\nsettings%.skeleton of %x+\n", result.stdout)
      assert.equal("/run/wrapix/bin", seen.path:match("^[^:]+"))
      for _, who in ipairs({ "self", "init" }) do
        for _, set in ipairs({ "Inh", "Prm", "Eff", "Bnd", "Amb" }) do
          assert.equal(ZERO, seen[who .. ".Cap" .. set], who .. set)
        end
        assert.same({ "1", "2" }, { seen[who .. ".NoNewPrivs"], seen[who .. ".Seccomp"] })
      end
      assert.equal("wrapix-init", seen["init.Name"])
      for _, dir in ipairs({ "/home/wrapix", ".", "/tmp" }) do
        assert.equal("yes", seen["write." .. dir], dir)
      end
      assert.equal("Read-only file system", seen["write."])
      assert.equal("Read-only file system", seen["write./etc"])
    end)

    it("its status is that of wrapix", function()
      assert.equal(3, run({ image.probe, "exit", "3" }).code)
      assert.equal(200, run({ image.short, "exit", "200" }).code)
    end)

    it("a signal reaches it", function()
      local running <close> = e2e.start({ image.probe, "signal" }, { image = ref })
      assert.equal("up", running.stdout:read_line())
      e2e.kill(running:pid(), "INT")
      local result = running:wait()
      assert.same({ 42, "got 2\n" }, { result.code, result.stdout })
    end)

    it("an orphan is reaped", function()
      assert.equal(0, run({ image.probe, "orphan" }).code)
    end)

    it("it ends with its launcher", function()
      local running <close> = e2e.start({ image.probe, "signal" }, { image = ref })
      assert.equal("up", running.stdout:read_line())
      local began = sys.clock()
      e2e.kill(running:pid(), "KILL")
      e2e.wait_for("the end of the container", function()
        return e2e.podman("ps", "--all", "--quiet") == ""
      end)
      e2e.assert_within(began, SECONDS)
      running.stdout:close()
      assert.equal(0, e2e.cli({ "gc" }).code)
    end)

    it("one more command runs in it", function()
      assert.equal(0, run({ image.probe, "signal" }, { args = { "-q", "-d", "--name", "box" } }).code)
      assert.equal(5, e2e.cli({ "exec", "box", "--", image.probe, "exit", "5" }).code)
      assert.equal(127, e2e.cli({ "exec", "box", "--", "no-such-program" }).code)
      assert.equal(0, e2e.cli({ "stop", "box" }).code)
    end)

    it("what cannot be run is told apart", function()
      local result = run({ "no-such-program" })
      assert.same({ 127, "wrapix: run: no-such-program: command not found\n" },
        { result.code, result.stderr })
      result = run({ "/no/such" })
      assert.same({ 127, "wrapix: run: /no/such: No such file or directory\n" },
        { result.code, result.stderr })
      result = run({ "/etc" })
      assert.same({ 126, "wrapix: run: /etc: Is a directory\n" }, { result.code, result.stderr })
      local dir = e2e.dir()
      e2e.file(dir .. "/script", "#!/bin/bash\necho ran\n", tonumber("755", 8))
      result = run({ "./script" }, { dir = dir })
      assert.same({ 126,
        "wrapix: run: ./script: the interpreter or loader it names is not in the image\n" },
        { result.code, result.stderr })
    end)

    if image.name ~= "distroless" then
      it("a program for another libc is told from a missing one", function()
        local dir = e2e.dir()
        build_foreign(dir .. "/foreign")
        local result = run({ "./foreign" }, { dir = dir })
        assert.same({ 126,
          "wrapix: run: ./foreign: the interpreter or loader it names is not in the image\n" },
          { result.code, result.stderr })
      end)
    end

    if image.shell then
      it("there is a shell without asking for one", function()
        local result = shell({ input = "echo $0 $HOME\ncat /etc/alpine-release; exit 4\n" })
        assert.same({ 4, image.shell .. " /home/wrapix\n3.20.3\n" }, { result.code, result.stdout })
      end)
    else
      it("the lack of a shell is told", function()
        local result = shell({ input = "exit 0\n" })
        assert.same({ 127,
          "wrapix: run: shell: neither $SHELL nor /bin/bash nor /bin/sh is in the image\n" },
          { result.code, result.stderr })
      end)
    end
  end)
end

describe("the image distroless", function()
  -- Else the specs above would show nothing.
  it("has a user, a directory and an entrypoint that wrapix passes over", function()
    local format = "{{.Config.User}} {{.Config.WorkingDir}} {{.Config.Entrypoint}} {{.Config.Cmd}}"
    assert.equal("65532 /home/nonroot [/usr/bin/probe exit 66] [exit 67]",
      e2e.podman("image", "inspect", "--format", format, "localhost/wrapix-test-distroless:1"))
  end)
end)
