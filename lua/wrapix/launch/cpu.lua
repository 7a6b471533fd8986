-- SPDX-License-Identifier: MIT
-- The CPU time that everything in a sandbox has used so far, from what the kernel tells
-- of its PID 1: the control group it has for itself, else its process tree. Starts no
-- process; nil where it cannot be known.

local fs = require("wrapix.fs")

local M = {}

-- What /proc counts in (USER_HZ, proc(5)): 100 on every Linux that Podman runs on.
local TICKS = 100
local LARGEST = 64 << 10

-- The groups of a process: by controller in version 1, "" for version 2.
local function groups_of(proc, pid)
  local groups = {}
  for names, path in (fs.read(("%s/%s/cgroup"):format(proc, pid), LARGEST) or "")
    :gmatch("%d+:([^:\n]*):([^\n]*)") do
    if names == "" then groups[""] = path end
    for name in names:gmatch("[^,]+") do groups[name] = path end
  end
  return groups
end

-- One that others are in too would count their time: the engine's own groups are known
-- by their name, in all of its layouts.
local function is_own(path, ours)
  return path and path:find("libpod-", 1, true) and not path:find("/..", 1, true)
    and path ~= ours and ((ours or "") .. "/"):sub(1, #path + 1) ~= path .. "/"
end

local function number(text, pattern) return tonumber((text or ""):match(pattern)) end

local function of_group(proc, groups, pid)
  local its, ours = groups_of(proc, pid), groups_of(proc, "self")
  if is_own(its[""], ours[""]) then
    for _, root in ipairs({ groups, groups .. "/unified" }) do
      local used = number(fs.read(root .. its[""] .. "/cpu.stat", LARGEST), "usage_usec (%d+)")
      if used then return used / 1e6 end
    end
  end
  if is_own(its.cpuacct, ours.cpuacct) then
    for _, name in ipairs({ "/cpuacct", "/cpu,cpuacct" }) do
      local used = number(fs.read(groups .. name .. its.cpuacct .. "/cpuacct.usage", LARGEST), "^%d+")
      if used then return used / 1e9 end
    end
  end
end

-- The fields of stat(5) behind the name, which may hold anything: the parent, and the
-- ticks of the process and of those of its children that are waited for.
local function parse_stat(text)
  local fields = {}
  for field in ((text or ""):match("^.*%)%s+(.*)$") or ""):gmatch("%S+") do
    fields[#fields + 1] = tonumber(field) or 0
  end
  if #fields < 15 then return nil end
  return { parent = fields[2], ticks = fields[12] + fields[13] + fields[14] + fields[15] }
end

-- Everything inside is below PID 1, which takes in who lost its parent.
local function of_tree(proc, pid)
  local found, children = {}, {}
  for _, name in ipairs(fs.list(proc) or {}) do
    local id = math.tointeger(tonumber(name:match("^%d+$")))
    local stat = id and parse_stat(fs.read(("%s/%d/stat"):format(proc, id), LARGEST))
    if stat then
      found[id] = stat
      children[stat.parent] = children[stat.parent] or {}
      table.insert(children[stat.parent], id)
    end
  end
  if not found[pid] then return nil end
  local ticks, stack = 0, { pid }
  while #stack > 0 do
    local id = table.remove(stack)
    ticks = ticks + found[id].ticks
    table.move(children[id] or {}, 1, #(children[id] or {}), #stack + 1, stack)
  end
  return ticks / TICKS
end

---Seconds of CPU time, of all processors together.
---@param pid integer of the sandbox's PID 1, as this process sees it
---@param places { proc: string, cgroup: string }? where the kernel tells it; for specs
---@return number? seconds
function M.seconds(pid, places)
  local proc = places and places.proc or "/proc"
  local groups = places and places.cgroup or "/sys/fs/cgroup"
  return of_group(proc, groups, pid) or of_tree(proc, pid)
end

return M
