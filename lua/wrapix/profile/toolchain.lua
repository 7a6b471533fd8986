-- SPDX-License-Identifier: MIT
-- `with_toolchain` of the built-in profiles that have one to choose: from what
-- the caller asks for, or from a project's rust-toolchain file, to a profile
-- with `toolchain = { … }`. The file is hostile; nothing of it but words that the
-- schema allows gets on. Installs nothing.

local fs = require "wrapix.lazy" "wrapix.fs"
local layers = require "wrapix.profile.layers"
local path = require "wrapix.path"
local schema = require "wrapix.schema"
local toml = require "wrapix.lazy" "wrapix.toml"

local M = {}

local LARGEST_FILE = 16 << 10

-- What a rust-toolchain file may say in its one table; see rustup's book, "The
-- toolchain file". `path` is a place on the host, which no image can have.
local FILE_FIELDS = { channel = true, components = true, profile = true, targets = true }

--- Reads the text of a rust-toolchain file, the old form of one word too.
---@param text string
---@return table|nil spec channel, components, targets, profile; not checked further
---@return string? message
function M.parse_rust(text)
  local word = text:match("^%s*([%w._-]+)%s*$")
  if word then return { channel = word } end
  local root, message = toml.decode(text)
  if not root then return nil, message end
  local tbl = root.toolchain
  if type(tbl) ~= "table" or schema.is_list(tbl) then return nil, "has no table [toolchain]" end
  if tbl.path ~= nil then return nil, "names a directory; a channel can be installed" end
  for key in pairs(tbl) do
    if not FILE_FIELDS[key] then
      return nil, ("[toolchain] has an entry %s that is not known"):format(path.show(key))
    end
  end
  return tbl
end

-- The first place that has the file decides, even when it cannot be read.
local function read_file(file, dirs, ctx)
  local read = ctx.read_beneath or fs.read_beneath
  if path.is_absolute(file) then dirs = { path.dirname(file) } end
  local name = path.is_absolute(file) and path.basename(file) or file
  for _, dir in ipairs(dirs) do
    local text, message, code = read(dir, name, LARGEST_FILE)
    if text or (code ~= "ENOENT" and code ~= "ENOTDIR") then return text, message end
  end
  local where = dirs[2] == dirs[1] and dirs[1] or table.concat(dirs, " or ")
  return nil, ("no such file in %s"):format(where)
end

local function from_file(opts, dirs, ctx)
  local file = opts.file
  if type(file) ~= "string" or file == "" then return nil, "file: a path expected" end
  if next(opts, next(opts)) then return nil, "file: stands alone; the file says the rest" end
  local text, message = read_file(file, dirs, ctx)
  local spec
  if text then spec, message = M.parse_rust(text) end
  if not spec then return nil, ("%s: %s"):format(path.show(file), message) end
  spec.channel = spec.channel or "stable"
  return spec, path.show(file)
end

local KINDS = {
  rust = function(opts, dirs, ctx)
    local spec, message = opts, nil
    if opts.file ~= nil then
      spec, message = from_file(opts, dirs, ctx)
      if not spec then return nil, message end
    elseif type(opts.channel) ~= "string" then
      return nil, 'channel = "1.85" or file = "rust-toolchain.toml" expected'
    end
    return { rustup = spec }, message
  end,
  python = function(opts) return { uv = opts } end,
}

local function first_problem(toolchain)
  local problem
  schema.fields.toolchain.check(toolchain, function(text, ...)
    local keys = table.concat({ ... }, ".")
    problem = problem or (keys == "" and text or ("%s: %s"):format(keys, text))
  end)
  return problem
end

local function extend(profile, toolchain, place)
  local list = table.move(layers.of(profile), 1, #layers.of(profile), 1, {})
  local own = { toolchain = toolchain }
  list[#list + 1] = { source = place.source, line = place.line, dir = place.dir, fields = own }
  return layers.set(layers.join(profile, own), list)
end

local function choose(profile, kind, place, ctx)
  return function(opts)
    if type(opts) ~= "table" then error("with_toolchain: a table expected", 2) end
    local toolchain, message = KINDS[kind](opts, place.dirs, ctx)
    if not toolchain then error("with_toolchain: " .. message, 2) end
    local problem = first_problem(toolchain)
    if problem then
      local file = message and message .. ": " or ""
      error(("with_toolchain: %s%s"):format(file, problem), 2)
    end
    return extend(profile, layers.copy(toolchain), place)
  end
end

-- Who asks for the method, before `return rust.with_toolchain(…)` can have made
-- Lua forget it; level 1 is the caller of this function.
local function asking_place(level, ctx)
  local info = debug.getinfo(level + 1, "Sl")
  local place = { dirs = {} }
  if info and info.source:sub(1, 1) == "@" then
    place.source, place.dir = layers.source_of(info.source, info.short_src)
    place.line = info.currentline > 0 and info.currentline or nil
    place.dirs[1] = path.dirname(path.normalize(path.join(ctx.cwd or "/", place.source)))
  end
  place.dirs[#place.dirs + 1] = ctx.workspace or nil
  return place
end

--- Gives a built-in profile its `with_toolchain`, where it has one. A relative
--- file is looked for beside the file that calls it, then in the workspace.
---@param profile table as loaded
---@param name string it was asked for by
---@param ctx wrapix.ProfileContext and `read_beneath` for specs
---@return table profile
function M.offer(profile, name, ctx)
  if not KINDS[name] then return profile end
  getmetatable(profile).__index = function(_, key)
    if key ~= "with_toolchain" then return nil end
    return choose(profile, name, asking_place(2, ctx), ctx)
  end
  return profile
end

return M
