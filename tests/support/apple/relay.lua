-- SPDX-License-Identifier: MIT
-- Sockets between host and VM: -v host.sock:guest.sock, --publish-socket, --ssh (facts
-- A4). A VM has no socket of the host's; what is there is a new one, owned by root with the
-- mode bits of the host's, that a process of its own passes on for as long as the
-- container lives. 1.0.0 and what was before it refuse the connection.

local fail = require("support.apple.fail")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local net = require("wrapix.net")
local proc = require("wrapix.proc")
local share = require("support.apple.share")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local M = {}

local PATIENCE = 10

---Where the agent's socket is in the VM (facts A4, --ssh).
---@param version apple.Version
---@return string
function M.ssh_path(version)
  return version:since("0.12.0") and "/var/host-services/ssh-auth.sock"
    or "/run/host-services/ssh-auth.sock"
end

local function into(cx, source, listen)
  local stat = fs.stat(source)
  return { listen = listen, mode = stat and stat.mode or 384, connect = source,
    dead = cx.version:before("1.1.0") }
end

---Which sockets a container needs; keeps that for the relay.
---@return table<integer|"ssh", string> by the number of the mount: the socket to bind
function M.plan(cx, record)
  local place, out, list = cx.state:place("containers", record.id), {}, json.array({})
  local function one(entry)
    list[#list + 1] = entry
    -- Podman wants the source of a mount to be there before the relay has made it.
    if entry.connect then assert(fs.write_atomic(entry.listen, "", { sync = false })) end
    return entry.dead and share.dead_socket(place) or entry.listen
  end
  for i, mount in ipairs(record.mounts) do
    if share.is_socket(mount) then
      if mount.destination:match("^/var/run/") then
        fail.unknown("A4, AZ#256", "the place of a socket must not go through the link /var/run: "
          .. mount.destination)
      end
      out[i] = one(into(cx, mount.source, ("%s/relay.%d"):format(place, i)))
    end
  end
  for _, socket in ipairs(record.sockets) do
    one({ listen = socket.host, mode = 384, inside = socket.container })
  end
  local agent = cx.environ.SSH_AUTH_SOCK
  if record.ssh and agent and fs.stat(agent) then
    local entry = into(cx, agent, place .. "/relay.ssh")
    entry.dead = false
    out.ssh = one(entry)
    table.insert(record.process.environment, "SSH_AUTH_SOCK=" .. M.ssh_path(cx.version))
  end
  assert(fs.write_atomic(place .. "/relay.json", assert(json.encode(list)), { sync = false }))
  return out
end

local function entries(cx, record)
  local text = fs.read(cx.state:place("containers", record.id) .. "/relay.json")
  local out = {}
  for _, entry in ipairs(text and assert(json.decode(text)) or {}) do
    if not entry.dead then out[#out + 1] = entry end
  end
  return out
end

-- For the starter ------------------------------------------------------------------------

local function tell(cx, record, pid)
  assert(fs.write_atomic(cx.state:place("containers", record.id) .. "/pid", tostring(pid),
    { sync = false }))
end

---Starts the relay of a container, if it needs one, and waits until it listens.
function M.start(cx, record)
  local list, place = entries(cx, record), cx.state:place("containers", record.id)
  if #list == 0 or cx.engine.dry then return end
  fs.unlink(place .. "/pid")
  for _, entry in ipairs(list) do fs.unlink(entry.listen) end
  local started = assert(proc.spawn({ cx.wrapix, "--run", cx.main, "__relay", record.id }, {
    session = true, stdout = "null", stderr = { file = place .. "/relay.log", mode = "w" },
    env = { CONTAINER_DOUBLE_STATE = cx.state.dir },
  }))
  started._proc:release()
  local deadline = sys.clock() + PATIENCE
  for _, entry in ipairs(list) do
    while not fs.lstat(entry.listen) do
      if sys.clock() > deadline then
        error("the relay does not listen: " .. (fs.read(place .. "/relay.log") or ""))
      end
      task.sleep(0.01)
    end
  end
end

---Tells the relay which process it lives with.
---@param pid integer of the container's first process
function M.attach(cx, record, pid) tell(cx, record, pid) end

---Ends the relay of a container that does not come to life, or is removed.
function M.stop(cx, record)
  if fs.stat(cx.state:place("containers", record.id)) then tell(cx, record, 0) end
end

-- The relay itself ----------------------------------------------------------------------------

local function pump(from, to)
  while true do
    local data = from:read()
    if not data or not to:write(data) then break end
  end
  to:shutdown()
end

local function pass_on(client, target)
  local server = net.connect_unix(target)
  if server then
    task.scope(function(scope)
      scope:spawn(pump, client, server)
      scope:spawn(pump, server, client)
    end)
    server:close()
  end
  client:close()
end

-- A path too long for a socket's address can still be the new name of its file.
local function listen(entry)
  local short = ("/tmp/apple-%s"):format(sys.random_hex(6))
  local server = assert(net.listen_unix(short, { mode = entry.mode }))
  assert(fs.chmod(short, entry.mode))
  if not fs.rename(short, entry.listen) then -- another file system
    server:close()
    fs.unlink(short)
    server = assert(net.listen_unix(entry.listen, { mode = entry.mode }))
  end
  return server
end

local function serve(scope, entry, server, pid_of)
  while true do
    local client = server:accept()
    if not client then return end
    local target = entry.connect or ("/proc/%d/root%s"):format(pid_of() or 0, entry.inside)
    scope:spawn(pass_on, client, target)
  end
end

local function await(place, id_started)
  local deadline, start = sys.clock() + 60, nil
  while true do
    local pid = math.tointeger(tonumber(fs.read(place .. "/pid") or ""))
    if pid == 0 or not fs.stat(place) then return end
    local now = pid and sys.process_start(pid)
    if pid then
      id_started.pid, start = pid, start or now
      if not now or now ~= start then return end
    elseif sys.clock() > deadline then
      return
    end
    task.sleep(0.1)
  end
end

---Serves until the container has ended.
---@param cx apple.Context
---@param id string
function M.serve(cx, id)
  local place, live, servers = cx.state:place("containers", id), {}, {}
  local list = entries(cx, { id = id })
  task.scope(function(scope)
    for i, entry in ipairs(list) do
      servers[i] = listen(entry)
      scope:spawn(serve, scope, entry, servers[i], function() return live.pid end)
    end
    await(place, live)
    for i, entry in ipairs(list) do
      servers[i]:close()
      fs.unlink(entry.listen)
    end
    scope:cancel()
  end)
end

return M
