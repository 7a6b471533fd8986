-- SPDX-License-Identifier: MIT

local entries = require("ralph.tracker.entries")
local graph = require("ralph.tracker.graph")

local function source(links)
  local map = {}
  for id, targets in pairs(links) do
    local deps = {}
    for i, on in ipairs(targets) do deps[i] = { issue_id = id, depends_on_id = on, type = "blocks" } end
    map[id] = entries.of({ id = id, title = id, status = "open", priority = 2, dependencies = deps })
  end
  return function(id) return map[id] end
end

describe("graph.circle", function()
  it("finds a circle and shows the way", function()
    local get = source({ a = { "b" }, b = { "c", "d" }, c = {}, d = { "b" } })
    assert.same({ "b", "d", "b" }, graph.circle({ "a" }, get))
    assert.is_nil(graph.circle({ "c" }, get))
    assert.same({ "x", "x" }, graph.circle({ "x" }, source({ x = { "x" } })))
  end)

  it("takes no diamond and no missing issue for one", function()
    assert.is_nil(graph.circle({ "a" }, source({ a = { "b", "c" }, b = { "d" }, c = { "d" },
      d = { "gone" } })))
  end)

  it("looks at a long chain once", function()
    local links, calls = {}, 0
    for i = 1, 20000 do links["n" .. i] = { "n" .. i + 1 } end
    local get = source(links)
    local ids = {}
    for i = 1, 20000 do ids[i] = "n" .. i end
    assert.is_nil(graph.circle(ids, function(id)
      calls = calls + 1
      return get(id)
    end))
    assert.is_true(calls <= 40002)
    links.n20000 = { "n1" }
    local way = graph.circle(ids, source(links))
    assert.equal(20001, #way)
    assert.equal("n1 → n2 → n3 → n4 → … (20000 issues) … → n1", graph.show(way))
  end)

  it("knows which types block", function()
    for _, kind in ipairs({ "blocks", "parent-child", "conditional-blocks", "waits-for" }) do
      assert.is_true(graph.is_blocking(kind))
    end
    for _, kind in ipairs(graph.OTHERS) do assert.is_false(graph.is_blocking(kind)) end
    assert.is_false(graph.is_blocking("of-my-own"))
  end)
end)

describe("graph.add", function()
  local function add(issue, on, kind) return graph.add(issue, on, kind, "ann", "2026-01-01T00:00:00Z") end

  it("keeps one dependency on an issue, and one parent", function()
    local issue = { id = "a-1" }
    assert.is_true(add(issue, "a-2", "blocks"))
    assert.is_true(add(issue, "a-2", "blocks"))
    assert.equal(1, #issue.dependencies)
    assert.equal("EEXIST", select(3, add(issue, "a-2", "related")))
    assert.is_true(add(issue, "a-3", "parent-child"))
    assert.equal("EEXIST", select(3, add(issue, "a-4", "parent-child")))
    assert.equal("ECYCLE", select(3, add(issue, "a-1", "blocks")))
    assert.is_true(add(issue, "a-5", "of-my-own"))
    assert.equal("EINVAL", select(3, add(issue, "a-6", ("x"):rep(51))))
    assert.equal("EINVAL", select(3, add(issue, "a-6", "two words")))
  end)
end)
