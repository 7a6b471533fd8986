-- SPDX-License-Identifier: MIT
-- How large images are: all of their layers, and those that nothing below has. Never what
-- the engine's list calls a size, which counts the copies made for its users as well.

local acts = require("wrapix.image.acts")

local M = {}

local AT_ONCE = 4

--- What an image was built on.
---@param labels table<string, string> ours, without "wrapix."
---@return string? ref
function M.below(labels) return labels.parent or labels.base end

--- The size of an image, and how much of it is its own.
---@param ref string
---@param below string? what it was built on
---@param size_of fun(ref: string): integer? bytes of all layers
---@return integer? size bytes; nil when the engine does not tell
---@return integer? own
function M.of(ref, below, size_of)
  local size = size_of(ref)
  if not size then return nil end
  return size, math.max(0, size - (below and size_of(below) or 0))
end

-- The same image has several names, and many stand on one.
local function remembering(size_of)
  local known = {}
  return function(ref)
    if known[ref] == nil then known[ref] = size_of(ref) or false end
    return known[ref] or nil
  end
end

--- Gives entries of the list their sizes, `size` and `own_size`: nil where the engine does
--- not tell. Waits; asks the engine once for each image.
---@param entries wrapix.ImageEntry[]
---@param facts wrapix.Facts
---@param opts { deps: table? }?
---@return wrapix.ImageEntry[] entries the same
function M.measure(entries, facts, opts)
  local ctx = acts.new(facts, opts or {})
  local size_of = remembering(ctx.size)
  ctx.deps.task.parallel(AT_ONCE, entries, function(entry)
    entry.size, entry.own_size = M.of(entry.ref, M.below(entry.labels), size_of)
    return true
  end)
  return entries
end

return M
