-- SPDX-License-Identifier: MIT
-- What came with the program: embedded scripts, profiles, static helpers, the
-- version.

local c = require("wrapix._c.host")

local M = {}

M.version = c.version

---A file that came with the program, or one that overrides it.
---@param name string such as "profiles/base.lua"
---@return string|nil text
---@return string? origin path or embedded name
---@return boolean? embedded
function M.script(name) return c.script(name) end

---Names of all embedded files, sorted.
---@return string[]
function M.scripts() return c.scripts() end

---Source of a built-in profile.
---@param name string
---@return string|nil
function M.profile(name) return (c.script(("profiles/%s.lua"):format(name))) end

---@return string[]
function M.profile_names()
  local names = {}
  for _, script in ipairs(c.scripts()) do
    names[#names + 1] = script:match("^profiles/([^/]+)%.lua$")
  end
  return names
end

return M
