-- SPDX-License-Identifier: MIT
-- Eight starts at once, again and again, some of which die: the others take away
-- what those of the round before left, all at the same time.

local task = require("wrapix.task")

local EIGHT = { 1, 2, 3, 4, 5, 6, 7, 8 }

-- Numbers two and five die, with their sandboxes running.
local function round(world, dying)
  local results = assert(task.parallel(8, EIGHT, function(i)
    local dies = dying and (i == 2 or i == 5)
    if dies then
      return { struck = world:die("launch.started", "exec sleep 1000") }
    end
    return world:run("exit " .. 10 + i)
  end))
  local lived = 0
  for i, result in ipairs(results) do
    if result.struck then
      assert(result.struck.signal == 9, "was not struck")
    else
      lived = lived + 1
      assert(result.code == 10 + i, ("status %s: %s"):format(result.code, result.stderr))
    end
  end
  world:note()
  return lived
end

local function crowd(rounds, dying)
  return function(world)
    for _ = 1, rounds do round(world, dying) end
    world:assert_count(8 * rounds)
  end
end

return {
  { step = "8 at once", way = "run", run = crowd(1), quick = true },
  { step = "8 at once, 10 times", way = "run", run = crowd(10) },
  { step = "8 at once, 2 of them die", way = "run", run = crowd(3, true) },
}
