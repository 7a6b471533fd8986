-- SPDX-License-Identifier: MIT
-- What goes into a profile's image (the recipe) and what it is called (the
-- reference). Pure, and part of every start: it loads nothing that only a build
-- needs.

local debian = require("wrapix.image.debian")
local sha256 = require("wrapix.sha256")

local M = {}

--- Raised whenever the meaning of a recipe changes without its text.
M.recipe_version = 1

local BACKENDS = { debian = debian }

---@class wrapix.Recipe
---@field recipe_version integer
---@field backend string
---@field name string of the profile, as it stands in the reference
---@field base string what it builds on, written in full
---@field packages string[] sorted, each once
---@field links { name: string, target: string }[] commands under their usual names

--- The backend that understands a recipe.
---@param recipe wrapix.Recipe
---@return table
function M.backend(recipe)
  local backend = type(recipe) == "table" and BACKENDS[recipe.backend]
  if not backend then error("recipe: made by image.recipe expected", 2) end
  return backend
end

-- Repository names are lower case, with single separators inside.
local function repository(name)
  local text = tostring(name or ""):lower():gsub("[^a-z0-9]+", "-"):gsub("^%-", "")
  text = text:sub(1, 64):gsub("%-$", "")
  return text == "" and "profile" or text
end

-- WRAPIX_BASE=REF replaces every profile's base. The two other words choose a
-- way to get the same base, which is no part of the recipe.
local function forced_base(env)
  local word = env and env.WRAPIX_BASE
  if word and word ~= "" and word ~= "registry" and word ~= "mmdebstrap" then return word end
end

--- What to build for a profile; nil and nothing else when it names an image.
---@param profile table
---@param env table<string,string>? the launcher's environment, for WRAPIX_BASE
---@return wrapix.Recipe|nil
---@return string? message
---@return string? code "EIMAGE"
---@return string? hint
function M.recipe(profile, env)
  if type(profile) ~= "table" then error("profile: table expected", 2) end
  if profile.image ~= nil then return nil end
  local described = { base = forced_base(env) or profile.base, packages = profile.packages }
  local fields, message, code, hint = debian.describe(described)
  if not fields then return nil, message, code, hint end
  return {
    recipe_version = M.recipe_version,
    backend = debian.name,
    name = repository(profile.name),
    base = fields.base,
    packages = fields.packages,
    links = fields.links,
  }
end

--- The content's name: everything that goes into the image, and not the
--- profile's name, so that two profiles with the same packages share one build.
---@param recipe wrapix.Recipe
---@return string hash 16 hex digits
function M.hash(recipe)
  local text = M.backend(recipe).source(recipe)
  local head = ("%s %d\n"):format(recipe.backend, recipe.recipe_version)
  return sha256.hex(head .. text):sub(1, 16)
end

--- What the image of a recipe is called: "localhost/wrapix-NAME:HASH".
---@param recipe wrapix.Recipe
---@return string
function M.reference(recipe)
  return ("localhost/wrapix-%s:%s"):format(recipe.name, M.hash(recipe))
end

return M
