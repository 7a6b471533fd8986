-- Which cgroup hierarchy this host has and which limits we could set in it.
-- Reads /proc and /sys only; starts nothing and writes nothing.
--
-- SPDX-License-Identifier: MIT

local M = {}

local WANTED = { cpu = true, memory = true, pids = true }

---@class wrapix.CgroupFacts
---@field mode "v1"|"v2"|"hybrid"
---@field controllers table<string, boolean> of cpu, memory, pids: those we may use
---@field v2_busy boolean hybrid, and the v2 half holds controllers (crun refuses that)

local function words(text)
  local set = {}
  for word in (text or ""):gmatch("%S+") do
    set[word] = WANTED[word]
  end
  return set
end

-- mountinfo: "... mountpoint options [tags] - fstype source superoptions"
local function mounts(mountinfo)
  local v1, v2, root = {}, nil, nil
  for line in mountinfo:gmatch("[^\n]+") do
    local point = line:match("^%S+ %S+ %S+ %S+ (%S+)")
    local fstype, super = line:match(" %- (%S+) %S+ (%S+)")
    if fstype == "cgroup2" then
      -- The first one is the host's own; later ones are somebody's copies.
      v2 = v2 or point
      root = root or (point == "/sys/fs/cgroup")
    elseif fstype == "cgroup" then
      for option in super:gmatch("[^,]+") do
        v1[option] = WANTED[option]
      end
    end
  end
  return v1, v2, root
end

local function own_group(cgroup)
  for line in (cgroup or ""):gmatch("[^\n]+") do
    local path = line:match("^0::(/.*)$")
    if path then
      return path == "/" and "" or path
    end
  end
end

-- With a user's systemd Podman lets it make the scope, in the slice delegated
-- to it; without, only a group we may write to ourselves would do.
local function delegated(root, fs, who)
  if who.euid == 0 then
    return words(fs.read(root .. "/cgroup.controllers"))
  end
  local bus = who.runtime_dir and fs.stat(who.runtime_dir .. "/bus")
  if bus and bus.type == "socket" then
    local service = ("%s/user.slice/user-%d.slice/user@%d.service"):format(root, who.uid, who.uid)
    local text = fs.read(service .. "/cgroup.controllers")
    if text then
      return words(text)
    end
  end
  local own = own_group(fs.read("/proc/self/cgroup"))
  if own and fs.access(root .. own .. "/cgroup.procs", "w") then
    return words(fs.read(root .. own .. "/cgroup.controllers"))
  end
  return {}
end

--- Tells the hierarchy and the controllers a container of ours can be given.
---@param fs table
---@param who { uid: integer, euid: integer, runtime_dir: string? } runtime_dir is XDG_RUNTIME_DIR
---@return wrapix.CgroupFacts
function M.read(fs, who)
  local v1, v2, is_root = mounts(fs.read("/proc/self/mountinfo") or "")
  if v2 and is_root then
    return { mode = "v2", controllers = delegated(v2, fs, who), v2_busy = false }
  end
  -- Only root may make groups in the old hierarchy.
  local controllers = who.euid == 0 and v1 or {}
  if not v2 then
    return { mode = "v1", controllers = controllers, v2_busy = false }
  end
  local held = fs.read(v2 .. "/cgroup.controllers") or ""
  return { mode = "hybrid", controllers = controllers, v2_busy = held:find("%S") ~= nil }
end

return M
