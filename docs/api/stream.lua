-- SPDX-License-Identifier: MIT
---@meta wrapix._c.stream
-- The stream object of wrapix.proc (pipes) and wrapix.net (sockets). There is no
-- module of this name: streams come from there. One task may read and one may
-- write at a time; a second raises. After close() every call but close and the
-- two questions returns nil, "EBADF: …", "EBADF".

---@class wrapix.Stream: userdata
local Stream = {}

---Waits for something to read and returns what is there.
---@param max integer? bytes at most; 65536
---@return string|nil data nil alone at the end
---@return string? message
---@return string? code
function Stream:read(max) end

---Waits for exactly n bytes; fewer only at the end.
---@param n integer
---@return string|nil data nil alone at the end
---@return string? message
---@return string? code
function Stream:read_exact(n) end

---Waits for a line, returned without its "\n".
---@param max integer? bytes of a line; 1 MiB
---@return string|nil line nil alone at the end
---@return string? message
---@return string? code "EMSGSIZE" for a longer line
function Stream:read_line(max) end

---Waits for the end and returns everything up to it.
---@param max integer? bytes; 1 GiB
---@return string|nil data nil alone at the end
---@return string? message
---@return string? code
function Stream:read_all(max) end

---Writes; waits while the other end is slow.
---@param data string
---@return true|nil, string? message, string? code "EPIPE" when nobody reads
function Stream:write(data) end

---Ends our side: the other end sees the end, reading goes on.
---@return true|nil, string? message, string? code
function Stream:shutdown() end

---Who is at the other end of a Unix socket, as the kernel saw it at the connect.
---@return { uid: integer, gid: integer, pid: integer }|nil, string? message, string? code
function Stream:peer() end

---@return boolean
function Stream:is_closed() end

---@return boolean whether a task waits in a read
function Stream:is_reading() end

---Closes; twice is allowed. Waits on the stream end with "ECANCELED".
function Stream:close() end
