-- SPDX-License-Identifier: MIT
---@meta wrapix._c.fault
-- The C half of wrapix.fault. Only lua/wrapix/fault.lua requires it. Empty unless
-- built with -DWX_FAULTS.

---@class wrapix._c.fault
local fault = {}

-- seen as: fault.point
---Sends SIGKILL or SIGSTOP to this process.
---@param kind "kill"|"stop"
function fault.strike(kind) end

return fault
