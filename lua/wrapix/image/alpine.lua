-- SPDX-License-Identifier: MIT
-- Images of Alpine packages: what apk takes for a package, and the commands that
-- install one. A base whose name is "alpine" chooses it. Pure but for `make`. The C
-- library is musl there, so agents need a program made for it.

local backend = require("wrapix.image.backend")

local LONGEST_WORD = 128

-- A name, or "name=version". apk reads <, >, ~ and @ behind a name as conditions
-- and repositories, and "!" before one as a removal.
local function is_package(text)
  if type(text) ~= "string" or #text > LONGEST_WORD then return false end
  local name, version = text:match("^([^=]*)=?(.*)$")
  if text:find("=", 1, true) and not version:find("^%d[%w._-]*$") then return false end
  return name:find("^[a-z0-9][a-z0-9+._-]*$") ~= nil
end

local function install(list, first)
  local add = "apk add --no-cache \\\n      " .. table.concat(list, " \\\n      ")
  return first and { "apk upgrade --no-cache", add } or { add }
end

local function finish()
  return { "mkdir -p /workspace /home/wrapix", "chmod 1777 /tmp /var/tmp" }
end

---@type wrapix.Dialect
local DIALECT = {
  name = "alpine", key = "apk", system = "Alpine", libc = "musl",
  example = 'write a name such as "ripgrep", or { "fd", apk = "fd" }',
  is_package = is_package,
  base = "alpine:latest",
  always = { "ca-certificates" },
  present = {},
  npm = { "ca-certificates", "npm" },
  -- What programs made for musl take for granted and its images do not bring.
  native = { "libgcc", "libstdc++" },
  env = "ENV LANG=C.UTF-8",
  install = install,
  finish = finish,
  command = 'CMD ["/bin/sh"]',
}

-- What apk says; everything else is as on other systems.
local NETWORK_HINT = "check the network and the mirror, then start again"
local MEANINGS = {
  -- Without a network every package is unknown.
  { "(https?://%S-):? temporary error", "no network: %s does not answer", "ENETUNREACH",
    NETWORK_HINT },
  { "(https?://%S-):? DNS", "no network: %s has no address", "ENETUNREACH", NETWORK_HINT },
  { "(https?://%S-):? network error", "no network: %s does not answer", "ENETUNREACH",
    NETWORK_HINT },
  { "^  (%S+) %(no such package%):", "package %s does not exist", "ENOPKG",
    "correct or remove it in the profile's packages, or give its name here:"
      .. ' { "name", apk = "…" }' },
  { "^    breaks: world%[([^%]]+)%]", "package %s does not exist in this version", "ENOPKG" },
}

local M = backend.new(DIALECT)

--- Tells whether a base is one of Alpine's.
---@param base string? in full or not
---@return boolean
function M.is_base(base)
  return type(base) == "string" and ("/" .. base):find("/alpine[:@][^/]*$") ~= nil
    or base == "alpine"
end

--- Explains the output of a failed build.
---@param lines string[]
---@return string? reason
---@return string? code
---@return string? hint
function M.explain(lines)
  for _, meaning in ipairs(MEANINGS) do
    for _, line in ipairs(lines) do
      local found = line:match(meaning[1])
      if found then return meaning[2]:format(found), meaning[3], meaning[4] end
    end
  end
  return require("wrapix.image.failure").explain(lines)
end

return M
