-- SPDX-License-Identifier: MIT
-- What evidence is judged to be, by the built-in policies, the user's, and facts.

local evidences = require("ralph.evidence")
local policy = require("ralph.policy")

-- Evidence of work that is done, with what the spec says otherwise.
local function evidence(more)
  local found = {
    issue = { id = "a-1", spec_id = "shop" }, attempt = 1,
    outcome = { kind = "done", ok = true, text = "RALPH_COMPLETE", usage = {} },
    signal = { kind = "done", by = "text" },
    before = { head = "h1", tree = "t1" }, after = { head = "h1", tree = "t2" },
    files = { { path = "src/a.c", added = 3, removed = 1 } }, verify = {},
  }
  for key, value in pairs(more or {}) do found[key] = value ~= "none" and value or nil end
  return evidences.build(found)
end

local function strict(more, issue) return policy.decide(evidence(more), issue or {}, "strict") end

local function failing(state)
  return { { command = "make test", code = 2, seconds = 1, output = "boom", state = state } }
end

describe("policy.strict", function()
  it("is done with a signal, a change and commands that pass", function()
    assert.equal("done", (strict()))
    assert.equal("done", (strict({ verify = { { command = "x", code = 0, output = "" } } })))
  end)

  it("is not done without a signal, whatever changed", function()
    local verdict, reason = strict({ signal = "none" })
    assert.equal("failed", verdict)
    assert.matches("did not say", reason)
  end)

  it("takes no change for one of its own kind of failure", function()
    local verdict = strict({ after = { head = "h1", tree = "t1" }, files = {} })
    assert.equal("no_change", verdict)
    verdict = strict({ after = { head = "h1", tree = "t1" }, files = {}, signal = "none" })
    assert.equal("no_change", verdict)
  end)

  it("is done without a change only with a reason for that", function()
    local verdict, reason = strict({ after = { head = "h1", tree = "t1" }, files = {},
      signal = { kind = "done", by = "socket", no_change = "was there already" } })
    assert.equal("done", verdict)
    assert.equal("no change needed: was there already", reason)
  end)

  it("takes a commit for a change although the tree is as before", function()
    local verdict = strict({ after = { head = "h2", tree = "t1" }, files = {},
      commits = { { id = "h2", subject = "x" } } })
    assert.equal("done", verdict)
  end)

  it("fails when a command fails, new or old", function()
    local verdict, reason = strict({ verify = failing("regressed") })
    assert.equal("failed", verdict)
    assert.equal("verify: make test: status 2", reason)
    verdict, reason = strict({ verify = failing("broken") })
    assert.equal("failed", verdict)
    assert.matches("as before", reason)
    verdict, reason = strict({ verify = { { command = "x", timed_out = true, output = "" } } })
    assert.equal("failed", verdict)
    assert.matches("took too long", reason)
  end)

  it("fails when what judges it was changed, or the list", function()
    local verdict, reason = strict({ protect = { "src/" } })
    assert.equal("failed", verdict)
    assert.matches("judged by: src/a.c", reason)
    verdict, reason = strict({ foreign = "line 3 differs" })
    assert.equal("failed", verdict)
    assert.matches("from behind: line 3", reason)
  end)

  it("fails when commits of others are gone, or protected files may be hidden", function()
    local verdict, reason = strict({ lost = { { id = "x", subject = "their work" } } })
    assert.same({ "failed", "commits from before are gone from HEAD: their work" }, { verdict, reason })
    assert.equal("failed", (strict({ truncated = true, protect = { "tests/" } })))
    assert.equal("done", (strict({ truncated = true })))
    assert.equal("failed", (strict({ since = { { path = "tests/a" } }, protect = { "tests/" } })))
  end)

  it("waits for whom it is blocked by or asks, whatever else there is", function()
    local verdict, reason = strict({ signal = { kind = "blocked", text = "no key" }, files = {} })
    assert.same({ "blocked", "no key" }, { verdict, reason })
    verdict, reason = strict({ signal = { kind = "ask", text = "red or blue?" },
      verify = failing("regressed") })
    assert.same({ "asked", "red or blue?" }, { verdict, reason })
  end)

  it("believes the socket also when the program hung or met a limit afterwards", function()
    local done = { kind = "done", by = "socket" }
    assert.equal("done", (strict({ signal = done, outcome = { kind = "interrupted", stopped = "idle" } })))
    assert.equal("done", (strict({ signal = done, outcome = { kind = "limit" } })))
    assert.equal("failed", (strict({ signal = done, outcome = { kind = "limit" },
      verify = failing("regressed") })))
  end)
end)

describe("policy.no_worse", function()
  it("lets pass what failed before, and nothing else", function()
    assert.equal("done", (policy.decide(evidence({ verify = failing("broken") }), {}, "no_worse")))
    assert.equal("failed", (policy.decide(evidence({ verify = failing("regressed") }), {}, "no_worse")))
    assert.equal("failed", (policy.decide(evidence({ verify = failing() }), {}, "no_worse")))
  end)
end)

describe("policy.decide", function()
  local function ended(outcome) return strict({ outcome = outcome, signal = "none" }) end

  it("knows what no policy is asked about", function()
    local function never() error("asked") end
    local function decide(outcome) return policy.decide(evidence({ outcome = outcome }), {}, never) end
    assert.equal("broken", (decide({ kind = "auth", text = "x" })))
    assert.equal("broken", (decide({ kind = "broken", text = "x" })))
    assert.equal("stopped", (decide({ kind = "stopped", text = "x" })))
  end)

  it("tells limits from failures, and says why one ended", function()
    assert.equal("limited", (ended({ kind = "limit" })))
    assert.equal("limited", (ended({ kind = "overloaded" })))
    for kind, words in pairs({ turns = "turns", too_long = "context", refused = "refused",
      lost = "without a word", error = "the agent failed: bad" }) do
      local verdict, reason = ended({ kind = kind, text = kind == "error" and "bad\nworse" or nil })
      assert.equal("failed", verdict)
      assert.matches(words, reason)
    end
    assert.matches("longer than it may", select(2, ended({ kind = "interrupted", stopped = "timeout" })))
    assert.matches("nothing for too long", select(2, ended({ kind = "interrupted", stopped = "idle" })))
  end)

  it("asks the user's function, and breaks when it does not answer", function()
    local seen
    local verdict, reason = policy.decide(evidence(), { id = "a-1" }, function(found, issue)
      seen = { found.issue, issue.id }
      return "failed", "not today"
    end)
    assert.same({ "failed", "not today" }, { verdict, reason })
    assert.same({ "a-1", "a-1" }, seen)
    verdict, reason = policy.decide(evidence(), {}, function() return "fine" end)
    assert.equal("broken", verdict)
    assert.matches("fine, which is no verdict", reason)
    verdict, reason = policy.decide(evidence(), {}, function() error("oops", 0) end)
    assert.same({ "broken", "policy: oops" }, { verdict, reason })
    assert.has_error(function() policy.decide(evidence(), {}, "lax") end)
  end)
end)

describe("policy.park_reason", function()
  local function failed(reason)
    local found = evidence({ verify = failing("regressed") })
    found.verdict, found.reason = "failed", reason or "verify: make test: status 2"
    return found
  end

  it("gives a person what failed too often", function()
    assert.is_nil(policy.park_reason(failed(), { counted = 0, failures = {} }, 2))
    assert.is_nil(policy.park_reason(failed(), { counted = 1, failures = { "other" } }, 2))
    assert.matches("failed 3 times", policy.park_reason(failed(), { counted = 2, failures = { "a", "b" } }, 2))
    assert.matches("failed 1 times", policy.park_reason(failed(), { counted = 0, failures = {} }, 0))
  end)

  it("knows the same failure again, whatever its numbers", function()
    local text = policy.failure_text(failed())
    assert.matches("%$ make test\nboom", text)
    local past = { counted = 1, failures = { (text:gsub("2", "3")) } }
    assert.matches("same failure twice", policy.park_reason(failed(), past, 5))
    past.failures = { text .. " elsewhere" }
    assert.is_nil(policy.park_reason(failed(), past, 5))
  end)

  it("knows a wall of refused tools", function()
    local found = failed()
    found.denied = 5
    assert.matches("5 tools in a row", policy.park_reason(found, { counted = 0, failures = {} }, 5))
    found.denied, found.denials = 4, 20
    assert.matches("20 tools were", policy.park_reason(found, { counted = 0, failures = {} }, 5))
  end)
end)
