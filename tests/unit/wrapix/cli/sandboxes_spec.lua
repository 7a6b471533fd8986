-- SPDX-License-Identifier: MIT
-- The commands about sandboxes that are there: ps, exec, attach, stop, gc.

local double = require("unit.wrapix.cli.double")
local podman = require("wrapix.runtime.podman")

local function one(over)
  local live = {
    session = "5e55", name = "web", state = "running", profile = "base", workspace = "/w",
    owner = { pid = 7, state = "alive", alive = true }, detach = true, keep = false, tty = false,
    uptime = 65, engine = { path = "podman" }, id = "1d",
  }
  for key, value in pairs(over or {}) do live[key] = value end
  return live
end

local function new(living, over)
  local d = double.new(over)
  d.living = living
  d.podman.exec_argv, d.podman.attach_argv = podman.exec_argv, podman.attach_argv
  d.sys = {
    environ = function() return { TERM = "xterm", TOKEN = "secret", EMPTY = "" } end,
    clock = function() return 0 end,
  }
  d.container = { run = function(argv, opts)
    d.ran, d.ran_with = argv, opts
    return d.result or { code = 0, seconds = 1, stdout = "" }
  end, is_terminal = function() return false end }
  return d
end

describe("ps", function()
  it("shows what runs, and tells of what ended", function()
    local d = new({ one(), one({ name = "old", session = "1", state = "exited", exit = 3 }),
      one({ name = "gone", session = "2", state = "dead" }) })
    local status, out, err = double.run(d, "ps")
    assert.equal(0, status)
    assert.equal("NAME  PROFILE  STATE    UP     WORKSPACE\nweb   base     running  1m 5s  /w\n", out)
    assert.equal("wrapix: note: 2 that ended: `wrapix ps --all`\n", err)
    d.written = {}
    out = select(2, double.run(d, "ps", "--all"))
    assert.truthy(out:find("exited (3)", 1, true))
    assert.truthy(out:find("gone", 1, true))
  end)

  it("says when there is none", function()
    local status, out, err = double.run(new({}), "ps")
    assert.same({ 0, "", "wrapix: note: no sandbox is running\n" }, { status, out, err })
    assert.equal("[]\n", select(2, double.run(new({}), "ps", "--json")))
  end)

  it("prints JSON without what is nobody's business", function()
    local _, out = double.run(new({ one() }), "ps", "--json")
    assert.truthy(out:find('"owner":{"pid":7,"state":"alive"}', 1, true), out)
    assert.truthy(out:find('"name":"web"', 1, true))
    assert.is_nil(out:find("engine", 1, true))
  end)

  it("fails as the engine does", function()
    local d = new()
    d.live.list = function() return nil, "list sandboxes: engine: broken", "EENGINE" end
    local status, out, err = double.run(d, "ps")
    assert.same({ 125, "", "wrapix: list sandboxes: engine: broken\n" }, { status, out, err })
  end)
end)

describe("exec", function()
  it("takes no relative place inside", function()
    for _, place in ipairs({ "src", "", "./x" }) do
      local status, _, err = double.run(new({ one() }), "exec", "web", "--workdir=" .. place, "--", "ls")
      assert.equal(2, status)
      assert.matches("is no absolute path inside", err)
    end
  end)

  it("runs a command, and ends as it does", function()
    local d = new({ one() })
    d.result = { code = 42 }
    local status = double.run(d, "exec", "we", "--", "ls", "-l")
    assert.equal(42, status)
    assert.same({ "podman", "exec", "--detach-keys=", "--interactive", "--workdir", "/workspace", "--",
      "1d", podman.init or "/run/wrapix/bin/wrapix-init", "--", "ls", "-l" }, d.ran)
    d.result = { signal = 9 }
    assert.equal(137, double.run(d, "exec", "web", "--", "x"))
  end)

  it("runs a shell without a command, at a terminal where there is one", function()
    local d = new({ one() })
    d.gather = function() return { stdin_tty = true, stdout_tty = true } end
    double.run(d, "exec", "web")
    local line = table.concat(d.ran, " ")
    assert.truthy(line:find("--interactive --tty", 1, true), line)
    assert.truthy(line:find("--env TERM=xterm", 1, true), line)
    assert.truthy(line:find("wrapix-init --shell", 1, true), line)
    double.run(d, "exec", "--no-tty", "web")
    assert.is_nil(table.concat(d.ran, " "):find("--tty", 1, true))
    d.gather = function() return { stdin_tty = true, stdout_tty = false } end
    double.run(d, "exec", "web")
    assert.is_nil(table.concat(d.ran, " "):find("--tty", 1, true))
  end)

  it("puts no secret into the command line", function()
    local d = new({ one() })
    local _, _, err = double.run(d, "exec", "web", "-e", "TOKEN", "-e", "A=b", "-e", "NONE", "-e",
      "EMPTY", "-w", "/tmp", "--", "x")
    local line = table.concat(d.ran, " ")
    assert.truthy(line:find("--workdir /tmp --env TOKEN --env A=b", 1, true), line)
    assert.is_nil(line:find("secret", 1, true))
    assert.is_nil(line:find("NONE", 1, true))
    assert.is_nil(line:find("EMPTY", 1, true))
    assert.truthy(err:find("-e NONE: is not set", 1, true), err)
    assert.truthy(err:find("-e EMPTY: is empty", 1, true), err)
  end)

  it("prints output and status as JSON", function()
    local d = new({ one() })
    d.result = { code = 3, seconds = 1, stdout = "out" }
    local status, out = double.run(d, "exec", "web", "--json", "--", "x")
    assert.equal(3, status)
    assert.equal('{"code":3,"seconds":1,"stderr":"","stdout":"out"}\n', out)
  end)

  it("passes signals to the engine when there is no lease", function()
    local d = new({ one() })
    local got = {}
    d.container.run = function(_, opts)
      opts.on_start({ exited = function() return #got > 1 end, kill = function(_, n) got[#got + 1] = n end })
      opts.on_signal("TERM", 5)
      opts.on_signal("INT", 0)
      opts.on_signal("HUP", 0)
      return { code = 0 }
    end
    assert.equal(0, double.run(d, "exec", "web", "--", "x"))
    assert.same({ "TERM", "INT" }, got)
  end)

  describe("in one that its launcher says runs", function()
    -- The lease of a command: taken unless the engine refuses.
    local function known(opts)
      local d = new(opts.living or {}, {
        reap = { read = function() return { uid = 7, engine = { path = "podman" } } end },
        lease = { open = function(dir, user, name)
          if opts.no_lease then return nil, "EACCES: no", "EACCES" end
          opts.leased = { dir, user, name }
          return setmetatable({
            is_taken = opts.taken ~= false, serve = function() end, signal = function() end,
            let_take = function() end, close = function() opts.closed = true end,
          }, { __close = function() opts.closed = true end })
        end },
      })
      d.live.known = function(dirs, word)
        assert.equal("/run", dirs.runtime)
        return word == "we" and one({ dir = "/run/sessions/5e55" }) or nil
      end
      d.live.list = function()
        opts.asked = (opts.asked or 0) + 1
        return opts.living or {}
      end
      d.sys.euid, d.sys.gid = function() return 7 end, function() return 8 end
      d.sys.random_hex = function() return "beef" end
      d.task.scope = function(fn)
        return fn({ spawn = function() return { cancel = function() end } end })
      end
      return d, opts
    end

    it("asks the engine for nothing else", function()
      local d, seen = known({})
      d.result = { code = 42 }
      d.gather = function() error("the facts were gathered") end
      assert.equal(42, double.run(d, "exec", "we", "--", "ls"))
      assert.is_nil(seen.asked)
      assert.truthy(table.concat(d.ran, " "):find("--env WRAPIX_LEASE=/run/wrapix/exec-beef.sock", 1, true))
      assert.same({ "/run/sessions/5e55/run", { uid = 7, gid = 8, mode = "keep-id" }, "exec-beef.sock" },
        seen.leased)
      assert.is_true(seen.closed)
    end)

    it("gives a command a terminal where there is one", function()
      local d = known({})
      d.tty = true
      double.run(d, "exec", "we")
      assert.truthy(table.concat(d.ran, " "):find("--interactive --tty", 1, true))
      double.run(d, "exec", "we", "--json")
      assert.falsy(table.concat(d.ran, " "):find("--tty", 1, true))
    end)

    it("looks again when the engine refuses, and says why", function()
      local d, seen = known({ taken = false })
      d.result = { code = 125 }
      local status, _, err = double.run(d, "exec", "we", "--", "ls")
      assert.same({ 125, "wrapix: exec: web: has just ended\n", 1 }, { status, err, seen.asked })
      d, seen = known({ taken = false, living = { one({ state = "paused" }) } })
      d.result = { code = 255 }
      status, _, err = double.run(d, "exec", "we", "--json", "--", "ls")
      assert.same({ 125, 1 }, { status, seen.asked })
      assert.truthy(err:find("exec: web: is not running: is paused", 1, true), err)
      assert.same({}, d.written)
    end)

    it("leaves the engine its own reason, which it has said", function()
      local d, seen = known({ taken = false, living = { one() } })
      d.result = { code = 127 }
      local status, _, err = double.run(d, "exec", "we", "-w", "/nope", "--", "ls")
      assert.same({ 125, 1, "wrapix: exec: web: the engine could not start the command\n"
        .. "hint: --workdir names a directory inside\n" }, { status, seen.asked, err })
    end)

    it("takes a failing command for no refusal", function()
      local d, seen = known({})
      d.result = { code = 125 }
      assert.equal(125, double.run(d, "exec", "we", "--", "ls"))
      assert.is_nil(seen.asked)
      d, seen = known({ taken = false })
      d.result = { signal = 15 }
      assert.equal(143, double.run(d, "exec", "we", "--", "ls"))
      assert.is_nil(seen.asked)
    end)

    it("hands signals over by the lease, which a second end of its kind takes away", function()
      local d, seen = known({})
      local sent = {}
      local open = d.lease.open
      d.lease.open = function(...)
        local lease = open(...)
        lease.signal = function(_, number) sent[#sent + 1] = number end
        return lease
      end
      d.task.spawn = function(fn) fn() end
      d.proc.signal_number = function(name) return name end
      d.container.run = function(_, opts)
        opts.on_signal("INT", 0) -- nothing runs yet
        opts.on_start({ exited = function() return false end })
        for _, name in ipairs({ "INT", "TERM", "INT" }) do opts.on_signal(name, 5) end
        assert.is_nil(seen.closed)
        opts.on_signal("HUP", 5)
        assert.is_true(seen.closed)
        return { signal = 9 }
      end
      assert.equal(137, double.run(d, "exec", "we", "--", "x"))
      assert.same({ "INT", "TERM", "INT" }, sent)
    end)

    it("asks the engine first when there can be no lease", function()
      local d, seen = known({ no_lease = true, living = { one() } })
      assert.equal(0, double.run(d, "exec", "we", "--", "ls"))
      assert.equal(1, seen.asked)
      assert.falsy(table.concat(d.ran, " "):find("WRAPIX_LEASE", 1, true))
    end)
  end)

  it("refuses what does not run, what is unknown and what is ambiguous", function()
    for state, why in pairs({ starting = "does not run yet", exited = "has ended", paused = "is paused",
      ending = "has ended", orphaned = "launcher is dead", dead = "launcher is dead" }) do
      local status, _, err = double.run(new({ one({ state = state }) }), "exec", "web", "--", "x")
      assert.equal(125, status)
      assert.truthy(err:find("exec: web: is not running: ", 1, true), err)
      assert.truthy(err:find(why, 1, true), err)
    end
    local status, _, err = double.run(new({ one() }), "exec", "wep", "--", "x")
    assert.equal(125, status)
    assert.truthy(err:find("exec: wep: no such sandbox (did you mean 'web'?)", 1, true), err)
    local two = { one({ name = "web-1" }), one({ name = "web-2", session = "2" }) }
    status, _, err = double.run(new(two), "exec", "web", "--", "x")
    assert.equal(2, status)
    assert.truthy(err:find("hint: one of web-1, web-2", 1, true), err)
    assert.equal(2, double.run(new({ one() }), "exec"))
    assert.equal(2, double.run(new({ one() }), "exec", "web", "ls"))
    assert.equal(2, double.run(new({ one() }), "exec", "web", "-e", "1=2", "--", "ls"))
  end)
end)

describe("attach", function()
  local function record(entry) return { read = function() return { entry } end } end

  it("ends with what the launcher wrote down", function()
    local d = new({ one() }, { record = record({ exit = 5 }) })
    assert.equal(5, double.run(d, "attach", "web"))
    assert.same({ "podman", "attach", "--detach-keys=", "--sig-proxy=false", "--no-stdin", "--", "1d" },
      d.ran)
    assert.equal("null", d.ran_with.stdin)
    assert.equal(137, double.run(new({ one() }, { record = record({ signal = 9 }) }), "attach", "web"))
    d = new({ one() }, { record = record(nil) })
    d.result = { code = 7 }
    assert.equal(7, double.run(d, "attach", "web"))
  end)

  it("lets a terminal type, and says how to leave", function()
    local d = new({ one({ tty = true }) }, { record = record({ exit = 0 }) })
    d.gather = function()
      return { stdin_tty = true, stdout_tty = true, dirs = { state = "/s" } }
    end
    local _, _, err = double.run(d, "attach", "web")
    assert.same({ "podman", "attach", "--detach-keys=ctrl-p,ctrl-q", "--sig-proxy=false", "--", "1d" },
      d.ran)
    assert.equal("inherit", d.ran_with.stdin)
    assert.equal("wrapix: note: Ctrl-P Ctrl-Q leaves it running\n", err)
  end)

  it("leaves one of a terminal to its terminal", function()
    local status, _, err = double.run(new({ one({ detach = false }) }), "attach", "web")
    assert.equal(125, status)
    assert.equal("wrapix: attach: web: belongs to the terminal it was started at\n"
      .. "hint: `wrapix exec web` opens a shell in it\n", err)
  end)
end)

describe("stop", function()
  it("stops each one that is named, once", function()
    local d = new({ one(), one({ name = "db", session = "2" }) })
    local status, out = double.run(d, "stop", "web", "db", "we", "--grace", "3s")
    assert.equal(0, status)
    assert.equal("web  stopped\ndb  stopped\n", out)
    assert.same({ { "web", 3 }, { "db", 3 } }, d.stopped)
  end)

  it("stops all that run", function()
    local d = new({ one(), one({ name = "kept", session = "2", state = "exited" }),
      one({ name = "orphan", session = "3", state = "orphaned" }) })
    assert.equal(0, double.run(d, "stop", "--all", "--grace", "0"))
    assert.same({ { "web", 0 }, { "orphan", 0 } }, d.stopped)
    local status, out, err = double.run(new({}), "stop", "--all")
    assert.same({ 0, "", "wrapix: note: no sandbox is running\n" }, { status, out, err })
  end)

  it("stops nothing when a word is wrong", function()
    local d = new({ one() })
    local status, _, err = double.run(d, "stop", "web", "nix")
    assert.equal(125, status)
    assert.truthy(err:find("stop: nix: no such sandbox", 1, true), err)
    assert.is_nil(d.stopped)
    for _, words in ipairs({ {}, { "--all", "web" }, { "web", "--grace", "soon" },
      { "web", "--grace", "-1" } }) do
      assert.equal(2, double.run(new({ one() }), "stop", table.unpack(words)))
    end
  end)

  it("tells which could not be stopped", function()
    local function failing()
      local d = new({ one(), one({ name = "db", session = "2" }) })
      local stop = d.stopping.one
      d.stopping.one = function(live, ...)
        if live.name == "web" then return nil, "does not answer", "ETIMEDOUT" end
        return stop(live, ...)
      end
      return d
    end
    local status, out, err = double.run(failing(), "stop", "web", "db")
    assert.same({ 125, "db  stopped\n", "wrapix: stop: web: does not answer\n" }, { status, out, err })
    status, out = double.run(failing(), "stop", "web", "--json")
    assert.equal(125, status)
    assert.truthy(out:find('"error":"does not answer"', 1, true), out)
    assert.truthy(out:find('"result":"failed"', 1, true), out)
  end)
end)

describe("gc", function()
  local function garbage(removed, fails)
    return { { kind = "helpers", what = "/c/guest/1", why = "of another version", remove = function()
      removed[#removed + 1] = "helpers"
      if fails then return nil, "EPERM: no", "EPERM" end
      return true
    end } }
  end

  it("removes, and says what and why", function()
    local removed, d = {}, new()
    d.garbage = garbage(removed)
    local status, out = double.run(d, "gc")
    assert.same({ 0, "removed helpers /c/guest/1: of another version\n", { "helpers" } },
      { status, out, removed })
  end)

  it("only tells with --dry-run", function()
    local removed, d = {}, new()
    d.garbage = garbage(removed)
    local _, out = double.run(d, "gc", "--dry-run")
    assert.same({ "would remove helpers /c/guest/1: of another version\n", {} }, { out, removed })
    d.written, d.garbage = {}, garbage(removed)
    _, out = double.run(d, "gc", "-n", "--json")
    assert.equal('[{"kind":"helpers","what":"/c/guest/1","why":"of another version"}]\n', out)
    assert.same({}, removed)
  end)

  it("keeps what agents have of projects that are gone, unless it is asked for", function()
    local removed, d = {}, new()
    d.gone = { { kind = "project", what = "/d/projects/x", why = "its workspace /x is gone",
      remove = function()
        removed[#removed + 1] = "x"
        return true
      end } }
    local _, out, err = double.run(d, "gc")
    assert.same({ "", {} }, { out, removed })
    assert.matches("note: kept what agents have of 1 project whose workspace is gone; `wrapix gc "
      .. "--projects --dry-run` lists it\n", err, 1, true)
    _, out = double.run(d, "gc", "--projects", "-n")
    assert.same({ "would remove project /d/projects/x: its workspace /x is gone\n", {} },
      { out, removed })
    d.written = {}
    _, out = double.run(d, "gc", "--projects")
    assert.same({ "removed project /d/projects/x: its workspace /x is gone\n", { "x" } },
      { out, removed })
  end)

  it("fails when something cannot be removed", function()
    local d = new()
    d.garbage = garbage({}, true)
    local status, out, err = double.run(d, "gc")
    assert.same({ 125, "", "wrapix: gc: helpers /c/guest/1: EPERM: no\n" }, { status, out, err })
    assert.equal("wrapix: note: nothing to remove\n", select(3, double.run(new(), "gc")))
  end)
end)
