-- SPDX-License-Identifier: MIT
-- What before_start may change of a plan: a small object that gathers changes.
-- They are made by planning anew with them as options, so that a hook's mount is
-- checked like any other. Pure.

local M = {}

---@class wrapix.PlanChange
---@field field string name of the option
---@field value any
---@field is_entry boolean? one more entry of that option, which is a list
---@field origin wrapix.Origin

---@class wrapix.PlanEdit
---@field _changes wrapix.PlanChange[]
local Edit = {}
Edit.__index = Edit

local SINGLE = { cpus = true, memory = true, pids = true, timeout = true, network = true }

-- `level` is that of error(): 3 blames the hook's line.
local function check_text(value, what, level)
  if type(value) ~= "string" then
    error(("%s: text expected, got %s"):format(what, type(value)), level + 1)
  elseif value:find("\0", 1, true) then
    error(what .. ": a text holds a NUL byte", level + 1)
  end
end

function Edit:_add(change)
  if not self._origin then error("plan: it has been made, and cannot be changed now", 3) end
  change.origin = self._origin
  self._changes[#self._changes + 1] = change
end

---Sets a variable inside. The value is part of the plan and of the command line:
---for a secret name it in the profile's `secrets`.
---@param name string
---@param value string
function Edit:set_env(name, value)
  check_text(name, "set_env", 2)
  check_text(value, "set_env", 2)
  if not name:find("^[A-Za-z_][A-Za-z0-9_]*$") then
    error(("set_env: %q is not a variable name"):format(name), 2)
  end
  self:_add({ field = "env", value = name .. "=" .. value, is_entry = true })
end

---Adds a mount, written as on the command line: SRC:DST[:ro|rw][:optional].
---@param text string
function Edit:add_mount(text)
  check_text(text, "add_mount", 2)
  self:_add({ field = "mounts", value = text, is_entry = true })
end

---Replaces the command.
---@param argv string[]
function Edit:set_command(argv)
  if type(argv) ~= "table" or #argv == 0 then
    error("set_command: a list of texts expected", 2)
  end
  for i = 1, #argv do check_text(argv[i], "set_command", 2) end
  self:_add({ field = "command", value = table.move(argv, 1, #argv, 1, {}) })
end

---Sets cpus, memory, pids, timeout or network, as the option of that name does.
---@param name string
---@param value string|number
function Edit:set(name, value)
  if not SINGLE[name] then
    error(("set: '%s' is none of cpus, memory, network, pids, timeout"):format(tostring(name)), 2)
  end
  local is_right = type(value) == "string" or type(value) == "number" and name ~= "network"
  if not is_right then error(("set: %s cannot be a %s"):format(name, type(value)), 2) end
  self:_add({ field = name, value = value })
end

---@return boolean whether anything was changed
function Edit:is_empty() return #self._changes == 0 end

---The options with the changes, later ones winning, and where those come from: an
---origin for each option, for a list a table of those of its entries.
---@param options table
---@return table options
---@return table<string, table> origins
function Edit:merged(options)
  local out, origins = {}, {}
  for key, value in pairs(options) do out[key] = value end
  for _, change in ipairs(self._changes) do
    local field = change.field
    if change.is_entry then
      if not origins[field] then
        out[field] = table.move(options[field] or {}, 1, #(options[field] or {}), 1, {})
        origins[field] = {}
      end
      out[field][#out[field] + 1] = change.value
      origins[field][#out[field]] = change.origin
    else
      out[field], origins[field] = change.value, change.origin
    end
  end
  return out, origins
end

---Says whose changes come next; they can be undone until it is said again.
---@param origin wrapix.Origin
---@return wrapix.PlanEdit
function M.of(edit, origin)
  edit._origin, edit._undo = origin, #edit._changes
  return edit
end

---Takes back what was changed since the last `of`.
---@param edit wrapix.PlanEdit
function M.undo(edit)
  for i = #edit._changes, edit._undo + 1, -1 do edit._changes[i] = nil end
end

---From here on a change raises: the plan is being made.
---@param edit wrapix.PlanEdit
function M.seal(edit) edit._origin = nil end

---@return wrapix.PlanEdit
function M.new() return setmetatable({ _changes = {} }, Edit) end

return M
