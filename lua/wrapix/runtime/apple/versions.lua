-- SPDX-License-Identifier: MIT
-- Which version of Apple's `container` can what: one table, from 0.9.0 on, read from
-- the sources of its tags up to 1.2.2. Later ones are taken to be as the newest that
-- was read, and the plan says so. Pure.

local M = {}

M.oldest = { 0, 9, 0 }
-- The newest whose source was read, and the newest that was heard of.
M.read = { 1, 2, 2 }
M.newest = { 1, 4, 1 }
-- Of macOS. Before it there are neither networks nor what is said here.
M.macos = { 26, 0 }

---@class wrapix.AppleAbility
---@field since integer[] the first version that has it
---@field lacks string what is missing before, as a person reads it

---@type table<string, wrapix.AppleAbility>
M.abilities = {
  sockets = { since = { 1, 1, 0 },
    lacks = "sockets of the host inside (`-v` of a socket): lease and notifications go over TCP" },
  offline = { since = { 1, 1, 0 },
    lacks = "sandboxes without a network, as the lease cannot reach them" },
  capabilities = { since = { 0, 12, 0 },
    lacks = "--cap-add and --cap-drop: the VM's first program starts with all capabilities" },
  nested_json = { since = { 1, 0, 0 }, lacks = "the present form of its JSON" },
  list_all = { since = { 0, 10, 0 },
    lacks = "`list --all` as JSON: sandboxes that have ended and are kept are not listed" },
  build_limit = { since = { 1, 0, 0 } },
  memory_floor = { since = { 0, 10, 0 } },
  name_limit = { since = { 1, 2, 0 } },
  load_prefix = { since = { 1, 0, 0 } },
  status_format = { since = { 0, 10, 0 } },
}

--- Compares two versions.
---@param a integer[]
---@param b integer[]
---@return boolean is a at least b
function M.at_least(a, b)
  for i = 1, 3 do
    local left, right = a[i] or 0, b[i] or 0
    if left ~= right then return left > right end
  end
  return true
end

--- Tells whether a version has an ability; an unknown name raises.
---@param version integer[]
---@param ability string
---@return boolean
function M.can(version, ability)
  local known = M.abilities[ability]
  if not known then error(("unknown ability %q"):format(tostring(ability)), 2) end
  return M.at_least(version, known.since)
end

--- A version as text.
---@param version integer[]
---@return string
function M.text(version)
  return ("%d.%d.%d"):format(version[1], version[2] or 0, version[3] or 0)
end

--- Reads a version: "1.2.2", "0.12", "container CLI version 1.0.0 (build: release, …)".
---@param text any
---@return integer[]|nil version major, minor, patch
function M.parse(text)
  if type(text) ~= "string" then return nil end
  local found = text:match("version%s+v?(%d[%d.]*)") or text:match("^v?(%d[%d.]*)")
  local major, minor, rest = (found or ""):match("^(%d+)%.(%d+)(.*)$")
  if not major or #major > 4 or #minor > 4 then return nil end
  local patch = rest:match("^%.(%d+)") or "0"
  return { math.tointeger(major), math.tointeger(minor), math.tointeger(patch:sub(1, 4)) }
end

--- What a version lacks that a newer one has, for people.
---@param version integer[]
---@return { text: string, since: string }[] in a fixed order
function M.missing(version)
  local list = {}
  for name, ability in pairs(M.abilities) do
    if ability.lacks and not M.can(version, name) then
      list[#list + 1] = { text = ability.lacks, since = M.text(ability.since) }
    end
  end
  table.sort(list, function(a, b) return a.text < b.text end)
  return list
end

return M
