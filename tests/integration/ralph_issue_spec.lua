-- SPDX-License-Identifier: MIT
-- `ralph issue` and `ralph answer` as programs: words in, text, JSON and status out; many at
-- once; and what git makes of the list on two branches.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")
local worlds = require("support.world")

describe("ralph issue", function()
  local world

  before_each(function() world = worlds.new() end)
  after_each(function() world:close() end)

  local function ralph(...) return world:run({ "ralph", ... }) end
  local function issue(...) return world:run({ "ralph", "issue", ... }) end

  local function ok(result)
    assert.equal(0, result.code, result.stderr)
    return result.stdout
  end

  local function data(...)
    local words = { ... }
    words[#words + 1] = "--json"
    return assert(json.decode(ok(issue(table.unpack(words)))))
  end
  local function decode(result) return assert(json.decode(ok(result))) end
  local function id_of(result) return (ok(result):gsub("\n", "")) end

  it("does the whole life of an issue", function()
    local a = id_of(issue("add", "Round half up", "-t", "bug", "-p", "1", "-l", "profile:rust",
      "--spec", "shop", "-d", "what\nit is", "--acceptance", "a test"))
    local b = id_of(issue("add", "Then this", "--needs", a:sub(1, -2)))
    assert.matches("^work%-%w%w%w%w$", a)
    assert.matches(a .. "  1  bug   open    Round half up", ok(issue("list")), 1, true)
    assert.is_nil(ok(issue("ready")):find(b, 1, true))
    local why = issue("why", b)
    assert.equal(1, why.code)
    assert.matches("waits for " .. a .. ", which is open", why.stdout, 1, true)
    assert.matches("^" .. a:gsub("%-", "%%-") .. ": claimed", ok(issue("claim", a)))
    local again = issue("claim", a)
    assert.equal(0, again.code) -- the same person
    assert.matches("done in", ok(issue("show", ok(issue("close", a, "-r", "done in x")) and a)))
    assert.equal(0, issue("why", b).code)
    assert.matches(b, ok(issue("ready")), 1, true)
    assert.matches("open", ok(issue("reopen", a, "-r", "not yet")))
    assert.matches("not yet", ok(issue("show", a)))
  end)

  it("adds to the spec in work, where a loop looks, unless another or none is named", function()
    assert.is_nil(data("add", "before there is one").spec_id)
    ok(world:run({ "ralph", "start", "shop" }))
    assert.equal("shop", data("add", "a").spec_id)
    assert.equal("till", data("add", "b", "--spec", "till").spec_id)
    assert.is_nil(data("add", "c", "--spec", "").spec_id)
    assert.matches("1 ready", ok(world:run({ "ralph", "loop", "--dry-run" })), 1, true)
  end)

  it("answers with --json in the forms of beads", function()
    local a = decode(issue("add", "a", "--json"))
    assert.equal("a", a.title)
    local b = decode(issue("add", "b", "--json", "--parent", a.id))
    assert.equal(a.id .. ".1", b.id)
    local c = decode(issue("add", "c", "--json", "--discovered-from", a.id, "--id", "work-c"))
    assert.equal("discovered-from", c.dependencies[1].type)
    assert.equal("[]\n", ok(issue("list", "--status", "closed", "--json")))
    assert.equal(3, #data("list"))
    assert.equal(1, #data("ready", "--limit", "1"))
    assert.equal(1, #decode(issue("show", a.id, "--json")))
    assert.equal(2, #decode(issue("show", a.id, c.id, "--json")))
    assert.equal("in_progress", decode(issue("claim", a.id, "--json"))[1].status)
    assert.same({ status = "added", issue_id = c.id, depends_on_id = b.id, type = "blocks" },
      decode(issue("dep", "add", c.id, b.id, "--json")))
    local deps = data("dep", "list", c.id)
    assert.same({ { id = a.id, type = "discovered-from", status = "in_progress", title = "a" },
      { id = b.id, type = "blocks", status = "open", title = "b" } }, deps)
    assert.equal("removed", decode(issue("dep", "remove", c.id, b.id, "--json")).status)
    local why = issue("why", a.id, "--json")
    assert.equal(1, why.code)
    assert.equal("claimed", json.decode(why.stdout).reasons[1].kind)
    assert.equal("closed", decode(issue("close", a.id, b.id, "--json"))[2].status)
    local changed = decode(issue("update", c.id, "-p", "P0", "--add-label", "x", "--metadata",
      '{"k":{"v":1}}', "--json"))[1]
    assert.same({ 0, { "x" }, { k = { v = 1 } } }, { changed.priority, changed.labels, changed.metadata })
  end)

  it("ends with 2 for wrong words and 1 for a refusal, with a message each", function()
    local a = id_of(issue("add", "a"))
    local wrong = {
      { "add" }, { "add", "x", "-p", "9" }, { "add", "x", "y" }, { "list", "--limit", "many" },
      { "show" }, { "update", a }, { "update", a, "--metadata", "[1]" }, { "dep", "add", a },
      { "frobnicate" }, { "claim", a, "--pid", "0" }, { "list", "--colour" }, { "dep", "frob" },
      { "add", "x", "-d", "-", "--notes", "-" },
    }
    for _, words in ipairs(wrong) do
      local result = issue(table.unpack(words))
      assert.equal(2, result.code, table.concat(words, " "))
      assert.matches("^wrapix: usage: ", result.stderr)
      assert.equal("", result.stdout)
    end
    local refused = { { "show", "none-1" }, { "claim", "none-1" }, { "add", "" }, { "close", "none-1" },
      { "add", "x", "--needs", "none-1" }, { "dep", "add", a, a }, { "update", a, "--title", "" },
      { "add", "a\nb" }, { "update", a, "--status", "in_progres" },
      { "update", a, "--title", "a\nb" }, { "add", "x", "--defer", "2026-02-30T00:00:00Z" },
      { "import", "/nonexistent" }, { "claim", a, "--pid", "2147483647" },
      { "add", "x", "--defer", "tomorrow" }, { "show", "../../etc/passwd" } }
    for _, words in ipairs(refused) do
      local result = issue(table.unpack(words))
      assert.equal(1, result.code, table.concat(words, " "))
      assert.matches("^wrapix: ", result.stderr)
    end
    assert.equal(1, #data("list"))
  end)

  it("reads long texts from stdin", function()
    local id = id_of(world:run({ "ralph", "issue", "add", "a", "-d", "-" },
      { input = "one\n-- two\n\n" }))
    assert.equal("one\n-- two", decode(issue("show", id, "--json"))[1].description)
    ok(world:run({ "ralph", "issue", "update", id, "--comment", "-" }, { input = "hello\n" }))
    assert.matches("hello", ok(issue("show", id)))
  end)

  it("shows hostile texts as harmless ones", function()
    local evil = "x\27[2J\27]0;t\7\r\u{202e}y"
    local id = id_of(issue("add", evil, "-d", "d\27[31m\nl2", "-l", "a\27b"))
    ok(world:run({ "ralph", "issue", "update", id, "--comment", "c\27[1m", "--assignee", "e\7" }))
    for _, words in ipairs({ { "list" }, { "show", id }, { "ready" }, { "close", id } }) do
      local text = ok(issue(table.unpack(words)))
      assert.is_nil(text:find("[\0-\9\11-\31\127]"), table.concat(words, " "))
      assert.is_nil(text:find("\u{202e}", 1, true))
    end
    assert.equal(evil, decode(issue("show", id, "--json"))[1].title)
  end)

  it("imports and exports in the format of beads", function()
    local export = table.concat({
      '{"_type":"issue","id":"bd-1","title":"epic","status":"open","priority":1,"issue_type":"epic",'
        .. '"created_at":"2026-01-01T00:00:00+01:00","updated_at":"2026-01-01T00:00:00Z",'
        .. '"dependency_count":0,"dependent_count":1,"comment_count":0,"hook_bead":"kept"}',
      '{"_type":"issue","id":"bd-1.1","title":"part","status":"open","priority":1,'
        .. '"created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z","parent":"bd-1"}',
      '{"_type":"memory","key":"k","value":"v"}', '{"id":"bd-2","title":"gone","status":"tombstone"}',
      '{"title":"only a title"}', "",
    }, "\n")
    local counts = decode(world:run({ "ralph", "issue", "import", "-", "--json" }, { input = export }))
    assert.same({ 3, 0, 2 }, { counts.created, counts.updated, counts.skipped })
    assert.equal("kept", decode(issue("show", "bd-1", "--json"))[1].hook_bead)
    assert.same({ "bd-1.1" }, { data("ready")[1].id })
    local text = ok(issue("export"))
    assert.matches('"parent":"bd%-1"', text)
    assert.matches('"dependent_count":1', text)
    assert.equal(text, ok(issue("export", "-o", "-")))
    world:write("all.jsonl", text)
    assert.equal("0 added, 0 replaced, 3 left out\n", ok(issue("import", world.dir .. "/all.jsonl")))
    local bad = world:run({ "ralph", "issue", "import", "-" },
      { input = '{"id":"bd-new-one","title":"new"}\n{"id":"bd-1","title":7}\n' })
    assert.equal(1, bad.code)
    assert.matches("import: line 2: title: is empty", bad.stderr)
    assert.equal(1, issue("show", "bd-new-one").code)
    local circle = world:run({ "ralph", "issue", "import", "-" }, { input =
      '{"id":"bd-8","title":"a","dependencies":[{"depends_on_id":"bd-9","type":"blocks"}]}\n'
      .. '{"id":"bd-9","title":"b","dependencies":[{"depends_on_id":"bd-8","type":"blocks"}]}\n' })
    assert.equal(1, circle.code)
    assert.matches("would wait for itself", circle.stderr)
  end)

  it("gives an issue to one of sixteen who want it at once", function()
    local id = id_of(issue("add", "a"))
    local started = {}
    for i = 1, 16 do
      -- Each for a process of its own: the one that asks.
      started[i] = world:start({ "--run", WRAPIX_ROOT .. "/tests/support/claim.lua", world.workspace,
        world.dir .. "/claims", id })
    end
    local won = 0
    for i = 1, 16 do
      local result = world:finish(started[i])
      if result.code == 0 then won = won + 1 end
      assert.is_true(result.code == 0 or result.code == 3, result.stderr)
    end
    assert.equal(1, won)
  end)

  it("is not torn by a process that is killed while it changes the list", function()
    for i = 1, 5 do issue("add", "issue " .. i) end
    for i = 1, 15 do
      local running = world:start({ "ralph", "issue", "add", "late " .. i })
      require("wrapix.task").sleep(i * 0.0005)
      world:signal(running, "KILL")
      world:finish(running)
      assert.equal(0, issue("list").code)
    end
    local text = assert(fs.read(world.workspace .. "/.wrapix/issues.jsonl"))
    assert.is_true(require("ralph.tracker.lines").parse(text).is_canonical)
    assert.matches("added", ok(issue("dep", "add", data("list")[1].id, data("list")[2].id, "--json")))
  end)

  it("takes an issue for a process, whose end gives it back", function()
    local id = id_of(issue("add", "a"))
    local sleeper <close> = assert(proc.spawn({ "sleep", "60" }))
    local claimed = decode(issue("claim", id, "--pid", tostring(sleeper:pid()), "--json"))[1]
    assert.matches(":" .. sleeper:pid() .. ":", claimed.metadata.wrapix.owner, 1, true)
    assert.equal(1, issue("claim", id).code)
    assert.matches(("process    %d on "):format(sleeper:pid()), ok(issue("show", id)), 1, true)
    assert.matches(", alive\n", ok(issue("show", id)), 1, true)
  end)

  describe("answer", function()
    local function ask(id, text, options)
      local question = { text = text, options = json.array(options) }
      ok(issue("update", id, "--add-label", "ralph:waiting", "--metadata",
        json.encode({ wrapix = { question = question } })))
    end

    it("tells of what waits for a person without a question", function()
      local id = id_of(issue("add", "aside"))
      ok(issue("update", id, "--metadata", json.encode({ wrapix = { parked = "failed 3 times" } })))
      local result = ralph("answer")
      assert.equal(0, result.code)
      assert.matches("waiting for a person without a question: 1\nhint: `wrapix ralph status`", result.stderr, 1, true)
      assert.matches("no open question\nhint: `wrapix ralph issue reopen " .. id .. "`",
        ralph("answer", id, "x").stderr, 1, true)
      ok(issue("reopen", id))
      assert.matches("nobody asks anything", ralph("answer").stderr)
    end)

    it("lists the questions and takes a number or a text", function()
      assert.matches("nobody asks anything", ralph("answer").stderr)
      local a, b = id_of(issue("add", "colour")), id_of(issue("add", "name"))
      ask(a, "Red or blue?\27[2J", { "red", "blue" })
      ask(b, "Which name?", {})
      assert.is_nil(ok(issue("ready")):find(a, 1, true))
      local text = ok(ralph("answer"))
      assert.matches("Red or blue", text)
      assert.matches("2. blue", text, 1, true)
      assert.matches("answer: wrapix ralph answer " .. a .. " NUMBER|TEXT", text, 1, true)
      assert.is_nil(text:find("\27", 1, true))
      local list = decode(ralph("answer", "--json"))
      assert.same({ "red", "blue" }, list[1].options)
      local refused = ralph("answer", a, "3")
      assert.equal(1, refused.code)
      assert.matches("no option 3", refused.stderr)
      assert.equal(2, ralph("answer", a).code)
      ok(ralph("answer", a, "2"))
      ok(ralph("answer", b, "7"))
      assert.equal("blue", decode(issue("show", a, "--json"))[1].metadata.wrapix.question.answer)
      assert.equal("7", decode(issue("show", b, "--json"))[1].metadata.wrapix.question.answer)
      assert.equal(2, #data("ready"))
      assert.equal(1, ralph("answer", a, "1").code)
      assert.equal(1, ralph("answer", "none-1", "x").code)
    end)
  end)

  describe("in git", function()
    local function git(...)
      local argv = { "git", "-c", "user.name=A", "-c", "user.email=a@b.c", ... }
      return assert(proc.run(argv, { cwd = world.workspace, clear_env = true, timeout = 20,
        env = { PATH = os.getenv("PATH"), HOME = world.dir .. "/home", GIT_CONFIG_NOSYSTEM = "1" } }))
    end

    local function commit(what)
      ok(git("add", "-A"))
      ok(git("commit", "-q", "-m", what))
    end

    local function begin()
      ok(git("init", "-q", "-b", "main"))
      local lines = {}
      for i = 1, 40 do
        lines[i] = ('{"id":"wx-%04d","title":"issue %d","status":"open","priority":2,'
          .. '"created_at":"2026-01-01T00:00:%02dZ","updated_at":"2026-01-01T00:00:00Z"}'):format(i * 100,
          i, i)
      end
      ok(world:run({ "ralph", "issue", "import", "-" }, { input = table.concat(lines, "\n") .. "\n" }))
      commit("begin")
    end

    it("merges what two branches add and close", function()
      begin()
      assert.equal(".wrapix/.gitattributes\n.wrapix/.gitignore\n.wrapix/issues.jsonl\n", ok(git("ls-files")))
      ok(git("switch", "-q", "-c", "other"))
      for _, id in ipairs({ "wx-0150", "wx-1250", "wx-2250", "wx-9999" }) do
        ok(issue("add", "theirs", "--id", id))
      end
      ok(issue("close", "wx-0300", "wx-1000", "wx-4000"))
      ok(issue("dep", "add", "wx-3500", "wx-0150"))
      commit("theirs")
      ok(git("switch", "-q", "main"))
      for _, id in ipairs({ "wx-0050", "wx-0850", "wx-1850", "wx-3750" }) do
        ok(issue("add", "ours", "--id", id))
      end
      ok(issue("close", "wx-0500", "wx-1500", "wx-2800"))
      commit("ours")
      ok(git("merge", "-q", "--no-edit", "other"))
      assert.equal(48, #data("list", "--all"))
      local closed = {}
      for _, one in ipairs(data("list", "--status", "closed")) do closed[#closed + 1] = one.id end
      table.sort(closed)
      assert.same({ "wx-0300", "wx-0500", "wx-1000", "wx-1500", "wx-2800", "wx-4000" }, closed)
      assert.equal(1, issue("why", "wx-3500").code)
      -- It is canonical as git left it: the next change touches one line.
      local before = assert(fs.read(world.workspace .. "/.wrapix/issues.jsonl"))
      ok(issue("close", "wx-2000"))
      assert.equal("1\t1\t.wrapix/issues.jsonl\n", ok(git("diff", "--numstat")))
      assert.is_true(require("ralph.tracker.lines").parse(before).is_canonical)
    end)

    it("refuses a conflict with its line, and goes on when it is mended", function()
      world:write("work/.wrapix/.gitattributes", "# none\n")
      begin()
      ok(git("switch", "-q", "-c", "other"))
      ok(issue("update", "wx-0500", "--title", "theirs"))
      commit("theirs")
      ok(git("switch", "-q", "main"))
      ok(issue("update", "wx-0500", "--title", "ours"))
      commit("ours")
      assert.equal(1, git("merge", "-q", "other").code)
      local refused = issue("list")
      assert.equal(1, refused.code)
      assert.matches("line 5: a conflict marker of git", refused.stderr, 1, true)
      assert.matches("hint: keep one line", refused.stderr, 1, true)
      ok(git("checkout", "-q", "--theirs", ".wrapix/issues.jsonl"))
      assert.equal("theirs", decode(issue("show", "wx-0500", "--json"))[1].title)
    end)

    it("merges neighbours that two branches add, refuses one that both changed until one line is out", function()
      ok(git("init", "-q", "-b", "main"))
      ok(issue("add", "first", "--id", "wx-5000"))
      commit("begin")
      ok(git("switch", "-q", "-c", "other"))
      ok(issue("add", "theirs", "--id", "wx-5001"))
      commit("theirs")
      ok(git("switch", "-q", "main"))
      ok(issue("add", "ours", "--id", "wx-5002"))
      commit("ours")
      ok(git("merge", "-q", "--no-edit", "other"))
      assert.equal(3, #data("list"))
      ok(git("switch", "-q", "-c", "more"))
      ok(issue("close", "wx-5001"))
      commit("closed")
      ok(git("switch", "-q", "main"))
      ok(issue("update", "wx-5001", "--title", "ours"))
      commit("changed")
      ok(git("merge", "-q", "--no-edit", "more"))
      local refused = issue("list")
      assert.equal(1, refused.code)
      assert.matches("line 3: the issue wx-5001 is on line 2 already", refused.stderr, 1, true)
      assert.matches("hint: ", refused.stderr, 1, true)
      local text = assert(fs.read(world.workspace .. "/.wrapix/issues.jsonl"))
      world:write("work/.wrapix/issues.jsonl", (text:gsub("[^\n]*ours[^\n]*5001[^\n]*\n", ""):gsub(
        '{"id":"wx%-5001","title":"ours"[^\n]*\n', "")))
      assert.equal(3, #data("list", "--all"))
    end)

    it("has all new issues of two branches, and takes no id twice", function()
      begin()
      ok(git("switch", "-q", "-c", "other"))
      for i = 1, 3 do ok(issue("add", "theirs", "--id", "wx-999" .. i)) end
      ok(issue("add", "theirs", "--parent", "wx-0500"))
      commit("theirs")
      ok(git("switch", "-q", "main"))
      for i = 4, 6 do ok(issue("add", "ours", "--id", "wx-999" .. i)) end
      commit("ours")
      ok(git("merge", "-q", "--no-edit", "other"))
      assert.equal(47, #data("list", "--all"))
      ok(git("switch", "-q", "-c", "third", "HEAD~1"))
      ok(issue("add", "another", "--parent", "wx-0500"))
      commit("a child with the same number")
      ok(git("merge", "-q", "--no-edit", "main"))
      local refused = issue("list")
      assert.equal(1, refused.code)
      assert.matches("line 7: the issue wx-0500.1 is on line 6 already", refused.stderr, 1, true)
      assert.matches("two issues: give one another id", refused.stderr, 1, true)
    end)

    it("tells a circle that a merge made, and takes it apart", function()
      begin()
      ok(git("switch", "-q", "-c", "other"))
      ok(issue("dep", "add", "wx-0500", "wx-2000"))
      commit("theirs")
      ok(git("switch", "-q", "main"))
      ok(issue("dep", "add", "wx-2000", "wx-0500"))
      commit("ours")
      ok(git("merge", "-q", "--no-edit", "other"))
      local why = issue("why", "wx-0500")
      assert.equal(1, why.code)
      assert.matches("circle of dependencies.*wx%-0500 → wx%-2000 → wx%-0500", why.stdout)
      ok(issue("dep", "remove", "wx-0500", "wx-2000"))
      assert.equal(0, issue("why", "wx-0500").code)
    end)
  end)

  it("uses bd where the project says so", function()
    world:write("config/wrapix/ralph.lua", 'return { tracker = "bd" }\n')
    local env = { PATH = WRAPIX_ROOT .. "/tests/support/fake_bd:" .. sys.env("PATH"),
      FAKE_BD_WRAPIX = worlds.wrapix, FAKE_BD_DIR = world.dir .. "/bd" }
    assert(fs.mkdir(env.FAKE_BD_DIR))
    local added = world:run({ "ralph", "issue", "add", "a" }, { env = env })
    assert.equal(0, added.code, added.stderr)
    local id = added.stdout:gsub("\n", "")
    assert.matches("^bd%-", id)
    assert.matches(id, world:run({ "ralph", "issue", "ready" }, { env = env }).stdout, 1, true)
    assert.is_nil(fs.stat(world.workspace .. "/.wrapix/issues.jsonl"))
    env.FAKE_BD_GARBAGE = "1"
    local refused = world:run({ "ralph", "issue", "ready" }, { env = env })
    assert.equal(1, refused.code)
    assert.matches("its answer is no JSON", refused.stderr)
  end)
end)
