-- SPDX-License-Identifier: MIT
-- Runs behaviours against one target, two at a time, and tells what came of each. What
-- failed is tried once more, alone: on a machine with other work one that watches
-- processes loses a race now and then. It decides nothing about what is right.

local check = require("conformance.check")
local sys = require("wrapix.sys")
local targets = require("conformance.targets")
local task = require("wrapix.task")
local world = require("conformance.world")

local M = {}

local AT_ONCE, MOST_AGAIN = 2, 6

---@class conformance.Outcome
---@field id string
---@field outcome "passed"|"refused"|"failed" refused: cannot be had there, and says so
---@field seconds number
---@field message string? what is wrong, or why it is refused
---@field again boolean? it took a second try

-- One script of several, each in a subshell, with marks around what it says.
local function join(members)
  local lines = {}
  for i, one in ipairs(members) do
    lines[i] = ("printf '\\0%s\\0'; ( %s\n) 2>&1; printf '\\0%%d' $?"):format(one.id, one.inside)
  end
  return table.concat(lines, "\n")
end

local function split(text)
  local answers = {}
  for id, out, code in text:gmatch("%z([^%z]+)%z([^%z]*)%z(%d+)") do
    answers[id] = { out = (out:gsub("\n$", "")), code = tonumber(code) }
  end
  return answers
end

local function given_of(t, members)
  local given, contexts = { profile = {}, env = {}, args = {}, dir = t:dir() }, {}
  for _, one in ipairs(members) do contexts[one] = one.given and one.given(t, given) end
  return given, contexts
end

local function start(t, given, argv)
  return t:run(argv, { dir = given.dir, profile = given.profile, args = given.args, env = given.env,
    loud = given.loud })
end

-- Judges the members of a group by one sandbox; false when it did not come that far.
local function shared(t, members, judge)
  local given, contexts = given_of(t, members)
  local result = start(t, given, { "sh", "-c", join(members) })
  local answers = split(result.stdout)
  for _, one in ipairs(members) do
    if not answers[one.id] then
      if #members > 1 then return false end
      judge(one, function() check.status(result, 0) check.fail("it did not run") end)
    end
  end
  for _, one in ipairs(members) do
    if answers[one.id] then judge(one, function() one.check(t, answers[one.id], contexts[one]) end) end
  end
  return true
end

local function in_group(t, members, judge)
  if shared(t, members, judge) then return end
  for _, one in ipairs(members) do shared(world.new(t.target), { one }, judge) end
end

-- Groups whose members look at one thing in their order: what makes it, what takes it away.
local KEPT = { detached = require("conformance.areas.commands"), image = require("conformance.areas.images") }

local function with_kept(t, kept, members, judge)
  local ok, thing = pcall(kept.begin, t)
  for _, one in ipairs(members) do
    judge(one, function()
      if not ok then error(thing, 0) end
      one.check(t, thing)
    end)
  end
  kept.finish(t, ok and thing or nil)
end

-- What cannot be had has to be said: an error that names it, or a warning.
local function refuse(t, behaviour, lack)
  local result
  if behaviour.try then
    result = behaviour.try(t)
  else
    local given = given_of(t, { behaviour })
    given.loud = true
    result = start(t, given, { "true" })
  end
  check.status(result, lack.warns and 0 or 125)
  check.matches(result.stderr, lack.answers, "what is said instead")
end

-- Jobs: a group is one, everything else each for itself.
local function jobs_of(behaviours, target)
  local jobs, groups = {}, {}
  for _, one in ipairs(behaviours) do
    local lack = targets.lack(one, target)
    local group = not lack and one.group
    if group and groups[group] then
      table.insert(groups[group].members, one)
    else
      local job = { members = { one }, group = group, lack = lack, alone = one.alone and not lack }
      jobs[#jobs + 1] = job
      if group then groups[group] = job end
    end
  end
  return jobs
end

local function do_job(job, target, note)
  if task.is_cancelled() then return end
  local began = sys.clock()
  local function judge(one, fn)
    local ok, message = pcall(fn)
    note({ id = one.id, outcome = not ok and "failed" or job.lack and "refused" or "passed",
      message = not ok and tostring(message) or job.lack and job.lack.reason or nil,
      seconds = sys.clock() - began })
    began = sys.clock()
  end
  local one, t = job.members[1], world.new(target)
  local ok, message = pcall(function()
    if job.lack then
      judge(one, function() refuse(t, one, job.lack) end)
    elseif KEPT[job.group] then
      with_kept(t, KEPT[job.group], job.members, judge)
    elseif job.group then
      in_group(t, job.members, judge)
    else
      judge(one, function() one.run(t) end)
    end
  end)
  pcall(t.finish, t)
  if ok then return end
  for _, member in ipairs(job.members) do
    note({ id = member.id, outcome = "failed", message = tostring(message), seconds = 0 })
  end
end

-- Those that may stand beside each other first; the rest when nothing else runs.
local function in_order(jobs, target, note)
  local beside, alone = {}, {}
  for _, job in ipairs(jobs) do table.insert(job.alone and alone or beside, job) end
  task.parallel(AT_ONCE, beside, function(job) do_job(job, target, note) return true end)
  for _, job in ipairs(alone) do do_job(job, target, note) end
end

local function failed_of(behaviours, outcomes)
  local list = {}
  for _, one in ipairs(behaviours) do
    if outcomes[one.id] and outcomes[one.id].outcome == "failed" then list[#list + 1] = one end
  end
  return list
end

--- Runs behaviours.
---@param behaviours conformance.Behaviour[]
---@param target conformance.Target
---@param report fun(outcome: conformance.Outcome) called with each as it is known
---@return conformance.Outcome[] in the order of the list; fewer when it is cancelled
function M.run(behaviours, target, report)
  local outcomes = {}
  in_order(jobs_of(behaviours, target), target, function(outcome)
    if outcomes[outcome.id] then return end
    outcomes[outcome.id] = outcome
    report(outcome)
  end)
  local failed = failed_of(behaviours, outcomes)
  if #failed <= MOST_AGAIN then
    for _, job in ipairs(jobs_of(failed, target)) do
      do_job(job, target, function(outcome)
        if outcome.outcome == "failed" then return end
        outcome.again = true
        outcomes[outcome.id] = outcome
        report(outcome)
      end)
    end
  end
  local list = {}
  for _, one in ipairs(behaviours) do list[#list + 1] = outcomes[one.id] end
  return list
end

return M
