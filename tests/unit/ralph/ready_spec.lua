-- SPDX-License-Identifier: MIT
-- From a spec to issues, as functions: what goes back to the agent, what is left out, and
-- that adding and counting as done are one thing.

local json = require("wrapix.json")
local phases = require("unit.ralph.phases")
local ready = require("ralph.ready")
local states = require("ralph.state")

local function list(...)
  local items = {}
  for i, one in ipairs({ ... }) do
    items[i] = { key = one.key, title = one.title or one.key, description = "d",
      acceptance_criteria = { "c" }, needs = one.needs and json.array(one.needs) }
  end
  return assert(json.encode({ issues = json.array(items) }))
end

local function left(text, more)
  local outcome = { ok = true, kind = "done", text = "", collected = { ["issues.json"] = text },
    collect_errors = {} }
  for key, value in pairs(more or {}) do outcome[key] = value end
  return outcome
end

describe("ralph.ready", function()
  local place, project, act

  before_each(function()
    place = phases.new(function(...) return act(...) end)
    project = place.project
    place:write("specs/shop.md", phases.FILLED)
  end)
  after_each(function() place:close() end)

  local function issues() return assert(assert(project:tracker()):all({ spec = "shop" })) end

  it("proposes without changing anything, and adds what is accepted", function()
    act = function() return left(list({ key = "a" }, { key = "b", needs = { "a" } }), { usd = 0.5 }) end
    local proposal = assert(ready.propose(project, "shop"))
    assert.same({ "a", "b" }, { proposal.entries[1].key, proposal.entries[2].key })
    assert.same({ 1, 0.5 }, { proposal.tries, proposal.usd })
    assert.same({}, issues())
    assert.is_nil(assert(states.read(project)).specs.shop)
    assert.equal("EBUSY", select(3, ready.propose(project, "shop")))
    local added = assert(ready.accept(proposal))
    proposal:close()
    assert.equal(2, #added)
    assert.equal(2, #issues())
    assert.has_error(function() ready.accept(proposal) end, "ready.accept: the proposal is closed")
    assert.is_true(assert(ready.run(project, "shop")).unchanged)
    assert.equal(1, #place.runs)
  end)

  it("asks whoever is to agree", function()
    act = function() return left(list({ key = "a" })) end
    local seen
    local proposal = assert(ready.run(project, "shop", { agree = function(one)
      seen = #one.entries
      return false
    end }))
    assert.equal(1, seen)
    assert.is_nil(proposal.added)
    assert.same({}, issues())
    assert.equal(1, #assert(ready.run(project, "shop", { agree = function() return true end })).added)
  end)

  it("goes on with the session of the agent, and without it where that fails", function()
    act = function(opts, n)
      if n == 1 then return left("[", { session = "s1", usd = 1 }) end
      if opts.resume then return { ok = false, kind = "error", text = "no such session" } end
      return left(list({ key = "a" }), { usd = 2 })
    end
    local proposal <close> = assert(ready.propose(project, "shop"))
    assert.same({ 2, 3 }, { proposal.tries, proposal.usd })
    assert.equal(3, #place.runs)
    assert.matches("the file is not valid JSON", place.runs[3].prompt, 1, true)
  end)

  it("gives back the lock when the agent fails, and when it raises", function()
    act = function() return { ok = false, kind = "auth", text = "log in" } end
    local _, message, code, hint = ready.propose(project, "shop")
    assert.equal("EAGENT", code)
    assert.equal("ready: specs/shop.md: the agent ended early: it is not logged in: log in", message)
    assert.is_string(hint)
    act = function() error("boom", 0) end
    local ok, raised = pcall(ready.propose, project, "shop")
    assert.is_false(ok)
    assert.matches("^boom", raised)
    act = function() return nil, "run: no engine", "ENOENGINE" end
    assert.equal("ENOENGINE", select(3, ready.propose(project, "shop")))
    assert.same({}, issues())
  end)

  it("is not accepted silently when files of the project changed meanwhile", function()
    act = function()
      place:write("src/a.c", "int a;")
      return left(list({ key = "a" }))
    end
    local proposal = assert(ready.propose(project, "shop"))
    assert.same({ "src/a.c" }, proposal.others)
    local _, message, code = ready.accept(proposal)
    assert.same({ "ready: specs/shop.md: files of the project changed while the agent worked: src/a.c",
      "EFOREIGN" }, { message, code })
    assert.same({}, issues())
    assert.equal(1, #assert(ready.accept(proposal, { anyway = true })))
    proposal:close()
    place:write("specs/shop.md", phases.FILLED .. "More.\n")
    local held <close> = assert(project:lock_work())
    act = function()
      place:write("src/b.c", "")
      return left('{"issues":[]}')
    end
    local second <close> = assert(ready.propose(project, "shop"))
    assert.same({ {}, false }, { second.others, second.is_watched })
    assert.matches("another ralph works in this tree", place.log.told.note[1], 1, true)
    assert.is_truthy(held)
  end)

  it("asks no agent further when the budget is used up", function()
    project.config.max_cost = 1
    act = function(opts)
      opts.on_event({ type = "end", usd = 1.5, usage = { input = 10 } })
      return left("{")
    end
    local _, message, code = ready.propose(project, "shop")
    assert.equal("EAGENT", code)
    assert.matches("its budget is used up: cost 1.50 USD of 1.00", message, 1, true)
    assert.equal(1, #place.runs)
  end)

  it("takes no empty list for a spec without issues", function()
    act = function() return left('{"issues":[]}') end
    local _, message = ready.propose(project, "shop")
    assert.matches("the list is empty", message, 1, true)
    assert.equal(3, #place.runs)
  end)

  it("tells the agent of the issues there are, long titles by their beginning", function()
    local tracker = assert(project:tracker())
    assert(tracker:add({ title = "x" .. ("\u{6f22}"):rep(200), spec_id = "shop" }))
    act = function() return left(list({ key = "a" })) end
    local proposal <close> = assert(ready.propose(project, "shop"))
    assert.equal(1, #proposal.entries)
    assert.matches("[open] x" .. ("\u{6f22}"):rep(53) .. "…\n", place.runs[1].prompt, 1, true)
    assert.truthy(utf8.len(place.runs[1].prompt))
  end)

  it("leaves out what is open under the same title, not what is closed", function()
    local tracker = assert(project:tracker())
    local open = assert(tracker:add({ title = "Add a cart", spec_id = "shop" }))
    local closed = assert(tracker:add({ title = "Old", spec_id = "shop" }))
    assert(tracker:close(closed.id, "done"))
    act = function()
      return left(list({ key = "a", title = "add a  cart." }, { key = "b", title = "Old", needs = { "a" } }))
    end
    local proposal <close> = assert(ready.propose(project, "shop"))
    assert.same({ { title = "add a  cart.", id = open.id } }, proposal.skipped)
    assert.same({ open.id }, proposal.entries[1].needs)
    assert.matches(open.id .. " [open] Add a cart", place.runs[1].prompt, 1, true)
  end)

  it("counts nothing as done when adding fails", function()
    act = function() return left(list({ key = "a" })) end
    local proposal <close> = assert(ready.propose(project, "shop"))
    proposal.tracker = { add_all = function() return nil, "issues: full", "ENOSPC" end }
    assert.equal("ENOSPC", select(3, ready.accept(proposal)))
    local own = assert(states.read(project)).specs.shop
    assert.is_nil(own.base)
    assert.is_nil(own.pending)
  end)

  it("counts the text the agent had, not what was written meanwhile", function()
    act = function()
      place:write("specs/shop.md", phases.FILLED .. "\nWritten meanwhile.\n")
      return left(list({ key = "a" }))
    end
    assert(ready.run(project, "shop"))
    act = function() return left('{"issues":[]}') end
    assert(ready.run(project, "shop"))
    assert.matches("+Written meanwhile.", place.runs[2].prompt, 1, true)
  end)
end)
