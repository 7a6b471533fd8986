-- SPDX-License-Identifier: MIT
-- What wrapix-notifyd stands: noise, crowds, floods and slow senders.

local daemons = require("support.notifyd")
local fs = require("wrapix.fs")
local net = require("wrapix.net")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local WRAPIX, PATIENCE = daemons.WRAPIX, daemons.PATIENCE
local line = daemons.line
-- Three seconds of it, and a minute in a build that looks for errors. Sixteen bytes kept of each
-- message would be seen.
local FLOOD = os.getenv("ASAN_OPTIONS") and 100000 or 400000
-- What is loaded with the first message counts too; a build that looks for errors puts room
-- around each block.
local GROWTH_KB = os.getenv("ASAN_OPTIONS") and 12000 or 6000
local FLOOD_SECONDS = 120
-- Seconds in which half of the messages beside others' have to be shown: 0.01 are seen.
local BESIDE = 0.5

describe("wrapix-notifyd", function()
  local d
  before_each(function() d = daemons.new() end)
  after_each(function() d:remove() end)

  -- Whether a spec was clean is looked at before after_each.
  local function case(name, fn)
    it(name, function()
      finally(function() d:stop_all() end)
      return fn()
    end)
  end

  -- How long some messages, each of a session of its own, take to be shown.
  local function time_some(count)
    local list = {}
    for i = 1, count do
      local start = sys.clock()
      d:send(line(("beside %d."):format(i), { from = { session = "s" .. i } }))
      d:wait_shown(("beside %d."):format(i))
      list[i] = sys.clock() - start
    end
    table.sort(list)
    return list
  end

  local function median(list) return list[#list // 2 + 1] end

  -- A message, changed here and there: bytes lost, doubled, others', and ends of lines.
  local function broken(text)
    local bytes = { text:byte(1, -1) }
    for _ = 1, math.random(3) do
      local at = math.random(#bytes)
      local how = math.random(4)
      if how == 1 then bytes[at] = math.random(0, 255) end
      if how == 2 and #bytes > 1 then table.remove(bytes, at) end
      if how == 3 then table.insert(bytes, at, bytes[at]) end
      if how == 4 then bytes[at] = ('\n"\\{}[],:'):byte(math.random(9)) end
    end
    return string.char(table.unpack(bytes))
  end

  local WHOLE = line("t", { message = "é\u{202E}\27x", sound = "Ping", session_id = "0:1.0", tag = "a",
    urgency = "low", event = "Stop", token = "x", from = { session = "s", screen = { tty = "x" } },
    count = 3, extra = { a = { 1, 2 } } })

  case("takes any bytes, shows no control character, and loses no line after them", function()
    d:rules("rate = false, join = 0")
    local one = d:start()
    math.randomseed(7)
    for i = 1, 100 do
      local parts = {}
      for n = 1, 40 do parts[n] = broken(WHOLE) end
      local noise = {}
      for n = 1, math.random(300) do noise[n] = string.char(math.random(0, 255)) end
      local data = table.concat(parts) .. table.concat(noise) .. "\n" .. line(("good %d."):format(i))
      local stream <close> = assert(net.connect_unix(d.socket))
      local at = math.random(#data)
      assert(stream:write(data:sub(1, at)))
      task.yield()
      assert(stream:write(data:sub(at + 1)))
      stream:shutdown()
      assert.is_nil(task.timeout(PATIENCE, stream.read, stream))
      d:wait_shown(("good %d."):format(i))
    end
    local shown = d:shown()
    assert.truthy(utf8.len(shown))
    assert.not_matches("[\0-\9\11-\31\127]", shown)
    assert.not_matches("\u{202E}", shown)
    assert.matches("a line was skipped", d:finish(one).stderr)
  end)

  case("serves a thousand connections at once, and loses nothing", function()
    d:rules("rate = false, join = 0")
    local one = d:start()
    local count = 1000
    assert.is_true(sys.limits().nofile.soft > count + 100, "ulimit -n is too small here")
    local streams = {}
    for i = 1, count do streams[i] = assert(net.connect_unix(d.socket)) end
    for i, stream in ipairs(streams) do assert(stream:write(line("c" .. i))) end
    for _, stream in ipairs(streams) do
      stream:shutdown()
      assert.is_nil(task.timeout(PATIENCE, stream.read, stream))
      stream:close()
    end
    d:finish(one)
    assert.equal(count, d:total())
  end)

  local function peak_kb(one)
    return tonumber(fs.read(("/proc/%d/status"):format(one:pid())):match("VmHWM:%s*(%d+)"))
  end

  case("takes a flood in flat memory, and delays nobody by it", function()
    d:rules()
    -- A build that looks for errors keeps what was freed, 256 MB of it unless told.
    local one = d:start(nil, { ASAN_OPTIONS = "quarantine_size_mb=1" })
    local before = peak_kb(one)
    local flood = d:spawn({ WRAPIX, "--run", "tests/support/flood.lua", d.socket, tostring(FLOOD),
      d.dir .. "/stop" })
    assert.equal("flooding", task.timeout(PATIENCE, flood.stdout.read_line, flood.stdout))
    local times = time_some(9)
    assert.is_true(median(times) < BESIDE, ("%.3f s"):format(median(times)))
    assert.is_false(flood:exited()) -- all that was in the flood
    local early = peak_kb(one)
    assert(fs.write_atomic(d.dir .. "/stop", ""))
    local said = assert(task.timeout(FLOOD_SECONDS, flood.stdout.read_line, flood.stdout))
    local sent = assert(math.tointeger(tonumber(said)), said)
    assert.is_true(sent >= FLOOD)
    local late = peak_kb(one)
    assert.is_true(late - before < GROWTH_KB, ("grew by %d kB"):format(late - before))
    assert.is_true(late - early < 2000, ("grew by %d kB in the flood"):format(late - early))
    d:finish(one)
    assert.equal(sent + 9, d:total())
  end)

  case("lets slow senders delay nobody, and hears them", function()
    d:rules("rate = false, join = 0")
    local one = d:start()
    local slow, done = {}, false
    for i = 1, 50 do
      slow[i] = assert(net.connect_unix(d.socket))
      assert(slow[i]:write('{"title":'))
    end
    local trickle = task.detach(function()
      while not done do
        for _, stream in ipairs(slow) do assert(stream:write(" ")) end
        task.sleep(0.01)
      end
    end)
    local times = time_some(9)
    done = true
    trickle:join()
    assert.is_true(median(times) < BESIDE, ("%.3f s"):format(median(times)))
    assert.not_matches("slow", d:shown())
    for i, stream in ipairs(slow) do
      assert(stream:write(('"slow %d."}\n'):format(i)))
      stream:close()
    end
    for i = 1, #slow do d:wait_shown(("slow %d."):format(i)) end
    d:finish(one)
  end)
end)
