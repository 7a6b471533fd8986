-- SPDX-License-Identifier: MIT
-- Asks npm for the newest versions of agents, in the image that installs them: this
-- host need not have npm. Decides nothing about which is used.

local acts = require("wrapix.image.acts")
local containerfile = require("wrapix.image.containerfile")
local make = require("wrapix.image.make")
local npm = require("wrapix.image.npm")
local npm_check = require("wrapix.image.npm_check")
local npm_failure = require("wrapix.image.npm_failure")
local recipes = require("wrapix.image.recipe")

local M = {}

local PATIENCE = 120

local SCRIPT = containerfile.TRUST .. "\n" .. npm.SETTINGS .. [[

for name in "$@"; do
  version=$(npm view "$name" version) || exit 1
  printf 'wrapix: %s %s\n' "$name" "$version"
done]]

local function argv_of(helper, names, ctx, flags)
  local mirror = ctx.facts.env.NPM_CONFIG_REGISTRY or ctx.facts.env.npm_config_registry
  local command = { "sh", "-euc", SCRIPT, "sh" }
  local argv = ctx.images.run_argv(ctx.engine, {
    ref = helper.ref, command = table.move(names, 1, #names, #command + 1, command), flags = flags,
    ca = make.npm_trust(ctx), confined = true, values = { HOME = "/tmp" },
    env = (mirror or "") ~= "" and { "NPM_CONFIG_REGISTRY" } or nil,
  })
  return argv, { NPM_CONFIG_REGISTRY = mirror }
end

local function lines_of(text)
  local lines = {}
  for line in (text or ""):gmatch("[^\n]+") do lines[#lines + 1] = line end
  return lines
end

local function read(result, agents)
  local versions = {}
  for _, line in ipairs(lines_of(result.stdout)) do
    local package, version = line:match("^wrapix: (%S+) (%d[%w.+_-]*)$")
    if package and #version <= 64 then versions[package] = version end
  end
  local out = {}
  for _, agent in ipairs(agents) do
    if agent.npm and not versions[agent.npm] then
      return nil, ("update-agents: %s: npm named no version of it"):format(agent.name), "EIMAGE"
    end
    out[agent.name] = agent.npm and versions[agent.npm]
  end
  return out
end

--- The newest versions of the agents of a recipe.
---@param recipe wrapix.Recipe whose last stage is its agents
---@param facts wrapix.Facts
---@param opts { report: table?, deps: table? }?
---@return table<string, string>|nil versions by name of the agent
---@return string? message
---@return string? code "ENETUNREACH", "ENOPKG", …
---@return string? hint
function M.versions(recipe, facts, opts)
  local ctx = acts.new(facts, opts or {})
  local stage, names = recipe.stages[#recipe.stages], {}
  if stage.kind ~= "agents" or not stage.npm then return {} end
  for _, agent in ipairs(stage.agents) do names[#names + 1] = agent.npm end
  local ok, message, code = npm_check.check(stage.agents)
  if not ok then return nil, message, code end
  local hint
  ok, message, code, hint = make.npm(recipe, stage.npm, ctx, recipes.backend(recipe))
  if not ok then return nil, message, code, hint end
  local flags
  flags, message, code, hint = ctx.deps.flags(facts)
  if not flags then return nil, message, code, hint end
  ctx.step("asking npm")
  local argv, env = argv_of(stage.npm, names, ctx, flags)
  local result
  result, message, code = ctx.deps.proc.run(argv, {
    stdin = "null", stdout = "pipe", stderr = "pipe", timeout = PATIENCE, env = env,
  })
  if not result then return nil, "update-agents: " .. tostring(message), code end
  if result.code == 0 then return read(result, stage.agents) end
  local lines = lines_of(result.stderr)
  local reason, what, help = npm_failure.meaning(lines)
  reason = reason or (result.timed_out and ("no answer in %d seconds"):format(PATIENCE))
    or lines[#lines] or ("npm failed with status %s"):format(result.code)
  return nil, "update-agents: npm: " .. reason, what or "EIMAGE", help
end

return M
