-- SPDX-License-Identifier: MIT
-- A workspace as Ralph sees it: its root, its configuration, where things of it lie, the
-- lock of its work tree, and sandboxes as its issues want them. Runs nothing by itself.

local configs = require "ralph.config"
local wrapix = require "wrapix"

local M = {}

local PRIVATE_DIR = tonumber("700", 8)
local SHARED_DIR = tonumber("755", 8)
local GUEST_WORKSPACE = "/workspace"
local OWN_PROFILE = "wrapix.lua"

---@class ralph.Project
---@field root string real path of the workspace
---@field name string of its directory
---@field key string of its directories on the host: the name and a digest of the path
---@field config ralph.Config
---@field sources table<string, string> field of the configuration → where its value is from
---@field dirs { state: string, wrapix: string } host-side state, and `.wrapix` of the workspace
---@field paths table<string, string> places in these two; see docs/architecture.md
---@field log table receives error, warn, note, detail and progress
local Project = {}
Project.__index = Project

-- What is told --------------------------------------------------------------------------

local Log = {}
Log.__index = Log

function Log:error(text, hint) self._log:error(text, hint) end
function Log:warn(text, hint) self._log:warn(text, hint) end
function Log:note(text, hint) self._log:info("note: " .. text, hint) end
function Log:detail(text) self._log:block("debug", text) end
function Log:progress(text, fn, ...) return self._log:progress(text, fn, ...) end

local function default_log() return setmetatable({ _log = wrapix.log.new() }, Log) end

-- Places --------------------------------------------------------------------------------

--- The name of a project's directory on the host.
---@param root string real path of the workspace
---@return string
function M.key(root)
  local name = wrapix.path.basename(root):lower():gsub("[^a-z0-9._-]+", "-"):gsub("^[^a-z0-9]+", "")
  name = name:sub(1, 40):gsub("[^a-z0-9]+$", "")
  return ("%s-%s"):format(name == "" and "workspace" or name, wrapix.sha256.hex(root):sub(1, 12))
end

local function places(state, wrapix_dir)
  local paths = {
    issues = wrapix_dir .. "/issues.jsonl", logs = wrapix_dir .. "/logs",
    state = state .. "/state.json", tracker_lock = state .. "/tracker.lock",
    work_lock = state .. "/work.lock", ready_lock = state .. "/ready.lock",
    digest = state .. "/digest", index = state .. "/index", specs = state .. "/specs",
    base = state .. "/base", kept = state .. "/kept", git = state .. "/git",
    attempts = state .. "/attempts", verify = state .. "/verify.json",
  }
  return paths
end

local function fail(object, reason, code, hint)
  return nil, ("project: %s: %s"):format(wrapix.path.show(object), reason), code, hint
end

-- A directory of our own in the workspace: never through a link that a sandbox made.
local function ensure_wrapix_dir(root)
  local stat = wrapix.fs.lstat(root .. "/.wrapix")
  if stat and stat.type == "directory" then return true end
  local sys = wrapix.sys
  local owner = { mode = SHARED_DIR, uid = sys.uid(), gid = sys.gid() }
  local ok, message, code = wrapix.fs.ensure_dir_beneath(root, ".wrapix", owner)
  if ok then return true end
  local hint = (code == "ENOTDIR" or code == "ELOOP")
    and "something else is in its place; look at `ls -ld .wrapix`" or nil
  return fail(root .. "/.wrapix", message, code, hint)
end

-- Opening -------------------------------------------------------------------------------

---@class ralph.OpenOptions
---@field config table<string, any>? fields that win over the file's
---@field log table? receives what is told; default: lines on stderr

local OPTIONS = { config = true, log = true }

--- Opens a workspace. Nothing in it is changed.
---@param dir string? default: the current directory
---@param opts ralph.OpenOptions?
---@return ralph.Project?
---@return string? message
---@return string? code
---@return string? hint
function M.open(dir, opts)
  opts = opts or {}
  for name in pairs(opts) do
    if not OPTIONS[name] then
      local nearest = wrapix.nearest.hint(name, OPTIONS)
      error(("project.open: unknown option '%s'%s"):format(tostring(name), nearest), 2)
    end
  end
  local root, message, code = wrapix.fs.realpath(dir or ".")
  if not root then return fail(dir or ".", message, code) end
  local stat = wrapix.fs.stat(root)
  if not stat or stat.type ~= "directory" then
    return fail(root, "is not a directory", "ENOTDIR")
  end
  local config, sources, hint
  config, sources, code, hint = configs.load(root, opts.config)
  if not config then return nil, sources, code, hint end
  local key = M.key(root)
  local state = wrapix.dirs().state .. "/ralph/" .. key
  local ok
  ok, message, code = wrapix.fs.ensure_dir(state, PRIVATE_DIR)
  if not ok then return fail(state, message, code) end
  local dirs = { state = state, wrapix = root .. "/.wrapix" }
  return setmetatable({
    root = root, name = wrapix.path.basename(root), key = key, config = config,
    sources = sources, dirs = dirs, paths = places(state, dirs.wrapix),
    log = opts.log or default_log(),
  }, Project)
end

--- The list of issues that the configuration names, opened when first asked for.
---@return table? tracker
---@return string? message
---@return string? code
---@return string? hint
function Project:tracker()
  if self._tracker then return self._tracker end
  local tracker, message, code, hint = require("ralph.tracker").open(self)
  if not tracker then return nil, message, code, hint end
  self._tracker = tracker
  return tracker
end

-- Locks ---------------------------------------------------------------------------------

--- Who holds a lock, as its file says; for people.
---@param file string
---@return integer? pid
function M.holder(file)
  local text = wrapix.fs.read(file, 64)
  return text and math.tointeger(tonumber(text:match("^%s*(%d+)")))
end

--- Takes a lock of this project. Close it, or let a `<close>` variable do so.
---@param file string one of project.paths
---@param what string what somebody else is doing, for the message: "an agent works here"
---@param opts { wait: number|boolean?, on_wait: fun(pid: integer?)?, hint: string? }? hint: what helps
---@return wrapix.Lock?
---@return string? message
---@return string? code "EBUSY" when another has it
---@return string? hint
function Project:lock(file, what, opts)
  opts = opts or {}
  local lock, message, code = wrapix.fs.lock(file)
  if not lock and code == "EAGAIN" and opts.wait then
    if opts.on_wait then opts.on_wait(M.holder(file)) end
    lock, message, code = wrapix.fs.lock(file, { wait = opts.wait })
  end
  if lock then return lock end
  if code ~= "EAGAIN" then return nil, "project: " .. message, code end
  local pid = M.holder(file)
  return fail(self.root, what .. (pid and (" (process %d)"):format(pid) or ""), "EBUSY",
    opts.hint or "wait for it, or end it with Ctrl-C at its terminal")
end

--- Takes the lock of the work tree: one agent at a time changes it.
---@param opts { wait: number|boolean?, on_wait: fun(pid: integer?)? }? wait: seconds, or true for ever
---@return wrapix.Lock?
---@return string? message
---@return string? code "EBUSY"
---@return string? hint
function Project:lock_work(opts)
  local all = { hint = "wait for it, or end it: the first Ctrl-C at its terminal lets a loop finish its step" }
  for name, value in pairs(opts or {}) do all[name] = value end
  return self:lock(self.paths.work_lock, "another ralph works in this tree", all)
end

-- Sandboxes -----------------------------------------------------------------------------

--- The profile that the labels of an issue ask for.
---@param issue table?
---@return string|nil|false name false: what the label says is no name
---@return string? label
function M.profile_label(issue)
  for _, label in ipairs(issue and issue.labels or {}) do
    local name = type(label) == "string" and label:match("^profile:(.*)$")
    if name then return M.is_profile_name(name) and name, label end
  end
end

--- Whether a text can be the name of a profile: never a path, which would be run.
---@param name any
---@return boolean
function M.is_profile_name(name)
  return type(name) == "string" and #name <= 64 and name:find("^[a-z0-9][a-z0-9_-]*$") ~= nil
end

-- A profile that lies in the workspace is a program that a sandbox can write.
local function load_inner(root, rel)
  local file = wrapix.path.join(root, rel)
  local text, message, code, hint = configs.read_trusted(root, rel)
  if not text then return nil, message, code, hint end
  local tbl
  tbl, message, code, hint = configs.run(text, file)
  if not tbl then return nil, message, code, hint end
  return wrapix.profile.from_table(tbl, {
    source = file, text = text, dir = wrapix.path.dirname(file),
    name = wrapix.path.basename(rel):gsub("%.lua$", ""),
  })
end

-- What `wrapix` would choose without a word: the workspace's own profile, or base.
local function own_profile(root)
  local profile, message, code, hint = load_inner(root, OWN_PROFILE)
  if profile then return profile end
  if code == "ENOENT" then return "base" end
  if code == "EUNTRUSTED" then
    hint = ("%s; profile = \"base\" in ralph.lua goes without it"):format(hint)
  end
  return nil, message, code, hint
end

-- What wrapix.sandbox takes: a name, a path, or a profile that is loaded already.
local function choose_profile(project, issue)
  local name, label = M.profile_label(issue)
  if name == false then
    return nil, ("project: label %s: is not the name of a profile"):format(wrapix.path.show(label)),
      "EINVAL", "`wrapix profile list` shows the names"
  end
  name = name or project.config.profile
  if not name then return own_profile(project.root) end
  if wrapix.path.is_absolute(name) and wrapix.path.is_within(project.root, name) then
    return load_inner(project.root, wrapix.path.relative(name, project.root))
  end
  return name
end

local function add_list(into, name, more)
  if not more then return end
  into[name] = into[name] or {}
  for _, entry in ipairs(more) do table.insert(into[name], entry) end
end

local LISTS = { mounts = true, env = true }

local function merge(into, more)
  for name, value in pairs(more or {}) do
    if LISTS[name] then
      add_list(into, name, value)
    else
      into[name] = value
    end
  end
end

local function read_only(root, name)
  return wrapix.mount.format({ source = root .. "/" .. name, dest = GUEST_WORKSPACE .. "/" .. name, mode = "ro" })
end

-- Where the lists of issues lie. bd keeps its own beside the work, if it is used.
local function lists_of(project)
  local mounts = { read_only(project.root, ".wrapix") }
  if project.config.tracker == "bd" then
    local stat = wrapix.fs.lstat(project.root .. "/.beads")
    if stat and stat.type == "directory" then mounts[2] = read_only(project.root, ".beads") end
  end
  return mounts
end

--- Makes a sandbox for work in this project, with the profile that the issue's label asks
--- for. `.wrapix` is mounted read-only in it, and what bd keeps where that is the tracker:
--- the list of issues is reached by asking.
---@param issue table? an issue
---@param more table? more options of wrapix.sandbox; lists are added, the rest replaces
---@return wrapix.Sandbox?
---@return string? message of an unknown profile it names the known ones
---@return string? code
---@return string? hint
function Project:sandbox(issue, more)
  local ok, message, code, hint = ensure_wrapix_dir(self.root)
  if not ok then return nil, message, code, hint end
  local profile
  profile, message, code, hint = choose_profile(self, issue)
  if not profile then return nil, message, code, hint end
  local options = { workspace = self.root, mounts = lists_of(self) }
  merge(options, self.config.sandbox)
  options.agent = self.config.agent
  merge(options, more)
  return wrapix.sandbox(profile, options)
end

--- Tells whether a profile of this name can be had.
---@param name string
---@return true|nil
---@return string? message it names the known ones
---@return string? code
---@return string? hint
function Project:check_profile(name)
  if not M.is_profile_name(name) then
    return fail(tostring(name), "is not the name of a profile", "EINVAL",
      "`wrapix profile list` shows the names")
  end
  local box, message, code, hint = wrapix.sandbox(name, { workspace = self.root })
  if not box then return nil, message, code, hint end
  return true
end

return M
