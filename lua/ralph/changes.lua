-- SPDX-License-Identifier: MIT
-- What changed between two texts, as a unified difference of their lines. Needs no git, so
-- that a spec outside of one is treated as any other. Pure.
--
-- Theory: the shortest edit by Myers' greedy method. Lines both ends have in common are
-- left out first; with more than MOST edits the rest counts as replaced as a whole.

local M = {}

local MOST = 800
local AROUND = 3

local function lines_of(text)
  local list = {}
  text = text:gsub("\r\n", "\n"):gsub("([^\n])$", "%1\n")
  for line in text:gmatch("([^\n]*)\n") do list[#list + 1] = line end
  return list
end

-- Furthest x on each diagonal, step by step, until both ends are reached.
local function trace(a, b)
  local n, m, v, steps = #a, #b, { [1] = 0 }, {}
  for d = 0, math.min(n + m, MOST) do
    local before = {}
    for k = -d - 1, d + 1 do before[k] = v[k] end
    steps[d] = before
    for k = -d, d, 2 do
      local is_down = k == -d or k ~= d and (v[k - 1] or 0) < (v[k + 1] or 0)
      local x = is_down and v[k + 1] or v[k - 1] + 1
      while x < n and x - k < m and a[x + 1] == b[x - k + 1] do x = x + 1 end
      v[k] = x
      if x >= n and x - k >= m then return steps, d end
    end
  end
end

-- The edit script, from its end: { mark, line }.
local function back(a, b, steps, last)
  local out, x, y = {}, #a, #b
  local function add(mark, line) out[#out + 1] = { mark, line } end
  for d = last, 1, -1 do
    local v, k = steps[d], x - y
    local is_down = k == -d or k ~= d and (v[k - 1] or 0) < (v[k + 1] or 0)
    local from_k = is_down and k + 1 or k - 1
    local from_x = v[from_k]
    local start = is_down and from_x or from_x + 1
    while x > start do
      add(" ", a[x])
      x, y = x - 1, y - 1
    end
    if is_down then
      add("+", b[y])
    else
      add("-", a[x])
    end
    x, y = from_x, from_x - from_k
  end
  while x > 0 do
    add(" ", a[x])
    x = x - 1
  end
  return out
end

local function edits(a, b)
  local steps, last = trace(a, b)
  local out = {}
  if not steps then
    for _, line in ipairs(a) do out[#out + 1] = { "-", line } end
    for _, line in ipairs(b) do out[#out + 1] = { "+", line } end
    return out
  end
  local reversed = back(a, b, steps, last)
  for i = #reversed, 1, -1 do out[#out + 1] = reversed[i] end
  return out
end

-- Lines at both ends that are the same need no search.
local function compare(a, b)
  local first = 1
  while first <= #a and first <= #b and a[first] == b[first] do first = first + 1 end
  local tail = 0
  while tail < #a - first + 1 and tail < #b - first + 1 and a[#a - tail] == b[#b - tail] do
    tail = tail + 1
  end
  local script = {}
  for i = 1, first - 1 do script[i] = { " ", a[i] } end
  local inner = edits(table.move(a, first, #a - tail, 1, {}), table.move(b, first, #b - tail, 1, {}))
  table.move(inner, 1, #inner, #script + 1, script)
  for i = #a - tail + 1, #a do script[#script + 1] = { " ", a[i] } end
  return script
end

-- Which lines of the script are near a change.
local function shown_lines(script)
  local shown = {}
  for i, edit in ipairs(script) do
    if edit[1] ~= " " then
      for j = math.max(1, i - AROUND), math.min(#script, i + AROUND) do shown[j] = true end
    end
  end
  return shown
end

--- The difference of two texts; nothing when their lines are the same.
---@param before string
---@param after string
---@return string? difference "@@ -LINE +LINE @@" and lines that begin with " ", "-" or "+"
function M.diff(before, after)
  local script = compare(lines_of(before), lines_of(after))
  local shown, out, is_open = shown_lines(script), {}, false
  local old, new = 1, 1
  for i, edit in ipairs(script) do
    if shown[i] then
      if not is_open then out[#out + 1] = ("@@ -%d +%d @@"):format(old, new) end
      out[#out + 1] = edit[1] .. edit[2]
    end
    is_open = shown[i] or false
    if edit[1] ~= "+" then old = old + 1 end
    if edit[1] ~= "-" then new = new + 1 end
  end
  if #out == 0 then return nil end
  return table.concat(out, "\n") .. "\n"
end

return M
