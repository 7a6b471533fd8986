-- SPDX-License-Identifier: MIT
-- Runs a profile's hooks on the host: in order (the base profile's first), each
-- in a task of its own with a time limit. Decides what a failing hook means;
-- what a hook may do is in hooks/edit.lua and the context its caller builds.

local log = require("wrapix.log")
local profiles = require("wrapix.profile")
local sys = require("wrapix.sys")
local task = require("wrapix.task")
local units = require("wrapix.plan.units")

local M = {}

local DEFAULT_SECONDS = 60

-- What a failing hook does to the start when the profile does not say: before
-- the sandbox runs it stops the start, afterwards nothing can be stopped.
local BLOCKS = { before_build = true, before_start = true }

---@class wrapix.HookResult
---@field event string
---@field where string file:line of the hook in its profile
---@field ok boolean
---@field seconds number
---@field error string? why it failed, or the reason of its veto

---@class wrapix.Hooks
---@field results wrapix.HookResult[] of every hook that ran, in order
local Hooks = {}
Hooks.__index = Hooks

local function first_line(text) return (tostring(text):match("^[^\n]*")) end

-- One hook: true, or nil and why not; `veto` when it said no by itself.
local function call(fn, ctx, seconds)
  local out = table.pack(pcall(task.timeout, seconds, function()
    return table.pack(fn(ctx))
  end))
  if not out[1] then return nil, tostring(out[2]) end
  local returned, msg, code = out[2], out[3], out[4]
  if returned == nil then
    if code == "ETIMEDOUT" then msg = ("not done after %g s"):format(seconds) end
    return nil, msg, code == "ECANCELED" and "cancelled" or nil
  end
  if (returned[1] == nil or returned[1] == false) and type(returned[2]) == "string" then
    return nil, returned[2], "veto"
  end
  return true
end

function Hooks:_seconds()
  local given = self._hooks.timeout
  return given and units.duration(given) or DEFAULT_SECONDS
end

function Hooks:_blocks(event, kind)
  if kind == "cancelled" then return true end
  if kind == "veto" and BLOCKS[event] then return true end
  local wanted = self._hooks.on_error
  if wanted == "warn" then return false end
  return BLOCKS[event] or false
end

---Runs the hooks of an event. A hook fails when it raises, takes too long, or
---returns nil (or false) and a reason; in before_build and before_start the
---last is a veto, which no on_error overrules.
---@param event string
---@param ctx table handed to every hook
---@return true|nil
---@return string? message
---@return string? code "EHOOK"
function Hooks:run(event, ctx)
  for i, fn in ipairs(self._hooks[event] or {}) do
    local origin = profiles.field_origin(self._profile, "hooks", event, i)
    local start = sys.clock()
    ctx.event = event
    local ok, msg, kind = call(fn, ctx, self:_seconds())
    self.results[#self.results + 1] = {
      event = event, where = origin.text, ok = ok == true, seconds = sys.clock() - start,
      error = not ok and first_line(log.clean(first_line(msg))) or nil,
    }
    if not ok then
      local text = ("hook: %s (%s): %s"):format(event, origin.text, first_line(msg))
      if self:_blocks(event, kind) then return nil, text, "EHOOK" end
      self._report:warn(text)
    end
  end
  return true
end

---Whether the profile has a hook for an event.
---@param event string
---@return boolean
function Hooks:has(event) return (self._hooks[event] or {})[1] ~= nil end

---The hooks of a profile.
---@param profile table
---@param report table receives warnings; see cli/report.lua
---@return wrapix.Hooks
function M.new(profile, report)
  return setmetatable({
    results = {}, _profile = profile, _hooks = profile.hooks or {}, _report = report,
  }, Hooks)
end

return M
