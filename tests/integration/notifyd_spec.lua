-- SPDX-License-Identifier: MIT
-- wrapix-notifyd as a program: one at a time, restarts, activation, and who may say what.
-- What it stands is in notifyd_flood_spec.lua.

local daemons = require("support.notifyd")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local net = require("wrapix.net")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local WRAPIX, PATIENCE = daemons.WRAPIX, daemons.PATIENCE
local ACTIVATE = WRAPIX:match("^(.*)/") .. "/tests/support/activate"
local line, wait_for = daemons.line, daemons.wait_for

describe("wrapix-notifyd", function()
  local d, dir, socket
  before_each(function()
    d = daemons.new()
    dir, socket = d.dir, d.socket
  end)
  after_each(function() d:remove() end)

  -- Whether a spec was clean is looked at before after_each.
  local function case(name, fn)
    it(name, function()
      finally(function() d:stop_all() end)
      return fn()
    end)
  end

  local function free_port()
    local probe <close> = assert(net.listen_tcp("127.0.0.1", 0))
    return probe:port()
  end

  case("listens where only this user can, shows, and leaves nothing behind", function()
    d:rules()
    local one, said = d:start()
    assert.equal("wrapix-notifyd: listening on " .. socket, said)
    assert.equal(384, fs.lstat(socket).mode & 511)
    assert.equal(448, fs.lstat(dir .. "/r/wrapix").mode & 511)
    d:send(line("a") .. line("b"))
    d:wait_shown("b|m|1|-\n")
    local result = d:finish(one)
    assert.equal(0, result.code)
    assert.equal("", result.stderr)
    assert.is_nil(fs.lstat(socket))
    assert.equal("a|m|1|-\nb|m|1|-\n", d:shown())
    assert.equal(384, fs.lstat(dir .. "/s/wrapix/notify.jsonl").mode & 511)
  end)

  case("is a program of its own by its name", function()
    d:rules()
    assert(fs.symlink(WRAPIX, dir .. "/wrapix-notifyd"))
    local one = d:start({ dir .. "/wrapix-notifyd" })
    assert.equal(0, d:finish(one).code)
  end)

  case("is left alone by a second start", function()
    d:rules()
    local one = d:start()
    local inode = fs.lstat(socket).ino
    for _ = 1, 3 do
      local second = d:run("notifyd")
      assert.equal(0, second.code)
      assert.equal("", second.stdout)
      assert.matches(("runs already (process %d)"):format(one:pid()), second.stderr, 1, true)
    end
    assert.equal(inode, fs.lstat(socket).ino)
    d:send(line("still"))
    d:wait_shown("still")
  end)

  case("starts once, however many start at the same time", function()
    d:rules()
    local all = {}
    for i = 1, 8 do all[i] = d:spawn({ WRAPIX, "notifyd" }) end
    local ended = 0
    for _, one in ipairs(all) do
      task.detach(function()
        one:wait()
        ended = ended + 1
      end)
    end
    wait_for("seven ends", function() return ended == 7 end)
    -- The eighth has the lock, and may not listen yet.
    wait_for("the socket", function()
      local stream <close> = net.connect_unix(socket)
      return stream ~= nil
    end)
    d:send(line("one of eight"))
    d:wait_shown("one of eight")
    assert.equal(7, ended)
    for _, one in ipairs(all) do
      if not one:exited() then one:kill("TERM") end
    end
    wait_for("the last end", function() return ended == 8 end)
    assert.is_nil(fs.lstat(socket))
  end)

  case("takes the place of what a killed one left", function()
    d:rules()
    local one = d:start()
    one:kill("KILL")
    one:wait()
    assert.equal("socket", fs.lstat(socket).type)
    assert.equal("ECONNREFUSED", select(3, net.connect_unix(socket)))
    d:start()
    d:send(line("again"))
    d:wait_shown("again")
  end)

  case("leaves alone who listens there without being one of ours", function()
    d:rules()
    assert(fs.ensure_dir(dir .. "/r/wrapix", 448))
    local server <close> = assert(net.listen_unix(socket))
    local result = d:run("notifyd")
    assert.equal(125, result.code)
    assert.matches("some other program listens there", result.stderr)
    assert.is_true(fs.exists(socket))
    server:close()
    fs.unlink(socket)
    assert(fs.write_atomic(socket, "precious"))
    result = d:run("notifyd")
    assert.equal(125, result.code)
    assert.matches("is a file and no socket", result.stderr)
    assert.equal("precious", fs.read(socket))
  end)

  case("does not remove at its end what is not its own any more", function()
    d:rules()
    local one = d:start()
    fs.unlink(socket)
    local server <close> = assert(net.listen_unix(socket))
    assert.equal(0, server:port())
    assert.equal(0, d:finish(one).code)
    assert.equal("socket", fs.lstat(socket).type)
  end)

  case("closes a runtime directory that is open, and refuses one of somebody else", function()
    d:rules()
    assert(fs.mkdir(dir .. "/r/wrapix", 511))
    assert(fs.chmod(dir .. "/r/wrapix", 511))
    d:finish((d:start()))
    assert.equal(448, fs.lstat(dir .. "/r/wrapix").mode & 511)
    if sys.euid() ~= 0 then return end
    assert(fs.chown(dir .. "/r/wrapix", 1234, 1234))
    local result = d:run("notifyd")
    assert.equal(125, result.code)
    assert.matches("not a directory of this user", result.stderr)
  end)

  case("reads its rules anew on SIGHUP, and keeps them when the new ones are broken", function()
    d:rules()
    local one = d:start()
    d:rules([[on_message = function(m) m.title = "new " .. m.title end]])
    one:kill("HUP")
    local err = one.stderr
    assert.matches("rules read: " .. dir:gsub("%p", "%%%0") .. "/c/wrapix/notify.lua",
      task.timeout(PATIENCE, err.read_line, err))
    d:send(line("rules"))
    d:wait_shown("new rules|")
    assert(fs.write_atomic(dir .. "/c/wrapix/notify.lua", "return { sinkz = {} }"))
    one:kill("HUP")
    assert.matches("unknown field 'sinkz' %(did you mean 'sinks'%?%)",
      task.timeout(PATIENCE, err.read_line, err))
    assert.matches("the rules read before hold", task.timeout(PATIENCE, err.read_line, err))
    d:send(line("more"))
    d:wait_shown("new more|")
  end)

  case("listens on TCP as the rules say, and follows them on SIGHUP", function()
    local function read_line(one)
      return assert(task.timeout(PATIENCE, one.stderr.read_line, one.stderr))
    end
    local function code(port)
      local stream, _, what = net.connect_tcp("127.0.0.1", port)
      if stream then stream:close() end
      return what or "open"
    end
    local first, second = free_port(), free_port()
    d:rules()
    local one = d:start()
    assert.equal("ECONNREFUSED", code(first))
    local function reload(port)
      d:rules(port and ("tcp = { host = \"127.0.0.1\", port = %d }"):format(port))
      one:kill("HUP")
      assert.matches("rules read", read_line(one))
      if port then
        assert.matches(("listening on TCP port %d (127.0.0.1)"):format(port), read_line(one), 1, true)
      end
    end
    reload(first)
    assert.same({ "open", "ECONNREFUSED" }, { code(first), code(second) })
    reload(second)
    assert.same({ "ECONNREFUSED", "open" }, { code(first), code(second) })
    one:kill("HUP") -- the same rules: the same socket
    assert.matches("rules read", read_line(one))
    assert.equal("open", code(second))
    reload(nil)
    wait_for("the end of TCP", function() return code(second) == "ECONNREFUSED" end)
    d:send(line("still"))
    d:wait_shown("still")
    reload(first)
    assert.equal(0, d:finish(one).code)
    assert.equal("ECONNREFUSED", code(first))
  end)

  case("says what is wrong with a path that is too long for a socket", function()
    local long = dir .. ("/" .. ("x"):rep(60)):rep(2)
    assert(fs.ensure_dir(long, 448))
    d.env.XDG_RUNTIME_DIR = long
    local result = d:run("notifyd")
    assert.equal(125, result.code)
    assert.matches("notify.sock: the path has %d+ bytes, and that of a socket at most %d+\n", result.stderr)
    assert.matches("hint: set XDG_RUNTIME_DIR to a directory with a shorter path", result.stderr, 1, true)
    assert.same({}, fs.list(long))
    assert.matches("ENAMETOOLONG: socket '/.+': %d+ bytes, of which 107 fit",
      (select(2, net.listen_unix(long .. "/x"))))
    d:rules() -- no daemon can be there, so it is not missed
    result = d:run("notify", "alone")
    assert.same({ 0, "" }, { result.code, result.stderr })
    assert.equal("alone||1|-\n", d:shown())
  end)

  case("starts with broken rules, by the defaults, and says so", function()
    assert(fs.ensure_dir(dir .. "/c/wrapix"))
    assert(fs.write_atomic(dir .. "/c/wrapix/notify.lua", "return {"))
    local result = d:finish((d:start()))
    assert.equal(0, result.code)
    assert.matches("notify%.lua:1: ", result.stderr)
    assert.matches("the defaults hold", result.stderr)
  end)

  case("hears what was sent before its end", function()
    d:rules("rate = false, join = 0")
    local one = d:start()
    local stream <close> = assert(net.connect_unix(socket))
    for i = 1, 50 do stream:write(line("last " .. i)) end
    stream:shutdown()
    d:finish(one)
    assert.equal(50, d:total())
  end)

  case("serves the socket a service manager passes, and leaves it there", function()
    d:rules()
    local path = dir .. "/passed.sock"
    local one, said = d:start({ ACTIVATE, path, WRAPIX, "notifyd" })
    assert.equal("wrapix-notifyd: listening on a socket passed on", said)
    d:send(line("passed"), path)
    d:wait_shown("passed")
    assert.equal(0, d:finish(one).code)
    assert.equal("socket", fs.lstat(path).type)
    assert.is_nil(fs.lstat(socket))
  end)

  case("takes no socket that was passed to another process", function()
    d:rules()
    local one, said = d:start({ ACTIVATE, dir .. "/passed.sock", "env", "LISTEN_PID=1", WRAPIX, "notifyd" })
    assert.equal("wrapix-notifyd: listening on " .. socket, said)
    d:finish(one)
  end)

  case("hands its sockets to no program it starts", function()
    assert(fs.ensure_dir(dir .. "/c/wrapix"))
    assert(fs.write_atomic(dir .. "/c/wrapix/notify.lua", ([[return { sinks = {
      { "command", argv = { "sh", "-c", "ls -l /proc/self/fd >%s/fds.new; mv %s/fds.new %s/fds" } } } }]])
      :format(dir, dir, dir)))
    d:start({ ACTIVATE, dir .. "/passed.sock", WRAPIX, "notifyd" })
    d:send(line("x"), dir .. "/passed.sock")
    wait_for("the list", function() return fs.exists(dir .. "/fds") end)
    local _, sockets = fs.read(dir .. "/fds"):gsub("socket:", "")
    -- Its own pipes may be socket pairs; a passed one would be descriptor 3.
    assert.is_nil(fs.read(dir .. "/fds"):find(" 3 -> socket:", 1, true), sockets)
  end)

  case("reads what comes as it comes: glued, split, broken, without an end", function()
    d:rules("rate = false, join = 0")
    local one = d:start()
    local stream <close> = assert(net.connect_unix(socket))
    for byte in (line("split"):gsub("\n", "\r\n") .. "{broken\n[1]\n\n" .. line("a") .. line("b"))
      :gmatch(".") do
      stream:write(byte)
      if byte == "t" then task.sleep(0.002) end
    end
    stream:write((line("no end"):gsub("\n", "")))
    stream:shutdown()
    assert.is_nil(task.timeout(PATIENCE, stream.read, stream))
    d:wait_shown("no end")
    assert.equal("split|m|1|-\na|m|1|-\nb|m|1|-\nno end|m|1|-\n", d:shown())
    assert.matches("a line was skipped", d:finish(one).stderr)
  end)

  case("waits for no program that a command left behind", function()
    assert(fs.ensure_dir(dir .. "/c/wrapix"))
    assert(fs.write_atomic(dir .. "/c/wrapix/notify.lua", ([[return { rate = false, join = 0, sinks = {
      { "command", argv = { "sh", "-c", "sleep 60 & echo $! >>%s/left" } } } }]]):format(dir)))
    local one = d:start()
    finally(function()
      for pid in (fs.read(dir .. "/left") or ""):gmatch("%d+") do proc.run({ "kill", pid }) end
      d:stop_all()
    end)
    local start = sys.clock()
    for i = 1, 3 do d:send(line("m" .. i)) end
    wait_for("three", function() return select(2, (fs.read(dir .. "/left") or ""):gsub("\n", "")) == 3 end)
    assert.is_true(sys.clock() - start < 8) -- each would have had ten
    d:finish(one)
    for _, record in ipairs(d:history()) do assert.equal("shown", record.decision) end
  end)

  case("explains what it did", function()
    d:rules("min_age = 20, quiet = false")
    local one = d:start()
    d:send(line("unknown age"))
    d:wait_shown("unknown age")
    d:finish(one)
    local text = d:run("notifyd", "explain", "-n", "1").stdout
    assert.matches("age +unknown +nothing says when the turn began", text)
    assert.matches("sink function +showed it", text)
    assert.matches("decision +shown", text)
    assert.matches("unknown age", d:run("notifyd", "log").stdout)
  end)

  case("says each decision with WRAPIX_NOTIFY_VERBOSE=1", function()
    d:rules()
    local one = d:start(nil, { WRAPIX_NOTIFY_VERBOSE = "1" })
    d:send(line("verbose"))
    d:wait_shown("verbose")
    assert.matches("notifyd: verbose: shown", d:finish(one).stderr)
  end)

  case("tells its state", function()
    d:rules()
    local found = assert(json.decode(d:run("notifyd", "status", "--json").stdout))
    assert.is_false(found.running)
    local one = d:start()
    found = assert(json.decode(d:run("notifyd", "status", "--json").stdout))
    assert.is_true(found.running)
    assert.equal(one:pid(), found.pid)
    assert.equal(dir .. "/c/wrapix/notify.lua", found.rules)
    assert.same({ "function" }, setmetatable(found.sinks, nil))
  end)

  describe("believes", function()
    case("a process beside it who it speaks for, and no token's holder on this socket", function()
      d:rules()
      d:start()
      d:send(line("mine", { from = { session = "abc" }, token = ("x"):rep(20) }))
      d:wait_shown("mine|m|1|abc\n")
    end)

    case("no process of a container", function()
      d:rules()
      d:start()
      assert(fs.write_atomic(dir .. "/client.lua", ([[
        local stream = require("wrapix.net").connect_unix(%q)
        stream:write(%q)
        stream:shutdown()
        stream:read()
        return 0]]):format(socket, line("inside", { from = { session = "forged" }, count = 7 }))))
      local result = assert(proc.run({ "unshare", "--mount", WRAPIX, "--run", dir .. "/client.lua" },
        { timeout = PATIENCE }))
      if result.code ~= 0 and result.stderr:find("unshare", 1, true) then
        return pending("no new mount name spaces here")
      end
      d:wait_shown("inside|m|1|")
      assert.equal("inside|m|1|-\n", d:shown())
    end)

    case("no other user", function()
      if sys.euid() ~= 0 then return pending("needs root") end
      d:rules()
      local one = d:start()
      for _, place in ipairs({ dir, dir .. "/r", dir .. "/r/wrapix" }) do assert(fs.chmod(place, 493)) end
      assert(fs.chmod(socket, 438))
      local result = assert(proc.run({ "setpriv", "--reuid=65534", "--clear-groups", "sh", "-c",
        'printf %s "$2" | socat -t 2 - "UNIX-CONNECT:$1"', "sh", socket, line("stranger") },
        { timeout = PATIENCE }))
      assert.is_not_nil(result.code)
      wait_for("the refusal", function()
        return task.timeout(PATIENCE, one.stderr.read_line, one.stderr):find("it belongs to user 65534", 1, true)
      end)
      assert.equal("", d:shown())
    end)

    case("over TCP only who knows the token of a session that lives", function()
      local port = free_port()
      d:rules(("tcp = { host = \"127.0.0.1\", port = %d }, join = 0"):format(port))
      local session = dir .. "/r/wrapix/sessions/abcdef"
      assert(fs.ensure_dir(session .. "/run", 448))
      assert(fs.write_atomic(session .. "/info.json",
        '{"session":"abcdef","name":"shop","profile":"base","workspace":"/w","start":1}'))
      assert(fs.write_atomic(session .. "/run/notify.token", ("t"):rep(32) .. "\n"))
      assert(require("wrapix.owner").write(session .. "/owner"))
      local one, said = d:start()
      assert.equal(("wrapix-notifyd: listening on TCP port %d (127.0.0.1) and %s"):format(port, socket), said)
      for _, given in ipairs({ {}, { token = ("t"):rep(31) }, { token = "" },
        { from = { session = "abcdef" } }, { token = ("t"):rep(32) } }) do
        local stream <close> = assert(net.connect_tcp("127.0.0.1", port))
        stream:write(line("tcp", given))
        stream:shutdown()
        assert.is_nil(task.timeout(PATIENCE, stream.read, stream))
      end
      d:wait_shown("tcp|m|1|abcdef\n")
      d:finish(one)
      assert.equal("tcp|m|1|abcdef\n", d:shown())
      assert.equal("shop", d:history()[1].name)
    end)
  end)

  describe("as a service", function()
    local function fake_systemctl(status)
      assert(fs.ensure_dir(dir .. "/bin"))
      assert(fs.write_atomic(dir .. "/bin/systemctl",
        ("#!/bin/sh\necho \"$@\" >>%s/calls\necho no bus >&2\nexit %d\n"):format(dir, status), { mode = 493 }))
      d.env.PATH = dir .. "/bin:" .. os.getenv("PATH")
    end

    local SERVICE, SOCKET = "/c/systemd/user/wrapix-notifyd.service", "/c/systemd/user/wrapix-notifyd.socket"

    case("is installed, known, and taken away", function()
      fake_systemctl(0)
      local result = d:run("notifyd", "install")
      assert.equal(0, result.code, result.stderr)
      assert.matches('\nExecStart="' .. WRAPIX .. '" notifyd run\n', fs.read(dir .. SERVICE), 1, true)
      assert.matches("\nListenStream=" .. socket .. "\nSocketMode=0600\nDirectoryMode=0700\n",
        fs.read(dir .. SOCKET), 1, true)
      assert.equal("--user daemon-reload\n--user enable --now wrapix-notifyd.socket\n",
        fs.read(dir .. "/calls"))
      local status = assert(json.decode(d:run("notifyd", "status", "--json").stdout))
      assert.equal("ours", status.service.files[1].state)
      assert.is_true(status.service.active)
      assert.equal(0, d:run("notifyd", "install").code) -- again
      result = d:run("notifyd", "uninstall")
      assert.equal(0, result.code)
      assert.is_false(fs.exists(dir .. SERVICE))
      assert.is_false(fs.exists(dir .. SOCKET))
      assert.matches("no service", d:run("notifyd", "uninstall").stderr)
    end)

    case("says what to do where systemctl cannot", function()
      fake_systemctl(1)
      local result = d:run("notifyd", "install")
      assert.equal(0, result.code)
      assert.is_true(fs.exists(dir .. SERVICE))
      assert.matches("systemctl: no bus\nhint: in a session of your desktop: systemctl --user daemon-reload"
        .. " && systemctl --user enable --now wrapix-notifyd.socket\n", result.stderr, 1, true)
      result = d:run("notifyd", "uninstall")
      assert.is_false(fs.exists(dir .. SERVICE))
      assert.matches("systemctl --user disable --now wrapix-notifyd.socket wrapix-notifyd.service"
        .. " && systemctl --user daemon-reload\n", result.stderr, 1, true)
    end)

    case("never replaces or removes a file of somebody else", function()
      fake_systemctl(0)
      assert(fs.ensure_dir(dir .. "/c/systemd/user"))
      assert(fs.write_atomic(dir .. SERVICE, "[Service]\nExecStart=/mine\n"))
      for _, verb in ipairs({ "install", "uninstall" }) do
        local result = d:run("notifyd", verb)
        assert.equal(125, result.code)
        assert.matches("was not written by wrapix", result.stderr)
      end
      assert.equal("[Service]\nExecStart=/mine\n", fs.read(dir .. SERVICE))
      assert.is_false(fs.exists(dir .. SOCKET))
    end)
  end)
end)
