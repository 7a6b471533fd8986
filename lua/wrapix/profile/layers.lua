-- SPDX-License-Identifier: MIT
-- Layers of a profile: the tables it was derived from, joining two of them, and
-- finding the line a merged field came from. Reads no file: who runs a source
-- attaches its text here.

local lazy = require "wrapix.lazy"
local path = require "wrapix.path"
local schema = require "wrapix.schema"

-- Reading a text for its lines costs as much as compiling it, and most runs ask for none.
local origin = lazy "wrapix.origin"
local json = lazy "wrapix.json"

local M = {}

---@class wrapix.Layer
---@field name string?
---@field source string? file, as it is shown
---@field line integer? where its table, or the call of derive, stands
---@field fields table the layer's own table
---@field dir string? directory of the file, when it lies on disk
---@field file table? whose text made it, as given to attach
---@field near integer? line of the call, until the text has been read
---@field constructor wrapix.origin.Constructor|false|nil nil: not looked for yet

local META_NAME = "wrapix.profile"

--- The layers of a profile, base first; nil for a plain table.
---@param tbl table
---@return wrapix.Layer[]?
function M.of(tbl)
  local meta = getmetatable(tbl)
  if type(meta) == "table" and meta.__name == META_NAME then return meta.layers end
end

--- Makes a table a profile with these layers.
---@param tbl table
---@param layers wrapix.Layer[]
---@param notes string[]?
---@return table tbl
function M.set(tbl, layers, notes)
  return setmetatable(tbl, { __name = META_NAME, layers = layers, notes = notes })
end

-- Joining ----------------------------------------------------------------------

--- A copy that shares nothing but functions. Only for checked data or to a
--- depth: a cycle ends there.
---@param value any
---@param depth integer? levels to copy, default 32
---@return any
function M.copy(value, depth)
  depth = depth or 32
  if type(value) ~= "table" or depth == 0 then return value end
  local result = {}
  for key, inner in next, value do result[key] = M.copy(inner, depth - 1) end
  -- An empty array of settings is none when it has lost its mark.
  if next(result) == nil and getmetatable(value) and json.is_array(value) then
    return json.array(result)
  end
  return result
end

local function hook_list(value)
  if type(value) == "table" and schema.is_list(value) then return M.copy(value, 1) end
  return { value }
end

--- A hook of the agent as a list of tables, whatever way it was written.
local function agent_hook_list(value)
  if type(value) == "string" then return { { command = value } } end
  if type(value) ~= "table" then return value end
  local result = {}
  for i, entry in next, value do
    result[i] = type(entry) == "string" and { command = entry } or M.copy(entry, 1)
  end
  return result
end

--- The hooks of a profile, each a list, whatever way they were written: of
--- functions, and those of the agent of { command, matcher?, timeout? }.
---@param hooks table
---@return table
function M.normal_hooks(hooks)
  local result = {}
  for name, value in next, hooks do
    local is_event = schema.hooks[name] == schema.hooks.before_start
    if name == "agent" and type(value) == "table" then
      result.agent = {}
      for event, list in next, value do result.agent[event] = agent_hook_list(list) end
    else
      result[name] = is_event and hook_list(value) or value
    end
  end
  return result
end

local join = {}

function join.scalar(_, b) return b end

function join.list(a, b)
  -- A list that is none stays as it is, for the check to name it.
  if not schema.is_list(a) then return a end
  if not schema.is_list(b) then return b end
  return table.move(b, 1, #b, #a + 1, M.copy(a, 1))
end

function join.map(a, b)
  local result = M.copy(a, 1)
  for key, value in next, b do result[key] = value end
  return result
end

--- Maps of maps, joined one level deep: settings of an agent.
function join.maps(a, b)
  local result = M.copy(a, 1)
  for key, value in next, b do
    local before = result[key]
    local are_maps = type(before) == "table" and type(value) == "table"
    result[key] = are_maps and join.map(before, value) or value
  end
  return result
end

-- Hooks of the agent: those of one event run one after the other, too.
local function join_agent_hooks(a, b)
  local result = M.copy(a, 1)
  for event, list in next, b do
    local before = result[event]
    local are_lists = type(before) == "table" and type(list) == "table"
    result[event] = are_lists and join.list(before, list) or list
  end
  return result
end

function join.hooks(a, b)
  local result = M.normal_hooks(a)
  for name, value in next, M.normal_hooks(b) do
    local before = result[name]
    if before ~= nil and schema.hooks[name] == schema.hooks.before_start then
      value = table.move(value, 1, #value, #before + 1, before)
    elseif name == "agent" and type(before) == "table" and type(value) == "table" then
      value = join_agent_hooks(before, value)
    end
    result[name] = value
  end
  return result
end

-- Nobody knows of agents in an image, and `agent = false` wants none.
local function drops_agents(fields)
  return rawget(fields, "image") ~= nil or rawget(fields, "agent") == false
end

--- Joins two tables field by field: lists append, maps merge, the rest is
--- replaced. An image replaces an inherited base and the other way round; with a
--- base go the agents that were to be installed in it, as they do for `agent = false`.
---@param base table
---@param ext table
---@return table merged a new plain table
function M.join(base, ext)
  local result = M.copy(base, 2)
  for key, value in next, ext do
    local field, before = schema.fields[key], result[key]
    if field and type(before) == "table" and type(value) == "table" then
      result[key] = join[field.kind](before, value)
    elseif field and field.kind ~= "scalar" and before ~= nil and type(before) ~= "table" then
      result[key] = before
    else
      result[key] = M.copy(value, 2)
    end
  end
  if ext.image ~= nil then
    if ext.base == nil then result.base = nil end
    result.agent = ext.agent
  end
  if drops_agents(ext) then result.agents = M.copy(ext.agents, 2) end
  if ext.base ~= nil and ext.image == nil then result.image = nil end
  return result
end

-- Origins ----------------------------------------------------------------------

-- What stands in a layer's text, read when a line of it is first asked for.
local function read_text(layer)
  local file = layer.file
  if not file or layer.constructor ~= nil then return end
  file.scan = file.scan or origin.scan(file.text or "")
  layer.constructor = origin.match(file.scan, layer.fields, layer.near) or false
  layer.line = layer.constructor and layer.constructor.line or layer.near
end

local late_line = {
  __index = function(layer, key)
    if key ~= "line" then return nil end
    read_text(layer)
    return rawget(layer, "line")
  end,
}

--- Attaches a source's text to the layers it made: those that say so, and those
--- of unknown origin, because Lua forgets the caller in `return derive(...)`.
---@param layers wrapix.Layer[]
---@param file { source: string, text: string?, dir: string?, name: string? }
function M.attach(layers, file)
  for _, layer in ipairs(layers) do
    if not layer.file and (layer.source == nil or layer.source == file.source) then
      layer.source, layer.dir, layer.file = file.source, file.dir or layer.dir, file
      layer.near, layer.line = layer.line, nil
      setmetatable(layer, late_line)
    end
    layer.name = layer.name or layer.fields.name or file.name
  end
end

local function length(value)
  if type(value) == "function" then return 1 end
  return type(value) == "table" and rawlen(value) or 0
end

-- The layers that have a part in a field: inherited agents may have been dropped.
local function layers_for(layers, field)
  if field ~= "agents" and field ~= "agent" then return layers end
  for i = #layers, 1, -1 do
    if drops_agents(layers[i].fields) then return table.move(layers, i, #layers, 1, {}) end
  end
  return layers
end

--- Finds in which layer entry `index` of an appended list stands, and as which.
local function find_entry(layers, index, get)
  for _, layer in ipairs(layers) do
    local count = length(get(layer))
    if index <= count then return layer, index end
    index = index - count
  end
end

local function find_last(layers, get)
  for i = #layers, 1, -1 do
    if get(layers[i]) ~= nil then return layers[i] end
  end
end

--- The layer of a field and the path of keys within it.
local function locate(layers, field, key, index, ...)
  local kind = schema.fields[field] and schema.fields[field].kind or "scalar"
  layers = layers_for(layers, field)
  local function whole(layer) return rawget(layer.fields, field) end
  local function entry(layer)
    local map = whole(layer)
    if type(map) == "table" then return rawget(map, key) end
  end
  local layer, own
  if kind == "list" and math.type(key) == "integer" then
    layer, own = find_entry(layers, key, whole)
    if layer then return layer, { field, own, index, ... } end
  elseif kind == "hooks" and math.type(index) == "integer" then
    layer, own = find_entry(layers, index, entry)
    if layer then return layer, { field, key, own, ... } end
  elseif kind == "maps" and index ~= nil then
    layer = find_last(layers, function(one)
      local map = entry(one)
      if type(map) == "table" then return rawget(map, index) end
    end)
    if layer then return layer, { field, key, index, ... } end
  elseif kind ~= "scalar" and key ~= nil then
    layer = find_last(layers, entry)
    if layer then return layer, { field, key, index, ... } end
  end
  layer = find_last(layers, whole)
  if layer then return layer, { field, key, index, ... } end
  return layers[#layers], nil
end

--- Where a field, or a key or entry of it, comes from.
---@param layers wrapix.Layer[]
---@param field string
---@param ... string|integer keys below it, as in the merged profile
---@return wrapix.Layer layer
---@return integer? line
function M.locate(layers, field, ...)
  local layer, keys = locate(layers, field, ...)
  read_text(layer)
  if not (keys and layer.constructor) then return layer, layer.line end
  local line = origin.trace(layer.file.scan, layer.constructor, layer.fields, table.unpack(keys))
  return layer, line or layer.line
end

--- Which layer a field, or a key or entry of it, comes from.
---@param layers wrapix.Layer[]
---@param field string
---@param ... string|integer keys below it, as in the merged profile
---@return wrapix.Layer
function M.layer_of(layers, field, ...) return (locate(layers, field, ...)) end

--- Splits what debug.getinfo calls a source: the file as shown and its directory.
---@param source string
---@param short_src string
---@return string shown
---@return string? dir
function M.source_of(source, short_src)
  local file = source:match("^@(.*)")
  if not file then return source:match("^=(.*)") or short_src end
  return file, path.is_absolute(file) and path.dirname(file) or nil
end

return M
