-- What is mounted where: the tmpfs mounts of every sandbox, the workspace, the
-- session's directory, then the profile's and the options' mounts. The mount
-- language itself is wrapix.mount's. Pure but for the look at the host that
-- the injected `facts.fs` gives.
--
-- SPDX-License-Identifier: MIT

local agents = require("wrapix.plan.agents")
local git = require("wrapix.plan.git")
local item = require("wrapix.plan.item")
local lazy = require("wrapix.lazy")
local limits = require("wrapix.plan.limits")
local path = require("wrapix.path")
local places = require("wrapix.mount.places")
local profiles = require("wrapix.profile")

local mount = lazy("wrapix.mount")

local M = {}

-- Each tmpfs is a share of the memory meant for the sandbox, up to a bound:
-- home and /tmp hold package caches and builds, the others hold little.
local function add_tmpfs(list, ctx, dest, perm, share, most_mib, origin)
  list[#list + 1] = {
    type = "tmpfs",
    dest = dest,
    mode = "rw",
    size = limits.tmpfs_size(ctx, share, most_mib),
    perm = perm,
    -- The OCI runtime gives a tmpfs the mode of the image's directory below
    -- it; only as its owner can the user write there whatever the image has.
    owned = true,
    origin = origin,
  }
end

local function add_bind(list, source, dest, mode, origin)
  list[#list + 1] = { type = "bind", source = source, dest = dest, mode = mode, origin = origin }
end

local function add_own(list, ctx)
  local facts, default = ctx.facts, item.default()
  add_tmpfs(list, ctx, ctx.plan.user.home, "0700", 2, 2048, default)
  add_tmpfs(list, ctx, "/tmp", "1777", 2, 2048, default)
  add_tmpfs(list, ctx, "/var/tmp", "1777", 4, 1024, default)
  add_tmpfs(list, ctx, "/run", "0755", 8, 64, default)
  local session = facts.session.dir
  add_bind(list, session, "/run/wrapix", "ro", default)
  add_bind(list, facts.guest_dir, "/run/wrapix/bin", "ro", default)
  add_bind(list, session .. "/out", "/run/wrapix/out", "rw", default)
  add_bind(list, facts.workspace.path, "/workspace", "rw", ctx.plan.workspace.origin)
end

local function context(ctx, origin, base_dir)
  local facts = ctx.facts
  local own = {}
  for _, name in ipairs({ "runtime", "state", "data", "cache", "config" }) do
    own[#own + 1] = facts.dirs[name]
  end
  return {
    home = facts.home,
    user = facts.username,
    uid = facts.uid,
    workspace = facts.workspace.path,
    cwd = facts.cwd,
    base_dir = base_dir,
    fs = facts.fs,
    engine_sockets = places.engine_sockets(facts.env, facts.uid),
    own_dirs = own,
    origin = origin,
  }
end

local function resolve(list, ctx, spec, origin, base_dir)
  local found, message, code, hint = mount.resolve(spec, context(ctx, origin, base_dir))
  if found == nil then
    return nil, message, code, hint
  elseif found == false then
    item.skip(ctx.plan, "mount", mount.format(spec), message, origin)
    return true
  end
  list[#list + 1] = found
  return true
end

local function add_profile(list, ctx)
  for i, spec in ipairs(ctx.profile.mounts or {}) do
    local origin = profiles.late_origin(ctx.profile, "mounts", i)
    local base = profiles.base_dir(ctx.profile, "mounts", i)
    local ok, message, code, hint = resolve(list, ctx, spec, origin, base)
    if not ok then
      return nil, message, code, hint
    end
  end
  return true
end

local function add_writable(list, ctx)
  for i, place in ipairs(ctx.profile.writable or {}) do
    local dest, message, code, hint = mount.resolve_dest(place)
    if not dest then
      return nil, message, code, hint
    end
    local origin = profiles.late_origin(ctx.profile, "writable", i)
    add_tmpfs(list, ctx, dest, "0755", 4, 1024, origin)
  end
  return true
end

local function add_options(list, ctx)
  for i, text in ipairs(ctx.options.mounts or {}) do
    local spec, message, code, hint = mount.parse(text)
    if spec then
      spec, message, code, hint = resolve(list, ctx, spec, item.given(ctx, "--mount", "mounts", i))
    end
    if not spec then
      return nil, message, code, hint
    end
  end
  return true
end

-- The tmpfs a destination lies in, if the nearest mount above it is one.
local function tmpfs_above(dest, by_dest)
  local above = path.dirname(dest)
  while above ~= "/" do
    local found = by_dest[above]
    if found then
      return found.type == "tmpfs" and found or nil
    end
    above = path.dirname(above)
  end
end

-- The OCI runtime makes the missing directories above a mount point as root,
-- so that the user could not write beside it: ~/.cargo above
-- ~/.cargo/registry. Each of them becomes a tmpfs of the user.
local function add_parents(list, ctx)
  local by_dest = {}
  for _, one in ipairs(list) do
    by_dest[one.dest] = one
  end
  for i = 1, #list do
    local one = list[i]
    local root = tmpfs_above(one.dest, by_dest)
    local above = path.dirname(one.dest)
    while root and above ~= root.dest do
      if not by_dest[above] then
        add_tmpfs(list, ctx, above, "0755", 4, 1024, one.origin)
        by_dest[above] = list[#list]
      end
      above = path.dirname(above)
    end
  end
end

local function add_git(list, ctx) return git.add_mounts(list, ctx, context(ctx)) end

local function check_workspace(_, ctx)
  local workspace = ctx.facts.workspace.path
  if not utf8.len(workspace) then
    return item.refuse("workspace", "its path is not valid UTF-8, which the engine cannot pass on")
  end
  local danger = places.danger(workspace, context(ctx))
  if danger then
    local hint = "start in a project directory, or name one with -C DIR"
    return item.refuse(workspace, "cannot be a workspace: it " .. danger, hint)
  end
  return true
end

--- Adds `plan.mounts`, a directory before what lies in it.
---@param ctx { plan: table, profile: table, options: table, facts: wrapix.Facts, memory: integer }
---@return true|nil
---@return string? message
---@return string? code
---@return string? hint
function M.add(ctx)
  local list = {}
  add_own(list, ctx)
  local steps = { check_workspace, add_profile, add_writable, add_options, add_git,
    agents.add_mounts }
  local ok, message, code, hint = item.all(steps, list, ctx)
  if ok then
    ok, message, code, hint = places.collisions(list)
  end
  if not ok then
    return nil, message, code, hint
  end
  add_parents(list, ctx)
  ctx.plan.mounts = places.order(list)
  return true
end

return M
