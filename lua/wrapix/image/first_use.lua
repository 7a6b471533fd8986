-- SPDX-License-Identifier: MIT
-- The first start of an image by a user may make the engine copy it, which looks
-- like a hang unless somebody says so. Remembers, in one file an image, whether
-- that has happened. Starts nothing.

local fs = require("wrapix.fs")

local M = {}

--- Tells whether the first container of an image makes the engine copy it: its
--- files belong to other ids inside than on disk, and only a mounting program
--- maps them on the way.
---@param facts wrapix.Facts
---@return boolean
function M.needs_warm(facts)
  local engine = facts.engine
  return engine.rootless and engine.graph_driver == "overlay" and not engine.mount_program
end

local function marker(ref, facts)
  local name = ref:gsub("[^%w._-]", "_"):sub(-180)
  return ("%s/images/used/%s-%d"):format(facts.dirs.cache, name, facts.uid)
end

local function file_system(opts) return opts and opts.deps and opts.deps.fs or fs end

--- What to tell the user before the first start of an image, or nil.
---@param ref string
---@param facts wrapix.Facts
---@param opts { deps: table? }?
---@return string?
function M.notice(ref, facts, opts)
  if not M.needs_warm(facts) or file_system(opts).stat(marker(ref, facts)) then return nil end
  return "preparing the image for your user (first use; takes a while)"
end

--- Remembers that a container of the image was started by this user. A failure
--- costs a needless notice at the next start, nothing else.
---@param ref string
---@param facts wrapix.Facts
---@param opts { deps: table? }?
function M.mark(ref, facts, opts)
  if not M.needs_warm(facts) then return end
  local files, path = file_system(opts), marker(ref, facts)
  if files.ensure_dir(path:match("^(.*)/"), tonumber("700", 8)) then files.write_atomic(path, "") end
end

--- Forgets that; an image that was built or pulled anew is copied anew.
---@param ref string
---@param facts wrapix.Facts
---@param opts { deps: table? }?
function M.forget(ref, facts, opts)
  file_system(opts).unlink(marker(ref, facts))
end

return M
