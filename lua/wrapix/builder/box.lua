-- SPDX-License-Identifier: MIT
-- Settings, this host and an image → the box: what the container is to be, for
-- podman.lua or apple.lua to put into words. Pure; refuses what this host cannot do.

local apple = require("wrapix.builder.apple")
local host = require("wrapix.plan.host")
local podman = require("wrapix.builder.podman")
local texts = require("wrapix.builder.texts")

local M = {}

--- The container's name, and the host's that ssh and Nix know.
M.name = "wrapix-builder"

local VOLUME = "wrapix-builder-nix"
local MOST_FILES, MOST_PROCESSES = 65536, 16384

--- The words of a runtime.
---@param facts wrapix.Facts
---@return table
function M.engine(facts) return facts.engine.name == "container" and apple or podman end

--- Where the builder keeps what.
---@param data string wrapix's data directory
---@return table<string, string> places: root, keys, run, nix, lock, known_hosts
function M.places(data)
  local root = data .. "/builder"
  return { root = root, keys = root .. "/keys", run = root .. "/run", nix = root .. "/nix",
    lock = root .. "/lock", known_hosts = root .. "/known_hosts" }
end

-- What the plan's parts say of a sandbox is said of the builder here.
local function ours(message) return (message:gsub("^plan: ", "builder: ")) end

local function add_podman(box, facts, warnings)
  local ctx = { facts = facts, options = {}, profile = {}, plan = { warnings = {}, skipped = {} } }
  local steps = { host.add_network }
  -- It says of a user without subordinate ids what is missing.
  if facts.engine.rootless then table.insert(steps, 1, host.add_user) end
  for _, step in ipairs(steps) do
    local ok, message, code, hint = step(ctx)
    if not ok then return nil, ours(message), code, hint end
  end
  local runtime, message, code, hint = host.runtime(facts)
  if runtime == nil then return nil, ours(message), code, hint end
  box.engine.oci_runtime = runtime or nil
  box.network, box.label_off = ctx.plan.network.backend, facts.engine.selinux or nil
  local controllers = facts.cgroup.controllers
  if not controllers.cpu then box.cpus = nil end
  if not controllers.memory then box.memory = nil end
  box.nofile = math.floor(math.min(facts.limits.nofile.hard, MOST_FILES))
  box.nproc = math.floor(math.min(facts.limits.nproc.hard, MOST_PROCESSES))
  for _, warning in ipairs(ctx.plan.warnings) do warnings[#warnings + 1] = warning end
  return true
end

---@class wrapix.BuilderPlan
---@field box wrapix.BuilderBox
---@field files wrapix.BuilderFile[]
---@field argv string[] that makes the container
---@field warnings { text: string, hint: string? }[]

--- What a start would do.
---@param settings wrapix.BuilderSettings
---@param facts wrapix.Facts
---@param keys wrapix.BuilderKeys
---@param image string its reference
---@return wrapix.BuilderPlan|nil
---@return string? message
---@return string? code
---@return string? hint
function M.plan(settings, facts, keys, image)
  local box, warnings = M.bare(settings, facts), {}
  box.image = image
  if facts.engine.name ~= "container" then
    local ok, message, code, hint = add_podman(box, facts, warnings)
    if not ok then return nil, message, code, hint end
  end
  local engine, files = M.engine(facts), texts.files(settings, keys, image)
  local argv, message, code, hint = engine.create_argv(box)
  if not argv then return nil, message, code, hint end
  box.digest = texts.digest(files, argv)
  return { box = box, files = files, argv = engine.create_argv(box), warnings = warnings }
end

--- A box that is enough for all calls but making it: stop, remove, inspect, logs.
---@param settings wrapix.BuilderSettings
---@param facts wrapix.Facts
---@return wrapix.BuilderBox
function M.bare(settings, facts)
  local places = M.places(facts.dirs.data)
  return {
    name = M.name, engine = { path = facts.engine.path, version = facts.engine.version },
    port = settings.port, cpus = settings.cpus, memory = settings.memory, run = places.run,
    nix = facts.engine.name == "container" and { volume = VOLUME } or { dir = places.nix },
  }
end

return M
