-- How much a sandbox may use: memory, processors, processes, open files, time;
-- and how large its tmpfs mounts may grow. A limit this host cannot enforce is
-- skipped with its reason and one warning, never an error. Pure.
--
-- SPDX-License-Identifier: MIT

local item = require("wrapix.plan.item")
local profiles = require("wrapix.profile")
local units = require("wrapix.plan.units")

local M = {}

local GIB, MIB = 1 << 30, 1 << 20
local DEFAULT_MEMORY = 4 * GIB
local DEFAULT_PIDS = 4096

-- A limit of a process of this size or more makes programs that close every
-- descriptor at start take seconds; Linux itself stops at this many by default.
local MOST_FILES = 1048576
local MOST_PROCESSES = 4096

--- Name, what reads it, which cgroup controller enforces it with Podman (none: wrapix does).
M.known = {
  { name = "cpus", read = units.cpus, controller = "cpu" },
  { name = "memory", read = units.size, controller = "memory" },
  { name = "pids", read = units.count, controller = "pids" },
  { name = "timeout", read = units.duration },
}

local function default_value(name, facts)
  if name == "memory" then
    return math.min(DEFAULT_MEMORY, facts.memory_bytes)
  elseif name == "cpus" then
    return math.min(facts.cpus, math.max(2, facts.cpus // 2))
  elseif name == "pids" then
    return DEFAULT_PIDS
  end
end

--- Value and origin of one limit; nothing at all for a timeout nobody set.
---@param ctx table as in wrapix.plan
---@param limit table an entry of `known`
---@return number? value
---@return wrapix.Origin|string? origin or message
---@return string? code
---@return string? hint
function M.choose(ctx, limit)
  local value = ctx.options[limit.name]
  local origin = item.given(ctx, "--" .. limit.name, limit.name)
  if value == nil then
    value = (ctx.profile.limits or {})[limit.name]
    if value == nil then
      return default_value(limit.name, ctx.facts), item.default()
    end
    origin = profiles.late_origin(ctx.profile, "limits", limit.name)
  end
  local number, reason = limit.read(value)
  if not number then
    local shown = ("%s: %s %s"):format(limit.name, tostring(value), reason)
    return item.refuse(origin, shown)
  end
  return number, origin
end

local function why_not(facts)
  local cgroup = facts.cgroup
  if facts.engine.rootless and cgroup.mode ~= "v2" then
    local hint = "boot with systemd.unified_cgroup_hierarchy=1"
    return ("cgroup %s gives an ordinary user no limits"):format(cgroup.mode), hint
  end
  if facts.engine.rootless then
    local hint = "write `[Service]` and `Delegate=cpu cpuset memory pids` to "
      .. "/etc/systemd/system/user@.service.d/delegate.conf, then log in anew"
    return "the controller is not delegated to this user", hint
  end
  return "this host has no such cgroup controller"
end

local function add_chosen(ctx, limit, value, origin, missing)
  local plan, facts = ctx.plan, ctx.facts
  if limit.controller and not facts.cgroup.controllers[limit.controller] then
    local shown = limit.name == "memory" and units.format_size(value) or tostring(value)
    local what = limit.name .. "=" .. shown
    item.skip(plan, "limit", what, (why_not(facts)), origin)
    missing[#missing + 1] = limit.name
    return
  end
  plan.limits[#plan.limits + 1] = { name = limit.name, value = value, origin = origin }
end

local function add_ulimits(ctx)
  local plan, limits = ctx.plan, ctx.facts.limits
  -- More than the launcher's own hard limit the engine may not set, and its
  -- defaults are more on some hosts.
  for _, one in ipairs({
    { "nofile", limits.nofile.hard, MOST_FILES },
    { "nproc", limits.nproc.hard, MOST_PROCESSES },
  }) do
    local value = math.floor(math.min(one[2], one[3]))
    local origin = value < one[3] and item.host("hard limit of this process") or item.default()
    plan.limits[#plan.limits + 1] = { name = one[1], value = value, origin = origin }
  end
end

--- Adds `plan.limits` and `plan.timeout_seconds`, and keeps in `ctx.memory` the
--- memory the sandbox is meant to have, enforced or not.
---@param ctx { plan: table, profile: table, options: table, facts: wrapix.Facts }
---@return true|nil
---@return string? message
---@return string? code
---@return string? hint
function M.add(ctx)
  local missing = {}
  for _, limit in ipairs(M.known) do
    local value, origin, code = M.choose(ctx, limit)
    if value == nil and code then
      return nil, origin, code
    end
    if value then
      add_chosen(ctx, limit, value, origin, missing)
      ctx.memory = limit.name == "memory" and value or ctx.memory
      ctx.plan.timeout_seconds = limit.name == "timeout" and value or ctx.plan.timeout_seconds
    end
  end
  add_ulimits(ctx)
  if #missing > 0 then
    local reason, hint = why_not(ctx.facts)
    item.warn(ctx.plan, ("no limit on %s: %s"):format(table.concat(missing, ", "), reason), hint)
  end
  return true
end

--- The size of a tmpfs: a share of the memory the sandbox is meant to have,
--- up to a bound. Where no memory limit is enforced these sizes are the only
--- thing between a full /tmp and the host's memory.
---@param ctx { memory: integer }
---@param share integer 2 for a half
---@param most_mib integer
---@return integer bytes
function M.tmpfs_size(ctx, share, most_mib)
  return math.max(MIB, math.min(most_mib * MIB, ctx.memory // share))
end

return M
