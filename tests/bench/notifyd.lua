-- SPDX-License-Identifier: MIT
-- What wrapix-notifyd costs: from a client's write to the start of the program that shows
-- the message, and a million messages through one connection; beside a daemon of socat,
-- a shell and jq, which does the same work in the same run.

local figures = require("bench.figures")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local net = require("wrapix.net")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local M = {}

-- Of a flood so many messages differ. They are made beforehand, for to make one takes as
-- long as to read it.
local FLOOD, DIFFERENT, AT_ONCE, SHELL_FLOOD = 1000000, 100000, 500, 100
local WAIT_SECONDS = 20

local function line(i)
  return json.encode({ title = "Claude Code", message = ("Task %d completed"):format(i),
    sound = "Ping", session_id = "0:1.0" }) .. "\n"
end

local function wait_for(test)
  local deadline = sys.clock() + WAIT_SECONDS
  while sys.clock() < deadline do
    local found = test()
    if found then return found end
    task.sleep(0.0005)
  end
  error("waited in vain")
end

local function connect(socket) return wait_for(function() return (net.connect_unix(socket)) end) end

local function stamps(file)
  local list = {}
  for stamp in (fs.read(file) or ""):gmatch("%d+\n") do list[#list + 1] = tonumber(stamp) / 1e9 end
  return list
end

-- Each message by a client of its own, as wrapix-notify sends it.
local function latencies(socket, file, runs)
  local list = {}
  for i = 1, runs do
    local start = sys.clock()
    local stream = connect(socket)
    stream:write(line(i))
    stream:close()
    local seen = wait_for(function()
      local all = stamps(file)
      return #all >= i and all[i]
    end)
    list[i] = seen - start
  end
  return list
end

local function percentile(list, share)
  table.sort(list)
  return list[math.max(1, math.ceil(#list * share))]
end

local function latency_row(list)
  local row = figures.summary(list)
  row.p99 = percentile(list, 0.99)
  return row
end

local function make_pieces()
  local pieces = {}
  for first = 1, DIFFERENT, AT_ONCE do
    local lines = {}
    for i = first, first + AT_ONCE - 1 do lines[#lines + 1] = line(i) end
    pieces[#pieces + 1] = table.concat(lines)
  end
  return pieces
end

-- Until the other end has read it all and hangs up.
local function flood(socket, pieces, count)
  local stream <close> = connect(socket)
  local start = sys.clock()
  for i = 0, count - 1 do assert(stream:write(pieces[i % #pieces + 1])) end
  stream:shutdown()
  stream:read()
  return sys.clock() - start
end

local function peak_kb(pid)
  return tonumber((fs.read(("/proc/%d/status"):format(pid)) or ""):match("VmHWM:%s*(%d+)"))
end

local function start(opts, place, rules)
  assert(fs.ensure_dir(place .. "/c/wrapix"))
  assert(fs.write_atomic(place .. "/c/wrapix/notify.lua", rules))
  return assert(proc.spawn({ opts.program, "notifyd" }, {
    stdout = "null", stderr = "null",
    env = { XDG_RUNTIME_DIR = place .. "/r", XDG_STATE_HOME = place .. "/s",
      XDG_CONFIG_HOME = place .. "/c" },
  }))
end

local function ours(opts, place)
  local socket, found = place .. "/r/wrapix/notify.sock", {}
  local sink = ("{ \"command\", argv = { %q, %q } }"):format(opts.tools .. "/stamp", place .. "/ours")
  local running <close> = start(opts, place, ("return { sinks = { %s }, rate = false, join = 0 }"):format(sink))
  found.latency = latency_row(latencies(socket, place .. "/ours", opts.runs))
  running:stop(5)
  local pieces = make_pieces()
  for name, rules in pairs({ flood = "", flood_always = "always = true" }) do
    local one <close> = start(opts, place,
      ("return { sinks = { function() end }, %s }"):format(rules))
    local seconds = flood(socket, pieces, FLOOD // AT_ONCE)
    local row = { messages = FLOOD, per_second = FLOOD / seconds, peak_kb = peak_kb(one:pid()) }
    local usage = one:stop(5).rusage
    row.per_cpu_second = FLOOD / (usage.user + usage.system)
    found[name] = row
  end
  return found
end

local function shell(opts, place)
  for _, name in ipairs({ "socat", "jq" }) do
    if not sys.which(name) then return { not_measured = name .. " is not installed" } end
  end
  local socket, file = place .. "/shell.sock", place .. "/shell"
  local function listen(env)
    -- Half a second after the client it would end what it started, which a busy machine needs.
    return assert(proc.spawn({ "socat", "-t", "20", ("UNIX-LISTEN:%s,fork,unlink-early"):format(socket),
      ("EXEC:%s/tests/bench/shell_daemon.sh"):format(opts.checkout) },
      { stderr = "null", env = env, session = true }))
  end
  local found = {}
  local running <close> = listen({ STAMP = opts.tools .. "/stamp", STAMP_FILE = file })
  found.latency = latency_row(latencies(socket, file, math.min(opts.runs, 100)))
  running:stop(1)
  local null <close> = listen({})
  local lines = {}
  for i = 1, SHELL_FLOOD do lines[i] = line(i) end
  found.flood = { messages = SHELL_FLOOD, per_second = SHELL_FLOOD / flood(socket, lines, SHELL_FLOOD) }
  null:stop(1)
  return found
end

--- Measures.
---@param opts { program: string, tools: string, checkout: string, runs: integer }
---@return { ours: table, shell: table }|nil
---@return string? message
function M.run(opts)
  local place = assert(fs.temp_dir("wrapix-bench-"))
  assert(fs.mkdir(place .. "/r", 448))
  local ok, found = pcall(function()
    return { ours = ours(opts, place), shell = shell(opts, place) }
  end)
  fs.remove_tree(place)
  if not ok then return nil, tostring(found) end
  return found
end

return M
