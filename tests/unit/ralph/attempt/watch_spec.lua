-- SPDX-License-Identifier: MIT
-- What a running agent is looked at for: denials, budgets, and whether its silence is work.

local budgets = require("ralph.budget")
local fs = require("wrapix.fs")
local watches = require("ralph.attempt.watch")

local function new(more)
  local budget = budgets.new(more and more.limits or {}, { clock = function() return 0 end })
  local opts = { budget = budget, run = budget:run(), on_over = function() end, root = "/nonexistent" }
  for key, value in pairs(more or {}) do opts[key] = value end
  return watches.new(opts)
end

local DENIED, DID = { type = "note", kind = "denied", text = "no" }, { type = "tool_result", ok = true }

describe("watch", function()
  it("counts the longest row of refused tools", function()
    local watch = new()
    for _, event in ipairs({ DENIED, DENIED, DID, DENIED, { type = "tool_result", ok = false }, DENIED,
      DENIED, DID }) do watch:event(event) end
    assert.equal(3, watch.denied)
  end)

  it("says once that a budget is used up, and which", function()
    local over = {}
    local watch = new({ limits = { tokens = 10 }, on_over = function(one) over[#over + 1] = one.kind end })
    watch:event({ type = "usage", input = 4 })
    assert.is_nil(watch.over)
    watch:event({ type = "usage", input = 6 })
    watch:event({ type = "usage", input = 6 })
    assert.same({ "tokens" }, over)
  end)

  it("knows a stream of which nothing was said", function()
    local watch = new()
    watch:event({ type = "end", ok = false })
    assert.is_falsy(watch.seen)
    watch:event({ type = "start" })
    assert.is_true(watch.seen)
  end)

  it("takes silence for work when the tree changes, or when it computes", function()
    local tree = "a"
    local watch = new({ repo = { tree = function() return tree end }, tree = "a" })
    assert.is_false(watch:is_working({ seconds = 60 }))
    tree = "b"
    assert.is_true(watch:is_working({ seconds = 60 }))
    assert.is_false(watch:is_working({ seconds = 60, cpu_seconds = 500, cpu_recent = 0.1 }))
    assert.is_true(watch:is_working({ seconds = 60, cpu_seconds = 500, cpu_recent = 5 }))
    assert.is_false(watch:is_working({ seconds = 60, cpu_seconds = 505 }))
  end)

  it("looks at the files where there is no repository", function()
    local dir = assert(fs.temp_dir())
    local watch = new({ root = dir })
    watch:is_working({ seconds = 1 })
    assert.is_false(watch:is_working({ seconds = 1 }))
    assert(fs.write_atomic(dir .. "/new", "x"))
    assert.is_true(watch:is_working({ seconds = 1 }))
    assert(fs.ensure_dir(dir .. "/.wrapix"))
    watch:is_working({ seconds = 1 })
    assert(fs.write_atomic(dir .. "/.wrapix/log", "x"))
    assert.is_false(watch:is_working({ seconds = 1 }))
    fs.remove_tree(dir)
  end)
end)
