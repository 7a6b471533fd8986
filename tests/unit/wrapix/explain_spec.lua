-- SPDX-License-Identifier: MIT
-- The text of a fixed plan, letter by letter.

local explain = require("wrapix.explain")

local DEFAULT = { kind = "default", text = "default" }
local function at(line) return { kind = "profile", text = "shop.lua:" .. line, layer = "shop" } end

local function plan()
  return {
    version = 1, session = "0123456789ab", name = "wrapix-shop-456789ab", name_origin = DEFAULT,
    hostname = "wrapix", profile = "shop", runtime = "podman",
    workspace = { source = "/home/me/my shop", dest = "/workspace" },
    image = { ref = "localhost/wrapix-shop:5f2c", recipe = {}, origin = at(3) },
    command = { value = { "make", "all tests" }, origin = { kind = "option", text = "--" } },
    user = { name = "wrapix", uid = 1000, gid = 1000, home = "/home/wrapix", mode = "keep-id",
      origin = { kind = "host", text = "your uid and gid" } },
    mounts = {
      { type = "tmpfs", dest = "/tmp", mode = "rw", size = 2 << 30, origin = DEFAULT },
      { type = "bind", source = "/home/me/a\27b", dest = "/data", mode = "ro", origin = at(5) },
    },
    env = {
      { name = "API_KEY", secret = true, origin = at(6) },
      { name = "LANG", value = "C.UTF-8", origin = DEFAULT },
    },
    labels = { { name = "wrapix.profile", value = "shop", origin = DEFAULT } },
    limits = {
      { name = "memory", value = 4 << 30, origin = { kind = "option", text = "--memory" } },
      { name = "cpus", value = 1.5, origin = at(8) },
      { name = "timeout", value = 90, origin = at(9) },
    },
    network = { mode = "open", backend = "pasta", origin = DEFAULT },
    security = { cap_drop = "all", no_new_privileges = true, seccomp = "/c/seccomp.json",
      read_only = true, userns = false, origin = DEFAULT, seccomp_origin = DEFAULT,
      read_only_origin = DEFAULT },
    engine = { path = "/usr/bin/podman", origin = { kind = "host", text = "podman 5.4.2" } },
    terminal = { stdin = true, tty = true, size = { rows = 24, cols = 80 },
      origin = { kind = "host", text = "stdin and stdout are a terminal" } },
    lease = { mode = "socket", path = "/run/wrapix/lease.sock", origin = DEFAULT },
    skipped = {
      { kind = "mount", what = "~/x:/x:ro:optional", reason = "/home/me/x does not exist",
        origin = at(10) },
    },
    warnings = { { text = "no limit on pids: not delegated", hint = "log in anew" } },
  }
end

local FLAGS = {
  { what = "image", args = { "--pull=never" }, origin = DEFAULT },
  { what = "mount", args = { "--mount", "type=bind,source=/home/me/my shop" }, origin = at(5) },
  { what = "command", args = { "--", "make", "all tests" },
    origin = { kind = "option", text = "--" } },
}

local GOLDEN = [==[
command
  command    make 'all tests'               --
  terminal   stdin and a terminal 80x24     stdin and stdout are a terminal
  container  wrapix-shop-456789ab           default
  profile    shop
  workspace  /home/me/my shop → /workspace
  lease      socket /run/wrapix/lease.sock  default

image
  localhost/wrapix-shop:5f2c  built when it is not there  shop.lua:3

user
  wrapix  1000:1000, as on the host  your uid and gid

mounts
  /tmp   rw  tmpfs, at most 2 GiB  default
  /data  ro  "/home/me/a\x1bb"     shop.lua:5

env
  API_KEY  (secret, not shown)  shop.lua:6
  LANG     C.UTF-8              default

limits
  memory   4 GiB  --memory
  cpus     1.5    shop.lua:8
  timeout  90 s   shop.lua:9

network
  open  by pasta  default

security
  capabilities        none             default
  no new privileges   yes              default
  system call filter  /c/seccomp.json  default
  user namespaces     refused          default
  root file system    read-only        default

labels
  wrapix.profile  shop  default

engine
  podman  /usr/bin/podman  podman 5.4.2

skipped
  mount ~/x:/x:ro:optional  /home/me/x does not exist  shop.lua:10

warnings
  no limit on pids: not delegated
  hint: log in anew

command line
  /usr/bin/podman run                          podman 5.4.2
  --pull=never                                 default
  --mount 'type=bind,source=/home/me/my shop'  shop.lua:5
  -- make 'all tests'                          --
]==]

describe("explain.text", function()
  it("is this for a fixed plan", function()
    assert.equal(GOLDEN, explain.text(plan(), FLAGS))
  end)

  it("leaves out what is not there", function()
    local p = plan()
    p.skipped, p.warnings = {}, {}
    local text = explain.text(p, FLAGS)
    assert.is_nil(text:find("skipped", 1, true))
    assert.is_nil(text:find("warnings", 1, true))
  end)

  it("says what else can be", function()
    local p = plan()
    p.command = { value = { "--shell" }, shell = true, origin = DEFAULT }
    p.terminal = { stdin = false, tty = false, origin = DEFAULT, watch = true, watch_origin = DEFAULT }
    p.image.recipe = nil
    p.network = { mode = "none", backend = "none", origin = at(1) }
    p.security.userns, p.security.read_only = true, false
    p.engine.oci_runtime, p.engine.oci_runtime_origin = "/usr/bin/runc", DEFAULT
    p.detach, p.keep = true, true
    local text = explain.text(p, FLAGS)
    for _, part in ipairs({ "command    a shell of the image", "terminal   none", "used as it is",
      "watched    bell, OSC 9",
      "none  no network", "user namespaces     allowed", "root file system    writable",
      "OCI runtime  /usr/bin/runc", "detached   yes", "kept       yes" }) do
      assert.truthy(text:find(part, 1, true), part)
    end
  end)

  it("tells of agents: the credential that wins, and what it stands before", function()
    local p = plan()
    p.agents = { { name = "claude", title = "Claude Code", version = "2.1", runs = true,
      version_origin = at(7), origin = at(1), login = { name = "work", source = "/d/logins/claude/work" },
      credentials = { { kind = "variable", name = "KEY" }, { kind = "login", name = "work" } },
      files = { "/etc/x.json" }, unused = { { what = "mcp.a\27", reason = "has none" } } },
      { name = "pi", title = "Pi", credentials = {}, files = {}, unused = {}, origin = at(2) } }
    local text = explain.text(p, FLAGS)
    for _, part in ipairs({ "agents\n", "Claude Code, runs", "/d/logins/claude/work",
      "KEY, before the login 'work'", "/etc/x.json", '"mcp.a\\x1b": has none',
      "Pi, the image's own version", "credential   none" }) do
      assert.truthy(text:find(part, 1, true), part .. "\n" .. text)
    end
    assert.matches("\n    version +2.1 +shop.lua:7\n", text)
    p.agents[1].credentials = { { kind = "login", name = "work" } }
    assert.truthy(explain.text(p, FLAGS):find("credential   the login 'work'\n", 1, true))
  end)

  it("has no colours unless asked, and the same letters with them", function()
    local plain = explain.text(plan(), FLAGS)
    assert.is_nil(plain:find("\27", 1, true))
    local colored = explain.text(plan(), FLAGS, { color = true })
    assert.truthy(colored:find("\27[1mmounts\27[0m", 1, true))
    assert.equal(plain, (colored:gsub("\27%[%d+m", "")))
  end)

  it("shows no control byte of a value", function()
    local p = plan()
    p.env[2].value = "a\nb\27[2J"
    p.labels[1].value = "\r"
    p.image.ref = "x\27y"
    p.name = "n\27"
    local text = explain.text(p, FLAGS)
    assert.is_nil(text:gsub("\n", ""):find("%c"))
  end)
end)

describe("explain.section", function()
  it("goes on in the next line after a long cell, each column where it is", function()
    local long = ("x"):rep(60)
    local text = explain.section("t", { { "a", long, DEFAULT }, { "bb", "y", DEFAULT },
      { long, "z", DEFAULT }, { long, long }, { long, nil, DEFAULT } })
    local gap = (" "):rep(6)
    assert.equal("t\n  a   " .. long .. "\n" .. gap .. " " .. "  default\n"
      .. "  bb  y  default\n"
      .. "  " .. long .. "\n" .. gap .. "z  default\n"
      .. "  " .. long .. "\n" .. gap .. long .. "\n"
      .. "  " .. long .. "\n" .. gap .. "default\n", text)
  end)

  it("counts characters, not bytes", function()
    local text = explain.section("t", { { "ü", "1", DEFAULT }, { "ab", "2", DEFAULT } })
    assert.equal("t\n  ü   1  default\n  ab  2  default\n", text)
  end)

  it("says of an image how it comes here", function()
    local p = plan()
    local function how() return explain.text(p, FLAGS):match("\n  localhost/wrapix%-shop:5f2c  (.-)  ") end
    p.image.recipe = { backend = "nix" }
    assert.equal("loaded when it is not there", how())
    p.image.recipe = nil
    assert.equal("used as it is", how())
  end)
end)
