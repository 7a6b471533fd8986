-- SPDX-License-Identifier: MIT
-- The words of a command line before anything is known about the command: where
-- the first plain word stands and where the options end. It reads options as
-- argparse does (`--name=value`, `--name value`, `-xvalue`, bundles), but judges
-- none: an unknown one is left for the parser to complain about.

local M = {}

--- Tells whether an option word takes the next word as its value.
local function needs_next(word, takes_value)
  if word:sub(1, 2) == "--" then
    return not word:find("=", 1, true) and takes_value[word] == true
  end
  for i = 2, #word do
    if takes_value["-" .. word:sub(i, i)] then return i == #word end
  end
  return false
end

--- Finds the first plain word and the first `--`.
---@param words string[]
---@param takes_value table<string, boolean> option words that take a value
---@return integer? plain index of the first plain word; nil when there is none before `--`
---@return integer? dashes index of the first `--`, if it stands before the first plain word
function M.scan(words, takes_value)
  local i = 1
  while i <= #words do
    local word = words[i]
    if word == "--" then return nil, i end
    if word:sub(1, 1) ~= "-" or word == "-" then return i, nil end
    -- A value may not look like an option; argparse refuses that, too.
    local value = needs_next(word, takes_value) and words[i + 1]
    i = i + ((value and (value:sub(1, 1) ~= "-" or value == "-")) and 2 or 1)
  end
end

--- Splits words at the first `--`, which belongs to neither part.
---@param words string[]
---@return string[] before
---@return string[]? after nil when there is no `--`
function M.split(words)
  for i, word in ipairs(words) do
    if word == "--" then
      return table.move(words, 1, i - 1, 1, {}), table.move(words, i + 1, #words, 1, {})
    end
  end
  return table.move(words, 1, #words, 1, {})
end

--- The words without the one at an index.
---@param words string[]
---@param index integer
---@return string[]
function M.without(words, index)
  local rest = table.move(words, 1, index - 1, 1, {})
  return table.move(words, index + 1, #words, index, rest)
end

return M
