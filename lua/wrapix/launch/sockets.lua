-- SPDX-License-Identifier: MIT
-- Sockets of the caller's own beside a sandbox: /run/wrapix/NAME.sock inside, a function
-- here for each connection. What comes over one is foreign text; whoever connects can
-- neither hold up the sandbox's end nor make this process grow.
--
-- Theory of operation. Each socket has a task that accepts, and each connection one of
-- its own, of no scope: what goes wrong in one must end neither the sandbox nor another.
-- When as many as may are there, the next is closed at once.

local fs = require("wrapix.fs")
local net = require("wrapix.net")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local M = {}

local MOST = 16
-- What was said before the sandbox's end is still heard, for so long.
local LAST_SECONDS = 2
local RETRY_SECONDS = 0.05

---@class wrapix.LaunchSockets
local Sockets = {}
Sockets.__index = Sockets

function Sockets:_answer(socket, stream)
  local connection = { stream = stream }
  self._connections[connection] = true
  socket.count = socket.count + 1
  connection.task = task.detach(function()
    local ok, err = pcall(socket.answer, stream)
    stream:close()
    self._connections[connection] = nil
    socket.count = socket.count - 1
    if not ok and not self._is_over then
      self._report:warn(("socket: %s: %s"):format(socket.name, tostring(err):match("^[^\n]*")))
    end
  end)
end

function Sockets:_serve(socket)
  while true do
    local stream, message, code = socket.listener:accept()
    if stream and socket.count >= MOST then
      stream:close()
      self._report:detail(("socket: %s: more than %d at once"):format(socket.name, MOST))
    elseif stream then
      self:_answer(socket, stream)
    elseif code == "ECANCELED" or code == "EBADF" then
      return
    else -- no descriptor left, say: it may pass
      self._report:detail(("socket: %s: %s"):format(socket.name, message))
      if not task.sleep(RETRY_SECONDS) then return end
    end
  end
end

function Sockets:_add(name, answer, launch)
  local path, user = ("%s/%s.sock"):format(launch.session.dir, name), launch.plan.user
  local listener, message, code = net.listen_unix(path)
  if not listener then return nil, "socket: " .. message, code end
  local socket = { name = name, path = path, listener = listener, answer = answer, count = 0 }
  self._sockets[#self._sockets + 1] = socket
  if user.mode == "direct" then -- as root the sandbox runs as somebody else
    local ok
    ok, message, code = fs.chown(path, user.uid, user.gid)
    if not ok then return nil, "socket: " .. message, code end
  end
  task.detach(self._serve, self, socket)
  return true
end

---Ends: who has connected is answered, for a moment at most. Not to be cut short.
---Twice is allowed.
function Sockets:close()
  if self._is_over then return end
  for _ = 1, 5 do task.yield() end -- who waits to be accepted is
  local deadline = sys.clock() + LAST_SECONDS
  while next(self._connections) and sys.clock() < deadline do task.sleep(0.005) end
  self._is_over = true
  for _, socket in ipairs(self._sockets) do
    socket.listener:close()
    fs.unlink(socket.path)
  end
  for connection in pairs(self._connections) do
    connection.task:cancel()
    connection.stream:close()
  end
end

---Makes the sockets and serves them until `close`. Waits for nothing.
---@param wanted table<string, fun(connection: wrapix.Stream)> by name
---@param launch wrapix.Launch
---@return wrapix.LaunchSockets|nil
---@return string? message
---@return string? code
function M.open(wanted, launch)
  local self = setmetatable({ _sockets = {}, _connections = {}, _report = launch.report }, Sockets)
  local names = {}
  for name in pairs(wanted) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local ok, message, code = self:_add(name, wanted[name], launch)
    if not ok then
      self:close()
      return nil, message, code
    end
  end
  return self
end

return M
