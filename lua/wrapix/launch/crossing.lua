-- SPDX-License-Identifier: MIT
-- The session's sockets for a VM that no socket of this host can enter: one port at the
-- host's address in the sandboxes' network, and a token for each socket. Who says one
-- is led to that socket; everybody else is sent away. Knows nothing of what is said.
--
-- Theory of operation. The port stands in what is written before the start, but the
-- address may be there only once a VM is: so the port is chosen first and listened at
-- when that becomes possible. A connection has a task of its own, of no scope, since a
-- sandbox may outlive its launch. Its first line is `token HEX`; then bytes are carried
-- in both directions until both have ended.

local net = require("wrapix.net")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local M = {}

local TOKEN_BYTES = 32
local TOKEN_SECONDS = 5
-- Of those that have not said a token yet; the network may hold other VMs.
local MOST_STRANGERS = 16
local MOST = 64
local LISTEN_SECONDS = 60
local RETRY_SECONDS = 0.05

---@class wrapix.Crossing
---@field host string address
---@field port integer
local Crossing = {}
Crossing.__index = Crossing

---Compares two texts in a time that does not tell where they differ.
---@param a string
---@param b string
---@return boolean
function M.is_same(a, b)
  if #a ~= #b then return false end
  local differ = 0
  for i = 1, #a do differ = differ | (a:byte(i) ~ b:byte(i)) end
  return differ == 0
end

-- All are compared, whichever fits.
function Crossing:_path_of(line)
  local said, found = line:match("^token (%x+)$") or "", nil
  for _, socket in ipairs(self._sockets) do
    if M.is_same(said, socket.token) then found = socket.path end
  end
  return found
end

local function carry(from, to)
  for chunk in function() return from:read() end do
    if not to:write(chunk) then break end
  end
  to:shutdown()
  return true
end

local function lead(stream, path)
  local inner <close> = net.connect_unix(path)
  if not inner then return end
  task.scope(function(scope)
    scope:spawn(carry, stream, inner)
    return carry(inner, stream)
  end)
end

-- Not left to the connection's task alone: one that is cancelled before it began never runs.
function Crossing:_drop(connection)
  if not self._connections[connection] then return end
  self._connections[connection], self._count = nil, self._count - 1
  connection.stream:close()
end

function Crossing:_forget_stranger(connection)
  for i, stranger in ipairs(self._strangers) do
    if stranger == connection then return table.remove(self._strangers, i) end
  end
end

-- The one that has been silent longest goes: whoever belongs here says its token at once, and is
-- not kept out by others who only hold their places.
function Crossing:_add_stranger(connection)
  if #self._strangers >= MOST_STRANGERS then
    local oldest = table.remove(self._strangers, 1)
    oldest.task:cancel()
    self:_drop(oldest)
  end
  table.insert(self._strangers, connection)
end

function Crossing:_answer(connection)
  local stream <close> = connection.stream
  local line = task.timeout(TOKEN_SECONDS, function() return stream:read_line(128) end)
  self:_forget_stranger(connection)
  local path = line and self:_path_of(line)
  if path then
    lead(stream, path)
  else
    self._report:detail("crossing: a connection without a token of this session")
  end
end

function Crossing:_take(stream)
  if self._count >= MOST then return stream:close() end
  local connection = { stream = stream }
  self._connections[connection] = true
  self._count = self._count + 1
  self:_add_stranger(connection)
  connection.task = task.detach(function()
    pcall(self._answer, self, connection)
    self:_drop(connection)
  end)
end

-- Until a VM is there nobody has that address.
function Crossing:_listen()
  local deadline = sys.clock() + LISTEN_SECONDS
  while true do
    local listener, message, code = net.listen_tcp(self.host, self.port)
    if listener then return listener end
    if code ~= "EADDRNOTAVAIL" or sys.clock() > deadline then return nil, message, code end
    if not task.sleep(RETRY_SECONDS) then return nil, message, "ECANCELED" end
  end
end

function Crossing:_serve()
  if not self._listener then
    local message, code
    self._listener, message, code = self:_listen()
    if not self._listener then
      if code ~= "ECANCELED" and not self._is_over then self._on_failure(message) end
      return
    end
  end
  while true do
    local stream, message, code = self._listener:accept()
    if stream then
      self:_take(stream)
    elseif code == "ECANCELED" or code == "EBADF" then
      return
    else -- no descriptor left, say: it may pass
      self._report:detail("crossing: " .. message)
      if not task.sleep(RETRY_SECONDS) then return end
    end
  end
end

---Serves until `close`. Waits for nothing.
---@param on_failure fun(message: string) nobody can be listened to
function Crossing:serve(on_failure)
  if self._task then return end
  self._on_failure = on_failure
  self._task = task.detach(self._serve, self)
end

---Where each socket is to be reached, as what is written for the VM says it.
---@return table served host, and by name of a socket { port, token }
function Crossing:served()
  local out = { host = self.host }
  for _, socket in ipairs(self._sockets) do
    out[socket.name] = { port = self.port, token = socket.token }
  end
  return out
end

---Adds a socket that is there from now on.
---@param name string
---@param path string
---@return string token
function Crossing:add(name, path)
  for _, socket in ipairs(self._sockets) do
    if socket.name == name then return socket.token end
  end
  local token = assert(sys.random_hex(TOKEN_BYTES))
  self._sockets[#self._sockets + 1] = { name = name, path = path, token = token }
  return token
end

---Ends it, and every connection. Twice is allowed.
function Crossing:close()
  if self._is_over then return end
  self._is_over = true
  if self._task then self._task:cancel() end
  if self._listener then self._listener:close() end
  for connection in pairs(self._connections) do
    connection.task:cancel()
    connection.stream:close()
  end
end

Crossing.__close = Crossing.close

-- Free here and now; whoever has it at that address by then makes the start fail.
local function free_port()
  local probe <close>, message, code = net.listen_tcp("127.0.0.1", 0)
  if not probe then return nil, message, code end
  return probe:port()
end

---Chooses a port at an address, and listens there if the address is there already.
---@param host string numeric
---@param report table
---@return wrapix.Crossing|nil
---@return string? message
---@return string? code
function M.open(host, report)
  local listener, message, code = net.listen_tcp(host, 0)
  if not listener and code ~= "EADDRNOTAVAIL" then return nil, "crossing: " .. message, code end
  local port
  if listener then port = listener:port() else port, message, code = free_port() end
  if not port then return nil, "crossing: " .. message, code end
  return setmetatable({
    host = host, port = port, _listener = listener, _report = report, _sockets = {},
    _connections = {}, _strangers = {}, _count = 0,
  }, Crossing)
end

return M
