-- SPDX-License-Identifier: MIT
-- Looking into what an engine answered as JSON, of which nothing is taken for granted.
-- Pure.

local M = {}

--- The value at the end of a path of keys; nil where any step is missing or null.
---@param value any
---@param ... string|integer
---@return any
function M.at(value, ...)
  for _, key in ipairs({ ... }) do
    if type(value) ~= "table" then return nil end
    value = value[key]
  end
  if type(value) == "userdata" then return nil end
  return value
end

--- The same where only a text will do.
---@param ... any
---@return string?
function M.text(...)
  local value = M.at(...)
  return type(value) == "string" and value or nil
end

--- The last line of what a program complained about.
---@param text string?
---@return string?
function M.last_line(text) return (text or ""):match("([^\n]+)%s*$") end

return M
