-- SPDX-License-Identifier: MIT
-- One attempt at an issue: what there was before, the prompt, the agent; then what is in
-- the tree is verified, and all that is known becomes evidence. Closes no issue, and
-- judges nothing: that is step's and the policy's.

local excerpt = require "ralph.excerpt"
local lazy = require "ralph.lazy"
local prompts = require "ralph.attempt.prompt"
local wrapix = require "wrapix"

local changes, evidences = lazy "ralph.attempt.changes", lazy "ralph.evidence"
local fingerprint, signals = lazy "ralph.attempt.fingerprint", lazy "ralph.attempt.signal"
local protected, verify = lazy "ralph.protected", lazy "ralph.verify"

local M = {}

-- Bytes that are kept of what an agent said last.
local LAST_WORDS = 64 << 10

-- Before and after --------------------------------------------------------------------------

--- What the repository is at now.
---@param ctx ralph.StepContext
---@return { head: string?, branch: string?, tree: string? }?
---@return string? message
---@return string? code
---@return string? hint
function M.look(ctx)
  if not ctx.repo then
    if #(ctx.config.protect or {}) > 0 then
      return nil, "protect: what was edited cannot be told outside of a repository", "ENOTGIT",
        "git init, or take protect out of ralph.lua"
    end
    return { tree = fingerprint.of(ctx.project.root) }
  end
  local tree, left_out, code, hint = ctx.repo:tree()
  if not tree then return nil, left_out, code, hint end
  ctx.left_out = left_out
  local head, message
  head, message, code, hint = ctx.repo:head()
  if not head then return nil, message, code, hint end
  return { head = head.id, branch = head.branch and excerpt.name(head.branch), tree = tree }
end

-- Files that verifying made, as far as they are new: one that HEAD knows is the project's.
local function made_of(ctx, left)
  local is_made, set = {}, {}
  if #(ctx.config.protect or {}) == 0 or left.truncated then return set end
  for _, path in ipairs(verify.made(ctx.project.paths.verify)) do is_made[path] = true end
  for _, change in ipairs(left) do
    if change.status == "A" and is_made[change.path] then set[change.path] = true end
  end
  return set
end

-- Code that an earlier attempt left may have changed what all others are judged by.
local function check_touched(ctx, now, touched)
  if #touched == 0 then return true end
  local left, message, code, hint = ctx.repo:changes(now.head, now.tree)
  if not left then return nil, message, code, hint end
  local is_made = made_of(ctx, left)
  for _, path in ipairs(touched) do
    if not is_made[path] then
      return nil, "verify: changed what is protected: " .. excerpt.name(path), "EPROTECTED",
        "look at what the commands run; what they are to write is not to stand in protect"
    end
  end
  return true
end

--- Runs verify as it is before the attempt, unless nobody wants that.
---@param ctx ralph.StepContext
---@param now { tree: string? }
---@return ralph.Verified[]|nil|false results false: none
---@return boolean|string|nil was_known no command ran; or the message
---@return string? code
---@return string? hint
function M.baseline(ctx, now)
  local config = ctx.config
  if not config.baseline or #config.verify == 0 then return false, true end
  local done, message, code, hint = ctx.halt:guard(ctx.perform, ctx, "verify",
    { issue = ctx.issue.id, commands = config.verify, tree = now.tree, when = "before" })
  ctx:verifying():close()
  if not done then return nil, message, code, hint end
  local ok
  ok, message, code, hint = check_touched(ctx, now, done.touched or {})
  if not ok then return nil, message, code, hint end
  for _, one in ipairs(done.results) do
    if ctx.display and one.code ~= 0 then
      ctx.display:say(("  verify fails before the attempt: %s"):format(one.command), "yellow")
    end
  end
  return done.results, done.cached or false
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
  return results, done
end

local function check_list(ctx)
  local ok, message, code = ctx.guard:check()
  if ok then return nil end
  if code == "EFOREIGN" then return message end
  return message or "it cannot be read"
end

-- What can be seen afterwards; why it cannot be seen is in `broken`.
local function look_after(ctx, begun)
  local after, message, _, hint = M.look(ctx)
  local found
  if after then found, message, _, hint = changes.find(ctx.repo, begun, after) end
  if found then return after, found end
  local nothing = { files = {}, since = {}, left = {}, commits = {}, lost = {}, truncated = false }
  return after or {}, nothing, hint and ("%s (%s)"):format(message, hint) or message
end

-- What earlier attempts at it did to what judges, and nobody put back, is still there.
local function add_protected(ctx, seen)
  local rules = ctx.config.protect or {}
  if #rules == 0 or seen.broken then return end
  local found, message, _, hint = protected.touched(ctx.project, ctx.repo, rules, seen.after)
  if not found then
    seen.broken = hint and ("%s (%s)"):format(message, hint) or message
    return
  end
  local touched = table.move(seen.touched or {}, 1, #(seen.touched or {}), 1, {})
  for _, one in ipairs(found) do touched[#touched + 1] = one.path end
  seen.touched = touched
end

-- Runs verify where that is to be; then the outcome or why there are no results may change.
local function judge(ctx, begun, seen)
  local changed = seen.after.tree ~= begun.base.tree or #seen.found.commits > 0
  if seen.broken or not wants_verify(ctx, seen.outcome, seen.signal, changed) then return end
  local why, code, hint
  seen.results, why, code, hint = judge_tree(ctx, begun.baseline, seen.after)
  if seen.results then
    seen.left, seen.touched = why.left, why.touched
    seen.head = not why.cached and ctx.repo and ctx.repo:head() or nil
    return
  end
  if code ~= "ESTOPPED" then
    seen.broken = hint and ("%s (%s)"):format(why, hint) or why
    return
  end
  local outcome = {}
  for key, value in pairs(seen.outcome) do outcome[key] = value end
  outcome.kind, outcome.ok, outcome.text = "stopped", false, ctx.halt.reason
  seen.outcome = outcome
end

-- Work on another branch is no loss, but a person would look for it where HEAD was.
local function tell_branch(ctx, before, after)
  if not ctx.display or not after.head or before.branch == after.branch then return end
  ctx.display:say(("  HEAD was %s and is now %s"):format(before.branch or "on no branch",
    after.branch or "on no branch"), "yellow")
end

local MOST_TOLD = 5

-- What is in no tree is neither judged nor committed nor rescued.
local function tell_left_out(ctx)
  local list = ctx.left_out
  if not ctx.display or type(list) ~= "table" then return end
  for i = 1, math.min(#list, MOST_TOLD) do
    ctx.display:say(("  not looked at, and not committed: %s (%s)"):format(excerpt.name(list[i].path), list[i].reason),
      "yellow")
  end
  if #list > MOST_TOLD then ctx.display:say(("  nor %d more"):format(#list - MOST_TOLD), "yellow") end
end

-- Evidence of an attempt that ended, however it did.
local function gather(ctx, begun, ended)
  ended.text = type(ended.text) == "string" and excerpt.fit(ended.text, LAST_WORDS) or nil
  local seen = { outcome = ended, signal = signals.of(ended.said, ended) }
  seen.after, seen.found, seen.broken = look_after(ctx, begun)
  judge(ctx, begun, seen)
  add_protected(ctx, seen)
  local signal, found, outcome = seen.signal, seen.found, seen.outcome
  local evidence = evidences.build({
    issue = ctx.issue, attempt = begun.attempt, outcome = outcome, signal = signal,
    before = begun.before, base = begun.base, after = seen.after, files = found.files,
    since = found.since, commits = found.commits, lost = found.lost, truncated = found.truncated,
    committed = found.committed, touched = seen.touched, left = seen.left,
    made = made_of(ctx, found.left), protect = ctx.config.protect, verify = seen.results,
    seconds = wrapix.sys.clock() - begun.clock, foreign = check_list(ctx),
    question = signal and signal.kind == "ask" and { text = signal.text, options = signal.options } or nil,
    transcript = outcome.transcript,
  })
  ctx.left, ctx.committed = found.left, found.committed
  tell_branch(ctx, begun.before, seen.after)
  tell_left_out(ctx)
  evidence.has_moved = seen.head and seen.head.id ~= seen.after.head or nil
  evidence.broken, evidence.denied = seen.broken, outcome.denied or 0
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
