-- SPDX-License-Identifier: MIT
-- Calls what the person wrote in notify.lua. It runs in the process that also hears
-- signals and holds the sandbox, so an endless loop in it must come to an end. What it
-- only waits for is not counted.

local M = {}

--- Instructions of Lua, a second or two of them.
M.MOST = 200000000

local STEPS = 200000

---Calls fn(...) as pcall does; one that computes for too long raises in there.
---@param fn function
---@param ... any
---@return boolean ok
---@return any ... what it returned, or what it raised
function M.call(fn, ...)
  local left = M.MOST
  local hook, mask, count = debug.gethook()
  debug.sethook(function()
    left = left - STEPS
    if left <= 0 then error("it computes without an end", 0) end
  end, "", STEPS)
  local out = table.pack(pcall(fn, ...))
  debug.sethook(hook, mask, count)
  return table.unpack(out, 1, out.n)
end

return M
