-- SPDX-License-Identifier: MIT
-- Strict JSON (RFC 8259). Decoding is the C module's; encoding walks the tables
-- here, so that a value JSON cannot say is named by its path. Neither raises on
-- data: text and tables often come from outside.

local c = require("wrapix._c.json")
local options = require("wrapix.opts")

local M = {}

-- Equal to what cJSON can take; also what encode may write, so that everything
-- encoded can be decoded with the same number.
local DEPTH_CAP = 1000
local DEFAULT_DEPTH = 128
local DEFAULT_SIZE = 64 << 20

local DECODE = { max_depth = "integer", max_size = "integer" }
local ENCODE = { pretty = "boolean", max_depth = "integer" }

--- Stands for JSON's null in tables and as a whole value. Compare with `==`;
--- indexing it raises.
---@type userdata
M.null = c.null

local function check_depth(opts, where)
  local depth = opts.max_depth or DEFAULT_DEPTH
  if depth < 1 or depth > DEPTH_CAP then
    error(("%s: option \"max_depth\": 1 to %d expected"):format(where, DEPTH_CAP), 3)
  end
  return depth
end

--- Marks a table as an array, so that an empty one is written as `[]`. Decoded
--- arrays carry the mark. A table with another metatable is refused.
---@generic T: table
---@param t T?
---@return T
function M.array(t)
  t = t or {}
  if type(t) ~= "table" then
    error(("json.array: table expected, got %s"):format(type(t)), 2)
  end
  local mt = getmetatable(t)
  if mt ~= nil and mt ~= c.array_mt then
    error("json.array: the table has a metatable already", 2)
  end
  return setmetatable(t, c.array_mt)
end

--- Tells whether a table carries the mark of an array.
---@param value any
---@return boolean
function M.is_array(value)
  return type(value) == "table" and getmetatable(value) == c.array_mt
end

--- Reads one JSON value. Integers that fit 64 bits become integers, other
--- numbers floats; `1.0` is a float. Refused beside wrong syntax: a key that is
--- there twice, \u0000, a lone surrogate, a byte order mark, a number out of
--- range or longer than 63 characters.
---@param text string
---@param opts { max_depth?: integer, max_size?: integer }? levels (128, up to 1000); bytes (64 MiB)
---@return any value `json.null` for null; nil when the text is not taken
---@return string? message "json: line 2, column 5: …"
---@return integer? offset the byte at fault, counted from 1 as in string.sub
function M.decode(text, opts)
  if type(text) ~= "string" then
    error(("json.decode: string expected, got %s"):format(type(text)), 2)
  end
  local depth, size = DEFAULT_DEPTH, DEFAULT_SIZE
  if opts then
    options.check(opts, DECODE, "json.decode")
    depth, size = check_depth(opts, "json.decode"), opts.max_size or DEFAULT_SIZE
  end
  if size < 0 then
    error("json.decode: option \"max_size\": 0 or more expected", 2)
  end
  local value, message, offset = c.decode(text, depth, size)
  if message then
    return nil, "json: " .. message, offset
  end
  return value
end

-- --- encoding ----------------------------------------------------------------------

---@class wrapix.JsonWriter
---@field out string[]
---@field path (string|integer)[] keys down to the value at hand
---@field depth integer
---@field max_depth integer
---@field open table<table, boolean> tables we are inside of
---@field pretty boolean
---@field reason string? why it failed; path tells where

local write_value

local function fail(w, reason)
  w.reason = reason
  return false
end

local function put(w, text)
  w.out[#w.out + 1] = text
  return true
end

local function put_break(w)
  if w.pretty then
    put(w, "\n" .. ("  "):rep(w.depth))
  end
end

local function write_string(w, text)
  local quoted, reason = c.quote(text)
  if not quoted then
    return fail(w, reason)
  end
  return put(w, quoted)
end

local function write_number(w, value)
  if math.type(value) == "integer" then
    return put(w, ("%d"):format(value))
  elseif value ~= value or value == math.huge or value == -math.huge then
    return fail(w, ("the number %s has no form in JSON"):format(value))
  end
  return put(w, c.float(value))
end

-- Returns "array", its length, or "object", its sorted keys.
local function classify(w, t)
  local keys, length, highest = {}, 0, 0
  for key in next, t do
    if type(key) == "string" then
      keys[#keys + 1] = key
    elseif math.type(key) == "integer" and key >= 1 then
      length, highest = length + 1, math.max(highest, key)
    else
      return fail(w, ("a table with a key of type %s"):format(math.type(key) or type(key)))
    end
  end
  local marked = getmetatable(t) == c.array_mt
  if #keys > 0 and (length > 0 or marked) then
    return fail(w, "a table with both list entries and names")
  elseif highest > length then
    return fail(w, "a list with holes")
  elseif length > 0 or marked then
    return "array", length
  end
  table.sort(keys)
  return "object", keys
end

local function write_array(w, t, length)
  local level = #w.path + 1
  for i = 1, length do
    w.path[level] = i
    put(w, i > 1 and "," or "")
    put_break(w)
    if not write_value(w, rawget(t, i)) then
      return false
    end
  end
  w.path[level] = nil
  return true
end

local function write_object(w, t, keys)
  local level = #w.path + 1
  for i, key in ipairs(keys) do
    w.path[level] = key
    put(w, i > 1 and "," or "")
    put_break(w)
    if not (write_string(w, key) and put(w, w.pretty and ": " or ":")
      and write_value(w, rawget(t, key))) then
      return false
    end
  end
  w.path[level] = nil
  return true
end

local function write_table(w, t)
  if w.open[t] then
    return fail(w, "a table inside itself")
  elseif w.depth == w.max_depth then
    return fail(w, ("more than %d levels"):format(w.max_depth))
  end
  local kind, content = classify(w, t)
  if not kind then
    return false
  end
  local is_array = kind == "array"
  local count = is_array and content or #content
  w.open[t] = true
  w.depth = w.depth + 1
  put(w, is_array and "[" or "{")
  local ok = (is_array and write_array or write_object)(w, t, content)
  w.depth = w.depth - 1
  w.open[t] = nil
  if count > 0 then
    put_break(w)
  end
  put(w, is_array and "]" or "}")
  return ok
end

local writers = {
  string = write_string,
  number = write_number,
  table = write_table,
  boolean = function(w, value) return put(w, tostring(value)) end,
}

function write_value(w, value)
  if value == M.null then
    return put(w, "null")
  end
  local writer = writers[type(value)]
  if not writer then
    return fail(w, ("a %s has no form in JSON"):format(type(value)))
  end
  return writer(w, value)
end

local function path_text(path)
  local text = {}
  for i, key in ipairs(path) do
    if type(key) == "number" then
      text[i] = ("[%d]"):format(key)
    elseif key:find("^[%a_][%w_-]*$") then
      text[i] = "." .. key
    else
      text[i] = ("[%q]"):format(key)
    end
  end
  return #text > 0 and table.concat(text) or "the value itself"
end

--- Writes a value as JSON. Keys are sorted; integers are exact, floats the
--- shortest text that reads back the same; `/` and non-ASCII text stay as they
--- are. A table whose keys are 1 to n is an array, one marked by `json.array`
--- too; any other, the empty one included, is an object. Fields are read raw.
---@param value any
---@param opts { pretty?: boolean, max_depth?: integer }? pretty: two spaces a level
---@return string|nil text
---@return string? message "json: at .mounts[2].x: a function has no form in JSON"
---@return string? code "EINVAL"
function M.encode(value, opts)
  opts = options.check(opts, ENCODE, "json.encode")
  local w = {
    out = {},
    path = {},
    depth = 0,
    max_depth = check_depth(opts, "json.encode"),
    open = {},
    pretty = opts.pretty or false,
  }
  if not write_value(w, value) then
    return nil, ("json: at %s: %s"):format(path_text(w.path), w.reason), "EINVAL"
  end
  return table.concat(w.out)
end

return M
