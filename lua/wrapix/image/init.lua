-- SPDX-License-Identifier: MIT
-- `wrapix.image`: the public face of what the files beside it do. Whatever builds,
-- lists or removes is loaded when it is called; a start needs none of it.

local first_use = require("wrapix.image.first_use")
local recipe = require("wrapix.image.recipe")

local M = {
  backend = recipe.backend,
  recipe = recipe.recipe,
  hash = recipe.hash,
  stages = recipe.stages,
  reference = recipe.reference,
  needs_warm = first_use.needs_warm,
  first_use_notice = first_use.notice,
  mark_used = first_use.mark,
  forget_used = first_use.forget,
}

--- Makes sure an image is there: builds a recipe's, pulls a reference's. See
--- `build.ensure`.
---@param target wrapix.Recipe|string
---@param facts wrapix.Facts
---@param opts table?
---@return wrapix.BuildResult|nil
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

-- The door to the rest: each is loaded when it is called.
local function later(module, name)
  return function(...) return require("wrapix.image." .. module)[name](...) end
end

M.needed = later("list", "needed")
M.measure = later("sizes", "measure")
M.note_built = later("index", "note")
M.prune = later("prune", "run")
M.show = later("show", "read")
M.warm = later("warm", "image")
M.export = later("archive", "export")
M.import = later("archive", "import")
M.newest = later("newest", "versions")

return M
