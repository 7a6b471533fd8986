-- SPDX-License-Identifier: MIT
-- JSON as Swift's encoder writes it: "/" as "\/", and by version either keys in no
-- order and dates as seconds since 2001, or sorted keys and ISO 8601 (facts A9,
-- correction 3). Writes text, knows no resource.

local json = require("wrapix.json")

local M = {}

local Date = {}
local EPOCH_2001 = 978307200

---@param seconds number since 1970
---@return table that is written as a date
function M.date(seconds) return setmetatable({ seconds = seconds }, Date) end

---@class apple.Style
---@field sorted boolean
---@field iso boolean
---@field pretty boolean

local function keys_of(value, style)
  local keys = {}
  for key in pairs(value) do keys[#keys + 1] = key end
  -- Swift's order is that of a hash: any that nobody takes for sorted will do.
  table.sort(keys, function(a, b)
    if style.sorted then return a < b end
    return a:reverse() > b:reverse()
  end)
  return keys
end

local function quoted(text) return (assert(json.encode(text)):gsub("/", "\\/")) end

local write

local function wrap(out, style, depth, open, close, count, each)
  local inner, outer = "", ""
  if style.pretty then
    inner, outer = "\n" .. ("  "):rep(depth + 1), "\n" .. ("  "):rep(depth)
  end
  out[#out + 1] = open
  for i = 1, count do
    out[#out + 1] = (i > 1 and "," or "") .. inner
    each(i)
  end
  if count == 0 and style.pretty then out[#out + 1] = "\n" end
  out[#out + 1] = outer .. close
end

local function write_object(out, value, style, depth)
  local keys = keys_of(value, style)
  wrap(out, style, depth, "{", "}", #keys, function(i)
    out[#out + 1] = quoted(keys[i]) .. (style.pretty and " : " or ":")
    write(out, value[keys[i]], style, depth + 1)
  end)
end

local function write_date(out, value, style)
  if style.iso then
    out[#out + 1] = quoted(os.date("!%Y-%m-%dT%H:%M:%SZ", value.seconds // 1 | 0))
  else
    out[#out + 1] = ("%.6f"):format(value.seconds - EPOCH_2001):gsub("%.?0+$", "")
  end
end

function write(out, value, style, depth)
  if getmetatable(value) == Date then
    write_date(out, value, style)
  elseif type(value) ~= "table" then
    out[#out + 1] = type(value) == "string" and quoted(value) or assert(json.encode(value))
  elseif json.is_array(value) or #value > 0 then
    wrap(out, style, depth, "[", "]", #value, function(i) write(out, value[i], style, depth + 1) end)
  else
    write_object(out, value, style, depth)
  end
end

---@param value any tables of json.array are arrays, any other that is empty an object
---@param style apple.Style
---@return string
function M.text(value, style)
  local out = {}
  write(out, value, style, 0)
  return table.concat(out)
end

---How a version writes what `list` or `inspect` print.
---@param version apple.Version
---@param how "list"|"inspect"
---@return apple.Style
function M.style(version, how)
  local modern = version:since("1.0.0")
  return { sorted = modern, iso = modern, pretty = modern and how == "inspect" }
end

return M
