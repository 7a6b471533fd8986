-- SPDX-License-Identifier: MIT
-- `require "wrapix"`: the public library. Submodules load on first use, so that
-- a start pays only for what it needs.

local modules = {
  container = "wrapix.container",
  fs = "wrapix.fs",
  image = "wrapix.image",
  json = "wrapix.json",
  log = "wrapix.log",
  mount = "wrapix.mount",
  net = "wrapix.net",
  path = "wrapix.path",
  proc = "wrapix.proc",
  profile = "wrapix.profile",
  sandbox = "wrapix.sandbox",
  sys = "wrapix.sys",
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
