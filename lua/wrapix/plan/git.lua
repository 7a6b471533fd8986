-- SPDX-License-Identifier: MIT
-- The part of a plan that git needs: what lies outside the workspace, deploy
-- keys, and the variables that tell git and ssh of them. Pure but for the look
-- at the host that the injected `facts.fs` gives.

local git = require("wrapix.git")
local item = require("wrapix.plan.item")
local keys = require("wrapix.lazy")("wrapix.keys")
local mount = require("wrapix.mount")
local path = require("wrapix.path")
local profiles = require("wrapix.profile")

local M = {}

local function add_files(plan, files, origin)
  for _, file in ipairs(files) do
    plan.files = plan.files or {}
    plan.files[#plan.files + 1] = { path = file.path, text = file.text, origin = origin }
  end
end

local function add_settings(ctx, list, origin)
  ctx.git_config = ctx.git_config or {}
  for _, pair in ipairs(list) do
    ctx.git_config[#ctx.git_config + 1] = { name = pair[1], value = pair[2], origin = origin }
  end
end

-- A mount of a plan: files that are yet to be written lie in the session's directory.
local function plan_mount(ctx, found)
  local source = found.source or ctx.facts.session.dir .. "/" .. found.file
  return {
    type = "bind", source = source, dest = found.dest, mode = found.mode,
    origin = item.host(found.text),
  }
end

-- Why one of them cannot be mounted. All or none: parts of a repository would
-- be worse than none.
local function problem_of(found, workspace, where)
  for _, one in ipairs(found.mounts) do
    local dest, message = mount.resolve_dest(one.dest)
    if not dest then return one.dest, (message:gsub("^mount: [^:]*: ", "")) end
    if dest ~= one.dest then return one.dest, "has a name with another meaning inside" end
    local is_new = one.source and one.source ~= workspace
    local danger = is_new and mount.danger(one.source, where)
    if danger then return one.source, "is not mounted: it " .. danger end
  end
end

local function add_repository(list, ctx, where)
  local plan, workspace = ctx.plan, ctx.facts.workspace.path
  local found = git.mounts(workspace, ctx.facts.fs, plan.user.uid)
  for _, one in ipairs(found.notes) do
    local reason = one.reason .. (one.hint and (" (hint: %s)"):format(one.hint) or "")
    item.skip(plan, "mount", path.show(one.what), reason, item.host("git"))
  end
  local what, reason = problem_of(found, workspace, where)
  if what then return item.skip(plan, "mount", path.show(what), reason, item.host("git")) end
  local taken = {}
  for _, one in ipairs(list) do taken[path.normalize(one.dest)] = true end
  for _, one in ipairs(found.mounts) do
    -- What somebody mounts there by name is meant.
    if not taken[one.dest] then list[#list + 1] = plan_mount(ctx, one) end
  end
  add_files(plan, found.files, item.host("git"))
  add_settings(ctx, found.git_config, item.host("git"))
  if found.workdir then plan.workspace.dest = found.workdir end
  if found.exposes then
    item.warn(plan, ("the workspace is a part of the repository %s, which can be read inside")
      :format(path.show(found.exposes)), "start in the repository, or copy the part out of it")
  end
end

-- Keys ------------------------------------------------------------------------------

local function is_signing(ctx)
  for i = #(ctx.options.env or {}), 1, -1 do
    local value = ctx.options.env[i]:match("^WRAPIX_GIT_SIGN=(.*)$")
    if value then return value ~= "0" end
  end
  local value = (ctx.profile.env or {}).WRAPIX_GIT_SIGN or ctx.facts.env.WRAPIX_GIT_SIGN
  return value ~= "0"
end

local function keys_context(ctx)
  local facts, profile = ctx.facts, ctx.profile
  local workspace, uid = facts.workspace.path, ctx.plan.user.uid
  local repo = git.find(workspace, facts.fs, uid)
  local settings = git.settings(workspace, facts.fs, uid)
  local name = profile.deploy_key
    and keys.name(profile.deploy_key, facts, settings, repo and repo.root or workspace)
  return {
    deploy_key = profile.deploy_key, ssh_agent = profile.ssh_agent, name = name or nil,
    home = facts.home, uid = uid, email = facts.git.committer.email, env = facts.env,
    sign = is_signing(ctx), settings = settings, fs = facts.fs,
  }
end

local function add_keys(list, ctx)
  local profile, plan = ctx.profile, ctx.plan
  if not (profile.deploy_key or profile.ssh_agent) then return end
  local field = profile.deploy_key and "deploy_key" or "ssh_agent"
  local origin = profiles.field_origin(profile, field)
  local found = keys.plan(keys_context(ctx))
  for _, one in ipairs(found.mounts) do
    local made = plan_mount(ctx, one)
    made.origin = origin
    list[#list + 1] = made
  end
  add_files(plan, found.files, origin)
  for _, one in ipairs(found.notes) do
    local text = ("%s: %s: %s"):format(field, path.show(one.what), one.reason)
    item.warn(plan, text, one.hint)
  end
  add_settings(ctx, found.git_config, origin)
  ctx.git_env = { values = found.env, origin = origin }
end

--- Adds what git needs to the mounts of a plan, and `plan.files`. Call it when
--- the other mounts are known; `plan.workspace.dest` may change.
---@param list table[] mounts
---@param ctx table as in wrapix.plan.mounts; git_config and git_env are set in it
---@param where wrapix.MountContext
---@return true
function M.add_mounts(list, ctx, where)
  add_repository(list, ctx, where)
  add_keys(list, ctx)
  return true
end

-- Variables -------------------------------------------------------------------------

--- Sets the variables of ssh and git; the profile's own come later and win.
---@param set fun(name: string, value: string, origin: wrapix.Origin)
---@param ctx table
function M.add_env(set, ctx)
  local env = ctx.git_env or { values = {} }
  for name, value in pairs(env.values) do set(name, value, env.origin) end
end

--- Adds settings of git behind those the profile may bring in the same way.
---@param set fun(name: string, value: string, origin: wrapix.Origin)
---@param ctx table
---@param found table<string, table> the variables so far
---@return true|nil
---@return string? message
---@return string? code
---@return string? hint
function M.add_git_config(set, ctx, found)
  local list = ctx.git_config or {}
  if #list == 0 then return true end
  local before = found.GIT_CONFIG_COUNT
  local count = math.tointeger(tonumber(before and before.value or not before and 0))
  if not count or count < 0 then
    return item.refuse(before.origin.text, "GIT_CONFIG_COUNT is not a number that can be added to")
  end
  for i, one in ipairs(list) do
    set(("GIT_CONFIG_KEY_%d"):format(count + i - 1), one.name, one.origin)
    set(("GIT_CONFIG_VALUE_%d"):format(count + i - 1), one.value, one.origin)
  end
  set("GIT_CONFIG_COUNT", ("%d"):format(count + #list), list[1].origin)
  return true
end

return M
