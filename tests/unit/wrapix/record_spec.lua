-- SPDX-License-Identifier: MIT
-- The record by one process. Crashes, full disks and several writers are in
-- tests/integration/record_spec.lua.

local chain = require("wrapix.record.chain")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local record = require("wrapix.record")
local sha256 = require("wrapix.sha256")
local task = require("wrapix.task")

local dir, log, head

before_each(function()
  dir = assert(fs.temp_dir("wrapix-record-"))
  log, head = dir .. "/sessions.jsonl", dir .. "/sessions.head"
end)
after_each(function() assert(fs.remove_tree(dir)) end)

local function add(from, to)
  for i = from, to or from do
    assert(record.append(dir, { session = ("s%d"):format(i), start = i }))
  end
end

local function lines()
  local list = {}
  for line in assert(fs.read(log)):gmatch("[^\n]+") do list[#list + 1] = line end
  return list
end

local function put(path, text) assert(fs.write_atomic(path, text, { sync = false })) end
local function put_lines(list) put(log, table.concat(list, "\n") .. "\n") end

-- "3 changed, 5 torn"
local function problems()
  local result, list = assert(record.verify(dir)), {}
  for i, problem in ipairs(result.problems) do
    assert.is_true(#problem.text > 0)
    list[i] = ("%d %s"):format(problem.line, problem.kind)
  end
  assert.equal(#list == 0, result.ok)
  assert.equal(#list, result.total)
  return table.concat(list, ", ")
end

local function sessions(opts)
  local list = {}
  for i, entry in ipairs(assert(record.read(dir, opts))) do list[i] = entry.session end
  return table.concat(list, " ")
end

describe("record.append", function()
  it("makes the directory and private files", function()
    dir = dir .. "/a/b"
    add(1)
    for _, name in ipairs({ "sessions.jsonl", "sessions.head", "sessions.lock" }) do
      assert.equal(tonumber("600", 8), assert(fs.stat(dir .. "/" .. name)).mode)
    end
    assert.equal(tonumber("700", 8), assert(fs.stat(dir)).mode)
    assert.is_false(fs.exists(dir .. "/sessions.head.new"))
    dir = dir:sub(1, -5)
  end)

  it("keeps every field, and a clock that went back", function()
    local fields = {
      session = "0123456789ab", start = 1700000000.5, ["end"] = 1600000000, seconds = 12.25,
      exit = 0, hooks = json.array(), agent = json.null, memory_peak = 1 << 40,
      later = { unknown = { "field" } },
    }
    assert.is_true(record.append(dir, fields))
    local entry = assert(record.read(dir))[1]
    for name, value in pairs(fields) do assert.same(value, entry[name]) end
  end)

  it("chains each line to the one before", function()
    add(1, 3)
    local list = lines()
    local prev = chain.ZEROS
    for i, line in ipairs(list) do
      local entry = assert(json.decode(line))
      assert.equal(i, entry.line)
      assert.equal(prev, entry.prev)
      prev = sha256.hex(line)
    end
    assert.same({ version = 1, lines = 3, size = fs.stat(log).size, last = prev },
      json.decode(fs.read(head)))
  end)

  it("writes what is not UTF-8 in a form that is", function()
    local where = { ["k\xFE"] = { "a\xFFb\0c", "\u{e4}", "\xC3" } }
    assert.is_true(record.append(dir, { workspace = "/home/\xE4", where = where }))
    local entry = assert(record.read(dir))[1]
    assert.equal("/home/\\xE4", entry.workspace)
    assert.same({ ["k\\xFE"] = { "a\\xFFb\\x00c", "\u{e4}", "\\xC3" } }, entry.where)
    assert.equal("", problems())
  end)

  it("takes a line of no fields", function()
    assert.is_true(record.append(dir, {}))
    assert.equal(1, assert(record.read(dir))[1].line)
    assert.equal("", problems())
  end)

  it("refuses what JSON cannot say and what is too long, and writes nothing", function()
    local circle = {}
    circle.circle = circle
    for code, fields in pairs({
      EINVAL = { x = function() end },
      E2BIG = { x = ("x"):rep(chain.LIMIT) },
    }) do
      local ok, message, got = record.append(dir, fields)
      assert.is_nil(ok)
      assert.matches("^record: ", message)
      assert.equal(code, got)
    end
    assert.equal("EINVAL", select(3, record.append(dir, circle)))
    assert.equal("EINVAL", select(3, record.append(dir, { x = 0 / 0 })))
    assert.is_false(fs.exists(log))
    add(1)
    assert.equal("", problems())
  end)

  it("raises on misuse", function()
    for _, name in ipairs({ "line", "prev", "hash", "head_lost" }) do
      assert.has_error(function() record.append(dir, { [name] = 1 }) end,
        ("record.append: field %q belongs to the chain"):format(name))
    end
    assert.has_error(function() record.append(dir, { "x" }) end,
      "record.append: fields: names expected, got a number")
    assert.has_error(function() record.append(dir, "x") end)
    assert.has_error(function() record.append("", {}) end)
    assert.has_error(function() record.append(dir, {}, { twice = true }) end)
    assert.has_error(function() record.append(dir, {}, { once = true }) end,
      "record.append: once: fields.session: string expected")
  end)

  it("writes a session once when asked to", function()
    add(1, 3)
    assert.is_true(record.append(dir, { session = "s2" }, { once = true }))
    assert.is_true(record.append(dir, { session = "s" }, { once = true }))
    assert.is_true(record.append(dir, { session = "s4" }, { once = true }))
    assert.equal("s1 s2 s3 s s4", sessions())
    dir = dir .. "/new"
    assert.is_true(record.append(dir, { session = "s1" }, { once = true }))
    assert.equal("s1", sessions())
    dir = dir:sub(1, -5)
  end)

  it("tells why it cannot write, with a hint where there is one", function()
    put(dir .. "/file", "")
    local ok, message, code = record.append(dir .. "/file/x", {})
    assert.is_nil(ok)
    assert.equal("ENOTDIR", code)
    assert.matches("^record: ENOTDIR: ", message)
    local append = fs.ensure_dir
    finally(function() fs.ensure_dir = append end)
    fs.ensure_dir = function() return nil, "EACCES: make directory", "EACCES" end
    local hint
    ok, message, code, hint = record.append(dir, {})
    assert.is_nil(ok)
    assert.equal("record: EACCES: make directory", message)
    assert.equal("EACCES", code)
    assert.equal(("make %s writable for this user, or set XDG_STATE_HOME"):format(dir), hint)
  end)

  it("does not write into what is no file", function()
    assert(fs.mkdir(log))
    assert.equal("EINVAL", select(3, record.append(dir, {})))
  end)

  it("is done by many tasks at once, and by one that is cancelled", function()
    local list = {}
    for i = 1, 30 do list[i] = i end
    local function write(i) return record.append(dir, { session = "s" .. i }) end
    assert(task.parallel(8, list, write))
    task.scope(function(scope)
      scope:spawn(function() return record.append(dir, { session = "last" }) end):cancel()
      local child = scope:spawn(function()
        local lock = assert(fs.lock(dir .. "/sessions.lock", { wait = 5 }))
        task.sleep(0.05)
        lock:close()
        return true
      end)
      local writer = scope:spawn(function()
        return record.append(dir, { session = "cancelled" })
      end)
      task.yield()
      task.yield()
      writer:cancel()
      return child:wait()
    end)
    assert.equal("", problems())
    assert.equal("cancelled", assert(record.read(dir, { last = 1 }))[1].session)
    assert.equal(31, #lines())
  end)
end)

describe("record.verify", function()
  it("finds nothing wrong where nothing is", function()
    assert.same({ lines = 0, records = 0, ok = true, problems = {}, total = 0 },
      record.verify(dir .. "/none"))
    add(1, 5)
    assert.same({ lines = 5, records = 5, ok = true, problems = {}, total = 0 }, record.verify(dir))
  end)

  local N = 6
  local function forge(line)
    return assert(chain.format({ session = "forged" }, assert(chain.parse(line))))
  end

  -- What is done to the list of lines → what is found.
  local damages = {
    { "a changed line", "3 changed", function(list) list[3] = list[3]:gsub("s3", "s9") end },
    { "a changed first line", "1 changed", function(list) list[1] = list[1] .. " " end },
    { "a changed last line", "6 changed", function(list) list[N] = list[N]:gsub("s6", "s9") end },
    { "a changed link", "3 changed", function(list) list[3] = list[3]:gsub('"%x%x%x', '"000') end },
    { "a line that was emptied", "4 changed", function(list) list[4] = "x" end },
    { "two changed lines", "2 changed, 3 changed", function(list)
      list[2], list[3] = "x", "{}"
    end },
    { "a line of another make", "3 changed", function(list) list[3] = forge(list[3]) end },
    { "a last line of another make", "6 head", function(list) list[N] = forge(list[N]) end },
    { "a missing line", "3 missing", function(list) table.remove(list, 3) end },
    { "missing first lines", "1 missing", function(list) table.move(list, 3, N + 2, 1) end },
    { "missing last lines", "5 missing", function(list) list[N], list[N - 1] = nil, nil end },
    { "lines missing in two places", "2 missing, 4 missing", function(list)
      table.remove(list, 5)
      table.remove(list, 2)
    end },
    { "a changed line beside a missing one", "2 changed, 3 missing", function(list)
      list[2] = "x"
      table.remove(list, 3)
    end },
    { "two lines that changed places", "4 moved", function(list)
      list[3], list[4] = list[4], list[3]
    end },
    { "a line moved to the end", "6 moved", function(list)
      table.insert(list, table.remove(list, 2))
    end },
    { "the first line in the middle", "3 moved", function(list)
      table.insert(list, 3, table.remove(list, 1))
    end },
    { "a line twice", "4 doubled", function(list) table.insert(list, 4, list[3]) end },
    { "the last line twice", "7 doubled", function(list) list[N + 1] = list[N] end },
    { "a line that was put in", "3 changed", function(list) table.insert(list, 3, "{}") end },
    { "an empty line", "3 changed", function(list) table.insert(list, 3, "") end },
    { "nothing left", "1 missing", function(list) for i = 1, N do list[i] = nil end end },
  }

  for _, damage in ipairs(damages) do
    local name, expected, act = table.unpack(damage)
    it("finds " .. name .. ", and still does after the next line", function()
      add(1, N)
      local list = lines()
      act(list)
      put(log, #list > 0 and table.concat(list, "\n") .. "\n" or "")
      assert.equal(expected, problems())
      add(7)
      -- A forged last line is seen by the head until then, later by its successor.
      if name == "a last line of another make" then expected = "6 changed" end
      assert.equal(expected, problems())
      assert.equal("s7", assert(record.read(dir, { last = 1 }))[1].session)
    end)
  end

  it("finds every changed byte and every cut", function()
    add(1, 3)
    local text = assert(fs.read(log))
    for at = 1, #text do
      local byte = text:sub(at, at) == "1" and "2" or "1"
      put(log, text:sub(1, at - 1) .. byte .. text:sub(at + 1))
      assert.is_false(assert(record.verify(dir)).ok, at)
      put(log, text:sub(1, at - 1) .. text:sub(at + 1))
      -- Without its last newline the last line is still whole.
      assert.equal(at == #text, assert(record.verify(dir)).ok, at)
      put(log, text:sub(1, at - 1))
      assert.equal(at == #text, assert(record.verify(dir)).ok, at)
    end
  end)

  it("finds what is wrong with the head file", function()
    add(1, 3)
    local good = assert(fs.read(head))
    assert(fs.unlink(head))
    assert.equal("4 head", problems())
    for _, text in ipairs({ "", "{}", "[]", "x", good:sub(1, 40), '{"lines":-1,"size":0}' }) do
      put(head, text)
      assert.equal("4 head", problems())
    end
    put(head, (good:gsub('"last":"%x%x', '"last":"zz')))
    assert.equal("4 head", problems())
    put(head, (good:gsub('("last":")%x%x%x%x%x', "%100000")))
    assert.equal("3 head", problems())
    put(head, (good:gsub('"lines":3', '"lines":5')))
    assert.equal("4 missing", problems())
  end)

  it("says for good when the head file was lost", function()
    add(1, 3)
    assert(fs.unlink(head))
    add(4)
    assert.equal("4 head", problems())
    put(head, "x")
    add(5, 6)
    assert.equal("4 head, 5 head", problems())
    assert.equal("s1 s2 s3 s4 s5 s6", sessions())
  end)

  it("allows a head that is behind, and the next writer mends it", function()
    add(1)
    local first = assert(fs.read(head))
    assert(fs.unlink(head)) -- the first writer's crash
    assert.equal("", problems())
    add(2)
    assert.equal("", problems())
    put(head, first)
    assert.equal("", problems())
    add(3)
    assert.equal("", problems())
    put(head, first) -- two lines behind, as on a full disk
    assert.equal("", problems())
    add(4)
    assert.equal("", problems())
    assert.equal("s1 s2 s3 s4", sessions())
  end)

  it("lists no more than 1000 problems, and counts them all", function()
    add(1)
    local list = lines()
    for i = 1, 3000 do list[i + 1] = "x" end
    put_lines(list)
    local result = assert(record.verify(dir))
    assert.equal(1000, #result.problems)
    assert.equal(3000, result.total)
    assert.equal(3001, result.lines)
    assert.is_false(result.ok)
  end)

  it("goes over a line without an end", function()
    add(1)
    local file = assert(io.open(log, "a"))
    for _ = 1, 100 do file:write(("x"):rep(1 << 16)) end
    file:close()
    collectgarbage()
    local before = collectgarbage("count")
    assert.equal("2 torn", problems())
    collectgarbage()
    assert.is_true(collectgarbage("count") - before < 1024) -- keeps nothing of it
    add(2)
    assert.equal("", problems())
    assert.equal((100 << 16) + 1, fs.stat(dir .. "/sessions.torn").size)
    assert.equal("s1 s2", sessions({ last = 5 }))
    assert.equal("s1 s2", sessions())
  end)

  it("raises on misuse and tells what cannot be read", function()
    assert.has_error(function() record.verify(nil) end)
    assert(fs.mkdir(log))
    local result, message, code = record.verify(dir)
    assert.is_nil(result)
    assert.matches("^record: ", message)
    assert.equal("EINVAL", code)
  end)
end)

describe("a torn line", function()
  local aside

  before_each(function() aside = dir .. "/sessions.torn" end)

  local function tear(text)
    local file = assert(io.open(log, "a"))
    file:write(text)
    file:close()
  end

  local function half()
    add(1, 2)
    local line = assert(chain.format({ session = "lost" }, { line = 3, prev = chain.ZEROS }))
    return line:sub(1, #line // 2)
  end

  it("is found until the next writer puts it aside, and the chain goes on", function()
    local text = half()
    tear(text)
    assert.equal("3 torn", problems())
    assert.is_nil(assert(record.verify(dir)).kept)
    add(3, 5)
    assert.equal("", problems())
    assert.equal(aside, assert(record.verify(dir)).kept)
    assert.equal(text .. "\n", fs.read(aside))
    assert.equal(tonumber("600", 8), fs.stat(aside).mode)
    assert.equal("s1 s2 s3 s4 s5", sessions())
    assert.equal(5, #lines())
  end)

  it("is put beside those of before", function()
    local text = half()
    tear(text)
    add(3)
    tear(text:sub(1, 9))
    add(4)
    assert.equal("", problems())
    assert.equal(text .. "\n" .. text:sub(1, 9) .. "\n", fs.read(aside))
  end)

  it("may be the first line of all", function()
    local text = half()
    assert(fs.unlink(head))
    put(log, text)
    assert.equal("1 torn", problems())
    add(3)
    assert.equal("", problems())
    assert.equal("s3", sessions())
    assert.equal(text .. "\n", fs.read(aside))
  end)

  it("may follow lines the head file does not know of", function()
    add(1)
    local first = assert(fs.read(head))
    local text = half() -- adds two more
    for _, known in ipairs({ first, false }) do
      if known then
        put(head, known)
      else -- the first two writers have died
        put_lines({ lines()[1] })
        assert(fs.unlink(head))
      end
      tear(text)
      assert.matches("^%d torn$", problems())
      add(9)
      assert.equal("", problems())
    end
    assert.equal("s1 s9", sessions())
  end)

  it("is written anew for the session it was of, once", function()
    local text = half()
    tear(text)
    for _ = 1, 2 do assert.is_true(record.append(dir, { session = "lost" }, { once = true })) end
    assert.equal("s1 s2 lost", sessions())
    assert.equal("", problems())
  end)

  it("stays when it cannot be put aside, and nothing is written", function()
    tear(half())
    assert(fs.mkdir(aside))
    local before = fs.read(log)
    local ok, message, code = record.append(dir, { session = "s3" })
    assert.is_nil(ok)
    assert.matches("^record: ", message)
    assert.equal("EISDIR", code)
    assert.equal(before, fs.read(log))
  end)

  it("is no crash's when the head file vouches for it, and stays", function()
    add(1, 3)
    local text = assert(fs.read(log))
    put(log, text:sub(1, -20))
    assert.equal("3 changed", problems())
    add(4, 5)
    assert.equal("3 changed", problems())
    assert.equal("s1 s2 s4 s5", sessions())
    assert.is_false(fs.exists(aside))
  end)

  it("is no crash's where lines are cut and others grew", function()
    add(1, 3)
    local list = lines()
    list[1] = list[1] .. (" "):rep(4096)
    put(log, table.concat(list, "\n"):sub(1, -20))
    assert.equal("1 changed, 3 changed", problems())
    add(4)
    assert.equal("1 changed, 3 changed", problems())
    assert.is_false(fs.exists(aside))
  end)

  it("is no crash's when the head file is lost, and stays", function()
    tear(half())
    for _, text in ipairs({ false, "x" }) do
      if text then put(head, text) else assert(fs.unlink(head)) end
      assert.equal("3 changed, 4 head", problems())
    end
    add(3)
    assert.equal("3 changed, 4 head", problems())
    assert.is_false(fs.exists(aside))
  end)

  it("has no end: a line with one was changed, blank or not", function()
    local text = half()
    tear(("\0"):rep(#text) .. "\n" .. text)
    assert.equal("3 changed, 4 torn", problems())
    add(3, 4)
    assert.equal("3 changed", problems())
    assert.equal("s1 s2 s3 s4", sessions())
  end)

  it("that lacks the newline alone is whole", function()
    add(1, 3)
    local text = assert(fs.read(log))
    put(log, text:sub(1, -2))
    assert.equal("", problems())
    add(4)
    assert.equal("", problems())
    assert.equal("s1 s2 s3 s4", sessions())
    assert.is_false(fs.exists(aside))
  end)
end)

describe("record.read", function()
  it("gives what there is, the oldest first", function()
    assert.same({}, record.read(dir))
    assert.same({}, record.read(dir .. "/none", { last = 3 }))
    add(1, 12)
    assert.equal("s1 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 s12", sessions())
    assert.equal("s10 s11 s12", sessions({ last = 3 }))
    assert.equal("", sessions({ last = 0 }))
    assert.equal(12, #assert(record.read(dir, { last = 100 })))
    assert.equal("s1 s10 s11 s12", sessions({ session = "s1" }))
    assert.equal("s11 s12", sessions({ session = "s1", last = 2 }))
    assert.equal("s7", sessions({ session = "s7" }))
    assert.equal("", sessions({ session = "x" }))
    assert.equal("", sessions({ session = "prev" }))
  end)

  it("passes over what is no line, and counts it", function()
    add(1, 3)
    put(log, "x\n" .. assert(fs.read(log)) .. "[]\n7\n" .. '{"session":"s4"')
    local list, skipped = record.read(dir)
    assert.equal(3, #list)
    assert.equal(4, skipped)
    list, skipped = record.read(dir, { last = 2 })
    assert.equal("s3", list[2].session)
    assert.equal(3, skipped)
  end)

  it("raises on misuse and tells what cannot be read", function()
    assert.has_error(function() record.read(dir, { last = -1 }) end)
    assert.has_error(function() record.read(dir, { first = 1 }) end)
    assert.has_error(function() record.read("") end)
    assert(fs.mkdir(log))
    local list, message, code = record.read(dir)
    assert.is_nil(list)
    assert.matches("^record: ", message)
    assert.equal("EINVAL", code)
  end)
end)
