-- SPDX-License-Identifier: MIT
-- Reads the part of TOML that small settings files are written in: tables, bare
-- and quoted keys, one-line strings, whole numbers, true and false, arrays. What
-- is beyond that (dates, floats, inline tables, arrays of tables, strings over
-- several lines) is refused with its line rather than misread. The files are
-- hostile: text, depth and number of values are bounded. Opens no file.
--
-- The rules are those of TOML 1.0 (toml.io).

local M = {}

local LONGEST = 64 << 10
local DEEPEST = 8
local MOST_VALUES = 4096

---@class wrapix.TomlReader
---@field text string
---@field at integer of the next byte
---@field count integer values so far

local ESCAPES = { b = "\b", t = "\t", n = "\n", f = "\f", r = "\r", ['"'] = '"', ["\\"] = "\\" }

local function fail(reader, reason)
  local _, line = reader.text:sub(1, reader.at - 1):gsub("\n", "")
  error({ line = line + 1, reason = reason }, 0)
end

-- Takes what stands next when it matches; the pattern is anchored by the caller.
local function take(reader, pattern)
  local first, last, capture = reader.text:find("^" .. pattern, reader.at)
  if not first then return nil end
  reader.at = last + 1
  return capture or reader.text:sub(first, last)
end

local function skip_blanks(reader) take(reader, "[ \t]*") end

local function skip_comment(reader)
  if take(reader, "#") then take(reader, "[^\n]*") end
end

-- Between the entries of an array lines and comments may end anywhere.
local function skip_lines(reader)
  repeat
    take(reader, "[ \t\n]*")
    skip_comment(reader)
  until not reader.text:find("^[ \t\n#]", reader.at)
end

local function end_line(reader)
  skip_blanks(reader)
  skip_comment(reader)
  if reader.at <= #reader.text and not take(reader, "\n") then
    fail(reader, "the end of the line expected")
  end
end

local function unicode(reader, digits)
  local hex = take(reader, ("%x"):rep(digits))
  local code = hex and tonumber(hex, 16)
  if not code or code > 0x10FFFF or (code >= 0xD800 and code <= 0xDFFF) then
    fail(reader, "no character has this number")
  end
  return utf8.char(code)
end

local function escaped(reader)
  local letter = take(reader, ".") or ""
  if letter == "u" then return unicode(reader, 4) end
  if letter == "U" then return unicode(reader, 8) end
  return ESCAPES[letter] or fail(reader, "an escape that TOML does not have")
end

local function basic_string(reader)
  if reader.text:find('^""', reader.at) then fail(reader, "a string over several lines") end
  local parts = {}
  while true do
    parts[#parts + 1] = take(reader, '[^"\\\n]+')
    if take(reader, '"') then return table.concat(parts) end
    if not take(reader, "\\") then fail(reader, "a string without an end") end
    parts[#parts + 1] = escaped(reader)
  end
end

local function literal_string(reader)
  if reader.text:find("^''", reader.at) then fail(reader, "a string over several lines") end
  return take(reader, "([^'\n]*)'") or fail(reader, "a string without an end")
end

local function string_value(reader)
  if take(reader, '"') then return basic_string(reader) end
  if take(reader, "'") then return literal_string(reader) end
end

local read_value

local function array(reader, depth)
  if depth >= DEEPEST then fail(reader, "arrays nested too deep") end
  local list = {}
  skip_lines(reader)
  while not take(reader, "%]") do
    list[#list + 1] = read_value(reader, depth + 1)
    skip_lines(reader)
    if not take(reader, ",") and not reader.text:find("^%]", reader.at) then
      fail(reader, "',' or ']' expected")
    end
    skip_lines(reader)
  end
  return list
end

-- A number is a word as well, and 1.5 or 1979-05-27 must not pass for 1.
local function word_value(reader)
  local start = reader.at
  local word = take(reader, "[%w_+.:-]+")
  if word == "true" or word == "false" then return word == "true" end
  local digits = word and word:gsub("^[+-]", "")
  if digits and (digits == "0" or digits:find("^[1-9][0-9]*$")) and #digits <= 18 then
    return math.tointeger(tonumber(word))
  end
  reader.at = start
  fail(reader, word and "a value that is not understood here" or "a value expected")
end

function read_value(reader, depth)
  reader.count = reader.count + 1
  if reader.count > MOST_VALUES then fail(reader, "too many values") end
  local text = string_value(reader)
  if text then return text end
  if take(reader, "%[") then return array(reader, depth) end
  return word_value(reader)
end

local function read_key(reader)
  skip_blanks(reader)
  local key = string_value(reader) or take(reader, "[%w_-]+") or fail(reader, "a name expected")
  skip_blanks(reader)
  return key
end

local function read_keys(reader)
  local keys = { read_key(reader) }
  while take(reader, "%.") do
    if #keys == DEEPEST then fail(reader, "tables nested too deep") end
    keys[#keys + 1] = read_key(reader)
  end
  return keys
end

-- The table a path of keys leads to; a value on the way is a mistake.
local function descend(reader, tbl, keys, last)
  for i = 1, last do
    local inner = tbl[keys[i]]
    if inner == nil then
      inner = {}
      reader.tables[inner] = true
      tbl[keys[i]] = inner
    elseif not reader.tables[inner] then
      fail(reader, "a name that is a value and a table")
    end
    tbl = inner
  end
  return tbl
end

local function header(reader, root)
  if take(reader, "%[") then fail(reader, "an array of tables") end
  local keys = read_keys(reader)
  if not take(reader, "%]") then fail(reader, "']' expected") end
  local tbl = descend(reader, root, keys, #keys)
  if reader.named[tbl] then fail(reader, "a table that is there already") end
  reader.named[tbl] = true
  return tbl
end

local function entry(reader, tbl)
  local keys = read_keys(reader)
  if not take(reader, "=") then fail(reader, "'=' expected") end
  skip_blanks(reader)
  local inner = descend(reader, tbl, keys, #keys - 1)
  if inner[keys[#keys]] ~= nil then fail(reader, "a name that is there already") end
  inner[keys[#keys]] = read_value(reader, 1)
end

local function document(reader)
  local root = {}
  local current = root
  reader.tables[root] = true
  while reader.at <= #reader.text do
    skip_blanks(reader)
    if take(reader, "%[") then
      current = header(reader, root)
    elseif not reader.text:find("^[#\n]", reader.at) and reader.at <= #reader.text then
      entry(reader, current)
    end
    end_line(reader)
  end
  return root
end

--- Reads a text.
---@param text string
---@return table|nil root tables by name; arrays are lists
---@return string? message with the line, never with a part of the text
---@return string? code "EINVAL"
function M.decode(text)
  if type(text) ~= "string" then error("text: string expected", 2) end
  if #text > LONGEST then return nil, "longer than 64 KiB", "EINVAL" end
  if not utf8.len(text) then return nil, "not valid UTF-8", "EINVAL" end
  text = text:gsub("^\xef\xbb\xbf", ""):gsub("\r\n", "\n")
  if text:find("[%z\1-\8\11-\31\127]") then return nil, "holds a control character", "EINVAL" end
  local reader = { text = text, at = 1, count = 0, tables = {}, named = {} }
  local ok, result = pcall(document, reader)
  if ok then return result end
  if type(result) ~= "table" then error(result, 0) end
  return nil, ("line %d: %s"):format(result.line, result.reason), "EINVAL"
end

return M
