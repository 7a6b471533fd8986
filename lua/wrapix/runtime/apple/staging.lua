-- SPDX-License-Identifier: MIT
-- Plan → what is shared with the VM, and `vm.conf`, by which wrapix-vm puts together
-- inside what the sandbox sees (docs/architecture.md, "Two runtimes"). Everything gets
-- a flat place below /mnt/wrapix. Pure: it names what is to be copied and copies nothing.

local path = require("wrapix.path")

local M = {}

local ROOT = "/mnt/wrapix"
local INSIDE = "/run/wrapix"

-- A file up to this size is copied when it is only read, so that nothing else of its
-- directory is in the VM. To copy a larger one takes too long.
M.LARGEST_COPY = 16 << 20

local MIB = 1 << 20

---@class wrapix.AppleShare
---@field source string directory, file or socket of the host
---@field at string place in the VM
---@field mode "ro"|"rw"
---@field form "volume"|"mount" how the CLI is told
---@field what string kind of the flag
---@field origin wrapix.Origin

---@class wrapix.AppleStep a line of vm.conf
---@field words string[]
---@field origin wrapix.Origin
---@field what string

--- How the CLI can be told of a source, or nil. `-v` splits at colons, `--mount` at
--- commas and equal signs, and neither knows a way around; files and sockets go by `-v` only.
---@param source string
---@param kind "directory"|"file"|"socket"
---@return "volume"|"mount"|nil form
function M.form(source, kind)
  if not source:find(":", 1, true) then return "volume" end
  if kind == "directory" and not source:find("[,=]") then return "mount" end
end

-- Shares ------------------------------------------------------------------------------

local function add_directory(layout, source, mode, origin, at, what)
  local share = layout.by_source[source]
  if not share then
    layout.count = layout.count + (at and 0 or 1)
    share = { source = source, at = at or ("%s/%d"):format(ROOT, layout.count), mode = mode,
      form = M.form(source, "directory"), origin = origin, what = what or "mount" }
    layout.by_source[source] = share
    layout.shares[#layout.shares + 1] = share
  end
  if mode == "rw" then share.mode = "rw" end
  return share
end

local function is_single(mount)
  return mount.kind == "file" and (mount.mode == "rw" or (mount.bytes or 0) > M.LARGEST_COPY)
end

-- A file the CLI shares by sharing its directory; a share of that directory itself would
-- be dropped. So where there is one, or where two files lie in one directory, or the path
-- has a colon, the file is taken out of its directory's share.
local function needs_directory(layout, mount, siblings)
  local dir = path.dirname(mount.source)
  return layout.by_source[dir] or siblings[dir] > 1 or not M.form(mount.source, "file")
end

local function add_single(layout, mount, siblings)
  if needs_directory(layout, mount, siblings) then
    local share = add_directory(layout, path.dirname(mount.source), mount.mode, mount.origin)
    layout.places[mount] = ("%s/%s"):format(share.at, path.basename(mount.source))
    return
  end
  layout.singles = layout.singles + 1
  local at = ("%s/f%d"):format(ROOT, layout.singles)
  layout.shares[#layout.shares + 1] = { source = mount.source, at = at, mode = mount.mode,
    form = "volume", origin = mount.origin, what = "mount" }
  layout.places[mount] = at
end

local function add_copy(layout, mount)
  local name = ("vm/files/%d"):format(#layout.copies + 1)
  layout.copies[#layout.copies + 1] = { source = mount.source, path = name }
  layout.places[mount] = ("%s/%s"):format(ROOT, name)
end

local function add_socket(layout, source, origin)
  layout.sockets = layout.sockets + 1
  local at = ("%s/s%d"):format(ROOT, layout.sockets)
  layout.shares[#layout.shares + 1] = { source = source, at = at, mode = "rw", form = "volume",
    origin = origin, what = "socket", is_socket = true }
  return at
end

--- The host's directory of what the sandbox sees as /run/wrapix.
---@param plan table
---@return string?
function M.session_dir(plan)
  for _, mount in ipairs(plan.mounts) do
    if mount.dest == INSIDE then return mount.source end
  end
end

local OWN = { [INSIDE] = true, [INSIDE .. "/bin"] = true, [INSIDE .. "/out"] = true }

-- The session's own files are staged as a whole.
local function place_of_session(mount, dir)
  if dir and path.is_within(dir, mount.source) then
    return ROOT .. "/vm/run" .. mount.source:sub(#dir + 1)
  end
end

local function add_own(layout, plan, dir)
  for _, mount in ipairs(plan.mounts) do
    if mount.dest == INSIDE .. "/bin" then
      add_directory(layout, mount.source, "ro", mount.origin, ROOT .. "/bin", "engine")
    elseif mount.dest == INSIDE .. "/out" then
      add_directory(layout, mount.source, "rw", mount.origin, ROOT .. "/out", "engine")
    elseif mount.dest == INSIDE then
      local source = path.dirname(dir) .. "/vm"
      add_directory(layout, source, "ro", mount.origin, ROOT .. "/vm", "engine")
    end
  end
end

local function binds_of(plan)
  local list, i = plan.mounts, 0
  return function()
    repeat i = i + 1 until not list[i] or (list[i].type == "bind" and not OWN[list[i].dest])
    return list[i]
  end
end

local function add_directories(layout, plan, dir)
  for mount in binds_of(plan) do
    local inside = place_of_session(mount, dir)
    if inside then
      layout.places[mount] = inside
    elseif mount.kind == "directory" then
      layout.places[mount] = add_directory(layout, mount.source, mount.mode, mount.origin).at
    end
  end
end

local function add_files(layout, plan)
  local siblings = {}
  for mount in binds_of(plan) do
    local parent = path.dirname(mount.source)
    if not layout.places[mount] and is_single(mount) then
      siblings[parent] = (siblings[parent] or 0) + 1
    end
  end
  for mount in binds_of(plan) do
    if not layout.places[mount] and mount.kind == "file" then
      if is_single(mount) then add_single(layout, mount, siblings) else add_copy(layout, mount) end
    end
  end
end

-- Sockets of the session first: their number does not depend on the profile.
local function add_sockets(layout, plan)
  local crossing = plan.crossing
  if crossing and crossing.mode == "socket" then
    for _, one in ipairs(crossing.sockets) do
      layout.served[one.name] = add_socket(layout, ("%s/%s"):format(crossing.dir, one.name),
        crossing.origin)
    end
  end
  for mount in binds_of(plan) do
    if mount.kind == "socket" then
      layout.places[mount] = add_socket(layout, mount.source, mount.origin)
    end
  end
end

--- What is shared and copied for a plan, and where it is in the VM.
---@param plan table of the runtime "container"; its bind mounts have `kind`, files `bytes`
---@return { shares: wrapix.AppleShare[], copies: table[], places: table<table, string>,
--- served: table<string, string> } places by mount; served: by name of a session's socket
function M.layout(plan)
  local layout = { shares = {}, copies = {}, places = {}, served = {}, by_source = {}, count = 0,
    singles = 0, sockets = 0 }
  local dir = M.session_dir(plan)
  add_own(layout, plan, dir)
  add_directories(layout, plan, dir)
  add_files(layout, plan)
  add_sockets(layout, plan)
  return layout
end

-- vm.conf -----------------------------------------------------------------------------

local DEFAULT = { kind = "default", text = "default" }

local function adder(steps)
  return function(what, origin, ...)
    local words = { ... }
    for i, word in ipairs(words) do words[i] = tostring(word) end
    steps[#steps + 1] = { words = words, origin = origin or DEFAULT, what = what }
  end
end

-- Room for what is copied into it; each file takes whole pages, and the launch may add
-- what a script hands into the run.
local function room(files)
  local sum = 16 * MIB
  for _, file in ipairs(files or {}) do sum = sum + ((#file.text + 8191) // 4096) * 4096 end
  return (sum + MIB - 1) // MIB * MIB
end

local function add_session(add, plan, origin)
  add("mount", origin, "tmpfs", INSIDE, room(plan.files), "0755")
  add("mount", origin, "copy", ROOT .. "/vm/run", INSIDE)
end

local function add_mount(add, mount, layout, plan)
  if mount.type == "tmpfs" then
    add("mount", mount.origin, "tmpfs", mount.dest, ("%d"):format(mount.size), mount.perm)
  elseif mount.dest == INSIDE then
    add_session(add, plan, mount.origin)
  elseif OWN[mount.dest] then
    add("mount", mount.origin, "bind", ROOT .. mount.dest:sub(#INSIDE + 1), mount.dest, mount.mode)
  elseif mount.kind == "socket" then
    add("mount", mount.origin, "socket", layout.places[mount], mount.dest)
  else
    add("mount", mount.origin, "bind", layout.places[mount], mount.dest, mount.mode)
  end
end

-- Ports and tokens are in no plan: the launch gives them, and explain shows what they are.
local function served_at(plan, served, name)
  local one = served and served[name] or {}
  return served and served.host or plan.crossing.gateway or "GATEWAY", one.port or "PORT",
    one.token or "TOKEN"
end

local function add_crossing(add, plan, layout, served)
  local crossing = plan.crossing
  for _, one in ipairs(crossing and crossing.sockets or {}) do
    local dest = ("%s/%s"):format(INSIDE, one.name)
    if crossing.mode == "socket" then
      add("lease", crossing.origin, "socket", layout.served[one.name], dest)
    elseif one.name == "lease.sock" then
      add("lease", crossing.origin, "lease", served_at(plan, served, one.name))
    else
      add("lease", crossing.origin, "relay", dest, served_at(plan, served, one.name))
    end
  end
end

local function add_end(add, plan)
  for _, limit in ipairs(plan.limits) do
    local name = limit.name == "pids" and "nproc" or limit.name
    if name == "nproc" or name == "nofile" then
      add("limit", limit.origin, "limit", name, ("%d"):format(limit.value))
    end
  end
  if plan.security.userns then add("security", plan.security.seccomp_origin, "userns") end
  add("security", plan.security.read_only_origin, "root", plan.security.read_only and "ro" or "rw")
  add("workspace", plan.workspace.origin, "cwd", plan.workspace.dest)
end

local function add_begin(add, plan)
  local user = plan.user
  add("name", plan.name_origin, "hostname", plan.hostname)
  add("user", user.origin, "user", user.name, ("%d"):format(user.uid), ("%d"):format(user.gid),
    user.home)
end

--- The lines of vm.conf, in order, each with where it comes from.
---@param plan table
---@param served table? host, and by name of a socket { port, token }; of a crossing over TCP
---@return wrapix.AppleStep[]
function M.steps(plan, served)
  local steps, layout = {}, M.layout(plan)
  local add = adder(steps)
  add_begin(add, plan)
  for _, mount in ipairs(plan.mounts) do add_mount(add, mount, layout, plan) end
  add_crossing(add, plan, layout, served)
  add("mount", DEFAULT, "seal", INSIDE)
  add_end(add, plan)
  return steps
end

local function encode(word)
  return (word:gsub("[%z\1-\32%%\127]", function(byte) return ("%%%02X"):format(byte:byte()) end))
end

--- Steps as the text of a file.
---@param steps wrapix.AppleStep[]
---@return string
function M.text(steps)
  local lines = { "wrapix-vm 1" }
  for i, step in ipairs(steps) do
    local words = {}
    for j, word in ipairs(step.words) do words[j] = encode(word) end
    lines[i + 1] = table.concat(words, " ")
  end
  return table.concat(lines, "\n") .. "\n"
end

--- What has to lie in the session's directory before the VM is started: texts, and
--- what is copied there from elsewhere. `vm/run` gets all of run/ but `out`, `bin` and
--- sockets. A copy keeps its mode; a link in a tree is an error.
---@param plan table
---@param session { root: string, dir: string, served: table? }
---@return { dirs: string[], files: { path: string, text: string, mode: integer }[],
--- copies: { from: string, path: string, tree: boolean?, without: string[]? }[] }
function M.stage(plan, session)
  local copies = {
    { from = session.dir, path = "vm/run", tree = true, without = { "out", "bin" } },
  }
  for _, copy in ipairs(M.layout(plan).copies) do
    copies[#copies + 1] = { from = copy.source, path = copy.path }
  end
  local private = tonumber("600", 8)
  return {
    dirs = { "vm", "vm/run", "vm/files" },
    files = {
      { path = "vm/vm.conf", text = M.text(M.steps(plan, session.served)), mode = private },
    },
    copies = copies,
  }
end

return M
