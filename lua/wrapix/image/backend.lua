-- SPDX-License-Identifier: MIT
-- A backend that writes Containerfiles, made of its dialect: what Debian's and Alpine's
-- have in common besides the text (containerfile.lua) and the making (make.lua).

local containerfile = require("wrapix.image.containerfile")

local M = {}

--- The four functions of a backend, with its name; it may have more, or others.
---@param dialect wrapix.Dialect
---@return table
function M.new(dialect)
  local backend = { name = dialect.name }

  --- The part of a recipe this backend answers for; see containerfile.describe.
  function backend.describe(profile) return containerfile.describe(profile, dialect) end

  --- The Containerfile of a stage.
  ---@param recipe wrapix.Recipe
  ---@param stage wrapix.Stage
  ---@param from string
  ---@return string
  function backend.source(recipe, stage, from)
    return containerfile.source(recipe, stage, from, dialect)
  end

  --- Builds and tags the image of a stage; see image/make.lua.
  ---@param recipe wrapix.Recipe
  ---@param image wrapix.StageImage
  ---@param ctx wrapix.ImageContext
  ---@return true|nil
  ---@return string? message
  ---@return string? code
  ---@return string? hint
  function backend.make(recipe, image, ctx)
    return require("wrapix.image.make").stage(recipe, image, ctx, backend)
  end

  --- Explains the output of a failed build; see image/failure.lua.
  ---@param lines string[]
  ---@return string? reason
  ---@return string? code
  ---@return string? hint
  function backend.explain(lines) return require("wrapix.image.failure").explain(lines) end

  return backend
end

return M
