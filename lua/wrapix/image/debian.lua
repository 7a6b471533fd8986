-- SPDX-License-Identifier: MIT
-- Images of Debian packages: what apt takes for a package, and the commands that
-- install one. Pure but for `make`. Every word of a profile is checked before it
-- may stand in a Containerfile.
--
-- A backend of images has four functions, and nothing else is asked of it:
--   describe(profile)            -> fields of the recipe, with `base` and `stages`
--                                   | nil, message, code, hint
--   source(recipe, stage, from)  -> a text with everything that decides a stage's content
--   make(recipe, image, ctx)     -> true | nil, message, code, hint; image: wrapix.StageImage
--   explain(lines)               -> reason, code, hint of a failed build, or nil
-- Those that write Containerfiles share image/containerfile.lua and differ by a
-- dialect, the table below.

local backend = require("wrapix.image.backend")
local packages = require("wrapix.image.packages")

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

--- Tells whether a text may stand where apt-get takes a package: a name, or
--- "name=version". A "-" at the end would mean removal, and patterns, suites
--- and architectures would let one word stand for something else.
---@param text any
---@return boolean
local function is_package(text)
  if type(text) ~= "string" or #text > LONGEST_WORD then return false end
  local name, version = text:match("^([^=]*)=?(.*)$")
  if text:find("=", 1, true) and not version:find("^[%w][%w.+:~-]*$") then return false end
  return name:find("^[a-z0-9][a-z0-9+.-]+$") ~= nil and name:sub(-1) ~= "-"
end

local function dpkg_commands(list)
  local manuals = MANUALS:format(packages.has(list, "man-db") and "in" or "ex")
  local words = {}
  for _, option in ipairs(DPKG_OPTIONS) do words[#words + 1] = ("'%s'"):format(option) end
  words[#words + 1] = ("'%s'"):format(manuals)
  -- The last file wins, and the bases bring one of their own.
  return "printf '%s\\n' " .. table.concat(words, " ") .. " > /etc/dpkg/dpkg.cfg.d/zz-wrapix"
end

local function install(list, first)
  local commands = { first and dpkg_commands(list) or nil }
  local function add(command) commands[#commands + 1] = command end
  add("export DEBIAN_FRONTEND=noninteractive")
  -- Without Error-Mode an unreachable mirror counts as an empty one, and every
  -- package would be reported as unknown.
  add("apt-get update -o APT::Update::Error-Mode=any -o Acquire::Retries=3"
    .. " -o Acquire::Languages=none")
  if first then add("apt-get upgrade -y -o Acquire::Retries=3") end
  -- Pattern-Only: an unknown name with a dot must not match as an expression.
  add("apt-get install -y --no-install-recommends -o Acquire::Retries=3"
    .. " -o APT::Cmd::Pattern-Only=true -- \\\n      " .. table.concat(list, " \\\n      "))
  add("apt-get clean")
  add("rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/*.log /var/cache/debconf/*-old"
    .. " /var/cache/ldconfig/aux-cache")
  return commands
end

local function finish(links)
  local commands = {}
  for _, link in ipairs(links) do
    commands[#commands + 1] =
      ("ln -sf /usr/bin/%s /usr/local/bin/%s"):format(link.target, link.name)
  end
  commands[#commands + 1] = "mkdir -p /workspace /home/wrapix"
  commands[#commands + 1] = "chmod 1777 /tmp /var/tmp"
  return commands
end

---@type wrapix.Dialect
local DIALECT = {
  name = "debian", key = "apt", system = "Debian", libc = "glibc", toolchains = true,
  example = 'write a name such as "ripgrep", or { "fd", apt = "fd-find" }',
  is_package = is_package,
  -- Programs Debian had to rename: package → what everybody calls the program,
  -- and what Debian does.
  renamed = {
    bat = { "bat", "batcat" },
    ["fd-find"] = { "fd", "fdfind" },
    python3 = { "python", "python3" },
  },
  base = "debian:trixie-slim",
  -- Without them nothing that speaks TLS works, and half of the bases lack them.
  always = { "ca-certificates" },
  -- Of those that are marked essential what an agent may ask for; see apt-patterns(7),
  -- ?essential.
  present = { "bash", "coreutils", "diffutils", "findutils", "grep", "gzip", "sed", "tar",
    "util-linux" },
  npm = { "ca-certificates", "npm" },
  env = "ENV LANG=C.UTF-8",
  install = install,
  finish = finish,
  command = 'CMD ["/bin/bash"]',
}

local M = backend.new(DIALECT)

return M
