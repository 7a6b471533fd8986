-- SPDX-License-Identifier: MIT
-- Podman as the double uses it: the flags every call needs on the test hosts, what it
-- tells of a container, and the recorded mode in which nothing runs (CONTAINER_DOUBLE_DRY):
-- each command line is printed as a line of JSON, and containers only exist in the state.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")

local M = {}

---@class apple.Engine
---@field dry boolean
local Engine = {}
Engine.__index = Engine

---@param environ table<string, string>
---@param state apple.State
function M.new(environ, state)
  return setmetatable({
    dry = environ.CONTAINER_DOUBLE_DRY == "1", state = state,
    program = environ.CONTAINER_DOUBLE_PODMAN or "podman",
  }, Engine)
end

---@param id string of a container
---@return string its name in Podman
function Engine:name(id) return ("apple-%s-%s"):format(self.state.id, id) end

---@param words string[]
---@return string[] argv
function Engine:argv(words)
  local argv = { self.program }
  -- The test hosts' cgroups are hybrid, which crun refuses.
  if sys.which("runc") then argv = { self.program, "--runtime", "runc" } end
  return table.move(words, 1, #words, #argv + 1, argv)
end

local function record(words)
  io.stdout:write(assert(json.encode(json.array(table.move(words, 1, #words, 1, {})))), "\n")
  io.stdout:flush()
end

---Runs a command of Podman to its end.
---@param words string[]
---@param opts table? as proc.run
---@return { code: integer, stdout: string, stderr: string }
function Engine:call(words, opts)
  if self.dry then
    record(words)
    return { code = 0, stdout = "", stderr = "" }
  end
  local result = assert(proc.run(self:argv(words), opts))
  result.code = result.code or 128 + result.signal
  return result
end

---Asks Podman something; in the recorded mode nobody is asked.
---@return any? decoded nil when it says no
function Engine:ask(words)
  if self.dry then return nil end
  local result = assert(proc.run(self:argv(words)))
  return result.code == 0 and assert(json.decode(result.stdout)) or nil
end

---Starts a command that takes the place of ours at stdin, stdout and stderr; it dies with us.
---@return wrapix.Proc
function Engine:start(words, opts)
  local argv = self:argv(words)
  argv = table.move(argv, 1, #argv, 5, { "setpriv", "--pdeathsig", "KILL", "--" })
  return assert(proc.spawn(argv, opts))
end

---@class apple.Live
---@field state "created"|"running"|"stopped"
---@field pid integer
---@field address string? of IPv4
---@field prefix integer?
---@field gateway string?
---@field mac string?
---@field started number? seconds since 1970
---@field code integer

local STATES = { running = "running", created = "created", configured = "created",
  initialized = "created", paused = "running", stopping = "stopping" }

local function live(info)
  local net = info.NetworkSettings or {}
  local _, first = next(net.Networks or {})
  local at = first and first.IPAddress ~= "" and first or net
  return {
    state = STATES[info.State.Status] or "stopped", pid = info.State.Pid,
    code = info.State.ExitCode, address = at.IPAddress ~= "" and at.IPAddress or nil,
    prefix = at.IPPrefixLen, gateway = at.Gateway, mac = at.MacAddress,
    started = M.seconds(info.State.StartedAt),
  }
end

---@param text string as Podman writes a time
---@return number? seconds since 1970
function M.seconds(text)
  local y, mo, d, h, mi, s, zone = (text or ""):match(
    "^(%d+)-(%d+)-(%d+)T(%d+):(%d+):(%d+)[%.%d]*(.*)$")
  if not y or tonumber(y) < 1971 then return nil end
  local offset = 0
  local sign, zh, zm = zone:match("^([+-])(%d+):(%d+)$")
  if sign then offset = (zh * 3600 + zm * 60) * (sign == "+" and 1 or -1) end
  local there = os.time({ year = y, month = mo, day = d, hour = h, min = mi, sec = s })
  local utc = os.time(os.date("!*t", there)) -- both read as local time: their distance is the zone
  return there + os.difftime(there, utc) - offset | 0
end

---What runs of a container; nil when Podman does not know it any more.
---@param record_of table
---@return apple.Live?
function Engine:live(record_of)
  if self.dry then
    return { state = record_of.dry or "created", pid = 0, code = 0, address = "192.168.64.3",
      prefix = 24, gateway = "192.168.64.1", mac = "02:00:00:00:00:03", started = record_of.created }
  end
  local found = self:ask({ "container", "inspect", self:name(record_of.id) })
  return found and found[1] and live(found[1]) or nil
end

---@return { subnet: string, gateway: string } of the bridge that acts the default network
function Engine:network(name)
  local found = self:ask({ "network", "inspect", name })
  local first = found and found[1] and found[1].subnets and found[1].subnets[1]
  return first or { subnet = "192.168.64.0/24", gateway = "192.168.64.1" }
end

---The servers this machine itself asks: Podman's bridge has no relay for names.
---@return string[]
function Engine.nameservers()
  local out = {}
  for line in (fs.read("/etc/resolv.conf") or ""):gmatch("[^\n]+") do
    out[#out + 1] = line:match("^nameserver%s+(%S+)")
  end
  return out
end

return M
