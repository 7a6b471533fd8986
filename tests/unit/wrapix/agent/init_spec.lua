-- SPDX-License-Identifier: MIT
-- Specs of wrapix.agent: the door to its parts.

local agent = require "wrapix.agent"

describe("wrapix.agent", function()
  it("is a field of the library", function()
    assert.equal(agent, require("wrapix").agent)
  end)

  it("leads to its parts", function()
    local ctx = { read = function() return nil, "ENOENT: no", "ENOENT" end }
    assert.equal("claude", agent.get("claude", ctx).name)
    assert.same(require("wrapix.agent.registry").names(ctx), agent.names(ctx))
    assert.is_function(agent.reader.new)
    assert.is_function(agent.outcome.of)
    assert.is_function(agent.pins.version)
    assert.has_error(function() agent.run({}, {}) end, "agent.run: box: a sandbox expected")
  end)
end)
