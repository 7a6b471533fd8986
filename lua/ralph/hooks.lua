-- SPDX-License-Identifier: MIT
-- The user's functions around steps and loops: each with a time limit, and a failure of
-- one stops the loop, as a failing hook of a profile stops a start. Knows no event.

local wrapix = require "wrapix"

local M = {}

--- Seconds a hook may take.
M.SECONDS = 60
-- Instructions between two looks at the clock: one that computes without end would
-- hold up every signal as well.
local STEPS = 200000

local function line_of(value)
  local text = (type(value) == "string" or type(value) == "number") and tostring(value)
  return wrapix.log.clean(text and text:match("^[^\n]*") or "a " .. type(value))
end

local function watched(deadline, fn, ...)
  local _ <close> = setmetatable({}, { __close = function() debug.sethook() end })
  debug.sethook(function()
    if wrapix.sys.clock() >= deadline then error("not done in time", 0) end
  end, "", STEPS)
  return table.pack(fn(...))
end

--- Calls a hook. It fails when it raises, takes too long, or returns nil or false with a
--- reason, which is a veto. Nothing returned, or anything else, is consent.
---@param hooks table<string, function>?
---@param name string
---@param arg any
---@param seconds number?
---@return true|nil
---@return string? message
---@return string? code "EHOOK"
function M.run(hooks, name, arg, seconds)
  local fn = hooks and hooks[name]
  if not fn then return true end
  seconds = seconds or M.SECONDS
  local ok, out, why, code = pcall(wrapix.task.timeout, seconds, watched,
    wrapix.sys.clock() + seconds, fn, arg)
  local reason
  if not ok then
    reason = line_of(out)
  elseif not out then
    reason = code == "ETIMEDOUT" and ("not done after %g s"):format(seconds) or line_of(why)
  elseif out[1] or out.n == 0 or (out[1] == nil and out[2] == nil) then
    return true
  else
    reason = out[2] ~= nil and line_of(out[2]) or "said no without a reason"
  end
  return nil, ("hook: %s: %s"):format(name, reason), "EHOOK"
end

return M
