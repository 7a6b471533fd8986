-- SPDX-License-Identifier: MIT
-- Specs of wrapix.agent.command: any program as an agent.

local outcomes = require "wrapix.agent.outcome"
local streams = require "unit.wrapix.agent.streams"

local command = streams.agent("command")

describe("the agent `command`", function()
  it("runs what the profile says", function()
    local words = { "tool", "--yes" }
    local argv = command.argv("headless", { settings = { argv = words }, command = { "other" } })
    assert.same(words, argv)
    assert.not_equal(words, argv)
    assert.same({ "other" }, command.argv("interactive", { command = { "other" } }))
  end)

  it("says what is missing or wrong", function()
    for _, opts in ipairs({ {}, { settings = {} }, { settings = { argv = {} } },
      { settings = { argv = "tool" } }, { settings = { argv = { "a", 3 } } },
      { settings = { argv = { "" } }, command = { "x" } } }) do
      local argv, message, code, hint = command.argv("headless", opts)
      assert.is_nil(argv)
      assert.equal("EINVAL", code)
      assert.matches("does not say what to run", message)
      assert.matches("argv = {", hint, 1, true)
    end
  end)

  it("is judged by its status", function()
    local function run(text, exit)
      local events, reader = streams.read(command, text)
      return outcomes.of(command, events, exit, reader.state)
    end
    local outcome = run("one\ntwo\n", { code = 0 })
    assert.same({ true, "done", "one\ntwo" }, { outcome.ok, outcome.kind, outcome.text })
    outcome = run("", { code = 3, stderr = "no\n" })
    assert.same({ "error", "no", 3 }, { outcome.kind, outcome.text, outcome.code })
    assert.equal("interrupted", run("x", { signal = 15 }).kind)
    assert.equal("interrupted", run("x", { code = 0, stopped = "timeout" }).kind)
    assert.equal("error", run("x", { signal = 9 }).kind)
  end)

  it("says that it takes neither hooks nor servers", function()
    local unused = command.settings({ hooks = { Stop = "x" }, mcp = { a = {} } }).unused
    assert.same({ "hooks.agent.Stop", "mcp.a" }, { unused[1].what, unused[2].what })
  end)
end)
