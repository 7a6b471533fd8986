-- SPDX-License-Identifier: MIT
-- Whether the agents of a stage may be built: every word of them goes into a shell.
-- Asked before each build of such a stage, so that it does not matter which way they
-- came into it; a start that builds nothing pays nothing. Pure.

local commands = require("wrapix.lazy")("wrapix.image.commands")
local words = require("wrapix.schema.check")

local M = {}

local function refuse(agent, reason)
  return nil, ("image: agent %s: %s"):format(tostring(agent.name), reason), "EIMAGE"
end

local function is_path(text)
  return type(text) == "string" and #text <= 512 and text:find("^[%w@._+/-]+$") ~= nil
    and not ("/" .. text .. "/"):find("/%.%.?/")
end

-- A package that comes with the system's own places could replace parts of it.
local function is_own_place(text)
  return is_path(text) and (text:find("^/opt/[^/]") or text:find("^/usr/local/[^/]")) ~= nil
end

--- Whether a text is the name of a package of npm.
---@param text any
---@return boolean
function M.is_package(text)
  if type(text) ~= "string" or #text > 214 then return false end
  return (text:gsub("^@[a-z0-9][a-z0-9._-]*/", "")):find("^[a-z0-9][a-z0-9._-]*$") ~= nil
end

local function check_files(agent)
  for _, file in ipairs(agent.files or {}) do
    if not is_path(file.from) or file.from:sub(1, 1) == "/" or not is_own_place(file.to)
      or (file.mode or 0) & ~511 ~= 0 then
      return refuse(agent, ("%s → %s: is no file below node_modules and a place below /opt or"
        .. " /usr/local"):format(tostring(file.from), tostring(file.to)))
    end
  end
  return true
end

local function check_links(agent)
  for _, link in ipairs(agent.bin) do
    local name, target = link.name, link.target
    local is_name = type(name) == "string" and #name <= 128 and name:find("^[%w][%w._-]*$")
    local is_target = is_path(target) and (target:sub(1, 1) ~= "/" or is_own_place(target))
    local is_tree = agent.npm and not agent.files
    if not is_name or not is_target or (not is_tree and target:sub(1, 1) ~= "/") then
      return refuse(agent, ("command %s → %s: is no name and place of a program")
        :format(tostring(name), tostring(target)))
    end
  end
  return true
end

local function check_one(agent)
  if not words.is_word(agent.name) then return refuse(agent, "is no name") end
  if agent.commands then
    local reason = agent.npm and "comes from npm or by commands, not both"
      or commands.problem(agent.commands)
    if reason then return refuse(agent, reason) end
  elseif not M.is_package(agent.npm) then
    return refuse(agent, "names no package of npm")
  end
  if not words.is_version(agent.version) then
    return refuse(agent, ("%q is no version such as 1.2.3"):format(tostring(agent.version)))
  end
  -- To npm a part of a version is a range: what it stands for changes, the image's name does not.
  if agent.npm and not agent.version:find("^%d+%.%d+%.%d+") then
    return refuse(agent, ("%q is a range of versions, and one is needed, such as 1.2.3")
      :format(agent.version))
  end
  local ok, message, code = check_links(agent)
  if not ok then return nil, message, code end
  return check_files(agent)
end

--- Checks the agents of a stage.
---@param agents wrapix.StageAgent[]
---@return true|nil
---@return string? message
---@return string? code "EIMAGE"
function M.check(agents)
  for _, agent in ipairs(agents) do
    local ok, message, code = check_one(agent)
    if not ok then return nil, message, code end
  end
  return true
end

return M
