-- What a plan needs to know of this host, gathered once per start. Everything
-- is read from files and system calls; the one process it may start is git's
-- (facts/person.lua), and the engine's when its record is stale (runtime/probe).
-- It judges nothing: the plan does.
--
-- SPDX-License-Identifier: MIT

local lazy = require("wrapix.lazy")
local runtimes = require("wrapix.runtime")

-- Who only wants the directories loads none of them.
local cgroup = lazy("wrapix.facts.cgroup")
local person = lazy("wrapix.facts.person")
local seccomp = lazy("wrapix.runtime.seccomp")

local M = {}

-- Where Podman looks for its helpers besides PATH.
local HELPER_DIRS = {
  "/usr/local/libexec/podman",
  "/usr/local/lib/podman",
  "/usr/libexec/podman",
  "/usr/lib/podman",
}
local SECCOMP_FILES = { "/etc/containers/seccomp.json", "/usr/share/containers/seccomp.json" }
local CAP_SYS_RESOURCE = 24

---@class wrapix.Facts
---@field uid integer
---@field gid integer
---@field euid integer
---@field username string
---@field home string
---@field cwd string? nil when the directory is gone
---@field hostname string
---@field boot_id string
---@field pid integer
---@field start_time integer|string of this process, as the kernel counts it
---@field workspace { path: string, uid: integer, gid: integer }
---@field env table<string,string>
---@field stdin_tty boolean
---@field stdout_tty boolean
---@field tty_size { rows: integer, cols: integer }?
---@field limits { nofile: { soft: number, hard: number }, nproc: { soft: number, hard: number } }
---@field cap_sys_resource boolean
---@field cpus integer
---@field memory_bytes integer
---@field timezone string
---@field git wrapix.GitFacts
---@field cgroup wrapix.CgroupFacts
---@field tun_readable boolean
---@field subuid boolean
---@field runc string?
---@field crun string?
---@field session { id: string, dir: string }
---@field guest_dir string directory of the static helpers
---@field dirs { runtime: string, state: string, data: string, cache: string, config: string }
---@field engine wrapix.EngineFacts and pasta, slirp4netns, seccomp_path, seccomp_problem
---@field fs table the file functions the mount language may look with

local function absolute(path)
  return type(path) == "string" and path:sub(1, 1) == "/" and path:gsub("/+$", "") or nil
end

--- The directories of the contract. Relative XDG values are ignored, as the
--- XDG rules ask.
---@param env table<string,string>
---@param home string
---@return { runtime: string, state: string, data: string, cache: string, config: string }
function M.dirs(env, home)
  local function at(name, fallback)
    return (absolute(env[name]) or (home .. fallback)) .. "/wrapix"
  end
  local state = at("XDG_STATE_HOME", "/.local/state")
  local runtime = absolute(env.XDG_RUNTIME_DIR)
  return {
    runtime = runtime and (runtime .. "/wrapix") or (state .. "/run"),
    state = state,
    data = at("XDG_DATA_HOME", "/.local/share"),
    cache = at("XDG_CACHE_HOME", "/.cache"),
    config = at("XDG_CONFIG_HOME", "/.config"),
  }
end

local function has_range(text, who)
  for line in (text or ""):gmatch("[^\n]+") do
    local owner, count = line:match("^([^:#]+):%d+:(%d+)")
    if owner and (owner == who.username or owner == tostring(who.uid)) and tonumber(count) > 0 then
      return true
    end
  end
  return false
end

--- Tells whether this user has ranges of subordinate ids. Where a directory
--- service hands them out the files do not say, and the engine will.
---@param fs table
---@param who { username: string, uid: integer }
---@return boolean
function M.has_subids(fs, who)
  local service = ("\n" .. (fs.read("/etc/nsswitch.conf") or "")):match("\nsubid:[ \t]*([^\n]*)")
  if service and service:match("%S") and not service:match("^files%s*$") then
    return true
  end
  return has_range(fs.read("/etc/subuid"), who) and has_range(fs.read("/etc/subgid"), who)
end

local function has_capability(fs, bit)
  local hex = (fs.read("/proc/self/status") or ""):match("CapEff:%s*(%x+)")
  return hex ~= nil and (tonumber(hex, 16) >> bit) & 1 == 1
end

local function helper(name, deps)
  local path = deps.sys.which(name)
  for _, dir in ipairs(path and {} or HELPER_DIRS) do
    if deps.fs.access(dir .. "/" .. name, "x") then
      return dir .. "/" .. name
    end
  end
  return path
end

local function seccomp_base(engine, fs)
  if absolute(engine.seccomp_base) and fs.access(engine.seccomp_base, "r") then
    return engine.seccomp_base
  end
  for _, path in ipairs(SECCOMP_FILES) do
    if fs.access(path, "r") then
      return path
    end
  end
end

local function add_live_engine_facts(engine, dirs, deps)
  if engine.name ~= "podman" then return engine end
  -- These change without the binary changing, so they are never cached.
  engine.pasta = helper("pasta", deps)
  engine.slirp4netns = helper("slirp4netns", deps)
  engine.seccomp_base = seccomp_base(engine, deps.fs)
  if engine.seccomp_base then
    local opts = { deny_keyring = not engine.rootless }
    engine.seccomp_path, engine.seccomp_problem =
      seccomp.ensure(engine.seccomp_base, dirs.cache, opts, deps)
  end
  return engine
end

local function read_workspace(path, fs)
  local real, message, code = fs.realpath(path)
  if not real then
    return nil, message, code
  end
  local stat
  stat, message, code = fs.stat(real)
  if not stat then
    return nil, message, code
  end
  if stat.type ~= "directory" then
    return nil, ("workspace: %s: is not a directory"):format(path), "ENOTDIR"
  end
  return { path = real, uid = stat.uid, gid = stat.gid }
end

local function read_host(facts, deps)
  local fs, sys, env = deps.fs, deps.sys, facts.env
  local who = { uid = facts.uid, euid = facts.euid, runtime_dir = absolute(env.XDG_RUNTIME_DIR) }
  facts.cgroup = cgroup.read(fs, who)
  facts.subuid = M.has_subids(fs, facts)
  facts.cap_sys_resource = has_capability(fs, CAP_SYS_RESOURCE)
  facts.tun_readable = (fs.access("/dev/net/tun", "r") and fs.access("/dev/net/tun", "w")) == true
  facts.runc, facts.crun = sys.which("runc"), sys.which("crun")
  facts.timezone = person.timezone(fs, env)
  local place = { home = facts.home, cache = facts.dirs.cache, cwd = facts.workspace.path,
    uid = facts.workspace.uid }
  facts.git = person.git(deps, env, place)
end

local function read_process(deps)
  local sys = deps.sys
  return {
    uid = sys.uid(),
    gid = sys.gid(),
    euid = sys.euid(),
    -- A uid without an entry is common inside containers and build services.
    username = sys.username() or tostring(sys.uid()),
    home = sys.home(),
    hostname = sys.hostname(),
    boot_id = sys.boot_id() or "unknown",
    pid = sys.pid(),
    start_time = sys.process_start(sys.pid()) or 0,
    cwd = deps.fs.realpath("."),
    env = sys.environ(),
    stdin_tty = sys.isatty(0),
    stdout_tty = sys.isatty(1),
    tty_size = sys.term_size(1),
    limits = sys.limits(),
    cpus = sys.cpus() or 1,
    memory_bytes = sys.memory() or math.maxinteger,
    fs = deps.fs,
  }
end

-- `container@VERSION` stands for a version that need not be there, and so can only be shown.
local function read_engine(facts, opts, deps)
  local name, version = runtimes.default(), nil
  if opts.runtime then
    name, version = runtimes.parse(opts.runtime)
    if not name then
      return nil, ("runtime: %s: %s"):format(opts.runtime, version), "EUSAGE"
    end
  end
  if version and not opts.shows then
    return nil, ("runtime: %s: a version goes with explain and --dry-run alone"):format(opts.runtime),
      "EUSAGE", ("--runtime %s is the one of this host"):format(name)
  end
  return runtimes.probe(name).read(deps, {
    cache = facts.dirs.cache, env = facts.env, version = version, shows = opts.shows,
  })
end

--- Gathers the facts. `opts.session` and `opts.guest_dir` are passed through:
--- making them is the session's work, and a dry run has none on disk.
--- `opts.runtime` is what --runtime says, `opts.shows` that nothing is to be started.
---@param opts { workspace: string, session: { id: string, dir: string }, guest_dir: string,
--- runtime: string?, shows: boolean? }
---@param deps { fs: table, sys: table, proc: table, json: table }
---@return wrapix.Facts|nil
---@return string? message
---@return string? code
---@return string? hint
function M.gather(opts, deps)
  local facts = read_process(deps)
  if not facts.home then
    return nil, "facts: home directory: neither HOME nor the password file names one", "ENOENT",
      "set HOME"
  end
  facts.session, facts.guest_dir = opts.session, opts.guest_dir
  facts.dirs = M.dirs(facts.env, facts.home)
  local message, code, hint
  facts.workspace, message, code = read_workspace(opts.workspace, deps.fs)
  if not facts.workspace then
    return nil, message, code
  end
  facts.engine, message, code, hint = read_engine(facts, opts, deps)
  if not facts.engine then
    return nil, message, code, hint
  end
  add_live_engine_facts(facts.engine, facts.dirs, deps)
  read_host(facts, deps)
  return facts
end

return M
