-- SPDX-License-Identifier: MIT
-- Specs of wrapix.agent.outcome: events and an exit → how a run ended.

local outcomes = require "wrapix.agent.outcome"

local AGENT = { stream = "json" }
local START = { type = "start", session = "s", model = "m" }

local function of(events, exit, agent, state)
  return outcomes.of(agent or AGENT, events, exit, state)
end

local function ended(fields)
  local event = { type = "end", ok = fields.kind == "done" }
  for key, value in pairs(fields) do event[key] = value end
  return event
end

describe("outcome", function()
  it("believes the agent more than its status", function()
    assert.equal("done", of({ START, ended({ kind = "done" }) }, { code = 1 }).kind)
    assert.equal("interrupted", of({ START, ended({ kind = "interrupted" }) }, { code = 0 }).kind)
    assert.is_false(of({ ended({ kind = "limit", ok = true }) }, { code = 0 }).ok)
  end)

  it("judges a run that did not say how it ended", function()
    assert.equal("lost", of({ START }, { code = 0 }).kind)
    assert.equal("lost", of({ START }, { code = 1 }).kind)
    assert.equal("lost", of({}, { code = 0 }).kind)
    assert.equal("lost", of({ START }, { signal = 9 }).kind)
    assert.equal("error", of({}, { code = 1 }).kind)
    for _, exit in ipairs({ { code = 143 }, { code = 129 }, { code = 130 }, { signal = 15 },
      { signal = 2 } }) do
      assert.equal("interrupted", of({ START }, exit).kind)
    end
  end)

  it("tells who stopped it, unless it was done before", function()
    local outcome = of({ START, ended({ kind = "error" }) }, { code = 143, stopped = "idle" })
    assert.same({ "interrupted", "idle" }, { outcome.kind, outcome.stopped })
    assert.equal("done", of({ START, ended({ kind = "done" }) }, { signal = 15, stopped = "timeout" }).kind)
  end)

  it("asks the agent's own judge where there is no end", function()
    local agent = { stream = "json", judge = function(state, exit)
      return state.x and { kind = "turns", text = "t" .. exit.code, turns = 4 } or nil
    end }
    local outcome = of({ START }, { code = 53 }, agent, { x = true })
    assert.same({ "turns", "t53", 4 }, { outcome.kind, outcome.text, outcome.turns })
    assert.equal("lost", of({ START }, { code = 0 }, agent, {}).kind)
    assert.equal("done", of({ ended({ kind = "done" }) }, { code = 0 }, agent, { x = true }).kind)
  end)

  it("has the last words of the agent itself", function()
    local text = { type = "text", text = "mine" }
    local other = { type = "text", text = "the subagent's", parent = "t" }
    assert.equal("mine", of({ text, other, ended({ kind = "done", text = "" }) }, { code = 0 }).text)
    assert.equal("end", of({ text, ended({ kind = "done", text = "end" }) }, { code = 0 }).text)
    assert.equal("", of({ ended({ kind = "done" }) }, { code = 0, stderr = "warning" }).text)
  end)

  it("has what is known of an error", function()
    local note = { type = "note", kind = "error", text = "told" }
    local text = { type = "text", text = "mine" }
    assert.equal("told", of({ text, note }, { code = 1, stderr = "said" }).text)
    assert.equal("said", of({ text }, { code = 1, stderr = "said\n\n" }).text)
    assert.equal("mine", of({ START, text }, { code = 0, stderr = "" }).text)
    local long = of({}, { code = 1, stderr = ("ä"):rep(5000) .. "end" }).text
    assert.is_true(#long < 4200 and utf8.len(long) ~= nil)
    assert.matches("^….*end$", long)
  end)

  it("reads much white space on stderr once", function()
    -- Begun anew at each space this would take minutes.
    local outcome = of({}, { code = 1, stderr = " no" .. (" "):rep(400000) .. "room \n \n" })
    assert.equal("room", outcome.text:match("%S+$"))
    assert.equal("", of({}, { code = 1, stderr = (" "):rep(400000) }).text)
  end)

  it("adds tokens up, or takes the end's word", function()
    local one = { type = "usage", input = 1, output = 2, cache_read = 3, cache_write = 4, usd = 0.5 }
    local outcome = of({ one, one }, { code = 0 })
    assert.same({ input = 2, output = 4, cache_read = 6, cache_write = 8 }, outcome.usage)
    assert.equal(1.0, outcome.usd)
    outcome = of({ one, ended({ kind = "done", usage = { type = "usage", input = 9 }, usd = 2 }) }, { code = 0 })
    assert.same({ input = 9, output = 0, cache_read = 0, cache_write = 0 }, outcome.usage)
    assert.equal(2, outcome.usd)
    assert.is_nil(of({}, { code = 0 }).usd)
    local whole = { type = "usage", input = 5, output = 5, whole = true }
    assert.same({ input = 5, output = 5, cache_read = 0, cache_write = 0, whole = true },
      of({ whole, whole }, { code = 0 }).usage)
  end)

  it("tells when a limit ends, and only then", function()
    local limit = { type = "limit", status = "rejected", reset = 77 }
    local allowed = { type = "limit", status = "allowed", reset = 99 }
    assert.equal(77, of({ limit, allowed, ended({ kind = "limit" }) }, { code = 1 }).reset)
    assert.is_nil(of({ limit, ended({ kind = "done" }) }, { code = 0 }).reset)
    assert.is_nil(of({ allowed, ended({ kind = "limit" }) }, { code = 1 }).reset)
  end)

  it("counts what was denied", function()
    local note = { type = "note", kind = "denied", text = "Bash: no" }
    assert.equal(2, of({ START, note, note }, { code = 0 }).denials)
    assert.equal(3, of({ note, ended({ kind = "done", denials = 3 }) }, { code = 0 }).denials)
  end)

  it("keeps the end of a text without bounds", function()
    local tally = outcomes.new({ stream = "text" })
    for i = 1, 20000 do tally:take({ type = "text", text = ("%020d"):format(i) }) end
    local text = tally:finish({ code = 0 }).text
    assert.is_true(#text <= 256 << 10 and #text > 200 << 10)
    assert.matches("20000$", text)
  end)

  it("ignores events it does not know", function()
    assert.equal("lost", of({ START, { type = "new" }, { type = "retry" } }, { code = 0 }).kind)
  end)
end)
