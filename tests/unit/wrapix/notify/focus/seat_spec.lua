-- SPDX-License-Identifier: MIT
local seat = require("wrapix.notify.focus.seat")
local world = require("unit.wrapix.notify.focus.world")

local function judge(windows, children, changes)
  local screen, reader = world.new(children, changes)
  return (seat.judge(screen, windows, reader))
end

describe("seat.judge", function()
  it("finds the window whose process is an ancestor", function()
    assert.equal("focused", judge({ { pid = 20, focused = true }, { pid = 9, focused = false } }))
    assert.equal("away", judge({ { pid = 20, focused = false }, { pid = 9, focused = true } }))
    assert.equal("away", judge({ { pid = 20, focused = false } }), "nothing has the focus")
  end)

  it("says nothing of what has no window there", function()
    assert.equal("unknown", judge({ { pid = 9, focused = true } }))
    assert.equal("unknown", judge({}))
    assert.equal("unknown", judge({ { focused = true } }))
  end)

  it("does not take another process for the ancestor that had its number", function()
    assert.equal("unknown", judge({ { pid = 20, focused = true } }, nil, { [20] = { start = 99 } }))
  end)

  it("does not guess between windows of one process", function()
    local windows = { { pid = 20, focused = true }, { pid = 20, focused = false } }
    local screen, reader = world.new()
    local answer, _, more = seat.judge(screen, windows, reader)
    assert.equal("unknown", answer)
    assert.is_true(more.in_front)
    windows[1].focused = false
    assert.equal("away", judge(windows), "none of them")
  end)

  it("does not guess between tabs", function()
    local tab = { pid = 31, name = "bash", ppid = 20, tty = 8, start = 5 }
    assert.equal("unknown", judge({ { pid = 20, focused = true } }, { tab }))
    local helper = { pid = 31, name = "helper", ppid = 20, tty = 0, start = 5 }
    assert.equal("focused", judge({ { pid = 20, focused = true } }, { helper }))
  end)

  it("does not take an editor with a terminal in it for a terminal", function()
    assert.equal("unknown", judge({ { pid = 20, focused = true } }, nil, { [30] = { tty = 0 } }))
  end)

  it("takes the nearest of several ancestors", function()
    local windows = { { pid = 20, focused = true }, { pid = 30, focused = false } }
    assert.equal("away", judge(windows))
  end)
end)

describe("seat.judge_pid", function()
  it("knows the own terminal and others", function()
    local screen, reader = world.new()
    assert.equal("focused", (seat.judge_pid(screen, 20, reader)))
    assert.equal("away", (seat.judge_pid(screen, 21, reader)))
  end)

  it("knows nothing over ssh, nor without processes", function()
    local screen, reader = world.new(nil, { [20] = { name = "sshd" } })
    assert.equal("unknown", (seat.judge_pid(screen, 21, reader)))
    assert.equal("unknown", (seat.judge_pid({}, 21, reader)))
  end)
end)

describe("seat.of_terminal", function()
  it("takes the first process above the terminal's own", function()
    local screen, reader = world.new()
    assert.equal("focused", (seat.of_terminal(screen, reader)))
    local tab = { pid = 31, name = "bash", ppid = 20, tty = 8, start = 5 }
    assert.equal("unknown", (seat.of_terminal(world.new({ tab }))))
    local answer, _, more = seat.of_terminal({}, reader)
    assert.equal("unknown", answer)
    assert.is_true(more.in_front)
  end)
end)
