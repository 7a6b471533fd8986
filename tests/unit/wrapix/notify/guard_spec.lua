-- SPDX-License-Identifier: MIT
local config = require("wrapix.notify.config")
local deliver = require("wrapix.notify.deliver")
local fs = require("wrapix.fs")
local guard = require("wrapix.notify.guard")
local history = require("wrapix.notify.history")
local task = require("wrapix.task")

describe("notify.guard", function()
  local most = guard.MOST
  local dir
  before_each(function() guard.MOST, dir = 1000000, assert(fs.temp_dir("wx-guard")) end)
  after_each(function()
    guard.MOST = most
    fs.remove_tree(dir)
  end)

  local function endless() while true do end end

  -- What is shown, and told, of one message under some rules.
  local function deliver_one(rules)
    local shown, told = {}, {}
    local function tell(_, text) told[#told + 1] = text end
    rules.sinks = rules.sinks or { function(message) shown[#shown + 1] = message end }
    local one = deliver.new({ config = assert(config.check(rules)), dirs = { state = dir }, env = {},
      log = { error = tell, warn = tell, info = tell }, focus = false })
    one:handle({ title = "t", message = "m", extra = { raw = "a\27]0;x\7\u{202E}b" } })
    one:close(5)
    return shown, table.concat(told, "\n"), assert(history.open(dir):read())
  end

  it("hands through what a function returns or raises", function()
    assert.same({ true, 1, nil, 3, n = 4 }, table.pack(guard.call(function(a) return a, nil, 3 end, 1)))
    assert.same({ false, "no" }, { guard.call(error, "no", 0) })
    assert.is_nil((debug.gethook()))
  end)

  it("ends what computes without an end, and lets what waits go on", function()
    assert.same({ false, "it computes without an end" }, { guard.call(endless) })
    assert.is_true(guard.call(function()
      for _ = 1, 50 do task.sleep(0) end
    end))
    assert.is_nil((debug.gethook()))
  end)

  it("ends what computes without an end in a coroutine, which is otherwise as it is", function()
    local globals = guard.globals()
    for _, code in ipairs({
      "coroutine.wrap(function() while true do end end)()",
      "local co = coroutine.create(function() while true do end end) while true do coroutine.resume(co) end",
    }) do
      local ok, message = guard.call(assert(load(code, "=file", "t", globals)))
      assert.same({ false, "it computes without an end" }, { ok, message })
    end
    local fn = assert(load([[
      local co = coroutine.wrap(function(a) local b, c = coroutine.yield(a + 1) error({ b, c }) end)
      local first = co(1)
      local ok, problem = pcall(co, 2, 3)
      return first, ok, problem[1] + problem[2], pcall(co)]], "=file", "t", globals))
    assert.same({ true, 2, false, 5, false, "cannot resume dead coroutine" }, { guard.call(fn) })
  end)

  it("lets a message go on as it came when on_message has no end", function()
    local shown, told = deliver_one({ on_message = endless })
    assert.equal("t", shown[1].title)
    assert.matches("on_message: it computes without an end", told, 1, true)
  end)

  it("says so of a sink of one's own", function()
    local _, told, list = deliver_one({ sinks = { endless } })
    assert.matches("it computes without an end", told, 1, true)
    assert.equal("failed", list[1].decision)
  end)

  it("gives the defaults for rules that have no end", function()
    assert(fs.write_atomic(dir .. "/notify.lua", "while true do end"))
    local rules, problem = config.load({ config = dir })
    assert.same(config.defaults(), rules)
    assert.matches("computes without an end", problem.message, 1, true)
  end)

  it("refuses what would end or stop the whole process, and says what to do", function()
    for call, why in pairs({
      ["os.exit(0)"] = "os.exit: it would end the whole process; return instead",
      ['os.execute("true")'] = "os.execute: it would stop the whole process; use require",
      ['io.popen("true")'] = "io.popen: it would stop the whole process; use require",
    }) do
      assert(fs.write_atomic(dir .. "/notify.lua", "\n" .. call .. "\nreturn {}"))
      local rules, problem = config.load({ config = dir })
      assert.same(config.defaults(), rules)
      assert.matches("notify.lua:2: " .. why, problem.message, 1, true)
      assert(fs.write_atomic(dir .. "/notify.lua", ("return { on_message = function(m)\n%s\nend,\n"
        .. "always = type(os.date()) == 'string' and os.time ~= nil and io.open ~= nil }"):format(call)))
      rules, problem = config.load({ config = dir })
      assert.is_nil(problem)
      assert.is_true(rules.always)
      local shown, told = deliver_one({ on_message = rules.on_message })
      assert.equal("t", shown[1].title)
      assert.matches("notify.lua:2: " .. why, told, 1, true)
    end
    assert.equal("function", type(os.exit))
    assert.is_true((os.execute("true")))
  end)

  it("lets a person's function run programs the way that waits", function()
    assert(fs.write_atomic(dir .. "/notify.lua", [[return { on_message = function(m)
      m.title = require("wrapix.proc").run({ "echo", "from outside" }).stdout
    end }]]))
    local shown = deliver_one({ on_message = config.load({ config = dir }).on_message })
    assert.equal("from outside", shown[1].title)
  end)

  it("cleans what on_message makes of a message", function()
    local shown = deliver_one({ on_message = function(message)
      message.title, message.message = message.extra.raw, ("x"):rep(5000)
      message.urgency = "loud"
    end })
    assert.equal("a]0;xb", shown[1].title)
    assert.equal(4000, utf8.len(shown[1].message))
    assert.is_nil(shown[1].urgency)
  end)

  it("takes nothing of on_message that is not UTF-8, and keeps the message in the history", function()
    local shown, told, list = deliver_one({ on_message = function(message) message.title = "\255" end })
    assert.equal("t", shown[1].title)
    assert.matches("on_message: title: not UTF-8", told, 1, true)
    assert.equal("t", list[1].title)
  end)
end)
