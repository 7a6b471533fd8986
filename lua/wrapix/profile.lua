-- SPDX-License-Identifier: MIT
-- Profiles: plain tables that say what a sandbox is. Here they are loaded,
-- checked, derived from each other, and asked where a field was written. Knows
-- nothing of hosts, images or engines.
--
-- A loaded profile is a fresh table with the metatable
-- { __name = "wrapix.profile", layers = {...}, notes = {...} }; its hooks are
-- lists of functions and its variables are texts.

local chunk = require "wrapix.profile.chunk"
local layers = require "wrapix.profile.layers"
local path = require "wrapix.path"
local schema = require "wrapix.schema"
local toolchain = require "wrapix.lazy" "wrapix.profile.toolchain"

local M = {}

--- The fields a profile may have.
M.schema = schema.fields

-- Messages -------------------------------------------------------------------

--- A path of keys as people write it: mounts[2].source, env["odd key"].
local function key_text(keys)
  local text = tostring(keys[1])
  for i = 2, #keys do
    local key = keys[i]
    if type(key) == "number" then
      text = ("%s[%s]"):format(text, key)
    elseif type(key) == "string" and key:find("^[A-Za-z_][A-Za-z0-9_]*$") then
      text = ("%s.%s"):format(text, key)
    else
      local shown = type(key) == "string" and path.show(key) or type(key)
      text = (shown:sub(1, 1) == '"' and "%s[%s]" or '%s["%s"]'):format(text, shown)
    end
  end
  return text
end

local function place_text(layer, line)
  local source = path.show(layer.source or layer.name or "profile")
  return line and ("%s:%d"):format(source, line) or source
end

--- All problems as one message, each with its file and line.
local function problems_text(problems, list)
  local rows = {}
  for i, problem in ipairs(problems) do
    local layer, line = layers.locate(list, table.unpack(problem.path))
    local about = problem.is_unknown and "" or key_text(problem.path) .. ": "
    rows[i] = {
      source = layer.source or "", line = line or 0, about = about,
      text = ("%s: %s%s"):format(place_text(layer, line), about, problem.text),
    }
  end
  table.sort(rows, function(a, b)
    if a.source ~= b.source then return a.source < b.source end
    if a.line ~= b.line then return a.line < b.line end
    return a.text < b.text
  end)
  if #rows == 1 then return "profile: " .. rows[1].text end
  local lines = { ("profile: %s: %d mistakes"):format(place_text(list[#list]), #rows) }
  for _, row in ipairs(rows) do lines[#lines + 1] = "  " .. row.text end
  return table.concat(lines, "\n")
end

-- Deriving -------------------------------------------------------------------

--- The source and line that called the function at a level, or nothing when Lua
--- has forgotten it, as in `return wrapix.derive(...)`.
local function call_site(level)
  local called = debug.getinfo(level + 1, "t")
  if not called or called.istailcall then return nil end
  local info = debug.getinfo(level + 2, "Sl")
  if not info or info.what == "C" then return nil end
  local source, dir = layers.source_of(info.source, info.short_src)
  return source, info.currentline > 0 and info.currentline or nil, dir
end

local function layers_of(tbl, site)
  return layers.of(tbl)
    or { { name = tbl.name, source = site[1], line = site[2], dir = site[3], fields = tbl } }
end

local function expect_table(name, value, level)
  if type(value) == "table" then return end
  local hint = type(value) == "string" and (", such as wrapix.profiles.%s"):format(value) or ""
  error(("derive: %s: table expected%s, got %s"):format(name, hint, type(value)), level + 1)
end

--- Joins a profile with an extension: lists append (base first), maps merge (the
--- extension wins), hooks of one event run one after the other (base first), and
--- everything else, `command` too, is replaced. Neither argument is changed.
--- The result is checked when it is loaded or used, not here.
---@param base table a profile or a plain table
---@param ext table
---@return table profile
function M.derive(base, ext)
  expect_table("base", base, 2)
  expect_table("ext", ext, 2)
  local site = { call_site(1) }
  local list = {}
  for _, tbl in ipairs({ base, ext }) do
    for _, layer in ipairs(layers_of(tbl, site)) do list[#list + 1] = layer end
  end
  return layers.set(layers.join(base, ext), list)
end

-- Checking -------------------------------------------------------------------

--- A name made of a file's name; "profile" when nothing of it is left.
local function usable_name(text)
  local name = text:lower():gsub("[^a-z0-9]+", "-"):gsub("^%-+", ""):sub(1, 64):gsub("%-+$", "")
  if schema.is_name(text) then return text end
  return name ~= "" and name or "profile"
end

--- Whether a name came from a lower layer: what derives without a name of its
--- own is not the profile it derives from. A name set after derive is its own.
local function is_inherited_name(name, list)
  for i = #list, 1, -1 do
    local given = list[i].fields.name
    if given ~= nil then return i < #list and given == name end
  end
  return false
end

--- Checks a table and makes a profile of it that shares nothing with it.
local function finish(tbl, list, default_name, notes)
  local problems = schema.check(tbl)
  if #problems > 0 then return nil, problems_text(problems, list), "EINVAL" end
  local result = layers.copy(tbl)
  if not result.name or (default_name and is_inherited_name(result.name, list)) then
    result.name = usable_name(default_name or "sandbox")
  end
  if result.hooks then result.hooks = layers.normal_hooks(result.hooks) end
  for name, value in pairs(result.env or {}) do result.env[name] = tostring(value) end
  return layers.set(result, list, notes)
end

--- The agents of a profile, each once, in the order they were first named. The
--- last entry that names one decides about its version.
---@param profile table
---@return { name: string, version: string?, index: integer }[] index: of the deciding entry
function M.agents(profile)
  local list, by_name = {}, {}
  for i, entry in ipairs(profile.agents or {}) do
    local name, version = schema.agent(entry)
    if not name then error("agents: \"name\" or \"name@version\" expected", 2) end
    if not by_name[name] then
      by_name[name] = { name = name }
      list[#list + 1] = by_name[name]
    end
    by_name[name].version, by_name[name].index = version, i
  end
  return list
end

--- Who called a function, for from_table: level 1 is the caller of the function
--- that asks. Empty when Lua has forgotten it (a tail call) or it is C.
---@param level integer
---@return wrapix.TableOrigin
function M.caller(level)
  local source, line, dir = call_site(level + 1)
  return { source = source, line = line, dir = dir }
end

---@class wrapix.TableOrigin where a table given from Lua comes from; all optional
---@field source string? file as it is shown
---@field line integer? of the call
---@field text string? the file's text, for exact lines
---@field dir string? the file's directory
---@field name string? default name of the profile

--- Makes a profile of a table given from Lua.
---@param tbl table a plain table, or the result of derive, or a profile
---@param from wrapix.TableOrigin?
---@return table? profile
---@return string? message one line, or a heading and one line per mistake
---@return string? code "EINVAL"
function M.from_table(tbl, from)
  if type(tbl) ~= "table" then error("from_table: table expected, got " .. type(tbl), 2) end
  from = from or {}
  local list = layers_of(tbl, { from.source, from.line, from.dir })
  if from.text and from.source then
    layers.attach(list, from)
  end
  return finish(tbl, list, from.name)
end

-- Loading --------------------------------------------------------------------

--- Makes a profile of the table a file returned.
local function from_file(tbl, file)
  local list = layers_of(tbl, {})
  local own = list[#list]
  local is_own = own.source == nil or own.source == file.source
  layers.attach(list, file)
  return finish(tbl, list, is_own and file.name or nil, file.notes)
end

local function builtin_only(ctx)
  return setmetatable({ workspace = false, config_dir = false }, { __index = ctx })
end

--- A built-in profile is a plain table, and all but "base" stand on that one,
--- whatever profile of this name the user has.
local function stand_on_base(tbl, file, ctx)
  if file.where ~= "builtin" or file.name == "base" or layers.of(tbl) then return tbl end
  local base, message, code = M.load("base", builtin_only(ctx))
  if not base then return nil, message, code end
  local list = table.move(layers.of(base), 1, #layers.of(base), 1, {})
  list[#list + 1] = { name = tbl.name, fields = tbl }
  return layers.set(layers.join(base, tbl), list)
end

--- Loads a profile. A word with a "/" or ending in ".lua" is a path; a name is
--- looked up in the workspace's .wrapix/profiles (only a file `ctx.trusted`
--- approves of), in the configuration directory's profiles, then among the
--- built-in ones, which stand on the built-in "base".
---@param what string
---@param ctx wrapix.ProfileContext
---@return table? profile
---@return string? message
---@return string? code "ENOENT", "EINVAL" or what reading gave
---@return string? hint
---@return string? traceback of an error raised by the file
function M.load(what, ctx)
  if type(what) ~= "string" then error("load: name or path expected, got " .. type(what), 2) end
  local file, message, code, hint = chunk.find(what, ctx)
  if not file then return nil, message, code, hint end
  local results, traceback
  results, message, code, hint, traceback = chunk.run(file)
  if not results then return nil, message, code, hint, traceback end
  if type(results[1]) ~= "table" then
    return nil, ("profile: %s: returned %s, not a table")
      :format(path.show(file.source), results.n == 0 and "nothing" or "a " .. type(results[1])),
      "EINVAL", "a profile ends with: return { name = \"…\", … }"
  end
  local tbl
  tbl, message, code = stand_on_base(results[1], file, ctx)
  if not tbl then return nil, message, code end
  return from_file(tbl, file)
end

--- Runs a Lua file that may be a profile or a script: one that returns a table
--- is a profile, any other was a script and has done its work when this returns.
---@param file string path
---@param ctx wrapix.ProfileContext
---@param args string[]? its `...`
---@return "profile"|"script"|nil kind
---@return table|string|nil value the profile; the script's packed results; or the message
---@return string? code
---@return string? hint
---@return string? traceback of an error raised by the file
function M.load_file(file, ctx, args)
  local found, message, code = chunk.open(file, ctx)
  if not found then return nil, message, code end
  local results, hint, traceback
  results, message, code, hint, traceback = chunk.run(found, args)
  if not results then return nil, message, code, hint, traceback end
  if type(results[1]) ~= "table" then return "script", results end
  local profile
  profile, message, code = from_file(results[1], found)
  if not profile then return nil, message, code end
  return "profile", profile
end

M.is_path = chunk.is_path
M.list = chunk.list

--- Whether a file asks for the very name it is found under: who has a `base` of
--- their own means the built-in one there.
local function is_itself(name, ctx, asking)
  local file = chunk.find(name, ctx)
  return file ~= nil and asking ~= nil and asking.source == "@" .. file.source
end

--- A table that loads a profile when its field is read; an unknown name raises.
--- `wrapix.profiles` is one. Those of rust and python have `with_toolchain`.
---@param ctx wrapix.ProfileContext
---@return table<string, table>
function M.catalog(ctx)
  return setmetatable({}, {
    __name = "wrapix.profiles",
    __index = function(catalog, name)
      if type(name) ~= "string" or M.is_path(name) then
        error("profiles: the name of a profile expected", 2)
      end
      local own = is_itself(name, ctx, debug.getinfo(2, "S"))
      if own and not ctx.builtin(name) then
        error(("derives from itself: there is no built-in profile '%s'"):format(name), 2)
      end
      local from = own and builtin_only(ctx) or ctx
      local profile, message = M.load(name, from)
      if not profile then error(message, 2) end
      profile = toolchain.offer(profile, name, from)
      if not own then rawset(catalog, name, profile) end
      return profile
    end,
  })
end

-- Origins --------------------------------------------------------------------

--- Where a field of a profile was written, or a key or list entry of it, as
--- numbered in the merged profile: ("mounts", 2, "source"), ("env", "NAME").
---@param profile table
---@param field string
---@param ... string|integer
---@return wrapix.Origin
function M.field_origin(profile, field, ...)
  local list = layers.of(profile)
  if not list then
    return { kind = "profile", text = tostring(profile.name or "profile"), layer = profile.name }
  end
  local layer, line = layers.locate(list, field, ...)
  return { kind = "profile", text = place_text(layer, line), layer = layer.name }
end

--- The same, but the text is found when it is first read: a plan that only runs
--- needs none. See `plan.settle`.
---@param profile table
---@param field string
---@param ... string|integer
---@return wrapix.Origin
function M.late_origin(profile, field, ...)
  local keys, list = { ... }, layers.of(profile)
  local layer = list and layers.layer_of(list, field, ...).name or profile.name
  return setmetatable({ kind = "profile", layer = layer }, {
    __index = function(origin, key)
      if key ~= "text" then return nil end
      origin.text = M.field_origin(profile, field, table.unpack(keys)).text
      return origin.text
    end,
  })
end

--- The directory of the file a field was written in, where its relative paths
--- start; nil for a built-in profile and for a table without a file.
---@param profile table
---@param field string
---@param ... string|integer
---@return string?
function M.base_dir(profile, field, ...)
  local list = layers.of(profile)
  return list and layers.layer_of(list, field, ...).dir
end

--- What was found but not used while loading, one line each.
---@param profile table
---@return string[]
function M.notes(profile)
  local meta = getmetatable(profile)
  return type(meta) == "table" and meta.notes or {}
end

return M
