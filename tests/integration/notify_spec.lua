-- SPDX-License-Identifier: MIT
-- Notifications from a sandbox on real sockets: what the server stands, and the way of
-- a message through the launcher, its hooks and the daemon. What shows it is elsewhere.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local links = require("wrapix.notify.link")
local messages = require("wrapix.notify.message")
local net = require("wrapix.net")
local servers = require("wrapix.notify.server")
local sys = require("wrapix.sys")
local task = require("wrapix.task")
local worlds = require("support.world")

local LIMIT = messages.LONGEST_LINE

-- A spec with something open around it, which has to be gone before it is looked at.
local function around(open, close)
  return function(name, fn)
    it(name, function()
      open()
      local out = table.pack(pcall(fn))
      close()
      if not out[1] then error(out[2], 0) end
    end)
  end
end

-- What stands in for wrapix-notifyd: a server that keeps what it gets.
local function stand_in(world, got)
  assert(fs.ensure_dir(world.dir .. "/run/wrapix", tonumber("700", 8)))
  local listener = assert(net.listen_unix(world.dir .. "/run/wrapix/notify.sock"))
  local server = servers.new(listener, { from = true,
    on_message = function(message) got[#got + 1] = message end })
  task.detach(server.serve, server)
  return server
end

-- Closes it, and waits until nobody is connected any more.
local function close_stand_in(server)
  if not server then return end
  server:close()
  worlds.wait_until("no connection", function() return server:connections() == 0 end)
  task.sleep(0)
end

describe("the server of notifications", function()
  local dir, path, server, got, said

  local function open(opts)
    opts = opts or {}
    got, said = {}, {}
    opts.on_message = opts.on_message or function(message) got[#got + 1] = message end
    opts.log = function(text) said[#said + 1] = text end
    server = servers.new(assert(net.listen_unix(path, { backlog = 1024 })), opts)
    task.detach(server.serve, server)
  end

  local function set_up()
    dir = assert(fs.temp_dir("wrapix-notify-"))
    path = dir .. "/notify.sock"
  end
  local function tear_down()
    server:close()
    worlds.wait_until("no connection", function() return server:connections() == 0 end)
    task.sleep(0) -- the one that accepted ends as well
    fs.remove_tree(dir)
  end
  local serves = around(set_up, tear_down)

  local function connect() return assert(net.connect_unix(path)) end

  local function titles()
    local list = {}
    for i, message in ipairs(got) do list[i] = message.title end
    return table.concat(list, " ")
  end

  local function wait_for(count)
    worlds.wait_until(count .. " messages", function() return #got >= count end)
  end

  local function line(title) return ('{"title":"%s"}'):format(title) end

  serves("takes several messages of a connection, glued, with any ends of lines", function()
    open()
    local stream <close> = connect()
    assert(stream:write(line("a") .. "\n" .. line("b") .. "\r\n\n\r\n" .. line("c") .. "\n"))
    wait_for(3)
    assert(stream:write(line("d")))
    stream:close()
    wait_for(4)
    assert.equal("a b c d", titles())
    assert.same({}, said)
  end)

  serves("takes a message that comes in pieces of one byte", function()
    open()
    local stream <close> = connect()
    for byte in (line("slow") .. "\n" .. line("last")):gmatch(".") do
      assert(stream:write(byte))
      task.yield()
    end
    stream:close()
    wait_for(2)
    assert.equal("slow last", titles())
  end)

  serves("skips a bad line, says so, and goes on", function()
    open()
    local stream <close> = connect()
    assert(stream:write("no json\n[1]\n" .. line("good") .. "\n\xFF\n"))
    stream:close()
    wait_for(1)
    worlds.wait_until("the last line", function() return server.counts.bad == 3 end)
    assert.equal("good", titles())
    assert.matches("skipped: json", said[1])
    assert.matches("skipped: not a JSON object", said[2])
  end)

  serves("says a few bad lines and no more", function()
    open()
    local stream <close> = connect()
    assert(stream:write(("bad\n"):rep(1000)))
    worlds.wait_until("all lines", function() return server.counts.bad == 1000 end)
    assert.equal(5, #said)
  end)

  serves("takes a line of 64 KiB, and skips a longer one to its end", function()
    open()
    local stream <close> = connect()
    local function of_size(size)
      return ('{"title":"t","x":"%s"}'):format(("x"):rep(size - #'{"title":"t","x":""}'))
    end
    assert(stream:write(of_size(LIMIT) .. "\r\n"))
    wait_for(1)
    assert(stream:write(of_size(LIMIT + 1) .. "\n" .. of_size(5 * LIMIT) .. "\n" .. line("next") .. "\n"))
    wait_for(2)
    assert.equal("t next", titles())
    assert.equal(2, server.counts.bad)
    assert(stream:write(("y"):rep(3 * LIMIT)))
    stream:close()
    worlds.wait_until("the third", function() return server.counts.bad == 3 end)
  end)

  serves("drops who begins a line and does not end it, and nobody else", function()
    open({ line_seconds = 0.2 })
    local slow <close> = connect()
    local idle <close> = connect()
    local busy <close> = connect()
    assert(slow:write('{"title":'))
    assert(idle:write(line("idle") .. "\n"))
    wait_for(1)
    local start = sys.clock()
    while not said[1] and sys.clock() - start < 10 do
      assert(busy:write(line("busy") .. "\n"))
      assert(slow:write(" "))
      task.sleep(0.02)
    end
    assert.is_nil(slow:read())
    assert.matches("a line was not over after 0.2 s", said[1])
    assert(idle:write(line("still") .. "\n"))
    worlds.wait_until("the idle one", function() return titles():find("still") ~= nil end)
  end)

  serves("closes who was silent longest when there are too many", function()
    open({ max_connections = 3 })
    local streams = {}
    for i = 1, 3 do
      streams[i] = connect()
      assert(streams[i]:write(line(i) .. "\n"))
      wait_for(i)
    end
    assert(streams[1]:write(line("again") .. "\n"))
    wait_for(4)
    streams[4] = connect()
    assert(streams[4]:write(line("four") .. "\n"))
    wait_for(5)
    assert.is_nil(streams[2]:read())
    assert.equal(3, server:connections())
    for _, stream in ipairs(streams) do stream:close() end
  end)

  serves("serves a thousand who come at once", function()
    open({ max_connections = 2000 })
    local limit = sys.limits().nofile.soft
    local count = math.min(1000, (limit - 100) // 2)
    task.parallel(count, (function()
      local list = {}
      for i = 1, count do list[i] = i end
      return list
    end)(), function(i)
      local stream <close> = net.connect_unix(path)
      if not stream then return false end
      assert(stream:write(line(i) .. "\n"))
      return true
    end)
    wait_for(count)
    assert.equal(count, #got)
  end)

  serves("outlives who takes its messages", function()
    open({ on_message = function(message)
      if message.title == "bad" then error("on purpose") end
      got[#got + 1] = message
    end })
    local stream <close> = connect()
    assert(stream:write(line("bad") .. "\n" .. line("good") .. "\n"))
    wait_for(1)
    assert.equal("good", titles())
    assert.matches("on purpose", said[1])
  end)

  serves("admits whom it is told to", function()
    open({ admit = function(stream) return stream:peer().uid ~= sys.euid(), "a stranger" end })
    local stream <close> = connect()
    assert.is_nil(stream:read())
    assert.matches("refused: a stranger", said[1])
  end)

  serves("lets a flood of one delay nobody, in flat memory", function()
    local seen, other = 0, nil
    open({ on_message = function(message)
      seen = seen + 1
      if message.title == "other" then other = seen end
    end })
    local flood <close> = connect()
    local quiet <close> = connect()
    local piece = (line("flood") .. "\n"):rep(2000)
    local before
    task.scope(function(scope)
      scope:spawn(function()
        for i = 1, 20 do
          assert(flood:write(piece))
          if i == 5 then
            collectgarbage()
            before = collectgarbage("count")
            assert(quiet:write(line("other") .. "\n"))
          end
        end
        return true
      end)
      return true
    end)
    worlds.wait_until("all", function() return seen == 40001 end)
    assert.truthy(other < 20000, tostring(other))
    collectgarbage()
    assert.truthy(collectgarbage("count") - before < 2000)
  end)

  serves("is reached by a link, which sees it go and come back", function()
    open({ from = true })
    local link = links.new(path)
    local message = assert(messages.clean({ title = "T", from = { session = "s" } }, { from = true }))
    assert.is_true(link:send(message))
    wait_for(1)
    assert.same({ session = "s" }, got[1].from)
    assert.is_true(link:send(message))
    wait_for(2)
    assert.equal(1, server.counts.connections)
    server:close()
    fs.unlink(path)
    worlds.wait_until("the end is seen", function() return link._stream == nil end)
    local ok, _, code = link:send(message)
    assert.same({ nil, "ENOENT" }, { ok, code })
    open({ from = true })
    assert.is_true(link:send(message))
    wait_for(1)
    link:close()
  end)
end)

describe("a sandbox's notifications", function()
  local world, daemon, got

  local function set_up()
    world = worlds.new()
    got = {}
  end
  local function tear_down()
    close_stand_in(daemon)
    daemon = nil
    local sessions = world:sessions()
    world:close()
    assert.same({}, sessions)
  end
  local they = around(set_up, tear_down)

  local function listen() daemon = stand_in(world, got) end

  local function wait_for(count)
    worlds.wait_until(count .. " messages", function() return #got >= count end)
  end

  -- The double runs commands on the host, where /run/wrapix is not. The socket is made
  -- beside the engine's start, which takes the double no time.
  local function script(text)
    return ([[
      set -- %s/run/wrapix/sessions/*/run
      while [ ! -S "$1/notify.sock" ]; do sleep 0.01; done
      export WRAPIX_NOTIFY_SOCKET="$1/notify.sock" WRAPIX_NOTIFY_VERBOSE=1
      PATH=$(echo %s/cache/wrapix/guest/*):$PATH
      %s]]):format(world.dir, world.dir, text)
  end

  local function run(text, profile, words)
    words = words or {}
    table.move({ profile or "test", "--", "sh", "-c", script(text) }, 1, 5, #words + 1, words)
    return world:run(words)
  end

  local function profile(hook, more)
    return world:write("hooked.lua", ([[
      local function say(text)
        local file <close> = assert(io.open(%q, "a"))
        file:write(tostring(text), "\n")
      end
      return { name = "hooked", image = %q, %s hooks = { on_notify = %s } }
    ]]):format(world.dir .. "/said", worlds.image, more or "", hook))
  end

  local function said() return fs.read(world.dir .. "/said") or "" end

  they("reach the daemon, with who speaks", function()
    listen()
    local result = run([[wrapix-notify "Claude Code" done Ping]])
    assert.equal(0, result.code, result.stderr)
    wait_for(1)
    local message = got[1]
    assert.same({ "Claude Code", "done", "Ping" }, { message.title, message.message, message.sound })
    assert.same({ message.session_id, "test", fs.realpath(world.workspace) },
      { message.from.session, message.from.profile, message.from.workspace })
    assert.matches("^%x+$", message.from.session)
    assert.matches(message.from.session:sub(-8), message.from.name, 1, true)
    assert.truthy(math.abs(sys.time() - message.from.started) < 60)
  end)

  they("are only their own where a script tells of the agent's end itself", function()
    listen()
    world:write("work/job.lua", ([[
      local box = assert(require("wrapix").sandbox({ name = "job", image = %q }))
      assert(assert(box:run({ "sh", "-c", %q }, { notify = false })).code == 0)]]):format(worlds.image,
      script([[echo '{"hook_event_name":"Stop"}' | wrapix-notify --hook && wrapix-notify Mine]])))
    local result = world:run({ "./job.lua" })
    assert.equal(0, result.code, result.stderr)
    wait_for(1)
    assert.same({ 1, "Mine" }, { #got, got[1].title })
  end)

  they("cannot say that another speaks", function()
    listen()
    run([[printf '{"title":"T","session_id":"other","from":{"session":"other"},"token":"x"}\n' >line
      python3 - <<'END' || perl -MIO::Socket::UNIX -e 'my $s = IO::Socket::UNIX->new(
        Peer => $ENV{WRAPIX_NOTIFY_SOCKET}); open my $f, "<", "line"; print $s <$f>'
import os, socket
s = socket.socket(socket.AF_UNIX)
s.connect(os.environ["WRAPIX_NOTIFY_SOCKET"])
s.send(open("line", "rb").read())
END]])
    wait_for(1)
    assert.equal("other", got[1].session_id)
    assert.matches("^%x+$", got[1].from.session)
    assert.is_nil(got[1].token)
  end)

  they("are what a program says last, and many", function()
    listen()
    run([[for i in 1 2 3 4 5 6 7 8 9; do wrapix-notify "n$i"; done]])
    wait_for(9)
    local list = {}
    for i, message in ipairs(got) do list[i] = message.title end
    assert.equal("n1 n2 n3 n4 n5 n6 n7 n8 n9", table.concat(list, " "))
  end)

  they("come from a detached sandbox as well", function()
    listen()
    local result = world:run({ "-d", "test", "--", "sh", "-c", script("wrapix-notify kept") })
    assert.equal(0, result.code, result.stderr)
    wait_for(1)
    assert.equal("kept", got[1].title)
    worlds.wait_until("its end", function() return #world:sessions() == 0 end)
  end)

  they("come from a held sandbox as well", function()
    listen()
    local file = world:write("held.lua", ([[
      local wrapix = require("wrapix")
      local sandbox <close> = assert(wrapix.sandbox(
        { name = "held", image = %q }, { workspace = %q }))
      assert(sandbox:start())
      assert(sandbox:exec({ "sh", "-c", ...}))
      return wrapix.task.sleep(0)
    ]]):format(worlds.image, world.workspace))
    local result = world:run({ file, script("wrapix-notify held") })
    assert.equal(0, result.code, result.stderr)
    wait_for(1)
    assert.same({ "held", "held" }, { got[1].title, got[1].from.profile })
  end)

  they("go through the profile's hooks in order", function()
    listen()
    local file = profile([[{
      function(message, ctx)
        say(ctx.event .. " " .. ctx.session .. " " .. message.title)
        message.title = message.title .. "!"
      end,
      function(message)
        if message.title == "drop!" then return false end
        if message.title == "other!" then return { title = "a\27b", message = "new" } end
        if message.title == "fail!" then message.title = "half"; error("on purpose") end
        return true
      end,
    }]])
    local result = run("for i in one drop other fail fail; do wrapix-notify $i; done", file)
    wait_for(4)
    local list = {}
    for i, message in ipairs(got) do list[i] = message.title end
    assert.equal("one! ab fail! fail!", table.concat(list, " "))
    assert.equal("new", got[2].message)
    assert.matches("^[%x]+$", got[2].from.session)
    assert.matches("^on_notify %x+ one\n", said())
    local _, count = result.stderr:gsub("hook: on_notify %(.-hooked.lua:%d+%): .-on purpose", "")
    assert.equal(1, count, result.stderr)
  end)

  they("do not wait for a hook that hangs, and the sandbox neither", function()
    listen()
    local file = profile([[function(message)
      if message.title == "slow" then require("wrapix").task.sleep(1000) end
    end]])
    file = world:write("hooked.lua", (fs.read(file):gsub("on_notify", "timeout = 0.1, on_notify")))
    local result = run("wrapix-notify slow; wrapix-notify next", file)
    assert.equal(0, result.code)
    wait_for(2)
    assert.equal("next", got[2].title)
    assert.matches("not done after 0.1 s", result.stderr)
  end)

  they("are shown by the launcher where there is no daemon", function()
    world:write("config/wrapix/notify.lua", ([[return { focus = false, sinks = { function(message)
      local file <close> = assert(io.open(%q, "a"))
      file:write(message.title, " ", message.from.profile, "\n")
      return true
    end } }]]):format(world.dir .. "/said"))
    local result = run("wrapix-notify alone")
    assert.equal(0, result.code, result.stderr)
    assert.equal("alone test\n", said(), result.stderr)
  end)

  they("cost a silent sandbox nothing but a socket", function()
    local result = run("ls -l $1/notify.sock", nil, { "--timing" })
    assert.matches("^srw%-%-%-%-%-%-%-", result.stdout)
    assert.same({}, fs.list(world.dir .. "/state/wrapix/notify") or {})
  end)

  -- The settings of three agents as they are written for a sandbox.
  local function settings_of(hooks)
    local file = world:write("agents.lua", ([[return { name = "agents", image = %q,
      agents = { "claude", "codex", "opencode" }, hooks = { %s } }]]):format(worlds.image, hooks))
    local result = world:run({ "--dry-run", "--json", file })
    assert.equal(0, result.code, result.stderr)
    local texts = {}
    for _, one in ipairs(assert(json.decode(result.stdout)).files) do
      texts[one.path:match("[^/]*$")] = one.text
    end
    return assert(json.decode(texts["managed-settings.json"])).hooks, texts["managed_config.toml"],
      texts["wrapix-hooks.js"]
  end

  they("are wired into the agents that have hooks", function()
    local claude, codex, opencode = settings_of("")
    for _, event in ipairs({ "Notification", "Stop", "StopFailure", "UserPromptSubmit" }) do
      assert.same({ { hooks = { { type = "command", command = "wrapix-notify --hook", timeout = 5 } } } },
        claude[event])
    end
    assert.matches('hooks = {.*Stop = %[{ hooks = %[{ command = "wrapix%-notify %-%-title Codex', codex)
    assert.matches('"Stop": %[%s*{%s*"command": "wrapix%-notify %-%-title OpenCode %-%-hook"', opencode)
  end)

  they("are turned off and replaced by the profile, event by event", function()
    local claude, codex, opencode = settings_of(
      [[agent = { Notification = false, Stop = "make check", StopFailure = { "a", "b" } }]])
    assert.is_nil(claude.Notification)
    assert.equal("make check", claude.Stop[1].hooks[1].command)
    assert.same({ 1, 2 }, { #claude.Stop, #claude.StopFailure })
    assert.not_matches("title Codex.*title Codex.*title Codex", codex)
    assert.matches('"make check"', opencode)
    local none = "Notification = false, Stop = false, StopFailure = false, UserPromptSubmit = false, "
    claude, codex, opencode = settings_of(("agent = { %s PermissionRequest = false }"):format(none))
    assert.is_nil(claude)
    assert.not_matches("wrapix%-notify", codex)
    assert.is_nil(opencode)
  end)
end)

describe("wrapix notify", function()
  local world, daemon, got
  local they = around(function()
    world, got, daemon = worlds.new(), {}, nil
  end, function()
    close_stand_in(daemon)
    world:close()
  end)

  local function listen() daemon = stand_in(world, got) end

  local function sinks(text)
    world:write("config/wrapix/notify.lua", "return { " .. text .. " }")
  end

  they("hands a message to the daemon", function()
    listen()
    local result = world:run({ "notify", "T", "m", "Ping", "--urgency", "low", "--tag", "build" })
    assert.same({ 0, "", "" }, { result.code, result.stdout, result.stderr })
    worlds.wait_until("the message", function() return got[1] ~= nil end)
    assert.same({ title = "T", message = "m", sound = "Ping", urgency = "low", tag = "build", extra = {} },
      got[1])
    result = world:run({ "notify", "--test" })
    assert.equal("handed to wrapix-notifyd; `wrapix notifyd explain` tells what it did\n", result.stdout)
  end)

  they("shows it itself where there is none, before it ends", function()
    sinks(([[sinks = { function(message)
      local file <close> = assert(io.open(%q, "a"))
      file:write(message.title, "\n")
      return true
    end }]]):format(world.dir .. "/shown"))
    assert.equal(2, world:run({ "notify", "-x y" }).code)
    assert.equal(0, world:run({ "notify", "--", "-x y" }).code)
    assert.equal("-x y\n", fs.read(world.dir .. "/shown"))
    local result = world:run({ "notify", "--test" })
    assert.equal(0, result.code, result.stderr)
    assert.matches("^no wrapix%-notifyd runs: shown by this command\n[%w]+: shown\n$", result.stdout)
  end)

  they("says why a test was not shown", function()
    sinks([[sinks = { function() return nil, "no bell here" end }]])
    local result = world:run({ "notify", "--test" })
    assert.equal(1, result.code)
    assert.matches("no bell here", result.stdout)
    assert.matches("notify.lua", result.stderr)
  end)

  they("wants a title and a known urgency", function()
    assert.equal(2, world:run({ "notify" }).code)
    assert.equal(2, world:run({ "notify", "T", "--urgency", "huge" }).code)
    assert.same({}, world:sessions())
  end)

  they("is a function of the library", function()
    listen()
    local file = world:write("say.lua", [[
      local wrapix = require("wrapix")
      print(wrapix.notify.send("plain"))
      print(wrapix.notify.send({ title = {} }))
      print(pcall(wrapix.notify.send, 7))]])
    local result = world:run({ file })
    assert.equal(0, result.code, result.stderr)
    assert.matches("^daemon\tnil\nnil\tnotify: title: a text expected\nfalse\tnotify.send: a text or a",
      result.stdout)
  end)
end)
