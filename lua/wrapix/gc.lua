-- SPDX-License-Identifier: MIT
-- What nobody needs any more: remains of dead sandboxes, helpers of other versions,
-- old cache files and outputs. `find` lists it and `remove` takes one thing away;
-- nothing that lives, that cannot be judged, or that is another user's is listed.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local live = require("wrapix.live")
local path = require("wrapix.path")
local reap = require("wrapix.reap")
local staging = require("wrapix.staging")
local stopping = require("wrapix.stopping")
local sys = require("wrapix.sys")

local M = {}

local DAY = 86400
-- A start makes the helpers' directory before its session's: that one may be new.
local YOUNG = 3600
M.LOG_DAYS = 30

---@class wrapix.Garbage
---@field kind "sandbox"|"session"|"lock"|"helpers"|"cache"|"output"|"project"
---@field what string name of the sandbox, id of the session, or path
---@field why string
---@field remove fun(): true|nil, string?, string?

local function age_of(file)
  local stat = fs.lstat(file)
  return stat and stat.uid == sys.euid() and sys.time() - stat.mtime or nil
end

-- Sandboxes --------------------------------------------------------------------------

local WHY = {
  dead = "its launcher is dead",
  orphaned = "its launcher is dead, its container is not gone",
}

-- An owner that cannot be judged is not dead; it is left alone. So is a container that
-- is to be kept: it ends by itself, and stays.
local function add_sandboxes(add, list, facts)
  for _, one in ipairs(list) do
    local is_kept = one.keep and one.state == "orphaned"
    if WHY[one.state] and one.owner.state == "dead" and not is_kept then
      local why = one.keep and "it was kept, and its container is gone" or WHY[one.state]
      add("sandbox", one.name, why, function()
        local result, message, code = stopping.one(one, facts, { grace = 0 })
        return result and true or nil, message, code
      end)
    end
  end
end

-- Those that say not even who they are.
local function add_sessions(add, facts)
  for _, dead in ipairs(reap.dead(facts)) do
    if not dead.info then
      add("session", dead.id, "its launcher died while it was made", function()
        return reap.one(dead.dir, nil, facts)
      end)
    end
  end
end

local function add_locks(add, facts)
  local base = facts.dirs.runtime .. "/sessions"
  for _, name in ipairs(fs.list(base) or {}) do
    local file = base .. "/" .. name
    local session = name:match("^(.*)%.reap$")
    if session and not fs.exists(base .. "/" .. session) and (age_of(file) or 0) > 60 then
      add("lock", file, "its session is gone", function() return fs.unlink(file) end)
    end
  end
end

local function add_staging(add, facts)
  for _, dir in ipairs(staging.dead(facts.dirs.runtime)) do
    add("session", dir, "its launcher died while it was made or taken apart",
      function() return fs.remove_tree(dir) end)
  end
end

-- Files ----------------------------------------------------------------------------------

-- The helpers live sandboxes have mounted; nil when that cannot be told of one.
local function helpers_in_use(list)
  local used = {}
  for _, one in ipairs(list) do
    local info = one.dir and reap.read(one.dir)
    if not info or type(info.guest_dir) ~= "string" then return nil end
    used[info.guest_dir] = true
  end
  return used
end

local function add_helpers(add, list, facts)
  local used = helpers_in_use(list)
  local base = path.dirname(facts.guest_dir)
  for _, name in ipairs(used and fs.list(base) or {}) do
    local dir = base .. "/" .. name
    if dir ~= facts.guest_dir and not used[dir] and (age_of(dir) or 0) > YOUNG then
      add("helpers", dir, "of another version, not in use", function() return fs.remove_tree(dir) end)
    end
  end
end

-- Another version of the engine's file or of wrapix may have made it; it is made
-- again when it is wanted again.
local function is_stale_seccomp(name, file, facts)
  return name:match("^seccomp%-.*%.json$") and file ~= facts.engine.seccomp_path
    and (age_of(file) or 0) > DAY and "the system call filter of another engine or version"
end

local function is_stale_probe(name, file)
  if not name:match("^probe%-.*%.json$") or not age_of(file) then return nil end
  local record = json.decode(fs.read(file, 1 << 20) or "")
  local engine = type(record) == "table" and type(record.engine) == "table" and record.engine.path
  if type(engine) == "string" and fs.exists(engine) then return nil end
  return "what is known of an engine that is gone"
end

local function add_cache(add, facts)
  for _, name in ipairs(fs.list(facts.dirs.cache) or {}) do
    local file = facts.dirs.cache .. "/" .. name
    local why = is_stale_seccomp(name, file, facts) or is_stale_probe(name, file)
    if why then add("cache", file, why, function() return fs.unlink(file) end) end
  end
end

local function add_outputs(add, list, facts)
  local lives = {}
  for _, one in ipairs(list) do lives[one.session] = true end
  local base = facts.dirs.state .. "/logs"
  for _, name in ipairs(fs.list(base) or {}) do
    local file, session = base .. "/" .. name, name:match("^(%x+)%.log$")
    if session and not lives[session] and (age_of(file) or 0) > M.LOG_DAYS * DAY then
      add("output", file, ("older than %d days"):format(M.LOG_DAYS),
        function() return fs.unlink(file) end)
    end
  end
end

---Lists what can go.
---@param facts wrapix.Facts
---@return wrapix.Garbage[]|nil
---@return string? message
---@return string? code
function M.find(facts)
  local list, message, code = live.list(facts)
  if not list then return nil, message, code end
  local found = {}
  local function add(kind, what, why, remove)
    found[#found + 1] = { kind = kind, what = what, why = why, remove = remove }
  end
  add_sandboxes(add, list, facts)
  add_sessions(add, facts)
  add_locks(add, facts)
  add_staging(add, facts)
  add_helpers(add, list, facts)
  add_cache(add, facts)
  add_outputs(add, list, facts)
  return found
end

return M
