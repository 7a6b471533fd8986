-- SPDX-License-Identifier: MIT
-- Specs of wrapix.agent.compose: what settings are made of.

local compose = require "wrapix.agent.compose"
local json = require "wrapix.json"

describe("compose.merge", function()
  it("joins maps, replaces the rest, and leaves its arguments alone", function()
    local one = { a = { b = 1, c = { 1, 2 } }, d = 1 }
    local two = { a = { c = { 3 }, e = json.array() }, d = { x = 1 } }
    local out = compose.merge(one, nil, two)
    assert.same({ b = 1, c = { 3 }, e = json.array() }, out.a)
    assert.same({ x = 1 }, out.d)
    out.a.c[1], out.d.x = 9, 9
    assert.same({ 1, 3, 1 }, { one.a.c[1], two.a.c[1], two.d.x })
  end)
end)

describe("compose.hooks", function()
  it("takes each way they are written", function()
    assert.same({ { command = "x" } }, compose.hooks("x"))
    assert.same({ { command = "x" }, { command = "y", matcher = "m", seconds = 90 },
      { command = "z", seconds = 1 } },
      compose.hooks({ "x", { command = "y", matcher = "m", timeout = "1m30s" },
        { command = "z", timeout = 0.2 } }))
  end)
end)

describe("compose.servers", function()
  it("takes each way they are written", function()
    assert.same({
      a = { command = "x", args = {}, kind = "stdio" },
      b = { command = "x", args = { "1", "2" }, env = { N = "1" }, kind = "stdio" },
      c = { args = {}, url = "http://c/", kind = "http" },
    }, compose.servers({ a = { command = "x" }, c = { url = "http://c/" }, d = false,
      b = { command = { "x", "1" }, args = { "2" }, env = { N = 1 } } }))
    assert.same({}, compose.servers(nil))
  end)
end)

describe("compose.unused", function()
  it("names what is asked for and cannot be had", function()
    local unused = {}
    compose.unused("mcp", { b = {}, a = {}, c = false }, "no", unused)
    compose.unused("mcp", nil, "no", unused)
    assert.same({ { what = "mcp.a", reason = "no" }, { what = "mcp.b", reason = "no" } }, unused)
  end)
end)
