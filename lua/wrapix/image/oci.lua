-- SPDX-License-Identifier: MIT
-- Archives of images: what an OCI archive says of itself, and an archive of Docker's
-- made into one, for engines that take no other. Files come from anywhere, so all of
-- them are bounded and nothing in them is believed before it is looked at.

local M = {}

-- An index and a manifest are pages of text, a configuration little more.
local LARGEST = 4 << 20
local DEPTH = 3

--- The annotations that may hold the name of an image, as engines read them.
M.NAMES = { "com.apple.containerization.image.name", "io.containerd.image.name",
  "org.opencontainers.image.ref.name" }

-- One member of the archive, as text. Who packs a directory as `.` puts ./ before the names.
local function member(file, name, ctx)
  for _, packed in ipairs({ name, "./" .. name }) do
    if not ctx.going() then return nil end
    local result, message, code = ctx.deps.proc.run({ "tar", "-xOf", file, "--", packed },
      { stdin = "null", stdout = "pipe", stderr = "pipe", timeout = 300, max_output = LARGEST })
    if not result then ctx.heed(message, code) end
    if result and result.code == 0 then return result.stdout end
  end
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

local function is_program(descriptor)
  if type(descriptor) ~= "table" then return false end
  local platform = type(descriptor.platform) == "table" and descriptor.platform or {}
  return platform.os == nil or platform.os == "linux"
end

-- An image for several machines is an index of its own.
local function manifest_of(descriptor, file, ctx)
  for _ = 1, DEPTH do
    local found = blob(descriptor, file, ctx)
    if not found or type(found.manifests) ~= "table" then return found end
    descriptor = nil
    for _, one in ipairs(found.manifests) do
      descriptor = descriptor or (is_program(one) and one or nil)
    end
  end
end

--- The labels of an image in an archive.
---@param descriptor any an entry of its index
---@param file string
---@param ctx { deps: { proc: table, json: table } }
---@return table<string, any>
function M.labels(descriptor, file, ctx)
  local manifest = manifest_of(descriptor, file, ctx)
  local config = manifest and blob(manifest.config, file, ctx)
  local inner = config and type(config.config) == "table" and config.config.Labels
  return type(inner) == "table" and inner or {}
end

--- The images of an archive.
---@param file string
---@param ctx { deps: { proc: table, json: table } }
---@return { name: string?, descriptor: table }[]|nil nil: it is no OCI archive
function M.images(file, ctx)
  local index = document(file, "index.json", ctx)
  local list = index and type(index.manifests) == "table" and index.manifests
  if not list then return nil end
  local out = {}
  for i, descriptor in ipairs(list) do
    local notes = type(descriptor) == "table" and type(descriptor.annotations) == "table"
      and descriptor.annotations or {}
    local name
    for _, key in ipairs(M.NAMES) do
      name = name or (type(notes[key]) == "string" and notes[key] or nil)
    end
    out[i] = { name = name, descriptor = descriptor }
  end
  return out
end

--- Makes an OCI archive of one of Docker's, with skopeo.
---@param from string file
---@param to string file; there is none after a failure
---@param name string of the image
---@param ctx wrapix.ImageContext
---@return true|nil
---@return string? message
---@return string? code
---@return string? hint
function M.convert(from, to, name, ctx)
  ctx.deps.fs.unlink(to)
  local argv = { "skopeo", "--insecure-policy", "copy", "--quiet", "docker-archive:" .. from,
    ("oci-archive:%s:%s"):format(to, name) }
  local ok, message, code, hint = ctx.run(argv, {
    what = "convert image", object = name, name = "convert",
    explain = require("wrapix.image.failure").explain,
  })
  if ok then return true end
  ctx.deps.fs.unlink(to)
  if code == "ENOENT" then
    return nil, ("convert image: %s: skopeo is missing, and %s takes OCI archives alone")
      :format(name, ctx.images.title), "ENOENT", "brew install skopeo, or nix profile install nixpkgs#skopeo"
  end
  return nil, message, code, hint
end

return M
