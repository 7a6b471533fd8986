-- SPDX-License-Identifier: MIT
-- Specs of wrapix.agent.opencode, with streams of the real program.

local json = require "wrapix.json"
local streams = require "unit.wrapix.agent.streams"

local opencode = streams.agent("opencode")

describe("opencode's settings", function()
  it("allow everything, below no file of the project", function()
    local settings = opencode.settings({ prompt_file = "/p", extra = { model = "a/b",
      instructions = { "more.md" } }, hooks = { SessionStart = "x" },
      mcp = { tests = { command = { "a", "b" }, env = { A = 1 } }, web = { url = "http://x/" } } })
    assert.equal("/etc/opencode/opencode.json", settings.files[1].dest)
    local managed = assert(json.decode(settings.files[1].text))
    assert.same({ "allow", false, "a/b" }, { managed.permission, managed.autoupdate, managed.model })
    assert.same({ "/p", "more.md" }, setmetatable(managed.instructions, nil))
    assert.same({ type = "local", command = json.array({ "a", "b" }), environment = { A = "1" },
      enabled = true }, managed.mcp.tests)
    assert.same({ type = "remote", url = "http://x/", enabled = true }, managed.mcp.web)
    assert.equal("hooks.agent.SessionStart", settings.unused[1].what)
  end)
end)

describe("opencode's argv", function()
  it("begins with a prompt at a terminal alone", function()
    assert.same({ "opencode", "--auto", "--prompt=begin here" },
      opencode.argv("interactive", { prompt = "begin here" }))
    assert.same(opencode.argv("headless", {}), opencode.argv("headless", { prompt = "begin here" }))
  end)

  it("takes the prompt from stdin", function()
    assert.same({ "opencode", "run", "--format=json", "--auto", "--model=a/b", "--session=s" },
      opencode.argv("headless", { model = "a/b", resume = "s", continue = true }))
    assert.same({ "opencode", "--auto", "--continue" },
      opencode.argv("interactive", { continue = true }))
  end)
end)

describe("opencode's stream", function()
  it("of a command", function()
    local outcome, events = streams.outcome("opencode/tool")
    assert.equal("start text tool tool_result usage text usage", streams.types(events))
    assert.same({ "bash", "hello\n", true }, { streams.first(events, "tool").name,
      streams.first(events, "tool_result").text, streams.first(events, "tool_result").ok })
    assert.same({ "done", "The file is written.", 2, 0 },
      { outcome.kind, outcome.text, outcome.turns, outcome.usd })
    assert.same({ input = 120, output = 40, cache_read = 80, cache_write = 0 }, outcome.usage)
    assert.equal(outcome.session, streams.outcome("opencode/resume").session)
  end)

  it("of failures, and of nothing at all", function()
    local outcome = streams.outcome("opencode/401", { code = 1 })
    assert.same({ "auth", "scripted error" }, { outcome.kind, outcome.text })
    assert.equal("interrupted", streams.outcome("opencode/tool", { code = 0, stopped = "idle" }).kind)
    local events, reader = streams.read(opencode, "")
    local outcomes = require "wrapix.agent.outcome"
    assert.equal("lost", outcomes.of(opencode, events, { code = 0 }, reader.state).kind)
    outcome = outcomes.of(opencode, events, { code = 1, stderr = "Error: Session not found\n" },
      reader.state)
    assert.same({ "error", "Error: Session not found" }, { outcome.kind, outcome.text })
  end)

  it("that ends between two steps is lost", function()
    local agent, text = opencode, streams.text("opencode/tool")
    local events, reader = streams.read(agent, text:match("^.-\"step_finish\".-\n"))
    assert.equal("lost",
      require("wrapix.agent.outcome").of(agent, events, { code = 0 }, reader.state).kind)
  end)
end)
