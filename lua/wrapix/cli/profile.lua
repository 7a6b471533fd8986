-- SPDX-License-Identifier: MIT
-- `wrapix profile list|show|env`: which profiles can be named here, what one of
-- them comes to after everything it derives from, and what it means for the shell
-- of the host.

local dev_shell = require("wrapix.lazy")("wrapix.dev_shell")
local explain = require("wrapix.explain")
local options = require("wrapix.cli.options")
local output = require("wrapix.cli.output")
local path = require("wrapix.path")
local prepare = require("wrapix.cli.prepare")
local schema = require("wrapix.schema")

-- The order of fields in print; whatever else the schema has follows by name.
local ORDER = {
  "name", "image", "base", "packages", "toolchain", "agents", "agent", "login", "command", "shell",
  "env", "secrets", "mounts", "caches", "writable", "network", "limits", "hooks", "mcp", "settings",
}

local WHERE = { builtin = "built-in" }

-- list -------------------------------------------------------------------------

-- The first sentence of the comment a file starts with, the licence aside.
local function summary_of(text)
  local lines = {}
  for line in text:gmatch("[^\r\n]+") do
    local comment = line:match("^%-%-+%s*(.-)%s*$")
    if not comment then break end
    if comment ~= "" and not comment:find("^SPDX") and not comment:find("^%[=*%[") then
      lines[#lines + 1] = comment
    end
  end
  local whole = table.concat(lines, " ")
  return whole:match("^(.-%.)%s") or whole
end

local function source_text(entry, ctx)
  if entry.where == "builtin" then return ctx.builtin(entry.name) or "" end
  return ctx.read(entry.source) or ""
end

local function list(args, deps)
  local ctx = deps.context(prepare.workspace(args, deps))
  local entries, rows = {}, {}
  for i, entry in ipairs(deps.profile.list(ctx)) do
    local where = WHERE[entry.where] or entry.source
    local summary = summary_of(source_text(entry, ctx))
    entries[i] = { name = entry.name, where = where, summary = summary }
    rows[i] = { entry.name, path.show(where), summary ~= "" and { text = summary } or nil }
  end
  if args.json then return output.json(deps.json.array(entries), deps) end
  deps.out(explain.section("profiles", rows, { color = deps.color }))
  return 0
end

-- show -------------------------------------------------------------------------

local function sorted_keys(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b)
    if math.type(a) and math.type(b) then return a < b end
    return tostring(a) < tostring(b)
  end)
  return keys
end

local function field_names(profile)
  local names, seen = {}, {}
  for _, name in ipairs(ORDER) do
    seen[name] = true
    if profile[name] ~= nil then names[#names + 1] = name end
  end
  for _, name in ipairs(sorted_keys(profile)) do
    if not seen[name] then names[#names + 1] = name end
  end
  return names
end

-- A value as Lua would write it, on one line.
local function value_text(value)
  if type(value) == "string" then return path.show(value) end
  if type(value) == "function" then return "function" end
  if type(value) ~= "table" then return tostring(value) end
  local parts = {}
  for _, key in ipairs(sorted_keys(value)) do
    local text = value_text(value[key])
    parts[#parts + 1] = math.type(key) and text or ("%s = %s"):format(key, text)
  end
  return #parts > 0 and ("{ %s }"):format(table.concat(parts, ", ")) or "{}"
end

-- What JSON can carry: a function only as the word, and { "fd", apt = "fd-find" }
-- as an object with a name.
local function plain(value)
  if type(value) == "function" then return "function" end
  if type(value) ~= "table" then return value end
  local is_list, copy = schema.is_list(value), {}
  for key, inner in pairs(value) do
    local name = key == 1 and "name" or tostring(key)
    copy[is_list and key or name] = plain(inner)
  end
  return copy
end

-- Calls visit(value, field, key...) for every part of a profile that has an
-- origin of its own.
local function each_part(profile, visit)
  for _, name in ipairs(field_names(profile)) do
    local value = profile[name]
    local kind = schema.fields[name] and schema.fields[name].kind or "scalar"
    if kind == "scalar" or type(value) ~= "table" then
      visit(value, name)
    else
      for _, key in ipairs(sorted_keys(value)) do visit(value[key], name, key) end
    end
  end
end

local function part_label(name, key)
  if key == nil then return name end
  return math.type(key) and ("%s[%d]"):format(name, key) or ("%s.%s"):format(name, key)
end

local function show_text(profile, deps)
  local rows = {}
  each_part(profile, function(value, ...)
    rows[#rows + 1] =
      { path.show(part_label(...)), value_text(value), deps.profile.field_origin(profile, ...) }
  end)
  return explain.section("profile " .. profile.name, rows, { color = deps.color })
end

local function show_data(profile, deps)
  local origins = {}
  each_part(profile, function(_, ...)
    origins[#origins + 1] = { path = { ... }, origin = deps.profile.field_origin(profile, ...) }
  end)
  return { profile = plain(profile), origins = deps.json.array(origins) }
end

local function show(args, deps)
  local profile, message, code, hint = prepare.profile(args, deps, "profile show")
  if not profile then return prepare.refuse(deps, message, code, hint) end
  if args.json then return output.json(show_data(profile, deps), deps) end
  deps.out(show_text(profile, deps))
  return 0
end

-- env --------------------------------------------------------------------------

-- Whose caches: of the user the sandboxes of this workspace have.
local function cache_user(args, deps)
  if deps.sys.euid() ~= 0 then
    return { uid = deps.sys.uid(), gid = deps.sys.gid(), mode = "keep-id" }
  end
  local stat, message, code = deps.fs.stat(prepare.workspace(args, deps))
  if not stat then return nil, message, code end
  return { uid = stat.uid, gid = stat.gid, mode = "direct" }
end

local function make_caches(described, dirs, user, deps)
  for _, cache in ipairs(described.caches) do
    local ok, message, code, hint = deps.store.make(cache.path, dirs, user)
    if not ok then return nil, message, code, hint end
  end
  return true
end

local function env_data(profile, described, deps)
  local data = { profile = profile.name, caches = {}, env = {}, shell = described.shell }
  for _, cache in ipairs(described.caches) do data.caches[cache.name] = cache.path end
  for _, variable in ipairs(described.env) do data.env[variable.name] = variable.value end
  return output.json(data, deps)
end

local function env(args, deps)
  local profile, message, code, hint = prepare.profile(args, deps, "profile env")
  if not profile then return prepare.refuse(deps, message, code, hint) end
  local user
  user, message, code = cache_user(args, deps)
  if not user then return prepare.refuse(deps, message, code) end
  local dirs = deps.dirs()
  local described = dev_shell.describe(profile, function(name)
    return deps.store.cache(dirs, user, name)
  end)
  local ok
  ok, message, code, hint = make_caches(described, dirs, user, deps)
  if not ok then return prepare.refuse(deps, message, code, hint) end
  if args.json then return env_data(profile, described, deps) end
  deps.out(dev_shell.text(described))
  return 0
end

-- ------------------------------------------------------------------------------

local COMMON = options.list(options.workspace, options.json, options.quiet, options.verbose)

---@type wrapix.CliCommand
return {
  name = "profile",
  summary = "List the profiles there are, show one, or use it for this shell.",
  example = { { "wrapix profile show base", "the base profile, each field with its origin" } },
  commands = {
    {
      name = "list",
      summary = "List the profiles that can be named here.",
      options = COMMON,
      example = {
        { "wrapix profile list", "names, where they are, and what they are for" },
        { "wrapix profile list --json", "the same as JSON" },
      },
      run = list,
    },
    {
      name = "show",
      summary = "Show a profile merged with what it derives from.",
      arguments = {
        { name = "profile", argname = "NAME|PATH", offers = "profile",
          description = "Name of a profile or path of a .lua file that returns one." },
      },
      options = COMMON,
      example = {
        { "wrapix profile show base", "a built-in profile" },
        { "wrapix profile show ./wrapix.lua --json", "one in a file, as JSON" },
      },
      run = show,
    },
    {
      name = "env",
      summary = "Print a profile's caches and toolchain for the shell of the host.",
      description = "Prints text for a POSIX shell: the variables that lead to the profile's caches,"
        .. " with the directories sandboxes share on this host (made when missing), the toolchain"
        .. " it pins, and the profile's `shell` text. What a sandbox left in a shared cache your"
        .. " own builds then run.",
      arguments = {
        { name = "profile", argname = "NAME|PATH", offers = "profile",
          description = "Name of a profile or path of a .lua file that returns one." },
      },
      options = COMMON,
      example = {
        { 'eval "$(wrapix profile env rust)"', "use the caches of the rust profile in this shell" },
        { "wrapix profile env ./wrapix.lua --json", "the same as JSON" },
      },
      run = env,
    },
  },
}
