-- SPDX-License-Identifier: MIT
-- Holds the rules of docs/concurrency.md true; rule numbers in the names.

local task = require("wrapix.task")

describe("task.scope", function()
  it("returns what its body returns, after all children ended (6)", function()
    local order = {}
    local a, b = task.scope(function(s)
      s:spawn(function() task.sleep(0.02) order[#order + 1] = "slow" end)
      s:spawn(function() order[#order + 1] = "quick" end)
      return 1, nil
    end)
    assert.same({ "quick", "slow" }, order)
    assert.equal(1, a)
    assert.is_nil(b)
  end)

  it("waits for children that task.spawn added (6)", function()
    local done = false
    task.scope(function(s)
      s:spawn(function() task.spawn(function() task.sleep(0.01) done = true end) end)
    end)
    assert.is_true(done)
  end)

  it("re-raises the first error and cancels the siblings (7)", function()
    local sibling, body
    local ok, err = pcall(task.scope, function(s)
      s:spawn(function() sibling = { task.sleep(10) } end)
      s:spawn(function() task.sleep(0.01) error("boom") end)
      body = { task.sleep(10) }
    end)
    assert.is_false(ok)
    assert.matches("boom", err)
    assert.matches("stack traceback", err)
    assert.equal("ECANCELED", sibling[3])
    assert.equal("ECANCELED", body[3])
  end)

  it("keeps an error that is no string as it is (7)", function()
    local object = {}
    local ok, err = pcall(task.scope, function() error(object) end)
    assert.is_false(ok)
    assert.equal(object, err)
  end)

  it("returns a failure of the outside world and cancels the siblings (7)", function()
    local sibling
    local value, msg, code = task.scope(function(s)
      s:spawn(function() sibling = { task.sleep(10) } end)
      s:spawn(function() return nil, "ENOENT: open 'x'", "ENOENT" end)
      task.sleep(10)
    end)
    assert.is_nil(value)
    assert.equal("ENOENT: open 'x'", msg)
    assert.equal("ENOENT", code)
    assert.equal("ECANCELED", sibling[3])
  end)

  it("gives a child's results to wait() (6)", function()
    task.scope(function(s)
      local child = s:spawn(function(a, b) task.sleep(0) return b, a end, 1, 2)
      local x, y = child:wait()
      assert.same({ 2, 1 }, { x, y })
    end)
  end)

  it("does not take the cancel of one child for a failure (11)", function()
    local result = task.scope(function(s)
      local child = s:spawn(function() return task.sleep(10) end)
      task.sleep(0)
      child:cancel()
      local _, _, code = child:wait()
      assert.equal("ECANCELED", code)
      return "fine"
    end)
    assert.equal("fine", result)
  end)

  it("never runs a child cancelled before its first step (13)", function()
    local ran = false
    task.scope(function(s)
      s:spawn(function() ran = true end):cancel()
    end)
    assert.is_false(ran)
  end)

  it("refuses a spawn after its end and wrong arguments", function()
    local kept
    task.scope(function(s) kept = s end)
    assert.error_matches(function() kept:spawn(print) end, "the scope has ended")
    assert.error_matches(function() task.scope(1) end, "function expected")
  end)
end)

describe("cancellation", function()
  it("strikes a loop that ignores results with an error (12)", function()
    local turns = 0
    local _, _, code = task.timeout(0.02, function()
      while true do
        task.sleep(0.005)
        turns = turns + 1
      end
    end)
    assert.equal("ETIMEDOUT", code)
    assert.is_true(turns < 100)
  end)

  it("leaves a shielded region alone and strikes after it (14)", function()
    local inside, after
    task.scope(function(s)
      local child = s:spawn(function()
        inside = { task.shield(function() return task.sleep(0.03) end) }
        after = { task.sleep(10) }
      end)
      task.sleep(0.01)
      child:cancel()
    end)
    assert.same({ true }, inside)
    assert.equal("ECANCELED", after[3])
  end)

  it("runs <close> variables, which may wait in a shield (14)", function()
    local closed
    task.timeout(0.01, function()
      local guard <close> = setmetatable({}, {
        __close = function() closed = task.shield(task.sleep, 0.005) end,
      })
      assert.is_table(guard)
      task.sleep(10)
      task.sleep(10)
    end)
    assert.is_true(closed)
  end)

  it("of a task cancels its scopes, and waits for them (15)", function()
    local inner, cleaned
    task.scope(function(s)
      local child = s:spawn(function()
        task.scope(function(s2)
          s2:spawn(function()
            inner = { task.sleep(10) }
            task.shield(task.sleep, 0.01)
            cleaned = true
          end)
        end)
      end)
      task.sleep(0.01)
      child:cancel()
    end)
    assert.equal("ECANCELED", inner[3])
    assert.is_true(cleaned)
  end)
end)

describe("task.timeout", function()
  it("returns the results in time, nils included (10)", function()
    local out = table.pack(task.timeout(5, function() task.sleep(0.001) return 1, nil, 3 end))
    assert.same({ 1, nil, 3, n = 3 }, out)
  end)

  it("passes failures and errors on (10)", function()
    local _, msg, code = task.timeout(5, function() return nil, "EIO: read", "EIO" end)
    assert.equal("EIO: read", msg)
    assert.equal("EIO", code)
    local ok, err = pcall(task.timeout, 5, error, "bang")
    assert.is_false(ok)
    assert.matches("^bang\nstack traceback", err)
  end)

  it("that is cancelled from outside ends as cancelled, however long its work takes to end", function()
    local code
    task.scope(function(scope)
      local child = scope:spawn(function()
        code = select(3, task.timeout(5, function()
          task.sleep(3)
          task.shield(task.sleep, 0.02)
          return nil, "EIO: late", "EIO"
        end))
        return true
      end)
      task.sleep(0.01)
      child:cancel()
      return true
    end)
    assert.equal("ECANCELED", code)
  end)

  it("checks its arguments", function()
    assert.error_matches(function() task.timeout(-1, print) end, "number of seconds")
    assert.error_matches(function() task.timeout("1", print) end, "number of seconds")
  end)
end)

describe("task.parallel", function()
  it("keeps the order and the bound (9)", function()
    local running, most = 0, 0
    local out = task.parallel(3, { 5, 4, 3, 2, 1, 0 }, function(item, index)
      running = running + 1
      most = math.max(most, running)
      task.sleep(item / 1000)
      running = running - 1
      return item * 10 + index
    end)
    assert.same({ 51, 42, 33, 24, 15, 6 }, out)
    assert.equal(3, most)
  end)

  it("keeps false and takes an empty list (9)", function()
    assert.same({ false, false }, task.parallel(1, { 1, 2 }, function() return false end))
    assert.same({}, task.parallel(4, {}, function() return 1 end))
  end)

  it("stops at the first failure (9)", function()
    local started = 0
    local value, msg, code = task.parallel(2, { 1, 2, 3, 4, 5, 6 }, function(item)
      started = started + 1
      if item == 2 then return nil, "EBAD: item 2", "EBAD" end
      task.sleep(5)
      return item
    end)
    assert.is_nil(value)
    assert.equal("EBAD: item 2", msg)
    assert.equal("EBAD", code)
    assert.equal(2, started)
  end)
end)

describe("waiting", function()
  it("raises in a coroutine made by hand (4)", function()
    local ok, err = pcall(coroutine.wrap(function() task.sleep(0) end))
    assert.is_false(ok)
    assert.matches("not a wrapix task", err)
  end)

  it("raises inside a C callback (4)", function()
    local ok, err = pcall(table.sort, { 2, 1 }, function() task.sleep(0) return false end)
    assert.is_false(ok)
    assert.matches("cannot wait here", err)
  end)

  it("ends a task that yields by hand with an error (5)", function()
    local ok, err = pcall(task.scope, function() coroutine.yield() end)
    assert.is_false(ok)
    assert.matches("coroutine.yield inside a task", err)
  end)

  it("lets coroutines made by hand work on their own inside a task", function()
    local gen = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end)
    assert.same({ 1, 2, 3 }, { gen(), gen(), gen() })
  end)

  it("is fair between tasks that only yield (16)", function()
    local a, b = 0, 0
    task.scope(function(s)
      s:spawn(function() while b < 50 do a = a + 1 task.yield() end end)
      s:spawn(function() while b < 50 do b = b + 1 task.yield() end end)
    end)
    assert.is_true(math.abs(a - b) <= 2)
  end)

  it("refuses sleeps that are no durations", function()
    assert.error_matches(function() task.sleep(-1) end, "0 or more")
    assert.error_matches(function() task.sleep(0 / 0) end, "0 or more")
  end)

  it("keeps ten thousand tasks cheap", function()
    local n = 0
    task.scope(function(s)
      for _ = 1, 10000 do s:spawn(function() task.yield() n = n + 1 end) end
    end)
    assert.equal(10000, n)
  end)
end)

describe("task.root", function()
  it("waits for what it leaves, and fails with it (6, 7)", function()
    local done = false
    local function leave()
      task.spawn(function()
        task.sleep(0.01)
        done = true
        return true
      end)
      return "a", nil, "b"
    end
    assert.same({ "a", nil, "b", n = 3 }, table.pack(task.root(leave)))
    assert.is_true(done)
    local value, message = task.root(function()
      task.spawn(function() return nil, "the world" end)
      return true
    end)
    assert.is_nil(value)
    assert.equal("the world", message)
  end)

  it("raises what was raised, as it was, and cancels the rest", function()
    local child
    local ok, err = pcall(task.root, function()
      child = task.spawn(task.sleep, 60)
      task.yield()
      error("plain", 0)
    end)
    assert.same({ false, "plain" }, { ok, err })
    assert.equal("ECANCELED", select(3, child:wait()))
  end)

  it("leaves the tasks of who calls it alone", function()
    local got = task.scope(function(scope)
      local other = scope:spawn(function() return task.sleep(0.03) end)
      task.yield()
      assert.equal(1, task.root(function() return 1 end))
      return other._task:status()
    end)
    assert.equal("waiting", got)
  end)
end)
