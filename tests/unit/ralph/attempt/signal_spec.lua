-- SPDX-License-Identifier: MIT
-- The agent's end signal: only the whole last line of its final message, or the socket.

local signals = require("ralph.attempt.signal")

describe("signal.of_text", function()
  it("is the whole last line", function()
    assert.same({ kind = "done", by = "text" }, signals.of_text("All is well.\nRALPH_COMPLETE"))
    assert.same({ kind = "done", by = "text" }, signals.of_text("RALPH_COMPLETE\r\n \n\n"))
    assert.same({ kind = "blocked", text = "no key", by = "text" }, signals.of_text("x\nRALPH_BLOCKED: no key"))
    assert.same({ kind = "ask", text = "a or b?", by = "text" }, signals.of_text("RALPH_CLARIFY: a or b?"))
  end)

  it("is not what is quoted, said earlier, or only part of a line", function()
    for _, text in ipairs({
      "When done I will say RALPH_COMPLETE", "RALPH_COMPLETE\nbut first the tests", "`RALPH_COMPLETE`",
      "RALPH_COMPLETE.", "> RALPH_COMPLETE", "RALPH_BLOCKED", "RALPH_BLOCKED: ", "ralph_complete", "",
      "RALPH_DONE: x", "\nRALPH_COMPLETED",
    }) do assert.is_nil(signals.of_text(text), text) end
    assert.is_nil(signals.of_text(nil))
  end)
end)

describe("signal.of", function()
  it("believes the socket first", function()
    local said = { kind = "blocked", text = "why" }
    assert.same({ kind = "blocked", text = "why", by = "socket" },
      signals.of(said, { ok = true, text = "RALPH_COMPLETE" }))
  end)

  it("takes no words of a run that did not end by itself", function()
    assert.is_nil(signals.of(nil, { ok = false, text = "RALPH_COMPLETE" }))
    assert.is_nil(signals.of(nil, nil))
    assert.equal("done", signals.of(nil, { ok = true, text = "RALPH_COMPLETE" }).kind)
  end)
end)
