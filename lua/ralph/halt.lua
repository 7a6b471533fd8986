-- SPDX-License-Identifier: MIT
-- How work is asked to end: after the step, or now. One object for a whole loop, handed
-- down; whatever may take long runs through `guard`, and is cut short by `now`. What
-- keeps books does not.

local wrapix = require "wrapix"

local M = {}

---@class ralph.Halt
---@field after_step boolean no further step is to begin
---@field reason string? why everything is to end at once
local Halt = {}
Halt.__index = Halt

--- Asks to end when the step is done.
---@param reason string
function Halt:soon(reason)
  self.after_step, self.soon_reason = true, self.soon_reason or reason
  if self._wait then self._wait() end
end

--- Ends what runs.
---@param reason string
function Halt:now(reason)
  self.after_step, self.reason = true, self.reason or reason
  for child in pairs(self._running) do child:cancel() end
end

-- What is cancelled may end with anything; that it was counts.
function Halt:_finish(out)
  if self.reason then return nil, "stopped: " .. self.reason, "ESTOPPED" end
  return table.unpack(out, 1, out.n)
end

--- Runs fn(...) so that `now` ends it.
---@param fn function
---@return any ... of fn, or nil, message, "ESTOPPED"
function Halt:guard(fn, ...)
  if self.reason then return self:_finish({ n = 0 }) end
  local child
  local function forget() self._running[child] = nil end
  local out = table.pack(wrapix.task.scope(function(scope, ...)
    child = scope:spawn(fn, ...)
    local _ <close> = setmetatable({}, { __close = forget })
    self._running[child] = true
    return child:wait()
  end, ...))
  return self:_finish(out)
end

--- Waits; `soon` ends that as well.
---@param seconds number
---@return boolean whether the whole time has passed
function Halt:sleep(seconds)
  if self.after_step then return false end
  local is_over = false
  self:guard(function()
    return wrapix.task.scope(function(scope)
      local clock = scope:spawn(function()
        is_over = wrapix.task.sleep(seconds) == true
        return true
      end)
      self._wait = function() clock:cancel() end
      if self.after_step then clock:cancel() end -- asked before this could hear it
      clock:wait()
      self._wait = nil
      return true
    end)
  end)
  return is_over
end

--- Makes one that nobody has asked yet.
---@return ralph.Halt
function M.new() return setmetatable({ after_step = false, _running = {} }, Halt) end

return M
