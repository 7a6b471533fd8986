-- SPDX-License-Identifier: MIT
-- Ctrl-C and its like while Ralph works: once is "finish the step", twice is "now". What
-- they end is halt's.

local wrapix = require "wrapix"

local M = {}

--- Runs fn() while signals are heard.
---@param halt ralph.Halt
---@param opts { at_once: boolean?, say: fun(text: string)? } at_once: the first is as two
---@param fn function
---@return any ... of fn
function M.watch(halt, opts, fn)
  local function on_signal(name)
    local is_typed = name == "INT"
    if is_typed and not opts.at_once and not halt.after_step then
      halt:soon("Ctrl-C")
      if opts.say then opts.say("finishing this step; Ctrl-C again stops it now and keeps the work") end
      return
    end
    halt:now(is_typed and "Ctrl-C" or "SIG" .. name)
  end
  return wrapix.container.supervise({ on_signal = on_signal }, function() return fn() end)
end

return M
