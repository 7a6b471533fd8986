-- SPDX-License-Identifier: MIT
local double = require("unit.wrapix.cli.double")

local function try(over, ...)
  local d = double.new(over)
  local status, out, err = double.run(d, "notifyd", ...)
  return status, out, err, d
end

local RECORD = {
  time = 0, name = "shop-1\27", title = "Stop", message = "done\27[2J", decision = "held", count = 3,
  why = "the person is looking at it",
  levels = { { name = "tmux", answer = "focused", detail = "pane %1" } },
  sinks = { { name = "desktop", ok = true, detail = "notify_send" }, { name = "ntfy", ok = false,
    detail = "curl: no" } },
}

describe("notifyd", function()
  it("runs by itself, and says when another one runs", function()
    for _, words in ipairs({ {}, { "run" }, { "-v" } }) do
      local status, out, _, d = try(nil, table.unpack(words))
      assert.equal(0, status)
      assert.equal("listening\n", out)
      assert.equal("/run", d.served.dirs.runtime)
    end
    local status, _, err = try({ running = 17 })
    assert.equal(0, status)
    assert.matches("runs already %(process 17%)", err)
  end)

  it("says what went wrong with its status", function()
    local status, _, err = try({ notify_daemon = { run = function()
      return nil, "notifyd: /x: is a file and no socket", "EEXIST", "move it away"
    end } })
    assert.equal(125, status)
    assert.equal("wrapix: notifyd: /x: is a file and no socket\nhint: move it away\n", err)
  end)

  it("knows its words only", function()
    local status, _, err = try(nil, "instal")
    assert.equal(2, status)
    assert.matches("no command 'instal' %(did you mean 'install'%?%)", err)
    assert.equal(2, (try(nil, "log", "-n", "x")))
    assert.equal(2, (try(nil, "run", "--json")))
  end)

  it("installs, and tells what to do where no service manager answers", function()
    local status, out, err, d = try(nil, "install")
    assert.equal(0, status)
    assert.equal("wrote /u/a.service\nwrapix-notifyd starts with the first message\n", out)
    assert.equal("/bin/wrapix", d.units_planned.program)
    assert.equal("", err)
    status, out, err = try({ failed = { { "systemctl", "--user", "enable" }, { "systemctl", "more" } } },
      "install")
    assert.equal(0, status)
    assert.equal("wrote /u/a.service\n", out)
    assert.matches("no bus\nhint: in a session of your desktop: systemctl %-%-user enable && systemctl more", err)
    assert.matches("no service", (select(3, try(nil, "uninstall"))))
    assert.equal("removed /u/a\n", select(2, try({ removed = { "/u/a" } }, "uninstall")))
  end)

  it("shows its state", function()
    assert.matches("daemon   does not run", (select(2, try(nil, "status"))))
    assert.matches("daemon   runs, process 17", (select(2, try({ running = 17 }, "status"))))
    assert.matches('"running":true', (select(2, try({ running = 17 }, "status", "--json"))))
    local _, _, err = try({ rules_problem = { message = "broken" } }, "status")
    assert.matches("broken", err)
  end)

  it("lists what came, and no text of it steers the terminal", function()
    local _, out, _, d = try({ records = { RECORD } }, "log")
    assert.is_nil(out:find("\27", 1, true))
    assert.matches("held: the person is looking at it", out, 1, true)
    assert.same({ dir = "/state", count = 20 }, d.history_read)
    assert.equal(3, select(4, try(nil, "log", "-n", "3")).history_read.count)
    assert.matches("no message", (select(3, try(nil, "log"))))
    assert.matches("no message", (select(3, try(nil, "log", "-n", "3"))))
    for _, command in ipairs({ "log", "explain" }) do
      local status, text, err = try({ records = {} }, command, "-n", "0")
      assert.same({ 0, "", "" }, { status, text, err })
    end
  end)

  it("explains each level, sink and the decision", function()
    local _, out = try({ records = { RECORD } }, "explain")
    assert.matches("tmux +focused +pane %%1", out)
    assert.matches("sink desktop +showed it +notify_send", out)
    assert.matches("sink ntfy +failed +curl: no", out)
    assert.matches("decision +held: the person is looking at it +stands for 3 messages", out)
    -- Whoever can write the file can write anything.
    for _, record in ipairs({ {}, { levels = 3, sinks = "x", time = "?", title = 7 },
      { levels = { {} }, sinks = { {} }, count = -1 }, { levels = { 1, "x" }, sinks = { true } } }) do
      assert.equal(0, (try({ records = { record } }, "explain")))
      assert.equal(0, (try({ records = { record } }, "log")))
    end
  end)
end)
