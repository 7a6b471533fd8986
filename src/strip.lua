-- SPDX-License-Identifier: MIT
-- Build tool: Lua source without its comments and indentation, every token on
-- the line it was on. Less to read at each start, and still source.

local M = {}

-- The end of the long bracket that opens at a position, or nil.
local function long_end(text, at)
  local level, first = text:match("^%[(=*)%[()", at)
  if not level then return nil end
  local _, last = text:find("]" .. level .. "]", first, true)
  return assert(last, "a long bracket is not closed")
end

-- The end of the quoted string that opens at a position.
local function quoted_end(text, at)
  local stop = "[\\" .. text:sub(at, at) .. "]"
  local last = text:find(stop, at + 1)
  while last and text:sub(last, last) == "\\" do last = text:find(stop, last + 2) end
  return assert(last, "a string is not closed")
end

-- A comment leaves its line breaks, or a blank where it parted two words.
local function comment(text, at)
  local last = long_end(text, at + 2)
  if not last then return (text:find("\n", at, true) or #text + 1) - 1, "" end
  local breaks = text:sub(at, last):gsub("[^\n]", "")
  return last, breaks == "" and " " or breaks
end

-- The end of the piece that starts at a position, and what is kept of it.
local function piece(text, at)
  local char = text:sub(at, at)
  local last
  if text:find("^%-%-", at) then return comment(text, at) end
  if char == "'" or char == '"' then last = quoted_end(text, at) end
  if char == "[" then last = long_end(text, at) end
  if not last and char:find("[ \t\n]") then
    last = select(2, text:find("^[ \t\n]+", at))
    local breaks = text:sub(at, last):gsub("[^\n]", "")
    return last, breaks == "" and " " or breaks
  end
  last = last or select(2, text:find("^[%w_]+", at)) or at
  return last, text:sub(at, last)
end

---@param text string Lua source that compiles
---@return string
function M.strip(text)
  local out, at = {}, 1
  while at <= #text do
    local last, kept = piece(text, at)
    out[#out + 1] = kept
    at = last + 1
  end
  return table.concat(out)
end

return M
