-- SPDX-License-Identifier: MIT
-- The session's directory: sessions/ID/ with what the host needs to find and end
-- the sandbox, and in it run/, which the sandbox sees as /run/wrapix. `new` only
-- names it (a dry run has none on disk); `open` makes it, `close` removes it.

local facts = require("wrapix.facts")
local fault = require("wrapix.fault")
local fs = require("wrapix.fs")
local host = require("wrapix.host")
local json = require("wrapix.json")
local lazy = require("wrapix.lazy")
local owner = require("wrapix.owner")
local path = require("wrapix.path")
local staging = require("wrapix.staging")
local sys = require("wrapix.sys")

local store = lazy("wrapix.agent.store")

local M = {}

local PRIVATE, PUBLIC = tonumber("700", 8), tonumber("755", 8)

---@class wrapix.Session
---@field id string
---@field root string sessions/ID, of the host alone
---@field dir string sessions/ID/run
---@field guest_dir string
local Session = {}
Session.__index = Session

---Names a new session. Touches no disk.
---@return { id: string, root: string, dir: string, guest_dir: string }
function M.new()
  local dirs = facts.dirs(sys.environ(), sys.home() or "/nonexistent")
  local id = sys.random_hex(6)
  local digest = host.script("guest/digest") or "unknown"
  local root = ("%s/sessions/%s"):format(dirs.runtime, id)
  return {
    id = id,
    root = root,
    dir = root .. "/run",
    guest_dir = ("%s/guest/%s"):format(dirs.cache, digest:sub(1, 16)),
  }
end

-- Somebody else's or an open runtime directory would let others replace what
-- the sandbox trusts.
local function ensure_private(dir)
  local ok, msg, code = fs.ensure_dir(dir, PRIVATE)
  if not ok then return nil, msg, code end
  local stat
  stat, msg, code = fs.lstat(dir)
  if not stat then return nil, msg, code end
  if stat.type ~= "directory" or stat.uid ~= sys.euid() then
    return nil, ("session: %s: is not a directory of this user"):format(dir), "EPERM",
      "set XDG_RUNTIME_DIR to a directory that is yours alone"
  end
  if stat.mode & 63 ~= 0 then return fs.chmod(dir, PRIVATE) end
  return true
end

-- The one helper that people call by a name of its own.
local function link_ralph(dir)
  if fs.lstat(dir .. "/ralph") then return true end
  local ok, msg, code = fs.symlink("wrapix-ralph", dir .. "/ralph")
  if ok or code == "EEXIST" then return true end -- another launch was faster
  return nil, msg, code
end

-- The static helpers, written once per content: the name holds their digest.
local function ensure_guest(dir)
  for _, script in ipairs(host.scripts()) do
    local name = script:match("^guest/(wrapix%-.+)$")
    local file = name and dir .. "/" .. name
    if file and not fs.access(file, "x") then
      local ok, msg, code = fs.ensure_dir(dir, PUBLIC)
      if ok then ok, msg, code = fs.write_atomic(file, host.script(script), { mode = PUBLIC }) end
      if not ok then return nil, msg, code end
    end
  end
  return link_ralph(dir)
end

-- What the sandbox may know of itself; no secret, no path of the host but the
-- sources it can see in its own mount table anyway.
local function context(plan)
  local out = {
    version = 1, session = plan.session, profile = plan.profile,
    user = { name = plan.user.name, uid = plan.user.uid, gid = plan.user.gid, home = plan.user.home },
    workspace = plan.workspace.dest, network = plan.network.mode,
    read_only = plan.security.read_only, mounts = json.array({}), limits = {},
  }
  for i, mount in ipairs(plan.mounts) do
    out.mounts[i] = { dest = mount.dest, mode = mount.mode, type = mount.type, size = mount.size }
  end
  for _, limit in ipairs(plan.limits) do out.limits[limit.name] = limit.value end
  return json.encode(out, { pretty = true })
end

-- What other wrapix processes must know of a live session; see reap.lua.
local function info(plan, known)
  return json.encode({
    session = plan.session, name = plan.name, profile = plan.profile,
    runtime = plan.runtime, engine = { path = plan.engine.path,
      oci_runtime = plan.engine.oci_runtime, version = plan.engine.version },
    workspace = plan.workspace.source, image = plan.image.ref, network = plan.network.mode,
    detach = plan.detach, keep = plan.keep, tty = plan.terminal.tty, start = sys.time(),
    log = plan.log_path, uid = plan.user.uid, version = known.engine.version_text,
    guest_dir = known.guest_dir,
  })
end

local function write(file, text, mode)
  -- No fsync: the directory does not outlive the machine's run.
  return fs.write_atomic(file, text, { mode = tonumber(mode, 8), sync = false })
end

-- What a variable is inside; of a secret the value that no plan holds.
local function value_of(name, plan, known)
  for _, variable in ipairs(plan.env) do
    if variable.name == name then
      return variable.secret and known.env[name] or variable.value or ""
    end
  end
  return ""
end

-- The end of a value as it may stand between the quotes of JSON and of TOML; empty
-- for one that neither can hold.
local function quoted_end(value, last)
  local text = json.encode(last and value:sub(-last) or value)
  return text and text:sub(2, -2) or ""
end

-- Tokens stand for the ends of values, so that no part of a secret is in a plan.
local function filled(file, plan, known)
  local text = file.text
  for token, from in pairs(file.fill or {}) do
    local value = quoted_end(value_of(from.env, plan, known), from.last)
    text = text:gsub(token:gsub("%p", "%%%0"), (value:gsub("%%", "%%%%")))
  end
  return text
end

-- What a plan wants written beside it; sources of mounts among them.
local function write_files(session, plan, known)
  for _, file in ipairs(plan.files or {}) do
    local place = session.dir .. "/" .. file.path
    local ok, msg, code = fs.ensure_dir(place:match("^(.*)/"), PUBLIC)
    local mode = file.private and "600" or "644"
    if ok then ok, msg, code = write(place, filled(file, plan, known), mode) end
    -- git trusts only files of its own user, and what is private is the sandbox's.
    if ok and plan.user.mode == "direct" then
      ok, msg, code = fs.chown(place, plan.user.uid, plan.user.gid)
    end
    if not ok then return nil, msg, code end
  end
  return true
end

local function fill(session, plan, known)
  local text, msg, code = info(plan, known)
  if not text then return nil, msg, code end
  local inside
  inside, msg, code = context(plan)
  if not inside then return nil, msg, code end
  local ok
  for _, step in ipairs({
    function() return owner.write(session.root .. "/owner") end,
    function() return write(session.root .. "/info.json", text .. "\n", "600") end,
    function() return fs.mkdir(session.dir, PRIVATE) end,
    function() return fs.mkdir(session.dir .. "/out", PRIVATE) end,
    function() return fs.mkdir(session.dir .. "/bin", PUBLIC) end,
    function() return write(session.dir .. "/context.json", inside .. "\n", "644") end,
    function() return write_files(session, plan, known) end,
  }) do
    ok, msg, code = step()
    if not ok then return nil, msg, code end
  end
  -- As root the sandbox runs as the workspace's owner, who must reach both.
  if plan.user.mode ~= "keep-id" and sys.euid() == 0 then
    ok, msg, code = fs.chmod(session.dir, PUBLIC)
    if ok then ok, msg, code = fs.chown(session.dir .. "/out", plan.user.uid, plan.user.gid) end
  elseif plan.user.mode == "vm" and sys.uid() == 0 then -- the rest it sees as its own copy
    ok, msg, code = fs.chown(session.dir .. "/out", plan.user.uid, plan.user.gid)
  end
  return ok, msg, code
end

-- Made under another name: in its place it is whole from the first moment on.
local function make(session, plan, known)
  local staged, msg, code = staging.make(session.root)
  if not staged then return nil, msg, code end
  fault.point("session.staged")
  local ok
  ok, msg, code = fill({ root = staged, dir = staged .. "/run" }, plan, known)
  fault.point("session.filled")
  if ok then ok, msg, code = fs.rename(staged, session.root) end
  if not ok then fs.remove_tree(staged) end
  return ok, msg, code
end

---Makes the directory of a plan's session. Close it, or let a <close> variable do so.
---@param plan table
---@param known wrapix.Facts
---@return wrapix.Session|nil
---@return string? message
---@return string? code
---@return string? hint
function M.open(plan, known)
  local session = setmetatable({
    id = known.session.id, root = known.session.root, dir = known.session.dir,
    guest_dir = known.guest_dir,
  }, Session)
  local ok, msg, code, hint = ensure_private(known.dirs.runtime)
  if ok then ok, msg, code = fs.ensure_dir(known.dirs.runtime .. "/sessions", PRIVATE) end
  if ok then ok, msg, code = ensure_guest(session.guest_dir) end
  if ok and plan.log_path then
    ok, msg, code = fs.ensure_dir(path.dirname(plan.log_path), PRIVATE)
  end
  if ok then ok, msg, code, hint = store.make_all(plan, known.dirs) end
  if ok then ok, msg, code = make(session, plan, known) end
  if not ok then return nil, msg, code, hint end
  return session
end

---Goes on with another plan of the same session: what is written of it.
---@param plan table
---@param known wrapix.Facts
---@return true|nil
---@return string? message
---@return string? code
---@return string? hint
function Session:use_plan(plan, known)
  local made, why, what, hint = store.make_all(plan, known.dirs)
  if not made then return nil, why, what, hint end
  local text, msg, code = info(plan, known)
  local inside
  if text then inside, msg, code = context(plan) end
  if not inside then return nil, msg, code end
  local ok
  ok, msg, code = write(self.root .. "/info.json", text .. "\n", "600")
  if ok then ok, msg, code = write(self.dir .. "/context.json", inside .. "\n", "644") end
  if not ok then return nil, msg, code end
  return write_files(self, plan, known)
end

---Names the engine's process to those who take away what a dead launcher left.
---@param pid integer
function Session:note_engine(pid)
  local who = owner.of(pid)
  if who then owner.write(self.root .. "/engine", who) end
end

---Says that the program runs, to those who would ask the engine otherwise.
function Session:note_start() fs.write_atomic(self.root .. "/started", "", { sync = false }) end

---Leaves the directory in place when this object goes: the sandbox lives on.
function Session:keep() self._kept = true end

---Leaves the directory to a sandbox that has ended and is kept; its record is written.
function Session:settle()
  fs.write_atomic(self.root .. "/recorded", "", { sync = false })
  fault.point("session.settled")
  self:keep()
end

---Removes the directory. Twice is allowed.
function Session:close()
  local left = staging.take(self.root)
  fault.point("session.unplaced")
  fs.remove_tree(left or self.root) -- in its place when there is no room for a name
end

function Session:__close()
  if not self._kept then self:close() end
end

return M
