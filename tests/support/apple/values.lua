-- SPDX-License-Identifier: MIT
-- The values of options that are no mounts: environment, labels, memory, networks,
-- limits, users, capabilities (facts A3, corrections 2, 5, 10). Each refuses what
-- the CLI or its daemon refuses, with the text of that.

local fail = require("support.apple.fail")
local fs = require("wrapix.fs")
local json = require("wrapix.json")

local M = {}

local function invalid(message, ...) fail.with("invalidArgument", message:format(...)) end

---Splits like Swift's split(separator:maxSplits:): empty parts are left out.
---@param text string
---@param separator string one character
---@param max_splits integer?
---@return string[]
function M.split(text, separator, max_splits)
  local parts, from = {}, 1
  while from <= #text do
    local at = (not max_splits or #parts < max_splits) and text:find(separator, from, true)
    local part = text:sub(from, (at or #text + 1) - 1)
    if part ~= "" then parts[#parts + 1] = part end
    from = (at or #text) + 1
  end
  return parts
end

local UNITS = { [""] = 0, B = 0, K = 1, M = 2, G = 3, T = 4, P = 5 }

---A size in bytes: a whole number with one of K, M, G, T, P, which are powers of 1024.
---@param text string
---@return integer
function M.size(text)
  local number, unit = text:match("^(%d+)(%a*)$")
  local power = unit and UNITS[unit:upper():gsub("I?B$", "")] or nil
  if not power and unit and unit:upper() == "B" then power = 0 end
  if not power then invalid("invalid size: '%s'", text) end
  return math.tointeger(tonumber(number)) * 1024 ^ power // 1 | 0
end

---Memory of a container: whole mebibytes; the daemon refuses less than 200 of them.
---@return integer bytes
function M.memory(version, text)
  local bytes = text and M.size(text) // 1048576 * 1048576 or 1073741824
  if version:since("0.10.0") and bytes < 200 * 1048576 then
    invalid("minimum memory amount allowed is 200 MiB (got %d bytes)", bytes)
  end
  return bytes
end

---@param cpus integer?
---@return integer
function M.cpus(cpus)
  if cpus and cpus < 1 then fail.unknown("A3, -c", "what happens with less than one CPU is not known") end
  return cpus or 4
end

-- Environment -----------------------------------------------------------------------

local function name_of(entry) return entry:match("^([^=]*)") end

local function inherit(environ, entry)
  if entry:find("=", 1, true) then return entry end
  return environ[entry] and entry .. "=" .. environ[entry]
end

local function file_entry(environ, line)
  local text = line:gsub("^%s+", "")
  if text == "" or text:sub(1, 1) == "#" then return nil end
  local name = name_of(text)
  if name:find("[ \t]") then invalid("variable '%s' contains whitespaces", name) end
  if name == "" then invalid("no variable name on line '%s'", text) end
  return inherit(environ, text)
end

local function env_file(environ, path)
  local file = io.open(path, "rb") -- a FIFO will do
  local text = file and file:read("a")
  if file then file:close() end
  if not text then invalid("failed to read envfile at %s", path) end
  if not utf8.len(text) then invalid("env file %s contains invalid utf8 bytes", path) end
  local out = {}
  for line in (text .. "\n"):gmatch("([^\n]*)\n") do
    out[#out + 1] = file_entry(environ, (line:gsub("\r$", "")))
  end
  return out
end

---The environment of a process: the image's, then files, then -e; the last one of a
---name counts, and the order is that of no list (facts A3, -e).
---@param cx apple.Context
---@param image string[] the image's
---@param opts table env_file, env
---@return string[]
function M.environment(cx, image, opts)
  local entries = {}
  for _, entry in ipairs(image) do
    local value = entry:find("=", 1, true) and entry
      or cx.version:before("1.2.0") and inherit(cx.environ, entry)
    entries[#entries + 1] = value or nil
  end
  for _, path in ipairs(opts.env_file or {}) do
    for _, entry in ipairs(env_file(cx.environ, path)) do entries[#entries + 1] = entry end
  end
  for _, entry in ipairs(opts.env or {}) do entries[#entries + 1] = inherit(cx.environ, entry) end
  local last, names, out = {}, {}, json.array({})
  for _, entry in ipairs(entries) do
    local name = name_of(entry)
    if not last[name] then names[#names + 1] = name end
    last[name] = entry
  end
  table.sort(names, function(a, b) return a:reverse() < b:reverse() end)
  for i, name in ipairs(names) do out[i] = last[name] end
  return out
end

-- Labels ------------------------------------------------------------------------------

---@param list string[]?
---@return table<string, string>
function M.labels(list)
  local out = {}
  for _, label in ipairs(list or {}) do
    if label == "" then invalid("label cannot be an empty string") end
    local parts = M.split(label, "=", 2)
    if #parts < 1 or #parts > 2 then invalid("invalid label format %s", label) end
    out[parts[1]] = parts[2] or ""
  end
  return out
end

---Pairs of `volume create` and the like, which split once.
---@return table<string, string>
function M.pairs(list)
  local out = {}
  for _, text in ipairs(list or {}) do
    local parts = M.split(text, "=", 1)
    out[#parts == 2 and parts[1] or text] = #parts == 2 and parts[2] or ""
  end
  return out
end

-- Network -------------------------------------------------------------------------------

local function property(version, spec, part)
  local key, value, rest = part:match("^([^=]*)=([^=]*)(=?.*)$")
  if not key or rest ~= "" then
    invalid("invalid property format '%s' in network specification '%s'", part, spec)
  end
  if key == "mac" then
    if value == "" then invalid("mac address value cannot be empty") end
    local pair = "%x%x"
    if not value:match("^" .. (pair .. "[:-]"):rep(5) .. pair .. "$") then
      invalid("invalid MAC address format %s, expected format: XX:XX:XX:XX:XX:XX", value)
    end
    return "mac", value
  elseif key == "mtu" and version:since("0.11.0") then
    local mtu = value:match("^%d+$") and math.tointeger(tonumber(value))
    if not mtu or mtu < 1280 or mtu > 65535 then
      invalid("invalid mtu value '%s': must be between 1280 and 65535", value)
    end
    return "mtu", mtu
  end
  invalid("unknown network property '%s'. Available properties: %s", key,
    version:since("0.11.0") and "mac, mtu" or "mac")
end

---@return { name: string, mac: string?, mtu: integer? }
function M.network(version, spec)
  if spec == "" then invalid("network specification cannot be empty") end
  local out
  for part in (spec .. ","):gmatch("([^,]*),") do
    if not out then
      if part == "" then invalid("network name cannot be empty") end
      out = { name = part }
    else
      local key, value = property(version, spec, part)
      out[key] = value
    end
  end
  return out
end

local function is_address(text)
  local parts = { text:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$") }
  for _, part in ipairs(parts) do
    if tonumber(part) > 255 then return false end
  end
  return #parts == 4 or text:match("^%x*:[%x:]+$") ~= nil
end

---Servers of --dns; a value that is no address fails from 0.12.0 (correction 12).
function M.check_dns(version, list)
  for _, text in ipairs(list or {}) do
    if version:since("0.12.0") and not is_address(text) then
      invalid("invalid IP address: %s", text)
    end
  end
end

---@param text string
---@return boolean
function M.is_address(text) return is_address(text) end

-- Limits ----------------------------------------------------------------------------------

local LIMITS = { "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile",
  "nproc", "rss", "rtprio", "rttime", "sigpending", "stack" }
local IS_LIMIT = {}
for _, name in ipairs(LIMITS) do IS_LIMIT[name] = true end

local function limit_value(name, text)
  local value = text:lower()
  if value == "unlimited" or value == "-1" then return math.maxinteger end
  local number = value:match("^%d+$") and math.tointeger(tonumber(value))
  if not number then
    invalid("invalid ulimit value '%s' for '%s': must be a non-negative integer or 'unlimited'",
      text, name)
  end
  return number
end

local function limit(text)
  local parts = M.split(text, "=", 1)
  local values = parts[2] and M.split(parts[2], ":", 1) or {}
  if #parts ~= 2 or #values < 1 then
    invalid("invalid ulimit format '%s': expected <type>=<soft>[:<hard>]", text)
  end
  local name = parts[1]:lower()
  if not IS_LIMIT[name] then
    invalid("unsupported ulimit type '%s': valid types are %s", name, table.concat(LIMITS, ", "))
  end
  local soft = limit_value(name, values[1])
  local hard = values[2] and limit_value(name, values[2]) or soft
  if soft > hard then
    invalid("ulimit '%s' soft limit (%d) cannot exceed hard limit (%d)", name, soft, hard)
  end
  return { name = name, soft = soft, hard = hard }
end

---@return { name: string, soft: integer, hard: integer }[]
function M.limits(list)
  local out, seen = json.array({}), {}
  for i, text in ipairs(list or {}) do
    out[i] = limit(text)
    if seen[out[i].name] then invalid("duplicate ulimit type: %s", text:match("^[^=]*")) end
    seen[out[i].name] = true
  end
  return out
end

-- User --------------------------------------------------------------------------------------

---@param opts table user, uid, gid
---@param default string of the image, "" for none
---@return { raw: string?, uid: integer?, gid: integer? } user
---@return integer[] supplemental groups
function M.user(opts, default)
  local own = default ~= "" and { raw = default } or { uid = 0, gid = 0 }
  if opts.user then return { raw = opts.user }, json.array({}) end
  if opts.uid and opts.gid then return { uid = opts.uid, gid = opts.gid }, json.array({}) end
  if opts.uid then return { raw = tostring(opts.uid) }, json.array({}) end
  return own, json.array({ opts.gid })
end

-- Capabilities --------------------------------------------------------------------------------

local DEFAULT = { "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD",
  "NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT" }
local EVERY = { "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID",
  "SETUID", "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN",
  "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE",
  "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME",
  "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE",
  "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
  "CHECKPOINT_RESTORE" }
local IS_CAPABILITY = {}
for _, name in ipairs(EVERY) do IS_CAPABILITY[name] = true end

local function capability(text)
  local name = text:upper():gsub("^CAP_", "")
  if text:upper() == "ALL" then return "ALL" end
  if not IS_CAPABILITY[name] then invalid("invalid capability: %s", text) end
  return "CAP_" .. name
end

---@param list string[]?
---@return string[]
function M.capabilities(list)
  local out = json.array({})
  for i, text in ipairs(list or {}) do out[i] = capability(text) end
  return out
end

---What a process really gets: nothing was restricted before 0.12.0; since then the
---default set, adds first, a single drop wins (facts A8, correction 2).
---@param version apple.Version
---@param add string[]
---@param drop string[]
---@return string[] names without CAP_
function M.effective(version, add, drop)
  if version:before("0.12.0") then return EVERY end
  local set = {}
  local function put(list, value)
    for _, name in ipairs(list) do set[name:gsub("^CAP_", "")] = value end
  end
  local function names(list, wanted)
    for _, name in ipairs(list) do
      if name == wanted then return true end
    end
  end
  if not names(drop, "ALL") then put(DEFAULT, true) end
  put(names(add, "ALL") and EVERY or add, true)
  put(drop, nil)
  local out = {}
  for _, name in ipairs(EVERY) do
    if set[name] then out[#out + 1] = name end
  end
  return out
end

-- Names ---------------------------------------------------------------------------------------

---@param version apple.Version
---@param name string
function M.check_name(version, name)
  local fits = name:match("^[%w][%w_.%-]+$") and (version:before("1.2.0") or #name <= 63)
  if fits then return end
  if version:since("1.2.0") then invalid("container ID %s is not a valid container ID", name) end
  invalid("invalid entity name %s", name)
end

---A path made absolute by the place the command was started in.
function M.absolute(path)
  if path:sub(1, 1) == "/" then return path end
  return fs.realpath(".") .. "/" .. path
end

return M
