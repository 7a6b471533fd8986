-- SPDX-License-Identifier: MIT
-- Many sandboxes at once, and a command in a running one: what the launchers
-- cost. Real engine; detached sandboxes, whose keepers can be looked at while
-- they live. Ends what it starts.

local figures = require("bench.figures")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local measure = require("bench.measure")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local M = {}

local TICKS = 100 -- per second, of the times in /proc/PID/stat; fixed on Linux

local function must(result, message)
  if not result then error(message, 0) end
  if result.code ~= 0 then error(result.stderr, 0) end
  return result.stdout
end

local function wrapix(opts, workspace, ...)
  return must(proc.run({ opts.program, ... }, { cwd = workspace, stdin = "null", timeout = 300 }))
end

-- Memory (private and shared pages, kB) and own CPU seconds of a live process,
-- without its children.
local function cost_of(pid)
  local status = assert(fs.read(("/proc/%d/status"):format(pid)))
  local stat = assert(fs.read(("/proc/%d/stat"):format(pid)))
  local fields = {}
  for word in stat:match("^.*%) (.*)$"):gmatch("%S+") do fields[#fields + 1] = word end
  return {
    rss_kb = tonumber(status:match("VmRSS:%s*(%d+)")),
    private_kb = tonumber(status:match("RssAnon:%s*(%d+)")),
    cpu = (tonumber(fields[12]) + tonumber(fields[13])) / TICKS,
  }
end

local function list_of(n)
  local list = {}
  for i = 1, n do list[i] = i end
  return list
end

local function start_all(opts, workspace)
  local start = sys.clock()
  assert(task.parallel(opts.count, list_of(opts.count), function(i)
    return wrapix(opts, workspace, "-q", "-d", "--image", opts.image, "--name",
      ("wrapix-bench-%d-%d"):format(sys.pid(), i), "--", "sleep", "300")
  end))
  return sys.clock() - start
end

local function stop_all(opts, workspace, names)
  local start = sys.clock()
  wrapix(opts, workspace, "stop", table.unpack(names))
  return sys.clock() - start
end

local function own_sandboxes(opts, workspace)
  local prefix = ("wrapix-bench-%d-"):format(sys.pid())
  local found = {}
  for _, one in ipairs(assert(json.decode(wrapix(opts, workspace, "ps", "--json")))) do
    if one.name:sub(1, #prefix) == prefix then found[#found + 1] = one end
  end
  return found
end

local function field(list, name)
  local out = {}
  for i, entry in ipairs(list) do out[i] = entry[name] end
  return out
end

local function exec_pairs(opts, workspace, name)
  local podman = sys.which(sys.env("WRAPIX_PODMAN") or "podman")
  local ours = { opts.program, "exec", name, "--", "true" }
  local theirs = { podman, "exec", name, "true" }
  local times = { [ours] = {}, [theirs] = {} }
  for i = 1, opts.runs + 1 do
    for _, argv in ipairs(i % 2 == 0 and { theirs, ours } or { ours, theirs }) do
      local runs = assert(measure.runs(opts.tools .. "/measure", 1, argv, { cwd = workspace }))
      if i > 1 then table.insert(times[argv], runs[1].seconds) end
    end
  end
  return times[ours], times[theirs]
end

local function measure_all(opts, workspace)
  local begin = sys.clock()
  local start_seconds = start_all(opts, workspace)
  local live = own_sandboxes(opts, workspace)
  local names, costs = field(live, "name"), {}
  local _ <close> = setmetatable({}, { __close = function()
    if #own_sandboxes(opts, workspace) > 0 then stop_all(opts, workspace, names) end
  end })
  for i, one in ipairs(live) do costs[i] = cost_of(one.owner.pid) end
  local exec, by_hand = exec_pairs(opts, workspace, names[1])
  local stop_seconds = stop_all(opts, workspace, names)
  local cpu = 0
  for _, cost in ipairs(costs) do cpu = cpu + cost.cpu end
  return {
    count = #live, start_seconds = start_seconds, stop_seconds = stop_seconds,
    wall_seconds = sys.clock() - begin,
    launcher_cpu_seconds = cpu, launcher_cpu_share = cpu / start_seconds / sys.cpus(),
    rss_kb = figures.summary(field(costs, "rss_kb")),
    private_kb = figures.summary(field(costs, "private_kb")),
    exec = { wrapix = figures.summary(exec), podman = figures.summary(by_hand),
      ratio = figures.ratios(exec, by_hand), runs = opts.runs },
  }
end

--- Measures.
---@param opts { program: string, tools: string, count: integer, runs: integer, image: string }
---@return table|nil
---@return string? message
function M.run(opts)
  local workspace = assert(fs.temp_dir("wrapix-bench-"))
  local _ <close> = setmetatable({}, { __close = function() fs.remove_tree(workspace) end })
  local ok, found = pcall(measure_all, opts, workspace)
  if not ok then return nil, tostring(found):match("[^\n]*") end
  return found
end

return M
