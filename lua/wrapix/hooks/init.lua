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
-- Whoever waits for a message waits for these.
local NOTIFY_SECONDS = 10
-- Lua instructions between two looks at the clock: some milliseconds.
local STEPS = 200000

-- Where a failing hook can end the start: later there is nothing left to end.
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

-- Whatever a hook raised or gave as its reason, as one harmless line.
local function line_of(value)
  local ok, text = pcall(tostring, value)
  return log.clean(ok and text:match("^[^\n]*") or "a " .. type(value))
end

-- A hook that computes without waiting would hold up signals and clocks as well:
-- its own coroutine looks at the time. Returns what takes the look away again.
local function watch_clock(deadline, text)
  debug.sethook(function()
    if sys.clock() >= deadline then error(text, 0) end
  end, "", STEPS)
  return setmetatable({}, { __close = function() debug.sethook() end })
end

-- Nothing, and anything but false or a nil with more behind it, is consent.
local function verdict(returned)
  local first, reason = returned[1], returned[2]
  if first or (first == nil and reason == nil) then return true end
  if reason == nil or reason == "" then return nil, "gave no reason", "veto" end
  if type(reason) ~= "string" then
    return nil, ("gave a %s as its reason, not a text"):format(type(reason)), "veto"
  end
  return nil, reason, "veto"
end

-- One hook: what it returned, packed; or nil, why not, and "cut" when it was not let
-- finish.
local function attempt(fn, seconds, is_shielded, ...)
  local late = ("not done after %g s"):format(seconds)
  local out = table.pack(pcall(task.timeout, seconds, function(...)
    local _ <close> = watch_clock(sys.clock() + seconds, late)
    return table.pack(fn(...))
  end, ...))
  if out[1] and out[2] then return out[2] end
  if out[4] == "ETIMEDOUT" then return nil, late end
  if task.is_cancelled() and not is_shielded then return nil, "cut short", "cut" end
  return nil, out[1] and out[3] or out[2]
end

-- True, or nil, why not, and "veto" when it said so or "cut".
local function call(fn, ctx, seconds, is_shielded)
  local returned, msg, kind = attempt(fn, seconds, is_shielded, ctx)
  if not returned then return nil, msg, kind end
  return verdict(returned)
end

function Hooks:_seconds(default)
  local given = self._hooks.timeout
  return given and units.duration(given) or default or DEFAULT_SECONDS
end

-- Neither a veto nor a cut is an error that a profile could ask to overlook.
function Hooks:_blocks(event, kind)
  return BLOCKS[event] and (kind ~= nil or self._hooks.on_error ~= "warn")
end

function Hooks:_run_one(event, fn, ctx, where)
  local start = sys.clock()
  ctx.event = event
  local ok, msg, kind = call(fn, ctx, self:_seconds(), event == "after_exit")
  msg = not ok and line_of(msg) or nil
  self.results[#self.results + 1] = {
    event = event, where = where, ok = ok == true, seconds = sys.clock() - start, error = msg,
  }
  return ok, msg, kind
end

---Runs the hooks of an event. A hook fails when it raises, takes too long, or
---returns nil (or false) and a reason; in before_build and before_start the
---last is a veto, which no on_error overrules. A failure there ends the start and
---the later hooks do not run; elsewhere it is a warning.
---@param event string
---@param context fun(origin: wrapix.Origin): table what a hook is handed, a new one each
---@param undo fun()? called after a failure that is only a warning
---@return true|nil
---@return string? message
---@return string? code "EHOOK"
function Hooks:run(event, context, undo)
  for i, fn in ipairs(self._hooks[event] or {}) do
    local origin = profiles.field_origin(self._profile, "hooks", event, i)
    local ok, msg, kind = self:_run_one(event, fn, context(origin), origin.text)
    if not ok then
      local text = ("hook: %s (%s): %s"):format(event, origin.text, msg)
      if self:_blocks(event, kind) then return nil, text, "EHOOK" end
      self._report:warn(text)
      if undo then undo() end
    end
  end
  return true
end

local function copy(value)
  if type(value) ~= "table" then return value end
  local out = setmetatable({}, getmetatable(value))
  for key, inner in pairs(value) do out[key] = copy(inner) end
  return out
end

-- Said once for each hook: messages may come by the thousand.
function Hooks:_warn_once(where, text)
  if self._warned[where] then return end
  self._warned[where] = true
  self._report:warn(text)
end

---Takes a value through the hooks of an event. Each is handed a copy, which it may change,
---and a context. It returns nothing to let it pass, a table to put in its place, or false to drop it.
---A hook that fails lets the value pass as it was. Nothing is noted in `results`.
---@param event string
---@param value table
---@param context fun(origin: wrapix.Origin): table
---@return table|nil value nil when it is dropped
function Hooks:filter(event, value, context)
  for i, fn in ipairs(self._hooks[event] or {}) do
    local origin = profiles.field_origin(self._profile, "hooks", event, i)
    local own, ctx = copy(value), context(origin)
    ctx.event = event
    local returned, msg = attempt(fn, self:_seconds(NOTIFY_SECONDS), false, own, ctx)
    if not returned then
      self:_warn_once(origin.text, ("hook: %s (%s): %s"):format(event, origin.text, line_of(msg)))
    elseif returned[1] == false or (returned[1] == nil and returned[2] ~= nil) then
      return nil
    else
      value = type(returned[1]) == "table" and returned[1] or own
    end
  end
  return value
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
    results = {}, _warned = {}, _profile = profile, _hooks = profile.hooks or {}, _report = report,
  }, Hooks)
end

return M
