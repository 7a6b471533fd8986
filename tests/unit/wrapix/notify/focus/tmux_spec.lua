-- SPDX-License-Identifier: MIT
local tmux = require("wrapix.notify.focus.tmux")
local world = require("unit.wrapix.notify.focus.world")

local SCREEN = { tty = "/dev/pts/1", tmux = { socket = "/tmp/s", pid = 100, pane = "%3" } }

local function judge(clients, head)
  local _, reader = world.new()
  local answer = tmux.parse((head or "pane 100 %3 /dev/pts/1 0") .. "\n" .. clients)
  if not answer then return nil end
  return tmux.judge(SCREEN, answer, reader)
end

describe("the detector of tmux", function()
  it("asks its own server about its own pane", function()
    local run, asked = world.runner({ "pane 100 %3 /dev/pts/1 0\n" })
    local answer, detail = tmux.ask(SCREEN, run)
    assert.same({ "away", "no client is attached" }, { answer, detail })
    local argv = asked[1].argv
    assert.same({ "tmux", "-S", "/tmp/s", "display-message", "-p", "-t", "%3" },
      table.move(argv, 1, 7, 1, {}))
    assert.is_true(asked[1].opts.timeout <= 0.5)
    assert.is_false(asked[1].opts.env.TMUX)
  end)

  it("holds that a client shows the pane", function()
    local answer, _, more = judge("client 9 %3 attached,focused,UTF-8\n")
    assert.same({ "focused", { 9 }, true }, { answer, more.viewers, more.assumed })
    answer, _, more = judge("client 9 %3 attached,focused\n", "pane 100 %3 /dev/pts/1 on")
    assert.same({ "focused", false }, { answer, more.assumed })
  end)

  it("sees when no client does", function()
    assert.equal("away", (judge("")))
    assert.equal("away", (judge("client 9 %4 attached,focused,UTF-8\n")))
    assert.equal("away", (judge("client 9 %3 attached,UTF-8\n")))
    assert.equal("focused", (judge("client 8 %4 attached,focused\nclient 9 %3 attached,focused\n")))
    assert.equal("away", (judge("client 8 %4 attached,focused\nclient 9 %3 attached\n")))
  end)

  it("does not believe a client over ssh that tells nothing of its focus", function()
    local _, reader = world.new(nil, { [20] = { name = "sshd" } })
    local function ask(head)
      return (tmux.judge(SCREEN, tmux.parse(head .. "\nclient 40 %3 attached,focused\n"), reader))
    end
    assert.equal("unknown", ask("pane 100 %3 /dev/pts/1 0"))
    assert.equal("focused", ask("pane 100 %3 /dev/pts/1 1"))
  end)

  it("does not know what a program that speaks for tmux shows", function()
    assert.equal("unknown", (judge("client 9 %3 attached,focused,control-mode\n")))
  end)

  it("notices that the pane is another one", function()
    local client = "client 9 %3 attached,focused\n"
    assert.equal("unknown", (judge(client, "pane 101 %3 /dev/pts/1 0")))
    assert.equal("unknown", (judge(client, "pane 100 %3 /dev/pts/2 0")))
  end)

  it("reads nothing into what is no answer", function()
    for _, text in ipairs(world.GARBAGE) do
      assert.equal("unknown", (tmux.ask(SCREEN, (world.runner({ text })))), text)
    end
    local many = "pane 100 %3 /dev/pts/1 0\n" .. ("client 9 %4 focused\n"):rep(5000)
    assert.equal(64, #tmux.parse(many).clients)
    local run = world.runner({ { code = 1, stdout = "", stderr = "can't find pane: %3\27[m\n" } })
    local answer, detail = tmux.ask(SCREEN, run)
    assert.same({ "unknown", "tmux: can't find pane: %3?[m" }, { answer, detail })
  end)
end)
