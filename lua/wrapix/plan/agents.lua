-- SPDX-License-Identifier: MIT
-- The agents of a sandbox as items of a plan: variables, secrets by name, login
-- store, state, settings and prompt as files, caches, and the command of the one
-- that runs. What an agent is stands in its table (wrapix.agent). Pure but for
-- the look at the host that the injected `facts.fs` gives.

local item = require("wrapix.plan.item")
local lazy = require("wrapix.lazy")
local path = require("wrapix.path")
local profiles = require("wrapix.profile")

local mount = lazy("wrapix.mount")
local nearest = lazy("wrapix.nearest")
local pinned = lazy("wrapix.agent.pinned")
local prompt = lazy("wrapix.agent.prompt")
local registry = lazy("wrapix.agent.registry")
local store = lazy("wrapix.agent.store")

local M = {}

local PROMPT = "agents/prompt.md"
local INSIDE = "/run/wrapix/"
-- What is larger is no settings file.
local LARGEST = 1 << 20

-- Choosing -----------------------------------------------------------------------

-- An image that wrapix did not build has the agents that are named for it, and no others.
local function named(ctx)
  local option, profile = ctx.options.agent, ctx.profile
  local list = {}
  if not ctx.options.image then
    for _, one in ipairs(profiles.agents(profile)) do
      one.origin = profiles.late_origin(profile, "agents", one.index)
      list[#list + 1] = one
    end
  end
  local function add(name, origin)
    for _, one in ipairs(list) do
      if one.name == name then return one end
    end
    list[#list + 1] = { name = name, origin = origin }
    return list[#list]
  end
  local chosen
  if option then
    chosen = add(option, item.option("--agent"))
    ctx.agent_origin = item.option("--agent")
  elseif profile.agent and not ctx.options.image then
    ctx.agent_origin = profiles.late_origin(profile, "agent")
    chosen = add(profile.agent, ctx.agent_origin)
  end
  ctx.agent = chosen
  return list
end

-- The profile with the agents its image is to have.
local function with_agents(profile, list)
  local have = {}
  for _, one in ipairs(profiles.agents(profile)) do have[one.name] = true end
  local more = {}
  for _, one in ipairs(list) do
    if not have[one.name] then more[#more + 1] = one.name end
  end
  if #more == 0 then return profile end
  local result = {}
  for key, value in pairs(profile) do result[key] = value end
  local all = table.move(profile.agents or {}, 1, #(profile.agents or {}), 1, {})
  result.agents = table.move(more, 1, #more, #all + 1, all)
  return setmetatable(result, getmetatable(profile))
end

local function sorted(map)
  local keys = {}
  for key in pairs(map or {}) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

local function find(ctx, name)
  local facts = ctx.facts
  local known = facts.agents or registry
  local where = { config_dir = facts.dirs.config, read = facts.fs.read, list = facts.fs.list }
  return known.get(name, where)
end

-- Settings for an agent that is not in this sandbox may be for another start; those
-- for a name that no agent has are a slip that nothing else would tell of.
local function warn_of_unknown(ctx)
  local have = {}
  for _, one in ipairs(ctx.agents) do have[one.name] = true end
  for _, name in ipairs(sorted(ctx.profile.settings)) do
    if not have[name] then
      local _, message, code, hint = find(ctx, name)
      if code == "ENOAGENT" then
        local origin = profiles.late_origin(ctx.profile, "settings", name)
        item.warn(ctx.plan, ("settings: %s: %s"):format(origin.text, message), hint)
      end
    end
  end
end

--- Decides which agents there are; sets ctx.agents, ctx.agent (the one that runs
--- when there is no command) and ctx.image_profile.
---@param ctx table as in wrapix.plan
---@return true|nil
---@return string? message
---@return string? code
---@return string? hint
function M.choose(ctx)
  ctx.agents = named(ctx)
  for _, one in ipairs(ctx.agents) do
    local agent, message, code, hint = find(ctx, one.name)
    if not agent then
      return nil, ("plan: %s: %s"):format(one.origin.text, message), code or "EPLAN", hint
    end
    one.agent = agent
  end
  if ctx.profile.settings then warn_of_unknown(ctx) end
  ctx.image_profile = with_agents(ctx.profile, ctx.agents)
  return true
end

-- Command ------------------------------------------------------------------------

-- A function of an agent's table may be the user's own.
local function call(one, what, fn, ...)
  local results = table.pack(pcall(fn, ...))
  if results[1] then return table.unpack(results, 2, results.n) end
  return item.refuse(one.name, ("%s of the agent failed: %s"):format(what, tostring(results[2])))
end

--- The command of the agent that is to run: at a terminal as people use it, with
--- a pipe the prompt on stdin and text on stdout.
---@param ctx table
---@return string[]|nil argv
---@return wrapix.Origin|string origin or message
---@return string? code
---@return string? hint
function M.command(ctx)
  local one, facts = ctx.agent, ctx.facts
  local is_terminal = facts.stdin_tty and facts.stdout_tty
  local attaches = facts.engine.name ~= "container" -- there the plan refuses it, with its reason
  if attaches and ctx.options.detach and not is_terminal then
    return item.refuse(ctx.agent_origin,
      "a detached agent without a terminal has nobody who would give it a prompt",
      "start it at a terminal and use `wrapix attach`, or give a command after --")
  end
  local mode = is_terminal and "interactive" or "headless"
  local argv, message, code, hint = call(one, "argv", one.agent.argv, mode, {
    prompt_file = INSIDE .. PROMPT, output = "text", command = ctx.profile.command,
    settings = ctx.profile.settings and ctx.profile.settings[one.name],
  })
  if not argv then
    return nil, message or ("plan: %s: cannot run %s"):format(one.name, mode), code or "EPLAN", hint
  elseif type(argv) ~= "table" then
    return item.refuse(one.name, "argv of the agent gave no list of words")
  end
  return argv, ctx.agent_origin
end

-- Variables -----------------------------------------------------------------------

local function inside(value, home)
  if value == "~" or value:sub(1, 2) == "~/" then return home .. value:sub(2) end
  return value
end

local function add_map(set, ctx, one, map)
  for name, value in pairs(map or {}) do
    set(name, inside(value, ctx.plan.user.home), one.origin)
  end
end

--- Sets the variables of all agents; the profile's own come later and win.
---@param set fun(name: string, value: string?, origin: wrapix.Origin)
---@param ctx table
function M.add_env(set, ctx)
  for i = #ctx.agents, 1, -1 do -- the first one named wins
    local one = ctx.agents[i]
    local agent = one.agent
    add_map(set, ctx, one, agent.env)
    add_map(set, ctx, one, agent.login and agent.login.env)
    add_map(set, ctx, one, one.settings.env)
    for _, name in ipairs(ctx.options.login and {} or agent.secrets) do
      local value = ctx.facts.env[name]
      if value and value ~= "" then
        set(name, nil, item.host(("%s is set, for %s"):format(name, agent.name)))
      end
    end
  end
end

-- Mounts -------------------------------------------------------------------------------

-- What somebody mounts there by name is meant.
local function is_taken(list, dest)
  for _, one in ipairs(list) do
    if path.normalize(one.dest) == dest then return one end
  end
end

local function add_mount(list, ctx, source, place, origin)
  local dest, message, code, hint = mount.resolve_dest(place)
  if not dest then return nil, message, code, hint end
  local before = is_taken(list, dest)
  if before then
    local reason = ("%s is taken by the mount of %s"):format(dest, before.origin.text)
    item.skip(ctx.plan, "mount", source, reason, origin)
    return true
  end
  list[#list + 1] = {
    type = "bind", source = source, dest = dest, mode = "rw", make = true, origin = origin,
  }
  return true
end

local function add_login(list, ctx, one)
  local login, profile = one.agent.login, ctx.profile
  if not login then return true end
  local name = profile.login or store.DEFAULT
  one.login = { name = name, source = store.login(ctx.facts.dirs, ctx.plan.user, one.name, name) }
  local origin = profile.login and profiles.late_origin(profile, "login") or one.origin
  return add_mount(list, ctx, one.login.source, login.dest, origin)
end

local function add_state(list, ctx, one)
  for _, state in ipairs(ctx.options.login and {} or one.agent.state) do
    local source = store.state(ctx.facts.dirs, ctx.plan.user, ctx.facts.workspace.path, one.name,
      state.name)
    local ok, message, code, hint = add_mount(list, ctx, source, state.dest, one.origin)
    if not ok then return nil, message, code, hint end
  end
  return true
end

local function add_caches(list, ctx)
  local profile = ctx.profile
  for _, name in ipairs(ctx.options.login and {} or sorted(profile.caches)) do
    local source = store.cache(ctx.facts.dirs, ctx.plan.user, name)
    local origin = profiles.late_origin(profile, "caches", name)
    local ok, message, code, hint = add_mount(list, ctx, source, profile.caches[name], origin)
    if not ok then return nil, message, code, hint end
  end
  return true
end

-- Settings ---------------------------------------------------------------------------

local function is_file(file)
  if type(file) ~= "table" or type(file.dest) ~= "string" or type(file.text) ~= "string" then
    return false
  end
  for token, from in pairs(file.fill or {}) do
    if type(token) ~= "string" or token == "" or type(from) ~= "table" then return false end
    local is_named = type(from.env) == "string" and from.env:find("^[%a_][%w_]*$")
    local is_counted = from.last == nil or (math.type(from.last) == "integer" and from.last > 0)
    if not (is_named and is_counted) then return false end
  end
  return #file.text <= LARGEST
end

local function check_settings(one, settings)
  if type(settings) ~= "table" or type(settings.files) ~= "table" then
    return item.refuse(one.name, "settings of the agent gave no files")
  end
  for i, file in ipairs(settings.files) do
    if not is_file(file) then
      return item.refuse(one.name, ("settings of the agent gave a wrong file %d"):format(i))
    end
  end
  return true
end

-- What lies in a login or a state is hidden by nothing of the skeleton: the init puts
-- nothing over files that are there, and what it put there would stay.
local function is_kept(list, dest)
  for _, one in ipairs(list) do
    if one.make and path.is_within(one.dest, dest) then return true end
  end
  return false
end

-- Below the home the init copies it from the skeleton; elsewhere it is a mount.
local function add_file(list, ctx, one, file)
  local dest, message, code, hint = mount.resolve_dest(file.dest)
  if not dest then return nil, message, code, hint end
  local home = ctx.plan.user.home
  local is_home = path.is_within(home, dest) and not is_kept(list, dest)
  local rel = is_home and "skel" .. dest:sub(#home + 1) or ("agents/%s%s"):format(one.name, dest)
  if is_home and ctx.skeleton[rel] then
    return item.refuse(one.name, ("%s: agent %s has a file there as well")
      :format(file.dest, ctx.skeleton[rel]))
  end
  ctx.skeleton[rel] = one.name
  local plan = ctx.plan
  plan.files = plan.files or {}
  plan.files[#plan.files + 1] = {
    path = rel, text = file.text, fill = file.fill and next(file.fill) and file.fill or nil,
    private = true, origin = one.origin,
  }
  one.files[#one.files + 1] = dest
  if is_home then return true end
  list[#list + 1] = {
    type = "bind", source = ctx.facts.session.dir .. "/" .. rel, dest = dest, mode = "ro",
    origin = one.origin,
  }
  return true
end

-- Seconds; it takes a thousandth of one.
local NOTIFY_SECONDS = 5

-- What an agent tells the person by its hooks, unless the profile says of an event what
-- happens then, or false. Nothing of what is false is left.
local function hooks_of(profile, agent)
  local own, result = profile.hooks and profile.hooks.agent or {}, nil
  for event, command in pairs(agent.notify or {}) do
    result = result or {}
    result[event] = { { command = command, timeout = NOTIFY_SECONDS } }
  end
  for event, list in pairs(own) do
    result = result or {}
    result[event] = list or nil
  end
  return result
end

-- Which of its variables are set; their values are nobody's business here.
local function set_secrets(ctx, one)
  local set = {}
  for _, name in ipairs(ctx.options.login and {} or one.agent.secrets) do
    local value = ctx.facts.env[name]
    if value and value ~= "" then set[name] = true end
  end
  return set
end

local function add_settings(list, ctx, one)
  local profile = ctx.profile
  local settings, message, code, hint = call(one, "settings", one.agent.settings, {
    extra = profile.settings and profile.settings[one.name],
    hooks = hooks_of(profile, one.agent), mcp = profile.mcp,
    workspace = ctx.plan.workspace.dest, secrets = set_secrets(ctx, one),
    is_root = ctx.plan.user.uid == 0,
    prompt_file = not ctx.options.login and INSIDE .. PROMPT or nil,
  })
  if settings == nil then return nil, message, code, hint end
  local ok
  ok, message, code, hint = check_settings(one, settings)
  if not ok then return nil, message, code, hint end
  one.settings, one.files = settings, {}
  for _, file in ipairs(settings.files) do
    ok, message, code, hint = add_file(list, ctx, one, file)
    if not ok then return nil, message, code, hint end
  end
  return true
end

-- Whether a hook of an event may be run by an agent. One that lists its events is
-- believed; another is, when it says of a hook that it has no place for it.
local function takes(one, event)
  for _, name in ipairs(one.agent.events or {}) do
    if name == event then return true end
  end
  if one.agent.events then return false end
  for _, unused in ipairs(one.settings.unused or {}) do
    if unused.what == "hooks.agent." .. event then return false end
  end
  return true
end

local function is_taken_by_any(agents, event)
  for _, one in ipairs(agents) do
    if takes(one, event) then return true end
  end
  return false
end

-- No agent tells of an event it does not have; a newer one may have it, so that it is
-- passed on all the same.
local function warn_of_events(ctx)
  local known = {}
  for _, one in ipairs(ctx.agents) do
    for _, name in ipairs(one.agent.events or {}) do known[name] = true end
  end
  if next(known) == nil then return end
  for _, event in ipairs(sorted(ctx.profile.hooks.agent)) do
    if not known[event] and not is_taken_by_any(ctx.agents, event) then
      local origin = profiles.late_origin(ctx.profile, "hooks", "agent", event)
      item.warn(ctx.plan, ("hooks.agent: %s: '%s' is no event that is known%s"):format(origin.text,
        event, nearest.hint(event, known)), "a newer agent may have it: it is passed on as it is")
    end
  end
end

--- Adds login stores, state, settings and caches to the mounts and files of the plan.
---@param list table[]
---@param ctx table
---@return true|nil
---@return string? message
---@return string? code
---@return string? hint
function M.add_mounts(list, ctx)
  ctx.skeleton = {}
  for _, one in ipairs(ctx.agents) do
    local ok, message, code, hint = item.all({ add_login, add_state, add_settings }, list, ctx, one)
    if not ok then return nil, message, code, hint end
  end
  if ctx.profile.hooks and ctx.profile.hooks.agent then warn_of_events(ctx) end
  return add_caches(list, ctx)
end

-- Summary --------------------------------------------------------------------------------

-- The credential an agent takes, and what it stands before.
local function credentials(ctx, one)
  local list = {}
  for _, name in ipairs(one.agent.secrets) do
    for _, variable in ipairs(ctx.plan.env) do
      if variable.name == name and variable.value ~= "" then
        list[#list + 1] = { kind = "variable", name = name }
      end
    end
  end
  if one.login then list[#list + 1] = { kind = "login", name = one.login.name } end
  return list
end

-- The version that the image is built with, and who chose it. In an image of Nix it
-- is the one of nixpkgs, which nobody here knows.
local function version_of(ctx, one)
  local recipe, install = ctx.plan.image.recipe, one.agent.install
  if not recipe or recipe.backend == "nix" then return nil end
  if one.version then return one.version, one.origin end
  local top = recipe.stages and recipe.stages[#recipe.stages]
  for _, built in ipairs(top and top.kind == "agents" and top.agents or {}) do
    if built.name == one.name and built.pinned then
      return built.version, item.host(pinned.path(ctx.facts.dirs))
    end
  end
  return install and install.version, { kind = "default", text = one.agent.source or "default" }
end

--- Adds `plan.agents`, what explain tells of them, and the prompt.
---@param ctx table
---@return true
function M.add(ctx)
  local plan = ctx.plan
  if #ctx.agents == 0 then return true end
  plan.agents = {}
  for i, one in ipairs(ctx.agents) do
    local agent = one.agent
    local version, version_origin = version_of(ctx, one)
    plan.agents[i] = {
      name = one.name, title = agent.title, version = version,
      version_origin = version and version_origin or nil,
      login = one.login, credentials = credentials(ctx, one), files = one.files,
      unused = one.settings.unused or {}, runs = ctx.agent == one and ctx.agent_runs or nil,
      origin = one.origin,
    }
  end
  if not ctx.options.login then
    plan.files = plan.files or {}
    plan.files[#plan.files + 1] = {
      path = PROMPT, text = prompt.text(plan, ctx.facts), origin = item.default(),
    }
  end
  return true
end

return M
