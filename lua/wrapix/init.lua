-- SPDX-License-Identifier: MIT
-- `require "wrapix"`: the public library. Submodules load on first use, so that
-- a start pays only for what it needs.

local host = require("wrapix.host")

local modules = {
  agent = "wrapix.agent",
  container = "wrapix.container",
  fs = "wrapix.fs",
  image = "wrapix.image",
  json = "wrapix.json",
  log = "wrapix.log",
  mount = "wrapix.mount",
  net = "wrapix.net",
  notify = "wrapix.notify",
  path = "wrapix.path",
  proc = "wrapix.proc",
  profile = "wrapix.profile",
  sys = "wrapix.sys",
  task = "wrapix.task",
}

-- Single functions and objects of the top level.
local makers = {
  derive = function() return require("wrapix.profile").derive end,
  profiles = function()
    local context = require("wrapix.context")
    return require("wrapix.profile").catalog(context.profiles(context.workspace()))
  end,
  sandbox = function() return require("wrapix.sandbox").new end,
}

return setmetatable({ version = host.version }, {
  __index = function(wrapix, name)
    local value
    if modules[name] then
      value = require(modules[name])
    elseif makers[name] then
      value = makers[name]()
    end
    if value == nil then return nil end
    rawset(wrapix, name, value)
    return value
  end,
})
