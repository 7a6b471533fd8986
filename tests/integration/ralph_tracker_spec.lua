-- SPDX-License-Identifier: MIT
-- One suite over all trackers: the embedded one, and that of `bd` by its double, whose
-- answers come in both forms and with warnings beside them.

local claims = require("ralph.tracker.claim")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local sys = require("wrapix.sys")
local trackers = require("ralph.tracker")

local BD = WRAPIX_ROOT .. "/tests/support/fake_bd/bd"
local PROGRAM = assert(fs.realpath("/proc/self/exe"))

local function bd_of(dir, env)
  local all = { FAKE_BD_WRAPIX = PROGRAM, FAKE_BD_DIR = dir .. "/bd" }
  for name, value in pairs(env or {}) do all[name] = value end
  assert(fs.ensure_dir(dir .. "/bd"))
  return { argv = { BD }, env = all }
end

local KINDS = {
  { name = "embedded", project = function(dir)
    return { root = dir, dirs = { state = dir .. "/state" }, config = { tracker = "embedded" } }
  end },
  { name = "bd", project = function(dir)
    return { root = dir, dirs = { state = dir .. "/state" }, config = { tracker = "bd" },
      bd = bd_of(dir, { BD_JSON_ENVELOPE = false, FAKE_BD_SHOW = "object" }) }
  end },
  { name = "bd, answers in an envelope and warnings", project = function(dir)
    return { root = dir, dirs = { state = dir .. "/state" }, config = { tracker = "bd" },
      bd = bd_of(dir, { BD_JSON_ENVELOPE = "1", FAKE_BD_WARN = "1" }) }
  end },
}

local function ids_of(list)
  local ids = {}
  for i, issue in ipairs(list) do ids[i] = issue.id end
  return ids
end

local function kinds_of(why)
  local kinds = {}
  for i, reason in ipairs(why.reasons) do kinds[i] = reason.kind end
  return kinds
end

for _, kind in ipairs(KINDS) do
  describe("the tracker " .. kind.name, function()
    local dir, T

    before_each(function()
      dir = assert(fs.realpath(assert(fs.temp_dir("ralph-tracker-"))))
      T = assert(trackers.open(kind.project(dir)))
    end)

    after_each(function() assert(fs.remove_tree(dir)) end)

    local function add(title, more)
      local fields = { title = title }
      for key, value in pairs(more or {}) do fields[key] = value end
      return assert(T:add(fields))
    end

    it("says what it is and begins empty", function()
      assert.equal(kind.name:match("^%w+"), T.kind)
      assert.same({}, assert(T:all()))
      assert.same({}, assert(T:ready()))
      assert.same({ open = 0, in_progress = 0, blocked = 0, closed = 0, ready = 0, waiting = 0,
        deferred = 0 }, assert(T:counts()))
      assert.equal("ENOENT", select(3, T:get("nothing-here")))
    end)

    it("keeps the fields of an issue", function()
      local fields = { title = "Round half up; 日本 $(x) `y` 'z'", description = "line one\n-- two",
        acceptance_criteria = "a test", design = "so", notes = "n", spec_id = "shop", priority = 0,
        issue_type = "bug", labels = { "b", "profile:rust", "a" }, assignee = "ann",
        metadata = { other = { deep = { 1, 2 } }, wrapix = { attempts = 2 } } }
      local made = assert(T:add(fields))
      local issue = assert(T:get(made.id))
      for _, key in ipairs({ "title", "description", "acceptance_criteria", "design", "notes", "spec_id",
        "priority", "issue_type", "assignee", "metadata" }) do
        assert.same(fields[key], issue[key], key)
      end
      assert.same({ "a", "b", "profile:rust" }, issue.labels)
      assert.equal("open", issue.status)
      assert.equal("task", add("plain").issue_type)
      assert.equal(made.id, T:get(made.id:sub(1, -2)).id)
    end)

    it("lists by status, spec, label and type, in the order of the work", function()
      local a = add("a", { priority = 2, labels = { "x" }, spec_id = "one" })
      local b = add("b", { priority = 1, issue_type = "bug" })
      local c = add("c", { priority = 2, spec_id = "one" })
      assert(T:close(c.id))
      assert.same({ b.id, a.id, c.id }, ids_of(T:all()))
      assert.same({ a.id, c.id }, ids_of(T:all({ spec = "one" })))
      assert.same({ a.id }, ids_of(T:all({ label = "x" })))
      assert.same({ b.id }, ids_of(T:all({ type = "bug" })))
      assert.same({ c.id }, ids_of(T:all({ status = "closed" })))
    end)

    it("has ready what nothing blocks: urgent first, then the oldest", function()
      local late = add("late", { priority = 3 })
      local old = add("old")
      local new = add("new")
      local first = add("first", { priority = 0, spec_id = "shop" })
      local blocked = add("blocked", { priority = 0, needs = { old.id } })
      add("epic", { issue_type = "epic", priority = 0 })
      add("later", { defer_until = "2999-01-01T00:00:00Z" })
      assert.same({ first.id, old.id, new.id, late.id }, ids_of(T:ready()))
      assert.same({ first.id }, ids_of(T:ready({ spec = "shop" })))
      local two, more = T:ready({ limit = 2 })
      assert.same({ first.id, old.id }, ids_of(two))
      assert.is_true(more)
      assert(T:close(old.id))
      assert.same({ first.id, blocked.id, new.id, late.id }, ids_of(T:ready()))
      local counts = assert(T:counts())
      assert.same({ 5, 4, 1, 1, 0 }, { counts.open, counts.ready, counts.closed, counts.deferred,
        counts.blocked })
    end)

    it("tells why an issue is not ready", function()
      local a = add("a")
      local b = add("b", { needs = { a.id } })
      local epic = add("epic", { issue_type = "epic", needs = { a.id } })
      local child = add("child", { parent = epic.id })
      local later = add("later", { defer_until = "2999-01-01T00:00:00Z" })
      assert.is_true(T:why(a.id).ready)
      local why = assert(T:why(b.id))
      assert.is_false(why.ready)
      assert.same({ "blocked" }, kinds_of(why))
      assert.equal(a.id, why.reasons[1].id)
      assert.same({ "parent" }, kinds_of(T:why(child.id)))
      assert.same({ "container", "blocked" }, kinds_of(T:why(epic.id)))
      assert.same({ "deferred" }, kinds_of(T:why(later.id)))
      assert(T:close(a.id))
      assert.is_true(T:why(child.id).ready)
      assert.same({ "closed" }, kinds_of(T:why(a.id)))
      assert.same({ child.id, b.id }, { T:ready()[2].id, T:ready()[1].id })
    end)

    it("runs what depends on a failure only after one", function()
      local a, b = add("try"), add("other try")
      local after_a = add("if a fails")
      local after_b = add("if b fails")
      assert(T:dep(after_a.id, a.id, "conditional-blocks"))
      assert(T:dep(after_b.id, b.id, "conditional-blocks"))
      assert.same({ a.id, b.id }, ids_of(T:ready()))
      assert(T:close(a.id, "Rejected by the maintainers"))
      assert(T:close(b.id, "done"))
      assert.same({ after_a.id }, ids_of(T:ready()))
      assert.same({ "blocked" }, kinds_of(T:why(after_b.id)))
    end)

    it("waits for the children of another", function()
      local parent = add("parent", { issue_type = "epic" })
      local waiter = add("waiter")
      assert(T:dep(waiter.id, parent.id, "waits-for"))
      assert.same({ waiter.id }, ids_of(T:ready()))
      local one, two = add("one", { parent = parent.id }), add("two", { parent = parent.id })
      assert.same({ "blocked" }, kinds_of(T:why(waiter.id)))
      assert(T:close(one.id))
      assert.is_false(T:why(waiter.id).ready)
      assert(T:close(two.id))
      assert.same({ waiter.id }, ids_of(T:ready()))
    end)

    it("is not blocked by what only says something", function()
      local a = add("a")
      local b = add("b", { dependencies = { { depends_on_id = a.id, type = "discovered-from" } } })
      assert.same({ a.id, b.id }, ids_of(T:ready()))
      assert.equal("discovered-from", T:get(b.id).dependencies[1].type)
      assert.equal(a.id, T:get(b.id).dependencies[1].depends_on_id)
    end)

    it("refuses circles, also through parents", function()
      local a = add("a")
      local b = add("b", { needs = { a.id } })
      local c = add("c", { needs = { b.id } })
      assert.equal("ECYCLE", select(3, T:dep(a.id, c.id)))
      assert.equal("ECYCLE", select(3, T:dep(a.id, a.id)))
      assert.equal("ECYCLE", select(3, T:dep(a.id, c.id, "parent-child")))
      assert(T:dep(a.id, c.id, "related"))
      assert.same({ a.id }, ids_of(T:ready()))
      assert.is_true(T:undep(a.id, c.id))
      assert.equal("ENOENT", select(3, T:undep(a.id, c.id)))
      assert.equal("ENOENT", select(3, T:dep(a.id, "none-1")))
      assert(T:undep(b.id, a.id))
      assert.same({ a.id, b.id }, ids_of(T:ready()))
    end)

    it("adds a list or none of it", function()
      local there = add("there")
      local list = assert(T:add_all({
        { key = "test", title = "test it", needs = { "build", there.id } },
        { key = "build", title = "build it" },
        { title = "part", parent = "build", labels = { "x" } },
      }))
      assert.same({ "test it", "build it", "part" },
        { list[1].title, list[2].title, list[3].title })
      assert.equal(list[2].id .. ".1", list[3].id)
      assert.same({ "blocked", "blocked" }, kinds_of(T:why(list[1].id)))
      local before = ids_of(T:all())
      local bad = {
        { { title = "x", key = "a", needs = { "b" } }, { title = "y", key = "b", needs = { "a" } } },
        { { title = "x" }, { title = "" } },
        { { title = "x" }, { title = "y", priority = 7 } },
        { { title = "x" }, { title = "y", needs = { "nowhere" } } },
        { { title = "x", key = "k" }, { title = "y", key = "k" } },
        { { title = "x" }, { title = "y", prioritty = 1 } },
      }
      local codes = { "ECYCLE", "EINVAL", "EINVAL", "ENOENT", "EINVAL", "EINVAL" }
      for i, entries in ipairs(bad) do
        local made, message, code = T:add_all(entries)
        assert.is_nil(made)
        assert.equal(codes[i], code, message)
      end
      assert.same(before, ids_of(T:all()))
      assert.matches("priority", select(2, T:add_all(bad[6])))
    end)

    it("changes fields, merges metadata and takes away", function()
      local id = add("a", { metadata = { x = 1, wrapix = { attempts = 1 } }, notes = "n",
        assignee = "ann" }).id
      local issue = assert(T:update(id, { title = "b", priority = 4, labels = { "l" },
        metadata = { wrapix = { failure = "f" }, y = 2 }, notes = json.null }))
      assert.equal("b", issue.title)
      assert.is_nil(issue.notes)
      assert.same({ x = 1, y = 2, wrapix = { attempts = 1, failure = "f" } }, issue.metadata)
      issue = assert(T:update(id, { metadata = { x = json.null, wrapix = { attempts = json.null } },
        labels = json.array(), assignee = "" }))
      assert.same({ y = 2, wrapix = { failure = "f" } }, issue.metadata)
      assert.is_nil(issue.labels)
      assert.is_nil(issue.assignee)
      for _, fields in ipairs({ { title = "" }, { priority = 9 }, { id = "other-1" }, { labels = "x" },
        { created_at = "2026-01-01T00:00:00Z" }, { stauts = "open" }, { defer_until = "tomorrow" } }) do
        assert.equal("EINVAL", select(3, T:update(id, fields)))
      end
      assert.equal("deferred", T:update(id, { status = "deferred" }).status)
      assert.same({}, T:ready())
    end)

    it("is claimed by one, for a process of this host", function()
      local id = add("a").id
      local issue = assert(T:claim(id))
      assert.equal("in_progress", issue.status)
      assert.equal(sys.username(), issue.assignee)
      assert.truthy(issue.started_at)
      local own = issue.metadata.wrapix
      assert.equal("alive", require("wrapix.owner").state(require("wrapix.owner").decode(own.owner)))
      assert.equal(claims.host(), own.host)
      assert.same({}, T:ready())
      assert.equal("in_progress", T:claim(id).status) -- again, for the same process
      assert.equal("ECLAIMED", select(3, T:claim(id, false)))
      assert.equal("ECLAIMED", select(3, T:claim(id, "0000:99999:1")))
      assert.same({ "claimed" }, kinds_of(T:why(id)))
      issue = assert(T:release(id, { notes = "tried" }))
      assert.same({ "open", "tried" }, { issue.status, issue.notes })
      assert.is_nil(issue.assignee)
      assert.is_nil(issue.metadata and issue.metadata.wrapix)
      assert.same({ id }, ids_of(T:ready()))
    end)

    it("does not give away what is not ready", function()
      local a = add("a")
      local b = add("b", { needs = { a.id } })
      local epic = add("e", { issue_type = "epic" })
      local taken = add("t", { assignee = "somebody-else" })
      for _, id in ipairs({ b.id, epic.id }) do
        local claimed, message, code = T:claim(id)
        assert.is_nil(claimed)
        assert.equal("ENOTREADY", code, message)
      end
      assert.equal("ECLAIMED", select(3, T:claim(taken.id)))
      assert(T:close(a.id))
      assert.equal("ENOTREADY", select(3, T:claim(a.id)))
      assert.equal("ENOENT", select(3, T:claim("none-1")))
    end)

    it("knows what a dead process of this host left, and nothing else", function()
      local dead, alive, person, far = add("a"), add("b"), add("c"), add("d")
      local boot = assert(sys.boot_id())
      assert(T:claim(dead.id, ("%s:%d:1"):format(boot, sys.pid())))
      assert(T:claim(alive.id))
      assert(T:claim(person.id, false))
      assert(T:claim(far.id, "0000-1111:4242:77"))
      assert(T:update(far.id, { metadata = { wrapix = { host = "elsewhere:1" } } }))
      assert.same({ dead.id }, ids_of(T:orphans()))
      -- A start of this machine ends all processes of the one before.
      assert(T:update(far.id, { metadata = { wrapix = { host = claims.host() } } }))
      assert.same({ dead.id, far.id }, ids_of(T:orphans()))
      assert(T:release(dead.id))
      assert.same({ far.id }, ids_of(T:orphans()))
    end)

    it("closes and opens again", function()
      local id = add("a").id
      assert(T:claim(id))
      local issue = assert(T:close(id, "done: it works"))
      assert.same({ "closed", "done: it works" }, { issue.status, issue.close_reason })
      assert.truthy(issue.closed_at)
      assert.is_nil(issue.metadata and issue.metadata.wrapix)
      assert.equal("done: it works", T:close(id, "other").close_reason)
      issue = assert(T:reopen(id, "not quite"))
      assert.equal("open", issue.status)
      assert.is_nil(issue.closed_at)
      assert.is_nil(issue.close_reason)
      assert.equal("not quite", issue.comments[1].text)
      assert.same({ id }, ids_of(T:ready()))
      assert(T:claim(id))
    end)

    it("asks a person and waits for the answer", function()
      local id = add("a", { metadata = { wrapix = { attempts = 2 } } }).id
      assert(T:claim(id))
      local issue = assert(T:ask(id, { text = "red or blue?", options = { "red", "blue" } }))
      assert.equal("open", issue.status)
      assert.same({ trackers.WAITING }, issue.labels)
      assert.same({ text = "red or blue?", options = { "red", "blue" } },
        issue.metadata.wrapix.question)
      assert.is_nil(issue.metadata.wrapix.owner)
      assert.same({}, T:ready())
      assert.same({ "waiting" }, kinds_of(T:why(id)))
      assert.matches("red or blue", T:why(id).reasons[1].text)
      assert.equal("ENOTREADY", select(3, T:claim(id)))
      assert.equal(1, T:counts().waiting)
      assert.equal("EINVAL", select(3, T:answer(id, " ")))
      issue = assert(T:answer(id, "blue"))
      assert.equal("blue", issue.metadata.wrapix.question.answer)
      assert.is_nil(issue.metadata.wrapix.attempts) -- a new start
      assert.is_nil(issue.labels)
      assert.matches("red or blue%?.*blue", issue.comments[1].text)
      assert.same({ id }, ids_of(T:ready()))
      assert.equal("ENOENT", select(3, T:answer(id, "red")))
      for _, question in ipairs({ {}, { text = "" }, { text = "x", options = { "" } }, "why",
        { text = "x", options = { 1 } } }) do
        assert.equal("EINVAL", select(3, T:ask(id, question)))
      end
    end)

    it("puts an issue aside until a person reopens it", function()
      local id = add("a", { labels = { "keep" } }).id
      assert(T:claim(id))
      local issue = assert(T:park(id, "failed three times"))
      assert.same({ "keep", trackers.WAITING }, issue.labels)
      assert.equal("failed three times", issue.metadata.wrapix.parked)
      assert.same({}, T:ready())
      assert.matches("failed three times", T:why(id).reasons[1].text)
      assert.equal("ENOTREADY", select(3, T:claim(id)))
      issue = assert(T:reopen(id))
      assert.same({ "keep" }, issue.labels)
      assert.is_nil(issue.metadata and issue.metadata.wrapix)
      assert.same({ id }, ids_of(T:ready()))
    end)

    it("keeps comments in their order", function()
      local id = add("a").id
      assert(T:comment(id, "one\ntwo", "agent"))
      assert(T:comment(id, "--flag"))
      local comments = T:get(id).comments
      assert.same({ "one\ntwo", "--flag" }, { comments[1].text, comments[2].text })
      assert.same({ "agent", sys.username() }, { comments[1].author, comments[2].author })
      assert.equal("EINVAL", select(3, T:comment(id, "\n")))
    end)

    it("exports what it can import", function()
      local a = add("a", { labels = { "x" }, description = "text" })
      add("b", { needs = { a.id } })
      assert(T:comment(a.id, "hello"))
      local text = assert(T:export())
      assert.matches('"_type":"issue"', text)
      local other = dir .. "/other"
      assert(fs.ensure_dir(other))
      local U = assert(trackers.open(kind.project(other)))
      local counts = assert(U:import(text))
      assert.same({ 2, 0 }, { counts.created, counts.updated })
      assert.same(T:all(), U:all())
      assert.same({ a.id }, ids_of(U:ready()))
      assert.same({ 0, 0 }, { U:import("").created, U:import("").updated })
      assert.is_nil((U:import(text .. '{"id":"x-1"}\n')))
      assert.is_nil((U:import("no json\n")))
      assert.equal(2, #U:all())
    end)

    it("has a guard that its own changes do not trip", function()
      local id = add("a").id
      local guard = assert(T:guard())
      assert.is_true(guard:check())
      assert(T:claim(id))
      assert(T:close(id))
      assert.is_true(guard:check())
    end)
  end)
end

describe("the tracker bd", function()
  local dir

  before_each(function() dir = assert(fs.realpath(assert(fs.temp_dir("ralph-tracker-")))) end)
  after_each(function() assert(fs.remove_tree(dir)) end)

  local function open(env, more)
    local bd = bd_of(dir, env)
    for key, value in pairs(more or {}) do bd[key] = value end
    return assert(trackers.open({ root = dir, dirs = { state = dir .. "/state" },
      config = { tracker = "bd" }, bd = bd }))
  end

  it("waits for an answer no longer than it should", function()
    local list, message, code, hint = open({ FAKE_BD_HANG = "1" }, { timeout = 0.3 }):all()
    assert.is_nil(list)
    assert.equal("ETIMEDOUT", code)
    assert.matches("bd export: has not answered within 0.3 seconds", message)
    assert.matches("bd doctor", hint)
  end)

  it("says when there is no bd", function()
    local list, message, code, hint = open({}, { argv = { "/nonexistent/bd" } }):all()
    assert.is_nil(list)
    assert.equal("ENOENT", code)
    assert.matches("nonexistent", message)
    assert.matches("embedded", hint)
  end)

  it("refuses an answer that is no JSON, and tells what bd says of a failure", function()
    assert.equal("EBADMSG", select(3, open({ FAKE_BD_GARBAGE = "1" }):ready()))
    local T = open({})
    local _, message, code = T._bd:call({ "update", "none-1", "--claim" })
    assert.equal("ENOENT", code)
    assert.matches('no issue found matching "none%-1"', message)
    assert.matches("unknown flag: %-%-frobnicate", select(2, T._bd:call({ "show", "--frobnicate" })))
  end)

  it("gives no words of an issue to a shell, and none as an option", function()
    local T = open({})
    local issue = assert(T:add({ title = "--silent", description = "$(touch " .. dir .. "/x)",
      assignee = "-a b" }))
    assert.equal("--silent", T:get(issue.id).title)
    assert.is_nil(fs.stat(dir .. "/x"))
  end)

  it("takes back what it added when bd fails in the middle", function()
    local T = open({})
    local real = T._bd.issues
    local count = 0
    T._bd.issues = function(self, words)
      if words[1] == "create" then
        count = count + 1
        if count == 2 then return nil, "bd create: dolt fell over", "EBD" end
      end
      return real(self, words)
    end
    local made, message = T:add_all({ { title = "one" }, { title = "two" } })
    assert.is_nil(made)
    assert.matches("fell over; closed as cancelled: %S+$", message)
    local all = T:all()
    assert.same({ "closed" }, { all[1].status, all[2] })
    -- Neither is what cannot be closed kept quiet, nor what is there lost.
    local call = T._bd.call
    count, T._bd.call = 0, function(self, words, ...)
      if words[1] == "close" then return nil, "bd close: dolt is gone", "EBD" end
      return call(self, words, ...)
    end
    assert.matches("; added, and could not be closed: %S+$", select(2, T:add_all({ { title = "a" }, { title = "b" } })))
    T._bd.call = call
    T._bd.issues = function(self, words)
      if words[1] == "show" then return nil, "bd show: dolt fell over", "EBD" end
      return real(self, words)
    end
    assert.equal("three", assert(T:add_all({ { title = "three" } }))[1].title)
  end)
end)
