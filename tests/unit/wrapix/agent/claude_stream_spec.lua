-- SPDX-License-Identifier: MIT
-- Specs of wrapix.agent.claude_stream, with streams of the real program.

local streams = require "unit.wrapix.agent.streams"

local function sum(events, field)
  local total = 0
  for _, event in ipairs(events) do
    if event.type == "usage" then total = total + event[field] end
  end
  return total
end

describe("claude's stream", function()
  it("of an answer", function()
    local outcome, events = streams.outcome("claude/hello")
    assert.equal("start usage text end", streams.types(events))
    assert.same({ "claude-opus-5-5", "031eb669-8e86-48b6-9c6d-1b80af3cbd5d" },
      { outcome.model, outcome.session })
    assert.same({ true, "done", "Hello from the scripted model." },
      { outcome.ok, outcome.kind, outcome.text })
    assert.same({ input = 100, output = 8, cache_read = 0, cache_write = 0 }, outcome.usage)
    assert.equal(0.00056, outcome.usd)
  end)

  it("of tools, with what they were given and gave", function()
    local _, events = streams.outcome("claude/run-and-fix-test")
    assert.equal("start usage thinking text tool tool_result usage text tool tool_result usage"
      .. " text end", streams.types(events))
    local tool, result = streams.first(events, "tool"), streams.first(events, "tool_result")
    assert.is_string(tool.input.command)
    assert.equal(tool.id, result.id)
    assert.is_string(result.text)
  end)

  it("counts a message once, however many lines it has", function()
    local outcome, events = streams.outcome("claude/wide-parallel")
    assert.equal(24, sum(events, "input"))
    assert.same({ 24, 343, 9 }, { outcome.usage.input, outcome.usage.output, outcome.turns })
  end)

  it("of a subagent, whose tokens and cost count", function()
    local outcome = streams.outcome("claude/subagent")
    assert.equal(36, outcome.usage.input) -- "usage" alone says 24
    assert.equal(0.002064, outcome.usd)
    assert.matches("^The subagent said its part", outcome.text)
  end)

  it("with pieces of messages means the same as without", function()
    local whole = streams.outcome("claude/write-file")
    local pieces, events = streams.outcome("claude/x-partial-messages")
    assert.same({ whole.text, whole.usage, whole.usd }, { pieces.text, pieces.usage, pieces.usd })
    assert.equal(36, sum(events, "input"))
  end)

  it("of a limit: a success that is none, with the time it ends", function()
    local outcome, events = streams.outcome("claude/limit-then-ok", { code = 1 })
    assert.same({ false, "limit", 1795296324 }, { outcome.ok, outcome.kind, outcome.reset })
    assert.matches("5%-hour limit", outcome.text)
    assert.same({ type = "limit", kind = "five_hour", status = "rejected", reset = 1795296324 },
      streams.first(events, "limit"))
    assert.equal("limit", streams.outcome("claude/rate-limit-forever", { code = 1 }).kind)
  end)

  it("of retries, and what they come to", function()
    local outcome, events = streams.outcome("claude/overloaded")
    assert.equal("done", outcome.kind)
    assert.same({ type = "retry", reason = "overloaded", attempt = 1, status = 529 },
      streams.first(events, "retry"))
    outcome, events = streams.outcome("claude/cut-stream")
    assert.same({ "done", "unknown" }, { outcome.kind, streams.first(events, "retry").reason })
    outcome, events = streams.outcome("claude/auth-failed", { code = 1 })
    assert.same({ "auth", "Not logged in · Please run /login" }, { outcome.kind, outcome.text })
    assert.is_nil(streams.first(events, "text")) -- those were the program's words
  end)

  it("of an interrupt, although the status is 0", function()
    assert.same({ false, "interrupted" }, { streams.outcome("claude/x-sigint-tool").ok,
      streams.outcome("claude/x-sigint-tool").kind })
  end)

  it("of a budget that is used up", function()
    local outcome = streams.outcome("claude/x-max-budget", { code = 1 })
    assert.same({ "budget", "Reached maximum budget ($0.05)", 4 },
      { outcome.kind, outcome.text, outcome.turns })
  end)

  it("of a tool that was not allowed", function()
    local outcome, events = streams.outcome("claude/x-permission-denied")
    assert.same({ true, 1 }, { outcome.ok, outcome.denials })
    assert.is_false(streams.first(events, "tool_result").ok)
    assert.matches("^Bash: ", streams.first(events, "note").text)
  end)
end)

describe("claude's decode", function()
  local agent = streams.agent("claude")
  local function decode(text) return (streams.read(agent, text)) end
  local function kind(fields)
    return decode('{"type":"result",' .. fields .. "}")[1].kind
  end

  it("judges each end", function()
    assert.equal("turns", kind('"subtype":"error_max_turns","is_error":true'))
    assert.equal("too_long",
      kind('"subtype":"success","is_error":true,"terminal_reason":"prompt_too_long"'))
    assert.equal("overloaded", kind('"subtype":"success","is_error":true,"api_error_status":529'))
    assert.equal("error", kind('"subtype":"success","is_error":true,"api_error_status":null'))
    assert.equal("error", kind('"subtype":"error_during_execution","is_error":true'))
    assert.equal("refused", kind('"subtype":"success","is_error":true,"stop_reason":"refusal"'))
    assert.equal("done", kind('"subtype":"success","is_error":false,"result":""'))
  end)

  it("takes an overage that is allowed for no stop", function()
    local info = '{"type":"rate_limit_event","rate_limit_info":{"status":"rejected",%s}}'
    for _, more in ipairs({ '"isUsingOverage":true', '"overageStatus":"allowed"' }) do
      assert.equal("allowed", decode(info:format(more))[1].status)
    end
    assert.equal("rejected", decode(info:format('"overageStatus":"rejected"'))[1].status)
  end)

  it("starts once, however often it is told", function()
    local init = '{"type":"system","subtype":"init","session_id":"a","model":"m"}\n'
    assert.equal(1, #decode(init .. init))
  end)

  it("takes anything for any field", function()
    for _, value in ipairs({ "null", "3", '"x"', "[]", "{}", "[null,3,{}]", '{"content":[3,{}]}' }) do
      for _, name in ipairs({ "assistant", "user", "system", "rate_limit_event", "result", "x" }) do
        decode(('{"type":"%s","subtype":"init","message":%s,"rate_limit_info":%s,"usage":%s,'
          .. '"permission_denials":%s,"errors":%s,"model_usage_since_last_result":%s,"result":%s,'
          .. '"error":%s,"session_id":%s}'):format(name, value, value, value, value, value, value,
          value, value, value))
      end
    end
  end)
end)
