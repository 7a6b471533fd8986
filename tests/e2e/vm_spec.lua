-- SPDX-License-Identifier: MIT
-- wrapix-vm in a real container that stands for the virtual machine: started as root with what
-- Apple's engine gives, among the mounts an OCI runtime makes, in an image that may be hostile.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local proc = require("wrapix.proc")

local GUESTS = assert(fs.realpath("/proc/self/exe")):gsub("[^/]*$", "guest")
local HOSTILE = "localhost/wrapix-test-hostile:1"
-- Those of the engine from 0.12 on, and what wrapix adds.
local CAPABILITIES = { "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD",
  "NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
  "SYS_ADMIN" }

local CONF = [[
wrapix-vm 1
hostname box
user alice 501 20 /home/alice
tmpfs /home/alice 1048576 700
tmpfs /run/wrapix 1048576 755
bind /mnt/wrapix/bin /run/wrapix/bin ro
bind /mnt/wrapix/0 /workspace rw
copy /mnt/wrapix/vm/run /run/wrapix
seal /run/wrapix
root ro
cwd /workspace
]]

-- A directory with what the launcher would share; the workspace is anybody's, because the ids of a
-- rootless container are not those of here.
local function machine()
  local dir = e2e.dir("machine")
  for _, name in ipairs({ "vm/run", "bin", "ws" }) do assert(fs.ensure_dir(dir .. "/" .. name)) end
  for _, name in ipairs({ "wrapix-vm", "wrapix-init" }) do
    assert(fs.copy_tree(GUESTS .. "/" .. name, dir .. "/bin/" .. name))
  end
  e2e.compile("attack", dir .. "/ws")
  assert(fs.chmod(dir .. "/ws", 511)) -- 0777
  e2e.file(dir .. "/vm/run/context.json", "{}")
  e2e.file(dir .. "/vm/vm.conf", CONF)
  return dir
end

local function engine_words(dir, image)
  local words = { "podman" }
  local function add(...) table.move({ ... }, 1, select("#", ...), #words + 1, words) end
  add("run", "--rm", "--pull=never", "--cap-drop=all", "-e", "HOME=/home/alice")
  if e2e.rootful then add("--runtime=runc") end
  for _, name in ipairs(CAPABILITIES) do add("--cap-add", name) end
  for share, mode in pairs({ vm = "ro", bin = "ro" }) do
    add("-v", ("%s/%s:/mnt/wrapix/%s:%s"):format(dir, share, share, mode))
  end
  add("-v", dir .. "/ws:/mnt/wrapix/0", image or e2e.image, "/mnt/wrapix/bin/wrapix-vm")
  return words
end

local function run(argv, image, dir)
  local words = engine_words(dir or machine(), image)
  words[#words + 1] = "--"
  table.move(argv, 1, #argv, #words + 1, words)
  return assert(proc.run(words, { timeout = 60 }))
end

describe("wrapix-vm in a container", function()
  after_each(e2e.assert_clean)

  it("becomes the user, whose status it is", function()
    local result = run({ "sh", "-c", "id; pwd; hostname; touch new /x; exit 7" })
    assert.equal("uid=501(alice) gid=20(alice)\n/workspace\nbox\n", result.stdout)
    assert.equal("touch: /x: Read-only file system\n", result.stderr)
    assert.equal(7, result.code)
  end)

  it("leaves the attack program nothing", function()
    local result, count = run({ "./attack" }), 0
    for name, answer in result.stdout:gmatch("([%w_]+) ([^\n]*)") do
      assert.not_equal("ok", answer, name)
      count = count + 1
    end
    assert.equal(33, count)
  end)

  it("does not start in an image with links where mounts go", function()
    local dir = e2e.dir("image")
    for _, name in ipairs({ "bin", "bait" }) do assert(fs.ensure_dir(dir .. "/" .. name)) end
    assert(fs.copy_tree("/bin/busybox", dir .. "/bin/busybox"))
    assert(fs.symlink("/bait", dir .. "/home"))
    local made = assert(proc.run({ "sh", "-c", ("tar -C '%s' -c . | podman import - %s")
      :format(dir, HOSTILE) }, { timeout = 60 }))
    assert.equal(0, made.code, made.stderr)
    local result = run({ "true" }, HOSTILE)
    e2e.podman("rmi", HOSTILE)
    assert.equal(125, result.code)
    assert.equal("wrapix: run: wrapix-vm: tmpfs /home/alice: 'home' on the way there is a "
      .. "symbolic link\n", result.stderr)
  end)

  it("runs one more command as confined, by the engine's exec as root", function()
    local dir = machine()
    local words = engine_words(dir)
    table.insert(words, 3, "--name=wrapix-vm-test")
    table.insert(words, 4, "--detach")
    table.move({ "--", "sh", "-c", "while [ ! -e end ]; do sleep 0.05; done" }, 1, 4, #words + 1, words)
    local started = assert(proc.run(words, { timeout = 60 }))
    assert.equal(0, started.code, started.stderr)
    e2e.wait_for("what exec reads", function()
      return assert(proc.run({ "podman", "exec", "wrapix-vm-test", "test", "-s",
        "/run/wrapix/vm.conf" }, { timeout = 60 })).code == 0
    end)
    local result = assert(proc.run({ "podman", "exec", "--user=0", "wrapix-vm-test",
      "/run/wrapix/bin/wrapix-vm", "--exec", "--", "--", "sh", "-c",
      "id; pwd; ./attack | grep -c ' ok$'; touch end" }, { timeout = 60 }))
    assert.equal("uid=501(alice) gid=20(alice)\n/workspace\n0\n", result.stdout, result.stderr)
  end)
end)
