-- Plan → the words Podman takes, and the meaning of the words it answers with.
-- Only this file and those in podman/ know Podman's flags. Pure: it starts
-- nothing.
--
-- SPDX-License-Identifier: MIT

local control = require("wrapix.runtime.podman.control")
local failure = require("wrapix.runtime.podman.failure")
local host = require("wrapix.plan.host")
local listing = require("wrapix.lazy")("wrapix.runtime.podman.list")
local runtime_flags = require("wrapix.runtime.flags")
local units = require("wrapix.plan.units")

local M = {}

M.name, M.title = "podman", "Podman"
M.images = require("wrapix.lazy")("wrapix.runtime.podman.images")
M.detaches, M.passes_signals, M.kill_means_gone = true, true, false

-- What wrapix decides by itself for every sandbox, with no item in the plan.
local ALWAYS = { kind = "default", text = "default" }
local DETACHED = { kind = "option", text = "--detach" }

local FIXED = {
  -- An absent image is read from the failure of this very command.
  { "image", "--pull=never" },
  -- Ctrl-P would reach the program only with the next key.
  { "terminal", "--detach-keys=" },
  -- Forwards the host's proxy variables otherwise.
  { "env", "--http-proxy=false" },
  -- Hands the host's notify socket in otherwise, under a service manager.
  { "env", "--sdnotify=ignore" },
  -- A command named like systemd would get writable kernel file systems.
  { "security", "--systemd=false" },
  -- An image's VOLUME would be a writable place outside the limits.
  { "mount", "--image-volume=ignore" },
  { "engine", "--no-healthcheck" },
  { "engine", "--stop-timeout=10" },
}

--- One field of a comma-separated value: quoted when it has to be.
---@param text string
---@return string
function M.csv_field(text)
  if text:find('[,"\r\n]') or text:find("^%s") or text:find("%s$") then
    return '"' .. text:gsub('"', '""') .. '"'
  end
  return text
end

local function mount_value(mount)
  local fields = { "type=" .. mount.type }
  local function add(text)
    fields[#fields + 1] = M.csv_field(text)
  end
  if mount.source then
    add("source=" .. mount.source)
  end
  add("destination=" .. mount.dest)
  if mount.type == "tmpfs" then
    add(("tmpfs-size=%d"):format(mount.size))
    add("tmpfs-mode=" .. mount.perm)
    -- What the image has there would be copied in with root as its owner.
    add("notmpcopyup")
    if mount.owned then
      add("U=true")
    end
  else
    add(mount.mode == "ro" and "ro=true" or "ro=false")
    -- No default of an engine, whatever its manual says.
    add("nosuid")
    add("nodev")
  end
  return table.concat(fields, ",")
end

local function add_engine(add, plan)
  local engine = plan.engine
  if engine.oci_runtime then
    add("engine", engine.oci_runtime_origin, "--runtime", engine.oci_runtime)
  end
  for _, fixed in ipairs(FIXED) do
    add(fixed[1], ALWAYS, fixed[2])
  end
end

local function add_life(add, plan)
  add("name", plan.name_origin, "--name", plan.name)
  add("name", plan.name_origin, "--hostname", plan.hostname)
  if not plan.keep then
    add("engine", ALWAYS, "--rm")
  end
  if plan.detach then
    add("terminal", DETACHED, "--detach")
    -- Nobody is attached, so the output has to be kept, within bounds.
    add("engine", DETACHED, "--log-driver=k8s-file", "--log-opt=max-size=64m",
      "--log-opt=path=" .. plan.log_path)
  else
    add("engine", ALWAYS, "--log-driver=none")
  end
  if plan.terminal.stdin then
    add("terminal", plan.terminal.origin, "--interactive")
  end
  if plan.terminal.tty then
    add("terminal", plan.terminal.origin, "--tty")
    -- An interactive shell ignores TERM; a hang-up is what a closed terminal means.
    add("terminal", plan.terminal.origin, "--stop-signal=SIGHUP")
  end
  for _, label in ipairs(plan.labels) do
    add("label", label.origin, "--label", label.name .. "=" .. label.value)
  end
end

local function add_user(add, plan)
  local user = plan.user
  if user.mode == "keep-id" then
    add("user", user.origin, "--userns=keep-id")
  end
  -- Also with keep-id, which leaves the USER of an image as it is.
  add("user", user.origin, "--user", ("%d:%d"):format(user.uid, user.gid))
  local entry = ("%s:*:%d:%d::%s:/bin/sh"):format(user.name, user.uid, user.gid, user.home)
  add("user", user.origin, "--passwd-entry", entry)
end

local function add_security(add, plan)
  local security = plan.security
  add("security", security.origin, "--cap-drop=all")
  add("security", security.origin, "--security-opt", "no-new-privileges")
  add("security", security.seccomp_origin, "--security-opt", "seccomp=" .. security.seccomp)
  if security.label then
    add("security", security.label_origin, "--security-opt", "label=" .. security.label)
  end
  if security.read_only then
    add("security", security.read_only_origin, "--read-only")
  end
end

local ENGINE_SLACK = 20

local LIMIT_FLAGS = {
  memory = function(value)
    return "--memory", units.format_size(value)
  end,
  cpus = function(value)
    return "--cpus", ("%.10g"):format(value)
  end,
  pids = function(value)
    return "--pids-limit", ("%d"):format(value)
  end,
  nofile = function(value)
    return "--ulimit", ("nofile=%d:%d"):format(value, value)
  end,
  nproc = function(value)
    return "--ulimit", ("nproc=%d:%d"):format(value, value)
  end,
  -- The launcher keeps the time itself and ends the program gracefully. The engine
  -- kills: only when the keeper of a detached one does not get to it.
  timeout = function(value, plan)
    if plan.detach then
      return "--timeout", ("%d"):format(math.ceil(value) + ENGINE_SLACK)
    end
  end,
}

local function add_limits(add, plan)
  for _, limit in ipairs(plan.limits) do
    local flag, value = LIMIT_FLAGS[limit.name](limit.value, plan)
    if flag then
      add("limit", limit.origin, flag, value)
    end
  end
end

local function add_inside(add, plan)
  add("network", plan.network.origin, "--network=" .. plan.network.backend)
  for _, server in ipairs(plan.network.dns or {}) do
    add("network", server.origin, "--dns", server.address)
  end
  for _, mount in ipairs(plan.mounts) do
    add("mount", mount.origin, "--mount", mount_value(mount))
  end
  add("workspace", plan.workspace.origin, "--workdir", plan.workspace.dest)
  for _, variable in ipairs(plan.env) do
    -- A name alone is taken from the engine's environment, so that a secret is
    -- in no command line.
    local text = variable.secret and variable.name or (variable.name .. "=" .. variable.value)
    add("env", variable.origin, "--env", text)
  end
end

local function add_command(add, plan)
  local command = plan.command
  add("command", command.origin, "--entrypoint", control.init)
  add("image", plan.image.origin, plan.image.ref)
  local words = table.move(command.value, 1, #command.value, 1, {})
  if not command.shell and not command.init then
    table.insert(words, 1, "--")
  end
  add("command", command.origin, table.unpack(words))
end

--- The flags of `podman run` for a plan, in order, each with where it comes
--- from; the last are the image and the command.
---@param plan table
---@return wrapix.Flag[]
function M.flags(plan)
  local list = {}
  local add = runtime_flags.adder(list)
  add_engine(add, plan)
  add_life(add, plan)
  add_user(add, plan)
  add_security(add, plan)
  add_limits(add, plan)
  add_inside(add, plan)
  add_command(add, plan)
  return list
end

--- The whole command line: the engine's path, `run`, and the flags.
---@param plan table
---@return string[]
function M.argv(plan) return runtime_flags.argv(plan, M.flags(plan)) end

--- The flags `podman build` needs on this host.
---@param facts wrapix.Facts
---@return string[]|nil
---@return string? message
---@return string? code
---@return string? hint
function M.build_flags(facts)
  local runtime, message, code, hint = host.runtime(facts)
  if runtime == nil then
    return nil, message, code, hint
  end
  local flags = {}
  if runtime then
    table.move({ "--runtime", runtime }, 1, 2, 1, flags)
  end
  for _, limit in ipairs({ { "nofile", 1048576 }, { "nproc", 4096 } }) do
    local value = math.floor(math.min(facts.limits[limit[1]].hard, limit[2]))
    flags[#flags + 1] = "--ulimit"
    flags[#flags + 1] = ("%s=%d:%d"):format(limit[1], value, value)
  end
  return flags
end

M.stop_argv = control.stop_argv
M.kill_argv = control.kill_argv
M.remove_argv = control.remove_argv
M.exists_argv = control.exists_argv
M.exec_argv = control.exec_argv
M.attach_argv = control.attach_argv
M.list_argv = control.list_argv
M.session_argv = control.session_argv
--- See podman/list.lua.
function M.containers(stdout) return listing.containers(stdout) end
--- See podman/list.lua.
function M.session_ids(stdout) return listing.session_ids(stdout) end
M.detach_keys = control.detach_keys
M.missing_image = failure.missing_image
M.closed_output = failure.closed_output
M.name_taken = failure.name_taken
M.failure = failure.failure
--- Podman needs no service.
function M.is_down() return false end
--- Podman needs no service.
function M.service_argv() return nil end
--- What the sandbox sees, Podman's own flags put together.
function M.stage() return nil end

return M
