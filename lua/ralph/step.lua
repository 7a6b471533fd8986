-- SPDX-License-Identifier: MIT
-- One issue, from the baseline to the closed issue: the order of things, and what each
-- verdict means for the issue. The lock of the work tree is held from the first to the
-- last of it. What acts stands behind effects; what judges is the policy.

local attempt = require "ralph.attempt"
local attempts = require "ralph.attempts"
local choose = require "ralph.choose"
local contexts = require "ralph.context"
local lazy = require "ralph.lazy"
local limits = require "ralph.attempt.limits"
local settle = require "ralph.settle"
local signals = require "ralph.signals"
local transcripts = require "ralph.transcript"
local wrapix = require "wrapix"

-- What comes after the agent.
local evidences, finish, policy = lazy "ralph.evidence", lazy "ralph.finish", lazy "ralph.policy"
local protected = lazy "ralph.protected"

local M = {}

local OPTIONS = { project = true, config = true, id = true, spec = true, effects = true, policy = true,
  budget = true, halt = true, display = true, tracker = true, repo = true }
local EXIT = choose.EXIT
-- Others claim what was ready a moment ago; a list in which that never ends is no list.
local MOST_RACES = 20

---@class ralph.StepResult
---@field exit integer 0 done, 1 failed, 100 nothing ready, 101 all blocked, 102 waiting, 103 limited, 130 stopped
---@field verdict ralph.Verdict?
---@field reason string?
---@field hint string?
---@field issue table?
---@field evidence ralph.Evidence?
---@field limit { reset: number?, kind: string }? when nothing is to be tried before
---@field settled table[]

local function broken(reason, hint, more)
  local result = { exit = EXIT.failed, verdict = "broken", reason = reason, hint = hint }
  for key, value in pairs(more or {}) do result[key] = value end
  return result
end

local function ended(message, code, hint, more)
  if code ~= "ESTOPPED" then return broken(message, hint, more) end
  local result = { exit = EXIT.stopped, verdict = "stopped", reason = message }
  for key, value in pairs(more or {}) do result[key] = value end
  return result
end

-- An account that is used up is not asked again before its time, whoever found out.
local function known_limit(ctx)
  local box, message, code, hint = ctx.project:sandbox(ctx.issue)
  if not box then return nil, message, code, hint end
  ctx.agent_name, ctx.login_name = ctx.config.agent or box:agent() or "agent", box:login()
  return limits.known(ctx.limits_dir, limits.account(ctx.agent_name, ctx.login_name), wrapix.sys.time(),
    ctx.config.max_wait) or false
end

local function limited(limit)
  return { exit = EXIT.limited, verdict = "limited", limit = limit,
    reason = ("the account of this agent is used up until %s"):format(
      os.date("%H:%M:%S", math.floor(limit.reset))) }
end

local function hook_view(ctx, number)
  return { issue = ctx.issue, attempt = number, project = ctx.project.root, spec = ctx.issue.spec_id }
end

-- What another issue's attempts did to what judges is not this one's to gain from.
local function check_protected(ctx, now)
  local rules = ctx.config.protect or {}
  if #rules == 0 then return true end
  local touched, message, code, hint = protected.touched(ctx.project, ctx.repo, rules, now)
  if not touched then return nil, message, code, hint end
  message, code, hint = protected.refusal(touched, ctx.issue.id)
  if message then return nil, message, code, hint end
  return true
end

-- Between the choice and the claim: everything that can say no without anything being
-- changed. Returns what the attempt begins with.
local function prepare(ctx)
  local record = attempts.read(ctx.project, ctx.issue.id)
  local number = transcripts.next_number(ctx.project, ctx.issue, record.number)
  local ok, message, code, hint = ctx:perform("hook", { name = "before_step", arg = hook_view(ctx, number) })
  if not ok then return nil, ended(message, code, hint) end
  local limit
  limit, message, code, hint = known_limit(ctx)
  if limit then return nil, limited(limit) end
  if limit == nil then return nil, ended(message, code, hint) end
  local now
  now, message, code, hint = attempt.look(ctx)
  if not now then return nil, ended(message, code, hint) end
  ok, message, code, hint = check_protected(ctx, now)
  if not ok then return nil, ended(message, code, hint) end
  local first = now
  local baseline, was_known
  baseline, was_known, code, hint = attempt.baseline(ctx, now)
  if baseline == nil then return nil, ended(was_known, code, hint) end
  -- The commands may have made files: what the agent changes counts from here.
  if not was_known then now, message, code, hint = attempt.look(ctx) end
  if not now then return nil, ended(message, code, hint) end
  local base = attempts.base(record, first)
  return { attempt = number, before = now, base = base ~= first and base or now, baseline = baseline,
    past = attempts.past(record), clock = wrapix.sys.clock() }
end

local function claim(ctx, begun)
  local issue, message, code, hint = ctx:perform("claim", { id = ctx.issue.id })
  if not issue then return nil, message, code, hint end
  ctx.issue = issue
  local ok
  ok, message, code = ctx:perform("begin", { id = issue.id,
    running = { attempt = begun.attempt, time = wrapix.sys.time(), before = begun.before,
      base = begun.base } })
  if not ok then
    ctx:perform("release", { id = issue.id })
    return nil, message, code
  end
  ctx.guard = ctx.tracker:guard()
  return true
end

-- Judged after the effects on the tree are known: a commit that is refused is a failure.
local function judge(ctx, evidence)
  evidence.verdict, evidence.reason = policy.decide(evidence, ctx.issue, ctx.config.policy)
  if evidence.verdict ~= "done" then return end
  local ok, message, code, hint = finish.commit(ctx, evidence)
  if ok then return end
  local is_refused = code == "EREFUSED"
  -- A hook may have changed files before it said no.
  if is_refused then evidence.left = ctx.repo:tree() or evidence.left end
  evidence.verdict = code == "ESTOPPED" and "stopped" or is_refused and "failed" or "broken"
  evidence.reason = hint and ("%s (%s)"):format(message, hint) or message
end

local function result_of(ctx, evidence, booked)
  local result = {
    exit = booked.exit, verdict = evidence.verdict, reason = evidence.reason, issue = ctx.issue,
    evidence = evidence, hint = booked.hint, parked = booked.parked,
    limit = evidence.verdict == "limited" and
      { reset = evidence.limit and evidence.limit.reset, kind = evidence.outcome.kind } or nil,
  }
  local ok, message = ctx:perform("hook", { name = "after_step", arg = evidence })
  if not ok then return broken(message, nil, { issue = ctx.issue, evidence = evidence }) end
  return result
end

local function work_on(ctx, begun)
  ctx.display:issue(ctx.issue, begun.past.counted + 1, { of = ctx.config.retries + 1 })
  local evidence, message, code, hint = attempt.run(ctx, begun)
  if not evidence then
    evidence = evidences.build({ issue = ctx.issue, attempt = begun.attempt, before = begun.before,
      after = begun.before, outcome = { kind = "broken", text = hint and ("%s (%s)"):format(message, hint)
        or message, code_of = code } })
  end
  judge(ctx, evidence)
  ctx:close()
  local booked = finish.book(ctx, evidence, begun)
  ctx.display:verdict(evidence)
  return result_of(ctx, evidence, booked)
end

local RACES = { ECLAIMED = true, ENOTREADY = true }

-- One try at an issue; nil when another was quicker.
local function try_issue(ctx, opts)
  local begun, result = prepare(ctx)
  if not begun then return result end
  local ok, message, code, hint = claim(ctx, begun)
  if ok then return work_on(ctx, begun) end
  if RACES[code] and not opts.id then return nil end
  if RACES[code] then
    return { exit = code == "ENOTREADY" and EXIT.blocked or EXIT.failed, reason = message, hint = hint,
      issue = ctx.issue }
  end
  return broken(message, hint)
end

local function choose_and_work(ctx, opts)
  for _ = 1, MOST_RACES do
    local issue, exit, reason, hint = choose.next(ctx, opts)
    if not issue then
      if type(exit) == "number" then return { exit = exit, reason = reason } end
      return broken(exit, hint)
    end
    local inner <close> = ctx:with(issue)
    local result = try_issue(inner, opts)
    if result then return result end
  end
  return broken("step: others were quicker each time")
end

local function lock(ctx)
  local function on_wait(pid)
    ctx.display:say(("waiting for another ralph in this work tree%s"):format(
      pid and (" (process %d)"):format(pid) or ""), "yellow")
  end
  return ctx.halt:patient(ctx.project.lock_work, ctx.project, { wait = true, on_wait = on_wait })
end

local function run(ctx, opts)
  local held <close>, message, code, hint = lock(ctx)
  if not held then return ended(message, code, hint) end
  local settled, why, _, advice = settle.run(ctx)
  if not settled then return broken("settle: " .. why, advice) end
  local result = choose_and_work(ctx, opts)
  result.settled = settled
  return result
end

local function check(opts)
  for name in pairs(opts) do
    if not OPTIONS[name] then
      error(("step: unknown option '%s'%s"):format(tostring(name), wrapix.nearest.hint(name, OPTIONS)), 3)
    end
  end
end

--- Does one issue. Alone, Ctrl-C stops it and keeps the work; in a loop that gives a
--- `halt`, signals are the loop's.
---@param first ralph.Project|table|nil a project; or the options, with `project` or for the current directory
---@param second { id: string?, spec: string?, config: table?, effects: table?, policy: any, budget: table?,
--- halt: table?, display: table? }?
---@return ralph.StepResult? result also when it failed
---@return string? message when there is no project, list or repository to work on
---@return string? code
---@return string? hint
function M.run(first, second)
  local project, opts, code, hint = contexts.arguments(first, second, "step")
  if not project then return nil, opts, code, hint end
  check(opts)
  local ctx, message
  ctx, message, code, hint = contexts.new(project, opts)
  if not ctx then return nil, message, code, hint end
  if opts.halt then return run(ctx, opts) end
  return signals.watch(ctx.halt, { at_once = true }, function() return run(ctx, opts) end)
end

return M
