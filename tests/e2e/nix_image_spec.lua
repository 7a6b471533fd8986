-- SPDX-License-Identifier: MIT
-- Images of Nix: what the library of the flake makes is loaded into the engine once,
-- straight from the program that writes it, and what cannot be loaded leaves nothing.
-- Where there is no Nix, the same script makes the archive and a line the program.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local NAME = "nix" .. sys.random_hex(3)
local STORE = e2e.tmp .. "/store"
local ENV = { NIX_STORE_DIR = STORE }
local NIX = fs.exists("/usr/bin/nix")

local function must(argv, opts)
  local result = assert(proc.run(argv, opts))
  if result.code ~= 0 then error(("%s: %s"):format(argv[1], result.stderr or ""), 2) end
  return result
end

-- A path of the store with a hash of its own.
local function store_path(name)
  local hash = sys.random_hex(16):gsub("e", "z")
  return ("%s/%s-%s"):format(STORE, hash, name)
end

local function program(text) return e2e.file(store_path("stream-x"), "#!/bin/sh\n" .. text, 493) end

local function profile(path, more)
  return e2e.file(e2e.dir() .. "/my.lua",
    ("return { name = %q, image = { nix = %q }, %s }"):format(NAME, path, more or ""))
end

-- Making ---------------------------------------------------------------------------

local function with_nix(dir)
  for _, part in ipairs({ "flake.nix", "src/nix", "src/guest", "src/VERSION" }) do
    local to = dir .. "/tree/" .. part
    assert(fs.ensure_dir(to:match("^(.*)/")))
    assert(fs.copy_tree(WRAPIX_ROOT .. "/" .. part, to))
  end
  e2e.file(dir .. "/one/flake.nix", ([[{
    inputs.nixpkgs.url = "path:%s/tests/nix/nixpkgs";
    inputs.wrapix.url = "path:%s/tree";
    inputs.wrapix.inputs.nixpkgs.follows = "nixpkgs";
    outputs = { nixpkgs, wrapix, ... }: {
      packages.x86_64-linux.default = (wrapix.lib.mkSandbox {
        pkgs = nixpkgs.legacyPackages.x86_64-linux;
        profile = wrapix.lib.profiles.c // { agents = [ ]; agent = null; };
        name = "%s";
        env.FROM_NIX = "it's \"so\"";
      }).profile;
    };
  }]]):format(WRAPIX_ROOT, dir, NAME))
  must({ "nix", "build", "-o", dir .. "/result", "path:" .. dir .. "/one" }, {
    env = {
      NIX_STORE_DIR = STORE, NIX_STATE_DIR = dir .. "/state", NIX_LOG_DIR = dir .. "/log",
      NIX_CONF_DIR = dir, NIX_REMOTE = "", HOME = dir,
      NIX_CONFIG = "build-users-group =\nsandbox = false\nsubstituters =\n"
        .. "experimental-features = nix-command flakes",
    },
    stdout = "null", stderr = "pipe", timeout = 120,
  })
  return assert(fs.realpath(dir .. "/result"))
end

local function by_hand(dir)
  local container = e2e.podman("create", e2e.image, "true"):match("%S+")
  e2e.podman("export", "-o", dir .. "/root.tar", container)
  e2e.podman("rm", container)
  assert(fs.ensure_dir(dir .. "/contents"))
  must({ "tar", "-xf", dir .. "/root.tar", "-C", dir .. "/contents", "bin" })
  local archive = store_path("docker-image-wrapix-x.tar")
  must({ "sh", WRAPIX_ROOT .. "/tests/nix/nixpkgs/docker_archive.sh" }, { cwd = dir, env = {
    out = archive, contents = dir .. "/contents", imageName = "wrapix-nix/wrapix-x",
    extraCommands = "mkdir -p etc home/wrapix tmp workspace; chmod 1777 tmp;"
      .. "echo root:x:0:0::/:/bin/sh > etc/passwd",
    config = '{"Env":["LANG=C.UTF-8","PATH=/bin"]}',
  } })
  return profile(program("exec cat " .. archive), [[env = { FROM_NIX = "it's \"so\"" },]])
end

local made

local function sandbox()
  if not made then
    local dir = e2e.dir("nix")
    assert(fs.ensure_dir(STORE))
    assert(fs.ensure_dir(dir .. "/one"))
    made = NIX and with_nix(dir) or by_hand(dir)
  end
  return made
end

local function image_of(path)
  return assert(assert(fs.read(path)):match('"(/[^"]*%-stream%-[^"]*)"'))
end

local function an_archive()
  for _, name in ipairs(assert(fs.list(STORE))) do
    if name:find("docker%-image%-.*%.tar$") then return STORE .. "/" .. name end
  end
end

-- What is there --------------------------------------------------------------------

local function references(pattern)
  local found = {}
  local all = e2e.podman("images", "--all", "--format", "{{.Repository}}:{{.Tag}}")
  for ref in all:gmatch("%S+") do
    if ref:find(pattern) then found[#found + 1] = ref end
  end
  return found
end

local function ours() return references("^localhost/wrapix%-" .. NAME .. ":") end

local function image_ids()
  local ids = {}
  local all = e2e.podman("images", "--all", "--quiet", "--no-trunc")
  for id in all:gmatch("%S+") do ids[id] = true end
  return ids
end

local function new_images(before)
  local new = {}
  for id in pairs(image_ids()) do
    if not before[id] then new[#new + 1] = id end
  end
  return new
end

local function start(path, ...)
  return e2e.cli({ path, "-C", e2e.dir(), "--", ... }, { env = ENV, timeout = 60 })
end

describe("an image of Nix", function()
  local before
  setup(function() before = image_ids() end)
  after_each(e2e.assert_clean)
  teardown(function()
    for _, ref in ipairs(ours()) do e2e.podman("rmi", ref) end
  end)

  it("is loaded once by two starts at once, and then is there", function()
    local path = sandbox()
    local function begin()
      return assert(proc.spawn({ e2e.wrapix, path, "-C", e2e.dir(), "--", "sh", "-c",
        "echo \"$FROM_NIX\"; echo $LANG;"
        .. " ls -d /workspace /home/wrapix /etc/passwd; stat -c %a /tmp" },
        { env = ENV, stdout = "pipe", stderr = "pipe", session = true }))
    end
    local one <close> = begin()
    local two <close> = begin()
    local first, second = assert(one:wait()), assert(two:wait())
    assert.equal(0, first.code, first.stderr)
    assert.equal(0, second.code, second.stderr)
    local wanted = "it's \"so\"\nC.UTF-8\n/etc/passwd\n/home/wrapix\n/workspace\n1777\n"
    assert.equal(wanted, first.stdout)
    assert.equal(wanted, second.stdout)
    local _, loaded = (first.stderr .. second.stderr):gsub("loading localhost/wrapix%-", "")
    assert.equal(1, loaded, first.stderr .. second.stderr)
    assert.equal(1, #ours())
    assert.same({}, references("wrapix%-nix/"))
  end)

  it("starts without a word when it is there, even when the store has it no more", function()
    local path = sandbox()
    local image = image_of(path)
    assert(fs.rename(image, image .. ".gone"))
    local result = start(path, "sh", "-c", "echo \"$FROM_NIX\"")
    assert(fs.rename(image .. ".gone", image))
    assert.equal(0, result.code, result.stderr)
    assert.equal("it's \"so\"\n", result.stdout)
    assert.falsy(result.stderr:find("note: ", 1, true), result.stderr)
  end)

  it("is listed with its store path, and leaves nothing when it is removed", function()
    local path = sandbox()
    local image = image_of(path)
    local list = e2e.cli({ "image", "list", "--json" }, { env = ENV })
    assert.equal(0, list.code, list.stderr)
    assert.truthy(list.stdout:find(NAME, 1, true), list.stdout)
    assert.truthy(list.stdout:find(image, 1, true), list.stdout)
    local shown = e2e.cli({ "image", "show", ours()[1] }, { env = ENV })
    assert.equal(0, shown.code, shown.stderr)
    assert.truthy(shown.stdout:find(image, 1, true), shown.stdout)
    for _, ref in ipairs(ours()) do e2e.podman("rmi", ref) end
    assert.same({}, new_images(before))
  end)

  it("may be an archive, and built ahead of time", function()
    local path = profile(an_archive())
    local built = e2e.cli({ "image", "build", path }, { env = ENV, timeout = 60 })
    assert.equal(0, built.code, built.stderr)
    assert.equal(ours()[1] .. "\n", built.stdout)
    local result = start(path, "true")
    assert.equal(0, result.code, result.stderr)
    assert.falsy(result.stderr:find("loading ", 1, true), result.stderr)
    for _, ref in ipairs(ours()) do e2e.podman("rmi", ref) end
    assert.same({}, new_images(before))
  end)
end)

describe("an image of Nix that cannot be loaded", function()
  local before
  setup(function()
    sandbox()
    before = image_ids()
  end)
  after_each(e2e.assert_clean)
  after_each(function() assert.same({}, new_images(before)) end)

  local function refused(path, ...)
    local result = start(profile(path), "true")
    assert.equal(125, result.code, result.stderr)
    for _, text in ipairs({ ... }) do
      assert.truthy(result.stderr:find(text, 1, true), result.stderr)
    end
    return result.stderr
  end

  it("for the store has it not is named, with what to do", function()
    refused(store_path("stream-gone"), "-stream-gone: is not in the store", "hint: ", "nix build")
  end)

  it("for it lies elsewhere, or leads there, does not run", function()
    local dir = e2e.dir()
    local mark = dir .. "/ran"
    local outside = e2e.file(dir .. "/x", "#!/bin/sh\ntouch " .. mark .. "\n", 493)
    refused(outside, "is not a path of Nix's store", STORE)
    refused(STORE .. "/../" .. outside:match("[^/]*$"), "is not a path of Nix's store")
    local link = store_path("link")
    assert(fs.symlink(outside, link))
    refused(link, "leads out of the store to " .. outside)
    refused(STORE .. "/" .. ("0"):rep(32) .. "-a/../../x", "is not a path of Nix's store")
    assert.falsy(fs.exists(mark))
  end)

  it("for it is a directory, or no image, says so", function()
    local dir = store_path("dir")
    assert(fs.ensure_dir(dir))
    refused(dir, "is a directory", "streamLayeredImage")
    refused(program("echo hello"), "is not the archive of an image")
    refused(e2e.file(store_path("text"), "hello\n"), "is not the archive of an image")
    refused(program("true"), "hint: ")
  end)

  it("for its program fails is refused with the program's last words", function()
    local text = refused(program("echo one >&2; echo two >&2; exit 3"),
      "failed with status 3", "| two")
    assert.truthy(text:find("load image: " .. STORE, 1, true), text)
    refused(program("kill -KILL $$"), "ended by signal 9")
    refused(program("head -c 3000000 /dev/zero | tr '\\0' x >&2; exit 4"), "failed with status 4")
    refused(e2e.file(store_path("x"), "#!/no/such/program\n", 493), "cannot be run", "hint: ")
  end)

  it("for its program fails after a whole image is refused all the same", function()
    local archive = an_archive()
    refused(program(("cat %s; echo no space left on device >&2; exit 1"):format(archive)),
      "the disk is full")
    refused(program(("head -c 100000 %s"):format(archive)), "load image: ")
  end)

  it("for it is interrupted leaves no process", function()
    local path = profile(program("echo x >&2; exec sleep 1000"))
    local running <close> = assert(proc.spawn({ e2e.wrapix, path, "-C", e2e.dir(), "--", "true" },
      { env = ENV, stdout = "null", stderr = "pipe", session = true }))
    local sleeping = e2e.process("the program", function(one) return one.argv == "sleep 1000 " end)
    running:kill("INT")
    local result = assert(task.timeout(e2e.PATIENCE, function() return running:wait() end))
    assert.truthy(result.code == 130 or result.signal == 2, result.stderr)
    e2e.wait_for("its end", function() return not fs.exists("/proc/" .. sleeping.pid) end)
  end)

  it("gives its program nothing of the environment but PATH", function()
    local seen = e2e.dir() .. "/seen"
    local path = profile(program("env > " .. seen .. "; exit 1"))
    e2e.cli({ path, "-C", e2e.dir(), "--", "true" },
      { env = { NIX_STORE_DIR = STORE, ANTHROPIC_API_KEY = "a-secret" } })
    for line in assert(fs.read(seen)):gmatch("[^\n]+") do
      assert.truthy(line:find("^PATH=") or line:find("^PWD=") or line:find("^_=")
        or line:find("^SHLVL=") or line:find("^OLDPWD="), line)
    end
  end)
end)
