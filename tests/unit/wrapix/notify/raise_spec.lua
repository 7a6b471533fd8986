-- SPDX-License-Identifier: MIT
local raise = require("wrapix.notify.raise")

local function lines(screen)
  local list = {}
  for i, argv in ipairs((raise.commands(screen))) do list[i] = table.concat(argv, " ") end
  return list
end

describe("notify.raise", function()
  local chain = { { pid = 30, start = 3, name = "sh" }, { pid = 20, start = 2, name = "foot" },
    { pid = 1, start = 1, name = "init" } }

  it("knows what each desktop and terminal is told", function()
    assert.same({ "swaymsg -s /run/sway.sock [pid=30] focus", "swaymsg -s /run/sway.sock [pid=20] focus" },
      lines({ sway = "/run/sway.sock", chain = chain }))
    assert.same({ "hyprctl dispatch focuswindow pid:30", "hyprctl dispatch focuswindow pid:20" },
      lines({ hyprland = "/run/hypr/abc", chain = chain }))
    assert.same({ "xdotool windowactivate 77" }, lines({ window_id = 77, display = ":0" }))
    assert.same({}, lines({ window_id = 77, display = ":0", wayland = "wayland-1" }))
    assert.same({ "tmux -S /tmp/t select-window -t %3", "tmux -S /tmp/t select-pane -t %3" },
      lines({ tmux = { socket = "/tmp/t", pid = 5, pane = "%3" } }))
    assert.same({ "kitten @ --to unix:/k focus-window --match id:4" },
      lines({ kitty = { window = 4, listen_on = "unix:/k" } }))
    assert.same({}, lines({}))
  end)

  it("takes no word from a screen that is none", function()
    assert.same({}, lines({ window_id = "-x", display = ":0", sway = "--help", chain = { { pid = "; id" } },
      tmux = { socket = "/t", pid = 1, pane = "--help" }, wezterm = { pane = "$(id)" } }))
  end)

  it("goes on when one fails, and takes its time from nobody", function()
    local calls = {}
    raise.raise({ tmux = { socket = "/tmp/t", pid = 5, pane = "%3" }, display = ":1" }, function(argv, opts)
      calls[#calls + 1] = argv[4]
      assert.is_true(opts.timeout <= 2)
      assert.equal(":1", opts.env.DISPLAY)
      return nil, "ENOENT"
    end)
    assert.same({ "select-window", "select-pane" }, calls)
  end)
end)
