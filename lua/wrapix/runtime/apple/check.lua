-- SPDX-License-Identifier: MIT
-- What a plan asks and this version of Apple's `container` cannot: an error that names
-- the field and where it was written, or, where the profile's `fallback` names the
-- field, a warning and an item of `skipped`. Nothing is left out in silence. Pure.

local item = require("wrapix.plan.item")
local path = require("wrapix.path")
local staging = require("wrapix.runtime.apple.staging")
local versions = require("wrapix.runtime.apple.versions")

local M = {}

--- The fields that may be named in a profile's `fallback`. User, capabilities, no new
--- privileges, read-only mounts, the lease and the network are never given up.
M.fields = { ["limits.cpus"] = true, ["limits.memory"] = true, ["limits.pids"] = true,
  mounts = true, ssh_agent = true, dns = true }

local MIB = 1 << 20
local LEAST_MEMORY = 200 * MIB
local LONGEST_NAME = 63
local UPGRADE = "brew upgrade container"
local BYTES = "holds bytes that are not UTF-8, which the CLI would change"

--- Whether a profile lets a field go.
---@param profile table
---@param field string
---@return boolean
function M.may_fall_back(profile, field)
  local fallback = profile.fallback
  if fallback == true then return true end
  for _, name in ipairs(type(fallback) == "table" and fallback or {}) do
    if name == field then return true end
  end
  return false
end

local function refuse(field, origin, reason, hint)
  local text = origin and origin.text
  local where = text and text ~= field and ("%s (%s)"):format(field, text) or field
  return item.refuse(where, reason, hint)
end

local function or_fallback(hint, field)
  return ('%s, or fallback = { "%s" } in the profile'):format(hint, field)
end

-- Limits ------------------------------------------------------------------------------

local function keep(ctx, field, value, what, reason, origin)
  if not M.may_fall_back(ctx.profile, field) then return false end
  item.skip(ctx.plan, "limit", what, reason, origin)
  item.warn(ctx.plan, ("%s (%s): %s"):format(field, origin.text, reason))
  return true, value
end

local function cpus(ctx, value, origin)
  local facts = ctx.facts
  if value ~= math.floor(value) then
    local up = math.ceil(value)
    local reason = "a VM has whole processors only, which %s is not"
    local kept, instead = keep(ctx, "limits.cpus", up, ("cpus=%.10g"):format(value),
      ("a VM has whole processors only: %d instead"):format(up), origin)
    if not kept then
      return refuse("limits.cpus", origin, reason:format(("%.10g"):format(value)),
        or_fallback(("write cpus = %d"):format(up), "limits.cpus"))
    end
    value = instead
  end
  if not facts.engine.assumed and value > facts.cpus then
    local reason = ("a VM cannot have %d processors where the Mac has %d")
    local kept, instead = keep(ctx, "limits.cpus", facts.cpus, ("cpus=%d"):format(value),
      ("the Mac has %d processors: as many instead"):format(facts.cpus), origin)
    if not kept then
      return refuse("limits.cpus", origin, reason:format(value, facts.cpus),
        or_fallback(("write cpus = %d"):format(facts.cpus), "limits.cpus"))
    end
    value = instead
  end
  return math.tointeger(value)
end

local function memory(ctx, value, origin)
  if value >= LEAST_MEMORY or not versions.can(ctx.facts.engine.version, "memory_floor") then
    return math.max(MIB, value // MIB * MIB)
  end
  local what = ("memory=%dm"):format(value // MIB)
  local kept, instead = keep(ctx, "limits.memory", LEAST_MEMORY, what,
    "a VM has at least 200 MiB: these instead", origin)
  if kept then return instead end
  return refuse("limits.memory", origin, "a VM has at least 200 MiB",
    or_fallback('write memory = "200m"', "limits.memory"))
end

-- RLIMIT_NPROC, which the kernel does not hold against uid 0. It is the uid only where wrapix
-- runs as root in a directory of root's.
local function pids(ctx, value, origin)
  if ctx.plan.user.uid == 0 then
    local reason = "has no effect on uid 0, the owner of the workspace"
    item.skip(ctx.plan, "limit", ("pids=%d"):format(value), reason, origin)
    item.warn(ctx.plan, ("limits.pids (%s): %s"):format(origin.text, reason),
      "run wrapix as an ordinary user, or chown the workspace")
  end
  return value
end

local LIMITS = { cpus = cpus, memory = memory, pids = pids }

--- The value of a limit as the CLI takes it.
---@param ctx table as in wrapix.plan
---@param name string
---@param value number
---@param origin wrapix.Origin
---@return number|nil
---@return string? message
---@return string? code
---@return string? hint
function M.limit(ctx, name, value, origin)
  local check = LIMITS[name]
  if not check then return value end
  return check(ctx, value, origin)
end

-- Mounts ------------------------------------------------------------------------------

local NO_FORM = {
  directory = "its path holds ':' and one of ',' and '=', which the CLI can be told in no way",
  file = "its path holds ':', and its directory's ',' or '=', which the CLI can be told in no way",
  socket = "its path holds ':', which `-v` cannot take",
}
local RENAME = "give it a path without ':'"
-- Where the shares are until the sandbox is put together, and nothing is afterwards.
local SHARES = "/mnt/wrapix"

local function has_form(mount)
  if staging.form(mount.source, mount.kind) then return true end
  return mount.kind == "file" and staging.form(path.dirname(mount.source), "directory") ~= nil
end

local function mount_problem(mount, version)
  local kind = mount.kind
  if kind == "socket" and not versions.can(version, "sockets") then
    return "container before 1.1.0 cannot let a socket of the host in", UPGRADE
  elseif kind ~= "directory" and kind ~= "file" and kind ~= "socket" then
    return ("is a %s, and only directories, files and sockets can be shared with a VM")
      :format(kind or "file that cannot be looked at"), "leave it out"
  elseif not utf8.len(mount.source) then
    return "its path " .. BYTES, "rename it"
  elseif not has_form(mount) then
    return NO_FORM[kind], RENAME
  end
end

-- What would be seen in its place if it were left out: nothing, or what is mounted above.
local function lies_in_bind(mount, mounts)
  for _, other in ipairs(mounts) do
    if other ~= mount and other.type == "bind" and path.is_within(other.dest, mount.dest) then
      return true
    end
  end
  return false
end

local function field_of(ctx, mount)
  local agent = ctx.profile.ssh_agent == true and mount.kind == "socket"
  return agent and ctx.git_env and ctx.git_env.origin == mount.origin and "ssh_agent" or "mounts"
end

local function drop_env(plan, dest)
  for i = #plan.env, 1, -1 do
    if plan.env[i].value == dest then table.remove(plan.env, i) end
  end
end

local function check_mount(ctx, mount)
  local plan = ctx.plan
  local version = ctx.facts.engine.version
  local reason, hint = mount_problem(mount, version)
  if not reason then return true end
  local field = mount.dest == "/workspace" and "workspace" or field_of(ctx, mount)
  local shown = ("%s: %s"):format(path.show(mount.source), reason)
  local is_needed = field == "workspace" or lies_in_bind(mount, plan.mounts)
  if is_needed or not M.may_fall_back(ctx.profile, field) then
    return refuse(field, mount.origin, shown, is_needed and hint or or_fallback(hint, field))
  end
  item.skip(plan, "mount", path.show(mount.source), reason, mount.origin)
  item.warn(plan, ("%s (%s): left out: %s"):format(field, mount.origin.text, shown))
  return false
end

local function check_place(mount)
  local field, reason, hint = mount.type == "bind" and "mounts" or "writable", nil, nil
  if path.is_within(SHARES, mount.dest) then
    reason, hint = "wrapix puts the sandbox together at " .. SHARES, "choose another place for it"
  elseif mount.dest == "/etc" then -- they would be made in the directory of the host
    reason, hint = "passwd and group of the sandbox's user are mounted there", "mount what lies in it"
  end
  if not reason then return true end
  return refuse(field, mount.origin, ("%s: %s"):format(path.show(mount.dest), reason), hint)
end

--- Looks at every mount; those that fall back are taken out of the plan.
---@param ctx table
---@return true|nil
---@return string? message
---@return string? code
---@return string? hint
function M.mounts(ctx)
  local plan, kept = ctx.plan, {}
  for _, mount in ipairs(plan.mounts) do
    local ok, message, code, hint = check_place(mount)
    if ok and mount.type == "bind" then ok, message, code, hint = check_mount(ctx, mount) end
    if ok == nil then return nil, message, code, hint end
    if ok then kept[#kept + 1] = mount else drop_env(plan, mount.dest) end
  end
  plan.mounts = kept
  return true
end

-- Words -------------------------------------------------------------------------------

-- Swift reads its arguments and the environment as UTF-8 and mends what is not.
local function check_words(ctx)
  local plan, env = ctx.plan, ctx.facts.env
  for i, word in ipairs(plan.command.value) do
    if not utf8.len(word) then
      return refuse("command", plan.command.origin, ("word %d %s"):format(i, BYTES))
    end
  end
  for _, variable in ipairs(plan.env) do
    local value = variable.secret and env[variable.name] or variable.value or ""
    if not utf8.len(value) or not utf8.len(variable.name) then
      return refuse(variable.secret and "secrets" or "env", variable.origin,
        ("%s: its value %s"):format(path.show(variable.name), BYTES))
    end
  end
  for _, label in ipairs(plan.labels) do
    if not utf8.len(label.value) then
      return refuse(label.name, label.origin, "its value " .. BYTES)
    end
  end
  return true
end

local function check_workspace(ctx)
  local plan = ctx.plan
  if plan.workspace.dest:find("[:\n\r]") then
    return refuse("workspace", plan.workspace.origin,
      ("%s: a working directory with ':' or a line break cannot be had in a VM")
        :format(path.show(plan.workspace.dest)), RENAME .. " or line break")
  end
  return true
end

local function check_name(ctx)
  local plan = ctx.plan
  if not plan.name:find("^[%w][%w_.-]+$") then
    return refuse("--name", plan.name_origin,
      ("%s: at least two of letters, digits, '_', '.' and '-' are expected")
        :format(path.show(plan.name)), "choose another --name")
  end
  if #plan.name > LONGEST_NAME and versions.can(ctx.facts.engine.version, "name_limit") then
    return refuse("--name", plan.name_origin,
      ("is longer than %d characters, the most container takes"):format(LONGEST_NAME),
      "choose a shorter --name")
  end
  return true
end

local function check_network(ctx)
  local plan, version = ctx.plan, ctx.facts.engine.version
  if plan.network.mode == "none" and not versions.can(version, "offline") then
    return refuse("network", plan.network.origin,
      ("container %s cannot reach a sandbox without a network, so its end would go unnoticed")
        :format(versions.text(version)), UPGRADE)
  end
  return true
end

local function check_detach(ctx)
  if ctx.plan.detach and ctx.agent_runs then
    return refuse("--detach", item.option("--detach"),
      "container cannot attach to a running sandbox, so nobody could talk to the agent",
      "start it at a terminal of its own, such as a pane of tmux, or give a command after --")
  end
  return true
end

--- Looks at everything else of a plan.
---@param ctx table
---@return true|nil
---@return string? message
---@return string? code
---@return string? hint
function M.rest(ctx)
  return item.all({ check_name, check_workspace, check_network, check_detach, check_words }, ctx)
end

return M
