-- SPDX-License-Identifier: MIT
---@meta wrapix._c.host
-- What came with the program: scripts, profiles, the static helpers of the
-- sandbox, the version. Registered by src/host.c; only lua/wrapix/host.lua
-- requires it.

---@class wrapix._c.host
---@field version string such as "0.1.0"
local host = {}

---A file that came with the program, or the one that overrides it.
---@param name string such as "profiles/base.lua"
---@return string|nil text nil alone when there is none
---@return string? origin path on disk, or the name
---@return boolean? embedded
function host.script(name) end

---@return string[] names of all embedded files, sorted
function host.scripts() end

return host
