-- SPDX-License-Identifier: MIT

local entries = require("ralph.tracker.entries")

local function of(more)
  local issue = { id = "a-1", title = "t", status = "open", priority = 1,
    created_at = "2026-01-01T00:00:00Z" }
  for key, value in pairs(more or {}) do issue[key] = value end
  return entries.of(issue)
end

local function deps_of(entry)
  local list = {}
  for letter, on in entries.deps(entry) do list[#list + 1] = letter .. "|" .. on end
  return list
end

describe("ralph.tracker.entries", function()
  it("come back from the index as they were", function()
    local entry = of({ spec_id = "a\tb,c%\n", labels = { "ralph:waiting" }, pinned = true,
      defer_until = "2026-02-01T00:00:00Z",
      dependencies = { { depends_on_id = "x,y\t%z", type = "blocks" }, { depends_on_id = "a-2" },
        { depends_on_id = "a-3", type = "related" },
        { depends_on_id = "a-4", type = "waits-for", metadata = '{"gate":"any-children"}' },
        { depends_on_id = "a-5", type = "waits-for", metadata = "no json" } } })
    local line = entries.encode(entry) .. "\n"
    assert.same(entry, entries.from(line:match("^" .. entries.PATTERN .. "\n$")))
    assert.same({ "b|x,y\t%z", "b|a-2", "y|a-4", "w|a-5" }, deps_of(entry))
    assert.equal("pw", entry.flags)
    assert.equal(entry.spec, entries.spec_word("a\tb,c%\n"))
    assert.same({ "b|a-2" }, deps_of(of({ dependencies = { { depends_on_id = "a-2" } } })))
    assert.same({}, deps_of(of()))
  end)

  it("say what an issue means for others", function()
    assert.equal("c", entries.state(of()))
    assert.equal("k", entries.state(of({ status = "in_progress" })))
    assert.equal("k", entries.state(of({ issue_type = "epic" })))
    assert.equal("k", entries.state(of({ ephemeral = true })))
    assert.equal("s", entries.state(of({ status = "closed", close_reason = "done" })))
    assert.equal("f", entries.state(of({ status = "closed", close_reason = "Won't fix" })))
    assert.equal("s", entries.state(of({ status = "pinned" })))
  end)

  it("know a failure by its words", function()
    for _, reason in ipairs({ "Failed", "was REJECTED", "wontfix", "cancelled", "canceled", "abandoned",
      "blocked by law", "an error", "timeout", "aborted" }) do
      assert.is_true(entries.is_failure(reason), reason)
    end
    for _, reason in ipairs({ "done", "", false }) do
      assert.is_false(entries.is_failure(reason or nil))
    end
  end)

  it("wait for a person with the label, a question or a parking", function()
    assert.equal("w", of({ metadata = { wrapix = { question = { text = "q" } } } }).flags)
    assert.equal("", of({ metadata = { wrapix = { question = { text = "q", answer = "a" } } } }).flags)
    assert.equal("w", of({ metadata = { wrapix = { parked = "why" } } }).flags)
    assert.equal("", of({ metadata = "text" }).flags)
  end)
end)
