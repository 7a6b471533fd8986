-- SPDX-License-Identifier: MIT
-- Specs of wrapix.agent.kinds: what a status or a message about an error means.

local kinds = require "wrapix.agent.kinds"

describe("kinds", function()
  it("knows statuses", function()
    assert.same({ "auth", "limit", "overloaded" },
      { kinds.of_status(401), kinds.of_status(429), kinds.of_status(529) })
    assert.is_nil(kinds.of_status(500))
    assert.is_nil(kinds.of_status(nil))
  end)

  it("knows the words of the agents", function()
    for message, kind in pairs({
      ["exceeded retry limit, last status: 429 Too Many Requests"] = "limit",
      ["You've hit your usage limit. Try again at 5pm."] = "limit",
      ["Quota exceeded for the key"] = "limit",
      ["unexpected status 503 Service Unavailable: x"] = "overloaded",
      ['{"error":{"code":401}}'] = "auth",
      ["401 scripted error"] = "auth",
      ["Your input exceeds the context window of this model"] = "too_long",
      ["stream disconnected before completion"] = "error",
      ["wrote 4290 bytes"] = "error",
      [""] = "error",
    }) do
      assert.equal(kind, (kinds.of_message(message)), message)
    end
    assert.equal("error", (kinds.of_message(nil)))
    assert.equal(503, select(2, kinds.of_message("unexpected status 503 x")))
  end)
end)
