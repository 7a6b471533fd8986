-- SPDX-License-Identifier: MIT
-- What the commands reach the world through: one table, so that specs can give
-- them another. Library modules are loaded when first used; a start pays only
-- for what it needs. Decides nothing.

local host = require("wrapix._c.host")

local M = {}

local MODULES = {
  fs = "wrapix.fs",
  image = "wrapix.image",
  json = "wrapix.json",
  launch = "wrapix.launch",
  plan = "wrapix.plan",
  plan_host = "wrapix.plan.host",
  plan_limits = "wrapix.plan.limits",
  podman = "wrapix.runtime.podman",
  proc = "wrapix.proc",
  profile = "wrapix.profile",
  sys = "wrapix.sys",
}

local function load_module(deps, name)
  local module = MODULES[name]
  if not module then return nil end
  local value = require(module)
  rawset(deps, name, value)
  return value
end

local function builtin(name) return (host.script(("profiles/%s.lua"):format(name))) end

local function builtin_names()
  local names = {}
  for _, script in ipairs(host.scripts()) do
    names[#names + 1] = script:match("^profiles/([^/]+)%.lua$")
  end
  return names
end

-- Where profiles are looked up for a workspace. No file of a workspace is
-- trusted yet: it is used only when named by its path.
local function context(deps, workspace)
  local home = deps.sys.home()
  return {
    workspace = workspace,
    config_dir = require("wrapix.facts").dirs(deps.sys.environ(), home).config,
    cwd = deps.cwd(),
    home = home,
    user = deps.sys.username(),
    read = deps.fs.read,
    list = deps.fs.list,
    builtin = builtin,
    builtin_names = builtin_names,
    trusted = function() return false end,
  }
end

-- The plan asks for the image's name; WRAPIX_BASE has its say there.
local function image_facts(deps, env)
  return {
    recipe = function(profile) return deps.image.recipe(profile, env) end,
    reference = deps.image.reference,
  }
end

local function gather(deps, opts)
  local session = require("wrapix.session").new()
  local facts, message, code, hint = require("wrapix.facts").gather({
    workspace = opts.workspace,
    session = session,
    guest_dir = session.guest_dir,
  }, deps)
  if not facts then return nil, message, code, hint end
  facts.image = image_facts(deps, facts.env)
  return facts
end

-- Colour only where somebody sees it and nobody has declined.
local function wants_color(deps)
  local env = deps.sys.environ()
  return deps.sys.isatty(1) and (env.NO_COLOR or "") == "" and env.TERM ~= "dumb"
end

--- Makes the dependencies of the program.
---@return table
function M.new()
  local deps = setmetatable({ version = host.version }, { __index = load_module })
  local failure
  deps.out = function(text)
    local ok, message = io.stdout:write(text)
    if not ok then failure = failure or message end
  end
  deps.flush = function()
    local ok, message = io.stdout:flush()
    if failure or not ok then return nil, failure or message end
    return true
  end
  deps.err = function(text) io.stderr:write(text) end
  deps.cwd = function() return deps.fs.realpath(".") or "/" end
  deps.exists = function(file) return deps.fs.stat(file) ~= nil end
  deps.context = function(workspace) return context(deps, workspace) end
  deps.gather = function(opts) return gather(deps, opts) end
  deps.color = wants_color(deps)
  return deps
end

return M
