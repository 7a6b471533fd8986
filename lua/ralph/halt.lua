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

local function cancel_all(children)
  for child in pairs(children) do child:cancel() end
end

--- Asks to end when the step is done. What only waits ends at once.
---@param reason string
function Halt:soon(reason)
  self.after_step, self.soon_reason = true, self.soon_reason or reason
  cancel_all(self._waiting)
end

--- Ends what runs.
---@param reason string
function Halt:now(reason)
  self.after_step, self.reason = true, self.reason or reason
  cancel_all(self._waiting)
  cancel_all(self._running)
end

local function run(children, fn, ...)
  local child
  local function forget() children[child] = nil end
  return table.pack(wrapix.task.scope(function(scope, ...)
    child = scope:spawn(fn, ...)
    local _ <close> = setmetatable({}, { __close = forget })
    children[child] = true
    return child:wait()
  end, ...))
end

-- What is cancelled may end with anything; that it was counts.
local function refuse(reason) return nil, "stopped: " .. reason, "ESTOPPED" end

--- Runs fn(...) so that `now` ends it.
---@param fn function
---@return any ... of fn, or nil, message, "ESTOPPED"
function Halt:guard(fn, ...)
  if self.reason then return refuse(self.reason) end
  local out = run(self._running, fn, ...)
  if self.reason then return refuse(self.reason) end
  return table.unpack(out, 1, out.n)
end

--- Runs fn(...), which only waits, so that `soon` ends it as well.
---@param fn function
---@return any ... of fn, or nil, message, "ESTOPPED"
function Halt:patient(fn, ...)
  if self.after_step then return refuse(self.reason or self.soon_reason) end
  local out = run(self._waiting, fn, ...)
  if self.after_step then return refuse(self.reason or self.soon_reason) end
  return table.unpack(out, 1, out.n)
end

--- Waits; `soon` ends that as well.
---@param seconds number
---@return boolean whether the whole time has passed
function Halt:sleep(seconds) return self:patient(wrapix.task.sleep, seconds) == true end

--- Makes one that nobody has asked yet.
---@return ralph.Halt
function M.new() return setmetatable({ after_step = false, _running = {}, _waiting = {} }, Halt) end

return M
