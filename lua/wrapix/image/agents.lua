-- SPDX-License-Identifier: MIT
-- Which agents a profile's image gets, and in which version: the entry's own, else
-- the pinned one, else the one of the agent's table. Reads what agents and pins say;
-- what may go into a build is judged before it (image/npm_check.lua).

local words = require("wrapix.schema.check")

local M = {}

-- The last entry of a name counts: a derived profile's comes last.
local function wanted(entries)
  local names, versions = {}, {}
  for _, entry in ipairs(entries) do
    local name, version = words.agent(entry)
    if not name then
      return nil, ("image: agent %q: is no name, nor name@version"):format(tostring(entry)), "EIMAGE"
    end
    if versions[name] == nil then names[#names + 1] = name end
    versions[name] = version or false
  end
  return names, versions
end

--- The agents of a profile that are installed; those that need no installing are
--- left out.
---@param entries string[] "name" or "name@version"
---@param source { get: fun(name: string): table?, string?, string?, string?; version: fun(name: string): string?, string?, string?, string? }
---@return wrapix.ImageAgent[]|nil
---@return string? message
---@return string? code
---@return string? hint
function M.read(entries, source)
  local names, versions, problem = wanted(entries)
  if not names then return nil, versions, problem end
  local out = {}
  for _, name in ipairs(names) do
    local agent, message, code, hint = source.get(name)
    if not agent then return nil, message, code, hint end
    local pin
    pin, message, code, hint = source.version(name)
    if not pin and message then return nil, message, code, hint end
    local install = agent.install
    if install and (install.npm or install.commands) then
      out[#out + 1] = {
        name = name, npm = install.npm, packages = install.packages, files = install.files,
        bin = install.bin, commands = install.commands,
        version = versions[name] or pin or install.version,
        pinned = not versions[name] and pin ~= nil or nil,
      }
    end
  end
  return out
end

return M
