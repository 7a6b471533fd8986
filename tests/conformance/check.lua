-- SPDX-License-Identifier: MIT
-- What behaviours are judged by: each function raises a text that a person can read,
-- or does nothing. Pure; it needs no test framework, since a Mac need not have one.

local M = {}

-- Long output is cut in the middle: the beginning and the end say most.
local MOST = 600

local function show(value)
  if type(value) ~= "string" then return tostring(value) end
  if #value > MOST then value = value:sub(1, MOST // 2) .. " … " .. value:sub(-MOST // 2) end
  return ("%q"):format(value):gsub("\\\n", "\\n")
end

--- Raises with the words a person reads; the place in the suite is no help to them.
---@param text string
---@param ... any for string.format
function M.fail(text, ...) error(text:format(...), 0) end

---@param wanted any
---@param got any
---@param what string what it is about
function M.equal(wanted, got, what)
  if wanted ~= got then M.fail("%s: %s instead of %s", what, show(got), show(wanted)) end
end

---@param text string
---@param part string plain text
---@param what string
function M.has(text, part, what)
  if not text:find(part, 1, true) then M.fail("%s: no %s in %s", what, show(part), show(text)) end
end

---@param text string
---@param part string plain text
---@param what string
function M.lacks(text, part, what)
  if text:find(part, 1, true) then M.fail("%s: %s in %s", what, show(part), show(text)) end
end

---@param text string
---@param pattern string of Lua
---@param what string
function M.matches(text, pattern, what)
  if not text:find(pattern) then M.fail("%s: nothing like %s in %s", what, show(pattern), show(text)) end
end

---@param value any
---@param what string
function M.holds(value, what)
  if not value then M.fail("%s", what) end
end

---@param result table of proc.run
---@param code integer
function M.status(result, code)
  if result.code == code then return end
  M.fail("status %s instead of %d; stdout %s, stderr %s", result.code or ("signal " .. result.signal),
    code, show(result.stdout or ""), show(result.stderr or ""))
end

return M
