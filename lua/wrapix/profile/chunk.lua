-- SPDX-License-Identifier: MIT
-- From a profile's name or path to the values its Lua text returns: where it is
-- looked for, compiling, running, and errors that name file and line. Files are
-- read only through the context it is given.

local nearest = require "wrapix.lazy" "wrapix.nearest"
local path = require "wrapix.path"
local schema = require "wrapix.schema"

local M = {}

---@class wrapix.ProfileContext
---@field workspace string? the workspace on the host
---@field config_dir string? wrapix's own configuration directory
---@field cwd string? where a relative path starts, default the process's own
---@field home string?
---@field user string?
---@field read fun(path: string): string?, string?, string? text, or nil, message, code
---@field builtin fun(name: string): string? source of a built-in profile
---@field builtin_names fun(): string[]
---@field trusted fun(path: string, text: string?): boolean, string? whether a file of the workspace
--- may be run with this content; why it never can be
---@field list (fun(dir: string): string[]?)? names in a directory, for `list` and errors

---@class wrapix.ProfileFile
---@field source string as it is shown and as the chunk is named
---@field text string
---@field name string the file's name without ".lua"
---@field dir string? its directory; nil for a built-in one
---@field where "path"|"workspace"|"user"|"builtin"
---@field notes string[]
---@field globals table? what it sees in place of _G

local function fail(object, reason, code, hint)
  return nil, ("profile: %s: %s"):format(path.show(object), reason), code, hint
end

--- Whether a failed read means that there is no such file.
local function is_absent(message, code)
  code = code or (message and message:match("^E%u+"))
  return code == nil and message == nil or code == "ENOENT" or code == "ENOTDIR"
end

--- Whether a word of the command line means a file rather than a name.
---@param what string
---@return boolean
function M.is_path(what) return what:find("/", 1, true) ~= nil or what:find("%.lua$") ~= nil end

local function base_name(file) return (path.basename(file):gsub("%.lua$", "")) end

--- Reads a file named by its path.
---@param file string
---@param ctx wrapix.ProfileContext
---@return wrapix.ProfileFile?
---@return string? message
---@return string? code
function M.open(file, ctx)
  local full = ctx.cwd and path.join(ctx.cwd, file) or file
  local text, message, code = ctx.read(full)
  if not text then
    if is_absent(message, code) then return fail(file, "no such file", "ENOENT") end
    return fail(file, message or "cannot be read", code or "EIO")
  end
  return {
    source = file, text = text, name = base_name(file), dir = path.dirname(full),
    where = "path", notes = {},
  }
end

--- The directories a name is looked up in, first one first.
local function directories(ctx)
  local list = {}
  if ctx.workspace then
    list[1] = { where = "workspace", dir = path.join(ctx.workspace, ".wrapix/profiles") }
  end
  if ctx.config_dir then
    list[#list + 1] = { where = "user", dir = path.join(ctx.config_dir, "profiles") }
  end
  return list
end

--- Every profile that can be named, each once, as the lookup would find it.
---@param ctx wrapix.ProfileContext
---@return { name: string, where: "workspace"|"user"|"builtin", source: string }[] sorted by name
function M.list(ctx)
  local found, seen = {}, {}
  local function add(name, where, source)
    if seen[name] or not schema.is_name(name) then return end
    seen[name] = true
    found[#found + 1] = { name = name, where = where, source = source }
  end
  for _, place in ipairs(directories(ctx)) do
    for _, file in ipairs(ctx.list and ctx.list(place.dir) or {}) do
      local name, source = file:match("^(.+)%.lua$"), path.join(place.dir, file)
      local is_usable = name and (place.where ~= "workspace" or ctx.trusted(source))
      if is_usable then add(name, place.where, source) end
    end
  end
  for _, name in ipairs(ctx.builtin_names()) do
    add(name, "builtin", ("profiles/%s.lua"):format(name))
  end
  table.sort(found, function(a, b) return a.name < b.name end)
  return found
end

local function unknown(name, ctx, notes)
  local names = {}
  for i, entry in ipairs(M.list(ctx)) do names[i] = entry.name end
  local reason = ("no such profile%s; there are: %s")
    :format(nearest.hint(name, names), #names > 0 and table.concat(names, ", ") or "none")
  return fail(name, reason, "ENOENT", notes[1])
end

--- Reads a profile by its name: of the workspace when trusted, of the user, or
--- a built-in one. An untrusted file is not read as code, only noted.
local function find_named(name, ctx)
  if not schema.is_name(name) then
    return fail(name, "is not the name of a profile, nor a path to a .lua file", "EINVAL")
  end
  local notes = {}
  for _, place in ipairs(directories(ctx)) do
    local file = path.join(place.dir, name .. ".lua")
    local text, message, code = ctx.read(file)
    local is_usable, problem = true, nil
    if text and place.where == "workspace" then is_usable, problem = ctx.trusted(file, text) end
    if not is_usable then
      local why = problem or "it is not trusted; `wrapix trust` shows it and asks"
      notes[#notes + 1] = ("%s is not used: %s"):format(path.show(file), why)
    elseif text then
      return { source = file, text = text, name = name, dir = place.dir, where = place.where,
        notes = notes }
    elseif not is_absent(message, code) then
      return fail(file, message or "cannot be read", code or "EIO")
    end
  end
  local text = ctx.builtin(name)
  if not text then return unknown(name, ctx, notes) end
  return { source = ("profiles/%s.lua"):format(name), text = text, name = name,
    where = "builtin", notes = notes }
end

--- Finds a profile by name or path.
---@param what string
---@param ctx wrapix.ProfileContext
---@return wrapix.ProfileFile?
---@return string? message
---@return string? code "ENOENT", "EINVAL" or what reading gave
---@return string? hint
function M.find(what, ctx)
  if M.is_path(what) then return M.open(what, ctx) end
  return find_named(what, ctx)
end

--- The text for the compiler: a byte order mark and a first line with "#" are
--- not Lua, but files have them; the count of lines stays.
local function lua_text(text)
  text = text:gsub("^\xef\xbb\xbf", "")
  return (text:gsub("^#[^\r\n]*", ""))
end

--- An error object as text; its own __tostring may fail as well.
local function error_text(err)
  if type(err) == "string" then return err end
  local ok, text = pcall(tostring, err)
  return ok and text or ("an error of type %s"):format(type(err))
end

-- The files that are being run, outermost first, of each task: one profile loads
-- another while it runs itself.
local running = setmetatable({}, { __mode = "k" })

local function id_of(file)
  return file.dir and path.normalize(path.join(file.dir, file.name)) or file.source
end

-- Why a file cannot be run now: it is in the middle of being run.
local function circle(chain, file)
  local names
  for _, one in ipairs(chain) do
    if not names and id_of(one) == id_of(file) then names = {} end
    if names then names[#names + 1] = path.show(one.source) end
  end
  if not names then return nil end
  names[#names + 1] = path.show(file.source)
  return "derives from itself: " .. table.concat(names, " → ")
end

-- Runs a function while its file counts as being run.
local function within(file, fn, ...)
  local co = coroutine.running()
  local chain = running[co] or {}
  running[co], chain[#chain + 1] = chain, file
  local results = table.pack(fn(...))
  chain[#chain] = nil
  if #chain == 0 then running[co] = nil end
  return results, chain.loop
end

local LOOP_HINT = "one of them has to derive from another profile, or from none"

--- Compiles and runs a file. Only source text is taken: bytecode can break the
--- interpreter. Globals the file sets stay its own. A file that is run because of
--- itself is refused.
---@param file wrapix.ProfileFile
---@param args string[]? its `...`
---@return table? results packed values it returned
---@return string? message
---@return string? code "EINVAL", "ELOOP"
---@return string? hint
---@return string? traceback of an error at run time
function M.run(file, args)
  local chain = running[coroutine.running()] or {}
  local reason = circle(chain, file)
  if reason then
    chain.loop = select(2, fail(file.source, reason))
    return nil, chain.loop, "ELOOP", LOOP_HINT
  end
  if file.text:sub(1, 1) == "\27" then
    return fail(file.source, "is compiled Lua; only source text is taken", "EINVAL")
  end
  local globals = setmetatable({}, { __index = file.globals or _G })
  local chunk, message = load(lua_text(file.text), "@" .. file.source, "t", globals)
  if not chunk then return nil, "profile: " .. message, "EINVAL" end
  args = args or {}
  local traceback
  local results, loop = within(file, xpcall, chunk, function(err)
    traceback = debug.traceback(nil, 2)
    return error_text(err)
  end, table.unpack(args, 1, args.n or #args))
  if not results[1] then
    local text = results[2]
    -- It names all files already: not each of them once more.
    if loop and text:sub(-#loop) == loop then return nil, loop, "ELOOP", LOOP_HINT, traceback end
    local has_place = text:find("^[^\n]-:%d+: ")
    message = has_place and "profile: " .. text or select(2, fail(file.source, text))
    return nil, message, "EINVAL", nil, traceback
  end
  return table.pack(table.unpack(results, 2, results.n))
end

return M
