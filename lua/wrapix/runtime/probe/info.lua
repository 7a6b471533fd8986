-- What `podman info` answers → facts of the engine. Loaded only when the answer
-- kept by probe.lua is stale. Decides nothing about a launch. A change of the
-- shape raises the revision there.
--
-- SPDX-License-Identifier: MIT

local M = {}

-- --passwd-entry came with 4.1; without it there is no user of ours inside.
local OLDEST = { 4, 1 }

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

--- Asks an engine what it is.
---@param path string
---@param deps { proc: table, json: table }
---@return wrapix.EngineFacts|nil
---@return string? message
---@return string? code "EENGINE"
---@return string? hint
function M.ask(path, deps)
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

return M
