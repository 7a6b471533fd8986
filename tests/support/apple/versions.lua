-- SPDX-License-Identifier: MIT
-- The versions of Apple's CLI that the double can be, and their order. What a version
-- can do stands beside what does it (since = "0.12.0"); a version that is not on the
-- list is refused, so that nobody tests against one nothing is known about.

local M = {}

--- Facts A1, "Tag dates" and "Newest stored source"; 1.4.1 is known by its deltas alone.
M.KNOWN = { "0.9.0", "0.10.0", "0.11.0", "0.12.3", "1.0.0", "1.1.0", "1.2.2", "1.4.1" }

local function number(text)
  local major, minor, patch = text:match("^(%d+)%.(%d+)%.(%d+)$")
  if not major then error(("'%s' is no version"):format(text), 3) end
  return tonumber(major) * 1000000 + tonumber(minor) * 1000 + tonumber(patch)
end

---@class apple.Version
---@field text string
local Version = {}
Version.__index = Version

---Whether this version is the one named, or a later one.
---@param text string
---@return boolean
function Version:since(text) return self._number >= number(text) end

---Whether this version is earlier than the one named.
---@param text string
---@return boolean
function Version:before(text) return self._number < number(text) end

---Whether something with these bounds is there in this version.
---@param bounds { since: string?, before: string? }
---@return boolean
function Version:has(bounds)
  return (not bounds.since or self:since(bounds.since))
    and (not bounds.before or self:before(bounds.before))
end

---@param text string one of KNOWN
---@return apple.Version|nil, string? message
function M.of(text)
  for _, known in ipairs(M.KNOWN) do
    if known == text then
      return setmetatable({ text = text, _number = number(text) }, Version)
    end
  end
  return nil, ("version '%s' is not one of %s"):format(text, table.concat(M.KNOWN, ", "))
end

return M
