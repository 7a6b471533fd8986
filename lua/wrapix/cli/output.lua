-- SPDX-License-Identifier: MIT
-- What commands write to stdout as data.

local M = {}

-- Empty ones are lists as well, which no encoder can tell from an empty table.
local LISTS = { "env", "labels", "limits", "mounts", "skipped", "warnings" }

--- A plan ready for the encoder.
---@param plan table
---@param deps table
---@return table copy shares what it holds with the plan
function M.plan(plan, deps)
  local copy = {}
  for key, value in pairs(plan) do copy[key] = value end
  for _, name in ipairs(LISTS) do
    if plan[name] then copy[name] = deps.json.array(plan[name]) end
  end
  return copy
end

--- Writes a value as JSON.
---@param value any
---@param deps table
---@return integer status
function M.json(value, deps)
  local text, message = deps.json.encode(value, { pretty = true })
  if not text then
    deps.report:error(("write: JSON: %s"):format(message))
    return 1
  end
  deps.out(text .. "\n")
  return 0
end

return M
