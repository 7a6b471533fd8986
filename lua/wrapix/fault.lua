-- SPDX-License-Identifier: MIT
-- Named points where a test build ends itself, so that the crash suite can kill
-- the launcher at every step. A build without WX_FAULTS has nothing to strike
-- with: there a point costs a look into one table.
--
-- WRAPIX_FAULT=NAME kills at the first pass of a point, NAME:N at the N-th of this
-- process, stop@NAME[:N] stops in place of killing. A name that is not in the
-- list raises at the first point, so that no suite passes by a misspelling.

local c = require("wrapix._c.fault")
local sys = require("wrapix.sys")

local M = {}

-- Name → what has happened by then. In the order of a session's life.
local POINTS = {
  { "keeper.spawned", "the background process of a detached sandbox is there" },
  { "keeper.named", "it has said that the sandbox runs, and nobody has been told" },
  { "launch.begin", "the plan is made, nothing is on disk" },
  { "session.staged", "the session directory is there, empty, under a name of its own" },
  { "session.filled", "all is in it" },
  { "launch.session", "the session directory has its place" },
  { "launch.lease", "the lease's socket is there" },
  { "launch.before_run", "the hooks before the start have run" },
  { "launch.engine_started", "the engine's process is there" },
  { "lease.connected", "PID 1 holds the lease, nothing else runs inside" },
  { "launch.started", "the program inside runs" },
  { "keeper.unsaid", "the container of a detached sandbox is there, nobody knows" },
  { "launch.detached", "the one who asked for a detached sandbox is told" },
  { "stopper.asked", "it is asked to end its sandbox, nothing is done" },
  { "stopper.before_stop", "the hooks before the stop have run" },
  { "stopper.stopped", "the engine says that the container is stopped" },
  { "stopper.killed", "the engine says that the container is killed" },
  { "lease.ended", "PID 1 is gone" },
  { "launch.ended", "the engine's process has ended" },
  { "launch.removed", "the container is gone, the session directory is there" },
  { "launch.after_exit", "the hooks after the end have run" },
  { "record.locked", "the record's lock is held, nothing is written" },
  { "record.torn", "half of the line is written" },
  { "record.kept", "a torn piece is copied aside, it is still in the record" },
  { "record.appended", "the line is on disk, the head file is one line behind" },
  { "record.head", "the new head file is written beside the old one" },
  { "record.done", "all is written, the lock is still held" },
  { "launch.recorded", "the session is in the record, its directory is there" },
  { "session.settled", "the directory of a kept sandbox is marked as recorded" },
  { "session.unplaced", "the session directory has left its place, all is in it" },
  { "stopping.told", "a stop has left its grace, the launcher does not know" },
  { "stopping.asked", "a stop has signalled the launcher" },
  { "stopping.ended", "a stop has ended the program of a dead launcher" },
  { "stopping.removed", "a stop has removed the container of a dead launcher" },
  { "reap.locked", "the session of a dead launcher is somebody's to take away" },
  { "reap.container_removed", "the container of a dead launcher is removed" },
  { "reap.recorded", "the record line of a dead launcher is written" },
  { "reap.removed", "its directory is gone, the lock file is there" },
}

local known = {}
for _, point in ipairs(POINTS) do known[point[1]] = true end

-- How often this process has passed the wanted point; nil until the first one.
local wanted, passed

---Whether this build can strike at all.
M.enabled = c.strike ~= nil

---What WRAPIX_FAULT says.
---@param text string
---@return { name: string, pass: integer, kind: "kill"|"stop" }|nil
---@return string? message
function M.parse(text)
  local rest = text:match("^stop@(.*)$")
  local kind = rest and "stop" or "kill"
  local name, pass = (rest or text):match("^([%w_.%-]+):?(%d*)$")
  local number = pass == "" and 1 or math.tointeger(tonumber(pass))
  if not name or (rest or text):sub(-1) == ":" or not number or number < 1 then
    return nil, ("WRAPIX_FAULT: %q: NAME, NAME:N or stop@NAME[:N] expected"):format(text)
  end
  if not known[name] then return nil, ("WRAPIX_FAULT: no point is named %q"):format(name) end
  return { name = name, pass = number, kind = kind }
end

local function wish()
  local text = sys.env("WRAPIX_FAULT")
  if not text or text == "" then return {} end
  local parsed, message = M.parse(text)
  if not parsed then error(message, 0) end
  return parsed
end

---A point that is passed. In a test build that was asked to, runs `before`, which
---may leave the damage this point stands for, and then ends the process.
---@param name string one of points()
---@param before function?
---@param ... any its arguments
function M.point(name, before, ...)
  if not known[name] then error(("fault.point: no point is named %q"):format(tostring(name)), 2) end
  if not c.strike then return end
  wanted, passed = wanted or wish(), passed or 0
  if wanted.name ~= name then return end
  passed = passed + 1
  if passed ~= wanted.pass then return end
  if before then before(...) end
  c.strike(wanted.kind)
end

---All points, in the order of a session's life.
---@return { name: string, text: string }[] text: what has happened by then
function M.points()
  local out = {}
  for i, point in ipairs(POINTS) do out[i] = { name = point[1], text = point[2] } end
  return out
end

return M
