-- SPDX-License-Identifier: MIT
-- The file of the list: what is written, what is refused, and that what is remembered on
-- the host never says something else than the file.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local stores = require("ralph.tracker.store")
local task = require("wrapix.task")
local trackers = require("ralph.tracker")

local FILE = ".wrapix/issues.jsonl"

describe("the list in a file", function()
  local dir, root, state, T

  before_each(function()
    dir = assert(fs.realpath(assert(fs.temp_dir("ralph-store-"))))
    root, state = dir .. "/work", dir .. "/state"
    assert(fs.mkdir(root))
    T = assert(trackers.open({ root = root, dirs = { state = state } }))
  end)

  after_each(function() assert(fs.remove_tree(dir)) end)

  local function text() return fs.read(root .. "/" .. FILE) end
  local function put(content)
    assert(fs.ensure_dir(root .. "/.wrapix"))
    assert(fs.write_atomic(root .. "/" .. FILE, content))
  end
  local function add(title, more)
    local fields = { title = title }
    for key, value in pairs(more or {}) do fields[key] = value end
    return assert(T:add(fields))
  end
  local function ids(list)
    local found = {}
    for i, issue in ipairs(assert(list)) do found[i] = issue.id end
    return found
  end

  it("is made by the first change, with a .gitignore as `wrapix init` writes it", function()
    assert.same({}, T:all())
    assert.is_nil(fs.stat(root .. "/.wrapix"))
    add("a")
    assert.equal(stores.IGNORE_TEXT, fs.read(root .. "/.wrapix/.gitignore"))
    assert.equal(require("wrapix.project").IGNORE_TEXT, stores.IGNORE_TEXT)
    assert(fs.write_atomic(root .. "/.wrapix/.gitignore", "mine\n"))
    add("b")
    assert.equal("mine\n", fs.read(root .. "/.wrapix/.gitignore"))
    assert.equal(stores.ATTRIBUTES_TEXT, fs.read(root .. "/.wrapix/.gitattributes"))
    assert(fs.write_atomic(root .. "/.wrapix/.gitattributes", "# mine\n"))
    add("c")
    assert.equal("# mine\n", fs.read(root .. "/.wrapix/.gitattributes"))
  end)

  it("stands by ids, one issue a line", function()
    local names = {}
    for i = 1, 30 do names[i] = add("issue " .. i).id end
    table.sort(names)
    local found = {}
    for id in text():gmatch('{"id":"([^"]*)"[^\n]*}\n') do found[#found + 1] = id end
    assert.same(names, found)
  end)

  it("keeps what others wrote, when that issue and when another is changed", function()
    local mine = '{"id":"x-1","title":"t","status":"open","priority":2,"created_at":'
      .. '"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z","_note":{"a":[1,{"b":null}]},'
      .. '"zz":"kept"}'
    local memory = '{"_type":"memory", "key":"k"}'
    put(memory .. "\n" .. mine .. "\n")
    local other = add("other")
    assert.truthy(text():find(mine, 1, true))
    assert.equal(memory .. "\n", text():sub(-#memory - 1))
    assert(T:update("x-1", { title = "u" }))
    assert.truthy(text():find('"_note":{"a":[1,{"b":null}]},"zz":"kept"}', 1, true))
    assert.same({ "x-1", other.id }, ids(T:all()))
    assert(T:close(other.id))
    assert.equal(memory .. "\n", text():sub(-#memory - 1))
  end)

  it("is left as it is when it is refused, and says where and what to do", function()
    add("a")
    local good = text()
    local bad = {
      ["line 2: a conflict marker"] = good .. "<<<<<<< HEAD\n" .. good,
      ["line 2: the issue .* is on line 1 already"] = good .. good,
      ["line 2: the line is torn"] = good .. good:sub(1, 30),
      ["line 1: .*is no issue"] = "[]\n" .. good,
      ["line 2: .*column 1"] = good .. "text\n" .. good,
    }
    for reason, content in pairs(bad) do
      put(content)
      for _, act in ipairs({ function() return T:all() end, function() return T:add({ title = "b" }) end,
        function() return T:ready() end, function() return T:claim("x-1") end }) do
        local result, message, code, hint = act()
        assert.is_nil(result)
        assert.equal("EBADMSG", code)
        assert.matches("^issues: %.wrapix/issues%.jsonl: " .. reason, message)
        assert.is_string(hint)
      end
      assert.equal(content, text())
    end
    put(good)
    assert.equal(1, #T:all())
  end)

  it("is never read or written through a link", function()
    add("a")
    local other = dir .. "/other"
    assert(fs.write_atomic(other, text()))
    assert(fs.unlink(root .. "/" .. FILE))
    assert(fs.symlink(other, root .. "/" .. FILE))
    for _, act in ipairs({ function() return T:all() end, function() return T:add({ title = "b" }) end }) do
      local result, message, code = act()
      assert.is_nil(result)
      assert.equal("ELOOP", code)
      assert.matches("is a link", message)
    end
    assert(fs.remove_tree(root .. "/.wrapix"))
    assert(fs.mkdir(dir .. "/elsewhere"))
    assert(fs.symlink(dir .. "/elsewhere", root .. "/.wrapix"))
    assert.is_nil((T:add({ title = "b" })))
    assert.same({}, fs.list(dir .. "/elsewhere"))
  end)

  it("waits for another who changes it, and tells who that is", function()
    add("a")
    local lock = assert(fs.lock(state .. "/tracker.lock"))
    local list = T:all() -- who reads waits for nobody
    assert.equal(1, #list)
    local added
    task.scope(function(scope)
      scope:spawn(function()
        added = T:add({ title = "b" })
        return true
      end)
      task.sleep(0.05)
      assert.is_nil(added)
      lock:close()
      return true
    end)
    assert.truthy(added)
  end)

  it("does not wait for ever", function()
    add("a")
    local lock = assert(fs.lock(state .. "/tracker.lock"))
    T._store.patience = 0.02
    local issue, message, code, hint = T:add({ title = "b" })
    assert.is_nil(issue)
    assert.equal("EBUSY", code)
    assert.matches("process " .. require("wrapix.sys").pid() .. " has held its lock for 0.02 seconds",
      message, 1, true)
    assert.is_string(hint)
    assert.equal(1, #T:all())
    lock:close()
    assert.truthy(T:add({ title = "b" }))
  end)

  -- What is remembered ------------------------------------------------------------------

  it("is decided on anew when another changes it meanwhile, who takes no lock", function()
    local a = add("a")
    local store, tries = stores.new(root, state), 0
    assert(store:change(function(view)
      tries = tries + 1
      if tries == 1 then put((text():gsub('"title":"a"', '"title":"theirs"'))) end
      local issue = view:issue(a.id)
      issue.priority = 0
      return view:put(issue)
    end))
    assert.equal(2, tries)
    local now = assert(T:get(a.id))
    assert.same({ "theirs", 0 }, { now.title, now.priority })
  end)

  it("is read anew after any change by others: pull, editor, copy with old times", function()
    local a, b = add("a"), add("b")
    assert.same({ a.id, b.id }, ids(T:ready()))
    put((text():gsub('"title":"a"', '"title":"A"'))) -- of the same size
    assert.equal("A", T:get(a.id).title)
    put((text():gsub('("title":"b".-"priority":)2', "%10")))
    assert.same({ b.id, a.id }, ids(T:ready()))
    local handle = assert(io.open(root .. "/" .. FILE, "r+")) -- in place: the same inode
    handle:write(((text():gsub('"title":"A"', '"title":"Z"'))))
    handle:close()
    assert.equal("Z", T:get(a.id).title)
    assert(fs.unlink(root .. "/" .. FILE))
    assert.same({}, T:all())
  end)

  it("is what counts when the index is missing, torn, changed or of another list", function()
    local a = add("a")
    local b = add("b", { needs = { a.id } })
    for i = 1, 20 do add("more " .. i, { priority = 4 }) end
    local wanted = ids(T:ready())
    assert.equal(21, #wanted)
    local files = { "index", "index.head", "digest" }
    local function spoil(how)
      for _, name in ipairs(files) do
        local file = state .. "/" .. name
        local before = assert(fs.read(file))
        local after = how(before)
        if after then assert(fs.write_atomic(file, after)) else assert(fs.unlink(file)) end
        assert.same(wanted, ids(T:ready()), name)
        assert.is_false(T:why(b.id).ready)
        assert(T:update(b.id, { notes = "x" }))
        assert(T:update(b.id, { notes = json.null }))
        assert.same(wanted, ids(T:ready()), name)
        assert.truthy(fs.read(state .. "/index"):find("\n", 1, true)) -- made anew
      end
    end
    spoil(function() return nil end)
    spoil(function() return "" end)
    spoil(function(old) return old:sub(1, #old // 2) end)
    spoil(function(old) return (old:gsub("%-(%w)", "-%1%1", 1)) end)
    spoil(function(old) return (old:gsub("open", "done")) end)
    spoil(function(old) return ("\0"):rep(#old) end)
  end)

  it("says the same with and without what is remembered, whatever happens to it", function()
    math.randomseed(7)
    local known = {}
    for step = 1, 90 do
      local pick = known[math.random(math.max(1, #known))]
      local act = math.random(7)
      if act <= 2 or not pick then
        known[#known + 1] = add("issue " .. step, { priority = math.random(0, 4),
          needs = pick and math.random(2) == 1 and { pick } or nil }).id
      elseif act == 3 then T:close(pick, math.random(2) == 1 and "failed" or "done")
      elseif act == 4 then T:reopen(pick)
      elseif act == 5 then T:claim(pick)
      elseif act == 6 then T:dep(pick, known[math.random(#known)], "conditional-blocks")
      else T:update(pick, { title = "changed " .. step, issue_type = step % 5 == 0 and "epic" or "task" })
      end
      if step % 10 == 0 then
        local fresh = assert(trackers.open({ root = root, dirs = { state = dir .. "/s" .. step } }))
        assert.same(fresh:ready(), T:ready())
        assert.same(fresh:counts(), T:counts())
        assert.same(fresh:all(), T:all())
        assert.is_true(require("ralph.tracker.lines").parse(text()).is_canonical)
      end
    end
  end)

  it("brings the index up to date after many changes", function()
    local first = add("first")
    local before = fs.stat(state .. "/index").ino
    for i = 1, 12 do assert(T:update(first.id, { notes = "n" .. i })) end
    assert.equal(before, fs.stat(state .. "/index").ino) -- one issue changed, however often
    local list = {}
    for i = 1, 310 do list[i] = { title = "x" .. i } end
    assert(T:add_all(list))
    assert.not_equal(before, fs.stat(state .. "/index").ino)
    assert.equal(311, #T:ready())
  end)

  -- Guards ------------------------------------------------------------------------------

  it("notices what another changed since the guard was made", function()
    local a = add("a")
    local guard = assert(T:guard())
    put((text():gsub('"status":"open"', '"status":"closed"')))
    local ok, message, code, hint = guard:check()
    assert.is_nil(ok)
    assert.equal("EFOREIGN", code)
    assert.matches("was changed by another than ralph", message)
    assert.matches("git diff", hint)
    assert.is_true(assert(T:guard()):check()) -- what is there now is the beginning of a new one
    assert.equal("closed", T:get(a.id).status) -- outside of a guard it is simply read
  end)

  it("notices it also when Ralph wrote afterwards, and in another process", function()
    local a = add("a")
    local guard = assert(T:guard())
    put((text():gsub('"title":"a"', '"title":"b"')))
    local other = assert(trackers.open({ root = root, dirs = { state = state } }))
    assert(other:close(a.id))
    assert.equal("EFOREIGN", select(3, guard:check()))
  end)

  it("takes no change of Ralph's own, of a file's times or of the order of lines for one", function()
    local a = add("a")
    add("b")
    local guard = assert(T:guard())
    local other = assert(trackers.open({ root = root, dirs = { state = state } }))
    assert(other:claim(a.id))
    assert(other:add({ title = "c" }))
    assert.is_true(guard:check())
    put(text())
    assert.is_true(guard:check())
    local reversed = {}
    for line in text():gmatch("[^\n]+") do table.insert(reversed, 1, line) end
    put(table.concat(reversed, "\n") .. "\n")
    assert.is_true(guard:check())
    assert(T:close(a.id))
    assert.is_true(guard:check())
  end)

  it("notices a file that is gone or no list any more", function()
    add("a")
    local guard = assert(T:guard())
    put("<<<<<<< HEAD\n")
    assert.equal("EFOREIGN", select(3, guard:check()))
    assert(fs.unlink(root .. "/" .. FILE))
    assert.equal("EFOREIGN", select(3, guard:check()))
  end)
end)
