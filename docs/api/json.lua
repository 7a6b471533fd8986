-- SPDX-License-Identifier: MIT
---@meta wrapix._c.json
-- The C half of wrapix.json. Only lua/wrapix/json.lua requires it.

---@class wrapix._c.json
---@field null userdata the one value that stands for null
---@field array_mt table metatable of every decoded array
local json = {}

---Reads one JSON value, strictly.
---@param text string
---@param max_depth integer 1 to 1000
---@param max_size integer bytes
---@return any value nil only with a message
---@return string? message "line 2, column 5: reason"
---@return integer? offset of the byte at fault, from 1
function json.decode(text, max_depth, max_size) end

-- seen as: json.encode
---Makes a JSON string with its quotes.
---@param text string UTF-8 without NUL
---@return string|nil
---@return string? reason
function json.quote(text) end

-- seen as: json.encode
---Makes the shortest text that reads back as the same float.
---@param value number finite
---@return string
function json.float(value) end

return json
