-- SPDX-License-Identifier: MIT
-- The entries of `packages` as one system's package manager takes them. Pure. Every
-- word is checked before it may stand in a Containerfile; what a name may look like
-- is each system's to say.

local M = {}

local LONGEST_WORD = 128

---@class wrapix.PackageDialect
---@field key "apt"|"apk" field of an entry that holds the name here
---@field system string as people call it
---@field example string a hint for a name that is none
---@field is_package fun(text: any): boolean
---@field renamed table<string, { [1]: string, [2]: string }>? package → usual name, name here

local function fail(what, reason, hint)
  return nil, ("image: %s: %s"):format(what, reason), "EIMAGE", hint
end

-- The name of a program, which becomes a symbolic link.
local function is_program(text)
  return #text <= LONGEST_WORD and text:find("^[%w][%w._+-]*$") ~= nil
end

--- Reads one entry of `packages`: a name, or { "fd", apt = "fd-find", nix = "fd" }.
---@param entry string|table
---@param dialect wrapix.PackageDialect
---@return { wanted: string, [string]: string }|nil the package under the dialect's key
---@return string? message
---@return string? code "EIMAGE"
---@return string? hint
function M.entry(entry, dialect)
  local wanted, package = entry, entry
  if type(entry) == "table" then
    wanted = entry[1]
    package = entry[dialect.key] == nil and wanted or entry[dialect.key]
  end
  if not dialect.is_package(package) then
    local reason = ("is not the name of a %s package"):format(dialect.system)
    return fail(("package %q"):format(tostring(package)), reason, dialect.example)
  end
  if type(wanted) ~= "string" or (wanted ~= package and not is_program(wanted)) then
    return fail(("package %q"):format(tostring(wanted)), "is not the name of a program")
  end
  return { wanted = wanted, [dialect.key] = package }
end

local function sorted_keys(set)
  local list = {}
  for key in pairs(set) do list[#list + 1] = key end
  table.sort(list)
  return list
end

local function add_link(links, wanted, package, dialect)
  local usual = dialect.renamed and dialect.renamed[package:match("^[^=]+")]
  if not usual then return end
  local name = wanted ~= package and wanted or usual[1]
  links[name] = usual[2] ~= name and usual[2] or nil
end

--- Reads all entries.
---@param entries (string|table)[]?
---@param dialect wrapix.PackageDialect
---@param always string[]? packages that are there whatever is asked for
---@return { packages: string[], links: { name: string, target: string }[] }|nil sorted
---@return string? message
---@return string? code "EIMAGE"
---@return string? hint
function M.read(entries, dialect, always)
  local packages, targets, links = {}, {}, {}
  for _, name in ipairs(always or {}) do packages[name] = true end
  for _, item in ipairs(entries or {}) do
    local entry, message, code, hint = M.entry(item, dialect)
    if not entry then return nil, message, code, hint end
    local package = entry[dialect.key]
    packages[package] = true
    add_link(targets, entry.wanted, package, dialect)
  end
  for _, name in ipairs(sorted_keys(targets)) do
    links[#links + 1] = { name = name, target = targets[name] }
  end
  return { packages = sorted_keys(packages), links = links }
end

--- Tells whether a package is in a list, in whichever version.
---@param list string[]
---@param name string
---@return boolean
function M.has(list, name)
  for _, item in ipairs(list) do
    if item == name or item:match("^[^=]+") == name then return true end
  end
  return false
end

--- The packages of one list whose names are not in another.
---@param list string[]
---@param present string[]
---@return string[]
function M.without(list, present)
  local out = {}
  for _, item in ipairs(list) do
    if not M.has(present, item:match("^[^=]+")) then out[#out + 1] = item end
  end
  return out
end

return M
