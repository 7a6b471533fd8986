-- SPDX-License-Identifier: MIT
-- What a notification costs: wrapix-notify from its start to its end, with somebody who
-- listens and with nobody; and how many messages a server takes through one connection
-- when nothing is done with them.

local figures = require("bench.figures")
local fs = require("wrapix.fs")
local measure = require("bench.measure")
local net = require("wrapix.net")
local path = require("wrapix.path")
local proc = require("wrapix.proc")
local servers = require("wrapix.notify.server")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local M = {}

local MESSAGES, PIECES, AT_ONCE = 300000, 20, 500
local LINE = '{"title":"Claude Code","message":"Task %d completed: the tests pass","sound":"Ping",'
  .. '"session_id":"0:1.0"}\n'
local WAIT_SECONDS = 10

local function client(opts, socket, count)
  local argv = { path.dirname(opts.program) .. "/guest/wrapix-notify", "Claude Code", "Task completed" }
  local how = { env = { WRAPIX_NOTIFY_SOCKET = socket }, clear_env = true }
  local runs, message = measure.runs(opts.tools .. "/measure", count, argv, how)
  if not runs then return nil, message end
  local row = figures.summary(measure.field(runs, "seconds"))
  row.peak_kb = math.max(table.unpack(measure.field(runs, "peak_kb")))
  return row
end

local function with_listener(opts, socket)
  local server <close> = servers.new(assert(net.listen_unix(socket)), { on_message = function() end })
  task.detach(server.serve, server)
  client(opts, socket, 3)
  return client(opts, socket, opts.runs)
end

local function connect(socket)
  local deadline = sys.clock() + WAIT_SECONDS
  while sys.clock() < deadline do
    local stream = net.connect_unix(socket)
    if stream then return stream end
    task.sleep(0.01)
  end
  return nil, "the sink did not start"
end

-- Ten thousand different messages, so that none is known from the one before.
local function make_pieces()
  local pieces = {}
  for i = 1, PIECES do
    local lines = {}
    for n = 1, AT_ONCE do lines[n] = LINE:format(i * AT_ONCE + n) end
    pieces[i] = table.concat(lines)
  end
  return pieces
end

-- The sink is a process of its own, so that its memory and time are its own.
local function flood(opts, socket)
  local words = { opts.tools .. "/measure", "1", opts.program, "--run",
    opts.checkout .. "/tests/bench/notify_sink.lua", socket, tostring(MESSAGES) }
  local running = assert(proc.spawn(words, { stdin = "null", stdout = "pipe", stderr = "pipe" }))
  local stream, message = connect(socket)
  if not stream then return nil, message end
  local pieces = make_pieces()
  for i = 0, MESSAGES // AT_ONCE - 1 do
    local ok, why = stream:write(pieces[i % PIECES + 1])
    if not ok then return nil, why end
  end
  stream:close()
  local result = running:wait()
  local seconds, cpu, peak = result.stdout:match("^(%S+) (%S+) (%d+) 0\n")
  if not seconds then return nil, "the sink said: " .. result.stdout .. result.stderr end
  return { messages = MESSAGES, seconds = tonumber(seconds), cpu = tonumber(cpu),
    per_second = MESSAGES / tonumber(seconds), per_cpu_second = MESSAGES / tonumber(cpu),
    peak_kb = math.tointeger(tonumber(peak)) }
end

--- Measures.
---@param opts { program: string, tools: string, checkout: string, runs: integer }
---@return { heard: table, unheard: table, flood: table }|nil
---@return string? message
function M.run(opts)
  local place = assert(fs.temp_dir("wrapix-bench-"))
  local _ <close> = setmetatable({}, { __close = function() fs.remove_tree(place) end })
  local found, message = {}
  found.heard, message = with_listener(opts, place .. "/heard.sock")
  if not found.heard then return nil, message end
  found.unheard, message = client(opts, place .. "/none.sock", opts.runs)
  if not found.unheard then return nil, message end
  found.flood, message = flood(opts, place .. "/flood.sock")
  if not found.flood then return nil, message end
  return found
end

return M
