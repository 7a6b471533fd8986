-- SPDX-License-Identifier: MIT
-- The fields of a profile: what each may hold, how `derive` joins two of them,
-- and what is wrong with a given table. Pure; knows no file and no line, that
-- is profile.lua's. Values end up in argv, image names and the environment, so
-- every pattern says what is allowed rather than what is not.

local check = require "wrapix.schema.check"
local agents = require "wrapix.lazy" "wrapix.schema.agents"
local keys = require "wrapix.lazy" "wrapix.keys"
local mount = require "wrapix.lazy" "wrapix.mount"
local nearest = require "wrapix.lazy" "wrapix.nearest"
local units = require "wrapix.plan.units"

local M = {}

local expected, show, matching = check.expected, check.show, check.matching
local list_of, map_of, one_of = check.list_of, check.map_of, check.one_of

M.is_list = check.is_list
M.is_env_name = check.is_env_name
M.is_word = check.is_word
M.agent = check.agent

---@alias wrapix.Add fun(text: string, ...: string|integer) notes a problem below the field

---@class wrapix.Field
---@field kind "scalar"|"list"|"map"|"maps"|"hooks" scalar: replaced by derive, whatever its type
---@field doc string
---@field check fun(value: any, add: wrapix.Add)

---@class wrapix.Problem
---@field path (string|integer)[] the field and the keys below it
---@field text string

-- Patterns -------------------------------------------------------------------

--- Whether a text may be a profile's name. It becomes part of an image name, so
--- it follows the engine's rule: separators only between letters and digits.
---@param text any
---@return boolean
function M.is_name(text)
  if type(text) ~= "string" or #text > 64 then return false end
  if not text:find("^[a-z0-9][a-z0-9._-]*$") or not text:find("[a-z0-9]$") then return false end
  for run in text:gmatch("[._-]+") do
    if not (run == "." or run == "_" or run == "__" or run:find("^%-+$")) then return false end
  end
  return true
end

local function is_image(text)
  return type(text) == "string" and #text <= 512
    and text:find("^[A-Za-z0-9][A-Za-z0-9._/:@+-]*$") ~= nil
end

-- "name-" would make apt remove the package.
local function is_package(text)
  if type(text) ~= "string" or #text > 128 then return false end
  local name, version = text:match("^([^=]+)=(.*)$")
  if version and not version:find("^[A-Za-z0-9][A-Za-z0-9.+~:-]*$") then return false end
  name = (name or text):gsub(":[a-z0-9]+$", "")
  return name:find("^[A-Za-z0-9][A-Za-z0-9+._-]*$") ~= nil and name:sub(-1) ~= "-"
end

-- Checks ---------------------------------------------------------------------

local PACKAGE_KEYS = { apt = true, apk = true, nix = true }

local function package(value, add)
  if type(value) ~= "table" then
    if not is_package(value) then add(expected("the name of a package", value)) end
    return
  end
  if not is_package(rawget(value, 1)) then
    add(expected('{ "name", apt = "…", apk = "…", nix = "…" }, a name', rawget(value, 1)), 1)
  end
  for key, name in next, value do
    if PACKAGE_KEYS[key] then
      if not is_package(name) then add(expected("the name of a package", name), key) end
    elseif key ~= 1 then
      add(("unknown field %s%s"):format(show(key), nearest.hint(key, PACKAGE_KEYS)), key)
    end
  end
end

-- Somebody may have put the secret itself here; an error must not print it.
local function secret(value, add)
  if not M.is_env_name(value) then
    add("the name of an environment variable expected; its value belongs into the environment")
  end
end

local function mount_spec(value, add)
  for _, problem in ipairs(mount.problems(value)) do add(problem.text, problem.key) end
end

local function writable(value, add)
  if type(value) ~= "string" then return add(expected("a directory in the container", value)) end
  local dest, message = mount.resolve_dest(value)
  if not dest then add((message:gsub("^mount: ", ""))) end
end

local LIMITS = {
  cpus = units.cpus, memory = units.size, pids = units.count, timeout = units.duration,
}

local function limit(name, value, add)
  local read = LIMITS[name]
  if not read then
    return add(("unknown limit %s%s"):format(show(name), nearest.hint(name, LIMITS)))
  end
  local is_right_type = type(value) == "number" or type(value) == "string"
  local number, reason = nil, "is not a number or a text"
  if is_right_type then number, reason = read(value) end
  if not number then add(("%s %s"):format(show(value), reason)) end
end

local function argument(value, add)
  if type(value) ~= "string" then return add(expected("text", value)) end
  local reason = check.bad_text(value)
  if reason then add(reason) end
end

-- A check of schema/agents.lua, which is loaded with the first field that has one.
local function later(name)
  return function(...) return agents[name](...) end
end

local check_arguments = list_of('"make", "test"', argument)

local function command(value, add)
  check_arguments(value, add)
  if type(value) == "table" and (rawget(value, 1) or "") == "" then
    add("the name of a program expected first")
  end
end

local function hook(value, add)
  if type(value) == "function" then return end
  if type(value) ~= "table" then
    return add(expected("a function or a list of functions", value))
  end
  list_of("function(ctx) … end", function(entry, add_entry)
    if type(entry) ~= "function" then add_entry(expected("a function", entry)) end
  end)(value, add)
end

--- The events of a sandbox a profile can hook into, and how failures are taken.
M.hooks = {
  before_build = hook, before_start = hook, after_start = hook,
  on_notify = hook, before_stop = hook, after_exit = hook,
  agent = later("hooks"),
  on_error = one_of({ "block", "warn" }),
  timeout = later("seconds"),
}

local function hook_field(name, value, add)
  local check_hook = M.hooks[name]
  if not check_hook then
    return add(("unknown hook %s%s"):format(show(name), nearest.hint(name, M.hooks)))
  end
  check_hook(value, add)
end

local NOTIFY = { terminal = check.boolean }

local function notify(name, value, add)
  local check_value = NOTIFY[name]
  if not check_value then
    return add(("unknown field %s%s"):format(show(name), nearest.hint(name, NOTIFY)))
  end
  check_value(value, add)
end

-- Fields ---------------------------------------------------------------------

local base = matching("an image such as 'docker.io/library/debian:trixie-slim'", is_image)

-- Which directory is Nix's store, the backend knows.
local function image(value, add)
  if type(value) ~= "table" then return base(value, add) end
  for key, path in next, value do
    if key ~= "nix" then
      add(("unknown field %s%s"):format(show(key), nearest.hint(key, { nix = true })), key)
    elseif type(path) ~= "string" or path:sub(1, 1) ~= "/" then
      add(expected("an absolute path", path), key)
    end
  end
  if rawget(value, "nix") == nil then add('{ nix = "/nix/store/…" } expected') end
end

-- Where names are asked; an address alone, because a name would have to be asked somewhere.
local function is_address(text)
  if type(text) ~= "string" then return false end
  local parts = { text:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$") }
  for _, part in ipairs(parts) do
    if #part > 3 or tonumber(part) > 255 then return false end
  end
  return #parts == 4 or (#text <= 45 and text:find(":", 1, true) ~= nil
    and text:find("^[%x:]+%.?[%d.]*$") ~= nil)
end

local address = matching("an IP address such as '1.1.1.1'", is_address)

local function fallback(value, add)
  if value == true or value == false then return end
  if type(value) ~= "table" then
    return add(expected('true, or a list of fields such as { "limits.cpus" }', value))
  end
  local known = require("wrapix.runtime.apple.check").fields
  list_of('"limits.cpus"', function(name, add_entry)
    if known[name] then return end
    add_entry(("%s cannot be given up%s"):format(show(name), nearest.hint(name, known)))
  end)(value, add)
end

local function is_agent(value) return value == false or check.is_word(value) end

local function deploy_key(value, add)
  if type(value) ~= "boolean" and not keys.is_name(value) then
    add(expected("true or the name of a key in ~/.ssh/deploy_keys", value))
  end
end

local NAME = "a name (at most 64 of a-z and 0-9, with single '.', '_' or '-' between them)"

---@type table<string, wrapix.Field>
M.fields = {
  name = { kind = "scalar", doc = "name of the profile", check = matching(NAME, M.is_name) },
  image = { kind = "scalar", doc = "image to use as it is, or of Nix's store", check = image },
  base = { kind = "scalar", doc = "image the packages are installed on", check = base },
  packages = { kind = "list", doc = "programs the image has", check = list_of('"git"', package) },
  agents = { kind = "list", doc = "agents the image has",
    check = list_of('"claude", "codex@0.20.0"',
      matching("the name of an agent, or name@version", check.agent)) },
  agent = { kind = "scalar", doc = "agent to run; false: none, nor those of the base",
    check = matching("the name of an agent, or false", is_agent) },
  login = { kind = "scalar", doc = "name of the login the agents use",
    check = matching("the name of a login", check.is_word) },
  settings = { kind = "maps", doc = "settings of an agent, by its name", check = later("settings") },
  caches = { kind = "map", doc = "directories that sandboxes share and that stay",
    check = later("caches") },
  toolchain = { kind = "scalar", doc = "what rustup or uv installs", check = later("toolchain") },
  env = { kind = "map", doc = "variables", check = map_of('NAME = "value"', check.env) },
  secrets = { kind = "list", doc = "variables taken from the launcher's environment",
    check = list_of('"API_KEY"', secret) },
  mounts = { kind = "list", doc = "host files the sandbox sees",
    check = list_of('{ source = "…", dest = "…" }', mount_spec) },
  writable = { kind = "list", doc = "directories that become a tmpfs of the user",
    check = list_of('"/var/cache/x"', writable) },
  network = { kind = "scalar", doc = "open or none", check = one_of({ "open", "none" }) },
  dns = { kind = "list", doc = "IP addresses of the name servers inside",
    check = list_of('"1.1.1.1"', address) },
  fallback = { kind = "scalar", doc = "fields to go without where a runtime cannot do them, or true",
    check = fallback },
  limits = { kind = "map", doc = "cpus, memory, pids, timeout",
    check = map_of('memory = "4g"', limit) },
  command = { kind = "scalar", doc = "argv to run", check = command },
  hooks = { kind = "hooks", doc = "functions called around a run",
    check = map_of("before_start = function(ctx) … end", hook_field) },
  notify = { kind = "map", doc = "terminal = true: its bell and notifications are messages",
    check = map_of("terminal = true", notify) },
  mcp = { kind = "map", doc = "MCP servers of the agents", check = later("mcp") },
  shell = { kind = "scalar", doc = "text for the host's dev shell", check = later("shell") },
  deploy_key = { kind = "scalar", doc = "key for this repository: a name, or true for REPO-HOST",
    check = deploy_key },
  ssh_agent = { kind = "scalar", doc = "true: the ssh agent's socket is passed",
    check = check.boolean },
  read_only = { kind = "scalar", doc = "false: the root file system can be written",
    check = check.boolean },
  userns = { kind = "scalar", doc = "true: new user namespaces are allowed inside",
    check = check.boolean },
}

--- Everything wrong with a profile's table.
---@param tbl table
---@return wrapix.Problem[] empty when fine; in no particular order
function M.check(tbl)
  if type(tbl) ~= "table" then error("tbl: table expected", 2) end
  local found = {}
  for key, value in next, tbl do
    local field = M.fields[key]
    local function add(text, ...) found[#found + 1] = { path = { key, ... }, text = text } end
    if field then
      field.check(value, add)
    else
      add(("unknown field %s%s"):format(show(key), nearest.hint(key, M.fields)))
      found[#found].is_unknown = true
    end
  end
  if tbl.image ~= nil and tbl.base ~= nil then
    local text = "a profile has an image or a base to build on, not both"
    found[#found + 1] = { path = { "base" }, text = text }
  end
  if tbl.deploy_key and tbl.ssh_agent == true then
    local text = "a profile has a deploy key or the agent, not both"
    found[#found + 1] = { path = { "ssh_agent" }, text = text }
  end
  return found
end

return M
