-- SPDX-License-Identifier: MIT
-- Processes as /proc tells of them: who started whom, at which terminal, with which
-- environment. Reads files only and starts nothing; where there is no /proc, nothing is
-- known. proc(5) is the source of the fields.

local fs = require("wrapix.fs")

local M = {}

-- A chain of parents is short; this only ends what would never end.
local LONGEST_CHAIN = 64
local STAT_LIMIT = 4096
local ENVIRON_LIMIT = 1 << 20
local MOST_CHILDREN = 512
-- The major number of /dev/pts/N (Linux, Documentation/admin-guide/devices.txt).
local PTS_MAJOR = 136

---@class wrapix.Process
---@field pid integer
---@field name string as the kernel has it: at most 15 bytes
---@field ppid integer
---@field tty integer number of the controlling terminal; 0: none
---@field start integer ticks since the start of the machine

---Reads one line of /proc/PID/stat. The name may hold anything, brackets too.
---@param text string
---@return wrapix.Process|nil
function M.parse(text)
  local pid, name, rest = text:match("^(%d+) %((.*)%) (.*)$")
  if not pid then return nil end
  local fields = {}
  for word in rest:gmatch("%S+") do fields[#fields + 1] = math.tointeger(tonumber(word)) or false end
  local ppid, tty, start = fields[2], fields[5], fields[20]
  if not (ppid and tty and start) then return nil end
  return { pid = math.tointeger(tonumber(pid)), name = name, ppid = ppid, tty = tty, start = start }
end

---@param pid integer|"self"
---@return wrapix.Process|nil
function M.stat(pid)
  local text = fs.read(("/proc/%s/stat"):format(pid), STAT_LIMIT)
  return text and M.parse(text) or nil
end

---A process, its parent and so on, without the first process of the machine.
---@param pid integer|"self"
---@param stat (fun(pid: integer|string): wrapix.Process?)? M.stat
---@return wrapix.Process[]
function M.chain(pid, stat)
  local chain = {}
  while #chain < LONGEST_CHAIN do
    local one = (stat or M.stat)(pid)
    if not one then break end
    chain[#chain + 1] = one
    if one.ppid <= 1 then break end
    pid = one.ppid
  end
  return chain
end

---The processes that one started, whichever of its threads did.
---@param pid integer
---@return wrapix.Process[]
function M.children(pid)
  local found = {}
  for _, thread in ipairs(fs.list(("/proc/%d/task"):format(pid)) or {}) do
    local text = fs.read(("/proc/%d/task/%s/children"):format(pid, thread), 1 << 16) or ""
    for word in text:gmatch("%d+") do
      if #found >= MOST_CHILDREN then return found end
      found[#found + 1] = M.stat(math.tointeger(tonumber(word)))
    end
  end
  return found
end

---The environment a process was started with; nil for one of somebody else.
---@param pid integer
---@return table<string, string>|nil
function M.environ(pid)
  local text = fs.read(("/proc/%d/environ"):format(pid), ENVIRON_LIMIT)
  if not text then return nil end
  local env = {}
  for name, value in text:gmatch("([^%z=]+)=([^%z]*)") do env[name] = env[name] or value end
  return env
end

---The file of a controlling terminal; nil for what is no pseudo-terminal.
---@param number integer
---@return string|nil
function M.tty_path(number)
  if (number >> 8) & 0xfff ~= PTS_MAJOR then return nil end
  return ("/dev/pts/%d"):format((number & 0xff) | ((number >> 12) & 0xfff00))
end

return M
