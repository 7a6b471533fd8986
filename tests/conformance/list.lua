-- SPDX-License-Identifier: MIT
-- The list of behaviours, one for all runtimes: the areas in the order of the document.
-- It runs nothing.
--
-- A behaviour has an id, words that a user understands (`says`), and one of
--   run(t)                 drives the program and raises when something is wrong;
--   inside, check(t, answer, ctx)   a script for a sandbox that the members of a `group`
--                          share, and what to say of its answer { out, code }; given(t, given)
--                          adds to what the sandbox is started with and returns ctx;
--   group = "detached" or "image", check(t, thing)   looks at the sandbox in the background,
--                          or the image, that the area's begin(t) has made.
-- `alone`: nothing else may run meanwhile. `lacks`: where it cannot be had, why, and what is
-- answered instead, which is checked; try(t) is then the start that has to answer so.

local M = {}

---@class conformance.Behaviour
---@field id string AREA.NAME
---@field says string
---@field run fun(t: conformance.World)?
---@field group string?
---@field given fun(t: conformance.World, given: table): any
---@field inside string?
---@field check function?
---@field try fun(t: conformance.World): table
---@field alone boolean?
---@field lacks conformance.Lack[]?

local NAMES = {
  "inside", "workspace", "mounts", "ownership", "environment", "secrets", "status", "signals",
  "terminal", "streams", "limits", "network", "notifications", "lease", "commands", "images",
  "explain",
}

---@type { name: string, title: string, behaviours: conformance.Behaviour[] }[]
M.areas = {}
---@type conformance.Behaviour[]
M.all = {}
---@type table<string, conformance.Behaviour>
M.by_id = {}

local function add(behaviour, area)
  local id = behaviour.id
  assert(id:find("^" .. area .. "%.[%l%d-]+$"), id)
  assert(not M.by_id[id], id .. " is there twice")
  assert(type(behaviour.says) == "string" and (behaviour.run or behaviour.group), id)
  assert(not behaviour.group or behaviour.check, id)
  M.by_id[id], M.all[#M.all + 1] = behaviour, behaviour
end

for _, name in ipairs(NAMES) do
  local area = require("conformance.areas." .. name)
  M.areas[#M.areas + 1] = { name = name, title = area.title, behaviours = area }
  for _, behaviour in ipairs(area) do add(behaviour, name) end
end

--- The behaviours that words mean: ids, or the names of areas; all if there are none.
---@param words string[]
---@return conformance.Behaviour[]|nil
---@return string? message
function M.select(words)
  if #words == 0 then return M.all end
  local chosen, list = {}, {}
  for _, word in ipairs(words) do
    local found = false
    for _, one in ipairs(M.all) do
      if one.id == word or one.id:match("^%l+") == word then chosen[one], found = true, true end
    end
    if not found then return nil, word .. ": no such behaviour, nor area" end
  end
  for _, one in ipairs(M.all) do
    if chosen[one] then list[#list + 1] = one end
  end
  return list
end

return M
