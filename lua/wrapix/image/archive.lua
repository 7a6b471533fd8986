-- SPDX-License-Identifier: MIT
-- An image as a file, and back: an OCI archive with the image under its own name. A
-- file is believed only when its image says that it was made from the recipe its name
-- stands for; that is read out of the file before the engine sees it.

local acts = require("wrapix.image.acts")
local oci = require("wrapix.image.oci")

local M = {}

local function refuse(file, reason, hint)
  return nil, ("import: %s: %s"):format(file, reason), "EIMAGE", hint
end

--- Writes an image into a file, which is whole or not there.
---@param ref string
---@param file string
---@param facts wrapix.Facts
---@param opts { report: table?, deps: table? }?
---@return { ref: string, file: string, size: integer }|nil
---@return string? message
---@return string? code
---@return string? hint
function M.export(ref, file, facts, opts)
  local ctx = acts.new(facts, opts or {})
  local fs, partial = ctx.deps.fs, file .. ".partial"
  local is_there = ctx.exists(ref)
  local going, why, what = ctx.going()
  if not going then return nil, why, what end
  if not is_there then
    return nil, ("export: %s: no such image"):format(ref), "ENOENT", "`wrapix image build` makes it"
  end
  fs.unlink(partial)
  ctx.step(("writing %s"):format(ref))
  local ok, message, code, hint = ctx.run(ctx.images.save_argv(ctx.engine, ref, partial), {
    what = "export", object = ref, name = "export",
    explain = require("wrapix.image.failure").explain,
  })
  if ok then ok, message, code = fs.rename(partial, file) end
  if not ok then
    fs.unlink(partial)
    return nil, message, code, hint
  end
  return { ref = ref, file = file, size = fs.stat(file).size }
end

local function check(file, ctx)
  local list = oci.images(file, ctx)
  local going, message, code = ctx.going()
  if not going then return nil, message, code end
  if not list then return refuse(file, "is no OCI archive") end
  if #list ~= 1 then return refuse(file, ("holds %d images, not one"):format(#list)) end
  local ref = list[1].name
  local hash = ref and ref:match("^localhost/wrapix%-[a-z0-9-]+:(%x+)$")
  if not hash then return refuse(file, "holds no image made by wrapix") end
  local made_from = oci.labels(list[1].descriptor, file, ctx)["wrapix.recipe"]
  going, message, code = ctx.going()
  if not going then return nil, message, code end
  if made_from ~= hash then
    return refuse(file, ("holds %s, which was not made from that recipe"):format(ref),
      "export it anew from where it was built")
  end
  return { ref = ref, hash = hash }
end

--- Takes an image out of a file into the engine's storage, under its own name.
---@param file string
---@param facts wrapix.Facts
---@param opts { report: table?, deps: table? }?
---@return { ref: string, loaded: boolean }|nil loaded: false when it was there
---@return string? message
---@return string? code "EIMAGE": not an image of ours, or not what its name says
---@return string? hint
function M.import(file, facts, opts)
  local ctx = acts.new(facts, opts or {})
  local stat, message, code = ctx.deps.fs.stat(file)
  if not stat then return nil, ("import: %s"):format(message), code end
  local image, hint
  image, message, code, hint = check(file, ctx)
  if not image then return nil, message, code, hint end
  local lock <close>, problem, what = ctx.lock_image(image)
  if not lock then return nil, problem, what end
  if ctx.holds(image) then return { ref = image.ref, loaded = false } end
  ctx.step(("loading %s"):format(image.ref))
  local ok, name
  ok, message, code, hint = ctx.run(ctx.images.load_argv(ctx.engine, file, true), {
    what = "import", object = file, name = "import",
    explain = require("wrapix.image.failure").explain,
    on_line = function(line) name = name or ctx.images.loaded(line) end,
  })
  if not ok then return nil, message, code, hint end
  -- Not every engine reads the name that is in the archive.
  if name and name ~= image.ref and not ctx.exists(image.ref) then ctx.tag(name, image.ref) end
  local is_held = ctx.holds(image)
  ok, message, code = ctx.going()
  if not ok then return nil, message, code end
  if not is_held then return refuse(file, "the engine took something else out of it") end
  require("wrapix.image.first_use").forget(image.ref, facts, { deps = ctx.deps })
  return { ref = image.ref, loaded = true }
end

return M
