-- SPDX-License-Identifier: MIT
-- What goes into a profile's image (the recipe) and what it is called (the
-- reference). Pure but for the agents' tables and pins, which it has read; and part
-- of every start: it loads nothing that only a build needs.

local debian = require("wrapix.image.debian")
local lazy = require("wrapix.lazy")
local stages = require("wrapix.image.stages")

local M = { recipe_version = stages.version }

-- Each by the name that stands in a recipe.
local BACKENDS = { debian = debian, alpine = lazy("wrapix.image.alpine"),
  nix = lazy("wrapix.image.nix") }

---@class wrapix.Recipe
---@field recipe_version integer
---@field backend string
---@field name string of the profile, as it stands in the reference
---@field base string what it builds on, written in full
---@field packages string[] sorted, each once
---@field links { name: string, target: string }[] commands under their usual names
---@field stages wrapix.Stage[] the lowest first; the last one is the profile's image

--- The backend that understands a recipe.
---@param recipe wrapix.Recipe
---@return table
function M.backend(recipe)
  local backend = type(recipe) == "table" and BACKENDS[recipe.backend]
  if not backend then error("recipe: made by image.recipe expected", 2) end
  return backend
end

-- Repository names are lower case, with single separators inside. Two of them are
-- those of images that belong to no profile.
local function repository(name)
  local text = tostring(name or ""):lower():gsub("[^a-z0-9]+", "-"):gsub("^%-", "")
  text = text:sub(1, 64):gsub("%-$", "")
  if text == "stage" or text == "npm" then return text .. "-profile" end
  return text == "" and "profile" or text
end

-- WRAPIX_BASE=REF replaces every profile's base. The two other words choose a
-- way to get the same base, which is no part of the recipe.
local function forced_base(env)
  local word = env and env.WRAPIX_BASE
  if word and word ~= "" and word ~= "registry" and word ~= "mmdebstrap" then return word end
end

local function is_alpine(base) return type(base) == "string" and base:find("alpine", 1, true) ~= nil end

-- An image made elsewhere names its backend: image = { nix = … }.
local function backend_name(profile, base)
  if type(profile.image) == "table" then return (next(profile.image)) end
  if is_alpine(base) and BACKENDS.alpine.is_base(base) then return "alpine" end
  return "debian"
end

local function described_agents(profile, opts)
  if not profile.agents or #profile.agents == 0 then return {} end
  local source = opts and opts.agents or {
    get = require("wrapix.agent.registry").get,
    version = require("wrapix.agent.pinned").get,
  }
  return require("wrapix.image.agents").read(profile.agents, source)
end

local function described_toolchain(profile)
  local spec = profile.toolchain
  if not spec then return profile.packages end
  local module = require("wrapix.image.toolchain")
  return module.packages(spec, profile.packages or {}),
    { spec = spec, commands = module.source(spec), variables = module.variables(spec) }
end

local function describe(profile, env, opts)
  local base = forced_base(env)
  local agents, message, code, hint = described_agents(profile, opts)
  if not agents then return nil, message, code, hint end
  local packages, toolchain = described_toolchain(profile)
  return {
    base = base or profile.base,
    forced_base = base,
    packages = packages,
    agents = agents,
    toolchain = toolchain,
    image = profile.image,
    env = env,
  }
end

--- What to build for a profile; nil and nothing else when it names an image.
---@param profile table
---@param env table<string,string>? the launcher's environment, for WRAPIX_BASE
---@param opts { agents: table? }? where agents and their versions are asked for; see agents.read
---@return wrapix.Recipe|nil
---@return string? message
---@return string? code "EIMAGE"
---@return string? hint
function M.recipe(profile, env, opts)
  if type(profile) ~= "table" then error("profile: table expected", 2) end
  if type(profile.image) == "string" then return nil end
  local described, message, code, hint = describe(profile, env, opts)
  if not described then return nil, message, code, hint end
  local name = backend_name(profile, described.base)
  local backend = BACKENDS[name]
  if not backend then
    return nil, ("image: %s: no such way to make one"):format(tostring(name)), "EIMAGE"
  end
  local fields
  fields, message, code, hint = backend.describe(described)
  if not fields then return nil, message, code, hint end
  fields.recipe_version, fields.backend = M.recipe_version, name
  fields.name = repository(profile.name)
  fields.toolchain = profile.toolchain
  return fields
end

--- The stages of a recipe as images, the lowest first.
---@param recipe wrapix.Recipe
---@return wrapix.StageImage[]
function M.stages(recipe) return stages.list(recipe, M.backend(recipe)) end

--- The content's name: everything that goes into the image, and not the
--- profile's name, so that two profiles with the same packages share one build.
---@param recipe wrapix.Recipe
---@return string hash 16 hex digits
function M.hash(recipe)
  local list = M.stages(recipe)
  return list[#list].hash
end

--- What the image of a recipe is called: "localhost/wrapix-NAME:HASH".
---@param recipe wrapix.Recipe
---@return string
function M.reference(recipe)
  local list = M.stages(recipe)
  return list[#list].ref
end

return M
