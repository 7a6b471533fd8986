-- SPDX-License-Identifier: MIT
-- The order of a build: one build however many ask for it, only the stages that are
-- missing, each named when it is whole. How a stage is made is its backend's.
--
-- Theory of operation. A recipe's stages are locked from the lowest to the highest
-- and stay locked until the last is made: two recipes that share a stage share all
-- below it, so they lock in the same order; and nobody takes away a stage somebody
-- is about to build on (see prune.lua). A name is set only by a build that succeeded,
-- and counts only when the image says that it was made from this very text. So
-- whatever is cut short leaves the images that were there, and the stages that were
-- made, for the next try.

local acts = require("wrapix.image.acts")
local first_use = require("wrapix.image.first_use")
local recipes = require("wrapix.image.recipe")
local sizes = require("wrapix.image.sizes")

local M = {}

---@class wrapix.BuiltStage
---@field kind string
---@field ref string
---@field built boolean
---@field seconds integer
---@field size integer? bytes of its own

---@class wrapix.BuildResult
---@field ref string
---@field built boolean
---@field seconds integer
---@field stages wrapix.BuiltStage[]? of a recipe of which something was built

-- All locks of a recipe, closed together.
local function lock_all(images, ctx)
  local locks = setmetatable({}, { __close = function(self)
    for i = #self, 1, -1 do self[i]:close() end
  end })
  for i, image in ipairs(images) do
    local lock, message, code = ctx.lock_image(image)
    if not lock then
      local _ <close> = locks
      return nil, message, code
    end
    locks[i] = lock
  end
  return locks
end

local LEFT_OUT = "wrapix.left-out"

-- The highest stage that is there, under its own name or another; 0: none is.
local function highest(images, ctx, complete)
  for i = #images, 1, -1 do
    local image = images[i]
    local is_held = ctx.holds(image)
    if is_held or ctx.adopt(image) then
      if not (complete and ctx.label(image.ref, LEFT_OUT)) then
        if not is_held then
          ctx.step(i == #images and "an image with the same content is there; giving it this name too"
            or ("going on from %s, which is there"):format(image.ref))
        end
        return i
      end
    end
  end
  return 0
end

local function toolchain_above(images, above)
  for i = above + 1, #images do
    if images[i].kind == "toolchain" then return images[i] end
  end
end

-- What cannot be reached is told before anything is built. A toolchain that a profile
-- can do without is left out, and the image and all above it say so in a label.
---@return true|nil
local function reach(recipe, images, above, ctx)
  local image = toolchain_above(images, above)
  if not image then return true end
  local from = above > 0 and images[above].ref or nil
  local ok, message, code, hint = require("wrapix.image.make").reach(recipe, from, ctx)
  if ok then return true end
  local toolchain = require("wrapix.image.toolchain")
  if not toolchain.is_optional(recipe.toolchain) or code ~= "ENETUNREACH" then
    return nil, message, code, hint
  end
  image.left_out = toolchain.words(recipe.toolchain)
  ctx.warn(("left out: %s: `wrapix image build` tries again\n%s"):format(image.left_out, message),
    hint)
  return true
end

local function own_size(image, ctx)
  local from = image.kind == "packages" and ctx.label(image.ref, "wrapix.base") or image.from
  return (select(2, sizes.of(image.ref, from, ctx.size)))
end

-- What was made before the failure is not lost, and the last of it can be used.
local function with_kept(message, code, hint, images, i)
  local below = images[i - 1]
  if not below or code == "ECANCELED" then return nil, message, code, hint end
  message = ("%s\n%s is kept: `wrapix --image %s` starts it as it is")
    :format(message, below.ref, below.ref)
  return nil, message, code, hint
end

local function make_stages(recipe, images, from, ctx)
  local backend, done = recipes.backend(recipe), {}
  for i, image in ipairs(images) do
    local began = ctx.elapsed()
    if i > from then
      local ok, message, code, hint = backend.make(recipe, image, ctx)
      if not ok then return with_kept(message, code, hint, images, i) end
    end
    done[i] = { kind = image.kind, ref = image.ref, built = i > from,
      seconds = ctx.elapsed() - began }
    if i > from then done[i].size = own_size(image, ctx) end
  end
  return done
end

-- There, and as good as it can be: nothing was left out of it, or nobody minds.
local function is_there(image, ctx, complete)
  return ctx.holds(image) and not (complete and ctx.label(image.ref, LEFT_OUT))
end

local function build_missing(recipe, images, ctx, complete)
  local from = highest(images, ctx, complete)
  if from == #images then return {} end
  local ok, message, code, hint = reach(recipe, images, from, ctx)
  if not ok then return nil, message, code, hint end
  local image = toolchain_above(images, from)
  -- It was tried again, in vain.
  if image and image.left_out and ctx.holds(images[#images]) then return nil end
  return make_stages(recipe, images, from, ctx)
end

local function consent(opts, ctx)
  local going, message, code = ctx.going()
  if not going then return nil, message, code end
  if not opts.before then return true end
  return opts.before()
end

local function ensure_recipe(recipe, ctx, opts)
  local images = recipes.stages(recipe)
  local top = images[#images]
  local complete = opts.complete and recipe.toolchain ~= nil
  if is_there(top, ctx, complete) then return { ref = top.ref, built = false, seconds = 0 } end
  local ok, message, code, hint = consent(opts, ctx)
  if not ok then return nil, message, code, hint end
  local locks <close>, problem, what = lock_all(images, ctx)
  if not locks then return nil, problem, what end
  if is_there(top, ctx, complete) then
    return { ref = top.ref, built = false, seconds = ctx.elapsed() }
  end
  local done
  done, message, code, hint = build_missing(recipe, images, ctx, complete)
  if not done and message then return nil, message, code, hint end
  return { ref = top.ref, built = done ~= nil, seconds = ctx.elapsed(), stages = done }
end

local function pull_reference(ref, ctx)
  if ref:find("^localhost/") then
    return nil, ("image %s: no such image"):format(ref), "ENOENT",
      ("build it with `%s build`, or name another one"):format(ctx.images.title)
  end
  return require("wrapix.image.base").pull(ref, ctx)
end

local function ensure_reference(ref, ctx, opts)
  if ctx.exists(ref) then return { ref = ref, built = false, seconds = 0 } end
  local ok, message, code, hint = consent(opts, ctx)
  if not ok then return nil, message, code, hint end
  local path = ("%s/lock/%s"):format(ctx.dir, ref:gsub("[^%w._-]", "_"):sub(-200))
  local lock <close>, problem, what = ctx.lock(path, ref)
  if not lock then return nil, problem, what end
  if ctx.exists(ref) then return { ref = ref, built = false, seconds = ctx.elapsed() } end
  ok, message, code, hint = pull_reference(ref, ctx)
  if not ok then return nil, message, code, hint end
  return { ref = ref, built = true, seconds = ctx.elapsed() }
end

--- Makes sure an image is in the engine's storage: a recipe's is built, a
--- reference's pulled, by one process at a time; the others wait and find it.
---
--- Options: `before` runs when it is not there, and may refuse by returning nil, message;
--- `report` (note, detail; see cli/report.lua), `now` and `deps` (fs, proc, sys, task,
--- flags) for specs; `complete`: what could not be reached when the image was built is
--- tried again.
---@param target wrapix.Recipe|string
---@param facts wrapix.Facts
---@param opts { before: function?, report: table?, deps: table?, now: (fun(): integer)?, complete: boolean? }?
---@return wrapix.BuildResult|nil
---@return string? message may hold further lines: the end of the output, the log
---@return string? code "ENOPKG", "ENETUNREACH", "ENOSPC", "ECANCELED", "EIMAGE", …
---@return string? hint
function M.ensure(target, facts, opts)
  if type(target) ~= "string" and type(target) ~= "table" then
    error("target: recipe or reference expected", 2)
  end
  opts = opts or {}
  local ctx = acts.new(facts, opts)
  local ok, why, what, help = ctx.service()
  if not ok then return nil, why, what, help end
  local ensure = type(target) == "table" and ensure_recipe or ensure_reference
  local result, message, code, hint = ensure(target, ctx, opts)
  if not result then return nil, message, code, hint end
  if result.built then
    first_use.forget(result.ref, facts, { deps = ctx.deps })
    require("wrapix.image.index").note(result.ref, facts, { deps = ctx.deps.index })
    ctx.step("ready: " .. result.ref)
  end
  return result
end

return M
