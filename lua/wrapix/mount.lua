-- SPDX-License-Identifier: MIT
-- The mount language: what a person may write, what it means on this host, and
-- what is refused. Asks the host only through ctx.fs.realpath; makes nothing.
--
-- A mount is read-only unless it says "rw": least privilege. Two names of one
-- place are one place: all checks are on real paths, and the real path is what
-- goes to the engine, so that a link changed later leads nowhere new.

local nearest = require "wrapix.lazy" "wrapix.nearest"
local path = require "wrapix.path"
local places = require "wrapix.mount.places"

local M = {}

M.engine_sockets = places.engine_sockets
M.danger = places.danger
M.order = places.order
M.collisions = places.collisions

--- The home directory inside every sandbox.
M.CONTAINER_HOME = "/home/wrapix"
M.CONTAINER_USER = "wrapix"

---@class wrapix.MountSpec
---@field source string on the host; ~, $HOME, $USER are the host's; may be relative
---@field dest string in the container; ~, $HOME, $USER are the container's; absolute
---@field mode "ro"|"rw"|nil default "ro"
---@field optional boolean? an absent source is skipped instead of an error
---@field allow_dangerous boolean? take a source that would be refused

---@class wrapix.MountContext
---@field home string? of the host's user
---@field user string? name of the host's user
---@field uid integer? of the host's user, for the engine's usual sockets
---@field workspace string? the workspace on the host
---@field cwd string? where relative sources of options start
---@field base_dir string? where relative sources start: the directory of the file that names them
---@field fs { realpath: fun(p: string): string?, string?, string? }
---@field engine_sockets string[]? default: M.engine_sockets({}, uid)
---@field own_dirs string[]? wrapix's state, data, cache and runtime directories
---@field origin any? copied to the mount

-- Kernel file systems and the session's own directory: nothing there or below.
local RESERVED = { "/proc", "/sys", "/dev", "/run/wrapix" }
-- Made by every sandbox: neither these nor a directory that holds one, but below is free.
local MADE = { "/workspace", M.CONTAINER_HOME, "/tmp", "/var/tmp", "/run" }
local FIELDS = {
  source = "string", dest = "string", mode = "string",
  optional = "boolean", allow_dangerous = "boolean",
}
local MODES = { ro = true, rw = true }
local DANGER_HINT = "if it is really meant, write allow_dangerous = true on this mount in a profile"

local function fail(object, reason, code, hint)
  return nil, ("mount: %s: %s"):format(path.show(object), reason), code or "EINVAL", hint
end

--- Why a text cannot be a path for the engine, or nil.
local function bad_text(text)
  if text == "" then return "is empty" end
  if text:find("\0", 1, true) then return "holds a NUL byte" end
  -- The engine keeps paths as JSON, which silently changes such bytes.
  if not utf8.len(text) then return "is not valid UTF-8, which the engine cannot pass on" end
end

-- Specs ----------------------------------------------------------------------

local function field_problem(key, value)
  local kind = FIELDS[key]
  if not kind then
    return ("unknown field '%s'%s"):format(path.show(tostring(key)), nearest.hint(key, FIELDS))
  elseif type(value) ~= kind then
    return ("%s expected, got %s"):format(kind, type(value))
  elseif key == "mode" and not MODES[value] then
    return ("'ro' or 'rw' expected, got %s"):format(path.show(value))
  elseif key == "source" or key == "dest" then
    local reason = bad_text(value)
    return reason and ("%s %s"):format(path.show(value), reason)
  end
end

--- Everything wrong with a spec that shows without looking at the host.
---@param spec any
---@return { key: string|integer|nil, text: string }[] problems in a fixed order; empty when fine
function M.problems(spec)
  if type(spec) ~= "table" then
    return { { text = ("a table { source = …, dest = … } expected, got %s"):format(type(spec)) } }
  end
  local found = {}
  for key, value in next, spec do
    local text = field_problem(key, value)
    if text then found[#found + 1] = { key = key, text = text } end
  end
  for _, key in ipairs({ "source", "dest" }) do
    if rawget(spec, key) == nil then found[#found + 1] = { key = key, text = "is missing" } end
  end
  if #found == 0 then
    local dest, message = M.resolve_dest(spec.dest)
    if not dest then found[1] = { key = "dest", text = message:gsub("^mount: ", "") } end
  end
  table.sort(found, function(a, b) return tostring(a.key) < tostring(b.key) end)
  return found
end

--- Checks a spec and fills in what it leaves out.
---@param spec any
---@return wrapix.MountSpec? copy
---@return string? message
---@return string? code "EINVAL"
function M.check(spec)
  local problem = M.problems(spec)[1]
  if problem then
    local object = type(spec) == "table" and rawget(spec, "dest")
    if type(object) ~= "string" then object = "specification" end
    local where = problem.key and path.show(tostring(problem.key)) .. ": " or ""
    return fail(object, where .. problem.text)
  end
  return {
    source = spec.source, dest = spec.dest, mode = spec.mode or "ro",
    optional = spec.optional or false, allow_dangerous = spec.allow_dangerous or false,
  }
end

--- Splits at colons; `\:` is a colon and `\\` a backslash, any other backslash is itself.
local function split(text)
  local parts, current, at = {}, {}, 1
  while at <= #text do
    local plain = text:match("^[^:\\]+", at)
    local escaped = text:match("^\\([:\\])", at)
    if plain or escaped then
      current[#current + 1] = plain or escaped
      at = at + (plain and #plain or 2)
    elseif text:sub(at, at) == ":" then
      parts[#parts + 1] = table.concat(current)
      current, at = {}, at + 1
    else
      current[#current + 1], at = "\\", at + 1
    end
  end
  parts[#parts + 1] = table.concat(current)
  return parts
end

local FORM = "the form is SRC:DST[:ro|rw][:optional]; write \\: for a colon in a path"

--- Reads the form of the command line, `SRC:DST[:ro|rw][:optional]`.
---@param text string
---@return wrapix.MountSpec? spec
---@return string? message
---@return string? code "EINVAL"
---@return string? hint
function M.parse(text)
  if type(text) ~= "string" then error("text: string expected", 2) end
  local parts = split(text)
  if #parts < 2 then return fail(text, "no destination", "EINVAL", FORM) end
  local spec = { source = parts[1], dest = parts[2] }
  for i = 3, #parts do
    local word = parts[i]
    if MODES[word] and not spec.mode and not spec.optional then
      spec.mode = word
    elseif word == "optional" and not spec.optional then
      spec.optional = true
    else
      local known = nearest.hint(word, { "ro", "rw", "optional" })
      return fail(text, ("unexpected '%s'%s"):format(path.show(word), known), "EINVAL", FORM)
    end
  end
  local checked, message, code = M.check(spec)
  if not checked then return nil, message, code, FORM end
  return checked
end

--- The form of the command line for a spec; M.parse gives the same spec again.
---@param spec wrapix.MountSpec
---@return string
function M.format(spec)
  local function escape(text) return (text:gsub("[:\\]", "\\%0")) end
  return ("%s:%s:%s%s"):format(escape(spec.source), escape(spec.dest), spec.mode or "ro",
    spec.optional and ":optional" or "")
end

-- Destinations ---------------------------------------------------------------

--- Where in the container a text points: expanded, absolute, normalized, and
--- not one of the places every sandbox makes for itself. Also for `writable`.
---@param dest string
---@return string? dest
---@return string? message
---@return string? code "EINVAL"
function M.resolve_dest(dest)
  if type(dest) ~= "string" then error("dest: string expected", 2) end
  local reason = bad_text(dest)
  if reason then return fail(dest, reason) end
  local expanded, message = path.expand(dest, { home = M.CONTAINER_HOME, user = M.CONTAINER_USER })
  if not expanded then return nil, (message:gsub("^expand", "mount")), "EINVAL" end
  if not path.is_absolute(expanded) then
    return fail(dest, "a destination must be an absolute path in the container")
  end
  local normal = path.normalize(expanded)
  for _, place in ipairs(RESERVED) do
    if path.is_within(place, normal) then
      return fail(dest, ("nothing can be mounted at or below %s"):format(place))
    end
  end
  for _, list in ipairs({ MADE, RESERVED }) do
    for _, place in ipairs(list) do
      if path.is_within(normal, place) then
        return fail(dest, ("would hide %s, which every sandbox has"):format(place))
      end
    end
  end
  return normal
end

-- Sources --------------------------------------------------------------------

--- Tells whether a source goes from the workspace out of it by a symbolic link
--- in the workspace: what runs in a sandbox can write there, so it could have
--- made that link. ".." is no link; it leads where the person said.
local function leaves_workspace(source, ctx)
  local workspace = ctx.workspace and ctx.fs.realpath(ctx.workspace)
  if not workspace then return false end
  local current = "/"
  for name in source:gmatch("[^/]+") do
    if name == ".." then
      current = path.dirname(current)
    else
      local nxt = ctx.fs.realpath(path.join(current, name))
      if not nxt then return false end
      if path.is_within(workspace, current) and not path.is_within(workspace, nxt) then
        return true
      end
      current = nxt
    end
  end
  return false
end

--- The absolute source on the host, links not yet followed.
local function expand_source(spec, ctx)
  local source, message = path.expand(spec.source, { home = ctx.home, user = ctx.user })
  if not source then return nil, (message:gsub("^expand", "mount")), "EINVAL" end
  if not path.is_absolute(source) then
    local start = ctx.base_dir or ctx.cwd
    if not start then return fail(spec.source, "there is no directory to start from") end
    source = path.join(start, source)
  end
  local reason = bad_text(source)
  if reason then return fail(source, reason) end
  return source
end

local ABSENT = { ENOENT = true, ENOTDIR = true }

--- Finds out what a spec means on this host and refuses what breaks the
--- protection. Nothing is made or changed.
---@param spec wrapix.MountSpec
---@param ctx wrapix.MountContext
---@return { type: "bind", source: string, dest: string, mode: "ro"|"rw", origin: any }|false|nil
--- mount, false to skip it, nil when it fails
---@return string? message or the reason to skip it
---@return string? code "EINVAL", "ENOENT", "EPERM" or what realpath gave
---@return string? hint
function M.resolve(spec, ctx)
  if type(ctx) ~= "table" or type(ctx.fs) ~= "table" then error("ctx.fs: table expected", 2) end
  local checked, message, code = M.check(spec)
  if not checked then return nil, message, code end
  local dest = M.resolve_dest(checked.dest)
  local source
  source, message, code = expand_source(checked, ctx)
  if not source then return nil, message, code end

  local real, why, why_code = ctx.fs.realpath(source)
  if not real then
    if not ABSENT[why_code] then return fail(source, why or "cannot be resolved", why_code) end
    if checked.optional then return false, ("%s does not exist"):format(path.show(source)) end
    return fail(source, "source does not exist", "ENOENT",
      "make it, or write optional = true (:optional) to go without it")
  end
  local reason = bad_text(real)
  if reason then return fail(real, reason) end
  if not checked.allow_dangerous then
    reason = M.danger(real, ctx)
    if not reason and leaves_workspace(source, ctx) then
      reason = ("leaves the workspace by a symbolic link, to %s"):format(path.show(real))
    end
    if reason then return fail(source, "refused: it " .. reason, "EPERM", DANGER_HINT) end
  end
  return { type = "bind", source = real, dest = dest, mode = checked.mode, origin = ctx.origin }
end

return M
