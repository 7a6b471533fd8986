-- SPDX-License-Identifier: MIT
-- Many ralphs at once over one list: loops and steps in one work tree, loops in clones, and
-- bare claims. Each is a process of its own with the real list, locks and repository; only
-- the agent is a function, which writes down when it had which issue.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local proc = require("wrapix.proc")
local task = require("wrapix.task")

local M = {}

local ISSUES = 6

local SCRIPT = [[
local ralph, wrapix = require("ralph"), require("wrapix")
local what, log, number = ...
local function note(text) assert(wrapix.fs.append(log, text .. "\n")) end
local project = assert(ralph.open(".", { config = { verify = {}, commit = false, notify = false,
  context = {}, profile = "rival" } }))
local tracker = assert(project:tracker())
if what == "add" then
  local list = {}
  for i = 1, tonumber(number) do list[i] = { title = "Issue " .. i } end
  assert(tracker:add_all(list))
  return 0
elseif what == "claim" then
  for _, issue in ipairs(assert(tracker:ready())) do
    local taken, message, code = tracker:claim(issue.id)
    if taken then
      note("begin " .. issue.id)
      note("end " .. issue.id)
      assert(tracker:close(issue.id))
    elseif code ~= "ECLAIMED" and code ~= "ENOTREADY" then
      error(message)
    end
  end
  return 0
end
local effects = { agent = function(_, args)
  note("begin " .. args.issue.id)
  assert(wrapix.fs.write_atomic(project.root .. "/done-" .. args.issue.id, "x\n", { sync = false }))
  wrapix.task.sleep(0.002)
  note("end " .. args.issue.id)
  return { kind = "done", ok = true, text = "RALPH_COMPLETE", seconds = 0, usage = {}, denials = 0 }
end }
local result = assert(ralph[what](project, { effects = effects }))
if result.exit ~= 0 and result.exit ~= 100 then io.stderr:write(result.reason or "?", "\n") end
return result.exit
]]

local TOGETHER = { "loop", "step", "step", "loop", "step", "step" }
local CLAIMS = { "claim", "claim", "claim", "claim", "claim", "claim" }

---@class wrapix.test.Rivals
---@field wrapix string
---@field dir string empty, to be removed by the caller
---@field env table<string, string>

local function run(rivals, cwd, words)
  return assert(proc.run(table.move(words, 1, #words, 4, { rivals.wrapix, "--run", rivals.dir .. "/rival.lua" }),
    { cwd = cwd, env = rivals.env, stdin = "null", timeout = 60 }))
end

local function git(rivals, cwd, ...)
  local result = assert(proc.run({ "git", "-c", "user.name=rival", "-c", "user.email=rival@localhost", ... },
    { cwd = cwd, env = rivals.env, stdin = "null" }))
  if result.code ~= 0 then error(result.stderr, 0) end
end

-- How often each issue was begun, and what was wrong.
local function read_log(file, apart)
  local begun, open, problems = {}, nil, {}
  for word, id in (fs.read(file) or ""):gmatch("(%l+) (%S+)\n") do
    if word == "begin" then
      begun[id] = (begun[id] or 0) + 1
      if open and apart then problems[#problems + 1] = ("%s begins while %s is at work"):format(id, open) end
      open = id
    else
      open = nil
    end
  end
  return begun, problems
end

local function check(work, log, apart, problems)
  local begun, wrong = read_log(log, apart)
  table.move(wrong, 1, #wrong, #problems + 1, problems)
  local count = 0
  for line in (fs.read(work .. "/.wrapix/issues.jsonl") or ""):gmatch("[^\n]+") do
    local issue = assert(json.decode(line))
    count = count + 1
    if issue.status ~= "closed" then problems[#problems + 1] = ("%s is %s"):format(issue.id, issue.status) end
    if begun[issue.id] ~= 1 then
      problems[#problems + 1] = ("%s was taken %d times"):format(issue.id, begun[issue.id] or 0)
    end
  end
  if count ~= ISSUES then problems[#problems + 1] = ("%d issues in the list"):format(count) end
end

local function repository(rivals, name)
  local work = ("%s/%s"):format(rivals.dir, name)
  assert(fs.ensure_dir(work))
  git(rivals, work, "init", "-q")
  assert(fs.write_atomic(work .. "/file", "text\n", { sync = false }))
  git(rivals, work, "add", "file")
  git(rivals, work, "commit", "-q", "-m", "begin")
  local added = run(rivals, work, { "add", "/dev/null", tostring(ISSUES) })
  if added.code ~= 0 then error(added.stderr, 0) end
  return work
end

-- All at once, each in its directory with its log.
local function compete(rivals, starts, problems)
  assert(task.parallel(#starts, starts, function(one)
    local result = run(rivals, one.work, { one.what, one.log })
    if result.code ~= 0 and result.code ~= 100 then
      problems[#problems + 1] = ("%s: status %s: %s"):format(one.what, result.code or result.signal, result.stderr)
    end
    return true
  end))
end

local KIND = {}

-- Two loops and four steps in one work tree.
function KIND.together(rivals, name, problems)
  local work, log, starts = repository(rivals, name), rivals.dir .. "/" .. name .. ".log", {}
  for i, what in ipairs(TOGETHER) do starts[i] = { work = work, log = log, what = what } end
  compete(rivals, starts, problems)
  check(work, log, true, problems)
end

-- Without the lock of the work tree between them.
function KIND.claims(rivals, name, problems)
  local work, log, starts = repository(rivals, name), rivals.dir .. "/" .. name .. ".log", {}
  for i, what in ipairs(CLAIMS) do starts[i] = { work = work, log = log, what = what } end
  compete(rivals, starts, problems)
  check(work, log, false, problems)
end

-- Two clones that share nothing: each does all of its own list, beside the other.
function KIND.clones(rivals, name, problems)
  local work = repository(rivals, name)
  git(rivals, work, "add", "-f", ".wrapix/issues.jsonl")
  git(rivals, work, "commit", "-q", "-m", "issues")
  local clone, starts = work .. "-clone", {}
  git(rivals, rivals.dir, "clone", "-q", work, clone)
  for _, one in ipairs({ work, clone }) do
    for _, what in ipairs({ "loop", "step", "step" }) do
      starts[#starts + 1] = { work = one, log = one .. ".log", what = what }
    end
  end
  compete(rivals, starts, problems)
  check(work, work .. ".log", true, problems)
  check(clone, clone .. ".log", true, problems)
end

--- Lets them compete; raises with what went wrong.
---@param rivals wrapix.test.Rivals
---@param kind "together"|"claims"|"clones"
---@param runs integer
function M.run(rivals, kind, runs)
  local problems = {}
  assert(fs.write_atomic(rivals.dir .. "/rival.lua", SCRIPT, { sync = false }))
  for i = 1, runs do
    KIND[kind](rivals, ("%s-%d"):format(kind, i), problems)
    if #problems > 0 then error(("run %d: %s"):format(i, table.concat(problems, "; ")), 0) end
  end
end

--- The profile of their sandboxes, none of which is started.
M.PROFILE = 'return { name = "rival", image = "localhost/none:1", network = "none" }\n'

return M
