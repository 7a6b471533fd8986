-- SPDX-License-Identifier: MIT
-- A wrapix-notifyd of a spec, in directories of its own. What is shown goes into a file
-- by a function of the rules.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local net = require("wrapix.net")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local M = {}

M.WRAPIX = assert(fs.realpath("/proc/self/exe"))
--- Seconds that anything may take.
M.PATIENCE = 10

local SINK = [[
local function sink(m)
  local file = io.open(%q, "a")
  file:write(m.title, "|", m.message, "|", tostring(m.count or 1), "|",
    m.from and m.from.session or "-", "\n")
  file:close()
end
return { sinks = { sink }, %s }
]]

---@class test.Notifyd
---@field dir string
---@field env table<string, string|false> of what is started; false: not there
---@field socket string
local Notifyd = {}
Notifyd.__index = Notifyd

--- Makes the place of a daemon, and starts none.
---@return test.Notifyd
function M.new()
  local dir = assert(fs.temp_dir("wx-notifyd"))
  assert(fs.mkdir(dir .. "/r", 448))
  return setmetatable({ dir = dir, socket = dir .. "/r/wrapix/notify.sock", _running = {},
    env = { XDG_RUNTIME_DIR = dir .. "/r", XDG_STATE_HOME = dir .. "/s", XDG_CONFIG_HOME = dir .. "/c",
      HOME = dir, PATH = os.getenv("PATH"), LISTEN_PID = false, LISTEN_FDS = false } }, Notifyd)
end

--- A message of the protocol, with its end.
---@param title string
---@param more table?
---@return string
function M.line(title, more)
  local object = { title = title, message = "m" }
  for key, value in pairs(more or {}) do object[key] = value end
  return json.encode(object) .. "\n"
end

---@param what string
---@param test fun(): any
function M.wait_for(what, test)
  local deadline = sys.clock() + M.PATIENCE
  while not test() do
    assert(sys.clock() < deadline, "waited in vain for " .. what)
    task.sleep(0.01)
  end
end

--- Writes rules that show everything in a file.
---@param more string? other fields
function Notifyd:rules(more)
  assert(fs.ensure_dir(self.dir .. "/c/wrapix"))
  assert(fs.write_atomic(self.dir .. "/c/wrapix/notify.lua", SINK:format(self.dir .. "/shown", more or "")))
end

---@param argv string[]
---@param more table<string, string>? environment
---@return wrapix.Process
function Notifyd:spawn(argv, more)
  local all = { stdout = "pipe", stderr = "pipe", clear_env = true, env = {} }
  for key, value in pairs(self.env) do all.env[key] = value or nil end
  for key, value in pairs(more or {}) do all.env[key] = value end
  local one = assert(proc.spawn(argv, all))
  self._running[#self._running + 1] = one
  return one
end

--- Starts it, and returns when it listens.
---@param argv string[]? another way to start it
---@param more table<string, string>? environment
---@return wrapix.Process
---@return string line what it said
function Notifyd:start(argv, more)
  local one = self:spawn(argv or { M.WRAPIX, "notifyd" }, more)
  local line = assert(task.timeout(M.PATIENCE, one.stdout.read_line, one.stdout))
  assert(line:find("^wrapix%-notifyd: listening on "), line)
  return one, line
end

---@param one wrapix.Process
---@return table result
function Notifyd.finish(_, one)
  one:kill("TERM")
  return (assert(task.timeout(M.PATIENCE, one.wait, one)))
end

--- Runs another command of wrapix.
function Notifyd:run(...)
  local all = {}
  for key, value in pairs(self.env) do all[key] = value or nil end
  return assert(proc.run({ M.WRAPIX, ... }, { clear_env = true, env = all, timeout = M.PATIENCE }))
end

--- Returns when the daemon has read everything.
---@param text string
---@param path string? another socket
function Notifyd:send(text, path)
  local stream <close> = assert(net.connect_unix(path or self.socket))
  assert(stream:write(text))
  stream:shutdown()
  assert(task.timeout(M.PATIENCE, stream.read, stream) == nil)
end

---@return string what was shown
function Notifyd:shown() return fs.read(self.dir .. "/shown") or "" end

---@param text string
function Notifyd:wait_shown(text)
  M.wait_for(text, function() return self:shown():find(text, 1, true) end)
end

---@return table[]
function Notifyd:history()
  local result = self:run("notifyd", "log", "--json", "-n", "1000000")
  return (assert(json.decode(result.stdout)))
end

--- How many messages the history tells of.
---@return integer
function Notifyd:total()
  local count = 0
  for _, record in ipairs(self:history()) do
    if record.decision ~= "joined" then count = count + (record.count or 1) end
  end
  return count
end

--- Ends what was started.
function Notifyd:stop_all()
  for _, one in ipairs(self._running) do
    one:stop(5)
    one:close_pipes()
  end
  self._running = {}
end

--- Removes its directories.
function Notifyd:remove() fs.remove_tree(self.dir) end

return M
