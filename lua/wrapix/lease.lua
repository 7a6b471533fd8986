-- SPDX-License-Identifier: MIT
-- The launcher's end of the lease: a socket in the session's directory to which
-- the sandbox's PID 1 connects before it runs anything. While this process
-- lives the connection stands; when it dies the kernel closes it, and PID 1
-- ends the sandbox. Knows nothing of engines.

local fault = require("wrapix.fault")
local fs = require("wrapix.fs")
local net = require("wrapix.net")
local task = require("wrapix.task")

local M = {}

---@class wrapix.Lease
---@field started boolean PID 1 has started the command
---@field status integer? what PID 1 said the command ended with
---@field memory integer? bytes, the most the sandbox used
---@field is_taken boolean? PID 1 has connected
---@field ended boolean the connection is over: the sandbox is gone
---@field orphaned boolean? the engine's monitor has died under PID 1, which ends the sandbox
---@field on_orphan fun() called then
local Lease = {}
Lease.__index = Lease

-- What PID 1 says: "start", "orphan" when its parent has died, and at its end "exit STATUS
-- MEMORY", the latter the most bytes the sandbox used, 0 when unknown.
local function listen_to(lease, stream)
  while true do
    local line, _, code = stream:read_line(64)
    -- Whoever listens is to stop; the sandbox goes on.
    if not line and code == "ECANCELED" then return true end
    if not line then break end
    if line == "start" then
      lease.started = true
      lease.on_start()
    elseif line == "orphan" then
      lease.orphaned = true
      lease.on_orphan()
    else
      local status, memory = line:match("^exit (%d+) (%d+)$")
      lease.status = math.tointeger(tonumber(status)) or lease.status
      lease.memory = memory and memory ~= "0" and math.tointeger(tonumber(memory)) or nil
    end
  end
  lease.ended = true
  fault.point("lease.ended")
  return true
end

---Serves the lease until the sandbox has ended; a task of its own runs this.
---The first connection is PID 1's, which connects before anything else can run
---in there. Later ones are somebody's inside, and none of our business.
---@param on_start fun() called once, when the command runs
---@return true|nil
---@return string? message
---@return string? code
function Lease:serve(on_start)
  self.on_start = on_start
  -- Whoever listened was cancelled, the sandbox not with it: nobody else's
  -- connection may take its place.
  if self._stream then return listen_to(self, self._stream) end
  local stream, msg, code = self._server:accept()
  if not stream then return nil, msg, code end
  self._stream, self.is_taken = stream, true
  self:_send_orders()
  fault.point("lease.connected")
  return listen_to(self, stream)
end

---Whether PID 1 has connected. A connection that waits is taken in one turn of the
---loop and read in the next: some turns are given. Only while `serve` runs.
---@return boolean
function Lease:let_take()
  for _ = 1, 5 do
    if self.is_taken then return true end
    task.yield()
  end
  return self.is_taken == true
end

---PID 1 as this process sees it.
---@return integer? pid nil before it has connected, and where it cannot be seen
function Lease:pid()
  local peer = self._stream and self._stream:peer()
  return peer and peer.pid and peer.pid > 1 and peer.pid or nil
end

-- One writes at a time; what comes meanwhile is written by the same.
function Lease:_send_orders()
  if self._is_sending or not self._stream then return true end
  self._is_sending = true
  local ok, msg, code = true, nil, nil
  while ok and self._orders ~= "" do
    local orders = self._orders
    self._orders = ""
    ok, msg, code = self._stream:write(orders)
  end
  self._is_sending = false
  return ok, msg, code
end

---Hands a signal to the command, at once or when it is there.
---@param number integer
---@return true|nil
---@return string? message
---@return string? code
function Lease:signal(number)
  self._orders = self._orders .. string.char(number)
  return self:_send_orders()
end

---Gives the lease up: PID 1, if it lives, ends the sandbox.
function Lease:close()
  if self._stream then self._stream:close() end
  self._server:close()
  fs.unlink(self._path)
end

Lease.__close = Lease.close

---Makes the socket.
---@param dir string what the sandbox sees as /run/wrapix
---@param user { uid: integer, gid: integer, mode: string } of the plan
---@param name string? of the socket; that of one more command than the sandbox's own
---@return wrapix.Lease|nil
---@return string? message
---@return string? code
function M.open(dir, user, name)
  local path = dir .. "/" .. (name or "lease.sock")
  local server, msg, code = net.listen_unix(path, { backlog = 8 })
  if not server then return nil, msg, code end
  if user.mode == "direct" then -- as root the sandbox runs as somebody else
    local ok
    ok, msg, code = fs.chown(path, user.uid, user.gid)
    if not ok then
      server:close()
      return nil, msg, code
    end
  end
  return setmetatable({
    _server = server, _path = path, _orders = "", started = false, ended = false,
    on_start = function() end, on_orphan = function() end,
  }, Lease)
end

return M
