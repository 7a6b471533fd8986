-- SPDX-License-Identifier: MIT
-- A recipe → its stages: for each the text that makes it, a hash over that text,
-- and the image's name. Pure, and part of every start. A stage's text names the
-- image it builds on, which is named after its hash: so each hash covers all below.

local sha256 = require("wrapix.sha256")

local M = {}

--- Raised whenever the meaning of a recipe changes without its text.
M.version = 1

---@class wrapix.Stage a part of a recipe; what else it holds is its kind's
---@field kind "packages"|"toolchain"|"runtime"|"agents"|string

---@class wrapix.StageImage
---@field stage wrapix.Stage
---@field kind string
---@field text string everything that decides the content
---@field hash string 16 hex digits
---@field ref string
---@field from string what it builds on: the recipe's base, or the stage before

--- The name of a content.
---@param backend string
---@param version integer
---@param text string
---@return string hash 16 hex digits
function M.hash(backend, version, text)
  return sha256.hex(("%s %d\n"):format(backend, version) .. text):sub(1, 16)
end

--- What a stage is called that carries no profile's name.
---@param hash string
---@return string
function M.stage_reference(hash) return "localhost/wrapix-stage:" .. hash end

--- The stages of a recipe, the lowest first. The last one is the profile's image.
---@param recipe wrapix.Recipe
---@param backend table
---@return wrapix.StageImage[]
function M.list(recipe, backend)
  local list, from = {}, recipe.base
  for i, stage in ipairs(recipe.stages) do
    local text = backend.source(recipe, stage, from)
    local hash = M.hash(recipe.backend, recipe.recipe_version, text)
    local ref = M.stage_reference(hash)
    if i == #recipe.stages then ref = ("localhost/wrapix-%s:%s"):format(recipe.name, hash) end
    list[i] = { stage = stage, kind = stage.kind, text = text, hash = hash, ref = ref, from = from }
    from = M.stage_reference(hash)
  end
  return list
end

return M
