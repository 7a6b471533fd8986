-- SPDX-License-Identifier: MIT
-- The fields of a profile that are about agents and tools and that few profiles have:
-- settings, hooks and servers, caches, the toolchain. What they come to is said
-- elsewhere; here is only what may stand there. Pure; loaded for the first of them.

local check = require "wrapix.schema.check"
local json = require "wrapix.lazy" "wrapix.json"
local mount = require "wrapix.lazy" "wrapix.mount"
local nearest = require "wrapix.lazy" "wrapix.nearest"
local units = require "wrapix.plan.units"

local M = {}

local expected, show = check.expected, check.show

-- Deeper data is a mistake (or a cycle), and copying it must end.
local DEEPEST = 16

local LONGEST_SHELL = 64 << 10

local function text_of(what)
  return function(value, add)
    if type(value) ~= "string" or value == "" then return add(expected(what, value)) end
    local reason = check.bad_text(value)
    if reason then add(reason) end
  end
end

-- Checks a table whose keys are all known: { key = check }.
local function record(checks, value, add)
  if type(value) ~= "table" then return add(expected("a table", value)) end
  for key, inner in next, value do
    local own = checks[key]
    if own then
      own(inner, function(text, ...) add(text, key, ...) end)
    else
      add(("unknown field %s%s"):format(show(key), nearest.hint(key, checks)), key)
    end
  end
end

-- Caches -----------------------------------------------------------------------

--- Whether a text may be the name of a cache: one part of a path.
---@param text any
---@return boolean
function M.is_cache(text)
  return type(text) == "string" and #text <= 64 and text:find("^[a-z0-9][a-z0-9-]*$") ~= nil
end

local function cache(name, value, add)
  if not M.is_cache(name) then
    return add(("%s is not the name of a cache: a-z, 0-9 and - only"):format(show(name)))
  elseif type(value) ~= "string" then
    return add(expected("a directory in the sandbox", value))
  end
  local dest, message = mount.resolve_dest(value)
  if not dest then add((message:gsub("^mount: ", ""))) end
end

M.caches = check.map_of('["cargo-registry"] = "~/.cargo/registry"', cache)

-- Settings ---------------------------------------------------------------------

-- What JSON or TOML cannot say would be lost without a word. One problem is
-- told of each branch: a table that holds itself has more of them than time.
local check_data

local function check_table(value, add, depth)
  if depth > DEEPEST then
    return add(("is nested more than %d deep, or holds itself"):format(DEEPEST))
  end
  local is_list = check.is_list(value)
  for key, inner in next, value do
    if not is_list and type(key) ~= "string" then
      return add("a table has numbered entries or names, not both")
    elseif type(key) == "string" and not utf8.len(key) then
      return add("has a name that is not valid UTF-8")
    end
    local is_wrong
    check_data(inner, function(text, ...)
      is_wrong = true
      add(text, key, ...)
    end, depth + 1)
    if is_wrong then return end
  end
end

function check_data(value, add, depth)
  local kind = type(value)
  if kind == "table" then
    check_table(value, add, depth)
  elseif kind == "string" then
    if not utf8.len(value) then add("is not valid UTF-8") end
  elseif kind == "number" then
    if value ~= value or math.abs(value) == math.huge then
      add(expected("a number that can be written", value))
    end
  elseif kind ~= "boolean" and not (kind == "userdata" and value == json.null) then
    add(expected("text, a number, true, false or a table", value))
  end
end

local function settings(name, value, add)
  if not check.is_word(name) then return add(expected("the name of an agent", name)) end
  if type(value) ~= "table" or (rawlen(value) > 0) then
    return add(expected("a table of settings by name", value))
  end
  check_data(value, add, 1)
end

M.settings = check.map_of("claude = { model = \"…\" }", settings)

-- Hooks ------------------------------------------------------------------------

local function seconds(value, add)
  local is_right_type = type(value) == "number" or type(value) == "string"
  local number, reason = nil, "is not a number or a text"
  if is_right_type then number, reason = units.duration(value) end
  if not number then add(("%s %s"):format(show(value), reason)) end
end

M.seconds = seconds

local HOOK = { command = text_of("a command"), matcher = text_of("a text"), timeout = seconds }

local function hook_entry(value, add)
  if type(value) == "string" then return HOOK.command(value, add) end
  record(HOOK, value, add)
  if type(value) == "table" and rawget(value, "command") == nil then add("needs a command") end
end

local check_entries = check.list_of('{ command = "…" }', hook_entry)

local function agent_hook(event, value, add)
  if type(event) ~= "string" or #event > 64 or not event:find("^%a[%w_-]*$") then
    add(expected("the name of an event", event))
  elseif type(value) == "string" then
    HOOK.command(value, add)
  elseif value == false then -- nothing at this event, not what the agent brings either
    return
  elseif type(value) ~= "table" then
    add(expected("a command, a list of { command = … }, or false", value))
  else
    check_entries(value, add)
  end
end

--- The events of the agent itself.
M.hooks = check.map_of('Stop = "make check"', agent_hook)

-- MCP ----------------------------------------------------------------------------

local check_words = check.list_of('"npx", "-y"', text_of("a text"))

local function any_text(value, add)
  local reason = type(value) ~= "string" and expected("text", value) or check.bad_text(value)
  if reason then add(reason) end
end

local function program(value, add)
  if type(value) == "string" then
    text_of("the name of a program")(value, add)
  else
    check_words(value, add)
    if type(value) == "table" and rawlen(value) == 0 then
      add("the name of a program expected first")
    end
  end
end

local SERVER = {
  command = program,
  args = check.list_of('"--headless"', any_text),
  env = check.map_of('NAME = "value"', check.env),
  type = check.one_of({ "stdio", "http", "sse" }),
  url = check.matching("an address such as 'https://…'", function(value)
    return type(value) == "string" and #value <= 2048 and value:find("^https?://[!-~]+$")
  end),
}

local function check_kind(value, add)
  local command, url, kind = rawget(value, "command"), rawget(value, "url"), rawget(value, "type")
  if (command == nil) == (url == nil) then
    return add("a server has a command or a url, one of them")
  end
  if url ~= nil and (kind == "stdio" or rawget(value, "args") ~= nil) then
    add("a server with a url has no program to start")
  elseif command ~= nil and (kind == "http" or kind == "sse") then
    add(("a server of type '%s' has a url, no command"):format(kind))
  end
end

local function server(name, value, add)
  if not check.is_word(name) then return add(expected("the name of a server", name)) end
  if value == false then return end
  if value == true then
    return add('true says nothing about how it is started: { command = "…" }, or false for none')
  end
  record(SERVER, value, add)
  if type(value) == "table" then check_kind(value, add) end
end

M.mcp = check.map_of('tests = { command = "…" }', server)

-- Toolchain ------------------------------------------------------------------------

local function pattern(what, allowed)
  return check.matching(what, function(value)
    return type(value) == "string" and #value <= 128 and value:find(allowed)
  end)
end

-- Each becomes a word of a command in an image's build.
local component = pattern("the name of a component", "^[a-z0-9][a-z0-9_-]*$")
local target = pattern("a target such as 'wasm32-wasip1'", "^[a-z0-9][a-z0-9_.-]*$")
local tool = check.matching("the name of a tool, or name==version", function(value)
  if type(value) ~= "string" or #value > 128 then return false end
  local name, version = value:match("^(.-)==(.*)$")
  return (name or value):find("^[A-Za-z0-9][A-Za-z0-9._-]*$")
    and (version == nil or version:find("^%d[%w.+!_-]*$"))
end)

local TOOLCHAINS = {
  rustup = {
    channel = pattern("a channel such as 'stable' or '1.85'", "^[a-z0-9][a-z0-9._-]*$"),
    components = check.list_of('"clippy"', component),
    targets = check.list_of('"wasm32-wasip1"', target),
    profile = check.one_of({ "minimal", "default", "complete" }),
  },
  uv = { tools = check.list_of('"ruff"', tool) },
}

--- What installs a toolchain, and what it is told.
---@param value any
---@param add wrapix.Add
function M.toolchain(value, add)
  local checks = {}
  for name, fields in pairs(TOOLCHAINS) do
    checks[name] = function(inner, add_inner) record(fields, inner, add_inner) end
  end
  record(checks, value, add)
  if type(value) == "table" then
    local first = next(value)
    if first == nil or next(value, first) ~= nil then
      add("a toolchain is { rustup = { … } } or { uv = { … } }, one of them")
    end
  end
end

-- Shell ------------------------------------------------------------------------------

--- Text for the host's shell. It was once the shell inside; the name of one must
--- not pass in silence.
---@param value any
---@param add wrapix.Add
function M.shell(value, add)
  if type(value) ~= "string" then return add(expected("text for the host's dev shell", value)) end
  local reason = check.bad_text(value)
  if reason then return add(reason) end
  if #value > LONGEST_SHELL then return add("is longer than 64 KiB") end
  if value:find("^%s*/?[%w_][%w_./+-]*%s*$") then
    local word = value:match("^%s*(.-)%s*$")
    add(('is text for the host\'s dev shell; what opens inside is command = { "%s" }')
      :format(#word <= 60 and word or "…"))
  end
end

return M
