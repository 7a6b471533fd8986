-- SPDX-License-Identifier: MIT
-- Being asked to end: after the step, or now.

local halts = require("ralph.halt")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

describe("halt", function()
  it("lets work run to its end when nobody asks", function()
    local halt = halts.new()
    assert.same({ 1, 2 }, { halt:guard(function(a) return a, 2 end, 1) })
    assert.same({ false, "x", "EX" }, { (halt:guard(function() return nil, "x", "EX" end)) or false,
      select(2, halt:guard(function() return nil, "x", "EX" end)) })
    assert.has_error(function() halt:guard(function() error("broke") end) end)
  end)

  it("ends what runs, and lets nothing more begin", function()
    local halt, cleaned = halts.new(), false
    task.scope(function(scope)
      scope:spawn(function()
        task.sleep(0.02)
        halt:now("asked")
        return true
      end)
      local ok, message, code = halt:guard(function()
        local _ <close> = setmetatable({}, { __close = function() cleaned = true end })
        return task.sleep(60)
      end)
      assert.is_nil(ok)
      assert.same({ "stopped: asked", "ESTOPPED" }, { message, code })
      return true
    end)
    assert.is_true(cleaned)
    local ran = false
    halt:guard(function() ran = true end)
    assert.is_false(ran)
  end)

  it("does not cut short what is asked to end soon, but waiting", function()
    local halt, begun = halts.new(), sys.clock()
    task.scope(function(scope)
      scope:spawn(function()
        task.yield()
        halt:soon("Ctrl-C")
        return true
      end)
      assert.is_false(halt:sleep(60))
      return true
    end)
    assert.is_true(sys.clock() - begun < 10)
    assert.equal("went on", halt:guard(function() return "went on" end))
    assert.is_false(halt:sleep(60))
  end)

  it("waits as long as it is to", function()
    assert.is_true(halts.new():sleep(0.01))
  end)
end)
