-- SPDX-License-Identifier: MIT
-- Whether somebody looks, told by real tmux, screen, sway, i3 and X11. What cannot be
-- started here answers from records in tests/unit/wrapix/notify/focus_spec.lua.

local desks = require("support.desk")
local fs = require("wrapix.fs")
local task = require("wrapix.task")
local worlds = require("support.world")

local wait_for = desks.wait_for

describe("tmux", function()
  it("holds back where a client shows the pane, and only there", function()
    local desk <close> = desks.new()
    local server = desk:tmux("one")
    assert.equal("show", desk:expect(server.screen, "tmux", "away"), "nobody is attached")
    local client = server:attach("work")
    assert.equal("hold", desk:expect(server.screen, "tmux", "focused"))
    server:run({ "new-window", "-t", "work", "sleep 100" })
    desk:expect(server.screen, "tmux", "away")
    server:run({ "select-window", "-t", "work:0" })
    desk:expect(server.screen, "tmux", "focused")
    server:run({ "split-window", "-t", "work:0", "sleep 100" })
    desk:expect(server.screen, "tmux", "away")
    server:run({ "detach-client", "-s", "work" })
    wait_for("the client's end", function() return client._process:exited() end)
    desk:expect(server.screen, "tmux", "away")
  end)

  it("asks about its own pane, whichever client was busy last", function()
    local desk <close> = desks.new()
    local server = desk:tmux("one")
    server:run({ "new-session", "-d", "-s", "other", "sleep 100" })
    server:attach("work")
    local busy = server:attach("other")
    busy:type("x")
    desk:expect(server.screen, "tmux", "focused")
    server:run({ "detach-client", "-s", "work" })
    desk:expect(server.screen, "tmux", "away")
    -- The same pane, seen from the other session.
    server:run({ "switch-client", "-t", "work" })
    desk:expect(server.screen, "tmux", "focused")
  end)

  it("asks its own server of two", function()
    local desk <close> = desks.new()
    local one, two = desk:tmux("one"), desk:tmux("two")
    assert.equal(one.screen.tmux.pane, two.screen.tmux.pane)
    one:attach("work")
    desk:expect(one.screen, "tmux", "focused")
    desk:expect(two.screen, "tmux", "away")
  end)

  it("believes what a terminal says of its focus", function()
    local desk <close> = desks.new()
    local server = desk:tmux("one")
    server:run({ "set", "-s", "focus-events", "on" })
    local client = server:attach("work")
    client:type("\27[O")
    assert.equal("show", desk:expect(server.screen, "tmux", "away"))
    client:type("\27[I")
    assert.equal("hold", desk:expect(server.screen, "tmux", "focused"))
  end)

  it("is not taken for another that has its socket and its pane's number", function()
    local desk <close> = desks.new()
    local first = desk:tmux("one")
    first:run({ "kill-server" })
    assert.equal("show", desk:expect(first.screen, "tmux", "unknown"), "there is none")
    local second = desk:tmux("one")
    second:attach("work")
    assert.equal(first.screen.tmux.pane, second.screen.tmux.pane)
    assert.equal("show", desk:expect(first.screen, "tmux", "unknown"))
  end)

  it("is unknown to what was started from its pane in another terminal", function()
    local desk <close> = desks.new()
    local server = desk:tmux("one")
    server:attach("work")
    local words, dir = desk:probe_words()
    desk.env.TMUX = ("%s,%d,0"):format(server.socket, server.screen.tmux.pid)
    desk.env.TMUX_PANE = server.screen.tmux.pane
    desk:terminal(words)
    desk:expect(desk:screen(dir), "tmux", "unknown")
  end)

  it("is not asked for what has no terminal", function()
    local desk <close> = desks.new()
    local server = desk:tmux("one")
    server:attach("work")
    local words, dir = desk:probe_words()
    desk:start(words, { TMUX = server.socket .. ",1,0", TMUX_PANE = "%0" })
    local answer, decision, all = desk:ask(desk:screen(dir), "tmux")
    assert.same({ nil, "show", 1, "it has no terminal" }, { answer, decision, #all, all[1].detail })
  end)
end)

describe("a sandbox in tmux", function()
  it("shows what is said only while nobody looks", function()
    local desk <close> = desks.new()
    local world = worlds.new()
    world:write("config/wrapix/notify.lua", ([[return { join = 0, sinks = { function(message)
      local file <close> = assert(io.open(%q, "a"))
      file:write(message.title, "\n")
    end } }]]):format(world.dir .. "/shown"))
    local script = ([[
      set -- %s/run/wrapix/sessions/*/run
      while [ ! -S "$1/notify.sock" ]; do sleep 0.01; done
      export WRAPIX_NOTIFY_SOCKET="$1/notify.sock"
      for i in 1 2 3; do
        while [ ! -e %s/title$i ]; do sleep 0.01; done
        %s/cache/wrapix/guest/*/wrapix-notify "$(cat %s/title$i)" text
      done]]):format(world.dir, world.dir, world.dir, world.dir)
    for name, value in pairs(world.env) do desk.env[name] = value end
    local server = desk:tmux("one")
    server:run({ "new-window", "-t", "work:5", "-c", world.workspace, worlds.wrapix, "test", "--",
      "sh", "-c", script })
    local said = 0
    local function history()
      return fs.read(world.dir .. "/state/wrapix/notify.jsonl") or ""
    end
    local function say(title)
      said = said + 1
      world:write("title" .. said, title)
      wait_for(title, function() return history():find('"' .. title .. '"', 1, true) end)
    end
    say("nobody attached")
    server:attach("work")
    say("in view")
    server:run({ "select-window", "-t", "work:0" })
    say("other window")
    wait_for("the end", function() return #world:sessions() == 0 end)
    local shown = fs.read(world.dir .. "/shown")
    world:close()
    assert.equal("nobody attached\nother window\n", shown)
  end)
end)

describe("GNU screen", function()
  it("is asked for the window its display shows", function()
    local desk <close> = desks.new()
    local words, dir = desk:probe_words()
    desk:run(table.move(words, 1, #words, 4, { "screen", "-dmS", "work" }))
    local screen = desk:screen(dir)
    local session = screen.gnu_screen.session
    desk:expect(screen, "gnu_screen", "away")
    desk:terminal({ "screen", "-r", session })
    assert.equal("hold", desk:expect(screen, "gnu_screen", "focused"))
    desk:run({ "screen", "-S", session, "-X", "screen", "sleep", "100" })
    assert.equal("show", desk:expect(screen, "gnu_screen", "away"))
    desk:run({ "screen", "-S", session, "-X", "quit" })
    desk:expect(screen, "gnu_screen", "unknown")
  end)
end)

describe("sway", function()
  it("tells which of two terminals has the focus, also behind tmux", function()
    local desk <close> = desks.new()
    local server = desk:tmux("one")
    local line, dir = desk:probe_line()
    desk:sway({
      "foot --app-id=alone sh -c '" .. line .. "; true'",
      "foot --app-id=tmux tmux -S " .. server.socket .. " attach -t work",
    })
    local alone = desk:screen(dir)
    local function focus_on(name)
      wait_for("the window " .. name, function()
        return desk:run({ "swaymsg", "-t", "get_tree" }, { SWAYSOCK = alone.sway })
          :find(('"app_id": "%s"'):format(name), 1, true)
      end)
      desk:run({ "swaymsg", ("[app_id=%s] focus"):format(name) }, { SWAYSOCK = alone.sway })
    end
    focus_on("tmux")
    assert.equal("show", desk:expect(alone, "sway", "away"))
    assert.equal("hold", desk:expect(server.screen, "sway", "focused"))
    focus_on("alone")
    assert.equal("hold", desk:expect(alone, "sway", "focused"))
    assert.equal("show", desk:expect(server.screen, "sway", "away"))
    desk:expect(server.screen, "tmux", "focused")
  end)

  it("does not guess which of the windows of one process it is", function()
    local desk <close> = desks.new()
    local first, first_dir = desk:probe_line()
    local second, second_dir = desk:probe_line()
    local socket = desk.dir .. "/foot.sock"
    local client = "footclient --server-socket=" .. socket .. " --app-id="
    desk:sway({ "foot --server=" .. socket,
      ("sh -c 'while ! [ -S %s ]; do sleep 0.05; done; %sone %s & exec %stwo %s'"):format(
        socket, client, first, client, second) })
    local one, two = desk:screen(first_dir), desk:screen(second_dir)
    for _, screen in ipairs({ one, two }) do
      local decision = desk:expect(screen, "sway", "unknown")
      assert.equal("show", decision)
    end
  end)
end)

describe("i3 and X11", function()
  it("tell which of two terminals has the focus", function()
    local desk <close> = desks.new()
    local display = desk:xvfb()
    local first, first_dir = desk:probe_line()
    local second, second_dir = desk:probe_line()
    desk:i3(display, {
      "xterm -name one -e sh -c '" .. first .. "; true'",
      "xterm -name two -e env -u WINDOWID sh -c '" .. second .. "; true'",
    })
    local one, two = desk:screen(first_dir), desk:screen(second_dir)
    local function i3_msg(words)
      desk:run({ "i3-msg", "-s", one.i3, words })
    end
    i3_msg("[instance=one] focus")
    assert.equal("hold", desk:expect(one, "i3", "focused"))
    desk:expect(one, "x11", "focused")
    assert.equal("show", desk:expect(two, "x11", "away"))
    i3_msg("[instance=two] focus")
    assert.equal("show", desk:expect(one, "i3", "away"))
    desk:expect(one, "x11", "away")
    assert.equal("hold", desk:expect(two, "x11", "focused"))
    i3_msg("workspace 2")
    desk:expect(two, "x11", "away")
  end)

  it("know nothing where there is no window manager", function()
    local desk <close> = desks.new()
    local display = desk:xvfb()
    local line, dir = desk:probe_line()
    desk:start({ "xterm", "-e", "sh", "-c", line .. "; true" }, { DISPLAY = display })
    assert.equal("show", desk:expect(desk:screen(dir), "x11", "unknown"))
  end)
end)

describe("a detector that hangs", function()
  it("is unknown after a second, and the others are heard", function()
    local desk <close> = desks.new()
    local server = desk:tmux("one")
    server:attach("work")
    local slow = {
      name = "slow", level = "window", applies = function() return true end,
      ask = function()
        task.sleep(20)
        return "focused"
      end,
    }
    local answers = require("wrapix.notify.focus").ask(server.screen,
      { seconds = 0.5, detectors = { x11 = slow } })
    local names = {}
    for _, one in ipairs(answers) do names[one.name] = one.detail end
    assert.equal("gave no answer in time", names.slow)
    assert.truthy(names.tmux)
  end)
end)
