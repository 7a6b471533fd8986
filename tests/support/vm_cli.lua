-- SPDX-License-Identifier: MIT
-- A scripted CLI of a runtime that makes VMs, for specs of the launch alone: it takes
-- what it is told, plays wrapix-vm and wrapix-init with a plain process of this host, and
-- writes down every call and signal. It checks nothing: the double of tests/support/apple
-- does. State is in $VM_CLI_DIR: `up` the service, `version`, `gateway`, `image`.

local container = require("wrapix._c.container")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local net = require("wrapix.net")
local proc = require("wrapix.proc")
local task = require("wrapix.task")

local dir = assert(os.getenv("VM_CLI_DIR"))
local words = { ... }

local function has(name) return fs.exists(dir .. "/" .. name) end
local function read(name) return fs.read(dir .. "/" .. name) end
local function note(text) assert(fs.append(dir .. "/calls", text .. "\n")) end

local function fail(text, status)
  io.stderr:write("Error: ", text, "\n")
  os.exit(status or 1)
end

-- What `run` is told ---------------------------------------------------------------------

local function parse(list)
  local out = { volumes = {}, words = {} }
  local i = 2
  while list[i] and list[i] ~= "/mnt/wrapix/bin/wrapix-vm" do
    if list[i] == "--name" then out.name = list[i + 1] end
    if list[i] == "--label" then
      out.session = out.session or list[i + 1]:match("^wrapix%.session=(.*)")
    end
    if list[i] == "--volume" then
      local from, at = list[i + 1]:match("^(.-):(/mnt/wrapix/[^:]*)")
      out.volumes[at] = from
    end
    i = i + 1
  end
  while list[i] and list[i] ~= "--" and list[i] ~= "--hold" do i = i + 1 end
  out.hold = list[i] == "--hold"
  table.move(list, i + 1, #list, 1, out.words)
  return out
end

-- By a socket, or by the address in vm.conf.
local function connect(call)
  local conf = assert(fs.read(call.volumes["/mnt/wrapix/vm"] .. "/vm.conf"))
  local host, port, token = conf:match("\nlease (%S+) (%d+) (%S+)\n")
  if not host then
    for at, from in pairs(call.volumes) do
      if at:find("^/mnt/wrapix/s%d") then assert(fs.stat(from), "no socket: " .. from) end
      if from:find("/lease%.sock$") then return assert(net.connect_unix(from)) end
    end
    error("no lease")
  end
  local stranger <close> = assert(net.connect_tcp(host, math.tointeger(tonumber(port))))
  stranger:write("token " .. ("0"):rep(#token) .. "\n")
  note("stranger " .. tostring(stranger:read()))
  local lease = assert(net.connect_tcp(host, math.tointeger(tonumber(port))))
  lease:write("token " .. token .. "\n")
  return lease
end

local function obey(lease, running)
  for chunk in function() return lease:read() end do
    for i = 1, #chunk do
      note("byte " .. chunk:byte(i))
      running:kill(chunk:byte(i))
    end
  end
  if not running:exited() then running:kill("KILL") end
  return true
end

local function leave_nonblocking()
  local script = "use Fcntl; fcntl(STDIN, F_SETFL, fcntl(STDIN, F_GETFL, 0) | O_NONBLOCK)"
  assert(proc.run({ "perl", "-e", script }, { stdin = "inherit" }))
end

local function run()
  local call = parse(words)
  if has("spoils_stdin") then leave_nonblocking() end
  local lease <close> = connect(call)
  local argv = call.hold and { "sleep", "1000" } or call.words
  local running, _, code = proc.spawn(argv, { stdin = "inherit", session = true })
  if not running then
    io.stderr:write("wrapix: run: ", argv[1], ": command not found\n")
    lease:write("exit 127 0\n")
    return code and 127
  end
  assert(fs.write_atomic(dir .. "/running", ("%d %s %s"):format(running:pid(), call.name, call.session)))
  lease:write("start\n")
  return task.scope(function(scope)
    local listening = scope:spawn(obey, lease, running)
    local result = assert(running:wait())
    listening:cancel()
    fs.unlink(dir .. "/running")
    local status = result.code or 128 + result.signal
    lease:write(("exit %d 0\n"):format(status))
    return status
  end)
end

-- The others -----------------------------------------------------------------------------

local function signal_running(name)
  local pid = (read("running") or ""):match("^(%d+)")
  if not pid then fail("container not found: x") end
  return proc.run({ "kill", "-s", name, "--", "-" .. pid }).code
end

local COMMANDS = {
  ["--version"] = function()
    print(("container CLI version %s (build: release)"):format(read("version") or "1.2.2"))
    return 0
  end,
  system = function()
    if has("broken") then fail("the kernel is not there") end
    print("Launching container-apiserver...")
    fs.write_atomic(dir .. "/up", "")
    return 0
  end,
  image = function()
    if not has("image") then fail("image not found: x") end
    print(json.encode({ { id = "0", configuration = { name = words[3],
      descriptor = { digest = "sha256:0" } }, variants = {} } }))
    return 0
  end,
  network = function()
    print(json.encode({ { id = "default", status = { ipv4Gateway = read("gateway") } } }))
    return 0
  end,
  run = run,
  list = function()
    local name, session = (read("running") or ""):match("^%d+ (%S+) (%S+)")
    local one = name and { id = name, status = { state = "running", networks = json.array({}) },
      configuration = { id = name, labels = { ["wrapix.session"] = session } } }
    print(json.encode(json.array({ one })))
    return 0
  end,
  stop = function() return signal_running("TERM") end,
  kill = function() return signal_running(words[3]) end,
  delete = function() fail("container not found: x") end,
  exec = function()
    local at = 1
    for i, word in ipairs(words) do if word == "--" then at = i + 1 end end
    local result = assert(proc.run(table.move(words, at, #words, 1, {}),
      { stdin = "inherit", stdout = "inherit", stderr = "inherit" }))
    return result.code or 128 + result.signal
  end,
}

local function main()
  note("call " .. table.concat(words, " "))
  local alone = words[1] == "system" or words[1] == "--version"
  if not alone and not has("up") then
    fail("interrupted: XPC connection error: Connection invalid\n"
      .. "Ensure container system service has been started with `container system start`.")
  end
  return COMMANDS[words[1]]()
end

local status = task.root(function()
  local signals <close> = assert(container.signals({ "INT", "TERM", "HUP" }))
  return task.scope(function(scope)
    local watch = scope:spawn(function()
      local name = signals:next()
      if not name then return true end
      note("signal " .. name)
      os.exit(1)
    end)
    local out = main()
    watch:cancel()
    return out
  end)
end)
io.stdout:flush()
os.exit(status)
