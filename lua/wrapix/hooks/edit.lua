-- SPDX-License-Identifier: MIT
-- What before_start may change of a plan: a small object that gathers changes.
-- They are made by planning anew with them as options, so that a hook's mount is
-- checked like any other. Pure.

local M = {}

---@class wrapix.PlanEdit
---@field env string[]
---@field mounts string[]
---@field options table<string, any>
local Edit = {}
Edit.__index = Edit

local SINGLE = { cpus = true, memory = true, pids = true, timeout = true, network = true }

local function check_text(value, what, level)
  if type(value) ~= "string" or value:find("\0", 1, true) then
    error(what .. ": a text without NUL bytes expected", level + 1)
  end
end

---Sets a variable inside. The value is part of the plan and of the command line:
---for a secret name it in the profile's `secrets`.
---@param name string
---@param value string
function Edit:set_env(name, value)
  check_text(name, "set_env", 2)
  check_text(value, "set_env", 2)
  self.env[#self.env + 1] = name .. "=" .. value
end

---Adds a mount, written as on the command line: SRC:DST[:ro|rw][:optional].
---@param text string
function Edit:add_mount(text)
  check_text(text, "add_mount", 2)
  self.mounts[#self.mounts + 1] = text
end

---Replaces the command.
---@param argv string[]
function Edit:set_command(argv)
  if type(argv) ~= "table" or type(argv[1]) ~= "string" then
    error("set_command: a list of strings expected", 2)
  end
  self.options.command = argv
end

---Sets cpus, memory, pids, timeout or network, as the option of that name does.
---@param name string
---@param value string|number
function Edit:set(name, value)
  if not SINGLE[name] then
    error(("set: '%s' is none of cpus, memory, network, pids, timeout"):format(tostring(name)), 2)
  end
  self.options[name] = value
end

---@return boolean whether anything was changed
function Edit:is_empty()
  return #self.env == 0 and #self.mounts == 0 and next(self.options) == nil
end

---The options with the changes: later ones win.
---@param options table
---@return table
function Edit:merged(options)
  local out = {}
  for key, value in pairs(options) do out[key] = value end
  for key, value in pairs(self.options) do out[key] = value end
  for _, name in ipairs({ "env", "mounts" }) do
    if #self[name] > 0 then
      local list = table.move(options[name] or {}, 1, #(options[name] or {}), 1, {})
      out[name] = table.move(self[name], 1, #self[name], #list + 1, list)
    end
  end
  return out
end

---@return wrapix.PlanEdit
function M.new() return setmetatable({ env = {}, mounts = {}, options = {} }, Edit) end

return M
