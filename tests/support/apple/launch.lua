-- SPDX-License-Identifier: MIT
-- A record becomes a container of Podman, and that starts: what the daemon, the VM and
-- its init do on a Mac. Fails as they fail (facts A8, A10, corrections 9, 10).

local fail = require("support.apple.fail")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local networks = require("support.apple.networks")
local relay = require("support.apple.relay")
local share = require("support.apple.share")
local sys = require("wrapix.sys")
local values = require("support.apple.values")
local volumes = require("support.apple.volumes")

local M = {}

local function add(words, ...)
  for _, word in ipairs({ ... }) do words[#words + 1] = word end
end

-- The words of `podman create` -----------------------------------------------------------

-- The machine's own limits stand in the way of Podman's defaults: see the header of main.lua.
local function add_limits(words, record)
  local own = sys.limits()
  local set = { nofile = { own.nofile.hard, own.nofile.hard },
    nproc = { math.min(4096, own.nproc.hard), math.min(4096, own.nproc.hard) } }
  for _, one in ipairs(record.process.limits) do
    local cap = own[one.name] and own[one.name].hard or math.huge
    set[one.name] = { math.min(one.soft, cap), math.min(one.hard, cap) }
  end
  for name, pair in pairs(set) do
    local function text(value) return value >= math.maxinteger and "-1" or ("%d"):format(value) end
    add(words, "--ulimit", ("%s=%s:%s"):format(name, text(pair[1]), text(pair[2])))
  end
  add(words, "--pids-limit", "-1", "--memory", tostring(record.memory))
  if record.cpus_given then
    add(words, "--cpus", tostring(math.min(record.cpus_given, sys.cpus() or record.cpus_given)))
  end
end

-- A VM masks nothing up to 1.1.0. What would reach the host's kernel stays as Podman has it.
local UNMASKED = "/proc/acpi:/proc/kcore:/proc/keys:/proc/latency_stats:/proc/timer_list:"
  .. "/proc/timer_stats:/proc/sched_debug:/proc/scsi:/sys/firmware:/proc/asound:/proc/bus:/proc/fs"

local function add_privileges(cx, words, record)
  add(words, "--cap-drop", "all")
  for _, name in ipairs(values.effective(cx.version, record.cap_add, record.cap_drop)) do
    add(words, "--cap-add", name)
  end
  add(words, "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined")
  if cx.version:before("1.2.0") then add(words, "--security-opt", "unmask=" .. UNMASKED) end
  for _, place in ipairs(record.masked or {}) do
    if place:upper() ~= "NONE" then add(words, "--security-opt", "mask=" .. place) end
  end
end

local function add_networks(cx, words, record)
  if #record.networks == 0 then return add(words, "--network", "none") end
  for _, one in ipairs(record.networks) do
    local name = networks.podman(cx, one.name)
    add(words, "--network", one.mac and ("%s:mac=%s"):format(name, one.mac) or name)
  end
  for _, one in ipairs(record.ports) do
    local function range(first)
      return one.count > 1 and ("%d-%d"):format(first, first + one.count - 1) or tostring(first)
    end
    local host = one.hostAddress:find(":", 1, true) and "[" .. one.hostAddress .. "]" or one.hostAddress
    add(words, "--publish", ("%s:%s:%s/%s"):format(host, range(one.hostPort),
      range(one.containerPort), one.proto))
  end
end

local function user_word(user)
  return user.raw or ("%d:%d"):format(user.uid, user.gid)
end

-- A value in argv could be read by every process of the machine.
local function add_environment(words, place, record)
  local lines = {}
  for _, entry in ipairs(record.process.environment) do
    if entry:find("\n", 1, true) then
      add(words, "--env", entry)
    else
      lines[#lines + 1] = entry .. "\n"
    end
  end
  assert(fs.write_atomic(place .. "/env", table.concat(lines), { mode = 384, sync = false }))
  add(words, "--unsetenv-all", "--env-file", place .. "/env")
end

local DEFAULT_PATH = { "/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin" }

local function has_path(environment)
  for _, entry in ipairs(environment) do
    if entry:match("^PATH=") then return true end
  end
  return false
end

---The init of the VM looks a program up on a path of its own when the environment has
---none, and does not add that to it (seen in the source of vmexec); Podman's does not.
---@param record table
---@param name string
---@param root_of fun(): string? where the container's files are
---@return string name, or the path that was found
function M.lookup(record, name, root_of)
  if name:find("/", 1, true) or has_path(record.process.environment) then return name end
  local root = root_of()
  for _, directory in ipairs(root and DEFAULT_PATH or {}) do
    if fs.lstat(root .. directory .. "/" .. name) then return directory .. "/" .. name end
  end
  return name
end

local function executable(cx, record)
  local is_mounted = false
  local found = M.lookup(record, record.process.executable, function()
    if cx.engine.dry then return nil end
    is_mounted = true
    return cx.engine:call({ "image", "mount", record.podman_image }).stdout:gsub("%s+$", "")
  end)
  if is_mounted then cx.engine:call({ "image", "unmount", record.podman_image }) end
  return found
end

local function add_process(cx, words, record)
  local p = record.process
  add(words, "--user", user_word(p.user), "--workdir", p.workdir,
    "--entrypoint", assert(json.encode(json.array({ executable(cx, record) }))))
  for _, group in ipairs(p.groups) do add(words, "--group-add", tostring(group)) end
  if p.terminal then add(words, "--tty") end
  if record.interactive then add(words, "--interactive") end
  if record.init then add(words, "--init") end
  if record.stop_signal then add(words, "--stop-signal", record.stop_signal) end
end

local function add_files(cx, words, record, relayed)
  local place = cx.state:place("containers", record.id)
  add(words, "--no-hosts")
  if #record.networks > 0 then add(words, "--dns", "none") end
  add(words, "--mount", share.bind(place .. "/hosts", "/etc/hosts"))
  if record.dns then
    add(words, "--mount", share.bind(place .. "/resolv.conf", "/etc/resolv.conf"))
  end
  if record.read_only then add(words, "--read-only", "--read-only-tmpfs=false") end
  if record.shm_size then add(words, "--shm-size", ("%db"):format(record.shm_size)) end
  for _, word in ipairs(share.words(cx, record, relayed)) do words[#words + 1] = word end
  for _, one in ipairs(relayed.ssh and { relayed.ssh } or {}) do
    add(words, "--mount", share.bind(one, relay.ssh_path(cx.version)))
  end
end

local function create_words(cx, record, relayed)
  local place = cx.state:place("containers", record.id)
  local words = { "create", "--pull", "never", "--http-proxy=false", "--name", cx.engine:name(record.id),
    "--hostname", record.id:match("^[^.]*"), "--label", "apple.double=" .. cx.state.id,
    "--log-driver", "k8s-file" }
  if record.auto_remove then add(words, "--rm") end
  add_limits(words, record)
  add_privileges(cx, words, record)
  add_networks(cx, words, record)
  add_process(cx, words, record)
  add_environment(words, place, record)
  add_files(cx, words, record, relayed)
  add(words, record.podman_image)
  return table.move(record.process.arguments, 1, #record.process.arguments, #words + 1, words)
end

-- Files of the VM ----------------------------------------------------------------------------

local function write(place, name, text)
  local file = assert(io.open(place .. "/" .. name, "w")) -- in place: it is bound already
  file:write(text)
  file:close()
end

local function resolv_conf(cx, record)
  local lines, dns = {}, record.dns
  local servers = dns.nameservers
  if #servers == 0 and #record.networks > 0 then
    -- The gateway relays names on a Mac; Podman's does not, so this machine's follow it.
    servers = { networks.status(cx, record.networks[1].name).gateway }
    table.move(cx.engine.nameservers(), 1, #cx.engine.nameservers(), 2, servers)
  end
  for _, one in ipairs(servers) do lines[#lines + 1] = "nameserver " .. one end
  if dns.domain then lines[#lines + 1] = "domain " .. dns.domain end
  if #dns.searchDomains > 0 then
    lines[#lines + 1] = "search " .. table.concat(dns.searchDomains, " ")
  end
  if #dns.options > 0 then lines[#lines + 1] = "options " .. table.concat(dns.options, " ") end
  return table.concat(lines, "\n") .. "\n"
end

-- Without an address only localhost stands there (facts A7).
local function hosts(record, address)
  local text = "127.0.0.1 localhost\n"
  return address and ("%s%s %s\n"):format(text, address, record.id:match("^[^.]*")) or text
end

---Makes Podman's container of a record, which is kept from then on.
---@param cx apple.Context
---@param record table
function M.create(cx, record)
  local place = cx.state:place("containers", record.id)
  assert(fs.ensure_dir(place))
  local relayed = relay.plan(cx, record)
  if record.process.terminal then
    local has_term = false
    for _, entry in ipairs(record.process.environment) do
      has_term = has_term or entry:match("^TERM=") ~= nil
    end
    if not has_term then table.insert(record.process.environment, "TERM=xterm") end
  end
  write(place, "hosts", hosts(record))
  if record.dns then write(place, "resolv.conf", resolv_conf(cx, record)) end
  local result = cx.engine:call(create_words(cx, record, relayed))
  if result.code ~= 0 then
    cx.state:remove("containers", record.id)
    fail.with("internalError", (result.stderr:gsub("%s+$", "")))
  end
  cx.state:put("containers", record.id, record)
end

---Removes a container and all that is known of it.
function M.remove(cx, record)
  relay.stop(cx, record)
  cx.engine:call({ "rm", "--force", "--time", "0", cx.engine:name(record.id) })
  cx.state:remove("containers", record.id)
end

-- Starting -------------------------------------------------------------------------------------

-- Since 0.12.0 a working directory that is missing is made (correction 9).
local function ensure_workdir(cx, record)
  local workdir = record.process.workdir
  if workdir == "/" or cx.version:before("0.12.0") or cx.engine.dry then return end
  local host, rest
  for _, mount in ipairs(record.mounts) do
    local below = (workdir .. "/"):sub(1, #mount.destination + 1) == mount.destination .. "/"
    if below and (not rest or #mount.destination > #rest.destination) then rest = mount end
  end
  if rest and rest.type == "tmpfs" then return end
  if rest then
    local root = rest.type == "volume" and volumes.data(cx, rest.name) or rest.source
    host = root .. workdir:sub(#rest.destination + 1)
  else
    local mounted = cx.engine:call({ "mount", cx.engine:name(record.id) })
    host = mounted.stdout:gsub("%s+$", "") .. workdir
  end
  fs.ensure_dir(host)
  if not rest then cx.engine:call({ "unmount", cx.engine:name(record.id) }) end
end

local function reason(record, text)
  if text:find("executable file not found", 1, true) or text:find("no such file or directory", 1, true) then
    return ("failed to find target executable %s"):format(record.process.executable)
  end
  return (text:gsub("%s+$", ""))
end

---Brings a container up to the moment before its process runs.
---@return apple.Live
function M.bootstrap(cx, record)
  volumes.check_free(cx, record)
  relay.start(cx, record)
  ensure_workdir(cx, record)
  local result = cx.engine:call({ "init", cx.engine:name(record.id) })
  if result.code ~= 0 then
    relay.stop(cx, record)
    fail.with("internalError", ("failed to bootstrap container: %s"):format(
      reason(record, result.stderr)))
  end
  local live = cx.engine:live(record)
  write(cx.state:place("containers", record.id), "hosts", hosts(record, live.address))
  relay.attach(cx, record, live.pid)
  return live
end

---Starts the process of a container and leaves it alone.
function M.start(cx, record)
  local result = cx.engine:call({ "start", cx.engine:name(record.id) })
  if result.code ~= 0 then fail.with("internalError", (result.stderr:gsub("%s+$", ""))) end
  record.dry = cx.engine.dry and "running" or nil
  cx.state:put("containers", record.id, record)
end

return M
