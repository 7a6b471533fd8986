-- SPDX-License-Identifier: MIT
---@meta wrapix._c.net
-- The C half of wrapix.net; what a connection carries is docs/api/stream.lua's.
-- Only lua/wrapix/net.lua requires it.

---@class wrapix._c.net
local net = {}

---@class wrapix.Server: userdata
local Server = {}

---@param path string must not exist
---@param mode integer of the socket's file
---@param backlog integer
---@return wrapix.Server|nil, string? message, string? code "EADDRINUSE" when the path exists
function net.listen_unix(path, mode, backlog) end

---@param host string numeric address or "localhost"
---@param port integer 0 takes a free one
---@param backlog integer
---@return wrapix.Server|nil, string? message, string? code
function net.listen_tcp(host, port, backlog) end

---@param fd integer 3 or more; of a socket that listens already
---@param backlog integer
---@return wrapix.Server|nil, string? message, string? code "EINVAL", "EBADF", "ENOTSOCK"
function net.listen_fd(fd, backlog) end

---@param path string
---@return wrapix.Stream|nil, string? message, string? code
function net.connect_unix(path) end

---@param host string numeric address or "localhost"
---@param port integer
---@return wrapix.Stream|nil, string? message, string? code
function net.connect_tcp(host, port) end

---Waits for a connection. One task at a time.
---@return wrapix.Stream|nil, string? message, string? code "EBADF" after close
function Server:accept() end

---@return integer port 0 for a Unix socket and after close
function Server:port() end

---Closes; twice is allowed. A waiting accept ends with "ECANCELED". The file of a
---Unix socket stays: remove it.
function Server:close() end

return net
