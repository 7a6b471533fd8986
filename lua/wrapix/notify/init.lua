-- SPDX-License-Identifier: MIT
-- The public face of notifications: a message to the person at this machine, through
-- wrapix-notifyd where one runs and by this process where none does. The same way is
-- taken by launchers for their sandboxes and by `wrapix notify`.

local lazy = require("wrapix.lazy")
local sys = require("wrapix.sys")

local context = lazy("wrapix.context")
local links = lazy("wrapix.notify.link")
local messages = lazy("wrapix.notify.message")

local M = {}

---@class wrapix.NotifyDeliverer
---@field handle fun(self, message: wrapix.Message): boolean never waits
---@field close fun(self, seconds: number?)

---@class wrapix.NotifyOptions
---@field dirs { runtime: string, state: string, config: string }? of this user
---@field env table<string, string>? of this process
---@field log wrapix.Log? told what cannot be shown, and by the deliverer what it did
---@field deliverer (fun(opts: wrapix.NotifyOptions): wrapix.NotifyDeliverer)? instead of our own

local function with_defaults(opts)
  opts = opts or {}
  return {
    dirs = opts.dirs or context.dirs(), env = opts.env or sys.environ(),
    log = opts.log or require("wrapix.log").new({ level = "warn" }), deliverer = opts.deliverer,
  }
end

-- For sinks that write to the person's own terminal; nil where this process has none.
local function terminal_of()
  if not sys.isatty(2) then return nil end
  return function(text) require("wrapix.container").write_stderr(text) end
end

---Makes what shows messages in this process, by the user's own rules.
---@param opts wrapix.NotifyOptions?
---@return wrapix.NotifyDeliverer
function M.deliverer(opts)
  opts = with_defaults(opts)
  local config, problem = require("wrapix.notify.config").load(opts.dirs)
  if problem then opts.log:warn(problem.message, problem.hint) end
  return require("wrapix.notify.deliver").new({
    config = config, dirs = opts.dirs, env = opts.env, log = opts.log, terminal = terminal_of(),
  })
end

---@class wrapix.NotifyRoute
---@field _link wrapix.NotifyLink
---@field _deliverer wrapix.NotifyDeliverer?
local Route = {}
Route.__index = Route

-- Codes that only say that no daemon is there.
local ABSENT = { ENOENT = true, ECONNREFUSED = true, ENOTDIR = true, ENAMETOOLONG = true }

---Sends a message on its way. Waits for at most a second, and only for a daemon.
---@param message wrapix.Message
---@return "daemon"|"direct" way direct: this process shows it
---@return string? why the daemon that is there was not used
function Route:send(message)
  local ok, why, code = self._link:send(message)
  if ok then return "daemon" end
  if not self._deliverer then self._deliverer = (self._opts.deliverer or M.deliverer)(self._opts) end
  self._deliverer:handle(message)
  return "direct", not ABSENT[code] and why or nil
end

---Ends: what is being shown gets `seconds` for that. Twice is allowed.
---@param seconds number? 1
function Route:close(seconds)
  self._link:close()
  if self._deliverer then self._deliverer:close(seconds) end
  self._deliverer = nil
end

---The way of messages from this process, for more than one of them.
---@param opts wrapix.NotifyOptions?
---@return wrapix.NotifyRoute
function M.route(opts)
  opts = with_defaults(opts)
  return setmetatable({ _opts = opts, _link = links.new(opts.dirs.runtime .. "/notify.sock") }, Route)
end

---Sends one message: to the daemon, or shown by this process before the call returns.
---@param message { title: string?, message: string?, sound: string?, urgency: string?, tag: string? }|string
---@param opts wrapix.NotifyOptions?
---@return "daemon"|"direct"|nil way
---@return string? why the daemon was not used, or what is wrong with the message
function M.send(message, opts)
  if type(message) == "string" then message = { message = message, title = "wrapix" } end
  if type(message) ~= "table" then error("notify.send: a text or a table expected", 2) end
  local clean, reason = messages.clean(message, { from = true })
  if not clean then return nil, "notify: " .. reason end
  local route = M.route(opts)
  local way, why = route:send(clean)
  route:close(5)
  return way, why
end

return M
