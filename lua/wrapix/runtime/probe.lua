-- What the Podman on this host is and can do. Asks the engine once and keeps
-- the answer in the cache directory; a start with a fresh answer runs no engine
-- process. Decides nothing about a launch.
--
-- The answer is only taken while everything it depends on is unchanged: the
-- binary, the OCI runtimes, the configuration files, the variables Podman
-- obeys and the effective uid. Their identity is one text, the fingerprint.
--
-- SPDX-License-Identifier: MIT

local info = require("wrapix.lazy")("wrapix.runtime.probe.info")

local M = {}

-- Raised when the shape of the record changes.
M.revision = 1

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

--- See probe/info.lua.
function M.parse_version(text) return info.parse_version(text) end

--- See probe/info.lua.
function M.parse(decoded, path) return info.parse(decoded, path) end

local function text_or_nil(value)
  return type(value) == "string" and value ~= "" and value or nil
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
  engine, message, code, hint = info.ask(path, deps)
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
