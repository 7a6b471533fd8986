-- SPDX-License-Identifier: MIT
-- Takes away what dead launchers left: their container, their session directory,
-- and writes the record they could not. A start calls it; when nobody died it
-- reads one directory and a small file for each running session, and starts no
-- process. Never touches what is alive, unknown, or another user's.

local fault = require("wrapix.fault")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local owner = require("wrapix.owner")
local proc = require("wrapix.proc")
local record = require("wrapix.record")
local removal = require("wrapix.removal")
local runtimes = require("wrapix.runtime")
local staging = require("wrapix.staging")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local M = {}

local INFO_BYTES = 65536
-- How long an engine may take from its start to a container that can be seen.
local ENGINE_SECONDS = 10

---@class wrapix.SessionInfo what sessions/ID/info.json holds
---@field session string
---@field name string of the container
---@field runtime string? none: Podman
---@field engine { path: string, oci_runtime: string?, version: integer[]? }
---@field profile string
---@field workspace string
---@field image string
---@field network string
---@field agent string?
---@field detach boolean
---@field keep boolean
---@field tty boolean
---@field start number seconds since 1970
---@field log string? file of the output of a detached sandbox

---Reads what a session's directory says of it.
---@param dir string
---@return wrapix.SessionInfo|nil
---@return wrapix.Owner|nil
function M.read(dir)
  local text = fs.read(dir .. "/info.json", INFO_BYTES)
  local info = text and json.decode(text, { max_depth = 8 })
  local who = owner.read(dir .. "/owner")
  local is_ours = type(info) == "table" and (info.runtime == nil or runtimes.is_known(info.runtime))
  return is_ours and info or nil, who
end

-- A start makes the directory first and the owner file next; one without an owner
-- may be a moment old, or left by a launcher that died between the two.
local function is_young(dir)
  local stat = fs.lstat(dir)
  return stat ~= nil and sys.time() - stat.mtime < 10
end

local function is_dead(dir, who)
  if who then return owner.state(who) == "dead" end
  return not is_young(dir)
end

-- The containers of a session by their ids; none is an answer as well.
local function ask_engine(info)
  local runtime = runtimes.of(info.runtime)
  local argv = runtime.session_argv(info.engine, info.session)
  local result, msg, code = proc.run(argv, { timeout = 30, grace = 1 })
  if not result then return nil, msg, code end
  if result.code ~= 0 then
    local reason = result.stderr:match("([^\n]+)%s*$") or runtime.name .. " failed"
    return nil, "engine: " .. reason, runtime.is_down(result.stderr) and "EDOWN" or "EENGINE"
  end
  local ids, reason = runtime.session_ids(result.stdout, info.session)
  if not ids then return nil, "engine: " .. reason, "EENGINE" end
  return ids
end

-- Found by its label and not by its name: the name may be a live one's by now. An
-- engine that was started just before its launcher died may not be so far yet;
-- without the directory it would make a container that nobody knows of.
local function find_container(dir, info)
  local deadline = sys.clock() + ENGINE_SECONDS
  while true do
    local who = owner.read(dir .. "/engine")
    local is_at_work = who and owner.state(who) == "alive"
    local found, msg, code = ask_engine(info)
    if not found then return nil, msg, code end
    if #found > 0 or not is_at_work then return found end
    if sys.clock() >= deadline then return nil, "its engine is still at work", "EAGAIN" end
    local ok
    ok, msg, code = task.sleep(0.05)
    if not ok then return nil, msg, code end
  end
end

local function remove_container(dir, info)
  local ids, msg, code = find_container(dir, info)
  if not ids then return nil, msg, code end
  for _, id in ipairs(ids) do
    local ok
    ok, msg, code = removal.run({ name = id, runtime = info.runtime, engine = info.engine }, 30)
    if not ok then return nil, msg, code end
  end
  return true
end

-- The line the dead launcher could not write. `end` is when it was found dead.
local function write_record(info, facts)
  return record.append(facts.dirs.state, {
    session = info.session, name = info.name, profile = info.profile, workspace = info.workspace,
    image = info.image, network = info.network, agent = info.agent, detach = info.detach or nil,
    start = info.start, ["end"] = math.max(tonumber(info.start) or 0, sys.time()),
    lost = true,
  }, { once = true })
end

-- A kept sandbox keeps its directory, which its container has mounted, until
-- somebody stops it or gc finds the container gone.
local function keeps(info) return info ~= nil and info.keep == true end

---Takes one dead session away; of one that --keep keeps only writes the record.
---@param dir string
---@param info wrapix.SessionInfo?
---@param facts { dirs: table }
---@return true|nil
---@return string? message
---@return string? code
function M.one(dir, info, facts)
  -- Two starts may find the same dead session; one of them takes it away.
  local lock <close> = fs.lock(dir .. ".reap", { wait = false })
  if not lock then return true end
  fault.point("reap.locked")
  if not fs.exists(dir) then
    fs.unlink(dir .. ".reap")
    return true
  end
  if info and not keeps(info) then
    local removed, msg, code = remove_container(dir, info)
    if not removed then return nil, msg, code end
  end
  fault.point("reap.container_removed")
  if info and not fs.exists(dir .. "/recorded") then
    -- Without its line the session stays, for the next start to try again.
    local written, msg, code = write_record(info, facts)
    if not written then return nil, msg, code end
    fs.write_atomic(dir .. "/recorded", "", { sync = false })
  end
  fault.point("reap.recorded")
  local ok, msg, code = true, nil, nil
  if not keeps(info) then ok, msg, code = fs.remove_tree(staging.take(dir) or dir) end
  fault.point("reap.removed")
  fs.unlink(dir .. ".reap")
  return ok, msg, code
end

---Lists the sessions whose owner is dead and that nobody wants to keep.
---@param facts { dirs: table, session: { id: string }? }
---@return { id: string, dir: string, info: wrapix.SessionInfo? }[]
function M.dead(facts)
  local base, list = facts.dirs.runtime .. "/sessions", {}
  for _, id in ipairs(fs.list(base) or {}) do
    local dir = base .. "/" .. id
    local is_own = facts.session and id == facts.session.id
    if not is_own and not id:find("%.reap$") then
      local info, who = M.read(dir)
      local is_settled = keeps(info) and fs.exists(dir .. "/recorded")
      if not is_settled and is_dead(dir, who) then
        list[#list + 1] = { id = id, dir = dir, info = info }
      end
    end
  end
  return list
end

-- A lock file whose session was taken away by one who died before the lock went.
local function remove_locks(base)
  for _, name in ipairs(fs.list(base) or {}) do
    local id = name:match("^(.*)%.reap$")
    if id and not fs.exists(base .. "/" .. id) then
      local lock <close> = fs.lock(base .. "/" .. name, { wait = false })
      if lock then fs.unlink(base .. "/" .. name) end
    end
  end
end

---Takes away what the dead left.
---@param facts { dirs: table, session: { id: string }? }
---@param report table
---@return integer count of sessions taken away
function M.stale(facts, report)
  local count = staging.sweep(facts.dirs.runtime)
  remove_locks(facts.dirs.runtime .. "/sessions")
  for _, dead in ipairs(M.dead(facts)) do
    local ok, msg, code = M.one(dead.dir, dead.info, facts)
    if ok then
      count = count + 1
      report:detail(("reaped session %s of a dead launcher"):format(dead.id))
    elseif code == "EDOWN" then -- the start that comes now may bring it up, a later one reaps
      report:detail(("reap: session %s: the engine's service does not run"):format(dead.id))
    else
      report:warn(("reap: session %s: %s"):format(dead.id, tostring(msg)))
    end
  end
  return count
end

return M
