-- SPDX-License-Identifier: MIT
-- Facts about this process, its user and its machine. Reads only: there is no
-- setenv, because the environment of a child is given when it is started.

local c = require("wrapix._c.sys")
local fs = require("wrapix.fs")

local M = {}

--- Real user id.
---@return integer
function M.uid() return c.uid() end

--- Effective user id.
---@return integer
function M.euid() return c.euid() end

--- Real group id.
---@return integer
function M.gid() return c.gid() end

--- Own process id.
---@return integer
function M.pid() return c.pid() end

--- Process id of the parent.
---@return integer
function M.ppid() return c.ppid() end

--- Login name of the real user; nil when the user database has none.
---@return string|nil
function M.username() return (c.user(c.uid())) end

--- Home directory: HOME if that is absolute, else what the user database says.
---@return string|nil
function M.home()
  local home = os.getenv("HOME")
  if home and home:sub(1, 1) == "/" then
    return home
  end
  local name, dir = c.user(c.uid())
  return name and dir or nil
end

---@return string|nil
---@return string? message
---@return string? code
function M.hostname() return c.hostname() end

--- A text that changes with every start of the machine.
---@return string|nil
---@return string? message
---@return string? code
function M.boot_id() return c.boot_id() end

--- When a process started, in a text that tells it from any later process of the
--- same id until the next start of the machine (Linux: clock ticks).
---@param pid integer
---@return string|nil
---@return string? message
---@return string? code "ESRCH" when there is no such process
function M.process_start(pid) return c.process_start(pid) end

--- Sends a signal to the process of this id that started then, never to a later
--- one that got the same id.
---@param pid integer
---@param start string of sys.process_start
---@param number integer of the signal; 0 only asks
---@return true|nil
---@return string? message
---@return string? code "ESRCH" when that process is gone
function M.signal(pid, start, number) return c.signal(pid, start, number) end

--- Tells whether a descriptor is a terminal.
---@param fd integer
---@return boolean
function M.isatty(fd) return c.isatty(fd) end

--- Size of the terminal behind a descriptor; nil when there is none or it does
--- not know its size.
---@param fd integer
---@return { rows: integer, cols: integer }|nil
function M.term_size(fd)
  local rows, cols = c.term_size(fd)
  if not rows or rows == 0 or cols == 0 then
    return nil
  end
  return { rows = rows, cols = cols }
end

--- Limits of open files and of processes; math.huge means none.
---@return { nofile: { soft: number, hard: number }, nproc: { soft: number, hard: number } }
function M.limits() return c.limits() end

--- Number of processors this process may run on.
---@return integer|nil
---@return string? message
---@return string? code
function M.cpus() return c.cpus() end

--- Bytes of memory of the machine.
---@return integer|nil
---@return string? message
---@return string? code
function M.memory() return c.memory() end

--- The whole environment. Of a name that is there twice the first one counts.
---@return table<string, string>
function M.environ() return c.environ() end

--- One variable of the environment.
---@param name string
---@return string|nil
function M.env(name) return os.getenv(name) end

--- Seconds on a clock that never steps back.
---@return number
function M.clock() return c.clock() end

--- Seconds since 1970.
---@return number
function M.time() return c.time() end

--- Bytes of the kernel's random generator as lower-case hexadecimal digits.
---@param nbytes integer 1 to 1024
---@return string|nil
---@return string? message
---@return string? code
function M.random_hex(nbytes) return c.random_hex(nbytes) end

--- The operating system.
---@return "linux"|"macos"
function M.platform() return c.platform end

--- The processor: "x86_64", "aarch64", …
---@return string
function M.arch() return c.arch() end

local function check_program(path)
  local stat, message, code = fs.stat(path)
  if not stat then
    return nil, message, code
  elseif stat.type ~= "file" then
    return nil, ("EACCES: run '%s': a %s and not a file"):format(path, stat.type), "EACCES"
  end
  local ok
  ok, message, code = fs.access(path, "x")
  if not ok then
    return nil, message, code
  end
  return path
end

--- Finds a program. A name with '/' is looked at as it is; others are looked for
--- in the absolute directories of PATH: a relative one would run what lies in the
--- current directory.
---@param name string
---@param path string? in place of $PATH
---@return string|nil
---@return string? message
---@return string? code "EACCES" when all that was found may not be run, else "ENOENT"
function M.which(name, path)
  if type(name) ~= "string" then
    error(("sys.which: name: string expected, got %s"):format(type(name)), 2)
  elseif name:find("/", 1, true) then
    return check_program(name)
  end
  local denied, denied_code
  path = path or os.getenv("PATH") or "/usr/local/bin:/usr/bin:/bin"
  for dir in path:gmatch("[^:]+") do
    if dir:sub(1, 1) == "/" and name ~= "" then
      local found, message, code = check_program(dir .. "/" .. name)
      if found then
        return found
      elseif code == "EACCES" then
        denied, denied_code = message, code
      end
    end
  end
  if denied then
    return nil, denied, denied_code
  end
  return nil, ("ENOENT: find '%s': not on PATH"):format(name), "ENOENT"
end

--- Tells whether this process has a capability in effect. Where capabilities do
--- not exist, root has them all.
---@param number integer as in linux/capability.h; 24 is CAP_SYS_RESOURCE
---@return boolean
function M.capable(number)
  if math.type(number) ~= "integer" or number < 0 or number > 63 then
    error("sys.capable: number: an integer from 0 to 63 expected", 2)
  end
  local status = fs.read("/proc/self/status")
  local mask = status and status:match("\nCapEff:%s*(%x+)")
  if not mask then
    return c.euid() == 0
  end
  return (tonumber(mask, 16) >> number) & 1 == 1
end

return M
