-- SPDX-License-Identifier: MIT
-- `require "wrapix"`: the public library, all of which docs/scripting.md lists.
-- Submodules load on first use, so that a start pays only for what it needs.

local host = require("wrapix.host")

local modules = {
  agent = "wrapix.agent",
  container = "wrapix.container",
  fs = "wrapix.fs",
  git = "wrapix.git",
  image = "wrapix.image",
  json = "wrapix.json",
  log = "wrapix.log",
  mount = "wrapix.mount",
  nearest = "wrapix.nearest",
  net = "wrapix.net",
  notify = "wrapix.notify",
  owner = "wrapix.owner",
  path = "wrapix.path",
  proc = "wrapix.proc",
  profile = "wrapix.profile",
  sha256 = "wrapix.sha256",
  sys = "wrapix.sys",
  task = "wrapix.task",
}

local function dirs() return require("wrapix.context").dirs() end

---The text of a file that came with the program, or of one that overrides it.
---@param name string such as "profiles/base.lua"
---@return string? text
local function script(name) return (host.script(name)) end

---Every profile that can be named in a workspace, sorted by name.
---@param workspace string? default: the current directory
---@return { name: string, where: "workspace"|"user"|"builtin", source: string }[]
local function profile_names(workspace)
  local context = require("wrapix.context")
  return require("wrapix.profile").list(context.profiles(context.workspace(workspace)))
end

---Takes away what launchers that died left: their containers, and what is on disk of
---their sessions. A start of a sandbox does that as well. Starts no process when nobody died.
---@param log { warn: fun(self: table, text: string), detail: fun(self: table, text: string) }
---@return integer count of sessions
local function reap(log) return require("wrapix.reap").stale({ dirs = dirs() }, log) end

-- A file of a workspace is run only as the user has agreed to; what they agreed to is
-- changed by `wrapix trust` alone.
local trust = {
  ---@param file string
  ---@return string? text
  ---@return string? message
  ---@return string? code "EUNTRUSTED" when nobody has agreed to this content
  ---@return string? hint
  read = function(file) return require("wrapix.trust").read(file, dirs()) end,
}

-- Single functions and objects of the top level.
local makers = {
  derive = function() return require("wrapix.profile").derive end,
  dirs = function() return dirs end,
  duration = function() return require("wrapix.plan.units").duration end,
  profile_names = function() return profile_names end,
  profiles = function()
    local context = require("wrapix.context")
    return require("wrapix.profile").catalog(context.profiles(context.workspace()))
  end,
  reap = function() return reap end,
  sandbox = function() return require("wrapix.sandbox").new end,
  script = function() return script end,
  trust = function() return trust end,
}

---All names of the library, sorted.
---@return string[]
local function names()
  local list = { "version" }
  for _, from in ipairs({ modules, makers }) do
    for name in pairs(from) do list[#list + 1] = name end
  end
  table.sort(list)
  return list
end

return setmetatable({ version = host.version }, {
  names = names,
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
