-- SPDX-License-Identifier: MIT
-- Who speaks to the daemon, and what of it is believed. On the Unix socket: processes of
-- this user only, and only those that live beside us, in no container, may name a
-- session, for they could do anything else to this user as well. Over TCP: whoever knows
-- the token of a session that lives, and speaks for that one.

local fs = require("wrapix.fs")
local owner = require("wrapix.owner")
local reap = require("wrapix.reap")
local sha256 = require("wrapix.sha256")
local sys = require("wrapix.sys")

local M = {}

local TOKEN_FILE, TOKEN_LIMIT, SHORTEST_TOKEN = "run/notify.token", 256, 16
-- What a container has of its own; one that shares one of them still has the others.
local SPACES = { "user", "pid", "mnt" }

---Whether a process lives in no container. What cannot be seen does not.
---@param pid integer
---@return boolean
function M.is_beside_us(pid)
  if sys.platform() ~= "linux" then return true end -- containers are machines of their own there
  for _, space in ipairs(SPACES) do
    local theirs = fs.readlink(("/proc/%d/ns/%s"):format(pid, space))
    if not theirs or theirs ~= fs.readlink("/proc/self/ns/" .. space) then return false end
  end
  return true
end

---@class wrapix.NotifySenders
---@field _dir string where the sessions are
---@field _beside table<wrapix.Stream, boolean>
local Senders = {}
Senders.__index = Senders

---@param runtime string the runtime directory
---@return wrapix.NotifySenders
function M.new(runtime)
  return setmetatable({
    _dir = runtime .. "/sessions", _beside = setmetatable({}, { __mode = "k" }),
  }, Senders)
end

---Lets a connection to the Unix socket in, or tells why not. Looked at at once: whoever
---has sent its message may be gone a moment later, and its number be another's.
---@param stream wrapix.Stream
---@return true|nil
---@return string? reason
function Senders:admit(stream)
  local peer, message = stream:peer()
  if not peer then return nil, message end
  if peer.uid ~= sys.euid() then return nil, ("it belongs to user %d"):format(peer.uid) end
  self._beside[stream] = peer.pid > 0 and M.is_beside_us(peer.pid)
  return true
end

---A message of the Unix socket, less what its sender may not say.
---@param message wrapix.Message
---@param stream wrapix.Stream
---@return wrapix.Message
function Senders:of_unix(message, stream)
  message.token = nil
  if not self._beside[stream] then message.from, message.count = nil, nil end
  return message
end

local function session_of(self, token)
  local digest = sha256.hex(token)
  for _, id in ipairs(fs.list(self._dir) or {}) do
    local text = fs.read_beneath(self._dir, id .. "/" .. TOKEN_FILE, TOKEN_LIMIT)
    if text and sha256.hex((text:gsub("%s+$", ""))) == digest then
      local info, who = reap.read(self._dir .. "/" .. id)
      if info and who and owner.state(who) ~= "dead" then return info end
    end
  end
end

---A message that came over TCP; nil when its token is no session's.
---@param message wrapix.Message
---@return wrapix.Message|nil
---@return string? reason
function Senders:of_tcp(message)
  local token = message.token
  message.token, message.from = nil, nil
  if not token or #token < SHORTEST_TOKEN then return nil, "it has no token" end
  local info = session_of(self, token)
  if not info then return nil, "its token is no session's" end
  message.from = { session = info.session, name = info.name, profile = info.profile,
    workspace = info.workspace, started = info.start }
  return message
end

return M
