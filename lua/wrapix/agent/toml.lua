-- SPDX-License-Identifier: MIT
-- Writes the settings of an agent as TOML, which wrapix.toml reads. Pure.

local compose = require "wrapix.agent.compose"
local json = require "wrapix.json"

local M = {}

-- The basic strings of TOML take JSON's escapes but "\/", which is never written; a
-- DEL byte, which JSON leaves as it is, they do not take.
local function toml_string(text)
  return (assert(json.encode(text)):gsub("\127", "\\u007F"))
end

local function toml_key(key) return key:find("^[%w_-]+$") and key or toml_string(key) end

local function toml_value(value)
  if type(value) == "string" then return toml_string(value) end
  if type(value) ~= "table" then return assert(json.encode(value)) end
  local parts = {}
  if rawlen(value) > 0 or json.is_array(value) then
    for i, inner in ipairs(value) do parts[i] = toml_value(inner) end
    return "[" .. table.concat(parts, ", ") .. "]"
  end
  for _, key in ipairs(compose.sorted(value)) do
    local inner = value[key]
    if inner ~= json.null then
      parts[#parts + 1] = ("%s = %s"):format(toml_key(key), toml_value(inner))
    end
  end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

--- A settings file's text. TOML has no null: such fields are left out. A line for each
--- field of the top; what is in it stands in it.
---@param value table<string, any>
---@return string
function M.encode(value)
  local lines = {}
  for _, key in ipairs(compose.sorted(value)) do
    if value[key] ~= json.null then
      lines[#lines + 1] = ("%s = %s\n"):format(toml_key(key), toml_value(value[key]))
    end
  end
  return table.concat(lines)
end

return M
