-- SPDX-License-Identifier: MIT
-- Steps until nothing is ready: what ends a loop, what it waits for, and what it says of
-- its end. Every way on is bounded: by steps, time, cost, attempts without progress.

local attempts = require "ralph.attempts"
local budgets = require "ralph.budget"
local choose = require "ralph.choose"
local contexts = require "ralph.context"
local limits = require "ralph.attempt.limits"
local evidences = require "ralph.evidence"
local displays = require "ralph.display"
local pieces = require "ralph.pieces"
local signals = require "ralph.signals"
local step = require "ralph.step"
local transcripts = require "ralph.transcript"
local wrapix = require "wrapix"

local M = {}

local OPTIONS = { project = true, config = true, spec = true, effects = true, policy = true,
  budget = true, halt = true, display = true, tracker = true, repo = true, dry_run = true, step = true,
  max_iterations = true, max_cost = true, max_tokens = true, max_time = true }
local EXIT = choose.EXIT
--- Attempts in a row that changed nothing and finished nothing.
M.NO_PROGRESS = 8

---@class ralph.LoopSummary
---@field exit integer 0 all done, 1 failed or broken, 101 blocked, 102 waiting, 103 budget or limit, 130 interrupted
---@field ended "done"|"blocked"|"waiting"|"budget"|"limit"|"interrupted"|"broken"|"no_progress"
---@field reason string
---@field hint string?
---@field steps integer attempts that ran
---@field done integer issues
---@field failed integer attempts
---@field parked integer issues given to a person
---@field usd number
---@field tokens integer
---@field seconds number

local function limits_of(config, opts)
  local function pick(name)
    local value = opts[name]
    if value == nil then value = config[name] end
    return value or nil
  end
  return { usd = pick("max_cost"), tokens = pick("max_tokens"), seconds = pick("max_time"),
    steps = pick("max_iterations") }
end

local function ending(ended, exit, reason, hint)
  return { ended = ended, exit = exit, reason = reason, hint = hint }
end

local function interrupted(halt)
  return ending("interrupted", EXIT.stopped, halt.reason or halt.soon_reason)
end

-- A limit is waited for, at most `max_wait`, and whoever is asked to end does at once.
local function wait_for(run, limit)
  local now = wrapix.sys.time()
  run.limits = run.limits + 1
  local at = limits.until_when(limit, now, { jitter = run.random(), times = run.limits - 1,
    longest = run.ctx.config.max_wait })
  local left = run.budget:remaining().seconds
  if left and now + left < at then
    return ending("limit", EXIT.limited, ("the account is used up until %s, longer than this loop may run"):format(
      M.moment(at)))
  end
  run.display:say(("limit reached: waiting until %s (%s); Ctrl-C ends that"):format(M.moment(at),
    displays.duration(at - now)), "yellow")
  run.ctx:perform("notify", { title = "ralph: limit reached",
    message = ("%s: waiting until %s"):format(run.ctx.project.name, M.moment(at)) })
  if not run.ctx.halt:sleep(at - now) then return interrupted(run.ctx.halt) end
end

--- A moment as people read it; with the day when that is another one.
---@param at number seconds since 1970
---@return string
function M.moment(at)
  local whole = math.floor(at)
  local same = os.date("%Y%m%d", whole) == os.date("%Y%m%d", math.floor(wrapix.sys.time()))
  return os.date(same and "%H:%M:%S" or "%Y-%m-%d %H:%M:%S", whole) --[[@as string]]
end

-- No commit, no change and no issue done.
local function count_progress(run, result)
  local evidence = result.evidence
  local moved = result.verdict == "done" or result.verdict == "asked" or result.verdict == "blocked"
    or evidence and evidences.has_change(evidence)
  run.idle = moved and 0 or run.idle + 1
  if run.idle >= M.NO_PROGRESS then
    return ending("no_progress", EXIT.failed,
      ("%d attempts in a row changed nothing"):format(run.idle), "`ralph logs` shows what they did")
  end
end

local function count(run, result)
  local summary = run.summary
  if not result.evidence or result.verdict == "limited" then return end
  run.budget:step()
  summary.steps = summary.steps + 1
  if result.verdict == "done" then summary.done = summary.done + 1 end
  if result.verdict == "failed" or result.verdict == "no_change" then summary.failed = summary.failed + 1 end
  if result.parked or result.verdict == "blocked" or result.verdict == "asked" then
    summary.parked = summary.parked + 1
  end
end

local function budget_end(reached)
  return ending("budget", EXIT.limited, budgets.text(reached))
end

-- What ends the loop; nothing goes on with the next step.
local REACT = {
  limited = function(run, result)
    return wait_for(run, result.limit or { kind = "limit" })
  end,
  broken = function(_, result) return ending("broken", EXIT.failed, result.reason, result.hint) end,
  stopped = function(run, result)
    local evidence = result.evidence
    if evidence and evidence.budget then return budget_end(evidence.budget) end
    return interrupted(run.ctx.halt)
  end,
}

local NOTHING = { [EXIT.none] = "done", [EXIT.blocked] = "blocked", [EXIT.waiting] = "waiting" }

local function react(run, result)
  count(run, result)
  local act = REACT[result.verdict]
  if act then return act(run, result) end
  run.limits = 0
  if not result.verdict then
    local ended = NOTHING[result.exit]
    if not ended then return ending("broken", EXIT.failed, result.reason, result.hint) end
    return ending(ended, result.exit == EXIT.none and EXIT.done or result.exit, result.reason)
  end
  return count_progress(run, result)
end

-- A budget that is used up together with the work has stopped nothing.
local function nothing_left(run, opts)
  local issue, exit, reason = choose.next(run.ctx, { spec = opts.spec })
  if issue or type(exit) ~= "number" then return nil end
  return react(run, { exit = exit, reason = reason })
end

local function one_step(run, opts)
  local ctx = run.ctx
  if ctx.halt.after_step then return interrupted(ctx.halt) end
  local reached = run.budget:reached()
  if reached then return nothing_left(run, opts) or budget_end(reached) end
  local result, message, code, hint = (opts.step or step.run)(ctx.project, {
    spec = opts.spec, config = opts.config, effects = opts.effects, policy = opts.policy,
    tracker = ctx.tracker, repo = ctx.repo or false, budget = run.budget:child({}), halt = ctx.halt,
    display = run.display,
  })
  if not result then return ending(code == "ESTOPPED" and "interrupted" or "broken", EXIT.failed, message, hint) end
  if result.verdict == nil and result.exit == EXIT.stopped then return interrupted(ctx.halt) end
  return react(run, result)
end

local function until_end(run, opts)
  while true do
    local ended = one_step(run, opts)
    if ended then return ended end
  end
end

-- The end ------------------------------------------------------------------------------------

local WORDS = {
  done = "all done", blocked = "nothing is ready", waiting = "waiting",
  budget = "stopped: the budget is used up", limit = "stopped: the account's limit",
  interrupted = "interrupted", broken = "stopped", no_progress = "stopped: no progress",
}

--- The last line of a loop.
---@param summary ralph.LoopSummary
---@return string
function M.line(summary)
  local parts = { ("%d done"):format(summary.done) }
  local failed, is_waiting = summary.failed, summary.ended == "waiting"
  if failed > 0 then parts[#parts + 1] = ("%d failed attempt%s"):format(failed, failed == 1 and "" or "s") end
  if summary.parked > 0 and not is_waiting then parts[#parts + 1] = ("%d for a person"):format(summary.parked) end
  parts[#parts + 1] = displays.duration(summary.seconds)
  if summary.usd > 0 then parts[#parts + 1] = displays.cost(summary.usd) end
  local reason = summary.ended ~= "done" and summary.reason and ": " .. summary.reason or ""
  local is_nothing = summary.ended == "done" and summary.steps == 0
  if is_nothing then return ("nothing to do (%s)"):format(table.concat(parts, ", ", 2)) end
  return ("%s%s (%s)"):format(WORDS[summary.ended], reason, table.concat(parts, ", "))
end

local NOTIFY = { budget = "budget reached", limit = "limit reached", done = "finished" }

local function finish(run, ended)
  local summary, ctx = run.summary, run.ctx
  for key, value in pairs(ended) do summary[key] = value end
  summary.usd, summary.tokens, summary.seconds = run.budget.usd, run.budget.tokens, run.budget:seconds()
  if run.begun then
    local ok, message = ctx:perform("hook", { name = "after_loop", arg = summary })
    if not ok then
      summary.ended, summary.exit, summary.reason = "broken", EXIT.failed, message
    end
  end
  ctx:perform("notify", { title = "ralph: " .. (NOTIFY[summary.ended] or "stopped"),
    message = ("%s: %s"):format(ctx.project.name, M.line(summary)) })
  return summary
end

local function work(run, opts)
  local ctx = run.ctx
  local now = wrapix.sys.time()
  transcripts.prune(ctx.project, ctx.config.keep_logs, now)
  pieces.sweep(ctx.project, now)
  local ok, message = ctx:perform("hook", { name = "before_loop",
    arg = { project = ctx.project.root, spec = opts.spec, limits = run.budget.limits } })
  if not ok then return finish(run, ending("broken", EXIT.failed, message)) end
  run.begun = true
  local out = table.pack(pcall(until_end, run, opts))
  if out[1] then return finish(run, out[2]) end
  finish(run, ending("broken", EXIT.failed, tostring(out[2]):match("^[^\n]*")))
  error(out[2], 0)
end

-- Before -------------------------------------------------------------------------------------

local function plan(ctx, opts)
  local ready, message, code, hint = ctx.tracker:ready({ spec = opts.spec })
  if not ready then return nil, message, code, hint end
  local counts
  counts, message, code, hint = ctx.tracker:counts({ spec = opts.spec })
  if not counts then return nil, message, code, hint end
  local list = wrapix.json.array()
  for i, issue in ipairs(ready) do
    list[i] = { id = issue.id, title = issue.title, profile = require("ralph.project").profile_label(issue) or nil }
  end
  local left = choose.left(counts) - #ready
  local exit, reason = EXIT.done, ("%d ready, %d more behind them"):format(#ready, math.max(0, left))
  if #ready == 0 then exit, reason = choose.nothing(counts) end
  return { ended = "dry_run", exit = exit == EXIT.none and EXIT.done or exit, reason = reason, ready = list,
    limits = limits_of(ctx.config, opts) }
end

local function check(opts)
  for name in pairs(opts) do
    if not OPTIONS[name] then
      error(("loop: unknown option '%s'%s"):format(tostring(name), wrapix.nearest.hint(name, OPTIONS)), 3)
    end
  end
end

local function new_run(ctx, opts)
  local budget = opts.budget and opts.budget:child(limits_of(ctx.config, opts))
    or budgets.new(limits_of(ctx.config, opts),
      { clock = wrapix.sys.clock, rate = attempts.rate(ctx.project) })
  return {
    ctx = ctx, budget = budget, display = ctx.display, limits = 0, idle = 0,
    random = function() return tonumber(wrapix.sys.random_hex(4), 16) / 0xffffffff end,
    summary = { steps = 0, done = 0, failed = 0, parked = 0, usd = 0, tokens = 0, seconds = 0 },
  }
end

--- Does issues until nothing is ready. Ctrl-C once ends it after the step, twice at once.
---@param first ralph.Project|table|nil a project; or the options, with `project` or for the current directory
---@param second { spec: string?, config: table?, effects: table?, policy: any, max_iterations: integer?,
--- max_cost: number?, max_tokens: integer?, max_time: number?, dry_run: boolean?, step: function?,
--- halt: table?, display: table?, budget: table? }? step: another function in the place of ralph.step
---@return ralph.LoopSummary? summary also when it failed
---@return string? message when there is no project or list to work on
---@return string? code
---@return string? hint
function M.run(first, second)
  local project, opts, code, hint = contexts.arguments(first, second, "loop")
  if not project then return nil, opts, code, hint end
  check(opts)
  local ctx, message, why
  ctx, message, why, hint = contexts.new(project, opts)
  if not ctx then return nil, message, why, hint end
  if opts.dry_run then return plan(ctx, opts) end
  local run = new_run(ctx, opts)
  if opts.halt then return work(run, opts) end
  local function say(text) ctx.display:say(text, "yellow") end
  return signals.watch(ctx.halt, { say = say }, function() return work(run, opts) end)
end

return M
