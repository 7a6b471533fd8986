-- SPDX-License-Identifier: MIT
-- Images made from profiles: what goes in (the recipe), what it is called (the
-- reference), and the way to the acts of image/build.lua. This file is part of
-- every start, so it loads nothing that only a build needs, starts nothing and
-- looks at one file at most.

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

--- Makes sure an image is there: builds a recipe's, pulls a reference's. See
--- `build.ensure`.
---@param target wrapix.Recipe|string
---@param facts wrapix.Facts
---@param opts table?
---@return { ref: string, built: boolean, seconds: number }|nil
---@return string? message may hold the last lines of the failed step
---@return string? code
---@return string? hint
function M.ensure(target, facts, opts)
  return require("wrapix.image.build").ensure(target, facts, opts)
end

--- The images made by wrapix. See `list.read`.
---@param facts wrapix.Facts
---@param opts { deps: table? }?
---@return wrapix.ImageEntry[]|nil
---@return string? message
---@return string? code
function M.list(facts, opts)
  return require("wrapix.image.list").read(facts, opts)
end

--- Tells whether the first container of an image makes the engine copy it: its
--- files belong to other ids inside than on disk, and only a mounting program
--- maps them on the way.
---@param facts wrapix.Facts
---@return boolean
function M.needs_warm(facts)
  local engine = facts.engine
  return engine.rootless and engine.graph_driver == "overlay" and not engine.mount_program
end

local function marker(ref, facts)
  local name = ref:gsub("[^%w._-]", "_"):sub(-180)
  return ("%s/images/used/%s-%d"):format(facts.dirs.cache, name, facts.uid)
end

local function file_system(opts)
  return opts and opts.deps and opts.deps.fs or require("wrapix.fs")
end

--- What to tell the user before the first start of an image, or nil.
---@param ref string
---@param facts wrapix.Facts
---@param opts { deps: table? }?
---@return string?
function M.first_use_notice(ref, facts, opts)
  if not M.needs_warm(facts) or file_system(opts).stat(marker(ref, facts)) then return nil end
  return "preparing the image for your user (first use; takes a while)"
end

--- Remembers that a container of the image was started by this user. A failure
--- costs a needless notice at the next start, nothing else.
---@param ref string
---@param facts wrapix.Facts
---@param opts { deps: table? }?
function M.mark_used(ref, facts, opts)
  if not M.needs_warm(facts) then return end
  local fs, path = file_system(opts), marker(ref, facts)
  if fs.ensure_dir(path:match("^(.*)/"), tonumber("700", 8)) then fs.write_atomic(path, "") end
end

--- Forgets that; an image that was built or pulled anew is copied anew.
---@param ref string
---@param facts wrapix.Facts
---@param opts { deps: table? }?
function M.forget_used(ref, facts, opts)
  file_system(opts).unlink(marker(ref, facts))
end

return M
