-- SPDX-License-Identifier: MIT
-- A sandbox that has the terminal: what there is to say about notifications is not
-- written over its picture, and not lost either.

local worlds = require("support.world")

describe("notifications of a sandbox at a terminal", function()
  local world
  before_each(function() world = worlds.new() end)
  after_each(function() world:close() end)

  -- The double runs commands on the host, where /run/wrapix is not.
  local SCRIPT = [[
    set -- %s/run/wrapix/sessions/*/run
    while [ ! -S "$1/notify.sock" ]; do sleep 0.01; done
    export WRAPIX_NOTIFY_SOCKET="$1/notify.sock"
    echo picture
    $(echo %s/cache/wrapix/guest/*/wrapix-notify) Title "the text"
    while [ ! -e %s/tried ]; do sleep 0.01; done
    sleep 0.2
    echo closed]]

  -- What the terminal showed until the command's last word, and after it.
  local function run(rules, words)
    world:write(world.env.XDG_CONFIG_HOME .. "/wrapix/notify.lua", rules)
    local all = words or {}
    table.move({ "test", "--", "sh", "-c",
      SCRIPT:format(world.dir, world.dir, world.dir) }, 1, 5, #all + 1, all)
    local terminal <close> = world:terminal(all)
    terminal:expect("closed")
    local status = terminal:wait()
    assert.equal(0, status, terminal.seen)
    local during, after = terminal.seen:match("^(.-)closed(.*)$")
    assert.matches("picture", during, 1, true)
    return during, after
  end

  local function tries(sink) return ("return { sinks = { %s } }"):format(sink) end
  local function failing()
    return ([[{ "command", argv = { "sh", "-c", "echo no-way >&2; : >%s/tried; exit 1" } }]])
      :format(world.dir)
  end

  it("tell of a sink that failed when the terminal is free again", function()
    local during, after = run(tries(failing()))
    assert.is_nil(during:match("picture.*wrapix:"), during)
    assert.matches("wrapix: warning: notify: command: sh: no-way", after, 1, true)
  end)

  it("keep the lines of the log sink, and what -v tells, until then", function()
    local during, after = run(tries(failing() .. [[, "log"]]), { "-v" })
    assert.is_nil(during:match("picture.*wrapix:"), during)
    assert.matches("Title: the text", after, 1, true)
  end)

  it("tell of rules that are broken when the terminal is free again", function()
    world:write("tried", "")
    local during, after = run("return { sinkz = {} }")
    assert.is_nil(during:find("sinkz", 1, true), during)
    assert.matches("unknown field 'sinkz'", after, 1, true)
  end)

  -- A profile whose sandboxes cannot have a socket: something lies in its place.
  local function mute()
    world:write("config/wrapix/profiles/mute.lua", ([[return { name = "mute", image = %q, hooks = {
      before_start = function(ctx)
        assert(io.open(("%s/run/wrapix/sessions/%%s/run/notify.sock"):format(ctx.session), "w")):close()
      end } }]]):format(worlds.image, world.dir))
  end

  it("tell once more, when the terminal is free again, that there are none", function()
    mute()
    local terminal <close> = world:terminal({ "mute", "--", "sh", "-c", "sleep 0.2; echo closed" })
    local status = terminal:wait()
    assert.equal(0, status)
    local during, after = terminal.seen:match("^(.-)closed(.*)$")
    assert.matches("wrapix: warning: notify: EADDRINUSE", during, 1, true)
    assert.matches("wrapix: warning: notify: EADDRINUSE", after, 1, true)
  end)

  it("tell it once where nothing can wipe it", function()
    mute()
    local result = world:run({ "mute", "--", "sleep", "0.1" })
    local _, count = result.stderr:gsub("notify: EADDRINUSE", "")
    assert.equal(1, count)
  end)
end)
