-- SPDX-License-Identifier: MIT
-- Values out of decoded JSON that nobody promised: what is of another type than
-- was looked for is as good as absent. For the streams of agents. Pure.

local M = {}

--- The value, if it is a text.
---@param value any
---@return string?
function M.text(value) return type(value) == "string" and value or nil end

--- The value, if it is a number.
---@param value any
---@return number?
function M.number(value) return type(value) == "number" and value or nil end

--- The value, if it is a table, else an empty one.
---@param value any
---@return table
function M.table(value) return type(value) == "table" and value or {} end

--- The texts of a list on lines of their own; "" without one.
---@param list table
---@return string
function M.join(list)
  local texts = {}
  for _, value in ipairs(list) do texts[#texts + 1] = M.text(value) end
  return table.concat(texts, "\n")
end

--- Content that is a text, or a list of blocks some of which have a text.
---@param content any
---@return string
function M.blocks(content)
  if type(content) == "string" then return content end
  local texts = {}
  for _, block in ipairs(M.table(content)) do
    texts[#texts + 1] = M.text(block) or M.text(M.table(block).text)
  end
  return table.concat(texts, "\n")
end

return M
