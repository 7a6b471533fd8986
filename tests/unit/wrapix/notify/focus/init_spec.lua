-- SPDX-License-Identifier: MIT
local focus = require("wrapix.notify.focus")
local sys = require("wrapix.sys")
local task = require("wrapix.task")
local world = require("unit.wrapix.notify.focus.world")

local function never() return false end

-- Detectors that answer as given, one a name; all others do not apply.
local function detectors(given)
  return setmetatable({}, { __index = function(_, name)
    local one = given[name]
    if not one then return { name = name, level = "window", applies = never } end
    return {
      name = name, level = one.level or (name == "tmux" or name == "zellij") and "pane" or "window",
      applies = one.applies or function() return true end,
      ask = one.ask or function() return one[1], one.detail, one.more end,
    }
  end })
end

local function ask(given, opts)
  local screen, reader = world.new()
  local all = { detectors = detectors(given), processes = reader, run = function() end, env = {} }
  for name, value in pairs(opts or {}) do all[name] = value end
  local answers = focus.ask(screen, all)
  local by_name = {}
  for _, one in ipairs(answers) do by_name[one.name] = one.answer end
  return by_name, (focus.decide(answers)), answers
end

describe("focus.decide", function()
  it("holds back only where somebody looks and nobody says otherwise", function()
    local function decide(...)
      local answers = {}
      for i, answer in ipairs({ ... }) do answers[i] = { name = "d" .. i, answer = answer } end
      return (focus.decide(answers))
    end
    assert.equal("show", decide())
    assert.equal("show", decide("unknown", "unknown"))
    assert.equal("show", decide("away"))
    assert.equal("show", decide("focused", "away"))
    assert.equal("show", decide("away", "focused"))
    assert.equal("show", decide("unknown", "away"))
    assert.equal("hold", decide("focused"))
    assert.equal("hold", decide("unknown", "focused"))
    assert.equal("hold", decide("focused", "focused"))
  end)
end)

describe("focus.ask", function()
  it("gives each detector's name, level and answer", function()
    local _, _, answers = ask({ sway = { "focused", detail = "d" } })
    assert.same({ { name = "sway", level = "window", answer = "focused", detail = "d" } }, answers)
  end)

  it("takes what breaks or babbles for unknown", function()
    local by_name, decision = ask({
      sway = { ask = function() error("broken\nby far") end }, niri = { "FOCUSED" }, x11 = { nil },
      i3 = { ask = function() return true end },
    })
    assert.same({ sway = "unknown", niri = "unknown", x11 = "unknown", i3 = "unknown" }, by_name)
    assert.equal("show", decision)
  end)

  it("asks at the same time, for a limited one", function()
    local function slow() task.sleep(30) return "focused" end
    local before = sys.clock()
    local by_name, decision = ask({ sway = { ask = slow }, niri = { ask = slow }, x11 = { "away" } },
      { seconds = 0.1 })
    assert.same({ sway = "unknown", niri = "unknown", x11 = "away" }, by_name)
    assert.equal("show", decision)
    assert.is_true(sys.clock() - before < 5)
  end)

  it("has no time left for windows when the pane took it all", function()
    local _, decision, answers = ask({ tmux = { ask = function() task.sleep(30) end },
      sway = { ask = function() task.sleep(30) end } }, { seconds = 0.1 })
    assert.equal("show", decision)
    assert.equal(2, #answers)
  end)

  it("looks for the windows of those who show the pane", function()
    local asked = {}
    local screen, reader = world.new()
    reader.environ = function(pid) return { SWAYSOCK = "/client/" .. pid, TMUX = "/x,1,0", TMUX_PANE = "%0" } end
    screen.sway = "/stale"
    local answers = focus.ask(screen, {
      processes = reader, run = function() end, env = {}, detectors = detectors({
        tmux = { "focused", more = { viewers = { 40, 30 } } },
        sway = { ask = function(viewer)
          asked[#asked + 1] = viewer.sway
          assert.is_nil(viewer.tmux)
          return viewer.sway == "/client/30" and "focused" or "away"
        end },
      }) })
    assert.same({ "/client/40", "/client/30" }, asked)
    assert.same({ "tmux", "sway" }, { answers[1].name, answers[2].name })
    assert.equal("focused", answers[2].answer, "one who looks is enough")
  end)

  it("does not believe the variables of a server's start", function()
    local asked
    local screen, reader = world.new()
    screen.window_id, screen.kitty = 5, { window = 1 }
    focus.ask(screen, { processes = reader, run = function() end, env = {}, detectors = detectors({
      zellij = { "focused" },
      x11 = { ask = function(viewer)
        asked = viewer
        return "unknown"
      end } }) })
    assert.same({ nil, nil }, { asked.window_id, asked.kitty })
  end)

  it("asks about nothing where there is no terminal", function()
    local answers = focus.ask({ tmux = { socket = "/s", pid = 1, pane = "%1" } },
      { detectors = detectors({ tmux = { "focused" } }), env = {} })
    assert.equal("show", (focus.decide(answers)))
    assert.equal("it has no terminal", answers[1].detail)
  end)

  it("bears any screen", function()
    for _, screen in ipairs({ {}, { at_terminal = true }, { at_terminal = true, chain = "x", tmux = 7 },
      { at_terminal = true, tmux = { socket = "-x", pid = {}, pane = "%1;" }, sway = 5 } }) do
      assert.equal("show", (focus.decide(focus.ask(screen, { run = function() end, env = {} }))))
    end
  end)
end)

describe("an assumption", function()
  local PANE = { "focused", more = { assumed = true } }

  it("counts where nobody could know more", function()
    assert.equal("hold", (select(2, ask({ zellij = PANE }))))
    local bare = { "unknown", more = { no_desktop = true } }
    assert.equal("hold", (select(2, ask({ zellij = PANE, x11 = bare }))))
  end)

  it("does not count where the desktop shrugs", function()
    local by_name, decision, answers = ask({ zellij = PANE, gnome = { "unknown" } })
    assert.same({ zellij = "unknown", gnome = "unknown" }, by_name)
    assert.equal("show", decision)
    assert.truthy(answers[1].detail:find("nobody knows", 1, true))
  end)

  it("does not count where the client cannot be looked into", function()
    local pane = { "focused", more = { assumed = true, viewers = { 40 } } }
    local by_name, decision = ask({ tmux = pane })
    assert.same({ tmux = "unknown", client = "unknown" }, by_name)
    assert.equal("show", decision)
    pane = { "focused", more = { assumed = false, viewers = { 40 } } }
    assert.equal("hold", (select(2, ask({ tmux = pane }))))
  end)

  it("counts where the window has the focus", function()
    assert.equal("hold", (select(2, ask({ zellij = PANE, gnome = { "unknown" }, x11 = { "focused" } }))))
  end)

  it("does not count where only the terminal has: another tab may be in view", function()
    local front = { "unknown", more = { in_front = true } }
    assert.equal("show", (select(2, ask({ zellij = PANE, sway = front }))))
  end)

  it("of a terminal's pane counts when the terminal is in front", function()
    local front = { "unknown", more = { in_front = true } }
    local pane = { "focused", level = "terminal", more = { needs_window = true } }
    assert.equal("hold", (select(2, ask({ wezterm = pane, sway = front }))))
    assert.equal("hold", (select(2, ask({ wezterm = pane, sway = front, zellij = PANE }))))
    assert.equal("show", (select(2, ask({ wezterm = pane, sway = { "unknown" } }))))
    assert.equal("show", (select(2, ask({ wezterm = pane, zellij = PANE }))))
    assert.equal("show", (select(2, ask({ wezterm = pane }))))
  end)
end)
