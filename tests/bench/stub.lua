-- SPDX-License-Identifier: MIT
-- What wrapix itself costs: starts with an engine that does nothing, warm caches,
-- a home and a workspace of their own.

local figures = require("bench.figures")
local fs = require("wrapix.fs")
local measure = require("bench.measure")
local proc = require("wrapix.proc")

local M = {}

local WARM_UPS = 3

-- From the least to the whole, so that the differences tell where time goes.
local CASES = {
  { name = "a script of nothing", words = { "--run", "/dev/null" } },
  { name = "wrapix --version", words = { "--version" } },
  { name = "wrapix --dry-run -- true", words = { "--dry-run", "--", "true" } },
  { name = "wrapix -- true", words = { "--", "true" }, starts = true },
}

local function read_lines(path)
  local lines = {}
  for line in (fs.read(path) or ""):gmatch("[^\n]+") do lines[#lines + 1] = line end
  return lines
end

local function environment(place, opts)
  local env = {
    HOME = place .. "/home", XDG_RUNTIME_DIR = place .. "/run", PATH = "/usr/bin:/bin:/usr/sbin:/sbin",
    WRAPIX_PODMAN = opts.tools .. "/stub_engine", WRAPIX_BENCH_CALLS = place .. "/calls",
    WRAPIX_BENCH_INFO = opts.checkout .. "/tests/unit/data/podman-info-4.3.1.json",
  }
  for _, dir in ipairs({ "home", "run", "workspace" }) do
    assert(fs.mkdir(place .. "/" .. dir, tonumber("700", 8)))
  end
  -- With a name in git's settings, as most people have one.
  assert(fs.write_atomic(place .. "/home/.gitconfig", "[user]\n\tname = A B\n\temail = a@b.c\n"))
  return env
end

local function one(case, place, env, opts)
  local argv = table.move(case.words, 1, #case.words, 2, { opts.program })
  local how = { env = env, clear_env = true, cwd = place .. "/workspace" }
  local runs, message = measure.runs(opts.tools .. "/measure", WARM_UPS, argv, how)
  if not runs then return nil, message end
  fs.unlink(env.WRAPIX_BENCH_CALLS)
  runs, message = measure.runs(opts.tools .. "/measure", opts.runs, argv, how)
  if not runs then return nil, message end
  local row = figures.summary(measure.field(runs, "seconds"))
  row.name, row.cpu = case.name, figures.median(measure.field(runs, "cpu"))
  row.peak_kb = math.max(table.unpack(measure.field(runs, "peak_kb")))
  if case.starts then row.engine_starts = #read_lines(env.WRAPIX_BENCH_CALLS) / opts.runs end
  return row
end

--- Measures.
---@param opts { program: string, tools: string, checkout: string, runs: integer }
---@return table[]|nil rows name, min, median, max, cpu (seconds), peak_kb, engine_starts?
---@return string? message
function M.run(opts)
  local place = assert(fs.temp_dir("wrapix-bench-"))
  local _ <close> = setmetatable({}, { __close = function() fs.remove_tree(place) end })
  local env, rows = environment(place, opts), {}
  -- The first start fills the caches, git's answer and the engine's among them.
  proc.run({ opts.program, "--", "true" }, {
    env = env, clear_env = true, cwd = place .. "/workspace", stdin = "null",
  })
  for i, case in ipairs(CASES) do
    local row, message = one(case, place, env, opts)
    if not row then return nil, message end
    rows[i] = row
  end
  return rows
end

return M
