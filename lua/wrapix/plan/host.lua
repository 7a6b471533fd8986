-- The parts of a plan that depend on the engine and the kernel: user, network,
-- confinement, and the quirks of this host. What cannot be had safely is
-- refused with the line that mends it. Pure.
--
-- SPDX-License-Identifier: MIT

local item = require("wrapix.plan.item")
local limits = require("wrapix.plan.limits")
local profiles = require("wrapix.profile")

local M = {}

M.home = "/home/wrapix"

local ADD_SUBIDS = "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s"
local NETWORKS = { "open", "none" }

local function engine_text(engine)
  return ("podman %s"):format(engine.version_text)
end

local function add_ids(plan, mode, uid, gid, origin)
  plan.user =
    { name = "wrapix", uid = uid, gid = gid, home = M.home, mode = mode, origin = origin }
end

--- Adds `plan.user`: rootless the caller, as root the owner of the workspace.
function M.add_user(ctx)
  local plan, facts = ctx.plan, ctx.facts
  local engine, workspace = facts.engine, facts.workspace
  if engine.rootless then
    if not facts.subuid then
      local hint = ADD_SUBIDS:format(facts.username)
      return item.refuse(facts.username, "has no range of subordinate ids for a container", hint)
    end
    add_ids(plan, "keep-id", facts.uid, facts.gid, item.host("your uid and gid"))
    return true
  end
  add_ids(plan, "direct", workspace.uid, workspace.gid, item.host("owner of the workspace"))
  local text = "running as root: the sandbox has no user namespace, so an escape from it is root"
  if workspace.uid == 0 then
    text = text .. "; and as root owns the workspace, the user inside is uid 0 as well"
  end
  item.warn(plan, text, "run wrapix as an ordinary user")
  return true
end

local function slirp(ctx, reason)
  local engine = ctx.facts.engine
  if not engine.slirp4netns then
    local needs = engine.version[1] >= 6 and "passt" or "slirp4netns"
    return item.refuse("network", reason .. ", and slirp4netns is missing", "apt install " .. needs)
  end
  item.warn(ctx.plan, ("network: slirp4netns, as %s; pasta is faster"):format(reason))
  return "slirp4netns"
end

local function rootless_backend(ctx)
  local facts = ctx.facts
  local engine = facts.engine
  if not facts.tun_readable then
    local hint = "sudo chmod 666 /dev/net/tun (or start with --network none)"
    return item.refuse("network", "/dev/net/tun may not be opened by this user", hint)
  end
  if not item.at_least(engine.version, 4, 4) then
    return slirp(ctx, engine_text(engine) .. " cannot use pasta")
  end
  if engine.pasta then
    return "pasta"
  end
  -- 6.0 dropped slirp4netns.
  if engine.version[1] >= 6 then
    return item.refuse("network", "pasta is missing", "apt install passt")
  end
  return slirp(ctx, "pasta is missing")
end

--- The network asked for, and by whom.
---@param ctx table as in wrapix.plan
---@return string mode not checked yet
---@return wrapix.Origin origin
function M.chosen_network(ctx)
  if ctx.options.network then
    return ctx.options.network, item.given(ctx, "--network", "network")
  elseif ctx.profile.network then
    return ctx.profile.network, profiles.late_origin(ctx.profile, "network")
  end
  return "open", item.default()
end

--- Refuses a mode of the network that is none.
---@param mode string
---@param origin wrapix.Origin
---@return true|nil
---@return string? message
---@return string? code
---@return string? hint
function M.check_network_mode(mode, origin)
  if mode == "open" or mode == "none" then return true end
  local known = table.concat(NETWORKS, ", ")
  return item.refuse(origin, ("network %q is not known (known: %s)"):format(mode, known))
end

--- Adds the name servers a profile asks for to `plan.network`. Without any the engine's
--- own way is left alone.
---@param ctx table
---@return true
function M.add_dns(ctx)
  local plan, list = ctx.plan, nil
  for i, address in ipairs(ctx.profile.dns or {}) do
    local origin = profiles.late_origin(ctx.profile, "dns", i)
    if plan.network.mode == "none" then
      item.skip(plan, "network", "dns " .. address, "the sandbox has no network", origin)
    else
      list = list or {}
      list[#list + 1] = { address = address, origin = origin }
    end
  end
  plan.network.dns = list
  return true
end

--- Adds `plan.network`: the mode asked for and what gives it here.
function M.add_network(ctx)
  local mode, origin = M.chosen_network(ctx)
  local ok, backend, message, code, hint
  ok, message, code, hint = M.check_network_mode(mode, origin)
  if not ok then return nil, message, code, hint end
  if mode == "none" then
    backend = "none"
  elseif ctx.facts.engine.rootless then
    backend, message, code, hint = rootless_backend(ctx)
    if not backend then
      return nil, message, code, hint
    end
  else
    backend = "bridge"
  end
  ctx.plan.network = { mode = mode, backend = backend, origin = origin }
  return M.add_dns(ctx)
end

--- Adds `plan.lease`: how the launcher's end reaches the sandbox. The engine shares the
--- host's kernel, so a socket in the session's directory crosses.
function M.add_lease(ctx)
  local where = item.host("the engine shares this kernel")
  ctx.plan.lease = { mode = "socket", path = "/run/wrapix/lease.sock", origin = where }
  return true
end

--- Adds `plan.limits`.
function M.add_limits(ctx) return limits.add(ctx) end

--- Which streams the program has.
---@param ctx table
---@return boolean stdin
---@return boolean tty
function M.terminal(ctx)
  local both = ctx.facts.stdin_tty and ctx.facts.stdout_tty
  -- Also without a terminal: what is piped in has to arrive, and its end too.
  -- Of a detached one only for somebody who attaches.
  return not ctx.options.detach or both, both
end

--- Looks at the whole plan once more.
function M.finish() return true end

local function seccomp_missing(engine)
  if engine.seccomp_problem then
    return item.refuse("seccomp", engine.seccomp_problem)
  end
  local hint = "apt install golang-github-containers-common (elsewhere: containers-common)"
  return item.refuse("seccomp", "the engine's profile (seccomp.json) is not on this host", hint)
end

--- A switch of the profile that widens the confinement, and who set it.
---@param ctx table
---@param field string
---@param wide boolean the value that widens
---@return boolean is_wide
---@return wrapix.Origin origin
function M.widened(ctx, field, wide)
  if ctx.profile[field] == wide then
    return true, profiles.late_origin(ctx.profile, field)
  end
  return false, item.default()
end

local function add_label(plan, engine)
  -- Binds would need relabelling, which rewrites the label of every file in
  -- the workspace.
  if engine.selinux then
    plan.security.label = "disable"
    plan.security.label_origin = item.host("SELinux is on")
    local reason = "the files of the workspace would have to be relabelled"
    item.skip(plan, "security", "SELinux separation", reason, plan.security.label_origin)
  end
end

--- Adds `plan.security`. A seccomp profile that cannot be had is a refusal.
function M.add_security(ctx)
  local engine = ctx.facts.engine
  if not engine.seccomp then
    return item.refuse("seccomp", "this kernel or engine cannot filter system calls")
  end
  local userns, userns_origin = M.widened(ctx, "userns", true)
  local writable, writable_origin = M.widened(ctx, "read_only", false)
  local seccomp = engine.seccomp_path
  if userns then
    seccomp = engine.seccomp_base
  end
  if not seccomp then
    return seccomp_missing(engine)
  end
  ctx.plan.security = {
    cap_drop = "all",
    no_new_privileges = true,
    seccomp = seccomp,
    read_only = not writable,
    userns = userns,
    origin = item.default(),
    seccomp_origin = userns_origin,
    read_only_origin = writable_origin,
  }
  add_label(ctx.plan, engine)
  return true
end

--- Tells which OCI runtime to ask for, where the engine's own would fail.
---@param facts wrapix.Facts
---@return string|false|nil path false: the engine's own will do; nil: none will
---@return string? message
---@return string? code
---@return string? hint
function M.runtime(facts)
  local runtime = facts.engine.oci_runtime
  if runtime.name ~= "crun" or not facts.cgroup.v2_busy then
    return false
  end
  if not facts.runc then
    return item.refuse("crun", "does not work with hybrid cgroups", "apt install runc")
  end
  return facts.runc
end

-- Before 1.11.1 crun left the flags off a writable bind in a user namespace.
local function drops_flags(engine)
  local runtime = engine.oci_runtime
  local major, minor, patch = (runtime.version or ""):match("^(%d+)%.(%d+)%.?(%d*)")
  if not engine.rootless or runtime.name ~= "crun" or not major then
    return false
  end
  local version = { tonumber(major), tonumber(minor) }
  if version[1] == 1 and version[2] == 11 then
    return (tonumber(patch) or 0) < 1
  end
  return not item.at_least(version, 1, 11)
end

local function use_runtime(plan, path, why)
  plan.engine.oci_runtime, plan.engine.oci_runtime_origin = path, item.host(why)
end

--- Adds `plan.engine`: the program to start and the quirks of this host.
function M.add_engine(ctx)
  local plan, facts = ctx.plan, ctx.facts
  local engine = facts.engine
  local runtime, message, code, hint = M.runtime(facts)
  if runtime == nil then
    return nil, message, code, hint
  end
  plan.engine = { path = engine.path, origin = item.host(engine_text(engine)) }
  if runtime then
    use_runtime(plan, runtime, "crun does not work with hybrid cgroups")
  elseif drops_flags(engine) then
    local why = ("crun %s does not set nosuid on writable mounts"):format(
      engine.oci_runtime.version
    )
    if facts.runc then
      use_runtime(plan, facts.runc, why)
    else
      -- No harm inside, where nothing can gain privileges anyway.
      item.skip(plan, "security", "nosuid on writable mounts", why, plan.engine.origin)
    end
  end
  return true
end

return M
