-- SPDX-License-Identifier: MIT
-- The life of the builder: its settings read, its container made, waited for, looked at,
-- stopped and taken away. What is started and how it is worded is decided by the pure files
-- beside it.

local boxes = require("wrapix.builder.box")
local chunk = require("wrapix.profile.chunk")
local engine = require("wrapix.builder.engine")
local forms = require("wrapix.builder.forms")
local fs = require("wrapix.fs")
local image = require("wrapix.image")
local keys_of = require("wrapix.builder.keys")
local lazy = require("wrapix.lazy")
local path = require("wrapix.path")
local recipe_of = require("wrapix.builder.image")
local spec = require("wrapix.builder.spec")
local sys = require("wrapix.sys")

local ready = lazy("wrapix.builder.ready")
local port_of = lazy("wrapix.builder.port")

local M = {}

local PRIVATE_DIR = tonumber("700", 8)
local STOP_GRACE = 15
local SETTINGS_LIMIT = 1 << 20

---@class wrapix.Builder
---@field facts wrapix.Facts
---@field settings wrapix.BuilderSettings
---@field places table<string, string> see box.places
---@field engine table podman.lua or apple.lua
---@field report wrapix.Report

--- Reads the settings of this user.
---@param facts { dirs: table, cpus: integer?, memory_bytes: integer? }
---@return wrapix.BuilderSettings|nil
---@return string? message
---@return string? code "EINVAL"
---@return string? hint
function M.settings(facts)
  local host = { cpus = facts.cpus, memory_bytes = facts.memory_bytes, arch = sys.arch() }
  local file = ("%s/%s"):format(facts.dirs.config, spec.file)
  local text, message, code = fs.read(file, SETTINGS_LIMIT)
  if not text then
    if code == "ENOENT" or code == "ENOTDIR" then return spec.defaults(host) end
    return nil, message, code
  end
  local results, why = chunk.run({ source = file, text = text })
  if not results then return nil, (why:gsub("^profile: ", "builder: ")), "EINVAL" end
  local settings
  settings, why = spec.check(results[1], host)
  if not settings then
    return nil, ("builder: %s: %s"):format(path.show(file), why), "EINVAL",
      "docs/builder.md has all settings"
  end
  settings.path = file
  return settings
end

--- Opens the builder of this user on this host. Starts nothing.
---@param facts wrapix.Facts
---@param report wrapix.Report
---@return wrapix.Builder|nil
---@return string? message
---@return string? code
---@return string? hint
function M.open(facts, report)
  local settings, message, code, hint = M.settings(facts)
  if not settings then return nil, message, code, hint end
  return { facts = facts, settings = settings, places = boxes.places(facts.dirs.data),
    engine = boxes.engine(facts), report = report }
end

local function lock(builder)
  local ok, message, code = fs.ensure_dir(builder.places.root, PRIVATE_DIR)
  if not ok then return nil, message, code end
  local held
  held, message, code = fs.lock(builder.places.lock)
  if held or code ~= "EAGAIN" then return held, message, code end
  builder.report:note("waiting for another wrapix-builder command")
  return fs.lock(builder.places.lock, { wait = true })
end

--- The keys; made when there are none.
---@param builder wrapix.Builder
---@return wrapix.BuilderKeys|nil
---@return string? message
---@return string? code
---@return string? hint
function M.keys(builder)
  local held <close>, message, code = lock(builder)
  if not held then return nil, message, code end
  return keys_of.ensure(builder.places.keys)
end

--- The command line that prints what the container has written.
---@param builder wrapix.Builder
---@param opts { follow: boolean?, last: integer? }
---@return string[]
function M.logs_argv(builder, opts)
  return builder.engine.logs_argv(boxes.bare(builder.settings, builder.facts), opts)
end

--- What a client is told.
---@param builder wrapix.Builder
---@param keys wrapix.BuilderKeys
---@return wrapix.BuilderClient
function M.client(builder, keys)
  return { port = builder.settings.port, key = keys.client, host_public = keys.host_public,
    known_hosts = builder.places.known_hosts, settings = builder.settings }
end

-- Starting --------------------------------------------------------------------------------

local function ensure_image(builder)
  local target, message, code, hint = builder.settings.image, nil, nil, nil
  if not target then target, message, code, hint = recipe_of.recipe(builder.facts.env) end
  if not target then return nil, message, code, hint end
  local result
  result, message, code, hint = image.ensure(target, builder.facts, { report = builder.report })
  if not result then return nil, message, code, hint end
  return result.ref
end

--- The image a start would use, whether it is there or not.
---@param builder wrapix.Builder
---@return string|nil
---@return string? message
---@return string? code
---@return string? hint
function M.image_name(builder)
  if builder.settings.image then return builder.settings.image end
  local recipe, message, code, hint = recipe_of.recipe(builder.facts.env)
  if not recipe then return nil, message, code, hint end
  return image.reference(recipe)
end

--- The image that the next start needs: nil where this user has no builder, which is so
--- before the first `start` or `setup`, and after `reset`. Settings that cannot be read
--- count as none.
---@param facts wrapix.Facts
---@return string? ref
function M.needed_image(facts)
  if not fs.lstat(boxes.places(facts.dirs.data).known_hosts) then return nil end
  return (M.image_name({ settings = M.settings(facts) or {}, facts = facts }))
end

local function check_port(builder)
  local port = builder.settings.port
  local is_free, message, code = port_of.is_free(port)
  if is_free then return true end
  local hint = ("set another port in %s/%s"):format(builder.facts.dirs.config, spec.file)
  if code ~= "EADDRINUSE" then
    return nil, ("builder: port %d: %s"):format(port, message), code, hint
  end
  return nil, ("builder: port %d: %s listens there"):format(port,
    path.show(port_of.describe(port_of.owner(port)))), code, "end it, or " .. hint
end

--- Writes the host's key where ssh of this machine looks for it.
---@param client wrapix.BuilderClient
---@return true|nil
---@return string? message
---@return string? code
function M.write_known_hosts(client)
  return fs.write_atomic(client.known_hosts, table.concat(forms.known_hosts(client), "\n") .. "\n")
end

-- The private half of the host's key is among them; the directory is the user's alone.
local function write_files(builder, plan)
  local places = builder.places
  local ok, message, code = fs.ensure_dir(places.run, PRIVATE_DIR)
  for _, file in ipairs(ok and plan.files or {}) do
    if ok then
      ok, message, code = fs.write_atomic(places.run .. "/" .. file.name, file.text,
        { mode = file.mode })
    end
  end
  if ok then return true end
  return nil, "builder: write: " .. message, code, code == "ENOSPC" and engine.full_hint or nil
end

local function ensure_store(builder, plan)
  if plan.box.nix.dir then return fs.ensure_dir(plan.box.nix.dir) end
  local result, message, code = engine.run(builder.engine.volume_argv(plan.box))
  if not result then return nil, message, code end
  if result.code == 0 or builder.engine.is_there(result.stderr or "") then return true end
  return engine.failed(builder, "make the volume of /nix", result)
end

local function create(builder, plan)
  local ok, message, code, hint = check_port(builder)
  if ok then ok, message, code, hint = write_files(builder, plan) end
  if ok then ok, message, code, hint = ensure_store(builder, plan) end
  if not ok then return nil, message, code, hint end
  for _, warning in ipairs(plan.warnings) do builder.report:warn(warning.text, warning.hint) end
  builder.report:note(("starting %s on port %d"):format(plan.box.image, plan.box.port))
  return engine.act(builder, "start", plan.argv, engine.long)
end

-- The container has its own copy by the time it serves. A share of virtiofs belongs to
-- whoever looks at it, so a build could read the key there.
local function wait_ready(builder, plan, client, is_old)
  local ok, message, code, hint = ready.wait(builder, plan.box, client, is_old)
  if not ok then return nil, message, code, hint end
  fs.unlink(builder.places.run .. "/host_key")
  return true
end

-- One that runs already, made of these settings or of others.
local function join(builder, plan, client, state)
  if state.digest == plan.box.digest then
    local ok, message, code, hint = wait_ready(builder, plan, client, true)
    if not ok then return nil, message, code, hint end
    return { was_running = true, port = builder.settings.port }
  end
  local version, why, code = ready.greet(client)
  if version then
    builder.report:warn("builder: it was started with other settings, keys or another image",
      "`wrapix builder restart` takes the new ones; builds that run there are lost")
    return { was_running = true, is_stale = true, port = builder.settings.port }
  end
  return nil, ("builder: it was started with other settings, keys or another image, and %s")
    :format(why), code, "`wrapix builder restart`"
end

local function start_locked(builder)
  local keys, message, code, hint = keys_of.ensure(builder.places.keys)
  if not keys then return nil, message, code, hint end
  local ok, state
  ok, message, code = M.write_known_hosts(M.client(builder, keys))
  if not ok then return nil, message, code, code == "ENOSPC" and engine.full_hint or nil end
  state, message, code, hint = engine.inspect(builder, true)
  if not state then return nil, message, code, hint end
  if state.state ~= "absent" and not state.is_ours then return engine.foreign(builder) end
  local ref
  ref, message, code, hint = ensure_image(builder)
  if not ref then return nil, message, code, hint end
  local plan
  plan, message, code, hint = boxes.plan(builder.settings, builder.facts, keys, ref)
  if not plan then return nil, message, code, hint end
  local client = M.client(builder, keys)
  if state.state == "running" then return join(builder, plan, client, state) end
  if state.state == "stopped" then
    builder.report:note("it was stopped; what it built is kept")
    ok, message, code, hint = engine.remove(builder)
  end
  if ok then ok, message, code, hint = create(builder, plan) end
  if ok then ok, message, code, hint = wait_ready(builder, plan, client) end
  if not ok then return nil, message, code, hint end
  return { was_running = false, port = builder.settings.port }
end

--- Starts the builder, or joins one that runs; returns when it answers.
---@param builder wrapix.Builder
---@return { was_running: boolean, is_stale: boolean?, port: integer }|nil
---@return string? message
---@return string? code "EADDRINUSE", "EKEY", "EHOSTKEY", "ENOSPC", "ETIMEDOUT", "EEXIST", …
---@return string? hint
function M.start(builder)
  local held <close>, message, code = lock(builder)
  if not held then return nil, message, code end
  return start_locked(builder)
end

-- Stopping --------------------------------------------------------------------------------

local function stop_locked(builder)
  local state, message, code = engine.inspect(builder)
  if not state then return nil, message, code end
  if state.state ~= "running" then return { was_running = false } end
  if not state.is_ours then return engine.foreign(builder) end
  local box = boxes.bare(builder.settings, builder.facts)
  local ok, why, what, hint = engine.act(builder, "stop", builder.engine.stop_argv(box, STOP_GRACE))
  if not ok then return nil, why, what, hint end
  return { was_running = true }
end

--- Stops it; what it built stays. Fine when it does not run.
---@param builder wrapix.Builder
---@return { was_running: boolean }|nil
---@return string? message
---@return string? code
---@return string? hint
function M.stop(builder)
  local held <close>, message, code = lock(builder)
  if not held then return nil, message, code end
  return stop_locked(builder)
end

--- Stops and starts it, with the settings as they are now.
---@param builder wrapix.Builder
---@return { was_running: boolean, port: integer }|nil
---@return string? message
---@return string? code
---@return string? hint
function M.restart(builder)
  local held <close>, message, code = lock(builder)
  if not held then return nil, message, code end
  -- An image takes minutes to make, and builds go on meanwhile.
  local ok, why, what, hint = engine.inspect(builder, true)
  if ok then ok, why, what, hint = ensure_image(builder) end
  if ok then ok, why, what, hint = stop_locked(builder) end
  if not ok then return nil, why, what, hint end
  return start_locked(builder)
end

-- Looking -----------------------------------------------------------------------------------

---@class wrapix.BuilderStatus
---@field state "running"|"stopped"|"absent"
---@field ready boolean a client is answered
---@field problem string? why it is not ready, or what is wrong with the keys
---@field stale boolean? it was started with other settings
---@field port integer
---@field image string?
---@field started string?
---@field runtime string
---@field store string directory or volume
---@field key string? path of the client's key
---@field host_key string?
---@field settings string? file

--- How it stands.
---@param builder wrapix.Builder
---@return wrapix.BuilderStatus|nil
---@return string? message
---@return string? code
function M.status(builder)
  local state, message, code = engine.inspect(builder)
  if not state then return nil, message, code end
  local box = boxes.bare(builder.settings, builder.facts)
  local found = {
    state = state.state, ready = false, port = builder.settings.port, image = state.image,
    started = state.started, runtime = builder.engine.title, store = box.nix.dir or box.nix.volume,
    settings = builder.settings.path,
  }
  local keys, why = keys_of.read(builder.places.keys)
  if not keys then
    found.problem = state.state ~= "absent" and why or nil
    return found
  end
  found.key, found.host_key = keys.client, keys.host_public
  if state.state ~= "running" then return found end
  local version
  version, found.problem = ready.greet(M.client(builder, keys))
  found.ready = version ~= nil
  local name = M.image_name(builder)
  local plan = name and boxes.plan(builder.settings, builder.facts, keys, name)
  found.stale = plan ~= nil and plan and plan.box.digest ~= state.digest
  return found
end

-- Taking away ---------------------------------------------------------------------------------

local function erase(builder)
  local box, facts = boxes.bare(builder.settings, builder.facts), builder.facts
  if box.nix.dir and not fs.lstat(box.nix.dir) then return true end
  local argv = builder.engine.erase_argv(box, facts.engine.rootless == true)
  local result, message, code = engine.run(argv, engine.long)
  if not result then return nil, message, code end
  local is_gone = builder.engine.is_gone and builder.engine.is_gone(result.stderr or "")
  if result.code == 0 or is_gone then return true end
  return engine.failed(builder, "remove /nix", result)
end

local function end_container(builder)
  local state, message, code, hint = engine.inspect(builder, true)
  if not state then return nil, message, code, hint end
  if state.state == "absent" then return true end
  if not state.is_ours then return engine.foreign(builder) end
  local ok
  ok, message, code, hint = stop_locked(builder)
  if not ok then return nil, message, code, hint end
  return engine.remove(builder)
end

--- Takes the builder away, with all that was built; its image stays, and its keys unless
--- they are asked for.
---@param builder wrapix.Builder
---@param opts { keys: boolean? }?
---@return true|nil
---@return string? message
---@return string? code
---@return string? hint
function M.reset(builder, opts)
  local held <close>, message, code = lock(builder)
  if not held then return nil, message, code end
  local ok, why, what, hint = end_container(builder)
  if ok then ok, why, what, hint = erase(builder) end
  local places = builder.places
  local rest = { places.run, places.known_hosts, opts and opts.keys and places.keys or nil }
  for _, place in ipairs(ok and rest or {}) do
    if ok then ok, why, what = fs.remove_tree(place) end
  end
  if not ok then return nil, why, what, hint end
  return true
end

return M
