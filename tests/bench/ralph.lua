-- SPDX-License-Identifier: MIT
-- `ralph step` against the same containers by themselves, in pairs, on a real engine: with
-- an agent that says at once that it is done, and with one whose work is verified. In a
-- repository and with a configuration of its own; removes what it makes.

local figures = require("bench.figures")
local fs = require("wrapix.fs")
local measure = require("bench.measure")
local proc = require("wrapix.proc")

local M = {}

local WARM_UPS = 2

local PROFILE = [[
return { name = "bench", image = %q, network = "none", agent = "command",
  settings = { command = { argv = { "sh", "-c", %q } } } }
]]

-- What a step starts, without the step.
local BY_ITSELF = [[
local wrapix = require("wrapix")
local box = assert(wrapix.sandbox("bench", { mounts = { %q } }))
local result = assert(box:run({ "sh", "-c", %q }, { stdin = "null", capture = true }))
if %s then
  box = assert(wrapix.sandbox("bench"))
  assert(box:start())
  assert(box:exec({ "sh", "-c", "exec 2>&1; exec sh -c true" }, { stdin = "null", capture = true }))
  box:stop(1)
end
return result.code
]]

local KINDS = {
  { name = "ralph step", script = "ralph done --no-change nothing 2>/dev/null; true", config = "" },
  { name = "ralph step, verified", verified = true, config = 'verify = { "true" }, commit = false',
    script = "cat /proc/uptime >work; ralph done 2>/dev/null; true" },
}

local function must(argv, opts)
  local result = assert(proc.run(argv, opts))
  if result.code ~= 0 then return nil, ("%s: %s"):format(argv[1], result.stderr:match("[^\n]*")) end
  return true
end

local function write(file, text) assert(fs.write_atomic(file, text, { sync = false })) end

-- A repository with one commit, the profile, and issues enough.
local function prepare(opts, kind, dir)
  local work, config = dir .. "/work", dir .. "/config/wrapix"
  local how = { cwd = work, stdin = "null", timeout = 120,
    env = { XDG_CONFIG_HOME = dir .. "/config", XDG_STATE_HOME = dir .. "/state" } }
  local alone = dir .. "/alone"
  for _, one in ipairs({ work .. "/.wrapix", alone .. "/.wrapix", config .. "/profiles" }) do
    assert(fs.ensure_dir(one))
  end
  write(config .. "/profiles/bench.lua", PROFILE:format(opts.image, kind.script))
  write(config .. "/ralph.lua",
    ("return { profile = \"bench\", notify = false, context = {}, %s }\n"):format(kind.config))
  write(dir .. "/by_itself.lua", BY_ITSELF:format(alone .. "/.wrapix:/workspace/.wrapix:ro", kind.script,
    tostring(kind.verified or false)))
  write(work .. "/file", "text\n")
  for _, words in ipairs({ { "init", "-q" }, { "add", "file" },
    { "-c", "user.name=bench", "-c", "user.email=bench@localhost", "commit", "-q", "-m", "begin" } }) do
    local ok, message = must(table.move(words, 1, #words, 2, { "git" }), how)
    if not ok then return nil, message end
  end
  for i = 1, opts.runs + WARM_UPS + 1 do
    local ok, message = must({ opts.program, "ralph", "issue", "add", "Issue " .. i }, how)
    if not ok then return nil, message end
  end
  return how
end

local function differences(ours, theirs)
  local list = {}
  for i, value in ipairs(ours) do list[i] = value - theirs[i] end
  return list
end

local function compare(opts, kind, dir)
  local how, message = prepare(opts, kind, dir)
  if not how then return nil, message end
  local argv = { step = { opts.program, "ralph", "step" },
    alone = { opts.program, "--run", dir .. "/by_itself.lua" } }
  local times, cpu = { step = {}, alone = {} }, { step = {}, alone = {} }
  for i = 1, opts.runs + WARM_UPS do
    local order = i % 2 == 0 and { "step", "alone" } or { "alone", "step" }
    for _, which in ipairs(order) do
      local runs
      -- In a directory of its own: what a step knows of its tree stays true.
      runs, message = measure.runs(opts.tools .. "/measure", 1, argv[which],
        { env = how.env, cwd = which == "step" and how.cwd or dir .. "/alone" })
      if not runs then return nil, message end
      if i > WARM_UPS then
        table.insert(times[which], runs[1].seconds)
        table.insert(cpu[which], runs[1].cpu)
      end
    end
  end
  return { name = kind.name, step = figures.summary(times.step), alone = figures.summary(times.alone),
    overhead = figures.summary(differences(times.step, times.alone)),
    cpu = figures.summary(differences(cpu.step, cpu.alone)) }
end

--- Measures.
---@param opts { program: string, tools: string, runs: integer, image: string }
---@return { rows: table[], image: string, runs: integer }|nil
---@return string? message
function M.run(opts)
  local rows = {}
  for i, kind in ipairs(KINDS) do
    local dir = assert(fs.temp_dir("wrapix-bench-"))
    local _ <close> = setmetatable({}, { __close = function() fs.remove_tree(dir) end })
    local row, message = compare(opts, kind, dir)
    if not row then return nil, message end
    rows[i] = row
  end
  return { rows = rows, image = opts.image, runs = opts.runs }
end

return M
