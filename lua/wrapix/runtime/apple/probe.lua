-- SPDX-License-Identifier: MIT
-- What Apple's `container` on this host is: where, which version, on which macOS. Asks
-- it once and keeps the answer in the cache directory with the identity of what was
-- asked. Where nothing is to be started and it is not there, the newest version is
-- assumed. Decides nothing about a launch, and starts no service.

local control = require("wrapix.runtime.apple.control")
local failure = require("wrapix.runtime.apple.failure")
local lazy = require("wrapix.lazy")
local versions = require("wrapix.runtime.apple.versions")

local list = lazy("wrapix.runtime.apple.list")

local M = {}

-- Raised when the shape of the record changes.
M.revision = 1

local SECONDS = 20
-- Of the system's version; it changes with an update.
local SYSTEM = "/System/Library/CoreServices/SystemVersion.plist"

---@class wrapix.AppleEngine
---@field name "container"
---@field path string
---@field version integer[] major, minor, patch
---@field version_text string
---@field macos integer[]? nil: this is no macOS, or it does not say
---@field assumed true? it is not there, or not asked

local function fail(object, reason, hint)
  return nil, ("probe: %s: %s"):format(object, reason), "EENGINE", hint
end

local INSTALL = "install it from github.com/apple/container, or `brew install container`"

--- The facts of a version nobody has to have.
---@param text string? such as "0.12"; nil: the newest that is known
---@param path string?
---@return wrapix.AppleEngine|nil
---@return string? message
---@return string? code "EENGINE"
---@return string? hint
function M.assume(text, path)
  local version = text and versions.parse(text) or versions.newest
  if text and not versions.parse(text) then
    return fail(text, "is no version such as 1.2")
  end
  version = table.move(version, 1, 3, 1, {})
  if not versions.at_least(version, versions.oldest) then
    return fail(text, ("%s is the oldest that works"):format(versions.text(versions.oldest)))
  end
  return { name = "container", path = path or "container", version = version,
    version_text = versions.text(version), assumed = true }
end

local function identity(fs, path)
  local stat = path and fs.stat(path)
  if not stat then return "-" end
  return ("%s:%s:%s:%s"):format(path, stat.size, stat.mtime_ns or stat.mtime, stat.ino or 0)
end

local function fingerprint(path, deps)
  return table.concat({ M.revision, deps.sys.euid(), identity(deps.fs, path),
    identity(deps.fs, deps.fs.realpath(path) or path), identity(deps.fs, SYSTEM) }, "\n")
end

-- FNV-1a: the name only has to differ, the fingerprint inside decides.
local function cache_path(dir, path, euid)
  local hash = 2166136261
  for i = 1, #path do hash = ((hash ~ path:byte(i)) * 16777619) & 0xffffffff end
  return ("%s/probe-container-%d-%08x.json"):format(dir, euid, hash)
end

local function is_version(value)
  return type(value) == "table" and math.type(value[1]) == "integer"
    and math.type(value[2]) == "integer" and math.type(value[3] or 0) == "integer"
end

local function is_facts(engine, path)
  return type(engine) == "table" and engine.name == "container" and engine.path == path
    and is_version(engine.version) and type(engine.version_text) == "string"
    and (engine.macos == nil or is_version(engine.macos))
end

local function read_cache(file, print, path, deps)
  local text = deps.fs.read(file)
  local record = text and deps.json.decode(text)
  if type(record) ~= "table" or record.fingerprint ~= print or not is_facts(record.engine, path) then
    return nil
  end
  record.engine.assumed = nil
  return record.engine
end

local function run(argv, deps)
  return deps.proc.run(argv, { stdin = "null", stdout = "pipe", stderr = "pipe", timeout = SECONDS,
    max_output = 1 << 20 })
end

local function first_line(text) return (text or ""):match("([^\r\n]+)") end

local function ask_version(path, deps)
  local result, message = run({ path, "--version" }, deps)
  if not result then return fail(path, "could not be started: " .. tostring(message)) end
  if result.code ~= 0 then
    local reason, hint = failure.failure(result.stderr or "")
    reason = reason or first_line(result.stderr) or ("ended with status %s"):format(result.code)
    return fail(path, "`--version` failed: " .. reason, hint or "try `container --version` by hand")
  end
  local line = first_line(result.stdout) or ""
  local version = line:find("^container ") and versions.parse(line)
  if not version then
    return fail(path, ("is not Apple's container: it says %q"):format(line:sub(1, 80)), INSTALL)
  end
  return version
end

-- Only a Mac has it.
local function ask_macos(deps)
  local program = deps.sys.which("sw_vers")
  local result = program and run({ program, "-productVersion" }, deps)
  local text = result and result.code == 0 and (result.stdout or ""):match("^(%d[%d.]*)")
  -- "26" is 26.0.
  return text and versions.parse(text:find(".", 1, true) and text or text .. ".0") or nil
end

-- Under Rosetta the CLI refuses every command; 1: so does whatever this process starts.
local function check_translated(path, deps)
  local program = deps.sys.which("sysctl")
  local result = program and deps.sys.platform() == "macos"
    and run({ program, "-n", "sysctl.proc_translated" }, deps)
  if result and result.code == 0 and (result.stdout or ""):match("^1%s*$") then
    return fail(path, "cannot run: wrapix runs under Rosetta, and so would it",
      "turn off `Open using Rosetta` of the terminal (Finder, Get Info), and install for arm64")
  end
  return true
end

local function ask(path, deps)
  local ok, message, code, hint = check_translated(path, deps)
  if not ok then return nil, message, code, hint end
  local version
  version, message, code, hint = ask_version(path, deps)
  if not version then return nil, message, code, hint end
  local macos = ask_macos(deps)
  if macos and not versions.at_least(macos, versions.macos) then
    return fail("macOS", ("is %d.%d, and sandboxes need 26 or newer"):format(macos[1], macos[2]),
      "softwareupdate --install --all")
  end
  return { name = "container", path = path, version = version,
    version_text = versions.text(version), macos = macos }
end

local function text_or_nil(value) return type(value) == "string" and value ~= "" and value or nil end

local function find(deps, env)
  local wanted = text_or_nil(env.WRAPIX_CONTAINER)
  local path = deps.sys.which(wanted or "container")
  if path then return path end
  if wanted then
    return fail(wanted, "is not a program", "unset WRAPIX_CONTAINER to use the container on PATH")
  end
  return fail("container", "not found on PATH", INSTALL)
end

--- Finds Apple's container (WRAPIX_CONTAINER, else PATH) and tells what it is.
---@param deps { fs: table, sys: table, proc: table, json: table }
---@param opts { cache: string, env: table<string,string>, version: string?, shows: boolean? }
--- cache: directory of the record; version: to be assumed; shows: nothing is to be started
---@return wrapix.AppleEngine|nil
---@return string? message
---@return string? code "EENGINE"
---@return string? hint
function M.read(deps, opts)
  local path, message, code, hint = find(deps, opts.env)
  if opts.version then return M.assume(opts.version, path) end
  if not path then
    if opts.shows then return M.assume(nil) end
    return nil, message, code, hint
  end
  local print = fingerprint(path, deps)
  local record = cache_path(opts.cache, path, deps.sys.euid())
  local engine = read_cache(record, print, path, deps)
  if engine then return engine end
  engine, message, code, hint = ask(path, deps)
  if not engine then return nil, message, code, hint end
  -- A cache that cannot be written costs time at the next start, nothing else.
  if deps.fs.ensure_dir(opts.cache, tonumber("700", 8)) then
    local text = deps.json.encode({ fingerprint = print, engine = engine })
    deps.fs.write_atomic(record, text, { mode = tonumber("600", 8) })
  end
  return engine
end

-- What changes without the program changing ------------------------------------------------

--- Asks for the host's address in the sandboxes' network. It is not kept: the next start
--- of the service may bring another. The service has to run.
---@param engine { path: string }
---@param deps { proc: table }
---@return string|nil gateway
---@return string? message
---@return string? code "EENGINE"; "EDOWN": the service does not run
---@return string? hint
function M.gateway(engine, deps)
  local result, message, code = run(control.network_argv(engine), deps)
  if not result then return nil, message, code end
  if result.code ~= 0 then
    local stderr = result.stderr or ""
    local reason, hint = failure.failure(stderr)
    reason = reason or first_line(stderr) or "container failed"
    return nil, "network: " .. reason, failure.is_down(stderr) and "EDOWN" or "EENGINE", hint
  end
  return list.gateway(result.stdout)
end

--- Whether the service behind the CLI runs.
---@param engine { path: string }
---@param deps { proc: table }
---@return boolean|nil runs
---@return string? message
---@return string? code
function M.service(engine, deps)
  local result, message, code = run(control.status_argv(engine), deps)
  if not result then return nil, message, code end
  return result.code == 0
end

--- Whether a VPN has taken the way between host and sandboxes, see failure.vpn_problem.
---@param gateway string
---@param deps { proc: table, sys: table }
---@return string|nil reason nil: no, or it cannot be told here
---@return string? hint
function M.vpn_problem(gateway, deps)
  if deps.sys.platform() ~= "macos" then return nil end
  local result = run(failure.route_argv(gateway), deps)
  if not result or result.code ~= 0 then return nil end
  return failure.vpn_problem(result.stdout or "", gateway, M.bridge(gateway, deps))
end

--- The interface of the host that has an address, such as "bridge100".
---@param gateway string
---@param deps { proc: table }
---@return string?
function M.bridge(gateway, deps)
  local result = run({ "/sbin/ifconfig" }, deps)
  local current
  for line in (result and result.stdout or ""):gmatch("[^\n]+") do
    current = line:match("^([%w]+):") or current
    if line:match("^%s+inet ([%d.]+)") == gateway then return current end
  end
end

return M
