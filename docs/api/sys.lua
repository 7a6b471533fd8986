-- SPDX-License-Identifier: MIT
---@meta wrapix._c.sys
-- The C half of wrapix.sys. Only lua/wrapix/sys.lua requires it.

---@class wrapix._c.sys
---@field platform "linux"|"macos"
local sys = {}

---@return integer
function sys.uid() end

---@return integer
function sys.euid() end

---@return integer
function sys.gid() end

---@return integer
function sys.pid() end

---@return integer
function sys.ppid() end

-- seen as: sys.username
---Looks a user up; a lone nil when there is none.
---@param uid integer
---@return string|nil name, string? home or message, string? code
function sys.user(uid) end

---@return string|nil, string? message, string? code
function sys.hostname() end

---@return string|nil, string? message, string? code
function sys.boot_id() end

---@param pid integer
---@return string|nil, string? message, string? code "ESRCH": no such process
function sys.process_start(pid) end

---@param pid integer
---@param start string of process_start
---@param signo integer
---@return true|nil, string? message, string? code "ESRCH": that process is gone
function sys.signal(pid, start, signo) end

---@param fd integer
---@return boolean
function sys.isatty(fd) end

---@param fd integer
---@return integer|nil rows, integer|string? cols or message, string? code
function sys.term_size(fd) end

---@return { nofile: { soft: number, hard: number }, nproc: { soft: number, hard: number } }
function sys.limits() end

---@return integer|nil, string? message, string? code
function sys.cpus() end

---@return integer|nil bytes, string? message, string? code
function sys.memory() end

---@return table<string, string>
function sys.environ() end

---@return number seconds
function sys.clock() end

---@return number seconds since 1970
function sys.time() end

---@param nbytes integer 1 to 1024
---@return string|nil, string? message, string? code
function sys.random_hex(nbytes) end

---@return string
function sys.arch() end

return sys
