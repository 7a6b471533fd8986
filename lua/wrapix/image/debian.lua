-- SPDX-License-Identifier: MIT
-- Images of Debian packages: which words go in, and the Containerfile that puts
-- them there. Pure but for `make`, which hands the text to the builder. Every
-- word of a profile is checked here before it may stand in a Containerfile.
--
-- A backend of images has four functions, and nothing else is asked of it:
--   describe(profile) -> fields of the recipe | nil, message, code
--   source(recipe)    -> a text with everything that decides the content
--   make(recipe, ref, ctx) -> true | nil, message, code, hint
--   explain(lines)    -> reason, code, hint of a failed build, or nil

local M = { name = "debian" }

local DEFAULT_BASE = "debian:trixie-slim"

-- Without them nothing that speaks TLS works, and half of the bases lack them.
local ALWAYS = { "ca-certificates" }

-- Programs Debian had to rename: package → what everybody calls the program,
-- and what Debian does.
local RENAMED = {
  bat = { "bat", "batcat" },
  ["fd-find"] = { "fd", "fdfind" },
  python3 = { "python", "python3" },
}

-- Documentation and translations are of no use to a program that works alone;
-- the registry's slim image leaves the same out.
local DPKG_OPTIONS = {
  "force-unsafe-io",
  "path-exclude=/usr/share/doc/*",
  "path-include=/usr/share/doc/*/copyright",
  "path-exclude=/usr/share/locale/*",
}
local MANUALS = "path-%sclude=/usr/share/man/*"

local LONGEST_WORD = 128

local function fail(what, reason, hint)
  return nil, ("image: %s: %s"):format(what, reason), "EIMAGE", hint
end

--- Tells whether a text may stand where apt-get takes a package: a name, or
--- "name=version". A "-" at the end would mean removal, and patterns, suites
--- and architectures would let one word stand for something else.
---@param text any
---@return boolean
function M.is_package(text)
  if type(text) ~= "string" or #text > LONGEST_WORD then return false end
  local name, version = text:match("^([^=]*)=?(.*)$")
  if text:find("=", 1, true) and not version:find("^[%w][%w.+:~-]*$") then return false end
  return name:find("^[a-z0-9][a-z0-9+.-]+$") ~= nil and name:sub(-1) ~= "-"
end

-- The name of a program, which becomes a symbolic link.
local function is_program(text)
  return #text <= LONGEST_WORD and text:find("^[%w][%w._+-]*$") ~= nil
end

--- Reads one entry of `packages`: a name, or { "fd", apt = "fd-find", nix = "fd" }.
---@param entry string|table
---@return { wanted: string, apt: string }|nil
---@return string? message
---@return string? code "EIMAGE"
---@return string? hint
function M.read_entry(entry)
  local wanted, apt = entry, entry
  if type(entry) == "table" then
    wanted = entry[1]
    apt = entry.apt == nil and wanted or entry.apt
  end
  if not M.is_package(apt) then
    local shown = ("package %q"):format(tostring(apt))
    return fail(shown, "is not the name of a Debian package",
      'write a name such as "ripgrep", or { "fd", apt = "fd-find" }')
  end
  if type(wanted) ~= "string" or (wanted ~= apt and not is_program(wanted)) then
    return fail(("package %q"):format(tostring(wanted)), "is not the name of a program")
  end
  return { wanted = wanted, apt = apt }
end

local function sorted_keys(set)
  local list = {}
  for key in pairs(set) do list[#list + 1] = key end
  table.sort(list)
  return list
end

local function add_link(links, entry)
  local package = entry.apt:match("^[^=]+")
  local usual = RENAMED[package]
  if not usual then return end
  local name = entry.wanted ~= entry.apt and entry.wanted or usual[1]
  links[name] = usual[2] ~= name and usual[2] or nil
end

local function read_packages(entries)
  local packages, targets, links = {}, {}, {}
  for _, name in ipairs(ALWAYS) do packages[name] = true end
  for _, item in ipairs(entries or {}) do
    local entry, message, code, hint = M.read_entry(item)
    if not entry then return nil, message, code, hint end
    packages[entry.apt] = true
    add_link(targets, entry)
  end
  for _, name in ipairs(sorted_keys(targets)) do
    links[#links + 1] = { name = name, target = targets[name] }
  end
  return { packages = sorted_keys(packages), links = links }
end

--- Writes an image reference in full: "debian:trixie-slim" means Docker's
--- library, as it does everywhere, and Podman would ask which one is meant.
---@param ref any
---@return string|nil
function M.full_reference(ref)
  if type(ref) ~= "string" or #ref > 512 or not ref:find("^[%w][%w._/:@-]*$") then return nil end
  local first, rest = ref:match("^([^/]+)/(.+)$")
  if not first then return "docker.io/library/" .. ref end
  if first == "localhost" or first:find("[.:]") then return rest and ref end
  return "docker.io/" .. ref
end

--- The part of a recipe this backend answers for.
---@param profile table with `base`, `packages`
---@return { base: string, packages: string[], links: { name: string, target: string }[] }|nil
---@return string? message
---@return string? code "EIMAGE"
---@return string? hint
function M.describe(profile)
  local base = M.full_reference(profile.base or DEFAULT_BASE)
  if not base then
    return fail(("base %q"):format(tostring(profile.base)), "is not an image reference",
      'write base = "debian:trixie-slim"')
  end
  local fields, message, code, hint = read_packages(profile.packages)
  if not fields then return nil, message, code, hint end
  fields.base = base
  return fields
end

-- The sections of the file, in order of change, each a list of commands that
-- become one layer.

local function has(list, wanted)
  for _, item in ipairs(list) do
    if item == wanted or item:match("^[^=]+") == wanted then return true end
  end
  return false
end

local function dpkg_commands(recipe)
  local manuals = MANUALS:format(has(recipe.packages, "man-db") and "in" or "ex")
  local words = {}
  for _, option in ipairs(DPKG_OPTIONS) do words[#words + 1] = ("'%s'"):format(option) end
  words[#words + 1] = ("'%s'"):format(manuals)
  -- The last file wins, and the bases bring one of their own.
  return "printf '%s\\n' " .. table.concat(words, " ") .. " > /etc/dpkg/dpkg.cfg.d/zz-wrapix"
end

local function package_commands(recipe)
  return {
    dpkg_commands(recipe),
    "export DEBIAN_FRONTEND=noninteractive",
    -- Without Error-Mode an unreachable mirror counts as an empty one, and every
    -- package would be reported as unknown.
    "apt-get update -o APT::Update::Error-Mode=any -o Acquire::Retries=3"
      .. " -o Acquire::Languages=none",
    "apt-get upgrade -y -o Acquire::Retries=3",
    -- Pattern-Only: an unknown name with a dot must not match as an expression.
    "apt-get install -y --no-install-recommends -o Acquire::Retries=3"
      .. " -o APT::Cmd::Pattern-Only=true -- \\\n      "
      .. table.concat(recipe.packages, " \\\n      "),
    "apt-get clean",
    "rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/*.log /var/cache/debconf/*-old"
      .. " /var/cache/ldconfig/aux-cache",
  }
end

local function place_commands(recipe)
  local commands = {}
  for _, link in ipairs(recipe.links) do
    commands[#commands + 1] =
      ("ln -sf /usr/bin/%s /usr/local/bin/%s"):format(link.target, link.name)
  end
  commands[#commands + 1] = "mkdir -p /workspace /home/wrapix"
  commands[#commands + 1] = "chmod 1777 /tmp /var/tmp"
  return commands
end

local function layer(...)
  local commands = { "set -eu" }
  for _, list in ipairs({ ... }) do table.move(list, 1, #list, #commands + 1, commands) end
  return "RUN " .. table.concat(commands, "; \\\n    ")
end

--- The Containerfile of a recipe.
---@param recipe wrapix.Recipe
---@param from string? what to build on instead of the recipe's base; not part of the name
---@return string
function M.source(recipe, from)
  return table.concat({
    "# Written by wrapix from a profile's packages.",
    "FROM " .. (from or recipe.base),
    "ENV LANG=C.UTF-8",
    layer(package_commands(recipe), place_commands(recipe)),
    'CMD ["/bin/bash"]',
  }, "\n") .. "\n"
end

--- Builds and tags the image.
---@param recipe wrapix.Recipe
---@param ref string
---@param ctx wrapix.ImageContext
---@return true|nil
---@return string? message
---@return string? code
---@return string? hint
function M.make(recipe, ref, ctx)
  local from, message, code, hint = require("wrapix.image.base").ensure(recipe.base, ctx)
  if not from then return nil, message, code, hint end
  return ctx.containerfile({
    recipe = recipe,
    ref = ref,
    from = from,
    text = M.source(recipe, from),
    explain = M.explain,
  })
end

--- Explains the output of a failed build; see image/failure.lua.
---@param lines string[]
---@return string? reason
---@return string? code
---@return string? hint
function M.explain(lines) return require("wrapix.image.failure").explain(lines) end

return M
