-- SPDX-License-Identifier: MIT
-- The known word nearest to a mistyped one, for errors about fields, options
-- and commands. It only suggests; nobody may act on the guess.

local M = {}

-- Longer words are no typing mistakes of ours, and the cost is a product of
-- the two lengths.
local LONGEST = 64

--- The number of inserted, deleted, changed or swapped neighbouring bytes
--- between two words.
---@param a string
---@param b string
---@return integer
function M.distance(a, b)
  local before, last = nil, {}
  for j = 0, #b do last[j] = j end
  for i = 1, #a do
    local current = { [0] = i }
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      local best = math.min(last[j] + 1, current[j - 1] + 1, last[j - 1] + (same and 0 or 1))
      local swapped = i > 1 and j > 1
        and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j)
      current[j] = swapped and math.min(best, before[j - 2] + 1) or best
    end
    before, last = last, current
  end
  return last[#b]
end

--- One mistake in a short word, up to a third of a longer one.
local function is_near(word, candidate, distance)
  local longest = math.max(#word, #candidate)
  return distance <= math.max(1, longest // 3) and distance < longest
end

--- Smaller is nearer; nil is too far to be meant.
local function rank(word, candidate)
  local a, b = word:lower(), candidate:lower()
  local distance = M.distance(a, b)
  if is_near(a, b, distance) then return distance end
  -- An abbreviation ("mem") is meant, but any true near miss goes first.
  if #a >= 3 and b:sub(1, #a) == a then return LONGEST + distance end
end

--- Finds the candidate nearest to a word, without regard to case. Of equally
--- near ones the alphabetically first.
---@param word string
---@param candidates string[]|table<string, any> a list of words, or a map with words as keys
---@return string? nearest nil when nothing is near enough to have been meant
function M.find(word, candidates)
  if type(word) ~= "string" or #word > LONGEST then return nil end
  local best, best_rank
  local function consider(candidate)
    if type(candidate) ~= "string" or #candidate > LONGEST then return end
    local r = rank(word, candidate)
    if r and (not best or r < best_rank or (r == best_rank and candidate < best)) then
      best, best_rank = candidate, r
    end
  end
  for key, value in pairs(candidates) do
    consider(type(key) == "number" and value or key)
  end
  return best
end

--- The end of an error message: " (did you mean 'x'?)" or "".
---@param word string
---@param candidates string[]|table<string, any>
---@return string
function M.hint(word, candidates)
  local found = M.find(word, candidates)
  return found and (" (did you mean '%s'?)"):format(found) or ""
end

return M
