-- SPDX-License-Identifier: MIT
-- Checks the trailing `opts` table of a public function. A wrong option is a
-- mistake of the program, so it raises and blames the program's line.

local M = {}

local function is_allowed(value, kinds)
  for kind in kinds:gmatch("[^|]+") do
    if type(value) == kind or math.type(value) == kind then
      return true
    end
  end
  return false
end

local function known_names(schema)
  local names = {}
  for name in pairs(schema) do
    names[#names + 1] = name
  end
  table.sort(names)
  return table.concat(names, ", ")
end

--- Returns `opts`, or an empty table for nil.
---@param opts table?
---@param schema table<string, string> option → kinds: "integer", "number|boolean", …
---@param where string the function, for the message
---@param level integer? 1 blames the caller of the caller (the default)
---@return table
function M.check(opts, schema, where, level)
  level = (level or 1) + 2
  if opts == nil then
    return {}
  end
  if type(opts) ~= "table" then
    error(("%s: opts: table expected, got %s"):format(where, type(opts)), level)
  end
  for name, value in pairs(opts) do
    local kinds = schema[name]
    if not kinds then
      local text = "%s: unknown option %q (known: %s)"
      error(text:format(where, tostring(name), known_names(schema)), level)
    elseif not is_allowed(value, kinds) then
      local text = "%s: option %q: %s expected, got %s"
      error(text:format(where, name, (kinds:gsub("|", " or ")), type(value)), level)
    end
  end
  return opts
end

return M
