-- SPDX-License-Identifier: MIT
-- A workspace and directories of its own for one spec of Ralph, in this process: the
-- directories of the person running it are not looked at.

local fs = require("wrapix.fs")
local wrapix = require("wrapix")

local M = {}

local Place = {}
Place.__index = Place

--- Writes a file of the workspace, or of the place for an absolute one.
function Place:write(name, text)
  local file = name:sub(1, 1) == "/" and name or self.root .. "/" .. name
  assert(fs.ensure_dir(file:match("^(.*)/")))
  assert(fs.write_atomic(file, text))
  return file
end

function Place:read(name)
  return fs.read(name:sub(1, 1) == "/" and name or self.root .. "/" .. name)
end

--- Says that the user has agreed to a file of the workspace as it is.
function Place:trust(rel)
  local file = self.root .. "/" .. rel
  assert(require("wrapix.trust").add({ { file = file, text = fs.read(file) } }, wrapix.dirs()))
end

--- Removes everything and gives the library its own directories back.
function Place:close()
  wrapix.dirs = self.real_dirs
  require("wrapix.context").dirs = self.real_context_dirs
  assert(fs.remove_tree(self.dir))
end

--- What a project's log was told: lists of texts.
function M.log()
  local told = { error = {}, warn = {}, note = {}, detail = {}, progress = {} }
  local log = { told = told }
  for _, name in ipairs({ "error", "warn", "note", "detail" }) do
    log[name] = function(_, text) table.insert(told[name], text) end
  end
  function log:progress(text, fn, ...)
    table.insert(self.told.progress, text)
    return fn(...)
  end
  return log
end

function M.new()
  local dir = assert(fs.realpath(assert(fs.temp_dir("wrapix-ralph-"))))
  local place = setmetatable({ dir = dir, root = dir .. "/shop" }, Place)
  assert(fs.mkdir(place.root))
  local context = require("wrapix.context")
  place.real_dirs, place.real_context_dirs = wrapix.dirs, context.dirs
  local dirs = {}
  for _, name in ipairs({ "runtime", "state", "data", "cache", "config" }) do
    dirs[name] = ("%s/%s/wrapix"):format(dir, name)
  end
  context.dirs = function() return dirs end
  wrapix.dirs = context.dirs
  return place
end

return M
