-- SPDX-License-Identifier: MIT
-- A small world for one spec of the whole program: directories of its own for
-- home, configuration and workspace, and the double of podman (fake_podman).
-- Nothing of the person's environment reaches what runs in it.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local owners = require("wrapix.owner")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")
local task = require("wrapix.task")
local terminal = require("support.terminal")

local M = {}

--- The program under test: the one that runs the specs.
M.wrapix = assert(fs.realpath("/proc/self/exe"))
local TESTS = M.wrapix:match("^(.*)/") .. "/tests/"
M.fake_podman = TESTS .. "fake_podman"
M.pty = TESTS .. "support/pty"

--- An image that is there from the start, and a profile that uses it.
M.image = "localhost/test:1"

-- Everything here ends by itself; this is for what hangs.
local PATIENCE = 40

local SECCOMP = [[{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[
  {"names":["read","write","clone","unshare"],"action":"SCMP_ACT_ALLOW"}]}]]

---@class wrapix.test.World
---@field dir string
---@field workspace string
---@field env table<string, string>
local World = {}
World.__index = World

--- Writes a file, with the directories above it.
function World:write(name, text)
  local path = name:sub(1, 1) == "/" and name or self.dir .. "/" .. name
  assert(fs.ensure_dir(path:match("^(.*)/")))
  assert(fs.write_atomic(path, text))
  return path
end

--- Tells the double how a command of it behaves; see fake_podman/README.md.
function World:script(name, value) return self:write("podman/" .. name, tostring(value)) end

local function file_of(ref) return (ref:gsub("/", "!")) end

function World:add_image(ref) self:script("images/" .. file_of(ref), ("0"):rep(64) .. "\n") end
function World:add_remote_image(ref) self:script("registry/" .. file_of(ref), "") end
function World:has_image(ref) return fs.stat(self.dir .. "/podman/images/" .. file_of(ref)) ~= nil end

--- Makes a command of the double wait; the result lets it go on.
---@param verb string
---@return fun() go
function World:hold(verb)
  local path = ("%s/podman/%s.go"):format(self.dir, verb)
  assert(proc.run({ "mkfifo", path }))
  return function()
    assert(proc.run({ "sh", "-c", 'echo >"$0"', path }, { timeout = PATIENCE }))
  end
end

-- Running ---------------------------------------------------------------------------

local function options(world, opts)
  local all = { cwd = world.workspace, clear_env = true, env = {} }
  for name, value in pairs(world.env) do all.env[name] = value end
  for name, value in pairs(opts or {}) do
    if name ~= "env" then all[name] = value end
  end
  for name, value in pairs(opts and opts.env or {}) do all.env[name] = value end
  return all
end

local function with_program(words, program)
  return table.move(words, 1, #words, 2, { program or M.wrapix })
end

--- Runs wrapix to its end; options as proc.run's, env on top of the world's.
function World:run(words, opts)
  local all = options(self, opts)
  all.timeout = all.timeout or PATIENCE
  local program = all.program
  all.program = nil
  local result = assert(proc.run(with_program(words, program), all))
  assert(not result.timed_out, "hangs: " .. table.concat(words, " ") .. "\n" .. result.stderr)
  return result
end

--- Starts it; stdin, stdout and stderr are pipes.
function World:start(words, opts)
  local all = options(self, opts)
  local program = all.program
  all.program = nil
  for _, name in ipairs({ "stdin", "stdout", "stderr" }) do all[name] = all[name] or "pipe" end
  all.session = true
  return assert(proc.spawn(with_program(words, program), all))
end

--- Waits for the end of what start() began.
function World.finish(_, running)
  running.stdin:close()
  local result, message = task.timeout(PATIENCE, function() return running:wait() end)
  if not result then error(message, 2) end
  return result
end

--- Starts wrapix at a terminal of its own, or what a shell makes of a text.
---@param words string[]|string
function World:terminal(words)
  if type(words) == "string" then words = { "sh", "-c", words, M.wrapix } end
  local argv = words[1] == "sh" and words or with_program(words)
  local env = { TERM = "xterm" }
  for name, value in pairs(self.env) do env[name] = value end
  return terminal.open(argv, { helper = M.pty, env = env, clear_env = true, cwd = self.workspace })
end

--- Sends a signal to one process that start() began, and to nothing else.
function World.signal(_, running, name)
  assert(proc.run({ "kill", "-" .. name, tostring(running:pid()) }))
end

--- Runs a command of the double itself.
function World:podman(words, opts)
  local all = options(self, opts)
  all.timeout = PATIENCE
  return assert(proc.run(with_program(words, M.fake_podman), all))
end

-- What was recorded -----------------------------------------------------------------

-- A byte above 127 stands as the code point of the same number.
local function bytes(text)
  return (text:gsub(utf8.charpattern, function(char) return string.char(utf8.codepoint(char)) end))
end

local function verb_of(argv)
  for i = 2, #argv do
    local word, before = argv[i], argv[i - 1]
    if word:sub(1, 1) ~= "-" and before ~= "--runtime" then return word end
  end
end

local function read_call(event)
  local call = { pid = event.pid, time = event.time, argv = {}, env = {}, signals = {} }
  for i, word in ipairs(event.argv) do call.argv[i] = bytes(word) end
  for _, text in ipairs(event.env) do
    local name, value = bytes(text):match("^([^=]*)=(.*)$")
    call.env[name] = value
  end
  call.verb = verb_of(call.argv)
  return call
end

--- The calls of the double so far, in order: argv, env, verb, pid, code once it
--- has ended, and signals, a list of { signal, sender }.
---@param verb string? only these
function World:calls(verb)
  local list, by_pid = {}, {}
  for line in (fs.read(self.dir .. "/podman/calls.jsonl") or ""):gmatch("([^\n]*)\n") do
    local event = assert(json.decode(line))
    local call = by_pid[event.pid]
    if event.event == "start" then
      call = read_call(event)
      by_pid[event.pid] = call
      if not verb or call.verb == verb then list[#list + 1] = call end
    elseif event.event == "signal" then
      call.signals[#call.signals + 1] = { signal = event.signal, sender = event.sender }
    else
      call.code = event.code
    end
  end
  return list
end

--- The verbs of all calls.
function World:verbs()
  local verbs = {}
  for i, call in ipairs(self:calls()) do verbs[i] = call.verb end
  return verbs
end

--- Waits until a condition holds.
function M.wait_until(what, condition)
  local deadline = sys.clock() + PATIENCE
  while not condition() do
    if sys.clock() > deadline then error("never happened: " .. what, 2) end
    task.sleep(0.005)
  end
end

--- Waits for the nth call of a verb and returns it.
function World:wait_for_call(verb, n)
  n = n or 1
  M.wait_until(("call %d of %s"):format(n, verb), function() return self:calls(verb)[n] end)
  return self:calls(verb)[n]
end

-- What is left ----------------------------------------------------------------------

--- Names of the session directories.
function World:sessions() return fs.list(self.dir .. "/run/wrapix/sessions") or {} end

--- Names of the containers.
function World:containers() return fs.list(self.dir .. "/podman/containers") or {} end

--- Every file below a directory of the world, with its content.
function World:files(name)
  local found = {}
  local function walk(path)
    local stat = fs.lstat(path)
    if stat and stat.type == "directory" then
      for _, entry in ipairs(fs.list(path)) do walk(path .. "/" .. entry) end
    elseif stat and stat.type == "file" then
      found[path] = fs.read(path)
    end
  end
  walk(self.dir .. "/" .. name)
  return found
end

-- Whether a launcher still has work to do: one that keeps a detached sandbox notices
-- later that its container is gone.
local function is_busy(world)
  for _, name in ipairs(world:sessions()) do
    local dir = ("%s/run/wrapix/sessions/%s"):format(world.dir, name)
    local who = not fs.exists(dir .. "/recorded") and owners.read(dir .. "/owner")
    if who and who.pid ~= sys.pid() and owners.state(who) == "alive" then return true end
  end
  return false
end

--- Ends what still runs and removes everything.
function World:close()
  for _, name in ipairs(self:containers()) do
    self:podman({ "rm", "--force", "--ignore", "--", name })
  end
  local deadline = sys.clock() + PATIENCE
  while is_busy(self) and sys.clock() < deadline do task.sleep(0.005) end
  -- Its last words are written after its session is gone.
  local ok, message = fs.remove_tree(self.dir)
  while not ok and sys.clock() < deadline do
    task.sleep(0.02)
    ok, message = fs.remove_tree(self.dir)
  end
  assert(ok, message)
end

--- Ends what still runs and removes everything; fails where anything was left.
function World:close_empty()
  local sessions, containers = self:sessions(), self:containers()
  self:close()
  if #sessions + #containers > 0 then
    error(("left behind: sessions %s; containers %s"):format(table.concat(sessions, " "),
      table.concat(containers, " ")), 2)
  end
end

--- Makes a world.
---@param opts { version: string? }?
---@return wrapix.test.World
function M.new(opts)
  local dir = assert(fs.realpath(assert(fs.temp_dir("wrapix-world-"))))
  local world = setmetatable({ dir = dir, workspace = dir .. "/work" }, World)
  world.env = {
    PATH = os.getenv("PATH"),
    HOME = dir .. "/home",
    XDG_RUNTIME_DIR = dir .. "/run", XDG_CACHE_HOME = dir .. "/cache",
    XDG_CONFIG_HOME = dir .. "/config", XDG_STATE_HOME = dir .. "/state",
    XDG_DATA_HOME = dir .. "/data",
    WRAPIX_PODMAN = M.fake_podman,
    FAKE_PODMAN_DIR = dir .. "/podman",
    FAKE_PODMAN_VERSION = opts and opts.version or "5.4.2",
  }
  for _, name in ipairs({ "home", "run", "work" }) do
    assert(fs.mkdir(dir .. "/" .. name, tonumber("700", 8)))
  end
  world:script("seccomp.json", SECCOMP)
  world:add_image(M.image)
  world:write("config/wrapix/profiles/test.lua",
    ('return { name = "test", image = %q }\n'):format(M.image))
  return world
end

return M
