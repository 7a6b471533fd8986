-- What the Podman on this host is and can do. Asks the engine once and keeps
-- the answer in the cache directory; a start with a fresh answer runs no engine
-- process. Decides nothing about a launch.
--
-- The answer is only taken while everything it depends on is unchanged: the
-- binary, the OCI runtimes, the configuration files, the variables Podman
-- obeys and the effective uid. Their identity is one text, the fingerprint.
--
-- SPDX-License-Identifier: MIT

local M = {}

-- Raised when the shape of the record changes.
M.revision = 1

-- --passwd-entry came with 4.1; without it there is no user of ours inside.
local OLDEST = { 4, 1 }

local CONFIGS = {
  "/usr/share/containers/containers.conf",
  "/etc/containers/containers.conf",
  "/etc/containers/storage.conf",
}
local USER_CONFIGS = { "containers/containers.conf", "containers/storage.conf" }

local VARIABLES = {
  "CONTAINERS_CONF",
  "CONTAINERS_CONF_OVERRIDE",
  "CONTAINERS_STORAGE_CONF",
  "CONTAINER_CONNECTION",
  "CONTAINER_HOST",
  "STORAGE_DRIVER",
  "XDG_CONFIG_HOME",
}

---@class wrapix.EngineFacts
---@field name "podman"
---@field path string
---@field version integer[] major, minor, patch
---@field version_text string
---@field rootless boolean
---@field oci_runtime { name: string, path: string?, version: string? }
---@field graph_driver string?
---@field cgroup_manager string?
---@field seccomp boolean whether the engine can apply a seccomp profile
---@field seccomp_base string? where the engine says its profile is
---@field selinux boolean

local function fail(object, reason, hint)
  return nil, ("probe: %s: %s"):format(object, reason), "EENGINE", hint
end

local function identity(fs, path)
  local stat = path and fs.stat(path)
  if not stat then
    return "-"
  end
  return ("%s:%s:%s:%s"):format(path, stat.size, stat.mtime_ns or stat.mtime, stat.ino or 0)
end

local function fingerprint(path, deps, env)
  local sys, fs = deps.sys, deps.fs
  local parts = { tostring(M.revision), tostring(sys.euid()), path, identity(fs, path) }
  local function add(text)
    parts[#parts + 1] = text
  end
  for _, name in ipairs({ "crun", "runc" }) do
    add(identity(fs, sys.which(name)))
  end
  for _, config in ipairs(CONFIGS) do
    add(identity(fs, config))
  end
  local config_home = env.XDG_CONFIG_HOME or (sys.home() .. "/.config")
  for _, config in ipairs(USER_CONFIGS) do
    add(identity(fs, config_home .. "/" .. config))
  end
  for _, name in ipairs(VARIABLES) do
    add(name .. "=" .. (env[name] or ""))
  end
  return table.concat(parts, "\n")
end

-- Two engines on one machine keep two records. FNV-1a: the name only has to
-- differ, the fingerprint inside decides.
local function cache_path(dir, path, euid)
  local hash = 2166136261
  for i = 1, #path do
    hash = ((hash ~ path:byte(i)) * 16777619) & 0xffffffff
  end
  return ("%s/probe-podman-%d-%08x.json"):format(dir, euid, hash)
end

local function is_facts(engine)
  return type(engine) == "table"
    and type(engine.path) == "string"
    and type(engine.version) == "table"
    and math.type(engine.version[1]) == "integer"
    and math.type(engine.version[2]) == "integer"
    and type(engine.rootless) == "boolean"
    and type(engine.oci_runtime) == "table"
end

local function read_cache(path, print, deps)
  local text = deps.fs.read(path)
  local record = text and deps.json.decode(text)
  if type(record) ~= "table" or record.fingerprint ~= print or not is_facts(record.engine) then
    return nil
  end
  return record.engine
end

--- Reads a version as Podman prints it: "5.4.2", "4.3.1", "6.0.0-rc1".
---@param text string
---@return integer[]|nil version major, minor, patch
function M.parse_version(text)
  if type(text) ~= "string" then
    return nil
  end
  local major, minor, rest = text:match("^v?(%d+)%.(%d+)(.*)$")
  if not major then
    return nil
  end
  local patch = rest:match("^%.(%d+)") or "0"
  return { math.tointeger(major), math.tointeger(minor), math.tointeger(patch) }
end

local function text_or_nil(value)
  return type(value) == "string" and value ~= "" and value or nil
end

local function table_or_empty(value)
  return type(value) == "table" and value or {}
end

-- Docker answers `info --format json` with an object of its own.
local function check_kind(info, path)
  if info.ServerVersion ~= nil or info.DockerRootDir ~= nil then
    return fail(path, "is Docker under another name", "apt install podman")
  end
  local version = text_or_nil(table_or_empty(info.version).Version)
  if not version or type(info.host) ~= "table" then
    return fail(path, "`info` does not look like Podman's")
  end
  if info.host.serviceIsRemote == true then
    local hint = "unset CONTAINER_HOST and CONTAINER_CONNECTION, and use the podman of this host"
    return fail(path, "talks to a Podman on another machine", hint)
  end
  return version
end

--- Turns the decoded answer of `podman info --format json` into engine facts.
---@param info table
---@param path string the binary asked
---@return wrapix.EngineFacts|nil
---@return string? message
---@return string? code "EENGINE"
---@return string? hint
function M.parse(info, path)
  if type(info) ~= "table" then
    return fail(path, "`info` did not answer with an object")
  end
  local text, message, code, hint = check_kind(info, path)
  if not text then
    return nil, message, code, hint
  end
  local version = M.parse_version(text)
  if not version then
    return fail(path, ("has a version that cannot be read: %q"):format(text))
  end
  if version[1] < OLDEST[1] or (version[1] == OLDEST[1] and version[2] < OLDEST[2]) then
    return fail(path, ("is Podman %s, and 4.1 is the oldest that works"):format(text))
  end
  local host = info.host
  local security, runtime = table_or_empty(host.security), table_or_empty(host.ociRuntime)
  return {
    name = "podman",
    path = path,
    version = version,
    version_text = text,
    rootless = security.rootless == true,
    oci_runtime = {
      name = text_or_nil(runtime.name) or "unknown",
      path = text_or_nil(runtime.path),
      version = text_or_nil((text_or_nil(runtime.version) or ""):match("version ([%w.~+-]+)")),
    },
    graph_driver = text_or_nil(table_or_empty(info.store).graphDriverName),
    cgroup_manager = text_or_nil(host.cgroupManager),
    seccomp = security.seccompEnabled ~= false,
    seccomp_base = text_or_nil(security.seccompProfilePath),
    selinux = security.selinuxEnabled == true,
  }
end

local function last_line(text)
  local last
  for line in (text or ""):gmatch("[^\n]+") do
    last = line
  end
  return last
end

local function ask(path, deps)
  -- Podman looks up the package of each of its helpers here, half a second
  -- each on some hosts, hence the long limit.
  local argv = { path, "info", "--format", "json" }
  local opts = { stdin = "null", stdout = "pipe", stderr = "pipe", timeout = 60 }
  local result, message = deps.proc.run(argv, opts)
  if not result then
    return fail(path, "could not be started: " .. tostring(message))
  end
  if result.code ~= 0 then
    local reason = last_line(result.stderr) or ("ended with status " .. tostring(result.code))
    return fail(path, "`info` failed: " .. reason, "try `podman info` by hand")
  end
  local info, problem = deps.json.decode(result.stdout)
  if not info then
    return fail(path, "`info` printed no JSON: " .. tostring(problem))
  end
  return M.parse(info, path)
end

local function find(deps, env)
  local wanted = text_or_nil(env.WRAPIX_PODMAN)
  local path = deps.sys.which(wanted or "podman")
  if path then
    return path
  end
  if wanted then
    return fail(wanted, "is not a program", "unset WRAPIX_PODMAN to use the podman on PATH")
  end
  return fail("podman", "not found on PATH", "apt install podman")
end

--- Finds Podman (WRAPIX_PODMAN, else PATH) and tells what it is.
---@param deps { fs: table, sys: table, proc: table, json: table }
---@param opts { cache: string, env: table<string,string> } cache: directory of the record
---@return wrapix.EngineFacts|nil
---@return string? message
---@return string? code "EENGINE"
---@return string? hint
function M.read(deps, opts)
  local path, message, code, hint = find(deps, opts.env)
  if not path then
    return nil, message, code, hint
  end
  local print = fingerprint(path, deps, opts.env)
  local record = cache_path(opts.cache, path, deps.sys.euid())
  local engine = read_cache(record, print, deps)
  if engine then
    return engine
  end
  engine, message, code, hint = ask(path, deps)
  if not engine then
    return nil, message, code, hint
  end
  -- A cache that cannot be written costs time at the next start, nothing else.
  if deps.fs.ensure_dir(opts.cache, tonumber("700", 8)) then
    local text = deps.json.encode({ fingerprint = print, engine = engine })
    deps.fs.write_atomic(record, text, { mode = tonumber("600", 8) })
  end
  return engine
end

return M
