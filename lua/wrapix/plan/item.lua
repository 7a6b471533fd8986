-- Small makers shared by the parts of a plan: origins, skipped items, warnings
-- and refusals in their one form. Pure.
--
-- SPDX-License-Identifier: MIT

local M = {}

---@class wrapix.Origin
---@field kind "profile"|"option"|"default"|"host"|"image"|"hook"
---@field text string what `explain` prints
---@field layer string? name of the profile layer

---@return wrapix.Origin
function M.default()
  return { kind = "default", text = "default" }
end

---@param text string the option as the user knows it, such as "--memory"
---@return wrapix.Origin
function M.option(text)
  return { kind = "option", text = text }
end

--- The origin of a value among the options: whoever put it there (a hook, see
--- `ctx.origins`), else the option itself.
---@param ctx table
---@param text string the option as the user knows it
---@param field string its name among the options
---@param index integer? of an entry, when it is a list
---@return wrapix.Origin
function M.given(ctx, text, field, index)
  local origin = ctx.origins and ctx.origins[field]
  if origin and index then origin = origin[index] end
  return origin or M.option(text)
end

---@param text string what of the host decided it
---@return wrapix.Origin
function M.host(text)
  return { kind = "host", text = text }
end

--- Refuses the plan: a message in the form `plan: object: reason`, and the one
--- line that would mend it.
---@param object string|wrapix.Origin what is refused, or where it was written
---@param reason string
---@param hint string?
---@return nil
---@return string message
---@return "EPLAN" code
---@return string? hint
function M.refuse(object, reason, hint)
  local shown = type(object) == "table" and object.text or object
  return nil, ("plan: %s: %s"):format(shown, reason), "EPLAN", hint
end

--- Runs steps one after another up to the first that fails.
---@param steps (fun(...): any)[]
---@return true|nil
---@return string? message
---@return string? code
---@return string? hint
function M.all(steps, ...)
  for _, step in ipairs(steps) do
    local ok, message, code, hint = step(...)
    if not ok then
      return nil, message, code, hint
    end
  end
  return true
end

--- Notes that something asked for is not in the plan.
---@param plan table
---@param kind "mount"|"env"|"limit"|"secret"|"security"
---@param what string
---@param reason string
---@param origin wrapix.Origin
function M.skip(plan, kind, what, reason, origin)
  plan.skipped[#plan.skipped + 1] = { kind = kind, what = what, reason = reason, origin = origin }
end

--- Notes something the user should read before the sandbox starts.
---@param plan table
---@param text string
---@param hint string?
function M.warn(plan, text, hint)
  plan.warnings[#plan.warnings + 1] = { text = text, hint = hint }
end

--- Tells whether a version is at least `major.minor`.
---@param version integer[]
---@param major integer
---@param minor integer
---@return boolean
function M.at_least(version, major, minor)
  if version[1] ~= major then
    return version[1] > major
  end
  return version[2] >= minor
end

return M
