-- SPDX-License-Identifier: MIT
-- The list of issues: what `ralph issue ready` and a claim cost with ten thousand issues of
-- some 700 bytes each, as whole programs and, a claim, in one that runs; and how long it takes
-- to read such a list in.

local figures = require("bench.figures")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local measure = require("bench.measure")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")

local M = {}

local COUNT, WARM_UPS = 10000, 3

local function id_of(i) return ("wx-%06x"):format(i * 2654435761 % 0xfffffb) end

-- Half of them closed, a third of the open ones waiting for another.
local function export()
  local out = {}
  for i = 1, COUNT do
    local issue = {
      _type = "issue", id = id_of(i), title = ("Issue %d of a list that is long"):format(i),
      description = ("What is to be done here, in words. "):rep(8),
      acceptance_criteria = ("A test shows it. "):rep(7),
      status = i <= COUNT // 2 and "closed" or "open", priority = i % 5, issue_type = "task",
      created_at = ("2026-01-%02dT%02d:%02d:%02dZ"):format(i // 3600 % 28 + 1, i // 150 % 24, i // 60 % 60,
        i % 60), updated_at = "2026-02-01T00:00:00Z", created_by = "ann",
    }
    if issue.status == "closed" then
      issue.closed_at, issue.close_reason = "2026-02-01T00:00:00Z", "done"
    elseif i % 3 == 0 then
      issue.dependencies = { { issue_id = issue.id, depends_on_id = id_of(i - 1), type = "blocks",
        created_at = "2026-01-01T00:00:00Z" } }
    end
    out[i] = assert(json.encode(issue))
  end
  return table.concat(out, "\n") .. "\n"
end

local function must(argv, how)
  local result = assert(proc.run(argv, { env = how.env, clear_env = true, cwd = how.cwd,
    stdin = "null", timeout = 120 }))
  if result.code ~= 0 then error(result.stderr, 0) end
  return result.stdout
end

local function row(name, goal, runs)
  local summary = figures.summary(measure.field(runs, "seconds"))
  summary.name, summary.goal_ms = name, goal
  summary.cpu = figures.median(measure.field(runs, "cpu"))
  summary.peak_kb = math.max(table.unpack(measure.field(runs, "peak_kb")))
  return summary
end

-- Claims one issue after the other, as no second claim of one is the same work.
local function claims(opts, how, count)
  local runs = {}
  local list = assert(json.decode(must({ opts.program, "ralph", "issue", "ready", "--json", "-n",
    tostring(count) }, how)))
  for i, issue in ipairs(list) do
    runs[i] = assert(measure.runs(opts.tools .. "/measure", 1,
      { opts.program, "ralph", "issue", "claim", issue.id }, how))[1]
  end
  return runs
end

-- What a loop does: claims in a process that runs and has done it before.
local CLAIMS = [[
local sys = require("wrapix.sys")
local tracker = assert(assert(require("ralph").open(%q)):tracker())
for i, issue in ipairs(assert(tracker:ready({ limit = %d }))) do
  local begun, cpu = sys.clock(), os.clock()
  assert(tracker:claim(issue.id))
  print(("%%.6f %%.6f"):format(sys.clock() - begun, os.clock() - cpu))
end
local status = assert(require("wrapix.fs").read("/proc/self/status"))
print(status:match("VmHWM:%%s*(%%d+)"))
]]

local function library_claims(opts, how, count)
  local file = how.env.HOME .. "/claims.lua"
  assert(fs.write_atomic(file, CLAIMS:format(how.cwd, count + WARM_UPS)))
  local out = must({ opts.program, "--run", file }, how)
  local runs, peak = {}, tonumber(out:match("\n(%d+)\n$"))
  for seconds, cpu in out:gmatch("(%d+%.%d+) (%d+%.%d+)\n") do
    runs[#runs + 1] = { seconds = tonumber(seconds), cpu = tonumber(cpu), peak_kb = peak }
  end
  return table.move(runs, WARM_UPS + 1, #runs, 1, {})
end

local function measure_all(opts, place)
  local how = { clear_env = true, cwd = place .. "/shop",
    env = { HOME = place .. "/home", PATH = "/usr/bin:/bin" } }
  for _, name in ipairs({ "home", "shop" }) do assert(fs.mkdir(place .. "/" .. name)) end
  assert(fs.write_atomic(place .. "/export.jsonl", export()))
  local begin = sys.clock()
  must({ opts.program, "ralph", "issue", "import", place .. "/export.jsonl" }, how)
  local import_seconds = sys.clock() - begin
  local function runs(...)
    local argv = { opts.program, "ralph", "issue", ... }
    assert(measure.runs(opts.tools .. "/measure", WARM_UPS, argv, how))
    return assert(measure.runs(opts.tools .. "/measure", opts.runs, argv, how))
  end
  return {
    issues = COUNT, bytes = fs.stat(place .. "/shop/.wrapix/issues.jsonl").size,
    import_seconds = import_seconds,
    rows = { row("issue ready -n 1", 50, runs("ready", "-n", "1", "--json")),
      row("issue ready", 50, runs("ready", "--json")), row("issue claim, the program", 20, claims(opts, how, 30)),
      row("a claim in a loop", 20, library_claims(opts, how, 30)) },
  }
end

--- Measures.
---@param opts { program: string, tools: string, runs: integer }
---@return table|nil
---@return string? message
function M.run(opts)
  local place = assert(fs.realpath(assert(fs.temp_dir("wrapix-bench-"))))
  local _ <close> = setmetatable({}, { __close = function() fs.remove_tree(place) end })
  local ok, found = pcall(measure_all, opts, place)
  if not ok then return nil, tostring(found):match("[^\n]*") end
  return found
end

return M
