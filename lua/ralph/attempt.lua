-- SPDX-License-Identifier: MIT
-- One attempt at an issue: what there was before, the prompt, the agent; then what is in
-- the tree is verified, and all that is known becomes evidence. Closes no issue, and
-- judges nothing: that is step's and the policy's.

local evidences = require "ralph.evidence"
local prompts = require "ralph.attempt.prompt"
local signals = require "ralph.attempt.signal"
local verify = require "ralph.verify"
local wrapix = require "wrapix"

local M = {}

-- Before and after --------------------------------------------------------------------------

--- What the repository is at now.
---@param ctx ralph.StepContext
---@return { head: string?, tree: string? }?
---@return string? message
---@return string? code
---@return string? hint
function M.look(ctx)
  if not ctx.repo then return {} end
  local tree, message, code, hint = ctx.repo:tree()
  if not tree then return nil, message, code, hint end
  local head
  head, message, code, hint = ctx.repo:head()
  if not head then return nil, message, code, hint end
  return { head = head.id, tree = tree }
end

--- Runs verify as it is before the attempt, unless nobody wants that.
---@param ctx ralph.StepContext
---@param now { tree: string? }
---@return ralph.Verified[]|nil|false results false: none
---@return string? message
---@return string? code
---@return string? hint
function M.baseline(ctx, now)
  local config = ctx.config
  if not config.baseline or #config.verify == 0 then return false end
  local done, message, code, hint = ctx.halt:guard(ctx.perform, ctx, "verify",
    { issue = ctx.issue.id, commands = config.verify, tree = now.tree, when = "before" })
  ctx:verifying():close()
  if not done then return nil, message, code, hint end
  for _, one in ipairs(done.results) do
    if ctx.display and one.code ~= 0 then
      ctx.display:say(("  verify fails before the attempt: %s"):format(one.command), "yellow")
    end
  end
  return done.results
end

-- Judging costs as much as the tests take: only where the verdict can depend on it, or
-- the next attempt can learn from it.
local function wants_verify(ctx, outcome, signal, changed)
  if #ctx.config.verify == 0 then return false end
  if outcome.kind == "broken" or outcome.kind == "stopped" or outcome.kind == "auth" then return false end
  if signal then return signal.kind == "done" end
  return changed and outcome.kind == "done"
end

local function judge_tree(ctx, baseline, after)
  local done, message, code, hint = ctx.halt:guard(ctx.perform, ctx, "verify",
    { issue = ctx.issue.id, commands = ctx.config.verify, tree = after.tree, when = "after" })
  if not done then return nil, message, code, hint end
  local results = verify.compare(baseline or nil, done.results)
  for _, one in ipairs(results) do
    if ctx.display then ctx.display:verified(one) end
  end
  return results
end

local function changes_of(ctx, before, after, notes)
  if not ctx.repo then return {}, {} end
  local files = before.tree ~= after.tree and ctx.repo:changes(before.tree, after.tree) or {}
  local commits = before.head ~= after.head and after.head
    and ctx.repo:commits(before.head, after.head) or {}
  if files.truncated then notes[#notes + 1] = "more files changed than are listed" end
  return files, commits
end

-- What the attempts at this issue have changed together: a protected file that an earlier
-- one edited is as edited now.
local function changed_since(ctx, base, before, after, files)
  if not ctx.repo or not after.tree or base.tree == before.tree then return files end
  return ctx.repo:changes(base.tree, after.tree) or files
end

local function check_list(ctx)
  local ok, message, code = ctx.guard:check()
  if ok then return nil end
  if code == "EFOREIGN" then return message end
  return message or "it cannot be read"
end

-- Evidence of an attempt that ended, however it did.
local function gather(ctx, begun, outcome)
  local notes, found = {}, {}
  local after, message = M.look(ctx)
  if not after then
    found.broken = message
    after = {}
  end
  local signal = signals.of(outcome.said, outcome)
  local files, commits = {}, {}
  if after.tree or not ctx.repo then files, commits = changes_of(ctx, begun.before, after, notes) end
  local changed = after.tree ~= begun.base.tree or #commits > 0
  local results, why, code, hint
  if not found.broken and wants_verify(ctx, outcome, signal, changed) then
    results, why, code, hint = judge_tree(ctx, begun.baseline, after)
    if not results and code == "ESTOPPED" then
      outcome = setmetatable({ kind = "stopped", text = ctx.halt.reason, ok = false }, { __index = outcome })
    elseif not results then
      found.broken = hint and ("%s (%s)"):format(why, hint) or why
    end
  end
  local evidence = evidences.build({
    issue = ctx.issue, attempt = begun.attempt, outcome = outcome, signal = signal,
    before = begun.before, after = after, files = files, commits = commits,
    base = begun.base, since_base = changed_since(ctx, begun.base, begun.before, after, files),
    protect = ctx.config.protect, verify = results, seconds = wrapix.sys.clock() - begun.clock,
    question = signal and signal.kind == "ask" and { text = signal.text, options = signal.options } or nil,
    foreign = check_list(ctx), transcript = outcome.transcript, notes = notes,
  })
  evidence.broken, evidence.denied = found.broken, outcome.denied or 0
  evidence.budget, evidence.requests = outcome.budget, outcome.requests
  return evidence
end

--- Makes an attempt at the claimed issue of a step.
---@param ctx ralph.StepContext
---@param begun { attempt: integer, before: table, base: table, baseline: table|false, past: ralph.Past,
--- clock: number }
---@return ralph.Evidence? evidence without a verdict
---@return string? message when there is no prompt
---@return string? code
---@return string? hint
function M.run(ctx, begun)
  local prompt, message, code, hint = prompts.make(ctx, begun)
  if not prompt then return nil, message, code, hint end
  local outcome, why, _, advice = ctx:perform("agent", {
    issue = ctx.issue, attempt = begun.attempt, prompt = prompt, tree = begun.before.tree,
  })
  if not outcome then
    outcome = { kind = "broken", ok = false, text = advice and ("%s (%s)"):format(why, advice) or why }
  end
  return gather(ctx, begun, outcome)
end

return M
