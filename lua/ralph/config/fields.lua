-- SPDX-License-Identifier: MIT
-- The fields of ralph.lua: what each may hold, what it is without one, and how a
-- value is brought into one form (seconds, numbers). Pure; reads no file.

local wrapix = require "wrapix"

local M = {}

---@alias ralph.FieldCheck fun(value: any): any, string? the value in its one form; nil, reason

local MOST_ENTRIES, LONGEST_TEXT = 64, 4096

local function kind_of(value)
  return type(value) == "string" and ("'%s'"):format(wrapix.path.show(value:sub(1, 60)))
    or (type(value) == "number" or type(value) == "boolean") and tostring(value)
    or "a " .. type(value)
end

local function expected(what, value)
  return nil, ("%s expected, got %s"):format(what, kind_of(value))
end

local function boolean(value)
  if type(value) == "boolean" then return value end
  return expected("true or false", value)
end

local function is_text(value)
  return type(value) == "string" and value ~= "" and #value <= LONGEST_TEXT
    and not value:find("\0", 1, true)
end

local function text(value)
  if is_text(value) then return value end
  return expected("a text", value)
end

local function one_of(words)
  return function(value)
    for _, word in ipairs(words) do
      if value == word then return value end
    end
    return expected("'" .. table.concat(words, "' or '") .. "'", value)
  end
end

local function word(value)
  if type(value) == "string" and #value <= 64 and value:find("^[a-z0-9][a-z0-9_-]*$") then
    return value
  end
  return expected("a name of a-z, 0-9, - and _", value)
end

-- Seconds; false means that there is no such limit.
local function duration(value)
  if value == false then return false end
  if type(value) ~= "string" and type(value) ~= "number" then
    return expected("a duration such as \"15m\", or false,", value)
  end
  local seconds, reason = wrapix.duration(value)
  if not seconds then return nil, ("%s %s"):format(kind_of(value), reason) end
  return seconds
end

-- US dollars: 5, 2.5, "2.50", "$2.50".
local function money(value)
  local number = value
  if type(value) == "string" then
    local digits = value:match("^%$?(%d+%.?%d*)$")
    number = digits and tonumber(digits)
  end
  if type(number) == "number" and number > 0 and number < 1e9 then return number + 0.0 end
  return expected("an amount of US dollars such as 5 or \"2.50\"", value)
end

local MULTIPLE = { [""] = 1, k = 1000, m = 1000000 }

local function count_from(least)
  return function(value)
    local number = value
    if type(value) == "string" then
      local digits, unit = value:lower():match("^(%d+)([km]?)$")
      number = digits and #digits <= 12 and tonumber(digits) * MULTIPLE[unit]
    end
    number = type(number) == "number" and math.tointeger(number)
    if number and number >= least and number <= 1 << 53 then return number end
    return expected(("a whole number from %d"):format(least), value)
  end
end

local function list_of(what, check)
  return function(value)
    if type(value) ~= "table" then return expected("a list of " .. what, value) end
    local list, length = {}, rawlen(value)
    if length > MOST_ENTRIES then return nil, ("has more than %d entries"):format(MOST_ENTRIES) end
    for key in next, value do
      if math.type(key) ~= "integer" or key < 1 or key > length then
        return nil, ("a list of %s has no key %s"):format(what, kind_of(key))
      end
    end
    for i = 1, length do
      local entry, reason = check(rawget(value, i))
      if entry == nil then return nil, ("entry %d: %s"):format(i, reason) end
      list[i] = entry
    end
    return list
  end
end

-- A place in the workspace: relative, and nowhere else.
local function inner_path(value)
  if not is_text(value) then return expected("a path in the workspace", value) end
  local normal = wrapix.path.normalize(value)
  if wrapix.path.is_absolute(value) or normal == ".." or normal:sub(1, 3) == "../" then
    return nil, ("%s is not a path in the workspace"):format(kind_of(value))
  end
  return normal .. (value:sub(-1) == "/" and normal ~= "." and "/" or "")
end

local function named(what, fields)
  return function(value)
    if type(value) ~= "table" then return expected(what, value) end
    local result = {}
    for key, entry in next, value do
      local check = fields[key]
      if not check then return nil, M.unknown(key, fields) end
      local checked, reason = check(entry)
      if checked == nil then return nil, ("%s: %s"):format(key, reason) end
      result[key] = checked
    end
    return result
  end
end

local function fn(value)
  if type(value) == "function" then return value end
  return expected("a function", value)
end

local function policy(value)
  if type(value) == "function" or value == "strict" or value == "no_worse" then return value end
  return expected("'strict', 'no_worse' or a function", value)
end

-- What it means is for the plan to say; here is only that it is no table or function.
local function scalar(value)
  if type(value) == "number" or is_text(value) then return value end
  return expected("a text or a number", value)
end

--- How an unknown field is told of.
---@param key any
---@param fields table<string, any>
---@return string
function M.unknown(key, fields)
  local shown = type(key) == "string" and wrapix.path.show(key:sub(1, 60)) or kind_of(key)
  return ("unknown field '%s'%s"):format(shown, wrapix.nearest.hint(key, fields))
end

--- Field → its check and its value where nobody gives one.
---@type table<string, { check: ralph.FieldCheck, default: any }>
M.fields = {
  tracker = { check = one_of({ "embedded", "bd" }), default = "embedded" },
  profile = { check = text },
  agent = { check = word },
  model = { check = text },
  context = { check = list_of("paths in the workspace", inner_path), default = { "CLAUDE.md" } },
  verify = { check = list_of("commands", text), default = {} },
  baseline = { check = boolean, default = true },
  protect = { check = list_of("paths in the workspace", inner_path), default = {} },
  commit = { check = boolean, default = true },
  retries = { check = count_from(0), default = 2 },
  timeout = { check = duration, default = 3600 },
  idle = { check = duration, default = 900 },
  grace = { check = duration, default = 10 },
  max_iterations = { check = count_from(1), default = 100 },
  max_cost = { check = money },
  max_tokens = { check = count_from(1) },
  max_time = { check = duration },
  max_wait = { check = duration, default = 6 * 3600 },
  keep_logs = { check = duration, default = 14 * 86400 },
  templates = { check = text },
  policy = { check = policy, default = "strict" },
  hooks = {
    check = named("a table of functions",
      { before_loop = fn, before_step = fn, after_step = fn, after_loop = fn }),
    default = {},
  },
  sandbox = {
    check = named("a table of options", {
      mounts = list_of("mounts", text), env = list_of("variables", text), network = text,
      image = text, runtime = text, cpus = scalar, memory = scalar, pids = scalar,
    }),
    default = {},
  },
  notify = { check = boolean, default = true },
}

return M
