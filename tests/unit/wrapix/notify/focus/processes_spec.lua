-- SPDX-License-Identifier: MIT
local processes = require("wrapix.notify.focus.processes")
local sys = require("wrapix.sys")

local TAIL = " 34817 40 4194304 1 2 3 4 5 6 7 8 20 0 1 0 777 1000 2000"

describe("focus.processes", function()
  it("reads a line of stat, whatever the process calls itself", function()
    assert.same({ pid = 40, name = "a) R 1 (b", ppid = 30, tty = 34817, start = 777 },
      processes.parse("40 (a) R 1 (b) S 30 40 40" .. TAIL .. "\n"))
    for _, text in ipairs({ "", "40", "40 (a", "40 (a) S 30", "x (a) S 30 40 40" .. TAIL,
      "40 (a) S x 40 40" .. TAIL }) do
      assert.is_nil(processes.parse(text), text)
    end
  end)

  it("names pseudo-terminals only", function()
    assert.equal("/dev/pts/1", processes.tty_path(34817))
    assert.equal("/dev/pts/300", processes.tty_path(136 << 8 | 300 & 0xff | (300 & 0xfff00) << 12))
    assert.is_nil(processes.tty_path(1025)) -- a console
    assert.is_nil(processes.tty_path(0))
  end)

  it("follows parents, but not for ever", function()
    local function stat(pid) return { pid = pid, ppid = pid == "self" and 5 or 5, tty = 0, start = 1 } end
    assert.equal(64, #processes.chain("self", stat))
    assert.same({}, processes.chain(5, function() end))
  end)

  it("sees this process, its parent's children and its environment", function()
    local chain = processes.chain("self")
    assert.equal(sys.pid(), chain[1].pid)
    assert.equal(sys.ppid(), chain[1].ppid)
    local found = false
    for _, child in ipairs(processes.children(sys.ppid())) do found = found or child.pid == sys.pid() end
    assert.is_true(found)
    assert.equal(os.getenv("PATH"), processes.environ(sys.pid()).PATH)
    assert.is_nil(processes.environ(0x7ffffffe))
    assert.same({}, processes.children(0x7ffffffe))
  end)
end)
