-- SPDX-License-Identifier: MIT
-- What is known of one image: its labels, and its stages with their sizes. Reads only.

local acts = require("wrapix.image.acts")
local list = require("wrapix.image.list")
local sizes = require("wrapix.image.sizes")

local M = {}

-- From the image down to what its first stage was built on.
local function stages_of(entry, hashes, ctx)
  local stages = {}
  while entry do
    local below = sizes.below(entry.labels)
    local _, own = sizes.of(entry.ref, below, ctx.size)
    table.insert(stages, 1, {
      kind = entry.labels.stage or "packages", ref = entry.ref, created = entry.created, size = own,
    })
    if not entry.labels.parent then
      local base = below and { kind = "base", ref = below, size = ctx.size(below) }
      if base then table.insert(stages, 1, base) end
      return stages
    end
    entry = hashes[entry.labels.parent:match(":(%x+)$") or ""]
  end
  return stages
end

local function words(text)
  local out = {}
  for word in (text or ""):gmatch("%S+") do out[#out + 1] = word end
  return out
end

local function agents(text)
  local out = {}
  for _, word in ipairs(words(text)) do
    local name, version = word:match("^([^@]+)@(.+)$")
    if name then out[#out + 1] = { name = name, version = version } end
  end
  return out
end

---@class wrapix.ShownImage
---@field ref string
---@field id string
---@field created integer
---@field size integer? bytes, all stages together
---@field own_size integer? bytes of what nothing below has
---@field labels table<string, string>
---@field packages string[]
---@field agents { name: string, version: string }[]
---@field toolchain string?
---@field left_out string? what could not be had when it was built
---@field base string?
---@field stages { kind: string, ref: string, size: integer?, created: integer? }[] lowest first

--- Looks at one image.
---@param ref string
---@param facts wrapix.Facts
---@param opts { deps: table? }?
---@return wrapix.ShownImage|nil
---@return string? message
---@return string? code "ENOENT"
---@return string? hint
function M.read(ref, facts, opts)
  local entries, message, code = list.read(facts, opts)
  if not entries then return nil, message, code end
  local found, hashes = nil, {}
  for _, entry in ipairs(entries) do
    if entry.ref == ref then found = entry end
    if entry.hash then hashes[entry.hash] = entry end
  end
  if not found then
    return nil, ("image %s: is not there, or was not made by wrapix"):format(ref), "ENOENT",
      "`wrapix image list` shows those that are"
  end
  local ctx = acts.new(facts, opts or {})
  local labels = found.labels
  local size, own = sizes.of(ref, sizes.below(labels), ctx.size)
  local stages = stages_of(found, hashes, ctx)
  local going, why, what = ctx.going()
  if not going then return nil, why, what end
  return {
    ref = ref, id = found.id, created = found.created, labels = labels, base = labels.base,
    size = size, own_size = own,
    packages = words(labels["package-list"]), agents = agents(labels.agents),
    toolchain = labels.toolchain, left_out = labels["left-out"],
    stages = stages,
  }
end

return M
