-- SPDX-License-Identifier: MIT
---@meta wrapix._c.journal
-- The C half of wrapix.journal. Only lua/wrapix/journal.lua requires it. A failure
-- of the outside world is nil, message, code. A path with a NUL byte raises.

---@class wrapix._c.journal
local journal = {}

---Adds with one write and syncs; after a failure the file has its old length.
---@param path string
---@param data string
---@param mode integer of a new file, less the umask
---@return true|nil, string? message, string? code
function journal.append(path, data, mode) end

---Shortens a file and syncs it; one that is not longer stays as it is.
---@param path string
---@param size integer bytes to keep
---@return true|nil, string? message, string? code
function journal.cut(path, size) end

---@param path string
---@param offset integer bytes from the start
---@param len integer bytes, at most 16 MiB; fewer come only at the end of the file
---@return string|nil bytes, string? message, string? code
function journal.read(path, offset, len) end

return journal
