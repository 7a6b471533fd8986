-- SPDX-License-Identifier: MIT
-- The mounts of a devcontainer.json: directories of the host become mounts,
-- volumes become caches of this project, tmpfs becomes `writable`. Whether the
-- host takes a mount is asked of ctx.check_mount, and whether it is one that only a
-- person should let in; otherwise pure.

local check = require "wrapix.schema.check"
local mount = require "wrapix.mount"
local path = require "wrapix.path"
local variables = require "wrapix.project.variables"

local M = {}

local MOST = 64
local LONGEST = 4096

local KEYS = {
  source = "source", src = "source", target = "target", destination = "target", dst = "target",
  type = "type", readonly = "readonly", ro = "readonly",
}
-- About how the engine does it; a sandbox has ways of its own.
local NEEDLESS = { consistency = true, external = true, ["volume-nocopy"] = true }

local function add_field(spec, key, value)
  if NEEDLESS[key] then return true end
  local name = KEYS[key]
  if not name then return nil, ("the option %s is not known here"):format(key) end
  spec[name] = value
  return true
end

-- "source=/a,target=/b,type=bind,readonly"
local function parse_text(text)
  if text:find('"', 1, true) then return nil, "quotes in it are not understood" end
  local spec = {}
  for part in text:gmatch("[^,]+") do
    local key, value = part:match("^%s*([^=]-)%s*=(.*)$")
    local ok, reason = add_field(spec, key or part:match("^%s*(.-)%s*$"), value or "true")
    if not ok then return nil, reason end
  end
  return spec
end

local function parse(entry)
  if type(entry) == "string" then
    if #entry > LONGEST then return nil, "is too long" end
    return parse_text(entry)
  elseif type(entry) ~= "table" or entry[1] ~= nil then
    return nil, "a text or an object expected"
  end
  local spec = {}
  for key, value in pairs(entry) do
    if type(value) == "boolean" then value = tostring(value) end
    local ok, reason = add_field(spec, tostring(key), value)
    if not ok then return nil, reason end
  end
  return spec
end

-- Another user's home is that of the sandbox's user here, and the project another place.
local function translate(dest, dev)
  local folder = dev.object.workspaceFolder
  if type(folder) ~= "string" or folder:find("${", 1, true) or not folder:find("^/.") then
    folder = "/workspaces/" .. dev.ctx.basename
  end
  folder = path.normalize(folder)
  if path.is_within(folder, dest) then
    local rel = path.relative(dest, folder)
    return rel == "." and "/workspace" or "/workspace/" .. rel
  end
  local below = dest:match("^/home/[^/]+/(.+)$") or dest:match("^/root/(.+)$")
  return below and "~/" .. below or dest
end

local function destination(dev, target)
  if type(target) ~= "string" then return nil, "no target" end
  local text, reason = variables.replace(target, dev:place("dest"))
  reason = reason or check.bad_text(text) or (#text > LONGEST and "its target is too long")
  if reason then return nil, reason end
  if not path.is_absolute(text) then return nil, "its target is not absolute" end
  local dest = translate(path.normalize(text), dev)
  local place, message = mount.resolve_dest(dest)
  if not place then return nil, (message:gsub("^mount: ", "")) end
  local other = dev.places[place]
  if other then return nil, ("%s is there already, %s"):format(dest, other) end
  return dest, nil, place
end

local function cache_name(dev, volume)
  local name = ("%s-%s"):format(dev.draft.name, volume):lower():gsub("[^a-z0-9]+", "-")
  return (name:sub(1, 64):gsub("^%-+", ""):gsub("%-+$", ""))
end

-- A volume stays and is this project's own: so is a cache with the project in its name.
local function volume(dev, spec, dest)
  local source, reason = variables.replace(type(spec.source) == "string" and spec.source
    or "volume" .. #dev.draft.caches, dev:place("dest"))
  if not source then return nil, reason end
  local name = cache_name(dev, source)
  for _, cache in ipairs(dev.draft.caches) do
    if cache.name == name then return nil, "two volumes of one name" end
  end
  dev.draft.caches[#dev.draft.caches + 1] = { name = name, dest = dest }
  return ("caches, %s at %s"):format(name, dest)
end

local function tmpfs(dev, _, dest)
  dev.draft.writable[#dev.draft.writable + 1] = { dest = dest }
  return ("writable, %s"):format(dest)
end

local function bind(dev, spec, dest)
  if type(spec.source) ~= "string" then return nil, "no source" end
  local source, reason = variables.replace(spec.source, dev:place("source"))
  reason = reason or check.bad_text(source) or (#source > LONGEST and "its source is too long")
  if reason then return nil, reason end
  if source:find("^%.%f[/\0]") then
    source = path.normalize(source)
    if not source:find("^%.%.?%f[/\0]") then source = "./" .. source end
  end
  local is_read_only = spec.readonly ~= nil and spec.readonly ~= "false" and spec.readonly ~= "0"
  local made = {
    source = source, dest = dest, mode = is_read_only and "ro" or "rw", optional = true,
  }
  local ok, off
  ok, reason, off = dev.ctx.check_mount(made)
  if not ok then return nil, reason end
  made.off = off
  dev.draft.mounts[#dev.draft.mounts + 1] = made
  -- Nothing is at its place as long as it is a comment.
  if off then return nil, ("a comment in the draft: %s"):format(off) end
  return ("mounts, %s at %s, %s"):format(source, dest, made.mode)
end

local KINDS = { bind = bind, volume = volume, tmpfs = tmpfs }

local function label_of(entry)
  local target = entry
  if type(entry) == "table" then target = entry.target or entry.destination or entry.dst end
  return "mounts: " .. (type(target) == "string" and target:sub(1, 200) or "?")
end

local function map_one(dev, entry)
  local spec, reason = parse(entry)
  if not spec then return nil, reason end
  local kind = KINDS[spec.type or (type(spec.source) == "string"
    and spec.source:find("^[/.~$]") and "bind" or "volume")]
  if not kind then return nil, "a mount of a type not known here" end
  local dest, place
  dest, reason, place = destination(dev, spec.target)
  if not dest then return nil, reason end
  local became
  became, reason = kind(dev, spec, dest)
  if not became then return nil, reason end
  dev.places[place] = "another mount"
  return became
end

--- Maps the list of mounts.
---@param dev wrapix.Devcontainer
---@param list any
---@param took fun(dev: table, what: string, became: string)
---@param left fun(dev: table, what: string, reason: string)
function M.map(dev, list, took, left)
  if type(list) ~= "table" then return left(dev, "mounts", "a list expected") end
  for i, entry in ipairs(list) do
    if i > MOST then return left(dev, "mounts", ("only the first %d are taken"):format(MOST)) end
    local became, reason = map_one(dev, entry)
    if became then
      took(dev, label_of(entry), became)
    else
      left(dev, label_of(entry), reason)
    end
  end
end

return M
