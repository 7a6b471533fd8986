-- SPDX-License-Identifier: MIT
-- Hooks in order, in time, and what each way of failing means.

local hooks = require("wrapix.hooks")
local profiles = require("wrapix.profile")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

describe("hooks", function()
  local seen, warned, report

  before_each(function()
    seen, warned = {}, {}
    report = { warn = function(_, text) warned[#warned + 1] = text end }
  end)

  local function new(table_of_hooks)
    return hooks.new(assert(profiles.from_table({ hooks = table_of_hooks })), report)
  end

  local function mark(name) return function() seen[#seen + 1] = name end end

  local function context() return {} end

  it("run in order, the base profile's first", function()
    local base = { hooks = { before_start = mark("base") } }
    local derived = profiles.derive(base, { hooks = { before_start = { mark("1"), mark("2") } } })
    local all = hooks.new(assert(profiles.from_table(derived)), report)
    assert.is_true(all:run("before_start", context))
    assert.same({ "base", "1", "2" }, seen)
    assert.equal(3, #all.results)
    for _, result in ipairs(all.results) do
      assert.equal("before_start", result.event)
      assert.is_true(result.ok)
      assert.is_true(result.seconds >= 0)
      assert.is_nil(result.error)
    end
  end)

  it("say where each stands", function()
    local text = "return {\n  hooks = {\n    after_exit = {\n      function() end,\n"
      .. "      function() end,\n    },\n    before_stop = function() end,\n  },\n}\n"
    local tbl = assert(load(text, "=p.lua"))()
    local profile = assert(profiles.from_table(tbl, { source = "p.lua", text = text, line = 1 }))
    local all = hooks.new(profile, report)
    all:run("after_exit", context)
    all:run("before_stop", context)
    local places = {}
    for i, result in ipairs(all.results) do places[i] = result.where end
    assert.same({ "p.lua:4", "p.lua:5", "p.lua:7" }, places)
  end)

  it("are nothing when there are none", function()
    local all = new(nil)
    assert.is_false(all:has("before_start"))
    assert.is_true(all:run("before_start", context))
    assert.same({}, all.results)
    assert.is_true(new({ after_exit = mark("x") }):has("after_exit"))
  end)

  it("get a context of their own, with the event in it", function()
    local all = new({ after_start = {
      function(ctx) ctx.mine, seen[1] = true, ctx.event end,
      function(ctx) seen[2] = ctx.mine == nil end,
    } })
    assert.is_true(all:run("after_start", context))
    assert.same({ "after_start", true }, seen)
  end)

  for _, event in ipairs({ "before_build", "before_start" }) do
    it("end the start by a veto in " .. event, function()
      local all = new({
        on_error = "warn",
        [event] = { function() return nil, "not on a Friday" end, mark("later") },
      })
      local ok, message, code = all:run(event, context)
      assert.is_nil(ok)
      assert.equal("EHOOK", code)
      assert.matches("hook: " .. event .. " (", message, 1, true)
      assert.matches("): not on a Friday", message, 1, true)
      assert.same({}, seen)
      assert.is_false(all.results[1].ok)
      assert.equal("not on a Friday", all.results[1].error)
      assert.same({}, warned)
    end)
  end

  it("veto by false as well, with or without a reason", function()
    for _, case in ipairs({
      { function() return false end, "gave no reason" },
      { function() return false, "no" end, "): no" },
      { function() return nil, "" end, "gave no reason" },
      { function() return nil, {} end, "gave a table as its reason, not a text" },
      { function() return nil, 42 end, "gave a number as its reason, not a text" },
    }) do
      local ok, message = new({ before_start = case[1] }):run("before_start", context)
      assert.is_nil(ok)
      assert.matches(case[2], message, 1, true)
    end
  end)

  it("consent by returning nothing or anything else", function()
    for _, fn in ipairs({
      function() end, function() return nil end, function() return true end,
      function() return "text" end, function() return {}, "more" end, function() return 0 end,
    }) do
      assert.is_true(new({ before_start = fn }):run("before_start", context))
    end
  end)

  it("that raise end a start, unless on_error says warn", function()
    local list = { function() error("broken") end, mark("later") }
    local ok, message, code = new({ before_start = list }):run("before_start", context)
    assert.is_nil(ok)
    assert.equal("EHOOK", code)
    assert.matches("broken$", message)
    assert.same({}, seen)
    local undone = 0
    local lenient = new({ before_start = list, on_error = "warn" })
    assert.is_true(lenient:run("before_start", context, function() undone = undone + 1 end))
    assert.same({ "later" }, seen)
    assert.equal(1, #warned)
    assert.equal(1, undone)
    assert.is_false(lenient.results[1].ok)
    assert.is_true(lenient.results[2].ok)
  end)

  it("that fail later are warnings, and the others run", function()
    for _, event in ipairs({ "after_start", "before_stop", "after_exit" }) do
      seen, warned = {}, {}
      local all = new({
        on_error = "block", [event] = { function() return nil, "sad" end, mark("later") },
      })
      assert.is_true(all:run(event, context))
      assert.same({ "later" }, seen)
      assert.equal(1, #warned)
      assert.matches("sad", warned[1], 1, true)
    end
  end)

  it("may raise whatever Lua can raise", function()
    local hostile = setmetatable({}, { __tostring = function() error("again") end })
    for _, value in ipairs({ {}, hostile, 42, false }) do
      local ok, message = new({ before_start = function() error(value) end }):run("before_start", context)
      assert.is_nil(ok)
      assert.is_string(message)
    end
    local ok = new({ before_start = function() error() end }):run("before_start", context)
    assert.is_nil(ok)
  end)

  it("leave one harmless line, whatever they say", function()
    local all = new({ before_start = function() return nil, "a\27[31m\nb" end })
    local ok, message = all:run("before_start", context)
    assert.is_nil(ok)
    assert.matches("a\\x1B[31m", message, 1, true)
    assert.is_nil(message:find("[\n\27]"))
    assert.equal("a\\x1B[31m", all.results[1].error)
  end)

  it("end at their time limit while they wait", function()
    local start = sys.clock()
    local all = new({ timeout = 0.05, before_start = function() task.sleep(20) end })
    local ok, message = all:run("before_start", context)
    assert.is_nil(ok)
    assert.matches("not done after 0.05 s", message, 1, true)
    assert.is_true(sys.clock() - start < 5)
  end)

  it("end at their time limit while they compute", function()
    local all = new({ timeout = "0.05", before_start = function() while true do end end })
    local ok, message = all:run("before_start", context)
    assert.is_nil(ok)
    assert.matches("not done after 0.05 s", message, 1, true)
    -- The look at the clock is gone with the hook.
    assert.is_nil((debug.gethook()))
  end)

  it("have a limit each", function()
    local function slow() task.sleep(0.3) end
    local all = new({ timeout = 0.8, before_start = { slow, slow, slow } })
    assert.is_true(all:run("before_start", context))
  end)

  it("are waited for with the tasks they started", function()
    local all = new({ before_start = function()
      task.spawn(function()
        task.sleep(0.02)
        seen[1] = "child"
        return true
      end)
    end })
    assert.is_true(all:run("before_start", context))
    assert.same({ "child" }, seen)
  end)

  it("that are cut off end the start, whatever on_error says", function()
    for _, fn in ipairs({
      function() task.sleep(20) end,
      function() if not task.sleep(20) then error("gave up") end end,
      function()
        task.sleep(20)
        return true
      end,
    }) do
      local all = new({ on_error = "warn", before_start = { fn, mark("later") } })
      local ok, message
      task.scope(function(scope)
        local child = scope:spawn(function()
          ok, message = all:run("before_start", context)
          return true
        end)
        task.sleep(0.01)
        child:cancel()
        return true
      end)
      assert.is_nil(ok)
      assert.matches("cut short", message, 1, true)
      assert.equal("cut short", all.results[1].error)
      assert.same({}, seen)
    end
  end)

  it("after the exit tell their own error when the launch was cut off", function()
    local all = new({ after_exit = { function() error("mine", 0) end, mark("later") } })
    task.scope(function(scope)
      local child = scope:spawn(function()
        task.sleep(20)
        return task.shield(all.run, all, "after_exit", context)
      end)
      task.sleep(0.01)
      child:cancel()
      return true
    end)
    assert.equal("mine", all.results[1].error)
    assert.same({ "later" }, seen)
  end)
end)
