-- SPDX-License-Identifier: MIT
-- Specs of wrapix.agent.pi, with streams of the real program.

local json = require "wrapix.json"
local streams = require "unit.wrapix.agent.streams"

local pi = streams.agent("pi")

describe("pi's settings", function()
  it("are the profile's, and what it cannot be told is said", function()
    local settings = pi.settings({ extra = { defaultModel = "m" }, mcp = { a = { command = "x" },
      off = false }, hooks = { Stop = "x" } })
    assert.equal("~/.pi/agent/settings.json", settings.files[1].dest)
    assert.same({ defaultModel = "m", quietStartup = true }, json.decode(settings.files[1].text))
    assert.same({ "hooks.agent.Stop", "mcp.a" },
      { settings.unused[1].what, settings.unused[2].what })
    assert.is_nil(settings.unused[3])
    assert.equal(1, #pi.settings({}).files)
  end)
end)

describe("pi's argv", function()
  it("begins with a prompt at a terminal alone", function()
    assert.same({ "pi", "begin here" },
      pi.argv("interactive", { prompt = "begin here" }))
    assert.same(pi.argv("headless", {}), pi.argv("headless", { prompt = "begin here" }))
  end)

  it("takes the prompt from stdin", function()
    assert.same({ "pi", "-p", "--mode", "json", "--append-system-prompt", "/p", "--model", "a/b",
      "--session", "s" },
      pi.argv("headless", { prompt_file = "/p", model = "a/b", resume = "s", continue = true }))
    assert.same({ "pi", "-p" }, pi.argv("headless", { output = "text" }))
    assert.same({ "pi", "--continue" }, pi.argv("interactive", { continue = true }))
  end)
end)

describe("pi's stream", function()
  it("of a command", function()
    local outcome, events = streams.outcome("pi/tool")
    assert.equal("start text usage tool tool_result text usage", streams.types(events))
    assert.same({ "bash", "hello\n" }, { streams.first(events, "tool").name,
      streams.first(events, "tool_result").text })
    assert.same({ "done", "The file is written.", 2 }, { outcome.kind, outcome.text, outcome.turns })
    assert.same({ input = 120, output = 40, cache_read = 80, cache_write = 0 }, outcome.usage)
    assert.is_true(math.abs(outcome.usd - 0.000984) < 1e-9)
  end)

  it("of failures, although the status is 0", function()
    local outcome, events = streams.outcome("pi/429")
    assert.same({ false, "limit", "429 scripted error" }, { outcome.ok, outcome.kind, outcome.text })
    assert.same({ type = "retry", reason = "limit", attempt = 1, status = 429 },
      streams.first(events, "retry"))
    assert.equal("auth", streams.outcome("pi/401").kind)
  end)
end)

describe("pi's login", function()
  it("names the providers", function()
    local state, detail = pi.login.status(function()
      return '{"openai":{"type":"api_key","key":"k"},"anthropic":{},"bad\\u001b[1m":{}}'
    end)
    assert.same({ "there", "anthropic, openai" }, { state, detail })
    assert.equal("none", (pi.login.status(function() return "{}" end)))
  end)
end)
