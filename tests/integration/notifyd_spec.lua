-- SPDX-License-Identifier: MIT
-- wrapix-notifyd as a program: one at a time, restarts, activation, floods, and who may
-- say what. What is shown goes into a file by a function of the rules.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local net = require("wrapix.net")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local WRAPIX = assert(fs.realpath("/proc/self/exe"))
local ACTIVATE = WRAPIX:match("^(.*)/") .. "/tests/support/activate"
local PATIENCE = 30
-- How long another sender may have to wait in a flood that does not end: seconds are seen.
local FLOOD_SECONDS = 60

local SINK = [[
local function sink(m)
  local file = io.open(%q, "a")
  file:write(m.title, "|", m.message, "|", tostring(m.count or 1), "|",
    m.from and m.from.session or "-", "\n")
  file:close()
end
return { sinks = { sink }, %s }
]]

describe("wrapix-notifyd", function()
  local dir, env, socket, running
  before_each(function()
    dir = assert(fs.temp_dir("wx-notifyd"))
    env = { XDG_RUNTIME_DIR = dir .. "/r", XDG_STATE_HOME = dir .. "/s", XDG_CONFIG_HOME = dir .. "/c",
      HOME = dir, PATH = os.getenv("PATH"), LISTEN_PID = false, LISTEN_FDS = false }
    assert(fs.mkdir(dir .. "/r", 448))
    socket, running = dir .. "/r/wrapix/notify.sock", {}
  end)
  after_each(function() fs.remove_tree(dir) end)

  local function stop_all()
    for _, one in ipairs(running) do
      one:stop(5)
      one:close_pipes()
    end
  end

  -- Whether a spec was clean is looked at before after_each.
  local function case(name, fn)
    it(name, function()
      finally(stop_all)
      return fn()
    end)
  end

  local function rules(more)
    assert(fs.ensure_dir(dir .. "/c/wrapix"))
    assert(fs.write_atomic(dir .. "/c/wrapix/notify.lua", SINK:format(dir .. "/shown", more or "")))
  end

  local function spawn(argv, more)
    local all = { stdout = "pipe", stderr = "pipe", clear_env = true, env = {} }
    for key, value in pairs(env) do all.env[key] = value or nil end
    for key, value in pairs(more or {}) do all.env[key] = value end
    local one = assert(proc.spawn(argv, all))
    running[#running + 1] = one
    return one
  end

  -- Started, and it listens.
  local function start(argv, more)
    local one = spawn(argv or { WRAPIX, "notifyd" }, more)
    local line = assert(task.timeout(PATIENCE, one.stdout.read_line, one.stdout))
    assert.matches("^wrapix%-notifyd: listening on ", line)
    return one, line
  end

  local function finish(one)
    one:kill("TERM")
    local result = assert(task.timeout(PATIENCE, one.wait, one))
    return result
  end

  local function run(...)
    local all = {}
    for key, value in pairs(env) do all[key] = value or nil end
    return assert(proc.run({ WRAPIX, ... }, { clear_env = true, env = all, timeout = PATIENCE }))
  end

  -- Returns when the daemon has read everything.
  local function send(text, path)
    local stream <close> = assert(net.connect_unix(path or socket))
    assert(stream:write(text))
    stream:shutdown()
    assert.is_nil(task.timeout(PATIENCE, stream.read, stream))
  end

  local function line(title, more)
    local object = { title = title, message = "m" }
    for key, value in pairs(more or {}) do object[key] = value end
    return json.encode(object) .. "\n"
  end

  local function wait_for(what, test)
    local deadline = sys.clock() + PATIENCE
    while not test() do
      assert(sys.clock() < deadline, "waited in vain for " .. what)
      task.sleep(0.01)
    end
  end

  local function shown() return fs.read(dir .. "/shown") or "" end

  local function wait_shown(text)
    wait_for(text, function() return shown():find(text, 1, true) end)
  end

  local function history()
    local result = run("notifyd", "log", "--json", "-n", "1000000")
    return assert(json.decode(result.stdout))
  end

  local function total()
    local count = 0
    for _, record in ipairs(history()) do
      if record.decision ~= "joined" then count = count + (record.count or 1) end
    end
    return count
  end

  case("listens where only this user can, shows, and leaves nothing behind", function()
    rules()
    local one, said = start()
    assert.equal("wrapix-notifyd: listening on " .. socket, said)
    assert.equal(384, fs.lstat(socket).mode & 511)
    assert.equal(448, fs.lstat(dir .. "/r/wrapix").mode & 511)
    send(line("a") .. line("b"))
    wait_shown("b|m|1|-\n")
    local result = finish(one)
    assert.equal(0, result.code)
    assert.equal("", result.stderr)
    assert.is_nil(fs.lstat(socket))
    assert.equal("a|m|1|-\nb|m|1|-\n", shown())
    assert.equal(384, fs.lstat(dir .. "/s/wrapix/notify.jsonl").mode & 511)
  end)

  case("is a program of its own by its name", function()
    rules()
    assert(fs.symlink(WRAPIX, dir .. "/wrapix-notifyd"))
    local one = start({ dir .. "/wrapix-notifyd" })
    assert.equal(0, finish(one).code)
  end)

  case("is left alone by a second start", function()
    rules()
    local one = start()
    local inode = fs.lstat(socket).ino
    for _ = 1, 3 do
      local second = run("notifyd")
      assert.equal(0, second.code)
      assert.equal("", second.stdout)
      assert.matches(("runs already (process %d)"):format(one:pid()), second.stderr, 1, true)
    end
    assert.equal(inode, fs.lstat(socket).ino)
    send(line("still"))
    wait_shown("still")
  end)

  case("starts once, however many start at the same time", function()
    rules()
    local all = {}
    for i = 1, 8 do all[i] = spawn({ WRAPIX, "notifyd" }) end
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
    send(line("one of eight"))
    wait_shown("one of eight")
    assert.equal(7, ended)
    for _, one in ipairs(all) do
      if not one:exited() then one:kill("TERM") end
    end
    wait_for("the last end", function() return ended == 8 end)
    running = {}
    assert.is_nil(fs.lstat(socket))
  end)

  case("takes the place of what a killed one left", function()
    rules()
    local one = start()
    one:kill("KILL")
    one:wait()
    assert.equal("socket", fs.lstat(socket).type)
    assert.equal("ECONNREFUSED", select(3, net.connect_unix(socket)))
    start()
    send(line("again"))
    wait_shown("again")
  end)

  case("leaves alone who listens there without being one of ours", function()
    rules()
    assert(fs.ensure_dir(dir .. "/r/wrapix", 448))
    local server <close> = assert(net.listen_unix(socket))
    local result = run("notifyd")
    assert.equal(125, result.code)
    assert.matches("some other program listens there", result.stderr)
    assert.is_true(fs.exists(socket))
    server:close()
    fs.unlink(socket)
    assert(fs.write_atomic(socket, "precious"))
    result = run("notifyd")
    assert.equal(125, result.code)
    assert.matches("is a file and no socket", result.stderr)
    assert.equal("precious", fs.read(socket))
  end)

  case("does not remove at its end what is not its own any more", function()
    rules()
    local one = start()
    fs.unlink(socket)
    local server <close> = assert(net.listen_unix(socket))
    assert.equal(0, server:port())
    assert.equal(0, finish(one).code)
    assert.equal("socket", fs.lstat(socket).type)
  end)

  case("closes a runtime directory that is open, and refuses one of somebody else", function()
    rules()
    assert(fs.mkdir(dir .. "/r/wrapix", 511))
    assert(fs.chmod(dir .. "/r/wrapix", 511))
    finish((start()))
    assert.equal(448, fs.lstat(dir .. "/r/wrapix").mode & 511)
    if sys.euid() ~= 0 then return end
    assert(fs.chown(dir .. "/r/wrapix", 1234, 1234))
    local result = run("notifyd")
    assert.equal(125, result.code)
    assert.matches("not a directory of this user", result.stderr)
  end)

  case("reads its rules anew on SIGHUP, and keeps them when the new ones are broken", function()
    rules()
    local one = start()
    rules([[on_message = function(m) m.title = "new " .. m.title end]])
    one:kill("HUP")
    local err = one.stderr
    assert.matches("rules read: " .. dir:gsub("%p", "%%%0") .. "/c/wrapix/notify.lua",
      task.timeout(PATIENCE, err.read_line, err))
    send(line("rules"))
    wait_shown("new rules|")
    assert(fs.write_atomic(dir .. "/c/wrapix/notify.lua", "return { sinkz = {} }"))
    one:kill("HUP")
    assert.matches("unknown field 'sinkz' %(did you mean 'sinks'%?%)",
      task.timeout(PATIENCE, err.read_line, err))
    send(line("more"))
    wait_shown("new more|")
  end)

  case("starts with broken rules, by the defaults, and says so", function()
    assert(fs.ensure_dir(dir .. "/c/wrapix"))
    assert(fs.write_atomic(dir .. "/c/wrapix/notify.lua", "return {"))
    local result = finish((start()))
    assert.equal(0, result.code)
    assert.matches("notify%.lua:1: ", result.stderr)
    assert.matches("the defaults hold", result.stderr)
  end)

  case("hears what was sent before its end", function()
    rules("rate = false, join = 0")
    local one = start()
    local stream <close> = assert(net.connect_unix(socket))
    for i = 1, 50 do stream:write(line("last " .. i)) end
    stream:shutdown()
    finish(one)
    assert.equal(50, total())
  end)

  case("serves the socket a service manager passes, and leaves it there", function()
    rules()
    local path = dir .. "/passed.sock"
    local one, said = start({ ACTIVATE, path, WRAPIX, "notifyd" })
    assert.equal("wrapix-notifyd: listening on a socket passed on", said)
    send(line("passed"), path)
    wait_shown("passed")
    assert.equal(0, finish(one).code)
    assert.equal("socket", fs.lstat(path).type)
    assert.is_nil(fs.lstat(socket))
  end)

  case("takes no socket that was passed to another process", function()
    rules()
    local one, said = start({ ACTIVATE, dir .. "/passed.sock", "env", "LISTEN_PID=1", WRAPIX, "notifyd" })
    assert.equal("wrapix-notifyd: listening on " .. socket, said)
    finish(one)
  end)

  case("hands its sockets to no program it starts", function()
    assert(fs.ensure_dir(dir .. "/c/wrapix"))
    assert(fs.write_atomic(dir .. "/c/wrapix/notify.lua", ([[return { sinks = {
      { "command", argv = { "sh", "-c", "ls -l /proc/self/fd >%s/fds.new; mv %s/fds.new %s/fds" } } } }]])
      :format(dir, dir, dir)))
    start({ ACTIVATE, dir .. "/passed.sock", WRAPIX, "notifyd" })
    send(line("x"), dir .. "/passed.sock")
    wait_for("the list", function() return fs.exists(dir .. "/fds") end)
    local _, sockets = fs.read(dir .. "/fds"):gsub("socket:", "")
    -- Its own pipes may be socket pairs; a passed one would be descriptor 3.
    assert.is_nil(fs.read(dir .. "/fds"):find(" 3 -> socket:", 1, true), sockets)
  end)

  case("reads what comes as it comes: glued, split, broken, without an end", function()
    rules("rate = false, join = 0")
    local one = start()
    local stream <close> = assert(net.connect_unix(socket))
    for byte in (line("split"):gsub("\n", "\r\n") .. "{broken\n[1]\n\n" .. line("a") .. line("b"))
      :gmatch(".") do
      stream:write(byte)
      if byte == "t" then task.sleep(0.002) end
    end
    stream:write((line("no end"):gsub("\n", "")))
    stream:shutdown()
    assert.is_nil(task.timeout(PATIENCE, stream.read, stream))
    wait_shown("no end")
    assert.equal("split|m|1|-\na|m|1|-\nb|m|1|-\nno end|m|1|-\n", shown())
    assert.matches("a line was skipped", finish(one).stderr)
  end)

  case("lives through noise", function()
    rules()
    local one = start()
    math.randomseed(7)
    for _ = 1, 60 do
      local bytes = {}
      for i = 1, math.random(1, 3000) do
        bytes[i] = math.random() < 0.2 and ({ "{", "}", '"', "\n", "\\u00", "[", ":", "title" })[math.random(8)]
          or string.char(math.random(0, 255))
      end
      send(table.concat(bytes))
    end
    send(line("alive"))
    wait_shown("alive")
    assert.equal(0, finish(one).code)
  end)

  case("serves a thousand connections at once, and loses nothing", function()
    rules("rate = false, join = 0")
    local one = start()
    local streams = {}
    for i = 1, 900 do streams[i] = assert(net.connect_unix(socket)) end
    for i, stream in ipairs(streams) do assert(stream:write(line("c" .. i))) end
    for _, stream in ipairs(streams) do
      stream:shutdown()
      assert.is_nil(task.timeout(PATIENCE, stream.read, stream))
      stream:close()
    end
    for i = 901, 1000 do send(line("c" .. i)) end
    finish(one)
    assert.equal(1000, total())
  end)

  case("takes a hundred thousand messages in little memory, and delays nobody else", function()
    rules()
    -- A build that looks for errors keeps what was freed, 256 MB of it unless told.
    local one = start(nil, { ASAN_OPTIONS = "quarantine_size_mb=1" })
    local function peak()
      return tonumber(fs.read(("/proc/%d/status"):format(one:pid())):match("VmHWM:%s*(%d+)"))
    end
    local before = peak()
    local count, heard = 0, false
    task.scope(function(scope)
      scope:spawn(function()
        local stream <close> = assert(net.connect_unix(socket))
        local deadline = sys.clock() + FLOOD_SECONDS
        -- The flood goes on until the other was heard.
        while count < 100000 or not heard and sys.clock() < deadline do
          local lines = {}
          for i = 1, 500 do lines[i] = line(("flood %d"):format(count + i)) end
          assert(stream:write(table.concat(lines)))
          count = count + 500
        end
        assert.is_true(heard)
        stream:shutdown()
        stream:read()
        return true
      end)
      scope:spawn(function()
        task.sleep(0.05)
        local stream <close> = assert(net.connect_unix(socket))
        assert(stream:write(line("beside")))
        stream:shutdown()
        local data, _, code = task.timeout(FLOOD_SECONDS, stream.read, stream)
        assert.same({}, { data, code }) -- the end, and no time limit
        heard = true
        return true
      end)
    end)
    local grown = peak() - before
    assert.is_true(grown < 6000, ("grew by %d kB"):format(grown))
    finish(one)
    assert.equal(count + 1, total())
  end)

  case("explains what it did", function()
    rules("min_age = 20, quiet = false")
    local one = start()
    send(line("unknown age"))
    wait_shown("unknown age")
    finish(one)
    local text = run("notifyd", "explain", "-n", "1").stdout
    assert.matches("age +unknown +nothing says when the turn began", text)
    assert.matches("sink function +showed it", text)
    assert.matches("decision +shown", text)
    assert.matches("unknown age", run("notifyd", "log").stdout)
  end)

  case("says each decision with WRAPIX_NOTIFY_VERBOSE=1", function()
    rules()
    local one = start(nil, { WRAPIX_NOTIFY_VERBOSE = "1" })
    send(line("verbose"))
    wait_shown("verbose")
    assert.matches("notifyd: verbose: shown", finish(one).stderr)
  end)

  case("tells its state", function()
    rules()
    local found = assert(json.decode(run("notifyd", "status", "--json").stdout))
    assert.is_false(found.running)
    local one = start()
    found = assert(json.decode(run("notifyd", "status", "--json").stdout))
    assert.is_true(found.running)
    assert.equal(one:pid(), found.pid)
    assert.equal(dir .. "/c/wrapix/notify.lua", found.rules)
    assert.same({ "function" }, setmetatable(found.sinks, nil))
  end)

  describe("believes", function()
    case("a process beside it who it speaks for, and no token's holder on this socket", function()
      rules()
      start()
      send(line("mine", { from = { session = "abc" }, token = ("x"):rep(20) }))
      wait_shown("mine|m|1|abc\n")
    end)

    case("no process of a container", function()
      rules()
      start()
      assert(fs.write_atomic(dir .. "/client.lua", ([[
        local stream = require("wrapix.net").connect_unix(%q)
        stream:write(%q)
        stream:shutdown()
        stream:read()
        return 0]]):format(socket, line("inside", { from = { session = "forged" } }))))
      local result = assert(proc.run({ "unshare", "--mount", WRAPIX, "--run", dir .. "/client.lua" },
        { timeout = PATIENCE }))
      if result.code ~= 0 and result.stderr:find("unshare", 1, true) then
        return pending("no new mount name spaces here")
      end
      wait_shown("inside|m|1|")
      assert.equal("inside|m|1|-\n", shown())
    end)

    case("no other user", function()
      if sys.euid() ~= 0 then return pending("needs root") end
      rules()
      local one = start()
      for _, place in ipairs({ dir, dir .. "/r", dir .. "/r/wrapix" }) do assert(fs.chmod(place, 493)) end
      assert(fs.chmod(socket, 438))
      local result = assert(proc.run({ "setpriv", "--reuid=65534", "--clear-groups", "sh", "-c",
        'printf %s "$2" | socat -t 2 - "UNIX-CONNECT:$1"', "sh", socket, line("stranger") },
        { timeout = PATIENCE }))
      assert.is_not_nil(result.code)
      wait_for("the refusal", function()
        return task.timeout(PATIENCE, one.stderr.read_line, one.stderr):find("it belongs to user 65534", 1, true)
      end)
      assert.equal("", shown())
    end)

    case("over TCP only who knows the token of a session that lives", function()
      local probe = assert(net.listen_tcp("127.0.0.1", 0))
      local port = probe:port()
      probe:close()
      rules(("tcp = { host = \"127.0.0.1\", port = %d }, join = 0"):format(port))
      local session = dir .. "/r/wrapix/sessions/abcdef"
      assert(fs.ensure_dir(session .. "/run", 448))
      assert(fs.write_atomic(session .. "/info.json",
        '{"session":"abcdef","name":"shop","profile":"base","workspace":"/w","start":1}'))
      assert(fs.write_atomic(session .. "/run/notify.token", ("t"):rep(32) .. "\n"))
      assert(require("wrapix.owner").write(session .. "/owner"))
      local one, said = start()
      assert.equal(("wrapix-notifyd: listening on TCP port %d (127.0.0.1) and %s"):format(port, socket), said)
      for _, given in ipairs({ {}, { token = ("t"):rep(31) }, { token = "" },
        { from = { session = "abcdef" } }, { token = ("t"):rep(32) } }) do
        local stream <close> = assert(net.connect_tcp("127.0.0.1", port))
        stream:write(line("tcp", given))
        stream:shutdown()
        assert.is_nil(task.timeout(PATIENCE, stream.read, stream))
      end
      wait_shown("tcp|m|1|abcdef\n")
      finish(one)
      assert.equal("tcp|m|1|abcdef\n", shown())
      assert.equal("shop", history()[1].name)
    end)
  end)

  describe("as a service", function()
    local function fake_systemctl(status)
      assert(fs.ensure_dir(dir .. "/bin"))
      assert(fs.write_atomic(dir .. "/bin/systemctl",
        ("#!/bin/sh\necho \"$@\" >>%s/calls\necho no bus >&2\nexit %d\n"):format(dir, status), { mode = 493 }))
      env.PATH = dir .. "/bin:" .. os.getenv("PATH")
    end

    local SERVICE, SOCKET = "/c/systemd/user/wrapix-notifyd.service", "/c/systemd/user/wrapix-notifyd.socket"

    case("is installed, known, and taken away", function()
      fake_systemctl(0)
      local result = run("notifyd", "install")
      assert.equal(0, result.code, result.stderr)
      assert.matches('\nExecStart="' .. WRAPIX .. '" notifyd run\n', fs.read(dir .. SERVICE), 1, true)
      assert.matches("\nListenStream=" .. socket .. "\nSocketMode=0600\nDirectoryMode=0700\n",
        fs.read(dir .. SOCKET), 1, true)
      assert.equal("--user daemon-reload\n--user enable --now wrapix-notifyd.socket\n",
        fs.read(dir .. "/calls"))
      local status = assert(json.decode(run("notifyd", "status", "--json").stdout))
      assert.equal("ours", status.service.files[1].state)
      assert.is_true(status.service.active)
      assert.equal(0, run("notifyd", "install").code) -- again
      result = run("notifyd", "uninstall")
      assert.equal(0, result.code)
      assert.is_false(fs.exists(dir .. SERVICE))
      assert.is_false(fs.exists(dir .. SOCKET))
      assert.matches("no service", run("notifyd", "uninstall").stderr)
    end)

    case("says what to do where systemctl cannot", function()
      fake_systemctl(1)
      local result = run("notifyd", "install")
      assert.equal(0, result.code)
      assert.is_true(fs.exists(dir .. SERVICE))
      assert.matches("systemctl: no bus\nhint: in a session of your desktop: systemctl --user daemon-reload",
        result.stderr, 1, true)
    end)

    case("never replaces or removes a file of somebody else", function()
      fake_systemctl(0)
      assert(fs.ensure_dir(dir .. "/c/systemd/user"))
      assert(fs.write_atomic(dir .. SERVICE, "[Service]\nExecStart=/mine\n"))
      for _, verb in ipairs({ "install", "uninstall" }) do
        local result = run("notifyd", verb)
        assert.equal(125, result.code)
        assert.matches("was not written by wrapix", result.stderr)
      end
      assert.equal("[Service]\nExecStart=/mine\n", fs.read(dir .. SERVICE))
      assert.is_false(fs.exists(dir .. SOCKET))
    end)
  end)
end)
