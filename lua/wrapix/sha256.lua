-- SPDX-License-Identifier: MIT
-- SHA-256 (FIPS 180-4) of texts: for names that follow from content and for
-- chains of lines. The build tool src/pack.lua runs before any C is there and
-- has an own one in Lua, src/sha256.lua.

local c = require("wrapix._c.sha256")

local M = {}

--- The SHA-256 of a text.
---@param text string
---@return string digest 64 lower-case hex digits
function M.hex(text)
  if type(text) ~= "string" then error("text: string expected, got " .. type(text), 2) end
  return c.hex(text)
end

return M
