-- SPDX-License-Identifier: MIT
-- Removes a container, whatever state it is in. Of one whose monitor was killed the
-- engine refuses the first time, having found out only then what became of it.

local container = require("wrapix.container")
local runtimes = require("wrapix.runtime")

local M = {}

local TRIES = 2

-- Not every engine can be told that this is no failure.
local function is_absent(runtime, result)
  return runtime.is_absent ~= nil and runtime.is_absent(result.stderr)
end

---Removes the container of a plan, running or not; an absent one is no error. A
---cancel of the task waits for it.
---@param plan table name and engine of it suffice
---@param timeout number seconds for each try
---@return true|nil
---@return string? message
---@return string? code "EENGINE"
function M.run(plan, timeout)
  local runtime, reason = runtimes.of(plan.runtime), nil
  for _ = 1, TRIES do
    local result, msg, code = container.shielded(runtime.remove_argv(plan), timeout)
    if not result then return nil, msg, code end
    if result.code == 0 or is_absent(runtime, result) then return true end
    reason = result.stderr:match("([^\n]+)%s*$") or runtime.name .. " failed"
  end
  return nil, "engine: " .. reason, "EENGINE"
end

return M
