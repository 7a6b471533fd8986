-- SPDX-License-Identifier: MIT
-- Makes the image of one stage from its Containerfile: gets what it builds on and
-- what it takes from, says what goes in as labels, and gives the build what of this
-- host it needs. Which stages, and in which order, is build.lua's.

local containerfile = require("wrapix.image.containerfile")
local lazy = require("wrapix.lazy")

local agent_commands = lazy("wrapix.image.commands")
local bases = lazy("wrapix.image.base")
local npm_check = lazy("wrapix.image.npm_check")
local npm_failure = lazy("wrapix.image.npm_failure")
local toolchains = lazy("wrapix.image.toolchain")

local M = {}

local function count(list, word)
  return ("%d %s%s"):format(#list, word, #list == 1 and "" or "s")
end

-- What is about to be done, by kind of stage.
local STEPS = {
  packages = function(recipe)
    return ("with %s (may take a minute or two)"):format(count(recipe.packages, "package"))
  end,
  toolchain = function(_, stage)
    return ("with %s (may take a minute)"):format(toolchains.words(stage.toolchain))
  end,
  runtime = function(_, stage)
    return ("with %s the agents need"):format(count(stage.packages, "package"))
  end,
  agents = function(_, stage) return ("with %s"):format(npm_failure.words(stage)) end,
  builder = function() return "with its users and the store it begins with" end,
  npm = function() return "to install agents with (once; about a minute)" end,
}

local function words(list, separator) return table.concat(list, separator or " ") end

-- A label is inherited by what is built on its image, so each stage says its own.
local LABELS = {
  packages = function(add, recipe, _, from)
    add("wrapix.base", from)
    add("wrapix.packages", #recipe.packages)
    add("wrapix.package-list", words(recipe.packages))
  end,
  toolchain = function(add, _, stage)
    add("wrapix.toolchain", toolchains.words(stage.toolchain))
  end,
  runtime = function(add, _, stage) add("wrapix.runtime-list", words(stage.packages)) end,
  agents = function(add, _, stage)
    local list = {}
    for i, agent in ipairs(stage.agents) do list[i] = agent.name .. "@" .. agent.version end
    add("wrapix.agents", words(list))
    add("wrapix.npm", stage.npm and stage.npm.ref)
  end,
  builder = function() end,
  npm = function(add, _, _, from) add("wrapix.base", from) end,
}

local function labels(recipe, image, from)
  local list = {}
  local function add(name, value)
    if value ~= nil then list[#list + 1] = { name, tostring(value) } end
  end
  add("wrapix.recipe", image.hash)
  add("wrapix.profile", recipe.name)
  add("wrapix.stage", image.kind)
  -- The way to the base is no part of the recipe; what a stage is built on is.
  add("wrapix.parent", image.kind ~= "packages" and image.kind ~= "npm" and from or nil)
  add("wrapix.left-out", image.left_out)
  LABELS[image.kind](add, recipe, image.stage, from)
  return list
end

-- What of this host a build gets -----------------------------------------------------

local BUNDLES = { "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem" }
local DOWNLOADS = { agents = "NODE_EXTRA_CA_CERTS", toolchain = "SSL_CERT_FILE" }

-- A network that looks into TLS has a certificate of its own, which this host was
-- made to trust; no image knows it. A colon would end the path for the engine.
local function host_ca(variable, ctx)
  local asked = ctx.facts.env[variable]
  for _, file in ipairs({ asked or BUNDLES[1], table.unpack(BUNDLES) }) do
    local stat = file:sub(1, 1) == "/" and not file:find("[:,%c]") and ctx.deps.fs.stat(file)
    if stat and stat.type == "file" then return file end
  end
end

local function trusted(kind, ctx) return DOWNLOADS[kind] and host_ca(DOWNLOADS[kind], ctx) end

--- The variables of the launcher's environment that name mirrors, for a kind of stage.
local function mirrors(stage)
  if stage.kind ~= "agents" then return stage.variables or {} end
  for _, agent in ipairs(stage.agents) do
    if agent.commands then return { "NPM_CONFIG_REGISTRY", "PIP_INDEX_URL" } end
  end
  return { "NPM_CONFIG_REGISTRY" }
end

-- Where things are fetched from is no part of what an image is, and what it says may be
-- a secret: how it stays out of command lines and histories is the engine's.
local function add_mirrors(job, stage, ctx)
  local names = mirrors(stage)
  for _, name in ipairs(names) do
    local value = ctx.facts.env[name]
      or (name == "NPM_CONFIG_REGISTRY" and ctx.facts.env[name:lower()])
    if value and value ~= "" then
      job.mirrors = job.mirrors or {}
      job.mirrors[#job.mirrors + 1] =
        { name = name, value = value, once = #names == 1 and stage.kind == "agents" }
    end
  end
end

-- ------------------------------------------------------------------------------------

-- Agents and toolchains fail in ways of their own, besides those of the system.
local function explainer(stage, backend)
  if stage.kind == "toolchain" then
    return function(lines) return toolchains.explain(lines, stage.toolchain) end
  elseif stage.kind ~= "agents" then
    return backend.explain
  end
  return function(lines)
    local reason, code, hint = npm_failure.explain(lines)
    if reason then return reason, code, hint end
    reason, code, hint = backend.explain(lines)
    if reason then return reason, code, hint end
    return agent_commands.explain(lines)
  end
end

local function build(recipe, image, from, ctx, backend)
  local stage = image.stage
  local job = {
    ref = image.ref,
    text = image.left_out and ("FROM %s\n"):format(from) or backend.source(recipe, stage, from),
    labels = labels(recipe, image, from),
    ca = trusted(image.kind, ctx), ca_at = containerfile.HOST_CA,
    step = ("building %s %s"):format(image.ref, STEPS[image.kind](recipe, stage)),
    explain = explainer(stage, backend),
  }
  add_mirrors(job, stage, ctx)
  return ctx.containerfile(job)
end

-- The image with npm: as a stage of its own recipe.
local function ensure_npm(recipe, helper, ctx, backend)
  local stage = { kind = "npm", packages = helper.packages }
  local image = { stage = stage, kind = "npm", hash = helper.hash, ref = helper.ref }
  local own = { backend = recipe.backend, name = "npm", base = helper.base,
    packages = helper.packages, links = {} }
  return ctx.once(image, function()
    local from, message, code, hint = bases.ensure(helper.base, ctx)
    if not from then return nil, message, code, hint end
    return build(own, image, from, ctx, backend)
  end)
end

--- Builds and tags the image of a stage.
---@param recipe wrapix.Recipe
---@param image wrapix.StageImage
---@param ctx wrapix.ImageContext
---@param backend table
---@return true|nil
---@return string? message
---@return string? code
---@return string? hint
function M.stage(recipe, image, ctx, backend)
  if image.kind == "packages" then
    local from, message, code, hint = bases.ensure(recipe.base, ctx)
    if not from then return nil, message, code, hint end
    return build(recipe, image, from, ctx, backend)
  elseif image.kind == "agents" then
    local ok, message, code = npm_check.check(image.stage.agents)
    if not ok then return nil, message, code end
    local hint
    if image.stage.npm then
      ok, message, code, hint = ensure_npm(recipe, image.stage.npm, ctx, backend)
    end
    if not ok then return nil, message, code, hint end
  end
  return build(recipe, image, image.from, ctx, backend)
end

--- Makes sure of the image agents are installed with.
---@param recipe wrapix.Recipe
---@param helper { base: string, packages: string[], hash: string, ref: string }
---@param ctx wrapix.ImageContext
---@param backend table
---@return true|nil
---@return string? message
---@return string? code
---@return string? hint
function M.npm(recipe, helper, ctx, backend) return ensure_npm(recipe, helper, ctx, backend) end

--- Asks whether what a toolchain downloads can be had.
---@param recipe wrapix.Recipe
---@param from string? an image that is there; nil: the recipe's base
---@param ctx wrapix.ImageContext
---@return true|nil
---@return string? message
---@return string? code
---@return string? hint
function M.reach(recipe, from, ctx)
  local message, code, hint
  if not from then
    from, message, code, hint = bases.ensure(recipe.base, ctx)
    if not from then return nil, message, code, hint end
  end
  return toolchains.reach(recipe.toolchain, ctx, from, trusted("toolchain", ctx))
end

--- What gives a container that asks npm what this host trusts for TLS.
---@param ctx wrapix.ImageContext
---@return { file: string, at: string }?
function M.npm_trust(ctx)
  local file = trusted("agents", ctx)
  return file and { file = file, at = containerfile.HOST_CA }
end

return M
