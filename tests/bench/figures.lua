-- SPDX-License-Identifier: MIT
-- Lists of measurements → the few numbers that are told of them. Pure.

local M = {}

local function sorted(list)
  local copy = table.move(list, 1, #list, 1, {})
  table.sort(copy)
  return copy
end

--- The middle value; of an even number of values the mean of the two in the middle.
---@param list number[] at least one
---@return number
function M.median(list)
  if #list == 0 then error("median: at least one value expected", 2) end
  local values, half = sorted(list), #list // 2
  if #list % 2 == 1 then return values[half + 1] end
  return (values[half] + values[half + 1]) / 2
end

---@class wrapix.bench.Summary
---@field min number
---@field median number
---@field max number
---@field runs integer

---@param list number[] at least one
---@return wrapix.bench.Summary
function M.summary(list)
  local median = M.median(list)
  return { min = math.min(table.unpack(list)), median = median,
    max = math.max(table.unpack(list)), runs = #list }
end

--- Compares measurements made in pairs: the ratio of the medians, and the median
--- of the ratios of the pairs, which a slow change of the machine touches less.
---@param ours number[]
---@param theirs number[] as long
---@return { of_medians: number, of_pairs: number }
function M.ratios(ours, theirs)
  if #ours ~= #theirs then error("ratios: lists of one length expected", 2) end
  local pairwise = {}
  for i, value in ipairs(ours) do pairwise[i] = value / theirs[i] end
  return { of_medians = M.median(ours) / M.median(theirs), of_pairs = M.median(pairwise) }
end

return M
