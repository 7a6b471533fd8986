-- SPDX-License-Identifier: MIT
-- What commands write to stdout as data.

local M = {}

-- Empty ones are lists as well, which no encoder can tell from an empty table.
local LISTS = { "env", "labels", "limits", "mounts", "skipped", "warnings" }

--- Marks the lists of a plan for the encoder.
---@param plan table
---@param deps table
---@return table plan the same one
function M.plan(plan, deps)
  for _, name in ipairs(LISTS) do
    if plan[name] then deps.json.array(plan[name]) end
  end
  for _, agent in ipairs(plan.agents or {}) do
    for _, name in ipairs({ "credentials", "files", "unused" }) do deps.json.array(agent[name]) end
  end
  for _, name in ipairs({ "packages", "links" }) do
    local recipe = plan.image.recipe
    if recipe and recipe[name] then deps.json.array(recipe[name]) end
  end
  return plan
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
