-- SPDX-License-Identifier: MIT
-- What the crash suite found, as a table of steps and faults.

local M = {}

local function count(results)
  local counts = { ok = 0, FAIL = 0, skip = 0 }
  for _, one in ipairs(results) do counts[one.verdict] = counts[one.verdict] + 1 end
  return counts
end

-- Steps and ways in the order in which they first came.
local function axes(results)
  local steps, ways, cells = {}, {}, {}
  for _, one in ipairs(results) do
    if not cells[one.step] then steps[#steps + 1], cells[one.step] = one.step, {} end
    cells[one.step][one.way] = one.verdict
    if not ways[one.way] then
      ways[#ways + 1] = one.way
      ways[one.way] = true
    end
  end
  return steps, ways, cells
end

local function print_matrix(results)
  local steps, ways, cells = axes(results)
  local width = 4
  for _, step in ipairs(steps) do width = math.max(width, #step) end
  local line = { ("step"):rep(1) .. (" "):rep(width - 4) }
  for _, way in ipairs(ways) do line[#line + 1] = way end
  print(table.concat(line, "  "))
  for _, step in ipairs(steps) do
    line = { step .. (" "):rep(width - #step) }
    for _, way in ipairs(ways) do
      line[#line + 1] = ("%-" .. #way .. "s"):format(cells[step][way] or "-")
    end
    print((table.concat(line, "  "):gsub("%s+$", "")))
  end
end

---Prints the table, what failed and why, and the totals.
---@param results { step: string, way: string, verdict: "ok"|"FAIL"|"skip", reason: string? }[]
---@param seconds number
---@return integer exit status
function M.print(results, seconds)
  local counts = count(results)
  print(("\ncrash suite on %s, %d s"):format(os.getenv("WRAPIX_TEST_HOST"), seconds // 1))
  print_matrix(results)
  for _, one in ipairs(results) do
    if one.reason then
      print(("%s: %s, %s: %s"):format(one.verdict, one.step, one.way, one.reason))
    end
  end
  print(("%d passed, %d failed, %d skipped"):format(counts.ok, counts.FAIL, counts.skip))
  return counts.FAIL == 0 and counts.ok > 0 and 0 or 1
end

return M
