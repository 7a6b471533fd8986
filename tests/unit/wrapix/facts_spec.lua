-- SPDX-License-Identifier: MIT
-- Specs of wrapix.facts over a made-up host.

local facts = require "wrapix.facts"
local fake_host = require "tests.unit.wrapix.fake_host"

local BASE = "/usr/share/containers/seccomp.json"

local function host(changes)
  local info = assert(io.open("tests/unit/data/podman-info-4.3.1.json"))
  local deps = fake_host.new({
    files = {
      ["/usr/bin/podman"] = "elf",
      ["/w"] = { type = "directory", uid = 1000, gid = 100 },
      ["/etc/subuid"] = "joe:100000:65536\n",
      ["/etc/subgid"] = "joe:100000:65536\n",
      ["/dev/net/tun"] = { type = "char" },
      ["/proc/self/status"] = "Name:\tx\nCapEff:\t0000000001000000\n",
      [BASE] = '{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[]}',
    },
    programs = { podman = "/usr/bin/podman", runc = "/usr/sbin/runc" },
    env = { GIT_AUTHOR_NAME = "Ann", GIT_AUTHOR_EMAIL = "ann@example.org", TZ = "Asia/Tokyo" },
    answers = { ["/usr/bin/podman"] = { code = 0, stdout = info:read("a"), stderr = "" } },
  })
  info:close()
  for path, file in pairs(changes or {}) do deps.host.files[path] = file or nil end
  return deps
end

local OPTS = { workspace = "/w", session = { id = "s1", dir = "/s" }, guest_dir = "/g" }

describe("facts.gather", function()
  it("gathers what the plan needs", function()
    local deps = host()
    local got = assert(facts.gather(OPTS, deps))
    assert.equal("podman", got.engine.name)
    assert.same({ path = "/w", uid = 1000, gid = 100 }, got.workspace)
    assert.equal("/home/joe/.cache/wrapix", got.dirs.cache)
    assert.matches("^/home/joe/.cache/wrapix/seccomp%-", got.engine.seccomp_path)
    assert.is_table(deps.host.files[got.engine.seccomp_path])
    assert.equal(BASE, got.engine.seccomp_base)
    assert.equal("/usr/sbin/runc", got.runc)
    assert.is_nil(got.crun)
    assert.is_true(got.subuid)
    assert.is_true(got.tun_readable)
    assert.is_true(got.cap_sys_resource)
    assert.equal("Asia/Tokyo", got.timezone)
    assert.equal("Ann", got.git.author.name)
    assert.same({ id = "s1", dir = "/s" }, got.session)
    assert.equal("/g", got.guest_dir)
  end)

  it("runs no process the second time", function()
    local deps = host()
    assert(facts.gather(OPTS, deps))
    assert.equal(1, #deps.ran)
    assert(facts.gather(OPTS, deps))
    assert.equal(1, #deps.ran)
  end)

  it("finds network helpers where Podman does, without a new probe", function()
    local deps = host()
    assert.is_nil(facts.gather(OPTS, deps).engine.pasta)
    deps.host.files["/usr/libexec/podman/pasta"] = "elf"
    assert.equal("/usr/libexec/podman/pasta", facts.gather(OPTS, deps).engine.pasta)
    assert.equal(1, #deps.ran)
  end)

  it("reports why there is no seccomp profile, and leaves the verdict to the plan", function()
    local got = assert(facts.gather(OPTS, host({ [BASE] = false })))
    assert.is_nil(got.engine.seccomp_path)
    assert.is_nil(got.engine.seccomp_base)
    got = assert(facts.gather(OPTS, host({ [BASE] = "{" })))
    assert.is_nil(got.engine.seccomp_path)
    assert.matches("seccomp%.json", got.engine.seccomp_problem)
  end)

  it("needs the device of networks readable and writable", function()
    local closed = { type = "char", access = "r" }
    local got = assert(facts.gather(OPTS, host({ ["/dev/net/tun"] = closed })))
    assert.is_false(got.tun_readable)
    got = assert(facts.gather(OPTS, host({ ["/dev/net/tun"] = false })))
    assert.is_false(got.tun_readable)
  end)

  it("refuses a workspace that is none", function()
    local got, message, code = facts.gather(OPTS, host({ ["/w"] = false }))
    assert.is_nil(got)
    assert.matches("/w", message)
    assert.equal("ENOENT", code)
    got, message, code = facts.gather(OPTS, host({ ["/w"] = "text" }))
    assert.is_nil(got)
    assert.equal("workspace: /w: is not a directory", message)
    assert.equal("ENOTDIR", code)
  end)

  it("lives with a user nobody knows, but not without a home", function()
    local deps = host()
    local unknown = { "username", "boot_id", "process_start", "cpus", "memory", "term_size" }
    for _, name in ipairs(unknown) do
      deps.sys[name] = function() return nil end
    end
    local got = assert(facts.gather(OPTS, deps))
    assert.equal("1000", got.username)
    assert.equal(1, got.cpus)
    deps.sys.home = function() return nil end
    local none, message, code, hint = facts.gather(OPTS, deps)
    assert.is_nil(none)
    assert.matches("home directory", message)
    assert.equal("ENOENT", code)
    assert.equal("set HOME", hint)
  end)

  it("passes on the probe's hint", function()
    local deps = host()
    deps.host.programs.podman = nil
    local got, _, code, hint = facts.gather(OPTS, deps)
    assert.is_nil(got)
    assert.equal("EENGINE", code)
    assert.equal("apt install podman", hint)
  end)
end)

describe("facts.dirs", function()
  it("follows the XDG variables and ignores relative ones", function()
    local dirs = facts.dirs({
      XDG_RUNTIME_DIR = "/run/user/7", XDG_STATE_HOME = "/st/", XDG_CACHE_HOME = "cache",
      XDG_DATA_HOME = "",
    }, "/h")
    assert.same({
      runtime = "/run/user/7/wrapix", state = "/st/wrapix", cache = "/h/.cache/wrapix",
      data = "/h/.local/share/wrapix", config = "/h/.config/wrapix",
    }, dirs)
  end)

  it("keeps sockets in the state directory without a runtime directory", function()
    assert.equal("/h/.local/state/wrapix/run", facts.dirs({}, "/h").runtime)
  end)
end)

describe("facts.has_subids", function()
  local joe = { username = "joe", uid = 1000 }
  local function has(uids, gids, nsswitch)
    local files = {
      ["/etc/subuid"] = uids, ["/etc/subgid"] = gids, ["/etc/nsswitch.conf"] = nsswitch,
    }
    return facts.has_subids(fake_host.new({ files = files }).fs, joe)
  end

  it("wants a range in both files, by name or by uid", function()
    assert.is_true(has("joe:100000:65536", "1000:100000:65536"))
    assert.is_false(has("joe:100000:65536", "ann:100000:65536"))
    assert.is_false(has("joey:100000:65536\n", "joe:1:1"))
    assert.is_false(has("joe:100000:0", "joe:1:0"))
    assert.is_false(has("#joe:1:1", "joe:1:1"))
    assert.is_false(has(nil, nil))
  end)

  it("leaves it to the engine where a service hands ranges out", function()
    assert.is_true(has(nil, nil, "passwd: files\nsubid: sss\n"))
    assert.is_false(has(nil, nil, "passwd: files sss\nsubid: files\n"))
  end)
end)
