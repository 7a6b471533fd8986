-- SPDX-License-Identifier: MIT
-- Who owns a session, and whether that process still lives. A process id alone
-- is used again, so an owner is known by the start of the machine, its id and its
-- own start time too. What cannot be told for sure is "unknown", never "dead":
-- what a dead owner left is taken away.

local fs = require("wrapix.fs")
local sys = require("wrapix.sys")

local M = {}

local PRIVATE = tonumber("600", 8)
local FILE_LIMIT = 512

---@class wrapix.Owner
---@field boot string of sys.boot_id
---@field pid integer
---@field start string of sys.process_start
---@field ns string? digits that name the space of process ids `pid` belongs to

-- A runtime directory may be shared with a container, where the same number is
-- another process. Systems without such spaces have no such link.
local function pid_space()
  return (fs.readlink("/proc/self/ns/pid") or ""):match("^pid:%[(%d+)%]$")
end

---A process that lives.
---@param pid integer
---@return wrapix.Owner|nil
---@return string? message
---@return string? code
function M.of(pid)
  local boot, message, code = sys.boot_id()
  if not boot then return nil, message, code end
  local start, why, what = sys.process_start(pid)
  if not start then return nil, why, what end
  return { boot = boot, pid = pid, start = start, ns = pid_space() }
end

---This process.
---@return wrapix.Owner|nil
---@return string? message
---@return string? code
function M.current() return M.of(sys.pid()) end

---An owner as one word: "BOOT:PID:START", and ":NS" behind it where known.
---@param owner wrapix.Owner
---@return string
function M.encode(owner)
  local text = ("%s:%d:%s"):format(owner.boot, owner.pid, owner.start)
  if owner.ns then text = text .. ":" .. owner.ns end
  if not M.decode(text) then error("owner.encode: not an owner: " .. text, 2) end
  return text
end

---The owner behind a word; nil for anything `encode` does not write.
---@param text string
---@return wrapix.Owner|nil
function M.decode(text)
  if type(text) ~= "string" then error("owner.decode: string expected, got " .. type(text), 2) end
  local boot, pid, start, rest = text:match("^([%w%-]+):(%d+):(%d[%d.]*)(.*)$")
  local ns = rest and rest:match("^:(%d+)$")
  if not boot or #text > FILE_LIMIT or rest ~= "" and not ns then return nil end
  local number = math.tointeger(tonumber(pid))
  if not number or number < 1 or number > 0x7fffffff then return nil end
  return { boot = boot, pid = number, start = start, ns = ns }
end

-- Dead, but its parent has not asked for the exit status yet.
local function is_zombie(pid)
  local stat = sys.platform() == "linux" and fs.read(("/proc/%d/stat"):format(pid), 4096)
  return stat and stat:match("^.*%) (%a)") == "Z"
end

---Tells whether an owner still lives.
---@param owner wrapix.Owner
---@return "alive"|"dead"|"unknown" unknown: not to be taken for dead
function M.state(owner)
  local boot = sys.boot_id()
  if not boot then return "unknown" end
  if boot ~= owner.boot then return "dead" end
  local space = pid_space()
  if owner.ns and space and owner.ns ~= space then return "unknown" end
  local start, _, code = sys.process_start(owner.pid)
  if not start then return code == "ESRCH" and "dead" or "unknown" end
  if start ~= owner.start or is_zombie(owner.pid) then return "dead" end
  return "alive"
end

---Writes an owner's file in one step. Not synced: with the machine goes the owner.
---@param path string
---@param owner wrapix.Owner? this process
---@return true|nil
---@return string? message
---@return string? code
function M.write(path, owner)
  local message, code
  if not owner then
    owner, message, code = M.current()
    if not owner then return nil, message, code end
  end
  return fs.write_atomic(path, M.encode(owner) .. "\n", { mode = PRIVATE, sync = false })
end

---Reads an owner's file.
---@param path string
---@return wrapix.Owner|nil
---@return string? message
---@return string? code "EBADMSG" when the file holds something else
function M.read(path)
  local text, message, code = fs.read(path, FILE_LIMIT + 1)
  if not text then return nil, message, code end
  local owner = M.decode((text:gsub("\n$", "")))
  if owner then return owner end
  return nil, ("EBADMSG: read '%s': names no owner"):format(path), "EBADMSG"
end

return M
