-- Profile + options + facts → plan: everything that is decided about a launch,
-- as data, each item with its origin. Pure: tables in, a table out; the only
-- look at the host is through the injected `facts.fs`. `--dry-run`, `explain`
-- and the launch all use this one call.
--
-- SPDX-License-Identifier: MIT

local agents = require("wrapix.plan.agents")
local apple = require("wrapix.lazy")("wrapix.plan.apple")
local env = require("wrapix.plan.env")
local host = require("wrapix.plan.host")
local images = require("wrapix.image.recipe")
local item = require("wrapix.plan.item")
local mounts = require("wrapix.plan.mounts")
local path = require("wrapix.path")
local profiles = require("wrapix.profile")
local units = require("wrapix.plan.units")

local M = {}

---@class wrapix.PlanOptions
---@field env string[]? "NAME" (a secret, inherited) or "NAME=VALUE"
---@field mounts string[]? in the form of the command line
---@field image string?
---@field agent string?
---@field network string?
---@field runtime string?
---@field cpus number|string?
---@field memory number|string? bytes or a size
---@field pids integer|string?
---@field timeout number|string? seconds or a duration
---@field name string?
---@field workspace string? as given with -C; the path itself is in the facts
---@field detach boolean?
---@field keep boolean?
---@field login boolean? only to log in: no secrets, no state, no caches, nothing of a project
---@field command string[]? what stands after `--`

local KNOWN_OPTIONS = {
  env = "table",
  mounts = "table",
  image = "string",
  agent = "string",
  network = "string",
  runtime = "string",
  cpus = true,
  memory = true,
  pids = true,
  timeout = true,
  name = "string",
  workspace = "string",
  detach = "boolean",
  keep = "boolean",
  login = "boolean",
  command = "table",
}

local function check_options(options)
  for key, value in pairs(options) do
    local wanted = KNOWN_OPTIONS[key]
    if not wanted then
      error(("plan.make: unknown option %q"):format(tostring(key)), 3)
    elseif wanted ~= true and type(value) ~= wanted then
      local message = "plan.make: option %s: %s expected, got %s"
      error(message:format(key, wanted, type(value)), 3)
    end
  end
end

-- Who decides what depends on the engine. `name(ctx)` calls that part of whoever it is.
local ENGINES = { podman = host, container = apple }

local function of_engine(name)
  return function(ctx) return ENGINES[ctx.facts.engine.name][name](ctx) end
end

local function slug(text, fallback)
  local name = text:lower():gsub("[^%w_.-]+", "-"):gsub("^[^%w]+", ""):sub(1, 30)
  name = name:gsub("[^%w]+$", "")
  return name ~= "" and name or fallback
end

-- The end of an id varies most, whether it starts with a time or not.
local function short(id)
  return id:gsub("%W", ""):sub(-8):lower()
end

local function add_name(ctx)
  local plan, name = ctx.plan, ctx.options.name
  if name == nil then
    local base = slug(path.basename(ctx.facts.workspace.path), "workspace")
    plan.name = ("wrapix-%s-%s"):format(base, short(plan.session))
    plan.name_origin, plan.hostname = item.default(), "wrapix"
    return true
  end
  local ok, reason, _, hint = units.container_name(name)
  if not ok then
    return item.refuse("--name", ("%q %s"):format(name, reason), hint)
  end
  plan.name, plan.name_origin = name, item.option("--name")
  plan.hostname = name:gsub("[_.]", "-"):sub(1, 63):gsub("%-+$", "")
  return true
end

-- Which engine there is, its facts say: they were read of one, and are no other's.
local function add_runtime(ctx)
  local asked, engine = ctx.options.runtime, ctx.facts.engine
  if asked then
    local name = asked:match("^[^@]*")
    if not ENGINES[name] then
      return item.refuse("--runtime", ("%q is not known (known: podman, container)"):format(asked))
    elseif name ~= engine.name then
      return item.refuse("--runtime", ("%s was asked for, and what is known of this host is %s's")
        :format(name, engine.name))
    end
  end
  ctx.plan.runtime = engine.name
  return true
end

local function check_reference(ref, where)
  local ok, reason = units.image_reference(ref)
  if not ok then
    return item.refuse(where, ("%q %s"):format(tostring(ref), reason))
  end
  return true
end

local function add_image(ctx)
  local plan, profile = ctx.plan, ctx.profile
  local ref, origin, recipe = ctx.options.image, item.option("--image"), nil
  if ref == nil and type(profile.image) == "string" then
    ref, origin = profile.image, profiles.late_origin(profile, "image")
  elseif ref == nil then
    local image = ctx.facts.image or images
    local message, code, hint
    recipe, message, code, hint = image.recipe(ctx.image_profile, ctx.facts.env)
    if not recipe then
      return nil, message or "plan: image: the profile names neither image nor base",
        code or "EPLAN", hint or 'write image = "docker.io/library/debian:trixie-slim"'
    end
    ref = image.reference(recipe)
    local field = profile.image and "image" or profile.packages and "packages" or "base"
    origin = profiles.late_origin(profile, field)
  end
  plan.image = { ref = ref, recipe = recipe, origin = origin }
  return check_reference(ref, origin)
end

local function check_command(command)
  for i, word in ipairs(command.value) do
    if type(word) ~= "string" or word:find("\0", 1, true) then
      local reason = ("word %d of the command is not a text without NUL bytes"):format(i)
      return item.refuse(command.origin, reason)
    end
  end
  return true
end

-- An agent named on the command line beats the profile's command; one named in
-- the profile is what runs when the profile gives no command of its own.
local function chosen_command(ctx)
  local given, profile = ctx.options.command, ctx.profile
  if given and #given > 0 then
    return given, item.given(ctx, "--", "command")
  elseif profile.command and not ctx.options.agent then
    return profile.command, profiles.late_origin(profile, "command")
  elseif ctx.agent then
    ctx.agent_runs = true
    return agents.command(ctx)
  end
  -- Which shell the image has only the init can tell.
  return { "--shell" }, item.default()
end

local function add_command(ctx)
  local value, origin, code, hint = chosen_command(ctx)
  if not value then
    return nil, origin, code, hint
  end
  local is_shell = #value == 1 and value[1] == "--shell" and origin.kind == "default"
  ctx.plan.command =
    { value = table.move(value, 1, #value, 1, {}), shell = is_shell or nil, origin = origin }
  return check_command(ctx.plan.command)
end

local function add_terminal(ctx)
  local plan, facts = ctx.plan, ctx.facts
  plan.detach, plan.keep = ctx.options.detach == true, ctx.options.keep == true
  -- Outside the container's own files, so that it outlives the container.
  plan.log_path = plan.detach and ("%s/logs/%s.log"):format(facts.dirs.state, plan.session) or nil
  local both = facts.stdin_tty and facts.stdout_tty
  local stdin, tty, why = ENGINES[facts.engine.name].terminal(ctx)
  local origin = why
    or item.host(both and "stdin and stdout are a terminal" or "no terminal at both ends")
  plan.terminal = {
    stdin = stdin,
    tty = tty,
    size = facts.tty_size,
    origin = origin,
  }
  local asked = ctx.profile.notify and ctx.profile.notify.terminal
  if asked then
    plan.terminal.watch = true
    plan.terminal.watch_origin = profiles.late_origin(ctx.profile, "notify", "terminal")
  end
  return true
end

local function add_labels(ctx)
  local plan, facts = ctx.plan, ctx.facts
  local owner = ("%s:%d:%s"):format(facts.boot_id, facts.pid, facts.start_time)
  for _, label in ipairs({
    { "wrapix.session", plan.session },
    { "wrapix.workspace", facts.workspace.path },
    { "wrapix.profile", plan.profile },
    { "wrapix.owner", owner },
    -- Last: who finds no session directory of it must know that it is meant to stay.
    plan.keep and { "wrapix.keep", "1" } or nil,
  }) do
    plan.labels[#plan.labels + 1] = { name = label[1], value = label[2],
      origin = label[1] == "wrapix.keep" and item.option("--keep") or item.default() }
  end
  return true
end

local STEPS = {
  add_runtime,
  of_engine("add_engine"),
  add_name,
  agents.choose,
  add_image,
  add_command,
  add_terminal,
  of_engine("add_lease"),
  of_engine("add_user"),
  of_engine("add_limits"),
  mounts.add,
  env.add,
  add_labels,
  of_engine("add_network"),
  of_engine("add_security"),
  agents.add,
  of_engine("finish"),
}

-- Whatever goes through a plan without reading it, an encoder for one, finds
-- only what is there.
local function settle(value)
  if value.kind == "profile" and value.text then setmetatable(value, nil) end
  for _, inner in pairs(value) do
    if type(inner) == "table" then settle(inner) end
  end
end

--- Makes the plan of a launch. `opts.runs`: the plan is to run, not to be shown,
--- so the origins of profile fields find their text when it is first read.
--- `opts.origins`: who put an option there, when it was no option of the command
--- line: an origin by its name, for a list a table of those of its entries.
---@param profile table validated and merged, from wrapix.profile
---@param options wrapix.PlanOptions an unknown option raises
---@param facts wrapix.Facts `facts.image = { recipe, reference }` stands in for wrapix.image
---@param opts { runs: boolean?, origins: table<string, table>? }?
---@return table|nil plan see docs/architecture.md
---@return string? message
---@return string? code "EPLAN", or what the mount language answered
---@return string? hint
function M.make(profile, options, facts, opts)
  check_options(options)
  local from = options.workspace and item.option("-C") or item.host("current directory")
  local plan = {
    version = 1,
    session = facts.session.id,
    profile = profile.name,
    runtime = "podman",
    workspace = { source = facts.workspace.path, dest = "/workspace", origin = from },
    env = {},
    labels = {},
    limits = {},
    skipped = {},
    warnings = {},
  }
  local ctx = {
    plan = plan, profile = profile, options = options, facts = facts,
    origins = opts and opts.origins,
  }
  local ok, message, code, hint = item.all(STEPS, ctx)
  if not ok then
    return nil, message, code, hint
  end
  if not (opts and opts.runs) then
    settle(plan)
  end
  return plan
end

return M
