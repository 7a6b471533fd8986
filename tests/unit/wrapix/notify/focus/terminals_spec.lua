-- SPDX-License-Identifier: MIT
-- The detectors of terminals and of what runs in them, by answers as these give them.

local json = require("wrapix.json")
local world = require("unit.wrapix.notify.focus.world")

local function detector(name) return require("wrapix.notify.focus." .. name) end

-- One frame with two tabs; the second window of the first tab is asked about.
local function kitty_answer(frame, tab, window)
  return json.encode({ { id = 1, is_focused = frame, is_active = frame, tabs = {
    { id = 1, is_focused = tab, is_active = tab, windows = {
      { id = 1, is_focused = false, is_self = false, pid = 11 },
      { id = 2, is_focused = window, is_active = window, pid = 12, env = { SECRET = "x" } } } },
    { id = 2, is_focused = not tab, windows = { { id = 3, is_focused = false } } },
  } } })
end

describe("kitty", function()
  local kitty = detector("kitty")

  it("is asked over its socket", function()
    local run, asked = world.runner({ kitty_answer(true, true, true) })
    local screen = { kitty = { window = 2, listen_on = "unix:/tmp/k" } }
    assert.equal("focused", (kitty.ask(screen, run)))
    assert.same({ "kitty", "@", "--to", "unix:/tmp/k", "ls" }, asked[1].argv)
  end)

  it("tells window, tab and part apart", function()
    for _, case in ipairs({ { false, true, true }, { true, false, true }, { true, true, false } }) do
      assert.equal("away", (kitty.parse(kitty_answer(table.unpack(case)), 2)))
    end
    assert.equal("unknown", (kitty.parse(kitty_answer(true, true, true), 9)))
    assert.equal("unknown", (kitty.parse('[{"tabs":[{"windows":[{"id":2}]}]}]', 2)))
  end)

  it("cannot be asked without listen_on", function()
    local run, asked = world.runner({})
    assert.equal("unknown", (kitty.ask({ kitty = { window = 2 } }, run)))
    assert.equal(0, #asked)
  end)
end)

describe("WezTerm", function()
  local wezterm = detector("wezterm")
  local TEXT = [[[{"username":"wez","hostname":"foo","pid":1098536,
    "connection_elapsed":{"secs":226,"nanos":502667166},"idle_time":{"secs":0,"nanos":502667166},
    "workspace":"default","focused_pane_id":4}] ]]

  it("knows the pane, and leaves the window to others", function()
    local answer, _, more = wezterm.parse(TEXT, 4)
    assert.same({ "focused", true }, { answer, more.needs_window })
    assert.equal("away", (wezterm.parse(TEXT, 5)))
    assert.equal("unknown", (wezterm.parse("[]", 4)))
    assert.equal("unknown", (wezterm.parse('[{"focused_pane_id":null}]', 4)))
  end)

  it("is asked at its own socket", function()
    local run, asked = world.runner({ TEXT })
    wezterm.ask({ wezterm = { pane = 4, socket = "/run/w" } }, run)
    assert.equal("/run/w", asked[1].opts.env.WEZTERM_UNIX_SOCKET)
  end)
end)

describe("zellij", function()
  local zellij = detector("zellij")
  local TEXT = "CLIENT_ID ZELLIJ_PANE_ID RUNNING_COMMAND\n1         plugin_2       zellij:about\n"
    .. "2         terminal_3     vim /tmp/terminal_4\n"

  it("knows the pane of each client", function()
    local answer, _, more = zellij.parse(TEXT, 3)
    assert.same({ "focused", true }, { answer, more.assumed })
    assert.equal("away", (zellij.parse(TEXT, 4)))
    assert.equal("away", (zellij.parse(TEXT, 2)), "a plugin's number is another")
    assert.equal("away", (zellij.parse("CLIENT_ID ZELLIJ_PANE_ID RUNNING_COMMAND\n", 3)))
  end)

  it("is asked about its own session", function()
    local run, asked = world.runner({ TEXT })
    zellij.ask({ zellij = { session = "shy fox", pane = 3 } }, run)
    assert.same({ "zellij", "--session", "shy fox", "action", "list-clients" }, asked[1].argv)
  end)
end)

describe("GNU screen", function()
  local gnu = detector("gnu_screen")
  local SCREEN = { gnu_screen = { session = "12.a", window = 1 } }

  local function ask(state, number)
    local list = ("There is a screen on:\r\n\t12.a\t(11/22/26 02:14:01)\t(%s)\r\n1 Socket in /s.\r\n"):format(state)
    return (gnu.ask(SCREEN, (world.runner({ { code = 1, stdout = list }, number }))))
  end

  it("knows the window its display shows", function()
    assert.equal("away", ask("Detached", "1 (sh)"))
    assert.equal("focused", ask("Attached", "1 (sh)"))
    assert.equal("away", ask("Attached", "2 (1 (x)"))
    assert.equal("focused", ask("Multi, attached", "1 (sh)"))
    assert.equal("unknown", ask("Multi, attached", "2 (sh)"))
    assert.equal("unknown", ask("Dead ???", "1 (sh)"))
  end)

  it("does not take another session for its own", function()
    assert.is_nil(gnu.parse_list("\t112.a\t(Attached)\n\t12.ab\t(Attached)\n", "12.a"))
  end)
end)

describe("a terminal's answer", function()
  local SCREEN = {
    kitty = { window = 2, listen_on = "unix:/k" }, wezterm = { pane = 1 },
    zellij = { session = "s", pane = 1 }, gnu_screen = { session = "1.s", window = 0 },
  }

  it("is never read for more than it is", function()
    for _, name in ipairs({ "kitty", "wezterm", "zellij", "gnu_screen" }) do
      for _, text in ipairs(world.GARBAGE) do
        local answer = detector(name).ask(SCREEN, (world.runner({ text, text })))
        assert.equal("unknown", answer, name .. ": " .. text)
      end
      assert.equal("unknown", (detector(name).ask(SCREEN, (world.runner({})))), name)
      local slow = { signal = 15, timed_out = true, stdout = "" }
      assert.equal("unknown", (detector(name).ask(SCREEN, (world.runner({ slow })))), name)
    end
  end)
end)
