-- SPDX-License-Identifier: MIT
-- Unix and TCP sockets. Addresses are numeric (or "localhost"): the launcher
-- looks up no names.

local c = require("wrapix._c.net")

local M = {}

---Listens on a Unix socket. The path must not exist: who replaces a stale socket
---must know that it is stale.
---@param path string
---@param opts { mode: integer?, backlog: integer? }? mode of the file, default 0600
---@return wrapix.Server|nil, string?, string?
function M.listen_unix(path, opts)
  opts = opts or {}
  return c.listen_unix(path, opts.mode or 384, opts.backlog or 128)
end

---Listens on TCP; port 0 takes a free one, server:port() tells which.
---@param host string numeric address
---@param port integer
---@param opts { backlog: integer? }?
---@return wrapix.Server|nil, string?, string?
function M.listen_tcp(host, port, opts)
  return c.listen_tcp(host, port, opts and opts.backlog or 128)
end

---Listens on a socket that a service manager made and passed on: such a descriptor
---listens already and is the server's from then on. Each may be taken once.
---@param fd integer 3 or more
---@param opts { backlog: integer? }?
---@return wrapix.Server|nil, string?, string? code "EINVAL" for what is no listening socket
function M.listen_fd(fd, opts) return c.listen_fd(fd, opts and opts.backlog or 128) end

---@param path string
---@return wrapix.Stream|nil, string?, string?
function M.connect_unix(path) return c.connect_unix(path) end

---@param host string numeric address
---@param port integer
---@return wrapix.Stream|nil, string?, string?
function M.connect_tcp(host, port) return c.connect_tcp(host, port) end

return M
