-- SPDX-License-Identifier: MIT
-- What is gathered of an attempt, and which paths are protected.

local evidences = require("ralph.evidence")

describe("evidence.build", function()
  it("has everything that is known, in one table", function()
    local found = evidences.build({
      issue = { id = "a-1", spec_id = "shop" }, attempt = 2,
      outcome = { kind = "limit", text = "used up", reset = 99, usage = { input = 3 }, usd = 0.5,
        turns = 4, seconds = 7, denials = 1, code = 1, stderr = "x" },
      files = { { path = "a", added = 2, removed = 1 }, { path = "tests/b", added = 1 } },
      protect = { "tests/" },
    })
    assert.same({ files = 2, added = 3, removed = 1 }, found.diffstat)
    assert.same({ "tests/b" }, found.protected)
    assert.same({ reset = 99 }, found.limit)
    assert.same({ input = 3, output = 0, cache_read = 0, cache_write = 0 }, found.tokens)
    assert.same({ kind = "limit", text = "used up", code = 1 }, found.outcome)
    assert.same({ 0.5, 4, 7, 1, false }, { found.usd, found.turns, found.seconds, found.denials, found.verified })
  end)

  it("has no limit when there was none", function()
    local found = evidences.build({ issue = { id = "a" }, attempt = 1, outcome = { kind = "done" },
      verify = {} })
    assert.is_nil(found.limit)
    assert.is_true(found.verified)
  end)
end)

describe("evidence.is_protected", function()
  it("means a directory with all below it, or a file", function()
    for path, rule in pairs({ ["tests/a/b.c"] = "tests/", ["check.sh"] = "check.sh", ["tests"] = "./tests/",
      ["a/x.spec"] = "a/*.spec", ["a.b/c"] = "a.b" }) do
      assert.is_true(evidences.is_protected(path, { rule }), path)
    end
    for path, rule in pairs({ ["tests2/a"] = "tests/", ["acb/c"] = "a.b", ["a/b/x.spec"] = "a/*.spec",
      ["src/tests/a"] = "tests/" }) do
      assert.is_false(evidences.is_protected(path, { rule }), path)
    end
  end)
end)

describe("evidence.has_change", function()
  it("compares trees where they are known", function()
    local function has(before, after, commits, files)
      return evidences.has_change({ before = { tree = before }, after = { tree = after },
        commits = commits or {}, files = files or {} })
    end
    assert.is_true(has("a", "b"))
    assert.is_false(has("a", "a"))
    assert.is_true(has("a", "a", { { id = "x" } }))
    assert.is_true(has(nil, nil, {}, { { path = "x" } }))
    assert.is_false(has(nil, nil))
  end)
end)
