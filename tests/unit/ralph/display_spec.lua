-- SPDX-License-Identifier: MIT
-- What a person sees of an attempt.

local displays = require("ralph.display")

local out, now
local function new(more)
  out, now = {}, 50
  local opts = { out = function(text) out[#out + 1] = text end, clock = function() return now end }
  for key, value in pairs(more or {}) do opts[key] = value end
  return displays.new(opts)
end
local function shown() return table.concat(out) end

describe("display", function()
  it("has a header for each issue and a line for each tool, with time and cost so far", function()
    local display = new()
    display:issue({ id = "a-1", title = "Add it" }, 2, { of = 3 })
    display:begin({ cost = function() return 0.256, true end })
    now = 50 + 75
    display:event({ type = "tool", name = "Bash", input = { command = "make\nrm x" } })
    assert.equal("\na-1  Add it  attempt 2 of 3\n   1m15s  ~$0.26  Bash make\n", shown())
  end)

  it("shows no colour unless it is told to", function()
    local display = new()
    display:event({ type = "tool_result", ok = false, text = "no" })
    assert.is_nil(shown():find("\27", 1, true))
    display = new({ color = true })
    display:event({ type = "tool_result", ok = false, text = "no" })
    assert.matches("\27[33mfailed\27[0m no", shown(), 1, true)
  end)

  it("lets nothing from a sandbox steer the terminal", function()
    local display = new({ color = true })
    display:issue({ id = "a", title = "x\27]0;pwn\7\r" }, 1)
    display:event({ type = "tool", name = "T\27[2J", input = { path = "a\27[Kb" } })
    display:event({ type = "text", text = "hi\27[1A" })
    display:event({ type = "note", kind = "error", text = "\8\8" })
    local text = shown():gsub("\27%[%d+m", "")
    assert.is_nil(text:find("[\0-\9\11-\31]"))
    assert.matches("\\x1B", text, 1, true)
  end)

  it("takes any input of a tool", function()
    local display = new()
    for _, input in ipairs({ { argv = {} }, { command = { "ls", "-l" } }, "text", { path = 7 } }) do
      display:event({ type = "tool", name = "T", input = input })
    end
    display:event({ type = "tool", name = "T" })
    assert.equal("  T\n  T ls -l\n  T text\n  T\n  T\n", shown())
  end)

  it("says how an attempt ended and what is kept", function()
    local display = new()
    display:verdict({ verdict = "no_change", seconds = 3720, usd = 1.5, reason = "nothing\nmore",
      diffstat = { files = 1, added = 2, removed = 0 }, rescue = { ref = "refs/wrapix/rescue/a/1" } })
    assert.equal("no change (1h02m, $1.50, 1 file +2 -0): nothing\n"
      .. "  the work is kept: refs/wrapix/rescue/a/1\n", shown())
  end)

  it("does not show little as nothing", function()
    assert.same({ "<$0.01", "<$0.01", "$0.01", "~$1.50", "" }, { displays.cost(0.0049), displays.cost(0.001, true),
      displays.cost(0.005), displays.cost(1.5, true), displays.cost(0) })
  end)

  it("names no cost where there was none", function()
    local display = new()
    display:verdict({ verdict = "broken", seconds = 6, usd = 0, reason = "login" })
    assert.equal("broken (6s): login\n", shown())
  end)

  it("is silent when it is to be", function()
    local display = new({ quiet = true })
    display:issue({ id = "a" }, 1)
    display:event({ type = "text", text = "x" })
    display:verified({ command = "x", code = 0 })
    display:verdict({ verdict = "done", seconds = 1 })
    assert.equal("", shown())
  end)
end)
