-- SPDX-License-Identifier: MIT
-- The parts of a plan that Apple's `container` decides: a VM of its own for each
-- sandbox, so the user, the limits and the confinement are made inside it, by
-- wrapix-vm. Beside plan/host.lua, which is Podman's. Pure.

local check = require("wrapix.runtime.apple.check")
local item = require("wrapix.plan.item")
local lazy = require("wrapix.lazy")
local limits = require("wrapix.plan.limits")
local path = require("wrapix.path")
local versions = require("wrapix.runtime.apple.versions")

local host = lazy("wrapix.plan.host")

local M = {}

local HOME = "/home/wrapix"
-- Of a VM's own kernel (fs.nr_open).
local MOST_FILES = 1048576

local UPGRADE = "brew upgrade container, or the installer from github.com/apple/container"

local function engine_text(engine)
  local text = ("container %s"):format(engine.version_text or versions.text(engine.version))
  return engine.assumed and text .. ", assumed" or text
end

local function check_version(plan, engine)
  local version = engine.version
  if not versions.at_least(version, versions.oldest) then
    return item.refuse(engine.path, ("is container %s, and %s is the oldest that works")
      :format(versions.text(version), versions.text(versions.oldest)), UPGRADE)
  end
  if not versions.at_least(versions.newest, version) then
    item.warn(plan, ("container %s is newer than what wrapix knows: it is treated as %s")
      :format(versions.text(version), versions.text(versions.newest)))
  end
  return true
end

local function check_macos(engine)
  local macos = engine.macos
  if engine.assumed or not macos or versions.at_least(macos, versions.macos) then return true end
  return item.refuse("macOS", ("is %d.%d, and sandboxes need 26 or newer")
    :format(macos[1], macos[2] or 0), "softwareupdate --install --all")
end

--- Adds `plan.engine`: the program to start, and its version.
function M.add_engine(ctx)
  local plan, engine = ctx.plan, ctx.facts.engine
  plan.engine = { name = "container", path = engine.path, version = engine.version,
    origin = item.host(engine_text(engine)) }
  if engine.assumed then
    item.warn(plan, ("what container %s would be told; it was not looked for on this host")
      :format(versions.text(engine.version)))
  end
  return item.all({ function() return check_version(plan, engine) end,
    function() return check_macos(engine) end })
end

-- A name that useradd would take as well: wrapix-vm writes it into a line of passwd.
local function is_user_name(text)
  return type(text) == "string" and #text <= 32 and text:find("^[%a_][%w_.-]*$") ~= nil
    and text ~= "root"
end

--- Adds `plan.user`: the caller, made inside the VM by name and ids.
function M.add_user(ctx)
  local plan, facts = ctx.plan, ctx.facts
  local uid, gid, why = facts.uid, facts.gid, "your uid and gid"
  if facts.euid == 0 then
    uid, gid, why = facts.workspace.uid, facts.workspace.gid, "owner of the workspace"
    item.warn(plan, "running as root: container keeps its VMs and images for each user apart",
      "run wrapix as an ordinary user")
  end
  local name = facts.euid ~= 0 and is_user_name(facts.username) and facts.username or "wrapix"
  plan.user = { name = name, uid = uid, gid = gid, home = HOME, mode = "vm",
    origin = item.host(why) }
  return true
end

--- Adds `plan.network`.
function M.add_network(ctx)
  local mode, origin = host.chosen_network(ctx)
  local ok, message, code, hint = host.check_network_mode(mode, origin)
  if not ok then return nil, message, code, hint end
  ctx.plan.network = { mode = mode, backend = mode == "none" and "none" or "default",
    origin = origin }
  return host.add_dns(ctx)
end

--- Adds `plan.security`: all of it is done inside the VM.
function M.add_security(ctx)
  local userns, userns_origin = host.widened(ctx, "userns", true)
  local writable, writable_origin = host.widened(ctx, "read_only", false)
  ctx.plan.security = {
    cap_drop = "all", no_new_privileges = true, seccomp = "guest",
    read_only = not writable, userns = userns,
    origin = item.default(), seccomp_origin = userns_origin, read_only_origin = writable_origin,
  }
  return true
end

-- Which sockets the session serves; what a script hands over, the launch adds.
local SOCKETS = { "lease.sock", "notify.sock" }

--- Adds `plan.lease` and `plan.crossing`: how the sockets of the session get into the VM.
function M.add_lease(ctx)
  local plan, engine = ctx.plan, ctx.facts.engine
  local mode = versions.can(engine.version, "sockets") and "socket" or "tcp"
  local why = mode == "socket" and "container relays sockets from 1.1.0 on"
    or "container relays no sockets before 1.1.0"
  local origin = item.host(why)
  plan.lease = { mode = mode, path = "/run/wrapix/lease.sock", origin = origin }
  plan.crossing = { mode = mode, dir = ctx.facts.session.dir, sockets = {}, origin = origin,
    gateway = mode == "tcp" and engine.gateway or nil }
  for i, name in ipairs(SOCKETS) do plan.crossing.sockets[i] = { name = name } end
  if mode == "socket" and plan.crossing.dir:find(":", 1, true) then
    return item.refuse(plan.crossing.dir, "holds ':', and `-v` splits at it: the lease cannot cross",
      "set XDG_RUNTIME_DIR to a directory without it")
  end
  return true
end

-- Limits ------------------------------------------------------------------------------

local NOTES = {
  pids = "counts the processes of this user in the VM",
  memory = "of the whole VM, without swap",
  cpus = "of the VM",
}

local function add_limit(ctx, limit)
  local value, origin, code, hint = limits.choose(ctx, limit)
  if value == nil then
    if code then return nil, origin, code, hint end
    return true
  end
  local kept, message
  kept, message, code, hint = check.limit(ctx, limit.name, value, origin)
  if not kept then return nil, message, code, hint end
  local plan = ctx.plan
  plan.limits[#plan.limits + 1] =
    { name = limit.name, value = kept, origin = origin, note = NOTES[limit.name] }
  if limit.name == "memory" then ctx.memory = kept end
  if limit.name == "timeout" then plan.timeout_seconds = kept end
  return true
end

--- Adds `plan.limits`: processors and memory are the VM's, the rest is kept inside it.
function M.add_limits(ctx)
  for _, limit in ipairs(limits.known) do
    local ok, message, code, hint = add_limit(ctx, limit)
    if not ok then return nil, message, code, hint end
  end
  local hard = ctx.facts.limits.nofile.hard
  local value = math.floor(math.min(hard, MOST_FILES))
  ctx.plan.limits[#ctx.plan.limits + 1] = { name = "nofile", value = value,
    origin = value < MOST_FILES and item.host("hard limit of this process") or item.default() }
  return true
end

-- The rest ----------------------------------------------------------------------------

-- What a source is decides how it gets into the VM. Of the session's own directory
-- nothing is there yet.
local function look_at(mount, facts)
  if mount.make or mount.source == facts.guest_dir or mount.source == facts.workspace.path
    or path.is_within(facts.session.dir, mount.source) then
    return "directory"
  end
  local stat = facts.fs.stat(mount.source)
  return stat and stat.type, stat and stat.type == "file" and stat.size or nil
end

--- Looks at the whole plan: what its mounts are, and what this version cannot do.
---@param ctx table
---@return true|nil
---@return string? message
---@return string? code
---@return string? hint
function M.finish(ctx)
  for _, mount in ipairs(ctx.plan.mounts) do
    if mount.type == "bind" then mount.kind, mount.bytes = look_at(mount, ctx.facts) end
  end
  return item.all({ check.mounts, check.rest }, ctx)
end

-- A terminal needs somebody at it from the start: nothing attaches later.
--- Tells whether the sandbox has a terminal, and whether it has stdin.
---@param ctx table
---@return boolean stdin
---@return boolean tty
---@return wrapix.Origin? origin nil: as for any engine
function M.terminal(ctx)
  local facts = ctx.facts
  local both = facts.stdin_tty and facts.stdout_tty
  if ctx.options.detach then
    return false, false, both and item.host("container cannot attach to a running sandbox") or nil
  end
  return true, both
end

return M
