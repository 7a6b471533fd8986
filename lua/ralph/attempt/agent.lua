-- SPDX-License-Identifier: MIT
-- The agent of an attempt: started in its sandbox with the session's socket, watched, and
-- ended by budgets, time, silence or whoever asks. However that ends is an outcome.

local budgets = require "ralph.budget"
local transcripts = require "ralph.transcript"
local watches = require "ralph.attempt.watch"
local wrapix = require "wrapix"

local M = {}

-- What the engine says when it could not start the program (docs/errors.md).
local NOT_STARTED = { [125] = true, [126] = true, [127] = true }
local INSIDE_SOCKET = "ralph"

local function broken(message, code, hint)
  return { kind = "broken", ok = false, text = hint and ("%s (%s)"):format(message, hint) or message,
    code_of = code }
end

local function stopped(text) return { kind = "stopped", ok = false, text = text } end

-- An agent that never said a word of its stream was not started: the image or its
-- settings are at fault, and the next attempt would meet the same.
local function settle_outcome(outcome, watch)
  if outcome.kind == "error" and not watch.seen and NOT_STARTED[outcome.code] then
    outcome.kind, outcome.ok = "broken", false
    outcome.text = outcome.text ~= "" and outcome.text
      or ("the agent could not be started (status %d)"):format(outcome.code)
  end
  outcome.denied = watch.denied
  return outcome
end

-- What is wanted when the agent has ended, or asks for something, is compiled while its
-- container starts: a piece at a time, for there may be something to answer.
local AFTERWARDS = { "ralph.inside.verbs", "ralph.attempt.signal", "ralph.attempt.changes", "ralph.evidence",
  "ralph.policy", "ralph.finish", "ralph.git.query", "ralph.git.locks" }
local STARTED = 0.03

local function load_rest()
  wrapix.task.sleep(STARTED)
  for _, name in ipairs(AFTERWARDS) do
    require(name)
    wrapix.task.sleep(0)
  end
end

local function run_agent(ctx, args, box, inside, watch)
  local config = ctx.config
  return ctx.halt:guard(function()
    return wrapix.task.scope(function(scope)
      local work = scope:spawn(wrapix.agent.run, box, {
        prompt = args.prompt, agent = config.agent, model = config.model,
        timeout = config.timeout or nil, idle = config.idle or nil, grace = config.grace or nil,
        on_event = function(event) watch:event(event) end,
        on_output = function(chunk) watch:output(chunk) end,
        on_idle = function(silence) return watch:is_working(silence) end,
        sockets = inside and { [INSIDE_SOCKET] = inside.handler } or nil,
        apart = true, notify = false, log = ctx.project.log,
      })
      watch.stop = function() work:cancel() end
      if watch.over then work:cancel() end
      local others = { scope:spawn(watch.clock, watch), scope:spawn(load_rest) }
      local outcome, message, code, hint = work:wait()
      for _, other in ipairs(others) do other:cancel() end
      if not outcome and watch.over then return { kind = "stopped" } end
      return outcome, message, code, hint
    end)
  end)
end

local function open_transcript(ctx, args)
  local transcript, message = transcripts.open(ctx.project, args.issue, args.attempt)
  if not transcript then ctx.project.log:warn(message) end
  return transcript
end

local function new_watch(ctx, args, transcript)
  local run = ctx.budget:run()
  if ctx.display then ctx.display:begin(run) end
  local watch
  watch = watches.new({
    budget = ctx.budget, run = run, display = ctx.display, transcript = transcript, repo = ctx.repo,
    root = ctx.project.root, tree = args.tree,
    on_over = function() if watch.stop then watch.stop() end end,
  })
  watch.run = run
  return watch
end

-- What is known of a run that was cut off: its outcome never came.
local function add_counts(outcome, run, seconds)
  outcome.usage = outcome.usage or run.tokens
  outcome.seconds = outcome.seconds or seconds
  if not outcome.usd then
    local usd = run:cost()
    outcome.usd = usd > 0 and usd or nil
  end
end

--- Runs the agent of an attempt. An agent that fails, or cannot be started, is an outcome.
---@param ctx ralph.StepContext
---@param args { issue: table, attempt: integer, prompt: string, tree: string? }
---@return table outcome of wrapix.agent.run, of kind also "broken" and "stopped"; `said` and `requests`
---@return nil
function M.run(ctx, args)
  local begun, since = wrapix.sys.clock(), wrapix.sys.time()
  local box, message, code, hint = ctx.project:sandbox(args.issue)
  if not box then return broken(message, code, hint) end
  local inside
  inside, message, code, hint = ctx:open_inside(args)
  if not inside then return broken(message, code, hint) end
  local transcript = open_transcript(ctx, args)
  local watch = new_watch(ctx, args, transcript)
  local outcome
  outcome, message, code, hint = run_agent(ctx, args, box, inside, watch)
  -- Whatever of it was at work was killed with the sandbox.
  ctx:perform("unlock", { since = since })
  if not outcome then
    outcome = code == "ESTOPPED" and stopped(ctx.halt.reason) or broken(message, code, hint)
  elseif watch.over and not outcome.ok then
    outcome = stopped("budget: " .. budgets.text(watch.over))
    outcome.budget = watch.over
  else
    settle_outcome(outcome, watch)
  end
  add_counts(outcome, watch.run, wrapix.sys.clock() - begun)
  outcome.said, outcome.requests = inside:signal(), inside.requests
  if transcript then transcript:close() end
  outcome.transcript = transcript and transcript.shown
  if transcript and transcript.failure then ctx.project.log:warn("transcript: " .. transcript.failure) end
  return outcome
end

return M
