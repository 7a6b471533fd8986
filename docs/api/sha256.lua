-- SPDX-License-Identifier: MIT
---@meta wrapix._c.sha256
-- The C half of wrapix.sha256. Only lua/wrapix/sha256.lua requires it.

---@class wrapix._c.sha256
local sha256 = {}

---@param text string
---@return string digest 64 lower-case hex digits
function sha256.hex(text) end

return sha256
