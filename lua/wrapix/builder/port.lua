-- SPDX-License-Identifier: MIT
-- Who listens on a port of this machine: a process and its program, as far as this user
-- may see. Linux tells it in /proc, elsewhere lsof does. Only looks.

local fs = require("wrapix.fs")
local net = require("wrapix.net")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")

local M = {}

local ADDRESS = "127.0.0.1"
local LISTENING = "0A" -- TCP_LISTEN of linux/tcp_states.h
local LIMIT = 16 << 20

---@class wrapix.PortOwner
---@field pid integer?
---@field program string?
---@field uid integer? where the process itself cannot be seen

--- The listening sockets of a port in the text of /proc/net/tcp or tcp6.
---@param text string
---@param port integer
---@return { inode: string, uid: integer }[]
function M.listeners(text, port)
  local wanted, list = ("%04X"):format(port), {}
  for line in text:gmatch("[^\n]+") do
    local at, state, uid, inode = line:match("^%s*%d+:%s+%x+:(%x+)%s+%x+:%x+%s+(%x+)"
      .. "%s+%S+%s+%S+%s+%S+%s+(%d+)%s+%d+%s+(%d+)")
    if at == wanted and state == LISTENING then
      list[#list + 1] = { inode = inode, uid = math.tointeger(tonumber(uid)) }
    end
  end
  return list
end

local function program_of(pid)
  local words = fs.read(("/proc/%d/cmdline"):format(pid), 65536)
  local name = words and words:match("^([^%z]+)")
  return name or (fs.read(("/proc/%d/comm"):format(pid), 4096) or ""):match("^[^\n]+")
end

local function holds(pid, wanted)
  local dir = ("/proc/%s/fd"):format(pid)
  for _, fd in ipairs(fs.list(dir) or {}) do
    local inode = (fs.readlink(dir .. "/" .. fd) or ""):match("^socket:%[(%d+)%]$")
    if inode and wanted[inode] then return true end
  end
  return false
end

local function linux_owner(port)
  local wanted, uid = {}, nil
  for _, file in ipairs({ "/proc/net/tcp", "/proc/net/tcp6" }) do
    for _, one in ipairs(M.listeners(fs.read(file, LIMIT) or "", port)) do
      wanted[one.inode], uid = true, one.uid
    end
  end
  if not next(wanted) then return nil end
  for _, name in ipairs(fs.list("/proc") or {}) do
    if name:find("^%d+$") and holds(name, wanted) then
      local pid = math.tointeger(tonumber(name))
      return { pid = pid, program = program_of(pid) }
    end
  end
  return { uid = uid }
end

--- What `lsof -F pc` says: a line for the process, one for its program.
---@param text string
---@return wrapix.PortOwner?
function M.parse_lsof(text)
  local pid = math.tointeger(tonumber(text:match("^p(%d+)") or text:match("\np(%d+)")))
  if not pid then return nil end
  return { pid = pid, program = text:match("\nc([^\n]+)") }
end

local function other_owner(port)
  local result = proc.run({ "lsof", "-nP", ("-iTCP:%d"):format(port), "-sTCP:LISTEN", "-F", "pc" },
    { stdin = "null", timeout = 10 })
  return result and M.parse_lsof(result.stdout or "")
end

--- Whether nobody listens there, tried by listening.
---@param port integer
---@return boolean
---@return string? message why it cannot be had
---@return string? code "EADDRINUSE", "EACCES", …
function M.is_free(port)
  local server, message, code = net.listen_tcp(ADDRESS, port)
  if not server then return false, message, code end
  server:close()
  return true
end

--- Who listens there; nil when nobody can be seen.
---@param port integer
---@return wrapix.PortOwner?
function M.owner(port)
  if sys.platform() == "linux" then return linux_owner(port) end
  return other_owner(port)
end

--- An owner as text.
---@param owner wrapix.PortOwner?
---@return string
function M.describe(owner)
  if not owner then return "a process that cannot be seen" end
  if not owner.pid then return ("a process of uid %d"):format(owner.uid or -1) end
  return ("process %d (%s)"):format(owner.pid, owner.program or "?")
end

return M
