-- SPDX-License-Identifier: MIT
-- What the backends that write Containerfiles have in common: references, the
-- stages a profile comes to, the text of those that are the same everywhere, and
-- the making of one. What is peculiar to a system's package manager is its
-- backend's dialect. Pure but for `make`.

local lazy = require("wrapix.lazy")
local agent_commands = lazy("wrapix.image.commands")
local npm = lazy("wrapix.image.npm")
local packages = require("wrapix.image.packages")
local stages = require("wrapix.image.stages")

local M = {}

---@class wrapix.Dialect: wrapix.PackageDialect
---@field name string of the backend
---@field base string what is built on unless the profile says otherwise
---@field always string[] packages every image has
---@field present string[] packages every base has
---@field npm string[] packages that bring npm
---@field native string[]? packages that agents of native code need here
---@field libc "glibc"|"musl"
---@field toolchains boolean? rustup and uv can be had
---@field env string the line between FROM and RUN of a first stage
---@field install fun(list: string[], first: boolean): string[] commands that install packages
---@field finish fun(links: table[]): string[] commands that end a first stage
---@field command string what the image runs by itself, as JSON

--- Where a build finds what this host trusts for TLS, when it is given to it.
M.HOST_CA = "/run/wrapix-host-ca.pem"

-- For Node, curl, OpenSSL's own tools and what is built with rustls, in this order.
local TRUST = "if [ -r " .. M.HOST_CA .. " ]; then export NODE_EXTRA_CA_CERTS=" .. M.HOST_CA
  .. " CURL_CA_BUNDLE=" .. M.HOST_CA .. " SSL_CERT_FILE=" .. M.HOST_CA .. "; fi"
M.TRUST = TRUST

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

--- One layer of several commands, the first that fails ending it.
---@param ... string[] lists of commands
---@return string
function M.run(...)
  local commands = { "set -eu" }
  for _, list in ipairs({ ... }) do table.move(list, 1, #list, #commands + 1, commands) end
  return "RUN " .. table.concat(commands, "; \\\n    ")
end

-- The stages of a profile ---------------------------------------------------------

-- What the agents need and the profile does not bring: a stage of its own, so that
-- an agent's new version asks no package manager.
local function runtime_stage(agents, present, dialect)
  local wanted = {}
  for _, agent in ipairs(agents) do
    table.move(agent.packages or {}, 1, #(agent.packages or {}), #wanted + 1, wanted)
    local native = agent.files and dialect.native or {}
    table.move(native, 1, #native, #wanted + 1, wanted)
  end
  local read, message, code, hint = packages.read(wanted, dialect)
  if not read then return nil, message, code, hint end
  local missing = packages.without(packages.without(read.packages, present), dialect.present)
  return #missing > 0 and { kind = "runtime", packages = missing } or false
end

-- The image npm is taken from: the same for all profiles.
local function helper(base, dialect)
  local stage = { kind = "npm", packages = dialect.npm }
  local text = M.source({ backend = dialect.name, base = base, packages = dialect.npm, links = {} },
    stage, base, dialect)
  local hash = stages.hash(dialect.name, stages.version, text)
  return { base = base, packages = dialect.npm, hash = hash, ref = "localhost/wrapix-npm:" .. hash }
end

local function add_agents(fields, profile, dialect)
  local agents, message, code, hint = npm.select(profile.agents, dialect)
  if not agents then return nil, message, code, hint end
  local runtime
  runtime, message, code, hint = runtime_stage(profile.agents, fields.packages, dialect)
  if runtime == nil then return nil, message, code, hint end
  if runtime then fields.stages[#fields.stages + 1] = runtime end
  local stage = { kind = "agents", agents = agents }
  for _, agent in ipairs(agents) do
    if agent.npm and not stage.npm then
      stage.npm = helper(M.full_reference(profile.forced_base or dialect.base), dialect)
    end
  end
  fields.stages[#fields.stages + 1] = stage
  return true
end

local function add_toolchain(fields, toolchain, dialect)
  if not dialect.toolchains then
    return nil, ("image: toolchain: comes through apt, and %s has none"):format(dialect.system),
      "EIMAGE", 'build on Debian: base = "debian:trixie-slim"'
  end
  fields.stages[2] = { kind = "toolchain", toolchain = toolchain.spec,
    commands = toolchain.commands, variables = toolchain.variables }
  return true
end

--- The part of a recipe a backend answers for.
---@param profile table with `base`, `packages`, `toolchain` { spec, commands, variables },
--- `agents`, `forced_base`
---@param dialect wrapix.Dialect
---@return { base: string, packages: string[], links: table[], stages: wrapix.Stage[] }|nil
---@return string? message
---@return string? code "EIMAGE"
---@return string? hint
function M.describe(profile, dialect)
  local base = M.full_reference(profile.base or dialect.base)
  if not base then
    return nil, ("image: base %q: is not an image reference"):format(tostring(profile.base)),
      "EIMAGE", ('write base = "%s"'):format(dialect.base)
  end
  local fields, message, code, hint = packages.read(profile.packages, dialect, dialect.always)
  if not fields then return nil, message, code, hint end
  fields.base, fields.stages = base, { { kind = "packages" } }
  if profile.toolchain then
    local refusal = { add_toolchain(fields, profile.toolchain, dialect) }
    if not refusal[1] then return table.unpack(refusal, 1, 4) end
  end
  if profile.agents and #profile.agents > 0 then
    local ok
    ok, message, code, hint = add_agents(fields, profile, dialect)
    if not ok then return nil, message, code, hint end
  end
  return fields
end

-- Their texts ------------------------------------------------------------------------

local function first_source(recipe, stage, from, dialect)
  local list = stage.packages or recipe.packages
  local links = stage.packages and {} or recipe.links
  return {
    "# Written by wrapix from a profile's packages.",
    "FROM " .. from,
    dialect.env,
    M.run(dialect.install(list, true), dialect.finish(links)),
    dialect.command,
  }
end

local SOURCES = {
  packages = first_source,
  npm = first_source,
  runtime = function(_, stage, from, dialect)
    return {
      "# Written by wrapix: what the agents need to run.",
      "FROM " .. from,
      M.run(dialect.install(stage.packages, false)),
    }
  end,
  toolchain = function(_, stage, from)
    return {
      "# Written by wrapix from a profile's toolchain.",
      "FROM " .. from,
      M.run({ TRUST }, stage.commands),
    }
  end,
  builder = function(_, stage, from)
    return {
      "# Written by wrapix: what the Linux builder is besides its packages.",
      "FROM " .. from,
      M.run(stage.commands),
    }
  end,
  agents = function(_, stage, from)
    local lines = stage.npm and npm.source(stage, from, M)
      or { "# Written by wrapix: the agents.", "FROM " .. from }
    for _, agent in ipairs(stage.agents) do
      if agent.commands then lines[#lines + 1] = agent_commands.source(agent, M) end
    end
    return lines
  end,
}

--- The Containerfile of one stage.
---@param recipe wrapix.Recipe
---@param stage wrapix.Stage
---@param from string what it builds on
---@param dialect wrapix.Dialect
---@return string
function M.source(recipe, stage, from, dialect)
  return table.concat(SOURCES[stage.kind](recipe, stage, from, dialect), "\n") .. "\n"
end

return M
