-- SPDX-License-Identifier: MIT
-- One case of the crash suite: a record and a workspace of its own, runs that die,
-- the start after them, and the proof that nothing of the dead is left. Looks at
-- every process and container of the test host, and signals only what it started.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local proc = require("wrapix.proc")
local record = require("wrapix.record")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local M = {}

local KILL = 9
local OURS = {
  conmon = true, podman = true, pasta = true, ["pasta.avx2"] = true, slirp4netns = true,
  crun = true, runc = true, wrapix = true, ["wrapix-init"] = true,
}

---@class wrapix.CrashWorld
---@field env table of every wrapix of this case
---@field state string directory of the record
---@field runtime string directory of the sessions
---@field cache string
---@field dir string workspace
---@field expected table<string, true> sessions that must be in the record once
local World = {}
World.__index = World

local counter = 0

---@return wrapix.CrashWorld
function M.new()
  counter = counter + 1
  local state = ("%s/state-%d"):format(e2e.tmp, counter)
  return setmetatable({
    env = { XDG_STATE_HOME = state }, state = state .. "/wrapix", runtime = e2e.runtime_dir,
    cache = (os.getenv("HOME") or "") .. "/.cache/wrapix",
    dir = e2e.dir(), expected = {},
  }, World)
end

-- Running ------------------------------------------------------------------------------

-- The words of a run; `args` before the command, nil for a shell's `script`.
function World:words(script, args)
  return e2e.words({ dir = self.dir, args = args }, { "sh", "-c", script })
end

function World:environment(more)
  local env = {}
  for name, value in pairs(self.env) do env[name] = value end
  for name, value in pairs(more or {}) do env[name] = value end
  return env
end

---Runs a script in a sandbox to its end.
---@return table result as proc.run
function World:run(script, args, env)
  return assert(proc.run(self:words(script, args),
    { env = self:environment(env), timeout = 60, cwd = "/" }))
end

---Starts one; the caller ends it.
function World:start(script, args, env)
  return assert(proc.spawn(self:words(script, args), {
    env = self:environment(env), stdin = "null", stdout = "pipe", stderr = "pipe", session = true,
  }))
end

---Starts one whose program runs.
function World:up(args, env, script)
  local running = self:start("echo up; " .. (script or "exec sleep 1000"), args, env)
  local line = running.stdout:read_line()
  if line ~= "up" then
    local result = running:stop(1)
    error("did not start: " .. tostring(result and result.stderr), 2)
  end
  return running
end

---Starts a detached one and returns its name.
function World:detached(args, env, script)
  local all = { "-q", "-d" }
  local result = self:run(script or "exec sleep 1000", table.move(args or {}, 1, #(args or {}), 3, all), env)
  if result.code ~= 0 then error(("-d: status %s: %s"):format(result.code, result.stderr), 2) end
  return (result.stdout:gsub("\n$", ""))
end

---Runs another command of wrapix.
function World:cli(words, env)
  return assert(proc.run(table.move(words, 1, #words, 2, { e2e.wrapix }),
    { env = self:environment(env), timeout = 60 }))
end

---Signals one process that is ours alone, and not what it started.
---@return table result once it has ended
function World.kill(_, running, ...)
  running:close_pipes() -- what it started may hold them on
  for _, name in ipairs({ ... }) do e2e.kill(running:pid(), name) end
  return assert(running:wait())
end

-- Dying -----------------------------------------------------------------------------------

local function runner(one)
  return one.pid == sys.pid() or one.argv:find("tests/crash/main.lua", 1, true)
end

local function launchers()
  local list = {}
  for _, one in ipairs(e2e.processes()) do
    local is_ours = one.name == "wrapix" and one.argv:find(e2e.wrapix, 1, true)
    if is_ours and not runner(one) and one.state ~= "Z" then list[#list + 1] = one end
  end
  return list
end

---The keeper of the only detached sandbox.
function World.keeper(_)
  return e2e.wait_for("a keeper", function()
    local list = launchers()
    return #list == 1 and list[1]
  end)
end

---Waits until no launcher lives, and learns which sessions must be in the record.
function World:note_dead()
  e2e.wait_for("the death of the launchers", function() return #launchers() == 0 end, 20)
  self:note()
end

function World:sessions() return fs.list(self.runtime .. "/sessions") or {} end

function World:staged() return fs.list(self.runtime .. "/staging") or {} end

-- A session that got as far as having a directory must get its line.
function World:note()
  for _, id in ipairs(self:sessions()) do
    id = id:gsub("%.reap$", "")
    self.expected[id] = true
  end
  for _, entry in ipairs(record.read(self.state) or {}) do self.expected[entry.session] = true end
end

---Runs until a point kills it; `-d` in args means that its keeper may be the one.
function World:strike(point, script, args, env)
  local result = self:die(point, script, args, env)
  self:note_dead()
  self:assert_struck(point, result)
  return result
end

---The same, without a look at what it left.
function World:die(point, script, args, env)
  env = self:environment(env)
  env.WRAPIX_FAULT = point
  -- To a file, because a pipe would be waited for until the sandbox has ended, too.
  local said = self.state:gsub("/wrapix$", ".said")
  local result = assert(proc.run(self:words(script, args),
    { env = env, timeout = 60, stdout = "null", stderr = { file = said, mode = "w" } }))
  result.stderr = fs.read(said)
  return result
end

-- A keeper's end is not seen; it leaves what it would have taken away.
function World:assert_struck(point, result)
  if result.signal == KILL then return end
  if #self:sessions() + #self:staged() > 0 or result.code == 128 + KILL then return end
  error(("was not struck at %s: status %s: %s"):format(point, result.code, result.stderr), 2)
end

-- Afterwards ------------------------------------------------------------------------------

local function left_processes(out)
  for _, one in ipairs(e2e.processes()) do
    if OURS[one.name] and not runner(one) and one.state ~= "Z" then
      out[#out + 1] = ("process %d %s"):format(one.pid, one.argv:sub(1, 100))
    end
  end
end

local function left_files(out, base, is_fine)
  for rel in fs.walk(base) or function() end do
    if not is_fine(rel) then out[#out + 1] = base .. "/" .. rel end
  end
end

-- What rootless engines make instead of a missing runtime directory, and keep.
local function is_engines(name)
  return name:find("^containers%-user%-%d+$") or name:find("^storage%-run%-%d+$")
    or name:find("^podman%-run%-%d+$")
end

-- An empty one is left by an engine that lost its monitor, and harmless.
local function used_cgroups()
  local base, used = "/sys/fs/cgroup/pids/libpod_parent", {}
  for _, name in ipairs(fs.list(base) or {}) do
    if (fs.read(("%s/%s/cgroup.procs"):format(base, name)) or "") ~= "" then
      used[#used + 1] = name
    end
  end
  return used
end

local function mounts(pid)
  local list = {}
  for line in (fs.read(("/proc/%s/mountinfo"):format(pid)) or ""):gmatch("[^\n]+") do
    list[#list + 1] = line:match("^%S+ %S+ %S+ %S+ (%S+)")
  end
  return list
end

-- Where sandboxes' mounts, network names and the engine's files of a container are.
local function traces()
  local seen = {}
  local function add(kind, list)
    for _, name in ipairs(list or {}) do
      if not is_engines(name) then seen[kind .. " " .. name] = true end
    end
  end
  local runtime = os.getenv("XDG_RUNTIME_DIR")
  for _, dir in ipairs({ "/tmp", "/var/tmp", runtime, runtime .. "/netns", "/run/netns",
    runtime .. "/libpod/tmp/persist", runtime .. "/libpod/tmp/socket", "/run/libpod/persist",
    "/run/libpod/socket" }) do
    add(dir, fs.list(dir))
  end
  -- The others share them with the whole machine.
  if e2e.rootful then
    add("network", fs.list("/sys/class/net"))
    add("cgroup", used_cgroups())
  end
  add("mount", mounts("self"))
  -- A rootless engine mounts in a namespace that a process of its own holds.
  local pause = fs.read(runtime .. "/libpod/tmp/pause.pid")
  if pause then add("inner mount", mounts(pause:match("%d+"))) end
  return seen
end

-- As the host is before the first case, and what every start on it says.
local before, usual

---Everything of dead sandboxes that can be seen.
function World:left()
  local out = {}
  left_processes(out)
  for name in e2e.podman("ps", "--all", "--external", "--format", "{{.Names}}"):gmatch("%S+") do
    out[#out + 1] = "container " .. name
  end
  left_files(out, self.runtime, function(rel) return rel == "sessions" or rel == "staging" end)
  local function no_staging(rel) return not rel:find("%.wrapix%-%x+$") and not rel:find("%.new$") end
  left_files(out, self.state, no_staging)
  left_files(out, self.cache, no_staging)
  for what in pairs(traces()) do
    if not before[what] then out[#out + 1] = what end
  end
  return out
end

---The next start works, gives its command's status and has nothing to complain of.
function World:next_start(env)
  self:note()
  local result = self:run("echo next; exit 7", nil, env)
  if result.code ~= 7 or result.stdout ~= "next\n" or result.stderr ~= usual then
    error(("the next start: status %s, signal %s: %s%s"):format(result.code, result.signal,
      result.stdout, result.stderr), 2)
  end
  self:expect(1)
end

---Takes over the sessions of the record that nobody had to expect: so many.
function World:expect(count)
  for _, entry in ipairs(assert(record.read(self.state))) do
    if not self.expected[entry.session] then
      self.expected[entry.session], count = true, count - 1
    end
  end
  if count ~= 0 then error(("record: %d lines too few"):format(count), 2) end
end

function World:assert_clean(seconds)
  local left
  local ok = pcall(e2e.wait_for, "a clean host", function()
    left = self:left()
    return #left == 0
  end, seconds or 4)
  if not ok then error("left: " .. table.concat(left, "; "), 2) end
end

---So many sessions are known of, whether recorded or to be.
function World:assert_count(count)
  local known = 0
  for _ in pairs(self.expected) do known = known + 1 end
  if known ~= count then error(("%d sessions, %d expected"):format(known, count), 2) end
end

---The record holds each session once, and nothing is wrong with it.
function World:assert_record()
  local seen = {}
  for _, entry in ipairs(assert(record.read(self.state))) do
    seen[entry.session] = (seen[entry.session] or 0) + 1
  end
  for id in pairs(self.expected) do
    if seen[id] ~= 1 then error(("record: %s: %d lines"):format(id, seen[id] or 0), 2) end
    seen[id] = nil
  end
  if next(seen) then error("record: a line too many: " .. next(seen), 2) end
  local found = assert(record.verify(self.state))
  if not found.ok then error("record: " .. found.problems[1].text, 2) end
  local verify = self:cli({ "logs", "--verify" })
  if verify.code ~= 0 then error("logs --verify: " .. verify.stdout .. verify.stderr, 2) end
end

---The end of every case.
function World:finish()
  if not self.finished then self:next_start() end
  self:assert_clean()
  self:assert_record()
end

---Takes away what a failed case left, so that the next one starts from nothing.
function World:wipe()
  local clean, left = pcall(self.left, self)
  if clean and #left == 0 then return end
  for _, one in ipairs(launchers()) do pcall(e2e.kill, one.pid, "KILL") end
  for _ = 1, 2 do pcall(e2e.podman, "rm", "--all", "--force", "--time", "0") end
  fs.remove_tree(self.runtime .. "/sessions")
  fs.remove_tree(self.runtime .. "/staging")
  task.sleep(0.2)
  before = traces()
end

---The first start on a host makes what stays: cache, helpers, the engine's own.
function M.warm_up()
  local one = M.new()
  one:run("true")
  usual = one:run("true").stderr
  one:run("true", { "-q", "-d" })
  e2e.wait_for("the end of the first start", function() return #launchers() == 0 end)
  before = traces()
end

return M
