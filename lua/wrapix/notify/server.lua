-- SPDX-License-Identifier: MIT
-- Reads messages from whoever connects, in a launcher and in the daemon alike. It
-- must never end, wait or grow because of a client, so what is done with a message
-- must not wait either.
--
-- Theory of operation. serve() accepts; each connection has a task of its own that
-- reads a piece, hands on the lines in it and lets the others run, so one that floods
-- delays nobody by more than a piece. A line is LONGEST_LINE bytes at most; of a longer
-- one the rest is read and dropped, up to its end. A line that was begun has to end
-- within `line_seconds`, which one clock task looks at while there are such lines. When
-- there are too many connections, the one that was silent longest is closed: an honest
-- client writes at once.

local messages = require("wrapix.notify.message")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local M = {}

-- Half a millisecond of messages. A message beside eight floods is shown after 25 ms; with
-- pieces of 64 KiB it took 137, and a larger piece makes nothing faster.
local PIECE = 4 << 10
-- Pieces of a line are joined when there are so many, so that neither their number
-- nor the joining grows with what a line is cut into.
local MOST_PIECES = 64
local DEFAULT_CONNECTIONS, DEFAULT_SECONDS = 64, 10
-- Bad lines are told, but not for ever: so many in so many seconds.
local MOST_TOLD, TOLD_SECONDS = 5, 60
local RETRY_SECONDS = 0.05

---@class wrapix.NotifyServer
---@field counts { connections: integer, messages: integer, bad: integer, dropped: integer }
local Server = {}
Server.__index = Server

---@class wrapix.NotifyServerOptions
---@field on_message fun(message: wrapix.Message, stream: wrapix.Stream) must not wait
---@field log fun(text: string)? told of bad lines and dropped clients
---@field from boolean? lines may say who speaks; see message.lua
---@field admit (fun(stream: wrapix.Stream): boolean?, string?)? who may connect; all
---@field max_connections integer? 64
---@field line_seconds number? 10

---Makes a server over a listening socket, which is its own from now on.
---@param listener wrapix.Server
---@param opts wrapix.NotifyServerOptions
---@return wrapix.NotifyServer
function M.new(listener, opts)
  if type(opts) ~= "table" or type(opts.on_message) ~= "function" then
    error("server.new: option \"on_message\": a function expected", 2)
  end
  return setmetatable({
    _listener = listener, _on_message = opts.on_message, _log = opts.log or function() end,
    _parse = { from = opts.from }, _admit = opts.admit, _conns = {}, _count = 0, _told = 0,
    _told_since = 0, _most = opts.max_connections or DEFAULT_CONNECTIONS,
    _seconds = opts.line_seconds or DEFAULT_SECONDS,
    counts = { connections = 0, messages = 0, bad = 0, dropped = 0 },
  }, Server)
end

-- Lines ----------------------------------------------------------------------------

function Server:_tell(text)
  local now = sys.clock()
  if now - self._told_since > TOLD_SECONDS then self._told, self._told_since = 0, now end
  self._told = self._told + 1
  if self._told <= MOST_TOLD then self._log(text) end
end

function Server:_refuse(reason)
  self.counts.bad = self.counts.bad + 1
  self:_tell(("notify: a line was skipped: %s"):format(reason))
end

function Server:_take_line(conn, line)
  if line:byte(-1) == 13 then line = line:sub(1, -2) end
  if line == "" then return end
  if #line > messages.LONGEST_LINE then return self:_refuse("longer than 64 KiB") end
  local message, reason = messages.parse(line, self._parse)
  if not message then return self:_refuse(reason) end
  self.counts.messages = self.counts.messages + 1
  local ok, err = pcall(self._on_message, message, conn.stream)
  if not ok then self:_tell("notify: " .. tostring(err)) end
end

-- What was kept of a line that is not over.
local function take_kept(conn)
  local text = table.concat(conn.pieces)
  conn.pieces, conn.size, conn.since = {}, 0, nil
  return text
end

function Server:_keep(conn, piece)
  conn.since = conn.since or sys.clock()
  self:_watch()
  if conn.is_skipping then return end
  conn.size = conn.size + #piece
  if conn.size > messages.LONGEST_LINE + 1 then -- one for a CR
    self:_refuse("longer than 64 KiB")
    conn.pieces, conn.size, conn.is_skipping = {}, 0, true
    return
  end
  conn.pieces[#conn.pieces + 1] = piece
  if #conn.pieces >= MOST_PIECES then conn.pieces = { table.concat(conn.pieces) } end
end

function Server:_split(conn, data)
  local from = 1
  while true do
    local stop = data:find("\n", from, true)
    if not stop then break end
    local line = data:sub(from, stop - 1)
    from = stop + 1
    if conn.is_skipping then
      conn.is_skipping, conn.since = false, nil
    else
      if conn.since then line = take_kept(conn) .. line end
      self:_take_line(conn, line)
    end
  end
  if from <= #data then self:_keep(conn, from == 1 and data or data:sub(from)) end
end

-- Connections ----------------------------------------------------------------------

function Server:_drop(conn, reason)
  self.counts.dropped = self.counts.dropped + 1
  self:_tell("notify: a client was dropped: " .. reason)
  conn.stream:close()
end

-- Looks at begun lines while there are any.
function Server:_watch()
  if self._clock then return end
  self._clock = task.detach(function()
    while true do
      if not task.sleep(math.min(1, self._seconds / 4)) then break end
      local has_begun, now = false, sys.clock()
      for conn in pairs(self._conns) do
        if conn.since and now - conn.since > self._seconds then
          conn.since = nil
          self:_drop(conn, ("a line was not over after %g s"):format(self._seconds))
        end
        has_begun = has_begun or conn.since ~= nil
      end
      if not has_begun then break end
    end
    self._clock = nil
  end)
end

function Server:_read(conn)
  local stream = conn.stream
  while true do
    local data = stream:read(PIECE)
    if not data then break end
    conn.used = sys.clock()
    self:_split(conn, data)
    if not task.yield() then return end
  end
  if not conn.is_skipping and not stream:is_closed() then self:_take_line(conn, take_kept(conn)) end
end

function Server:_close_most_silent()
  local silent
  for conn in pairs(self._conns) do
    if not silent or conn.used < silent.used then silent = conn end
  end
  self:_forget(silent)
  self:_drop(silent, ("more than %d at once"):format(self._most))
end

function Server:_forget(conn)
  if not self._conns[conn] then return end
  self._conns[conn] = nil
  self._count = self._count - 1
end

---Takes a connection that somebody else has accepted.
---@param stream wrapix.Stream
function Server:take(stream)
  self.counts.connections = self.counts.connections + 1
  if self._admit then
    local ok, reason = self._admit(stream)
    if not ok then
      self.counts.dropped = self.counts.dropped + 1
      self:_tell("notify: a client was refused: " .. (reason or "not allowed"))
      return stream:close()
    end
  end
  if self._count >= self._most then self:_close_most_silent() end
  local conn = { stream = stream, pieces = {}, size = 0, used = sys.clock() }
  self._conns[conn] = true
  self._count = self._count + 1
  conn.task = task.detach(function()
    local ok, err = pcall(self._read, self, conn)
    stream:close()
    self:_forget(conn)
    if not ok and not task.is_cancelled() then self:_tell("notify: " .. tostring(err)) end
  end)
end

---Accepts until the server is closed or the task cancelled. Waits.
---@return true
function Server:serve()
  while true do
    local stream, message, code = self._listener:accept()
    if stream then
      self:take(stream)
    elseif code == "ECANCELED" or code == "EBADF" then
      return true
    else -- no descriptor left, say: it may pass
      self:_tell("notify: " .. tostring(message))
      if not task.sleep(RETRY_SECONDS) then return true end
    end
  end
end

---How many are connected.
---@return integer
function Server:connections() return self._count end

---Lets those who are connected finish, for at most so long. Who waits to be accepted
---is, while `serve` runs.
---@param seconds number
function Server:drain(seconds)
  local deadline = sys.clock() + seconds
  for _ = 1, 5 do task.yield() end
  while self._count > 0 and sys.clock() < deadline do
    if not task.sleep(0.005) then return end
  end
end

---Closes the socket and all connections. Twice is allowed. The file of a Unix socket stays.
function Server:close()
  self._listener:close()
  for conn in pairs(self._conns) do conn.stream:close() end
  if self._clock then self._clock:cancel() end
end

Server.__close = Server.close

return M
