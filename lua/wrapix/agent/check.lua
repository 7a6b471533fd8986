-- SPDX-License-Identifier: MIT
-- What an agent's table may hold. A table is refused as a whole, with everything
-- that is wrong in it, before any of its functions is called. Pure.

local check = require "wrapix.schema.check"
local commands = require "wrapix.lazy" "wrapix.image.commands"
local nearest = require "wrapix.lazy" "wrapix.nearest"

local M = {}

local expected, show, matching = check.expected, check.show, check.matching
local list_of, map_of = check.list_of, check.map_of

local function is_text(value)
  return type(value) == "string" and value ~= "" and not check.bad_text(value)
end

local text = matching("a text", is_text)
local words = list_of('"claude", "/login"', text)
local a_function = matching("a function", function(value) return type(value) == "function" end)

local function is_npm(value)
  if type(value) ~= "string" or #value > 214 then return false end
  return (value:gsub("^@[a-z0-9][a-z0-9._-]*/", "")):find("^[a-z0-9][a-z0-9._-]*$") ~= nil
end

local function has_dots(value) return ("/" .. value .. "/"):find("/%.%.?/") ~= nil end

local function is_relative(value)
  return is_text(value) and value:find("^[%w@._+/-]+$") and value:sub(1, 1) ~= "/"
    and not has_dots(value)
end

-- A place in the sandbox: absolute, or below its home.
local function is_place(value)
  return is_text(value) and value:find("^~?/[%w@._+/-]+$") and not has_dots(value)
end

local function is_absolute(value) return is_place(value) and value:sub(1, 1) == "/" end

local place = matching("a path in the sandbox such as '~/.name'", is_place)

local function record(fields, required)
  return function(value, add)
    if type(value) ~= "table" then return add(expected("a table", value)) end
    for key, inner in next, value do
      local field = fields[key]
      if field then
        field(inner, function(reason, ...) add(reason, key, ...) end)
      else
        add(("unknown field %s%s"):format(show(key), nearest.hint(key, fields)), key)
      end
    end
    for _, key in ipairs(required) do
      if rawget(value, key) == nil then add("is missing", key) end
    end
  end
end

local file = record({
  from = matching("a path below node_modules", is_relative),
  to = matching("an absolute path in the image", is_absolute),
  mode = matching("permission bits such as 493", function(value)
    return math.type(value) == "integer" and value >= 0 and value <= 511
  end),
}, { "from", "to" })

local argv = list_of('"pip", "install", "name==@VERSION@"', matching("a text on one line",
  function(value) return type(value) == "string" and not value:find("%c") and utf8.len(value) end))

local install = record({
  commands = list_of('{ "pip", "install", "name==@VERSION@" }', argv),
  npm = matching("the name of an npm package", is_npm),
  version = matching("a version such as '1.2.3'", check.is_version),
  packages = list_of('"bash"', matching("the name of a package", function(value)
    return type(value) == "string" and value:find("^[a-z0-9][a-z0-9+.-]*$") and #value <= 128
  end)),
  files = list_of('{ from = "…", to = "…" }', file),
  bin = map_of('claude = "/opt/claude/claude"', function(name, value, add)
    if type(name) ~= "string" or not name:find("^[%w][%w._-]*$") then
      return add(expected("the name of a command", name))
    end
    if not is_relative(value) and not is_absolute(value) then
      add(expected("a path in the image, or one below node_modules", value))
    end
  end),
}, {})

local function check_commands(value, add)
  if rawget(value, "npm") ~= nil or rawget(value, "files") ~= nil then
    return add("an agent comes from npm or by commands, not both")
  end
  if rawget(value, "version") == nil then add("commands need the version they install") end
  local reason = commands.problem(value.commands)
  if reason then add(reason, "commands") end
  for _, target in next, type(value.bin) == "table" and value.bin or {} do
    if not is_absolute(target) then add("without npm a command's place is an absolute path", "bin") end
  end
end

local function check_install(value, add)
  install(value, add)
  if type(value) ~= "table" then return end
  local npm, version = rawget(value, "npm"), rawget(value, "version")
  if rawget(value, "commands") ~= nil then return check_commands(value, add) end
  if npm ~= nil and version == nil then add("an npm package needs the version it is pinned to") end
  if npm == nil and (version ~= nil or rawget(value, "files") ~= nil) then
    add("a version or files without an npm package they are of")
  end
end

local login = record({
  dest = place,
  env = map_of('NAME = "value"', check.env),
  command = words,
  status = a_function,
}, { "dest", "command", "status" })

local state = record({ name = matching("a word", check.is_word), dest = place },
  { "name", "dest" })

local function is_event(value) return type(value) == "string" and value:find("^%a[%w_-]*$") ~= nil end

local FIELDS = {
  name = matching("the name of an agent", check.is_word),
  title = text,
  install = check_install,
  secrets = list_of('"API_KEY"', matching("the name of a variable", check.is_env_name)),
  env = map_of('NAME = "value"', check.env),
  login = login,
  state = list_of('{ name = "home", dest = "~/.name" }', state),
  notify = map_of('Stop = "wrapix-notify --hook"', function(event, value, add)
    if not is_event(event) then return add(expected("the name of an event", event)) end
    text(value, add)
  end),
  events = list_of('"Stop"', matching("the name of an event", is_event)),
  settings = a_function,
  argv = a_function,
  stream = check.one_of({ "json", "text" }),
  decode = a_function,
  judge = a_function,
}

local check_agent = record(FIELDS, { "name", "title", "argv" })

local function path_text(path)
  local out = {}
  for i, key in ipairs(path) do
    out[i] = math.type(key) == "integer" and ("[%d]"):format(key) or (i > 1 and "." or "")
      .. tostring(key)
  end
  return table.concat(out)
end

--- Everything that is wrong with an agent's table, as lines "field: reason".
---@param value any
---@param name string? what it must be called
---@return string[] problems sorted; empty when it is fine
function M.problems(value, name)
  local found = {}
  local function add(reason, ...)
    local path = path_text({ ... })
    found[#found + 1] = path == "" and reason or path .. ": " .. reason
  end
  check_agent(value, add)
  if type(value) == "table" then
    if name and rawget(value, "name") ~= nil and value.name ~= name then
      add(("the file is named after '%s', the agent in it is %s"):format(name, show(value.name)),
        "name")
    end
    if rawget(value, "stream") == "text" then
      if value.decode ~= nil then add("a stream of text is not decoded", "decode") end
    elseif value.decode == nil then
      add('is missing; a program that writes no JSON has stream = "text"', "decode")
    end
  end
  table.sort(found)
  return found
end

return M
