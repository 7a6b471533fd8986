-- The variables of a sandbox: what every sandbox has, then the profile's, then
-- the options'. Secrets go in by name only; their values are never looked at
-- beyond "is there one". Pure.
--
-- SPDX-License-Identifier: MIT

local agents = require("wrapix.plan.agents")
local git = require("wrapix.plan.git")
local item = require("wrapix.plan.item")
local path = require("wrapix.path")
local profiles = require("wrapix.profile")
local units = require("wrapix.plan.units")

local M = {}

local function terminal_type(facts, tty)
  if not tty then
    return "dumb", item.default()
  end
  local term = facts.env.TERM
  if term and term ~= "dumb" and term:match("^[%w.+_-]+$") then
    return term, item.host("TERM")
  end
  return "xterm-256color", item.default()
end

local function add_defaults(set, ctx)
  local plan, facts = ctx.plan, ctx.facts
  set("WRAPIX", "1", item.default())
  set("WRAPIX_SESSION_ID", plan.session, item.default())
  set("WRAPIX_PROFILE", plan.profile, item.default())
  set("HOME", plan.user.home, item.default())
  set("TERM", terminal_type(facts, plan.terminal.tty))
  if plan.terminal.tty and facts.env.COLORTERM and facts.env.COLORTERM ~= "" then
    set("COLORTERM", facts.env.COLORTERM, item.host("COLORTERM"))
  end
  -- Images seldom have locales; this one is part of libc.
  set("LANG", "C.UTF-8", item.default())
  set("TZ", facts.timezone, item.host("time zone"))
  local person = facts.git
  set("GIT_AUTHOR_NAME", person.author.name, person.origin)
  set("GIT_AUTHOR_EMAIL", person.author.email, person.origin)
  set("GIT_COMMITTER_NAME", person.committer.name, person.origin)
  set("GIT_COMMITTER_EMAIL", person.committer.email, person.origin)
  git.add_env(set, ctx)
  agents.add_env(set, ctx)
end

local function check_name(name, where)
  local ok, reason, _, hint = units.variable_name(name)
  if not ok then
    local shown = type(name) == "string" and path.show(name) or tostring(name)
    return item.refuse(where, ("%s %s"):format(shown, reason), hint)
  end
  return true
end

local function add_plain(set, name, value, origin)
  local ok, message, code, hint = check_name(name, origin)
  if not ok then
    return nil, message, code, hint
  end
  if type(value) == "number" then
    value = tostring(value)
  elseif type(value) ~= "string" then
    return item.refuse(origin, name .. " needs a text as its value")
  end
  if value:find("\0", 1, true) then
    return item.refuse(origin, name .. " holds a NUL byte, which no environment can carry")
  end
  set(name, value, origin)
  return true
end

-- An empty value counts as unset: programs take a variable that is there but
-- empty for a credential, and fail in ways that do not name it.
local function add_secret(set, ctx, name, origin)
  local ok, message, code, hint = check_name(name, origin)
  if not ok then
    return nil, message, code, hint
  end
  local value = ctx.facts.env[name]
  if value == nil or value == "" then
    local reason = value and "is empty in the environment" or "is not set in the environment"
    item.skip(ctx.plan, "secret", name, reason, origin)
    return false, reason
  end
  set(name, nil, origin)
  return true
end

local function sorted_keys(map)
  local keys = {}
  for key in pairs(map or {}) do
    keys[#keys + 1] = key
  end
  table.sort(keys, function(a, b)
    return tostring(a) < tostring(b)
  end)
  return keys
end

local function add_profile(set, ctx)
  local profile = ctx.profile
  for _, name in ipairs(sorted_keys(profile.env)) do
    local origin = profiles.late_origin(profile, "env", name)
    local ok, message, code, hint = add_plain(set, name, profile.env[name], origin)
    if not ok then
      return nil, message, code, hint
    end
  end
  for i, name in ipairs(profile.secrets or {}) do
    local origin = profiles.late_origin(profile, "secrets", i)
    local ok, message, code, hint = add_secret(set, ctx, name, origin)
    if ok == nil then
      return nil, message, code, hint
    end
  end
  return true
end

local function add_option(set, ctx, text, index)
  local origin = item.given(ctx, "-e", "env", index)
  local name, value = text:match("^([^=]*)=(.*)$")
  if name then
    return add_plain(set, name, value, origin)
  end
  local ok, reason, code, hint = add_secret(set, ctx, text, origin)
  if ok == false then
    -- Asked for by name just now, so silence would be read as "it is there".
    item.warn(ctx.plan, ("-e %s: %s, so it is not passed"):format(text, reason))
    return true
  end
  return ok, reason, code, hint
end

local function add_options(set, ctx)
  for i, text in ipairs(ctx.options.env or {}) do
    local ok, message, code, hint = add_option(set, ctx, text, i)
    if not ok then
      return nil, message, code, hint
    end
  end
  return true
end

--- Adds `plan.env`, sorted by name.
---@param ctx { plan: table, profile: table, options: table, facts: wrapix.Facts }
---@return true|nil
---@return string? message
---@return string? code
---@return string? hint
function M.add(ctx)
  local found = {}
  local function set(name, value, origin)
    found[name] = { name = name, value = value, secret = value == nil or nil, origin = origin }
  end
  add_defaults(set, ctx)
  local steps = { add_profile, add_options, git.add_git_config }
  local ok, message, code, hint = item.all(steps, set, ctx, found)
  if not ok then
    return nil, message, code, hint
  end
  for _, name in ipairs(sorted_keys(found)) do
    ctx.plan.env[#ctx.plan.env + 1] = found[name]
  end
  return true
end

return M
