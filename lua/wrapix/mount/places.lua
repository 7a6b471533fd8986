-- SPDX-License-Identifier: MIT
-- What places on the host mean for the protection, and lists of mounts: which
-- comes first, which collide. Part of every start; the mount language is in
-- mount.lua. Asks the host only through ctx.fs.realpath.

local path = require "wrapix.path"

local M = {}

-- Host directories that are windows into the kernel and its devices.
local KERNEL = { "/proc", "/sys", "/dev" }

--- Where container engines usually listen, for a user.
---@param env table<string, string> the launcher's environment
---@param uid integer?
---@return string[]
function M.engine_sockets(env, uid)
  local list = {
    "/run/podman/podman.sock", "/run/docker.sock", "/var/run/docker.sock",
    "/run/containerd/containerd.sock", "/run/crio/crio.sock", "/run/buildkit/buildkitd.sock",
  }
  local dirs = { env.XDG_RUNTIME_DIR }
  if uid then dirs[#dirs + 1] = ("/run/user/%d"):format(uid) end
  for _, dir in ipairs(dirs) do
    list[#list + 1] = path.join(dir, "podman/podman.sock")
    list[#list + 1] = path.join(dir, "docker.sock")
  end
  for _, name in ipairs({ "CONTAINER_HOST", "DOCKER_HOST" }) do
    list[#list + 1] = (env[name] or ""):match("^unix://(/.+)$")
  end
  return list
end

--- The names of a place that count: as written and as it really is.
local function names_of(place, fs)
  local names = { path.normalize(place) }
  local real = fs.realpath(place)
  if real and real ~= names[1] then names[2] = real end
  return names
end

--- How `real` stands to a place: "is", "holds", "lies in" or nil.
local function relation(real, place, fs)
  for _, name in ipairs(names_of(place, fs)) do
    if real == name then return "is" end
    if path.is_within(real, name) then return "holds" end
    if path.is_within(name, real) then return "lies in" end
  end
end

--- Why giving a host path to a sandbox would break the protection, or nil.
--- Also right for a workspace, which is mounted read-write.
---@param real string a real path: absolute, without symbolic links
---@param ctx wrapix.MountContext
---@return string? reason
function M.danger(real, ctx)
  if real == "/" then return "is the whole file system of the host" end
  for _, place in ipairs(KERNEL) do
    if path.is_within(place, real) then return ("lies in %s of the host"):format(place) end
  end
  local rel = ctx.home and relation(real, ctx.home, ctx.fs)
  if rel == "is" then return "is the home directory" end
  if rel == "holds" then return ("holds the home directory %s"):format(path.show(ctx.home)) end
  for _, socket in ipairs(ctx.engine_sockets or M.engine_sockets({}, ctx.uid)) do
    rel = relation(real, socket, ctx.fs)
    if rel == "is" or rel == "holds" then
      return ("%s the container engine's socket %s, which gives power over the host")
        :format(rel, path.show(socket))
    end
  end
  for _, dir in ipairs(ctx.own_dirs or {}) do
    rel = relation(real, dir, ctx.fs)
    if rel then return ("%s wrapix's own directory %s"):format(rel, path.show(dir)) end
  end
end

-- Lists ----------------------------------------------------------------------

local function depth(dest)
  local _, names = path.normalize(dest):gsub("[^/]+", "")
  return names
end

--- Sorts mounts so that a directory comes before what lies in it; otherwise
--- the order stays.
---@generic T : { dest: string }
---@param list T[]
---@return T[] sorted a new list
function M.order(list)
  local rows = {}
  for i, mount in ipairs(list) do
    rows[i] = { mount = mount, depth = depth(mount.dest), index = i }
  end
  table.sort(rows, function(a, b)
    if a.depth ~= b.depth then return a.depth < b.depth end
    return a.index < b.index
  end)
  local sorted = {}
  for i, row in ipairs(rows) do sorted[i] = row.mount end
  return sorted
end

local function origin_text(mount)
  local origin = mount.origin
  local text = type(origin) == "table" and origin.text or origin
  return type(text) == "string" and text or "an unnamed place"
end

--- Refuses two mounts at one place of the container.
---@param list { dest: string, origin: any }[]
---@return true? fine
---@return string? message names both origins
---@return string? code "EEXIST"
function M.collisions(list)
  local seen = {}
  for _, mount in ipairs(list) do
    local dest = path.normalize(mount.dest)
    if seen[dest] then
      return nil, ("mount: %s: two mounts at one place, from %s and from %s")
        :format(path.show(dest), origin_text(seen[dest]), origin_text(mount)), "EEXIST",
        "give one of them another dest, or drop it"
    end
    seen[dest] = mount
  end
  return true
end

return M
