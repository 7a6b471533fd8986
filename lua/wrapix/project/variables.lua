-- SPDX-License-Identifier: MIT
-- The variables of a devcontainer.json, as far as they mean something to a
-- profile: ${localWorkspaceFolder}, ${containerWorkspaceFolder}, ${localEnv:X} and
-- their like. No value of the host is put in: what depends on one is refused, or
-- named so that it is looked up at each start. Pure.

local M = {}

local WORKSPACE = "/workspace"

-- What is known by its name; anything else in ${} is left as it is, as the tools
-- these files were made for leave it.
local NAMES = {
  localWorkspaceFolder = true, containerWorkspaceFolder = true, devcontainerId = true,
  localWorkspaceFolderBasename = true, containerWorkspaceFolderBasename = true,
}

local function host_variable(name, place)
  local is_source, after = place.where == "source", place.after
  if is_source and name == "HOME" and place.is_first and (after == "" or after == "/") then
    return "~"
  elseif is_source and name == "USER" and not after:find("[%w_]") then
    return "$USER"
  end
  return nil, ("needs the host's variable %s"):format(name)
end

local function folder(place)
  if place.where == "source" and place.is_first then return "." end
  return nil, "needs the workspace's path on the host"
end

local function value_of(name, place)
  if name == "containerWorkspaceFolder" then return WORKSPACE end
  if name == "containerWorkspaceFolderBasename" then return WORKSPACE:sub(2) end
  if name == "localWorkspaceFolderBasename" then return place.basename end
  if name == "devcontainerId" then return place.id end
  if name == "localWorkspaceFolder" then return folder(place) end
  local kind, variable = name:match("^(%a+):([^:]*)")
  if kind == "localEnv" or kind == "env" then
    return host_variable(variable, place)
  elseif kind == "containerEnv" then
    if place.where == "command" and variable:find("^[A-Za-z_][A-Za-z0-9_]*$") then
      return "${" .. variable .. "}"
    end
    return nil, ("needs the container's variable %s"):format(variable)
  end
end

local function is_known(name)
  local kind = name:match("^(%a+):")
  return NAMES[name] or kind == "localEnv" or kind == "env" or kind == "containerEnv"
end

--- The name of the host's variable that a text is, and nothing else.
---@param text string
---@return string?
function M.only_host(text) return text:match("^%${localEnv:([A-Za-z_][A-Za-z0-9_]*)}$") end

---@class wrapix.VariablePlace
---@field where "source"|"dest"|"env"|"command"
---@field basename string name of the workspace's directory
---@field id string stands for this project

--- A text with its variables replaced.
---@param text string
---@param place wrapix.VariablePlace
---@return string? text
---@return string? reason why it cannot be taken over
function M.replace(text, place)
  -- The usual way to say "the home directory" on every system; here this is empty.
  if place.where == "source" then text = text:gsub("%${localEnv:USERPROFILE}", "") end
  local out, from, is_first = {}, 1, true
  while true do
    local first, last, name = text:find("%${([^{}]*)}", from)
    if not first then break end
    out[#out + 1] = text:sub(from, first - 1)
    is_first = is_first and first == from
    if is_known(name) then
      local value, reason = value_of(name, {
        where = place.where, basename = place.basename, id = place.id,
        is_first = is_first, after = text:sub(last + 1, last + 1),
      })
      if not value then return nil, reason end
      out[#out + 1] = value
    else
      out[#out + 1] = text:sub(first, last)
    end
    from, is_first = last + 1, false
  end
  out[#out + 1] = text:sub(from)
  return table.concat(out)
end

return M
