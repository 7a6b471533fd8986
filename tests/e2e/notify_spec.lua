-- SPDX-License-Identifier: MIT
-- Notifications out of real sandboxes: whoever runs inside, with a network or none, with
-- a daemon or none, and while one comes and goes.

local claude = require("support.claude")
local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local net = require("wrapix.net")
local servers = require("wrapix.notify.server")
local task = require("wrapix.task")

local SOCKET = e2e.runtime_dir .. "/notify.sock"

describe("a notification from a sandbox", function()
  local daemon, got

  -- What stands in for wrapix-notifyd.
  local function listen()
    assert(fs.ensure_dir(e2e.runtime_dir, tonumber("700", 8)))
    local own = servers.new(assert(net.listen_unix(SOCKET)), { from = true,
      on_message = function(message) got[#got + 1] = message end })
    task.detach(own.serve, own)
    daemon = own
  end

  local function hang_up()
    if not daemon then return end
    local own = daemon
    daemon = nil
    own:drain(0.5)
    own:close()
    e2e.wait_for("no connection", function() return own:connections() == 0 end)
    fs.unlink(SOCKET)
    task.sleep(0.01)
  end

  local function its(name, fn)
    it(name, function()
      got = {}
      local out = table.pack(pcall(fn))
      hang_up()
      if not out[1] then error(out[2], 0) end
      e2e.assert_clean()
    end)
  end

  local function wait_for(count)
    e2e.wait_for(count .. " messages", function() return #got >= count end)
  end

  its("says who speaks, and needs no network", function()
    listen()
    for i, mode in ipairs({ "none", "open" }) do
      local dir = e2e.dir("shop")
      local result = e2e.sh("WRAPIX_NOTIFY_VERBOSE=1 wrapix-notify 'Claude Code' \"$WRAPIX_SESSION_ID\" Ping",
        { dir = dir, args = { "-q", "--network", mode } })
      assert.equal(0, result.code, result.stderr)
      assert.matches("wrapix%-notify: sent to /run/wrapix/notify.sock", result.stderr)
      wait_for(i)
      assert.same({ "Claude Code", "Ping", dir }, { got[i].title, got[i].sound, got[i].from.workspace })
      assert.equal(got[i].message, got[i].from.session)
    end
  end)

  its("comes from a hook of an agent", function()
    listen()
    e2e.output([[echo '{"hook_event_name":"Stop","last_assistant_message":"All \"done\""}' |
      wrapix-notify --hook]])
    wait_for(1)
    assert.same({ 'All "done"', "Stop" }, { got[1].message, got[1].event })
  end)

  its("comes from the real Claude Code: its turn begins, and is over", function()
    claude.build()
    listen()
    local world <close> = claude.world()
    world.model:play({ { text = "All tests pass." } })
    assert.equal(0, world:headless("run the tests").code)
    wait_for(2)
    assert.same({ "UserPromptSubmit", "Stop" }, { got[1].event, got[2].event })
    assert.same({ "Claude Code", "All tests pass." }, { got[2].title, got[2].message })
    assert.equal(world.dir, got[2].from.workspace)
  end)

  its("fails nothing inside, whoever listens outside", function()
    assert.equal("0", e2e.output("wrapix-notify x; echo $?",
      { env = { XDG_CONFIG_HOME = e2e.dir("config") } }))
    assert.equal("0 ", e2e.output("echo $(WRAPIX_NOTIFY_SOCKET=/none wrapix-notify x 2>&1; echo $?) ''"))
  end)

  its("is shown by its launcher where there is no daemon, after the profile's hooks", function()
    local home = e2e.dir("home")
    e2e.file(assert(fs.ensure_dir(home .. "/wrapix")) and home .. "/wrapix/notify.lua",
      ([[return { focus = false, sinks = { function(message)
        local file <close> = assert(io.open(%q, "a"))
        file:write(message.title, " of ", message.from.profile, "\n")
        return true
      end } }]]):format(home .. "/shown"))
    local profile = e2e.file(home .. "/loud.lua", ([[return { name = "loud", image = %q,
      hooks = { on_notify = function(message, ctx)
        if message.title == "secret" then return false end
        message.title = message.title .. "!"
      end } }]]):format(e2e.image))
    e2e.output("wrapix-notify one; wrapix-notify secret; wrapix-notify two",
      { image = false, args = { "-q", profile }, env = { XDG_CONFIG_HOME = home } })
    assert.equal("one! of loud\ntwo! of loud\n", fs.read(home .. "/shown"))
  end)

  its("finds a daemon that was killed and started again", function()
    listen()
    local running <close> = e2e.start({ "sh", "-c",
      "while read -r word; do wrapix-notify \"$word\"; echo \"$word\"; done" }, { args = { "-q" }, stdin = "pipe" })
    local function tell(word)
      assert(running.stdin:write(word .. "\n"))
      assert.equal(word, running.stdout:read_line())
    end
    tell("first")
    wait_for(1)
    hang_up()
    tell("lost") -- nobody but the launcher, which has no desktop here
    listen()
    tell("again") -- the client waits for nothing: "lost" may come this far as well
    e2e.wait_for("the word", function() return got[#got].title == "again" end)
    running.stdin:close()
    assert.equal(0, running:wait().code)
  end)

  its("comes from a detached sandbox", function()
    listen()
    local result = e2e.sh("wrapix-notify late; wrapix-notify last",
      { args = { "-q", "-d", "--name", "talker" } })
    assert.equal(0, result.code, result.stderr)
    wait_for(2)
    assert.same({ "late", "last", "talker" }, { got[1].title, got[2].title, got[2].from.name })
    e2e.wait_for("its end", function() return #(fs.list(e2e.sessions) or {}) == 0 end)
  end)

  its("reaches nobody else: what is inside can neither replace the socket nor see the screen", function()
    local answer = e2e.output([[
      [ -S /run/wrapix/notify.sock ] && echo socket
      rm -f /run/wrapix/notify.sock 2>/dev/null || echo refused
      ls /run/wrapix/screen.json 2>/dev/null || echo none]])
    assert.equal("socket\nrefused\nnone", answer)
  end)

  its("leaves nothing of its launcher's terminal behind, not even of a killed one", function()
    local function screens()
      local list = {}
      for _, id in ipairs(fs.list(e2e.sessions) or {}) do
        local path = ("%s/%s/screen.json"):format(e2e.sessions, id)
        if fs.exists(path) then list[#list + 1] = path end
      end
      return list
    end
    local running <close> = e2e.start({ "sh", "-c", "echo up; exec sleep 1000" }, { args = { "-q" } })
    assert.equal("up", running.stdout:read_line())
    e2e.wait_for("a screen", function() return #screens() == 1 end)
    e2e.kill(running:pid(), "KILL")
    running:wait()
    e2e.output("true") -- the next start takes away what the dead one left
    e2e.wait_for("no screen", function() return #screens() == 0 end)
  end)
end)
