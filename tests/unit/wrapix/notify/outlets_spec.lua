-- SPDX-License-Identifier: MIT
local config = require("wrapix.notify.config")
local deliver = require("wrapix.notify.deliver")
local fs = require("wrapix.fs")
local history = require("wrapix.notify.history")
local task = require("wrapix.task")

describe("notify.outlets", function()
  it("hands a function what on_message is handed", function()
    local dir, got = assert(fs.temp_dir("wx-outlets")), nil
    local rules = { sinks = { function(message, ctx) got = { message.title, ctx } end } }
    local one = deliver.new({ config = assert(config.check(rules)), dirs = { state = dir }, env = {},
      log = { error = error, warn = error, info = error }, focus = false })
    local from = { session = "abc", name = "shop-1" }
    one:handle({ title = "m", message = "", extra = {}, from = from })
    one:close(1)
    fs.remove_tree(dir)
    assert.equal("m", got[1])
    assert.same({ from, 1 }, { got[2].from, got[2].count })
    assert.is_number(got[2].time)
  end)

  it("tells once of what there was no time for, and keeps it of each", function()
    local dir, told = assert(fs.temp_dir("wx-outlets")), {}
    local function tell(_, text) told[#told + 1] = text end
    local rules = { sinks = { function() task.sleep(60) end }, join = 0, rate = false }
    local one = deliver.new({ config = assert(config.check(rules)), dirs = { state = dir }, env = {},
      log = { error = tell, warn = tell, info = tell }, focus = false })
    for i = 1, 5 do one:handle({ title = "m" .. i, message = "", extra = {} }) end
    one:close(0.05)
    local list = assert(history.open(dir):read())
    fs.remove_tree(dir)
    assert.same({ "notify: function: there was no time for it before the end" }, told)
    assert.equal(5, #list)
    for _, record in ipairs(list) do
      assert.equal("failed", record.decision)
      assert.equal("there was no time for it before the end", record.sinks[1].detail)
    end
  end)
end)
