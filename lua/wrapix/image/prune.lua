-- SPDX-License-Identifier: MIT
-- Takes away images nobody needs any more. What a container uses, what a workspace, a
-- named profile or the builder uses now, and what these are built on stays; so does what
-- is being built. Never forces: the engine has the last word.

local acts = require("wrapix.image.acts")
local list = require("wrapix.image.list")
local sizes = require("wrapix.image.sizes")

local M = {}

---@class wrapix.PrunedImage
---@field ref string
---@field why string
---@field size integer? bytes that are only its own
---@field removed boolean?
---@field error string?

--- Why an image can go; nil: it stays.
---@param entry wrapix.ImageEntry marked by list.mark
---@return string?
function M.why(entry)
  if entry.in_use or entry.current then return nil end
  if entry.unnamed then return "another image has its name now" end
  if entry.kind == "stage" then return "no image that is needed is built on it" end
  if entry.kind == "npm" then return "no image that is needed was made with it" end
  return "no workspace uses it, and it is no profile's image"
end

-- Those built on others first: podman names what is in the way, and does not remove it.
local function ordered(entries)
  local depth, hashes = {}, {}
  for _, entry in ipairs(entries) do hashes[entry.hash or ""] = entry end
  local function level(entry)
    if depth[entry] then return depth[entry] end
    depth[entry] = 0
    local below = hashes[(entry.labels.parent or ""):match(":(%x+)$") or "none"]
    depth[entry] = below and level(below) + 1 or 0
    return depth[entry]
  end
  for _, entry in ipairs(entries) do level(entry) end
  table.sort(entries, function(a, b)
    if depth[a] ~= depth[b] then return depth[a] > depth[b] end
    return a.ref < b.ref
  end)
  return entries
end

-- An id with another name left gives nothing back.
local function own_size(entry, named, ctx)
  if named[entry.id] > 1 then return 0 end
  return (select(2, sizes.of(entry.ref, sizes.below(entry.labels), ctx.size)))
end

local function remove_one(entry, out, ctx)
  local lock <close> = ctx.try_image(entry)
  if not lock then
    out.error = "is being built, or built on"
    return
  end
  out.error = ctx.remove(entry.unnamed and entry.id or entry.ref)
  out.removed = out.error == nil
  if out.removed then ctx.forget(entry.ref) end
end

--- Removes what nobody needs.
---@param facts wrapix.Facts
---@param profiles table<string, string[]> names of profiles by the reference of their image
---@param opts { dry_run: boolean?, deps: table?, report: table? }?
---@return { images: wrapix.PrunedImage[], freed: integer, kept: integer }|nil freed: bytes
---@return string? message
---@return string? code
function M.run(facts, profiles, opts)
  opts = opts or {}
  local entries, rest, code = list.needed(facts, profiles, { deps = opts.deps, unnamed = true })
  if not entries then return nil, rest, code end
  local ctx = acts.new(facts, opts)
  for _, name in ipairs(opts.dry_run and {} or rest) do ctx.remove_container(name) end
  local goes, named, kept = {}, {}, 0
  for _, entry in ipairs(entries) do
    named[entry.id] = (named[entry.id] or 0) + 1
    if M.why(entry) then goes[#goes + 1] = entry else kept = kept + 1 end
  end
  local out, freed = {}, 0
  for i, entry in ipairs(ordered(goes)) do
    if not ctx.going() then break end
    out[i] = { ref = entry.ref, why = M.why(entry), size = own_size(entry, named, ctx) }
    if not opts.dry_run then remove_one(entry, out[i], ctx) end
    if opts.dry_run or out[i].removed then
      freed = freed + (out[i].size or 0)
      named[entry.id] = named[entry.id] - 1
    else
      kept = kept + 1
    end
  end
  local going, message, what = ctx.going()
  if not going then return nil, message, what end
  return { images = out, freed = freed, kept = kept }
end

return M
