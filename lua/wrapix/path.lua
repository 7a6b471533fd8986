-- SPDX-License-Identifier: MIT
-- POSIX paths as byte strings: join, normalize, compare, expand.
-- Pure text: nothing here looks at a file system, so a symbolic link is never
-- followed. Who decides about safety must compare real paths (wrapix.fs).

local M = {}

local function check(value, name, level)
  if type(value) ~= "string" then
    error(("%s: string expected, got %s"):format(name, type(value)), level + 1)
  end
end

--- The names a path is made of, with "." dropped and ".." resolved where that
--- is possible by text alone.
local function components(p)
  local absolute = p:sub(1, 1) == "/"
  local parts, n = {}, 0
  for name in p:gmatch("[^/]+") do
    if name == ".." then
      if n > 0 and parts[n] ~= ".." then
        parts[n], n = nil, n - 1
      elseif not absolute then
        n = n + 1
        parts[n] = name
      end
    elseif name ~= "." then
      n = n + 1
      parts[n] = name
    end
  end
  return parts, absolute
end

local function assemble(parts, absolute)
  local text = table.concat(parts, "/")
  if absolute then return "/" .. text end
  return text == "" and "." or text
end

--- How many leading ".." a component list has.
local function count_up(parts)
  local n = 0
  while parts[n + 1] == ".." do n = n + 1 end
  return n
end

--- Tells whether a path starts at the root.
---@param p string
---@return boolean
function M.is_absolute(p)
  check(p, "p", 2)
  return p:sub(1, 1) == "/"
end

--- Joins paths with one "/" between them. An absolute part discards what came
--- before it; empty parts are left out. The result is not normalized.
---@param ... string
---@return string
function M.join(...)
  local result = ""
  for i = 1, select("#", ...) do
    local part = select(i, ...)
    check(part, "part " .. i, 2)
    if part:sub(1, 1) == "/" or result == "" then
      result = part
    elseif part ~= "" then
      result = result .. (result:sub(-1) == "/" and "" or "/") .. part
    end
  end
  return result
end

--- Resolves ".", ".." and repeated "/" by text. ".." above the root stays the
--- root; leading ".." of a relative path stay; the empty result is ".".
---@param p string
---@return string
function M.normalize(p)
  check(p, "p", 2)
  return assemble(components(p))
end

--- Everything before the last name: "/" for "/a", "." for "a" and "".
---@param p string
---@return string
function M.dirname(p)
  check(p, "p", 2)
  local dir = p:gsub("/+$", ""):match("^(.*)/[^/]*$")
  if not dir then return p:match("^/+$") and "/" or "." end
  dir = dir:gsub("/+$", "")
  return dir == "" and "/" or dir
end

--- The last name: "b" for "/a/b/", "/" for the root, "" for "".
---@param p string
---@return string
function M.basename(p)
  check(p, "p", 2)
  -- Anchored: else each of its bytes would be tried as the first, with names of any length.
  return p:match("^.*/([^/]+)/*$") or p:match("^([^/]+)/*$") or p:sub(1, 1)
end

--- The way from a directory to a path, by text.
---@param p string where to
---@param base string the directory to start from
---@return string? relative nil when the text cannot tell (one of the two is
--- relative, or `base` climbs above the common start)
---@return string? message
---@return string? code "EINVAL"
function M.relative(p, base)
  check(p, "p", 2)
  check(base, "base", 2)
  local to, to_absolute = components(p)
  local from, from_absolute = components(base)
  local shared = 0
  while shared < #from and from[shared + 1] == to[shared + 1] do shared = shared + 1 end
  if to_absolute ~= from_absolute or from[shared + 1] == ".." then
    return nil, ("relative path: %s: cannot be told from %s"):format(p, base), "EINVAL"
  end
  local parts = {}
  for _ = shared + 1, #from do parts[#parts + 1] = ".." end
  table.move(to, shared + 1, #to, #parts + 1, parts)
  return assemble(parts, false)
end

--- Tells whether `child` is `parent` or lies below it, name by name after
--- normalizing ("/ab" is not within "/a"). False whenever the text cannot tell,
--- as for an absolute and a relative path.
---@param parent string
---@param child string
---@return boolean
function M.is_within(parent, child)
  check(parent, "parent", 2)
  check(child, "child", 2)
  local outer, outer_absolute = components(parent)
  local inner, inner_absolute = components(child)
  if outer_absolute ~= inner_absolute then return false end
  local outer_up, inner_up = count_up(outer), count_up(inner)
  if inner_up ~= outer_up then
    return inner_up < outer_up and outer_up == #outer
  end
  for i = outer_up + 1, #outer do
    if outer[i] ~= inner[i] then return false end
  end
  return true
end

--- Expands a leading "~" or "~/" and the texts $HOME and $USER, in one pass,
--- and nothing else: `$(cmd)`, backquotes, `${HOME}`, `$HOMEX`, `$OTHER` and a
--- backslash stay as they are. "~name" is an error rather than a directory of
--- that name, because every shell would take it for somebody's home; "./~name"
--- is the way to write the directory.
---@param p string
---@param vars { home: string?, user: string? }
---@return string? expanded
---@return string? message
---@return string? code "EINVAL"
function M.expand(p, vars)
  check(p, "p", 2)
  if type(vars) ~= "table" then error("vars: table expected", 2) end
  local missing
  local function value(name, sign)
    if not vars[name] then missing = sign end
    return vars[name] or ""
  end
  local head, rest = "", p
  local word = p:match("^~([^/]*)")
  if word == "" then
    head, rest = value("home", "~"), p:sub(2)
  elseif word then
    return nil, ("expand: %s: only ~ and ~/ are expanded; write ./%s for a file of this name")
      :format(p, p), "EINVAL"
  end
  rest = rest:gsub("%$([A-Za-z0-9_]+)", function(name)
    if name == "HOME" then return value("home", "$HOME") end
    if name == "USER" then return value("user", "$USER") end
  end)
  if missing then
    return nil, ("expand: %s: %s is not known here"):format(p, missing), "EINVAL"
  end
  return head .. rest
end

--- A path or other foreign text as it may stand in a message: as it is, unless
--- it is empty or holds control bytes or broken UTF-8, which could forge or
--- hide lines of a terminal; then quoted with those bytes escaped.
---@param text string
---@return string
function M.show(text)
  check(text, "text", 2)
  local is_text = utf8.len(text)
  if is_text and text ~= "" and not text:find("[%c\x7f]") and not text:find("\xc2[\x80-\x9f]") then
    return text
  end
  local escaped = text:gsub('["\\]', "\\%0"):gsub("\n", "\\n")
  local pattern = is_text and "[%c\x7f]" or "[%c\x7f-\xff]"
  escaped = escaped:gsub("\xc2[\x80-\x9f]", function(c)
    return ("\\x%02x\\x%02x"):format(c:byte(1, 2))
  end)
  return '"' .. escaped:gsub(pattern, function(c) return ("\\x%02x"):format(c:byte()) end) .. '"'
end

return M
