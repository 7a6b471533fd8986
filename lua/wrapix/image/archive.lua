-- SPDX-License-Identifier: MIT
-- An image as a file, and back: an OCI archive with the image under its own name. A
-- file is believed only when its image says that it was made from the recipe its name
-- stands for; that is read out of the file before the engine sees it.

local acts = require("wrapix.image.acts")

local M = {}

-- An index and a manifest are pages of text, a configuration little more.
local LARGEST = 4 << 20

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
  if not ctx.exists(ref) then
    return nil, ("export: %s: no such image"):format(ref), "ENOENT", "`wrapix image build` makes it"
  end
  fs.unlink(partial)
  ctx.step(("writing %s"):format(ref))
  local ok, message, code, hint = ctx.run({ ctx.engine, "save", "--quiet", "--format", "oci-archive",
    "--output", partial, "--", ref }, {
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

-- One member of the archive, as text.
local function member(file, name, ctx)
  local result = ctx.deps.proc.run({ "tar", "-xOf", file, "--", name },
    { stdin = "null", stdout = "pipe", stderr = "pipe", timeout = 300, max_output = LARGEST })
  if not result or result.code ~= 0 then return nil end
  return result.stdout
end

local function document(file, name, ctx)
  local text = member(file, name, ctx)
  local value = text and ctx.deps.json.decode(text, { max_depth = 32, max_size = LARGEST })
  return type(value) == "table" and value or nil
end

local function blob(descriptor, file, ctx)
  local digest = type(descriptor) == "table" and type(descriptor.digest) == "string"
    and descriptor.digest:match("^sha256:(%x+)$")
  return digest and document(file, "blobs/sha256/" .. digest, ctx) or nil
end

local function labels_of(descriptor, file, ctx)
  local manifest = blob(descriptor, file, ctx)
  local config = manifest and blob(manifest.config, file, ctx)
  local inner = config and type(config.config) == "table" and config.config.Labels
  return type(inner) == "table" and inner or {}
end

local function check(file, ctx)
  local index = document(file, "index.json", ctx)
  local list = index and type(index.manifests) == "table" and index.manifests
  if not list then return refuse(file, "is no OCI archive") end
  if #list ~= 1 then return refuse(file, ("holds %d images, not one"):format(#list)) end
  local notes = type(list[1].annotations) == "table" and list[1].annotations or {}
  local ref = notes["org.opencontainers.image.ref.name"]
  local hash = type(ref) == "string" and ref:match("^localhost/wrapix%-[a-z0-9-]+:(%x+)$")
  if not hash then return refuse(file, "holds no image made by wrapix") end
  if labels_of(list[1], file, ctx)["wrapix.recipe"] ~= hash then
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
  local ok
  ok, message, code, hint = ctx.run({ ctx.engine, "load", "--quiet", "--input", file }, {
    what = "import", object = file, name = "import",
    explain = require("wrapix.image.failure").explain,
  })
  if not ok then return nil, message, code, hint end
  if not ctx.holds(image) then return refuse(file, "the engine took something else out of it") end
  require("wrapix.image.first_use").forget(image.ref, facts, { deps = ctx.deps })
  return { ref = image.ref, loaded = true }
end

return M
