-- SPDX-License-Identifier: MIT
local config = require("wrapix.notify.config")
local deliver = require("wrapix.notify.deliver")
local fs = require("wrapix.fs")
local history = require("wrapix.notify.history")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

describe("notify.deliver", function()
  local dir, shown, errors, opened
  before_each(function()
    dir, shown, errors, opened = assert(fs.temp_dir("wx-deliver")), {}, {}, {}
  end)
  after_each(function()
    for _, one in ipairs(opened) do one:close(0.2) end
    fs.remove_tree(dir)
  end)

  local log = {
    error = function(_, text) errors[#errors + 1] = text end,
    warn = function(_, text) errors[#errors + 1] = text end,
    info = function() end,
  }

  local function to_list(message) shown[#shown + 1] = message.title .. (message.count or "") end

  local function open(rules, more)
    rules.sinks = rules.sinks or { to_list }
    local opts = { config = assert(config.check(rules)), dirs = { state = dir }, env = {}, log = log,
      focus = false }
    for key, value in pairs(more or {}) do opts[key] = value end
    local one = deliver.new(opts)
    opened[#opened + 1] = one
    return one
  end

  local function message(title, session, more)
    local all = { title = title, message = "", extra = {},
      from = session and { session = session, screen = {} } }
    for key, value in pairs(more or {}) do all[key] = value end
    return all
  end

  local function finish(one) one:close(2) end

  local function wait_for(condition)
    local deadline = sys.clock() + 20
    while not condition() and sys.clock() < deadline do task.sleep(0.005) end
  end

  local function records()
    local list = assert(history.open(dir):read())
    local out = {}
    for i, record in ipairs(list) do out[i] = record.title .. " " .. record.decision end
    return out, list
  end

  it("asks the detectors when nobody else is named, and shows what they cannot tell", function()
    local one = deliver.new({ config = assert(config.check({ sinks = { to_list }, join = 0 })),
      dirs = { state = dir }, env = {}, log = log })
    opened[#opened + 1] = one
    one:handle({ title = "unseen", message = "", extra = {}, from = { session = "s", screen = {} } })
    finish(one)
    assert.same({ "unseen" }, shown)
    assert.same({}, errors)
  end)

  it("shows in order, and keeps what it did", function()
    local one = open({})
    for i = 1, 5 do assert.is_true(one:handle(message("m" .. i, "s"))) end
    assert.same({}, shown) -- nothing waited for a sink
    finish(one)
    assert.same({ "m1", "m2", "m3", "m4", "m5" }, shown)
    local lines, list = records()
    assert.same({ "m1 shown", "m2 shown", "m3 shown", "m4 shown", "m5 shown" }, lines)
    assert.same({ { name = "function", ok = true } }, list[1].sinks)
    assert.is_false(one:handle(message("late", "s")))
  end)

  it("shows by every sink of the rules, and goes on when one fails", function()
    local one = open({ sinks = { function() error("broken") end, function() return nil, "no" end, to_list } })
    one:handle(message("m", "s"))
    finish(one)
    assert.same({ "m" }, shown)
    local _, list = records()
    local ok = {}
    for _, sink in ipairs(list[1].sinks) do ok[#ok + 1] = tostring(sink.ok) end
    table.sort(ok)
    assert.same({ "false", "false", "true" }, ok)
    assert.equal(2, #errors)
  end)

  it("lets a slow sink delay nobody else", function()
    local started = sys.clock()
    local one = open({ sinks = { function() task.sleep(60) end, to_list } })
    for i = 1, 30 do one:handle(message("m" .. i, "s" .. i)) end
    wait_for(function() return #shown == 30 end)
    assert.equal(30, #shown)
    one:close(0.05)
    assert.is_true(sys.clock() - started < 50)
  end)

  it("drops for a slow sink only, and says so", function()
    local one = open({ rate = false, sinks = { function() task.sleep(5) end, to_list } })
    for i = 1, 300 do
      one:handle(message("m" .. i, "s"))
      if i % 50 == 0 then
        local deadline = sys.clock() + 10
        while #shown < i and sys.clock() < deadline do task.sleep(0.005) end
      end
    end
    assert.equal(300, #shown)
    one:close(0.05)
    assert.matches("too slow", table.concat(errors, "\n"))
  end)

  it("decides in turns, so that one who says much delays nobody", function()
    local one = open({ rate = false, join = 0 })
    for i = 1, 40 do one:handle(message("m" .. i, "loud")) end
    one:handle(message("other", "quiet"))
    finish(one)
    assert.equal(41, #shown)
    local place
    for i, title in ipairs(shown) do place = title == "other" and i or place end
    assert.is_true(place <= 3, "shown as number " .. place)
  end)

  it("lets a detector that hangs delay its own session alone", function()
    local one = open({}, { focus = function(screen)
      if screen.hangs then task.sleep(60) end
      return {}
    end })
    one:handle(message("stuck", "a", { from = { session = "a", screen = { hangs = true } } }))
    one:handle(message("quick", "b"))
    wait_for(function() return shown[1] ~= nil end)
    assert.same({ "quick" }, shown)
    one:close(4)
    assert.same({ "quick", "stuck" }, shown) -- unknown after two seconds, so it is shown
  end)

  it("holds back what the person is looking at, and says what each level said", function()
    local screens = {}
    local one = open({}, { focus = function(screen)
      screens[#screens + 1] = screen.pane
      return { { name = "tmux", answer = screen.pane == "%1" and "focused" or "away", detail = "d" } }
    end })
    one:handle(message("here", "a", { from = { session = "a", screen = { pane = "%1" } } }))
    one:handle(message("there", "b", { from = { session = "b", screen = { pane = "%2" } } }))
    one:handle(message("nobody", nil))
    finish(one)
    table.sort(shown)
    assert.same({ "nobody", "there" }, shown)
    assert.same({ "%1", "%2" }, screens)
    local _, list = records()
    for _, record in ipairs(list) do
      if record.title == "here" then
        assert.equal("held", record.decision)
        assert.equal("the person is looking at it", record.why)
        assert.same({ name = "tmux", answer = "focused", detail = "d" },
          record.levels[#record.levels - 1])
      end
    end
  end)

  it("shows when detectors fail", function()
    for _, focus in ipairs({ function() error("broken") end, function() return nil, "gone" end,
      function() return "?" end }) do
      local one = open({ join = 0 }, { focus = focus })
      one:handle(message("m", "s"))
      finish(one)
    end
    assert.same({ "m", "m", "m" }, shown)
  end)

  it("shows everything with WRAPIX_NOTIFY_ALWAYS=1", function()
    local one = open({ quiet = { from = "00:00", to = "24:00" }, rate = { count = 1 } }, {
      env = { WRAPIX_NOTIFY_ALWAYS = "1" }, focus = function() return { { name = "x", answer = "focused" } } end,
    })
    for _ = 1, 20 do one:handle(message("same", "s")) end
    finish(one)
    assert.equal(20, #shown)
  end)

  it("joins the same message, and shows it later with its count", function()
    local one = open({ join = 0.2 })
    for _ = 1, 8 do one:handle(message("same", "s")) end
    wait_for(function() return #shown > 1 end)
    assert.same({ "same", "same7" }, shown)
    finish(one)
    assert.same({ "same shown", "same joined", "same shown" }, (records()))
  end)

  it("asks again where the person looks when it shows what was joined", function()
    local asked = 0
    local one = open({ join = 0.1 }, { focus = function()
      asked = asked + 1
      return { { name = "x", answer = asked == 1 and "away" or "focused" } }
    end })
    one:handle(message("same", "s"))
    one:handle(message("same", "s"))
    wait_for(function() return asked > 1 end)
    finish(one)
    assert.same({ "same" }, shown)
    assert.same({ "same shown", "same joined", "same held" }, (records()))
  end)

  it("limits one session and not another, and tells what was held at the end", function()
    local one = open({ rate = { count = 2, per = 600 } })
    for i = 1, 6 do one:handle(message("a" .. i, "a")) end
    one:handle(message("b1", "b"))
    finish(one)
    table.sort(shown)
    assert.same({ "a1", "a2", "b1" }, shown)
    local _, list = records()
    assert.equal("not shown before the end", list[#list].why)
    assert.equal(4, list[#list].count)
  end)

  it("takes what names itself from inside for one place", function()
    local one = open({ rate = { count = 2, per = 600 } })
    for i = 1, 9 do one:handle(message("m" .. i, nil, { session_id = "s" .. i })) end
    finish(one)
    assert.equal(2, #shown)
  end)

  it("holds back short turns only", function()
    local one = open({ min_age = 20 }, { time = function() return 1000 end })
    one:handle(message("young", "a", { from = { session = "a", started = 990 } }))
    one:handle(message("old", "b", { from = { session = "b", started = 900 } }))
    one:handle(message("unknown", nil))
    finish(one)
    table.sort(shown)
    assert.same({ "old", "unknown" }, shown)
  end)

  it("counts a turn from the person's answer, which is no message itself", function()
    local now = 0
    local one = open({ min_age = 20 }, { clock = function() return now end, time = function() return 1000 end })
    one:handle(message("hello", "a", { event = "UserPromptSubmit", from = { session = "a", started = 1 } }))
    now = 5
    one:handle(message("short", "a"))
    task.sleep(0.02)
    one:handle(message("hello", "a", { event = "UserPromptSubmit" }))
    now = 30
    one:handle(message("long", "a"))
    finish(one)
    assert.same({ "long" }, shown)
  end)

  it("takes nothing that the agent says in between for the beginning of a turn", function()
    local now = 0
    local one = open({ min_age = 20 }, { clock = function() return now end })
    one:handle(message("hello", "a", { event = "UserPromptSubmit" }))
    for _, at in ipairs({ 15, 30 }) do
      now = at
      one:handle(message("after " .. at, "a"))
      task.sleep(0.02)
    end
    finish(one)
    assert.same({ "after 30" }, shown)
  end)

  describe("on_message", function()
    it("may change, drop and route", function()
      local routed = {}
      local one = open({ on_message = function(msg, ctx)
        if msg.title == "drop" then return false end
        if msg.title == "route" then
          return { function(m) routed[#routed + 1] = m.title end }
        end
        msg.title = msg.title .. " of " .. ctx.from.session
      end })
      for _, title in ipairs({ "drop", "route", "plain" }) do one:handle(message(title, "s")) end
      finish(one)
      assert.same({ "plain of s" }, shown)
      assert.same({ "route" }, routed)
      assert.same({ "drop dropped", "plain of s shown", "route shown" }, (function()
        local lines = records()
        table.sort(lines)
        return lines
      end)())
    end)

    it("takes the options of the rules for a name alone, and may choose nobody", function()
      local called = {}
      local one = open({ sinks = { { "command", argv = { "mine" } }, to_list },
        on_message = function(msg) return msg.title == "none" and {} or { "command" } end },
        { run = function(argv)
          called[#called + 1] = argv[1]
          return { code = 0 }
        end })
      one:handle(message("m", "s"))
      one:handle(message("none", "s"))
      finish(one)
      assert.same({ "mine" }, called)
      assert.same({}, errors)
    end)

    it("that is wrong swallows nothing", function()
      for _, fn in ipairs({ function() error("mine") end, function(m) m.title = nil end,
        function() return { "no such sink" } end, function(m) m.message = {} end }) do
        local one = open({ on_message = fn, join = 0 })
        one:handle(message("m", "s"))
        finish(one)
      end
      assert.same({ "m", "m", "m", "m" }, shown)
      assert.equal(4, #errors)
    end)
  end)

  it("takes other rules while it runs", function()
    local other = {}
    local one = open({})
    one:handle(message("m1", "s"))
    task.sleep(0.02)
    one:configure(assert(config.check({ sinks = { function(m) other[1] = m.title end } })))
    one:handle(message("m2", "s"))
    finish(one)
    assert.same({ "m1" }, shown)
    assert.same({ "m2" }, other)
  end)

  it("joins a hundred thousand messages into few, in little memory", function()
    local one = open({})
    collectgarbage()
    local before = collectgarbage("count")
    for i = 1, 100000 do
      one:handle(message("m" .. i, "s" .. i % 3))
      if i % 600 == 0 then task.yield() end
    end
    collectgarbage()
    assert.is_true(collectgarbage("count") - before < 2000)
    finish(one)
    assert.is_true(#shown >= 3 and #shown < 100)
    local _, list = records()
    local count = 0
    for _, record in ipairs(list) do
      if record.decision ~= "joined" then count = count + (record.count or 1) end
    end
    assert.equal(100000, count)
  end)

  it("does not grow by unknown fields, which only a person's function reads", function()
    local seen = {}
    local one = open({ rate = { count = 1, per = 3600 }, sinks = { "log" }, join = 0,
      on_message = function(msg)
        seen[#seen + 1] = #msg.extra.x
        task.sleep(0.001)
      end })
    collectgarbage()
    local before = collectgarbage("count")
    for i = 1, 20 do
      local x = {}
      for j = 1, 20000 do x[j] = {} end
      one:handle(message("t" .. i, "s", { extra = { x = x } }))
    end
    collectgarbage()
    assert.is_true(collectgarbage("count") - before < 8 << 10)
    finish(one)
    assert.equal(20000, seen[1])
  end)

  it("does not grow by long texts", function()
    local one = open({ rate = { count = 100000 }, sinks = { function() task.sleep(10) end } })
    local long = ("x"):rep(16000)
    collectgarbage()
    local before = collectgarbage("count")
    for i = 1, 5000 do one:handle(message("m", "s" .. i % 200, { message = long .. i })) end
    collectgarbage()
    assert.is_true(collectgarbage("count") - before < 8000)
    one:close(0.05)
  end)

  it("closes in time, with a sink at work, and twice", function()
    local one = open({ sinks = { function() task.sleep(60) end } })
    one:handle(message("m", "s"))
    local started = sys.clock()
    one:close(0.1)
    one:close()
    assert.is_true(sys.clock() - started < 30)
    local lines, list = records()
    assert.same({ "m failed" }, lines)
    assert.equal("no sink could show it", list[1].why)
  end)

  it("goes on when the history cannot be written, and says so once", function()
    fs.remove_tree(dir)
    assert(fs.write_atomic(dir, "in the way"))
    local one = open({})
    for i = 1, 3 do
      one:handle(message("m" .. i, "s"))
      task.sleep(0.25)
    end
    finish(one)
    assert.equal(3, #shown)
    assert.equal(1, #errors)
  end)
end)
