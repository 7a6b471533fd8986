-- SPDX-License-Identifier: MIT
-- Specs of ralph.inside and its verbs: what a request does, what is refused, and that no
-- request can do more. The connection here is a table; the tracker writes down calls.

local inside = require("ralph.inside")
local json = require("wrapix.json")

local function new_tracker()
  local calls, n = {}, 0
  local tracker = { calls = calls }
  function tracker.add(_, fields)
    n = n + 1
    calls[#calls + 1] = { "add", fields }
    return { id = "shop-n" .. n, title = fields.title }
  end
  function tracker.dep(_, id, on, kind) calls[#calls + 1] = { "dep", id, on, kind } return true end
  function tracker.comment(_, id, text, author)
    calls[#calls + 1] = { "comment", id, text, author }
    return {}
  end
  function tracker.get(_, id)
    if id == "gone" then return nil, "issues: gone: there is no such issue", "ENOENT" end
    return { id = id, title = "A title\27[2J", status = "open", priority = 1, issue_type = "bug",
      description = "What\tto do", acceptance_criteria = "It works",
      dependencies = { { type = "blocks", depends_on_id = "shop-2" } },
      comments = { { author = "joe", created_at = "2026-01-31T18:00:00Z", text = "look\u{202E}here" } } }
  end
  function tracker.all()
    return { { id = "a", title = "one", status = "open", priority = 0 },
      { id = "b", title = "two", status = "closed", priority = 0 },
      { id = "c", title = "three", status = "in_progress", priority = 3, issue_type = "bug" } }
  end
  return setmetatable(tracker, { __index = function(_, name) error("tracker:" .. name .. " was asked for") end })
end

describe("ralph.inside", function()
  local tracker, box
  local ISSUE = { id = "shop-1", title = "Cart", priority = 1, spec_id = "cart",
    labels = { "profile:rust", "ralph:waiting", "ui" } }

  before_each(function()
    tracker = new_tracker()
    box = inside.new({ tracker = tracker, issue = ISSUE })
  end)

  local function ask(words, stdin)
    return box:answer(assert(json.encode({ version = 1, words = words, stdin = stdin })))
  end
  local function ok(words, stdin)
    local answer = ask(words, stdin)
    assert.equal(0, answer.status, answer.err)
    assert.equal("", answer.err)
    return answer.out
  end
  local function refused(words, reason, status)
    local answer = ask(words)
    assert.equal(status or 2, answer.status)
    assert.equal("", answer.out)
    assert.truthy(answer.err:find(reason, 1, true), answer.err)
    assert.truthy(answer.err:find("^ralph: .*\n$"))
  end

  describe("issue add", function()
    it("adds discovered work with the spec and the labels of the current issue", function()
      assert.equal("shop-n1: Fix the\u{FFFD}[31m parser\n", ok({
         "issue", "add", "Fix the\u{FFFD}\27[31m\u{202E}\n parser",
        "-d", "long\ntext", "-t", "bug", "-p", "0", "--accept", "-" }, "stdin says so\n"))
      local fields = tracker.calls[1][2]
      assert.equal("Fix the\u{FFFD}[31m parser", fields.title)
      assert.same({ { depends_on_id = "shop-1", type = "discovered-from" } }, fields.dependencies)
      fields.dependencies, fields.title = nil, nil
      assert.same({ description = "long\ntext", issue_type = "bug", priority = 0, spec_id = "cart",
        acceptance_criteria = "stdin says so", labels = { "profile:rust", "ui" } }, fields)
      assert.equal(1, #tracker.calls)
    end)

    it("takes the priority of the current issue, and can hold it up", function()
      ok({ "issue", "add", "unquoted", "words", "--blocks-current" })
      assert.equal("unquoted words", tracker.calls[1][2].title)
      assert.equal(1, tracker.calls[1][2].priority)
      assert.equal("task", tracker.calls[1][2].issue_type)
      assert.same({ "dep", "shop-1", "shop-n1", "blocks" }, tracker.calls[2])
    end)

    it("goes through the effect it is given", function()
      local got
      box = inside.new({ tracker = tracker, issue = ISSUE,
        add = function(fields, blocks) got = { fields.title, blocks } return { id = "x-9" } end })
      assert.equal("x-9: T\n", ok({ "issue", "add", "T", "--blocks-current" }))
      assert.same({ "T", "shop-1" }, got)
      assert.same({}, tracker.calls)
    end)

    it("refuses what does not fit", function()
      refused({ "issue", "add" }, "title: is empty")
      refused({ "issue", "add", " \n\27 " }, "title: is empty")
      refused({ "issue", "add", ("x"):rep(301) }, "title: is longer than 300 bytes")
      refused({ "issue", "add", "t", "-t", "epic" }, "-t: is none of bug, task, feature, chore")
      refused({ "issue", "add", "t", "-p", "5" }, "-p: is no number")
      refused({ "issue", "add", "t", "-p", "-1" }, "-p: is no number")
      refused({ "issue", "add", "t", "-d" }, "-d: a text expected")
      refused({ "issue", "add", "t", "-d", ("x"):rep(65537) }, "-d: is longer than")
      refused({ "issue", "add", "t", "--status", "closed" }, "unknown option --status")
      refused({ "issue", "add", "t", "--id=shop-1" }, "unknown option --id=shop-1")
      assert.same({}, tracker.calls)
    end)

    it("adds twenty in an attempt and no more", function()
      for i = 1, 20 do ok({ "issue", "add", "t" .. i }) end
      refused({ "issue", "add", "t21" }, "20 issues were added", 1)
      assert.equal(20, #tracker.calls)
    end)

    it("tells what the tracker says", function()
      box = inside.new({ tracker = tracker, issue = ISSUE,
        add = function() return nil, "issues: the list was changed by another", "EFOREIGN" end })
      refused({ "issue", "add", "t" }, "issues: the list was changed by another", 1)
    end)
  end)

  it("shows issues, cleaned", function()
    local line = json.encode({ version = 1, words = { "issue", "show" } })
    assert.truthy(box:answer(line).out:find("^shop%-1  open  P1  bug  A title"))
    local out = ok({ "issue", "show", "shop-7" })
    assert.truthy(out:find("shop-7  open  P1  bug  A title[2J\n\nWhat\tto do\n\nAcceptance:\nIt works", 1, true), out)
    assert.truthy(out:find("blocks shop-2", 1, true))
    refused({ "issue", "show", "gone" }, "there is no such issue", 1)
    refused({ "issue", "show", "../x" }, "is no id")
    refused({ "issue", "show", "a", "b" }, "one id expected")
    assert.equal("a  open  P0  task  one\nc  in_progress  P3  bug  three\n", ok({ "issue", "list" }))
  end)

  it("notes on the current issue", function()
    local heard
    box = inside.new({ tracker = tracker, issue = ISSUE, on_note = function(text) heard = text end })
    assert.equal("noted on shop-1\n", ok({ "note", "first\27]0;x\7 line\r\nsecond" }))
    assert.same({ "comment", "shop-1", "first]0;x line\nsecond", "agent" }, tracker.calls[1])
    assert.equal("first]0;x line second", heard)
    ok({ "note", "-" }, "of stdin")
    assert.equal("of stdin", tracker.calls[2][3])
    ok({ "note", "--", "-x" })
    ok({ "note", "-5 degrees" })
    refused({ "note" }, "note: is empty")
    refused({ "note", "-x" }, "unknown option -x")
    refused({ "note", ("x"):rep(32769) }, "note: is longer than")
    assert.equal(4, #tracker.calls)
  end)

  describe("the end", function()
    it("is what was said last, and changes nothing at once", function()
      assert.is_nil(box:signal())
      ok({ "blocked", "no", "network" })
      assert.same({ kind = "blocked", by = "socket", text = "no network" }, box:signal())
      ok({ "ask", "Red or blue?", "--option", "Red", "--option=Blue\n" })
      assert.same({ kind = "ask", by = "socket", text = "Red or blue?", options = { "Red", "Blue" } }, box:signal())
      ok({ "ask", "Open?" })
      assert.same({ kind = "ask", by = "socket", text = "Open?" }, box:signal())
      ok({ "done" })
      assert.same({ kind = "done", by = "socket" }, box:signal())
      ok({ "done", "All", "of it", "--no-change", "was there already" })
      assert.same({ kind = "done", by = "socket", text = "All of it", no_change = "was there already" }, box:signal())
      assert.same({}, tracker.calls)
      ok({ "issue", "add", "later" })
      ok({ "note", "afterwards" })
      assert.equal(2, #tracker.calls)
      assert.equal("done", box:signal().kind)
    end)

    it("needs a reason where there is one, and keeps the last that had", function()
      ok({ "done" })
      refused({ "blocked" }, "blocked: reason: is empty")
      refused({ "blocked", " " }, "reason: is empty")
      refused({ "ask", "--option", "a" }, "question: is empty")
      refused({ "ask", "q", "--option" }, "--option: a text expected")
      refused({ "ask", "q", "--option", "" }, "--option: is empty")
      refused({ "done", "--no-change" }, "--no-change: a text expected")
      refused({ "done", "--no-change", "" }, "--no-change: is empty")
      refused({ "done", "--force" }, "unknown option --force")
      local many = { "ask", "q" }
      for _ = 1, 10 do
        many[#many + 1] = "--option"
        many[#many + 1] = "x"
      end
      refused(many, "more than 9 options")
      assert.same({ kind = "done", by = "socket" }, box:signal())
    end)
  end)

  it("has no other verbs", function()
    for _, words in ipairs({ { "close" }, { "claim", "x" }, { "update", "x" }, { "reopen", "x" }, { "dep", "add" },
      { "import" }, { "step" }, { "loop" }, { "__index" }, { "" } }) do
      refused(words, "there is no such verb here")
    end
    for _, verb in ipairs({ "close", "update", "claim", "delete", "" }) do
      refused({ "issue", verb, "shop-2" }, "nothing else can be done")
    end
    refused({ "issue" }, "add, show or list expected")
    for _, words in ipairs({ { "help" }, { "--help" }, { "done", "--help" } }) do
      assert.truthy(ok(words):find("ralph issue add TITLE", 1, true))
    end
    assert.is_nil(box:signal())
  end)

  it("writes down what was asked, cleaned and shortened", function()
    local heard = {}
    box = inside.new({ tracker = tracker, issue = ISSUE, on_request = function(one) heard[#heard + 1] = one end })
    ask({ "note", "a\27b" .. ("x"):rep(500) })
    ask({ "close" })
    box:answer("nonsense")
    assert.equal(2, #box.requests)
    assert.same(box.requests, heard)
    assert.same({ "note", "close" }, { box.requests[1].words[1], box.requests[2].words[1] })
    assert.equal(200, #box.requests[1].words[2])
    assert.same({ 0, 2 }, { box.requests[1].status, box.requests[2].status })
    assert.is_string(json.encode(box.requests))
  end)

  it("answers what is no request", function()
    for _, line in ipairs({ "", "{", "[]", "1", "null", "{}", '{"version":2,"words":["help"]}', '{"version":1}',
      '{"version":1,"words":[]}', '{"version":1,"words":{}}', '{"version":1,"words":["a",1]}',
      '{"version":1,"words":{"a":"b"}}', '{"version":1,"words":"help"}', '{"version":1,"words":[null]}',
      '{"version":1,"words":["note","-"],"stdin":{}}', '{"version":1,"words":["help"],"words":["done"]}',
      ("["):rep(100000), '{"version":1,"words":["a\\u0000"]}', '{"version":1,"words":["\xff"]}' }) do
      local answer = box:answer(line)
      assert.equal(1, answer.status)
      assert.truthy(answer.err:find("^ralph: "), line)
    end
    local words = {}
    for i = 1, 65 do words[i] = "x" end
    refused(words, "no list of 1 to 64 words", 1)
    assert.is_nil(box:signal())
    assert.same({}, tracker.calls)
  end)

  it("takes two hundred requests in an attempt", function()
    for _ = 1, 200 do ok({ "help" }) end
    refused({ "done" }, "there were 200 requests", 1)
    assert.is_nil(box:signal())
    assert.equal(200, #box.requests)
  end)

  it("survives a tracker that raises", function()
    local warned
    box = inside.new({ tracker = tracker, issue = ISSUE, note = function() error("disk on fire") end,
      log = { warn = function(_, text) warned = text end } })
    refused({ "note", "x" }, "the request failed outside", 1)
    assert.truthy(warned:find("disk on fire", 1, true))
    ok({ "done" })
  end)

  it("is quick with texts that are made to be slow", function()
    local start = os.clock()
    ask({ "note", (" "):rep(32000) .. "x" .. (" "):rep(500) })
    ask({ "note", "x" .. (" "):rep(31000) .. "y" })
    ask({ "note", "-" }, ("\xC2\x80"):rep(16000))
    ask({ "blocked", ("\u{202E}"):rep(1300) .. "x" })
    assert.is_true(os.clock() - start < 1)
  end)

  it("blames the caller for options it does not know", function()
    assert.has_error(function() inside.new({ tracker = tracker, issue = ISSUE, other = 1 }) end,
      "inside.new: unknown option 'other'")
    assert.has_error(function() inside.new({ tracker = tracker, issue = {} }) end,
      "inside.new: tracker and issue expected")
    assert.has_error(function() inside.new({ tracker = tracker, issue = ISSUE, add = 1 }) end,
      "inside.new: add: a function expected")
  end)
end)
