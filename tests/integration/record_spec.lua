-- SPDX-License-Identifier: MIT
-- The record under several writers, writers that are killed, and a full disk. What
-- a writer has acknowledged must be there once, whatever happens to it next.

local fault = require("wrapix.fault")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local proc = require("wrapix.proc")
local record = require("wrapix.record")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local ROOT = rawget(_G, "WRAPIX_ROOT")
local APPEND = ROOT .. "/tests/support/append_records.lua"
local SELF = assert(fs.readlink("/proc/self/exe"))
local KILL = 9
-- Beside this program; beside the directory of a checked build.
local HERE = SELF:match("^(.*/)")
local FAULTY = HERE .. "fault/wrapix"
if not fs.access(FAULTY, "x") then FAULTY = HERE .. "../fault/wrapix" end

local dir

before_each(function() dir = assert(fs.temp_dir("wrapix-record-")) end)
after_each(function() assert(fs.remove_tree(dir)) end)

local function run(program, tag, count, env)
  return assert(proc.run({ program, "--run", APPEND, dir, tag, tostring(count) },
    { timeout = 60, env = env }))
end

local function words(text)
  local list = {}
  for word in text:gmatch("[^\n]+") do list[#list + 1] = word end
  return list
end

-- How often each session is in the record.
local function counts()
  local list, skipped = assert(record.read(dir))
  local seen = {}
  for _, entry in ipairs(list) do seen[entry.session] = (seen[entry.session] or 0) + 1 end
  return seen, #list, skipped
end

local function assert_sound()
  local result = assert(record.verify(dir))
  assert.same({}, result.problems)
  assert.is_true(result.ok)
  return result
end

local function assert_acknowledged(ids)
  local seen, total = counts()
  for _, id in ipairs(ids) do assert.equal(1, seen[id], id) end
  for id, times in pairs(seen) do assert.equal(1, times, id) end
  return total
end

describe("the record of eight writers at once", function()
  it("has every line once, in one chain", function()
    local acknowledged = {}
    assert(task.parallel(8, { 1, 2, 3, 4, 5, 6, 7, 8 }, function(i)
      local result = run(SELF, "w" .. i, 50)
      assert.equal(0, result.code)
      for _, id in ipairs(words(result.stdout)) do acknowledged[#acknowledged + 1] = id end
      return true
    end))
    assert.equal(400, #acknowledged)
    assert.equal(400, assert_acknowledged(acknowledged))
    assert.equal(400, assert_sound().records)
    assert.is_false(fs.exists(dir .. "/sessions.head.new"))
  end)
end)

describe("a writer that is killed", function()
  it("loses nothing it has acknowledged, at whatever moment it dies", function()
    local acknowledged = {}
    for round = 1, 20 do
      local writer <close> = assert(proc.spawn(
        { SELF, "--run", APPEND, dir, "k" .. round, "100000" }, { stdout = "pipe" }))
      for _ = 1, round % 7 do
        acknowledged[#acknowledged + 1] = assert(writer.stdout:read_line())
      end
      writer:kill("KILL")
      -- Between the last line read here and its death it may have written more.
      for id in function() return writer.stdout:read_line() end do
        acknowledged[#acknowledged + 1] = id
      end
      assert.equal(KILL, assert(writer:wait()).signal)
    end
    run(SELF, "last", 1)
    acknowledged[#acknowledged + 1] = "last-1"
    local total = assert_acknowledged(acknowledged)
    -- Each of the dead may have died between a line and its acknowledgement.
    assert.is_true(total >= #acknowledged and total <= #acknowledged + 20)
    assert_sound()
  end)
end)

-- Of three lines, the third of which kills the writer, how many are there.
local WRITTEN = {
  ["record.locked"] = 2,
  ["record.torn"] = 2,
  ["record.appended"] = 3,
  ["record.head"] = 3,
  ["record.done"] = 3,
}

local function kinds()
  local list = {}
  for i, problem in ipairs(assert(record.verify(dir)).problems) do list[i] = problem.kind end
  return list
end

describe("a test build", function()
  local function needs_build()
    if fs.access(FAULTY, "x") then return true end
    pending("build/fault/wrapix is not there: make BUILD=build/fault OPT='-O2 -g -DWX_FAULTS'")
  end

  local function dies(tag, point)
    local result = run(FAULTY, tag, 9, { WRAPIX_FAULT = point })
    assert.equal(KILL, result.signal)
    return words(result.stdout)
  end

  for point, lines in pairs(WRITTEN) do
    it("dies at " .. point .. ", and the next writer mends it", function()
      if not needs_build() then return end
      local written = 0
      for _, tag in ipairs({ "a", "b", "c" }) do
        assert.same({ tag .. "-1", tag .. "-2" }, dies(tag, point .. ":3"))
        written = written + lines
        assert.same(point == "record.torn" and { "torn" } or {}, kinds())
        assert.equal(written, select(2, counts()))
        assert.same({ "next" .. tag .. "-1" }, words(run(SELF, "next" .. tag, 1).stdout))
        written = written + 1
        assert.equal(written, assert_sound().records)
      end
      for id, times in pairs(counts()) do assert.equal(1, times, id) end
      assert.is_false(fs.exists(dir .. "/sessions.head.new"))
      assert.equal(point == "record.torn", fs.exists(dir .. "/sessions.torn"))
    end)
  end

  it("dies while it mends, and the next writer mends it again", function()
    if not needs_build() then return end
    assert.same({ "a-1" }, dies("a", "record.torn:2"))
    assert.same({}, dies("b", "record.kept"))
    assert.same({}, dies("c", "record.kept"))
    assert.same({ "torn" }, kinds())
    assert.same({ "d-1" }, words(run(SELF, "d", 1).stdout))
    assert.equal(2, assert_sound().records)
    local pieces = words(assert(fs.read(dir .. "/sessions.torn")))
    assert.equal(3, #pieces) -- each copy had been synced before the crash
    assert.equal(pieces[1], pieces[2])
    assert.equal(pieces[1], pieces[3])
  end)

  it("is known with every point of the record", function()
    local known = { ["record.kept"] = true }
    for point in pairs(WRITTEN) do known[point] = true end
    for _, point in ipairs(fault.points()) do
      if point.name:find("^record%.") then assert.is_true(known[point.name], point.name) end
    end
  end)

  it("stops in place of dying when it is asked to, and goes on", function()
    if not needs_build() then return end
    local writer <close> = assert(proc.spawn({ FAULTY, "--run", APPEND, dir, "s", "2" },
      { stdout = "pipe", env = { WRAPIX_FAULT = "stop@record.appended:2" } }))
    assert.equal("s-1", writer.stdout:read_line())
    local status = ("/proc/%d/status"):format(writer:pid())
    local deadline = sys.clock() + 30
    while not fs.read(status):find("State:%s+T") and sys.clock() < deadline do task.sleep(0.01) end
    assert.matches("State:%s+T", fs.read(status))
    local held, _, code = fs.lock(dir .. "/sessions.lock")
    assert.is_nil(held)
    assert.equal("EAGAIN", code)
    writer:kill("CONT")
    assert.equal("s-2", writer.stdout:read_line())
    assert.equal(0, assert(writer:wait()).code)
    assert_sound()
  end)

  it("ends with an error when the point is misspelt", function()
    if not needs_build() then return end
    local result = run(FAULTY, "x", 1, { WRAPIX_FAULT = "record.apended" })
    assert.equal(125, result.code)
    assert.matches('no point is named "record.apended"', result.stderr)
  end)
end)

describe("a build for people", function()
  it("cannot be made to die at a point", function()
    local result = run(SELF, "x", 3, { WRAPIX_FAULT = "record.locked" })
    if fault.enabled then pending("this is a test build") return end
    assert.equal(0, result.code)
    assert.equal(3, assert_sound().records)
  end)
end)

describe("a full disk", function()
  it("takes no half line, and the record goes on when there is room", function()
    -- The mount is the child's own and goes with it; who is not root is so in there.
    local alone = { "unshare", "--mount", "--propagation", "private" }
    if sys.euid() ~= 0 then alone[#alone + 1] = "--map-root-user" end
    local function run_alone(...)
      local argv = { table.unpack(alone) }
      for _, word in ipairs({ "sh", "-c", ... }) do argv[#argv + 1] = word end
      return assert(proc.run(argv, { timeout = 60 }))
    end
    local mount = 'mount -t tmpfs -o size=64k wrapix-test "$1"'
    if sys.euid() ~= 0 and run_alone(mount, "sh", dir).code ~= 0 then
      pending("this kernel lets nobody but root mount a small file system")
      return
    end
    local result = run_alone(mount .. ' && exec "$2" --run "$3" "$1"', "sh", dir, SELF,
      ROOT .. "/tests/support/fill_disk.lua")
    assert.equal("", result.stderr)
    assert.equal(0, result.code)
    local said = assert(json.decode(result.stdout))
    assert.equal("ENOSPC", said.refused.code)
    assert.matches("^record: ENOSPC: ", said.refused.message)
    assert.equal(("free space on the file system of %s/state"):format(dir), said.refused.hint)
    assert.equal("ENOSPC", said.again)
    assert.is_true(said.written > 1)
    assert.equal(said.refused.size, #said.text)
    assert.equal("\n", said.text:sub(-1))
    assert.equal(said.written, said.full.records)
    assert.same({}, said.full.problems)
    assert.is_true(said.after.ok)
    assert.equal(said.written + 1, said.after.records)
    assert.equal("EROFS", said.read_only.code)
    assert.equal("set XDG_STATE_HOME to a place that can be written to", said.read_only.hint)
    assert.is_true(said.still.ok)
    assert.equal(said.written + 1, said.sessions)
  end)
end)
