-- SPDX-License-Identifier: MIT
-- Specs of wrapix.mount over a made-up file system: the command-line form,
-- destinations, dangerous sources behind links, order and collisions.

local mount = require "wrapix.mount"
local path = require "wrapix.path"

--- A file system of directories and links; realpath answers as the real one.
local function fake_fs(dirs, links)
  local exists = { ["/"] = true }
  for _, dir in ipairs(dirs) do
    while dir ~= "/" do
      exists[dir] = true
      dir = path.dirname(dir)
    end
  end
  local function walk(p, hops)
    if hops > 20 then return nil, "ELOOP: " .. p, "ELOOP" end
    local current = "/"
    for name in p:gmatch("[^/]+") do
      if name == ".." then
        current = path.dirname(current)
      elseif name ~= "." then
        current = path.join(current, name)
        local link = links[current]
        if link then
          local real, message, code = walk(path.join(path.dirname(current), link), hops + 1)
          if not real then return nil, message, code end
          current = real
        end
        if not exists[current] then return nil, "ENOENT: " .. p, "ENOENT" end
      end
    end
    return current
  end
  return { realpath = function(p) return walk(p, 0) end }
end

local function context(more)
  local ctx = {
    home = "/home/me", user = "me", uid = 1000, workspace = "/home/me/shop", cwd = "/home/me/cwd",
    own_dirs = { "/home/me/.local/state/wrapix" },
    fs = fake_fs({
      "/home/me/shop/data", "/home/me/cwd/sub", "/home/me/.cargo", "/srv/data", "/etc/ssl",
      "/home/me/.local/state/wrapix/log", "/run/user/1000/podman/podman.sock", "/proc/1",
      "/dev/dri", "/sys/fs", "/home/me2", "/home/me/ü :,\"'\n-x", "/home/me/.ssh", "/home/sib",
    }, {
      ["/srv/home-link"] = "/home/me", ["/srv/up"] = "..", ["/srv/sock"] = "/run/user/1000/podman",
      ["/home/me/shop/evil"] = "../.ssh", ["/home/me/shop/in"] = "data", ["/srv/loop"] = "loop",
      ["/srv/dangling"] = "/nowhere", ["/ws"] = "/home/me/shop", ["/srv/state"] =
        "/home/me/.local/state", ["/srv/bad"] = "/home/me2/\xff",
    }),
  }
  for key, value in pairs(more or {}) do ctx[key] = value end
  return ctx
end

local function spec(source, more)
  local s = { source = source, dest = "/data" }
  for key, value in pairs(more or {}) do s[key] = value end
  return s
end

describe("mount.parse", function()
  local cases = {
    { "/a:/b", "/a", "/b", "ro", false }, { "/a:/b:ro", "/a", "/b", "ro", false },
    { "/a:/b:rw", "/a", "/b", "rw", false }, { "/a:/b:optional", "/a", "/b", "ro", true },
    { "/a:/b:rw:optional", "/a", "/b", "rw", true },
    { "/a\\:b:/c\\\\d", "/a:b", "/c\\d", "ro", false }, { "a b:/c,d", "a b", "/c,d", "ro", false },
    { "/a\\b:/c\\", "/a\\b", "/c\\", "ro", false }, { "-x:/-y", "-x", "/-y", "ro", false },
    { "/a\nb:/'\"", "/a\nb", "/'\"", "ro", false }, { "~/x:~/y", "~/x", "~/y", "ro", false },
  }
  for _, c in ipairs(cases) do
    it(("reads %q"):format(c[1]), function()
      assert.same(
        { source = c[2], dest = c[3], mode = c[4], optional = c[5], allow_dangerous = false },
        mount.parse(c[1]))
    end)
  end

  local bad = {
    { "", "no destination" }, { "/a", "no destination" }, { ":/b", "source: \"\" is empty" },
    { "/a:", "is empty" }, { "/a:b", "absolute" }, { "/a:/b:rx", "unexpected 'rx' (did you mean" },
    { "/a:/b:ro:rw", "unexpected 'rw'" }, { "/a:/b:optional:optional", "unexpected" },
    { "/a:/b:optional:rw", "unexpected 'rw'" }, { "/a:/b:c:ro", "unexpected 'c'" },
    { "/a:/b:", 'unexpected \'""' }, { "/a\0:/b", "NUL" }, { "/\xff:/b", "UTF-8" },
    { "/a:/\xed\xa0\x80", "UTF-8" }, { "/a\\:/b", "no destination" },
    { "/a:~bob/x", "only ~ and ~/" }, { "/a:/b:optinal", "did you mean 'optional'" },
  }
  for _, c in ipairs(bad) do
    it(("refuses %q"):format(c[1]), function()
      local result, message, code, hint = mount.parse(c[1])
      assert.is_nil(result)
      assert.matches(c[2], message, 1, true)
      assert.matches("^mount: ", message)
      assert.is_nil(message:find("[%c]"))
      assert.equal("EINVAL", code)
      assert.is_string(hint)
    end)
  end

  it("is the inverse of format for any path", function()
    local pieces = { "a", ":", "\\", " ", ",", '"', "'", "\n", "-", "ü", "$HOME", "~", "/", "ro" }
    local state = 11
    local function text()
      local parts = {}
      for i = 1, 6 do
        state = (state * 1103515245 + 12345) % 2147483648
        parts[i] = pieces[(state >> 8) % #pieces + 1]
      end
      return "/x" .. table.concat(parts)
    end
    for i = 1, 2000 do
      local s = { source = text(), dest = text(), mode = i % 2 == 0 and "ro" or "rw",
        optional = i % 3 == 0, allow_dangerous = false }
      assert.same(s, mount.parse(mount.format(s)))
    end
  end)

  it("raises on misuse", function()
    assert.is_false(pcall(mount.parse, nil))
  end)
end)

describe("mount.check", function()
  it("fills in the defaults and copies", function()
    local s = { source = "~/x", dest = "/x" }
    local checked = mount.check(s)
    assert.not_equal(s, checked)
    assert.same({ source = "~/x", dest = "/x", mode = "ro", optional = false,
      allow_dangerous = false }, checked)
    assert.same({ source = "~/x", dest = "/x" }, s)
  end)

  local bad = {
    { "text", "a table" }, { {}, "is missing" }, { { source = "/a" }, "dest: is missing" },
    { { dest = "/a" }, "source: is missing" }, { { source = 1, dest = "/a" }, "string expected" },
    { { source = "/a", dest = "/a", mode = "RW" }, "'ro' or 'rw'" },
    { { source = "/a", dest = "/a", optional = "yes" }, "boolean expected" },
    { { source = "/a", dest = "/a", optinal = true }, "did you mean 'optional'" },
    { { source = "/a", dest = "/a", allow_dangerous = 1 }, "boolean expected" },
    { { source = "/a", dest = "/a", 5 }, "unknown field '1'" },
    { { source = "/a", dest = "rel" }, "absolute" },
  }
  for i, c in ipairs(bad) do
    it("refuses bad spec " .. i, function()
      local result, message, code = mount.check(c[1])
      assert.is_nil(result)
      assert.matches(c[2], message, 1, true)
      assert.equal("EINVAL", code)
    end)
  end

  it("names every problem by its field", function()
    local found = mount.problems({ source = 1, mode = "x", nope = 1 })
    local keys = {}
    for i, p in ipairs(found) do keys[i] = p.key end
    assert.same({ "dest", "mode", "nope", "source" }, keys)
  end)
end)

describe("mount.resolve_dest", function()
  local good = {
    { "~/x", "/home/wrapix/x" }, { "$HOME/x", "/home/wrapix/x" }, { "/u/$USER", "/u/wrapix" },
    { "/a//b/../c/", "/a/c" }, { "/workspace/x", "/workspace/x" }, { "/tmp/x", "/tmp/x" },
    { "/run/x", "/run/x" }, { "/procs", "/procs" }, { "/$(id)", "/$(id)" },
  }
  for _, c in ipairs(good) do
    it("accepts " .. c[1], function() assert.equal(c[2], mount.resolve_dest(c[1])) end)
  end

  for _, dest in ipairs({
    "/", "//", "/..", "/proc", "/proc/1", "/sys/fs", "/dev/null", "/run/wrapix", "/run/wrapix/bin",
    "/workspace", "/workspace/", "/x/../workspace", "/home", "~", "$HOME", "/home/wrapix", "/tmp",
    "/var", "/var/tmp", "/run", "rel", "./x", "", "a/../..", "/run/../proc/x", "/\xff", "/a\0",
  }) do
    it(("refuses %q"):format(dest), function()
      local result, message, code = mount.resolve_dest(dest)
      assert.is_nil(result)
      assert.matches("^mount: ", message)
      assert.equal("EINVAL", code)
    end)
  end
end)

describe("mount.resolve", function()
  it("expands the source on the host and the dest in the container", function()
    local origin = { kind = "option", text = "--mount" }
    assert.same(
      { type = "bind", source = "/home/me/.cargo", dest = "/home/wrapix/.cargo", mode = "rw",
        origin = origin },
      mount.resolve({ source = "~/.cargo", dest = "~/.cargo", mode = "rw" },
        context({ origin = origin })))
    assert.equal("/home/me/.cargo", mount.resolve(spec("/home/$USER/.cargo"), context()).source)
  end)

  it("starts a relative source at the file that names it, else at the cwd", function()
    assert.equal("/home/me/cwd/sub", mount.resolve(spec("sub"), context()).source)
    assert.equal("/srv/data", mount.resolve(spec("data"), context({ base_dir = "/srv" })).source)
    local ctx = context()
    ctx.cwd = nil
    assert.matches("no directory", (select(2, mount.resolve(spec("x"), ctx))), 1, true)
  end)

  it("takes odd names as they are", function()
    local m = mount.resolve(spec("~/ü :,\"'\n-x", { dest = "/ü :,\"'\n-x" }), context())
    assert.equal("/home/me/ü :,\"'\n-x", m.source)
    assert.equal("/ü :,\"'\n-x", m.dest)
  end)

  it("skips an absent optional source with the reason", function()
    for _, source in ipairs({ "/nope", "/srv/dangling" }) do
      local result, reason = mount.resolve(spec(source, { optional = true }), context())
      assert.is_false(result)
      assert.equal(source .. " does not exist", reason)
    end
  end)

  it("fails for an absent required source and says what helps", function()
    local result, message, code, hint = mount.resolve(spec("/nope"), context())
    assert.is_nil(result)
    assert.equal("mount: /nope: source does not exist", message)
    assert.equal("ENOENT", code)
    assert.matches("optional", hint)
  end)

  it("does not take another failure for absence", function()
    local result, _, code = mount.resolve(spec("/srv/loop", { optional = true }), context())
    assert.is_nil(result)
    assert.equal("ELOOP", code)
  end)

  local dangerous = {
    { "/", "whole file system" }, { "/srv/up/..", "whole file system" },
    { "~", "is the home directory" }, { "$HOME/", "is the home directory" },
    { "/srv/home-link", "is the home directory" }, { "/home", "holds the home directory" },
    { "~/.cargo/..", "is the home directory" }, { "/run/user/1000/podman/podman.sock", "socket" },
    { "/srv/sock", "socket" }, { "/run", "socket" }, { "/run/user/1000", "socket" },
    { "/proc", "/proc" }, { "/proc/1", "/proc" }, { "/dev/dri", "/dev" }, { "/sys/fs", "/sys" },
    { "~/.local", "own directory" }, { "/srv/state", "own directory" },
    { "~/.local/state/wrapix/log", "own directory" },
    { "~/shop/evil", "leaves the workspace" }, { "/ws/evil", "leaves the workspace" },
    { "/srv/../ws/./evil", "leaves the workspace" },
  }
  for _, c in ipairs(dangerous) do
    it("refuses " .. c[1], function()
      local result, message, code, hint = mount.resolve(spec(c[1]), context())
      assert.is_nil(result)
      assert.matches(c[2], message, 1, true)
      assert.matches("refused", message)
      assert.equal("EPERM", code)
      assert.matches("allow_dangerous = true", hint, 1, true)
    end)

    it("takes " .. c[1] .. " when the mount says so", function()
      assert.is_table(mount.resolve(spec(c[1], { allow_dangerous = true }), context()))
    end)

    it("refuses " .. c[1] .. " when optional as well", function()
      assert.is_nil((mount.resolve(spec(c[1], { optional = true }), context())))
    end)
  end

  it("takes neighbours of dangerous places and links that stay inside", function()
    local ctx = context()
    for source, real in pairs({
      ["/home/me2"] = "/home/me2", ["/etc/ssl"] = "/etc/ssl", ["~/shop/in"] = "/home/me/shop/data",
      ["~/shop/../.cargo"] = "/home/me/.cargo", ["~/shop/in/../../.ssh"] = "/home/me/.ssh",
      ["~/.ssh"] = "/home/me/.ssh",
    }) do
      assert.equal(real, mount.resolve(spec(source), ctx).source)
    end
  end)

  it("uses the sockets it is told of", function()
    local ctx = context({ engine_sockets = { "/srv/data/engine.sock" } })
    assert.matches("socket", (select(2, mount.resolve(spec("/srv/data"), ctx))))
  end)

  it("sees a home that is itself a link", function()
    local ctx = context({ home = "/srv/home-link" })
    assert.matches("home directory", (select(2, mount.resolve(spec("/home/me"), ctx))))
    assert.matches("home directory", (select(2, mount.resolve(spec("/home"), ctx))))
  end)

  it("refuses text the engine cannot pass on before it asks the host", function()
    local asked = false
    local ctx = context({ fs = { realpath = function() asked = true end } })
    for _, source in ipairs({ "/a\xff", "/a\0b", "" }) do
      local result, message, code = mount.resolve(spec(source), ctx)
      assert.is_nil(result)
      assert.equal("EINVAL", code)
      assert.is_nil(message:find("[%c]"))
    end
    assert.is_false(asked)
  end)

  it("refuses a link to a name that is not UTF-8", function()
    local ctx = context({ fs = { realpath = function(p) return p == "/l" and "/\xff" or p end } })
    assert.matches("UTF-8", (select(2, mount.resolve(spec("/l"), ctx))), 1, true)
  end)

  it("refuses ~name and unknown values", function()
    assert.matches("only ~ and ~/", (select(2, mount.resolve(spec("~bob/x"), context()))), 1, true)
    local ctx = context()
    ctx.home = nil
    assert.matches("^mount: .* not known", (select(2, mount.resolve(spec("~/x"), ctx))))
  end)

  it("raises when the context is none", function()
    assert.is_false(pcall(mount.resolve, spec("/a"), nil))
  end)
end)

describe("mount.engine_sockets", function()
  it("knows the user's and the environment's", function()
    local list = mount.engine_sockets(
      { XDG_RUNTIME_DIR = "/rt", DOCKER_HOST = "unix:///x/d.sock", CONTAINER_HOST = "ssh://h" }, 5)
    local set = {}
    for _, p in ipairs(list) do set[p] = true end
    for _, p in ipairs({ "/rt/podman/podman.sock", "/run/user/5/podman/podman.sock",
      "/x/d.sock", "/run/docker.sock" }) do
      assert.is_true(set[p], p)
    end
    assert.is_nil(set["ssh://h"])
  end)
end)

describe("mount.order", function()
  it("puts parents first and keeps the rest in place", function()
    local list = {}
    for i, d in ipairs({ "/a/b/c", "/z", "/a", "/a/b", "/y/x", "/b" }) do list[i] = { dest = d } end
    local got = {}
    for i, m in ipairs(mount.order(list)) do got[i] = m.dest end
    assert.same({ "/z", "/a", "/b", "/a/b", "/y/x", "/a/b/c" }, got)
    assert.equal("/a/b/c", list[1].dest)
  end)

  it("never puts a child before its parent", function()
    local state, list = 5, {}
    for i = 1, 300 do
      state = (state * 1103515245 + 12345) % 2147483648
      local dest = ""
      for level = 1, (state >> 8) % 5 + 1 do dest = dest .. "/" .. (state >> (8 + level)) % 3 end
      list[i] = { dest = dest, n = i }
    end
    local sorted = mount.order(list)
    assert.equal(300, #sorted)
    for i = 1, #sorted do
      for j = i + 1, #sorted do
        local a, b = sorted[i], sorted[j]
        assert.is_true(a.dest == b.dest and a.n < b.n or not path.is_within(b.dest, a.dest))
      end
    end
  end)
end)

describe("mount.collisions", function()
  it("names the place and both origins", function()
    local result, message, code = mount.collisions({
      { dest = "/a", origin = { text = "shop.lua:3" } }, { dest = "/b" },
      { dest = "/a/", origin = { text = "--mount" } },
    })
    assert.is_nil(result)
    assert.equal("mount: /a: two mounts at one place, from shop.lua:3 and from --mount", message)
    assert.equal("EEXIST", code)
  end)

  it("lets nested and neighbouring places be", function()
    assert.is_true(mount.collisions({ { dest = "/a" }, { dest = "/a/b" }, { dest = "/ab" } }))
    assert.is_true(mount.collisions({}))
  end)
end)
