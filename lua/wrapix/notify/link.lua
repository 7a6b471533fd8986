-- SPDX-License-Identifier: MIT
-- The way to wrapix-notifyd: one connection that is kept, made when there is something
-- to say, and noticed when it is lost. Whether a daemon runs is asked with each message,
-- because it may come and go while a sandbox lives.

local messages = require("wrapix.notify.message")
local net = require("wrapix.net")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local M = {}

-- A daemon that takes nothing for so long is given up for this message.
local WRITE_SECONDS = 1

---@class wrapix.NotifyLink
---@field path string
local Link = {}
Link.__index = Link

-- The daemon never speaks: what ends the read is its end.
local function watch(self, stream)
  task.detach(function()
    while stream:read(256) do task.yield() end
    stream:close()
    if self._stream == stream then self._stream = nil end
  end)
end

-- The directory is this user's alone; who listens there is looked at all the same.
function Link:_connect()
  local stream, message, code = net.connect_unix(self.path)
  if not stream then return nil, message, code end
  local peer = stream:peer()
  if not peer or peer.uid ~= sys.euid() then
    stream:close()
    return nil, ("notify: %s: not a daemon of this user"):format(self.path), "EPERM"
  end
  self._stream = stream
  watch(self, stream)
  return true
end

---Hands a message to the daemon. Waits for at most a second.
---@param message wrapix.Message
---@return true|nil
---@return string? message
---@return string? code "ENOENT", "ECONNREFUSED": no daemon
function Link:send(message)
  local line, reason = messages.encode(message)
  if not line then return nil, "notify: " .. reason, "EINVAL" end
  for _ = 1, 2 do -- the daemon may have been started anew
    if not self._stream then
      local ok, text, code = self:_connect()
      if not ok then return nil, text, code end
    end
    local stream = self._stream
    local ok, text, code = task.timeout(WRITE_SECONDS, stream.write, stream, line)
    if ok then return true end
    self:close()
    if code ~= "EPIPE" and code ~= "ECONNRESET" and code ~= "EBADF" then return nil, text, code end
  end
  return nil, "notify: the daemon hangs up", "EPIPE"
end

---Closes the connection. It may be used again.
function Link:close()
  local stream = self._stream
  self._stream = nil
  if stream then stream:close() end
end

---@param path string of the daemon's socket
---@return wrapix.NotifyLink
function M.new(path) return setmetatable({ path = path }, Link) end

return M
