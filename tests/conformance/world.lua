-- SPDX-License-Identifier: MIT
-- What a behaviour drives the program with: directories of its own, runs of the real
-- `wrapix`, its engine's view, terminals. It knows both runtimes, Linux and macOS, and
-- looks at wrapix from outside only; tests/support/e2e.lua is for the hosts of Linux alone.

local check = require("conformance.check")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")
local task = require("wrapix.task")
local terminal = require("support.terminal")

local M = {}

-- As root the sandbox gets the ids of the workspace's owner; any but root's own.
local OTHER_USER = 7700
-- Only for what hangs, on a machine that does other things.
local PATIENCE = 30
local RUN_TIMEOUT = 90

---@class conformance.World
---@field target conformance.Target
---@field tmp string directory of this behaviour
---@field uid integer that files of the sandbox have outside
---@field gid integer
---@field name string of a sandbox, unlike that of any other behaviour
local World = {}
World.__index = World

local counter = 0

---@param target conformance.Target
---@return conformance.World
function M.new(target)
  counter = counter + 1
  local tmp = ("%s/%d"):format(target.tmp, counter)
  assert(fs.ensure_dir(tmp))
  local root = sys.uid() == 0
  return setmetatable({
    target = target, tmp = tmp, name = ("wxc-%d-%s"):format(counter, sys.random_hex(2)),
    uid = root and OTHER_USER or sys.uid(), gid = root and OTHER_USER or sys.gid(), _dirs = 0, _detached = {},
  }, World)
end

-- Files --------------------------------------------------------------------------

---Gives a file or directory to the user whom the sandbox is to be.
function World:own(path)
  if sys.uid() == 0 then assert(fs.chown(path, self.uid, self.gid)) end
  return path
end

---A new directory of the user; its name ends with the one given.
---@param name string?
---@return string
function World:dir(name)
  self._dirs = self._dirs + 1
  local dir = ("%s/%d/%s"):format(self.tmp, self._dirs, name or "project")
  assert(fs.ensure_dir(dir))
  return self:own(dir)
end

---Writes a file of the user and returns its path.
function World:file(path, text, mode)
  assert(fs.write_atomic(path, text, { mode = mode, sync = false }))
  return self:own(path)
end

-- Numbers and keys of a profile's table; a text may hold any byte.
local function literal(value)
  if type(value) == "string" then return (("%q"):format(value):gsub("\\\n", "\\n")) end
  if type(value) ~= "table" then return tostring(value) end
  local parts = {}
  for _, item in ipairs(value) do parts[#parts + 1] = literal(item) end
  for key, item in pairs(value) do
    if type(key) == "string" then
      parts[#parts + 1] = ("[%q] = %s"):format(key, literal(item))
    end
  end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

---Writes a profile with the image of the target.
---@param fields table those of a profile; image = false for one that is built
---@return string path
function World:profile(fields)
  local all = { name = "conformance", image = self.target.image }
  for key, value in pairs(fields) do all[key] = value end
  all.image = all.image or nil -- false: one that is built
  return self:file(self:dir("profile") .. "/profile.lua", "return " .. literal(all) .. "\n")
end

-- Runs ---------------------------------------------------------------------------

local PROC_OPTIONS = { "env", "input", "cwd", "stdin", "stdout", "stderr", "session", "max_output" }

local function proc_options(opts)
  local out = { timeout = opts.timeout or RUN_TIMEOUT }
  for _, name in ipairs(PROC_OPTIONS) do out[name] = opts[name] end
  return out
end

local function append(list, more) return table.move(more, 1, #more, #list + 1, list) end

---The words of a run: `wrapix -C DIR --runtime R … -- COMMAND`.
---@param argv string[] the command inside
---@param opts table? dir, args, image, profile (fields, or path of one)
---@return string[]
function World:words(argv, opts)
  opts = opts or {}
  local words = { self.target.wrapix, "-C", opts.dir or self:dir() }
  append(words, { "--runtime", opts.runtime or self.target.runtime })
  local profile = opts.profile
  if type(profile) == "table" then profile = self:profile(profile) end
  if not profile then append(words, { "--image", opts.image or self.target.image }) end
  append(words, opts.args or {})
  if profile then words[#words + 1] = profile end
  if #argv == 0 then return words end
  words[#words + 1] = "--"
  return append(words, argv)
end

---Runs wrapix itself with any words.
---@return table result
function World:cli(words, opts)
  opts = opts or {}
  return assert(proc.run(append({ self.target.wrapix }, words), proc_options(opts)))
end

---Runs a command in a sandbox; notices of the host are left out unless asked for.
---@param argv string[]
---@param opts table? of words, and of proc.run; loud = true for notices
---@return table result
function World:run(argv, opts)
  opts = opts or {}
  local words = self:words(argv, opts)
  if not opts.loud then table.insert(words, 2, "-q") end
  return assert(proc.run(words, proc_options(opts)))
end

function World:sh(script, opts) return self:run({ "sh", "-c", script }, opts) end

---The output of a script, which must succeed, without its last newline.
function World:out(script, opts)
  local result = self:sh(script, opts)
  check.status(result, 0)
  return (result.stdout:gsub("\n$", ""))
end

---Starts a script in the background, with a pipe for stdin if asked; close it, or let a
---<close> variable do so. Returns when it has said `up`.
function World:start(script, opts)
  opts = opts or {}
  local words = self:words({ "sh", "-c", script }, opts)
  if not opts.loud then table.insert(words, 2, "-q") end
  local running = assert(proc.spawn(words, {
    stdin = opts.stdin or "null", stdout = "pipe", stderr = "pipe", env = opts.env, session = true,
  }))
  local line = task.timeout(PATIENCE, function() return running.stdout:read_line() end)
  if line ~= "up" then
    running:stop(5)
    local result = running:wait()
    check.fail("it did not come up, but said %s; status %s, stderr %s", tostring(line),
      tostring(result.code), result.stderr or "")
  end
  return running
end

---Starts a script detached, under a name; the runner stops it at last.
function World:detach(name, script, opts)
  opts = opts or {}
  opts.args = append({ "-d", "--name", name }, opts.args or {})
  local result = self:sh(script, opts)
  check.status(result, 0)
  self._detached[#self._detached + 1] = name
  check.equal(name .. "\n", result.stdout, "what a detached start prints")
end

---Stops what a behaviour that failed has left in the background.
function World:finish()
  for _, name in ipairs(self._detached) do self:stop(name) end
end

function World:stop(name) return self:cli({ "stop", "--grace", "1s", name }) end

---Runs a command at a terminal of its own.
function World:terminal(argv, opts)
  opts = opts or {}
  local words = self:words(argv, opts)
  table.insert(words, 2, "-q")
  return terminal.open(words, { rows = opts.rows, cols = opts.cols, helper = self.target.pty,
    env = opts.env or { TERM = "xterm-256color" } })
end

---What a command of wrapix that has --json says.
function World:json(words)
  local result = self:cli(words)
  check.status(result, 0)
  return assert(json.decode(result.stdout))
end

-- Around -------------------------------------------------------------------------

---Waits until a function returns something true, and returns that.
---@param what string for the message
---@param fn function
---@param seconds number? 30
function World.wait_for(_, what, fn, seconds)
  local deadline = sys.clock() + (seconds or PATIENCE)
  repeat
    local value = fn()
    if value then return value end
    task.sleep(0.02)
  until sys.clock() > deadline
  check.fail("waited in vain for %s", what)
end

function World.kill(_, pid, signal)
  assert(proc.run({ "kill", "-s", signal, tostring(pid) }))
end

---The names of all containers the engine has, running or not, one a line.
function World:containers()
  local argv = self.target.runtime == "podman" and { "podman", "ps", "--all", "--format", "{{.Names}}" }
    or { "container", "list", "--all", "--quiet" }
  local result = assert(proc.run(argv, { timeout = RUN_TIMEOUT }))
  check.equal(0, result.code, argv[1] .. " " .. argv[2] .. ": " .. result.stderr)
  return result.stdout
end

function World:has_container(name) return ("\n" .. self:containers()):find("\n" .. name .. "\n", 1, true) end

---What the engine says of a container: its labels and all else, as its own JSON.
function World:inspect(name)
  local program = self.target.runtime == "podman" and "podman" or "container"
  local result = assert(proc.run({ program, "inspect", name }, { timeout = RUN_TIMEOUT }))
  check.equal(0, result.code, program .. " inspect: " .. result.stderr)
  return assert(json.decode(result.stdout))[1], result.stdout
end

-- The words of a process of the engine that runs a container. A double is a script, whose
-- words come after those of what runs it.
function World:run_words(args)
  return args:match("^%S*" .. self.target.runtime .. " (run .*)")
    or args:match("^%S+ %-%-run %S+/support/apple/main%.lua (run .*)")
end

local function linux_processes()
  local list = {}
  for _, name in ipairs(assert(fs.list("/proc"))) do
    local line = name:match("^%d+$") and fs.read("/proc/" .. name .. "/cmdline")
    if line and line ~= "" then
      list[#list + 1] = { pid = tonumber(name), args = (line:gsub("%z$", ""):gsub("%z", " ")) }
    end
  end
  return list
end

---Every process that can be seen: { pid, args }, args being words joined by blanks.
function World.processes()
  if fs.exists("/proc/self/cmdline") then return linux_processes() end
  local list = {}
  local result = assert(proc.run({ "ps", "-axww", "-o", "pid=,args=" }))
  for pid, args in result.stdout:gmatch(" *(%d+) ([^\n]*)") do
    list[#list + 1] = { pid = tonumber(pid), args = args }
  end
  return list
end

---The directory of a session on the host.
function World.session_dir(_, session)
  return os.getenv("XDG_RUNTIME_DIR") .. "/wrapix/sessions/" .. session
end

M.World = World

return M
