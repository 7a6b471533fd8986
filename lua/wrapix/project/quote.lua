-- SPDX-License-Identifier: MIT
-- Foreign texts and data as Lua source: whatever is in them, they stay values and
-- comments. What a reader could not see (control bytes, turns of the writing
-- direction, letters without width) is written as an escape. Pure.

local log = require "wrapix.log"

local M = {}

-- Longer ones say nothing more to who reads a comment.
local LONGEST_COMMENT = 200

local NAMED = { ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ['"'] = '\\"', ["\\"] = "\\\\" }

-- Three digits: what follows may be a digit as well.
local function byte_escape(char) return NAMED[char] or ("\\%03d"):format(char:byte()) end

local function is_unseen(code)
  return code >= 0x80 and code <= 0xA0 or code == 0xAD or code == 0x61C or code == 0x180E
    or code >= 0x200B and code <= 0x200F or code >= 0x2028 and code <= 0x202E
    or code >= 0x2060 and code <= 0x206F or code == 0xFEFF or code >= 0xFE00 and code <= 0xFE0F
    or code >= 0xE0000 and code <= 0xE0FFF
end

local function escape_unseen(char)
  local code = utf8.codepoint(char)
  return is_unseen(code) and ("\\u{%X}"):format(code) or nil
end

--- A text as a Lua string in double quotes, on one line.
---@param text string any bytes
---@return string
function M.text(text)
  local out, at = {}, 1
  while at <= #text do
    local _, bad = utf8.len(text, at)
    local stop = bad or #text + 1
    local valid = text:sub(at, stop - 1):gsub('[%c"\\\127]', byte_escape)
    out[#out + 1] = valid:gsub("[\xC2-\xF4][\x80-\xBF]+", escape_unseen)
    out[#out + 1] = bad and byte_escape(text:sub(bad, bad)) or nil
    at = stop + 1
  end
  return '"' .. table.concat(out) .. '"'
end

local KEYWORDS = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat
  return then true until while]]):gmatch("%a+") do KEYWORDS[word] = true end

--- Whether a text may stand as a name in Lua.
---@param text any
---@return boolean
function M.is_name(text)
  return type(text) == "string" and text:find("^[A-Za-z_][A-Za-z0-9_]*$") ~= nil
    and not KEYWORDS[text]
end

--- A key of a table constructor, without "=".
---@param name string
---@return string
function M.key(name) return M.is_name(name) and name or "[" .. M.text(name) .. "]" end

--- A field of a table: `.rust` or `["my-own"]`.
---@param name string
---@return string
function M.field(name) return M.is_name(name) and "." .. name or "[" .. M.text(name) .. "]" end

local function sorted_keys(tbl)
  local keys = {}
  for key in pairs(tbl) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b)
    local is_number = math.type(a) ~= nil
    if is_number ~= (math.type(b) ~= nil) then return is_number end
    return a < b
  end)
  return keys
end

--- Plain data on one line: texts, numbers, true, false, and tables of them whose
--- keys are texts or 1 to n. Anything else raises.
---@param value any
---@return string
function M.value(value)
  local kind = type(value)
  if kind == "string" then return M.text(value) end
  if kind == "boolean" or math.type(value) == "integer" then return tostring(value) end
  if kind == "number" then return ("%.17g"):format(value) end
  if kind ~= "table" then error("quote: a " .. kind .. " is no plain data", 2) end
  local parts = {}
  for i, key in ipairs(sorted_keys(value)) do
    local text = M.value(value[key])
    parts[i] = math.type(key) and text or ("%s = %s"):format(M.key(key), text)
  end
  return #parts > 0 and "{ " .. table.concat(parts, ", ") .. " }" or "{}"
end

--- A text as it may stand behind "--": one line that can neither end the comment
--- nor, by its first letters, become one over several lines.
---@param text string
---@return string
function M.comment(text)
  local line = log.clean(text)
  if #line > LONGEST_COMMENT then
    line = line:sub(1, (utf8.offset(line, 0, LONGEST_COMMENT) or LONGEST_COMMENT) - 1) .. "…"
  end
  return " " .. line
end

return M
