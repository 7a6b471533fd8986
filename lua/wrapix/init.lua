-- SPDX-License-Identifier: MIT
-- `require "wrapix"`: the public library. Submodules load on first use, so that
-- a start pays only for what it needs.

local modules = {
  task = "wrapix.task",
}

return setmetatable({}, {
  __index = function(wrapix, name)
    local module = modules[name]
    if not module then return nil end
    local value = require(module)
    rawset(wrapix, name, value)
    return value
  end,
})
