-- SPDX-License-Identifier: MIT
-- wrapix-notifyd: one place for the messages of all sandboxes of this user. Nothing
-- needs it; it must not harm the launchers when it ends, nor another one that runs.
--
-- Theory of operation. The lock $XDG_RUNTIME_DIR/wrapix/notify.lock is held for as long
-- as the daemon lives, so whoever has it knows that no other one of ours does. Under it
-- the socket is made under another name and renamed: whatever is stale is replaced in
-- one step, and there is no moment in which a connection is refused. What still answers
-- without the lock is some other program's and is left alone. At the end the socket is
-- removed only while the name still leads to ours. A socket of a service manager is that
-- one's to make and to remove.

local configs = require("wrapix.notify.config")
local container = require("wrapix.container")
local deliver = require("wrapix.notify.deliver")
local fs = require("wrapix.fs")
local net = require("wrapix.net")
local senders = require("wrapix.notify.senders")
local servers = require("wrapix.notify.server")
local sys = require("wrapix.sys")

local M = {}

local PRIVATE_DIR = tonumber("700", 8)
local OTHERS = tonumber("077", 8)
local FIRST_FD = 3
-- Connections are cheap, but each is a descriptor; some are needed for programs.
local MOST_CONNECTIONS, SPARE_DESCRIPTORS, BACKLOG = 2048, 64, 1024
-- How long messages that were sent before the end may take to be read and shown.
local READ_SECONDS, SHOW_SECONDS = 0.5, 3
-- Bytes of a socket's path: sun_path has 108 on Linux and 104 on macOS, with a NUL
-- (unix(7), unix(4)). The name that it has first is longer.
local LONGEST_PATH = { linux = 107, macos = 103 }
local FIRST_NAME = ".new"

---@class wrapix.NotifyDaemonOptions
---@field dirs { runtime: string, state: string, config: string }
---@field env table<string, string>
---@field log wrapix.Log
---@field say fun(text: string) one line on stdout, at once
---@field focus function|false|nil see deliver.lua
---@field raise function? see deliver.lua

local function refuse(object, reason, code, hint)
  return nil, ("notifyd: %s: %s"):format(object, reason), code, hint
end

-- --- the socket ----------------------------------------------------------------------

local function ensure_private(dir)
  local ok, message, code = fs.ensure_dir(dir, PRIVATE_DIR)
  if not ok then return refuse(dir, message, code) end
  local stat = fs.lstat(dir)
  if not stat or stat.type ~= "directory" or stat.uid ~= sys.euid() then
    return refuse(dir, "is not a directory of this user", "EPERM",
      "set XDG_RUNTIME_DIR to a directory that is yours alone")
  end
  if stat.mode & OTHERS ~= 0 then return fs.chmod(dir, PRIVATE_DIR) end
  return true
end

local function check_length(path)
  local most = LONGEST_PATH[sys.platform()] - #FIRST_NAME
  if #path <= most then return true end
  return refuse(path, ("the path has %d bytes, and that of a socket at most %d"):format(#path, most),
    "ENAMETOOLONG", "set XDG_RUNTIME_DIR to a directory with a shorter path")
end

-- True when nobody listens there, or nothing is there.
local function is_free(path)
  local stat = fs.lstat(path)
  if not stat then return true end
  if stat.type ~= "socket" then
    return refuse(path, ("is a %s and no socket"):format(stat.type), "EEXIST",
      "move it away, and start wrapix-notifyd again")
  end
  local stream = net.connect_unix(path)
  if not stream then return true end
  stream:close()
  return refuse(path, "some other program listens there", "EADDRINUSE",
    ("`fuser %s` tells which"):format(path))
end

-- Under the lock. The first name is ours alone, so what is there is a crash's.
local function listen(path)
  local ok, message, code, hint = is_free(path)
  if not ok then return nil, message, code, hint end
  local new = path .. FIRST_NAME
  fs.unlink(new)
  local listener
  listener, message, code = net.listen_unix(new, { backlog = BACKLOG })
  if not listener then return refuse(path, message, code) end
  local stat = fs.lstat(new)
  ok, message, code = fs.rename(new, path)
  if not ok or not stat then
    listener:close()
    return refuse(path, message or "is gone", code)
  end
  return { listener = listener, path = path, ino = stat.ino, dev = stat.dev }
end

local function remove_own(socket)
  local stat = socket.ino and fs.lstat(socket.path)
  if stat and stat.ino == socket.ino and stat.dev == socket.dev then fs.unlink(socket.path) end
end

---How many descriptors a service manager passed to this very process.
---@param env table<string, string>
---@return integer
function M.passed(env)
  local pid, count = tonumber(env.LISTEN_PID), tonumber(env.LISTEN_FDS)
  if pid ~= sys.pid() or not count or count < 1 or count > 16 then return 0 end
  return count // 1
end

local function adopt(count)
  local list = {}
  for fd = FIRST_FD, FIRST_FD + count - 1 do
    local listener, message, code = net.listen_fd(fd, { backlog = BACKLOG })
    if not listener then return refuse("the sockets passed on", message, code) end
    list[#list + 1] = { listener = listener, path = "a socket passed on",
      is_tcp = listener:port() > 0 }
  end
  return list
end

local function address_of(tcp) return tcp and ("TCP port %d (%s)"):format(tcp.port, tcp.host) end

local function listen_tcp(tcp, log)
  if not tcp then return nil end
  local listener, message = net.listen_tcp(tcp.host, tcp.port)
  if not listener then
    log:warn(("notifyd: %s port %d: %s"):format(tcp.host, tcp.port, message),
      "the Unix socket is served all the same")
    return nil
  end
  return { listener = listener, path = address_of(tcp), is_tcp = true, is_of_rules = true }
end

-- --- one daemon ----------------------------------------------------------------------

---@class wrapix.NotifyDaemon
---@field deliverer wrapix.Deliverer
---@field _served { socket: table, server: wrapix.NotifyServer, task: wrapix.Child }[]
local Daemon = {}
Daemon.__index = Daemon

local function load_config(opts, hint)
  local config, problem = configs.load(opts.dirs)
  if problem then opts.log:error(problem.message, hint or problem.hint) end
  return config, not problem
end

local function most_connections()
  local soft = sys.limits().nofile.soft
  return math.max(16, math.min(MOST_CONNECTIONS, soft - SPARE_DESCRIPTORS)) // 1
end

local function serve(self, socket)
  local function handle(message, stream)
    local known, reason
    if socket.is_tcp then
      known, reason = self._senders:of_tcp(message)
    else
      known = self._senders:of_unix(message, stream)
    end
    if not known then
      return self._opts.log:debug("notifyd: a message was dropped: " .. reason)
    end
    self.deliverer:handle(known)
  end
  return servers.new(socket.listener, {
    on_message = handle, from = not socket.is_tcp, admit = not socket.is_tcp
      and function(stream) return self._senders:admit(stream) end or nil,
    log = function(text) self._opts.log:warn(text) end, max_connections = most_connections(),
  })
end

-- Begins to serve a socket, within the scope of _serve.
function Daemon:_begin(socket)
  local server = serve(self, socket)
  local one = { socket = socket, server = server, task = self._scope:spawn(server.serve, server) }
  self._served[#self._served + 1] = one
end

local function find_tcp(self)
  for i, one in ipairs(self._served) do
    if one.socket.is_of_rules then return one, i end
  end
end

-- The address of the rules, where it is another one now, or could not be had before.
function Daemon:_follow_tcp(tcp)
  local old, at = find_tcp(self)
  if old and old.socket.path == address_of(tcp) or not old and not tcp then return end
  if old then
    table.remove(self._served, at)
    old.server:close()
  end
  local socket = listen_tcp(tcp, self._opts.log)
  if socket then
    self:_begin(socket)
    self._opts.log:info("notifyd: listening on " .. socket.path)
  end
end

function Daemon:_reload()
  -- What went well before is better than the defaults.
  local config, is_good = load_config(self._opts, "until it is mended, the rules read before hold")
  if not is_good then return end
  self.deliverer:configure(config)
  self._opts.log:info("notifyd: rules read: " .. (config.path or "the defaults"))
  self:_follow_tcp(config.tcp)
end

local function names_of(sockets)
  local names = {}
  for i, socket in ipairs(sockets) do names[#sockets + 1 - i] = socket.path end
  return table.concat(names, " and ")
end

-- Nobody new, but who is connected is heard. Twice is allowed.
function Daemon:_stop()
  if self._is_ending then return end
  self._is_ending = true
  for _, one in ipairs(self._served) do
    remove_own(one.socket)
    one.server:drain(READ_SECONDS)
    one.server:close()
  end
end

-- Serves until a signal ends it.
function Daemon:_serve(sockets)
  local ok, message, code = container.supervise({
    on_signal = function(name)
      if not self._scope then return end
      if name ~= "HUP" then return self:_stop() end
      if not self._is_ending then self:_reload() end
    end,
  }, function(scope)
    self._scope = scope
    -- Whoever reads this may end us at once, so signals are caught by now.
    self._opts.say("wrapix-notifyd: listening on " .. names_of(sockets))
    for _, socket in ipairs(sockets) do self:_begin(socket) end
    -- The first is none of the rules, so it stays to the end; what is behind it may change.
    self._served[1].task:wait()
    for _, one in ipairs(self._served) do one.task:wait() end
    return true
  end)
  for _, one in ipairs(self._served) do
    one.server:close()
    remove_own(one.socket)
  end
  self.deliverer:close(SHOW_SECONDS)
  if not ok then return nil, message, code end
  return true
end

-- Sockets of its own, and the lock; false when another one has it.
local function open_own(opts, config)
  local dir = opts.dirs.runtime
  local ok, message, code, hint = check_length(dir .. "/notify.sock")
  if ok then ok, message, code, hint = ensure_private(dir) end
  if not ok then return nil, message, code, hint end
  local lock
  lock, message, code = fs.lock(dir .. "/notify.lock")
  if not lock then
    if code == "EAGAIN" then return false end
    return refuse(dir, message, code)
  end
  local socket
  socket, message, code, hint = listen(dir .. "/notify.sock")
  if not socket then
    lock:close()
    return nil, message, code, hint
  end
  local sockets = { socket }
  sockets[2] = listen_tcp(config.tcp, opts.log)
  return sockets, lock
end

local function open_passed(opts, config, count)
  local sockets, message, code = adopt(count)
  if not sockets then return nil, message, code end
  sockets[#sockets + 1] = listen_tcp(config.tcp, opts.log)
  -- Whoever holds it has lost its socket to the service manager; that one decides.
  return sockets, fs.lock(opts.dirs.runtime .. "/notify.lock") or { close = function() end }
end

---Which process has the lock, as far as it says.
---@param runtime string
---@return integer?
function M.holder(runtime)
  local lock, _, code = fs.lock(runtime .. "/notify.lock")
  if lock then
    lock:close()
    return nil
  end
  if code ~= "EAGAIN" then return nil end
  return math.tointeger(tonumber((fs.read(runtime .. "/notify.lock", 64) or ""):match("%d+"))) or 0
end

---Runs the daemon until SIGTERM, SIGINT or SIGQUIT. Returns at once when one runs.
---@param opts wrapix.NotifyDaemonOptions
---@return "stopped"|"running"|nil running: another one does
---@return string|integer|nil message or the other's process id
---@return string? code
---@return string? hint
function M.run(opts)
  local config = load_config(opts)
  local count = M.passed(opts.env)
  local sockets, lock, code, hint
  if count > 0 then
    sockets, lock, code = open_passed(opts, config, count)
  else
    sockets, lock, code, hint = open_own(opts, config)
  end
  if sockets == false then return "running", M.holder(opts.dirs.runtime) end
  if not sockets then return nil, lock, code, hint end
  local self = setmetatable({
    _opts = opts, _senders = senders.new(opts.dirs.runtime), _served = {},
    deliverer = deliver.new({ config = config, dirs = opts.dirs, env = opts.env, log = opts.log,
      raise = opts.raise, focus = opts.focus }),
  }, Daemon)
  local ok, message
  ok, message, code = self:_serve(sockets)
  lock:close()
  if not ok then return nil, message, code end
  return "stopped"
end

return M
