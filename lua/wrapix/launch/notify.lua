-- SPDX-License-Identifier: MIT
-- The sandbox's own notification socket, served beside it by whoever launched it. Who
-- speaks is known from the socket; what a message says of that is not believed. Must
-- cost a start nothing and never hold up the sandbox, whoever is slow.
--
-- Theory of operation. The socket is made while the engine starts. Everything behind
-- it is loaded with the first message. Messages go into a bounded queue, and one task,
-- which runs while there are any, takes them through the profile's hooks and sends
-- them on: to the daemon, or to a deliverer in this process. All tasks belong to no
-- scope, because a held sandbox outlives its launch.

local fs = require("wrapix.fs")
local lazy = require("wrapix.lazy")
local net = require("wrapix.net")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local lanes = lazy("wrapix.notify.lanes")
local messages = lazy("wrapix.notify.message")
local servers = lazy("wrapix.notify.server")
local watches = lazy("wrapix.notify.watch")

local screens = lazy("wrapix.notify.screen")

local M = {}

local NAME, TOKEN = "notify.sock", "notify.token"
local PRIVATE = tonumber("600", 8)
-- By then the launcher only waits for the engine.
local IDLE_SECONDS = 0.05
-- What the end of a sandbox waits for at most: what was said last, its hooks and its way.
local READ_SECONDS, WORK_SECONDS, SHOW_SECONDS = 0.5, 2, 1

---@class wrapix.LaunchNotify
---@field path string of the socket, on the host
local Service = {}
Service.__index = Service

-- Who speaks. Nothing of this comes from inside.
local function sender_of(launch, started)
  local plan = launch.plan
  return {
    session = plan.session, name = plan.name, profile = plan.profile,
    workspace = plan.workspace.source, screen = launch.screen, started = started,
  }
end

function Service:_route()
  if not self._way then
    local launch = self._launch
    self._way = require("wrapix.notify").route({
      dirs = launch.facts.dirs, log = self._log, deliverer = launch.opts.deliverer,
    })
  end
  return self._way
end

-- One message: what the hooks leave of it goes on.
function Service:_send(message)
  local launch = self._launch
  -- Only hooks name an event: what a program says by itself is shown all the same.
  if launch.opts.notify == false and message.event then return end
  if launch.hooks:has("on_notify") then
    local changed = launch.hooks:on_notify(launch, message)
    if not changed then return end
    message = messages.clean(changed, { from = true }) or message
  end
  self:_describe()
  message.from, message.token = sender_of(launch, self._started), nil
  local _, why = self:_route():send(message)
  if why then self._log:detail(why) end
end

function Service:_work(lane)
  while true do
    local message, count = self._queue:take(lane)
    if not message then break end
    message.count = count > 1 and count or nil
    local ok, err = pcall(self._send, self, message)
    if not ok then
      if task.is_cancelled() then break end
      self._log:detail("notify: " .. tostring(err))
    end
  end
  self._worker = nil
end

function Service:_take(message)
  self._queue = self._queue or lanes.new()
  local lane, is_new = self._queue:push("", message)
  if is_new then self._worker = task.detach(self._work, self, lane) end
end

-- What speaks where a message says nothing of that: the agent, else the profile.
local function title_of(plan)
  for _, agent in ipairs(plan.agents or {}) do
    if agent.runs then return agent.title end
  end
  return plan.profile
end

---What the program inside did at its terminal; it goes the way of its messages.
---@param text string see wrapix.notify.watch
---@param idle number? seconds since the person pressed a key
function Service:watch(text, idle)
  if self._closed then return end
  local plan = self._launch.plan
  self._watch = self._watch or watches.new({ title = title_of(plan), clock = sys.clock })
  local message = self._watch:take(text, idle)
  if message then self:_take(message) end
end

-- Where the person sits, for whoever asks while this process lives. Told to nobody inside.
function Service:_describe()
  local launch = self._launch
  if launch.screen then return end
  launch.screen = screens.describe(sys.environ())
  local ok, msg = screens.write(launch.session.root, launch.screen)
  if not ok then self._log:detail("notify: " .. msg) end
end

-- The first connection loads what reads it.
function Service:_serve(listener)
  local first = listener:accept()
  if not first then return end
  self._server = servers.new(listener, {
    on_message = function(message) self:_take(message) end,
    log = function(text) self._log:detail(text) end,
  })
  self._server:take(first)
  self._server:serve()
end

---Ends: what was said before is read, taken through the hooks and shown, each for a
---moment at most. Not to be cut short. Twice is allowed.
function Service:close()
  if self._closed then return end
  self._closed = true
  if self._held then self._held:release() end
  self._describer:cancel()
  for _ = 1, 5 do task.yield() end -- who waits to be accepted is
  if self._server then self._server:drain(READ_SECONDS) end
  self._listener:close()
  if self._server then self._server:close() end
  fs.unlink(self.path)
  local deadline = sys.clock() + WORK_SECONDS
  while self._worker and sys.clock() < deadline do task.sleep(0.005) end
  if self._worker then self._worker:cancel() end
  if self._way then self._way:close(SHOW_SECONDS) end
end

-- As root the sandbox runs as somebody else.
local function give(path, user)
  if user.mode ~= "direct" then return true end
  return fs.chown(path, user.uid, user.gid)
end

-- What a message over TCP proves itself with.
local function write_token(dir, user)
  local token, msg, code = sys.random_hex(16)
  if not token then return nil, msg, code end
  local path, ok = dir .. "/" .. TOKEN
  ok, msg, code = fs.write_atomic(path, token .. "\n", { mode = PRIVATE, sync = false })
  if not ok then return nil, msg, code end
  return give(path, user)
end

-- A sandbox that has the terminal is not written over.
local function held_log(launch)
  local plan = launch.plan
  if not plan.terminal.tty or plan.detach then return nil end
  return require("wrapix.launch.held_log").new(launch.report)
end

---Makes the socket and serves it until `close`. Waits for nothing.
---@param launch wrapix.Launch
---@return wrapix.LaunchNotify|nil
---@return string? message
---@return string? code
function M.open(launch)
  local dir, user = launch.session.dir, launch.plan.user
  local path = dir .. "/" .. NAME
  local listener, msg, code = net.listen_unix(path)
  if not listener then return nil, msg, code end
  local ok
  ok, msg, code = give(path, user)
  if ok then ok, msg, code = write_token(dir, user) end
  if not ok then
    listener:close()
    return nil, msg, code
  end
  local held = held_log(launch)
  local self = setmetatable({
    path = path, _launch = launch, _listener = listener, _started = sys.time(),
    _held = held, _log = held or launch.report,
  }, Service)
  task.detach(self._serve, self, listener)
  self._describer = task.detach(function()
    if task.sleep(IDLE_SECONDS) then self:_describe() end
  end)
  return self
end

return M
