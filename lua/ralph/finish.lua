-- SPDX-License-Identifier: MIT
-- What a verdict means: the rest committed, the issue closed, opened again, asked about or
-- parked, work kept, the person told. Each in an order in which a crash in between loses
-- nothing and closes nothing that is not done: the issue's own change comes last.

local attempts = require "ralph.attempts"
local choose = require "ralph.choose"
local evidences = require "ralph.evidence"
local excerpt = require "ralph.excerpt"
local policy = require "ralph.policy"
local prompts = require "ralph.attempt.prompt"
local verify = require "ralph.verify"
local wrapix = require "wrapix"

local M = {}

local EXIT = choose.EXIT
local LONGEST_NOTE = 2000

-- Committing ---------------------------------------------------------------------------------

-- What a sandbox wrote is no line of a commit's own but the title's text.
local function message_of(ctx, evidence)
  local title = excerpt.line((ctx.issue.title or ctx.issue.id):gsub("%c", " "), 60)
  return ("%s: %s\n\nLeft uncommitted by attempt %d; verified by ralph.\n"):format(
    ctx.issue.id, title, evidence.attempt)
end

-- What the attempts at this issue left uncommitted, or committed otherwise than it was
-- verified: not what somebody else did before, nor what verifying made. Second, whether
-- it is all there is, because there were too many files to tell.
local function leftovers(ctx, evidence, made)
  local own = attempts.add_paths(attempts.read(ctx.project, ctx.issue.id).paths, evidence.files,
    evidence.truncated)
  local is_own, is_made, list = {}, {}, wrapix.json.array()
  for _, path in ipairs(own or {}) do is_own[path] = true end
  for _, change in ipairs(ctx.committed or {}) do is_own[excerpt.name(change.path)] = true end
  for _, path in ipairs(made) do is_made[path] = true end
  for _, change in ipairs(ctx.left) do
    local is_work = not (is_made[change.path] and change.status == "A") and not change.link
    if is_work and (not own or is_own[excerpt.name(change.path)]) then list[#list + 1] = change.path end
  end
  return list, not own or ctx.left.truncated == true
end

-- Hooks, and programs that the commands of verify left running, can change files on their
-- way into the commit.
local function check_commit(ctx, evidence, paths)
  if #evidence.verify == 0 then return true end
  local changes, message, code, hint = ctx.repo:changes(evidence.after.tree, evidence.after.head)
  if not changes then return nil, message, code, hint end
  local is_committed = {}
  for _, path in ipairs(paths) do is_committed[path] = true end
  for _, change in ipairs(changes) do
    if is_committed[change.path] then
      return nil, ("commit: %s: is not as it was verified, a hook may have changed it"):format(
        excerpt.name(change.path)), "EREFUSED"
    end
  end
  return true
end

--- Commits what a done attempt left. Nothing is done where that is not wanted, or where
--- there is no repository.
---@param ctx ralph.StepContext
---@param evidence ralph.Evidence its head and commits are brought up to date
---@return true|nil
---@return string? message
---@return string? code
---@return string? hint
function M.commit(ctx, evidence)
  if not ctx.config.commit or not ctx.repo then return true end
  local made = verify.made(ctx.project.paths.verify)
  local left, is_all = leftovers(ctx, evidence, made)
  if #left == 0 then return true end
  local done, message, code, hint = ctx.halt:guard(ctx.perform, ctx, "commit", { issue = ctx.issue.id,
    message = message_of(ctx, evidence), paths = not is_all and left or nil, exclude = made })
  if not done then return nil, message, code, hint end
  local head = ctx.repo:head()
  if not head or head.id == evidence.after.head then return true end
  evidence.after.head = head.id
  local commits = ctx.repo:commits(evidence.before.head, head.id) or evidence.commits
  evidence.commits = wrapix.json.array(table.move(commits, 1, #commits, 1, {}))
  return check_commit(ctx, evidence, left)
end

-- Keeping ------------------------------------------------------------------------------------

--- Keeps the work on a ref that the person is told, when there is any.
---@param ctx ralph.StepContext
---@param evidence ralph.Evidence
---@param why string
function M.rescue(ctx, evidence, why)
  if not ctx.repo then return end
  local kept, message = ctx:perform("rescue", { id = ctx.issue.id, attempt = evidence.attempt,
    message = ("%s: attempt %d: %s"):format(ctx.issue.id, evidence.attempt, why) })
  if kept then evidence.rescue = kept end
  if message then ctx.project.log:warn("rescue: " .. message) end
end

-- Booking ------------------------------------------------------------------------------------

local function has_more(ctx)
  local list = ctx.tracker:ready({ limit = 1 })
  return list ~= nil and list[1] ~= nil
end

local function note_text(evidence)
  local text = ("Attempt %d: %s: %s"):format(evidence.attempt, evidence.verdict, evidence.reason or "")
  if evidence.rescue then text = ("%s\nWork kept: %s"):format(text, evidence.rescue.ref) end
  return excerpt.fit(text, LONGEST_NOTE)
end

local function notify(ctx, title, message, urgency)
  ctx:perform("notify", { title = "ralph: " .. title, urgency = urgency,
    message = ("%s: %s"):format(ctx.issue.id, excerpt.line(message or "", 200)) })
end

-- Failed and no_change: another try, or a person.
local function book_failure(ctx, evidence, begun)
  local why = policy.park_reason(evidence, begun.past, ctx.config.retries)
  local had_end = evidence.outcome.kind == "done"
  if evidences.has_change(evidence) and (why or not had_end) then
    M.rescue(ctx, evidence, evidence.reason or evidence.verdict)
  end
  return { exit = EXIT.failed, counts = true, parked = why, failure = prompts.failure(evidence),
    given_up = why ~= nil, act = function()
      local ok, message, code = ctx:perform("comment", { id = ctx.issue.id, text = note_text(evidence) })
      if not ok then return nil, message, code end
      if not why then return ctx:perform("release", { id = ctx.issue.id }) end
      ok, message, code = ctx:perform("park",
        { id = ctx.issue.id, reason = excerpt.fit(why, LONGEST_NOTE) })
      if not ok then return nil, message, code end
      notify(ctx, "needs a person", why, "critical")
      return ok
    end }
end

-- Another issue goes on in this tree, so what is unfinished is kept under its own name too.
local function keep_unfinished(ctx, evidence)
  if evidences.has_change(evidence) then M.rescue(ctx, evidence, evidence.reason or evidence.verdict) end
end

local function options_of(question)
  local list = {}
  for i, option in ipairs(question.options or {}) do list[i] = excerpt.fit(option, 500) end
  return #list > 0 and list or nil
end

-- A login that was refused may be any of several.
local function login_hint(ctx, evidence)
  if evidence.outcome.kind ~= "auth" then return nil end
  return ("`wrapix explain` shows which login counts, `wrapix login %s` renews it"):format(
    ctx.agent_name or "AGENT")
end

local BOOK = {
  done = function(ctx, evidence)
    return { exit = EXIT.done, counts = true, given_up = true, act = function()
      return ctx:perform("close", { id = ctx.issue.id, reason = evidence.reason and
        excerpt.fit(evidence.reason, 500) or "done" })
    end }
  end,
  failed = book_failure, no_change = book_failure,
  blocked = function(ctx, evidence)
    keep_unfinished(ctx, evidence)
    return { counts = false, act = function()
      local ok, message, code = ctx:perform("park",
        { id = ctx.issue.id, reason = excerpt.fit(evidence.reason or "the agent is blocked", LONGEST_NOTE) })
      if not ok then return nil, message, code end
      notify(ctx, "blocked", evidence.reason, "critical")
      return ok
    end, exit = function() return has_more(ctx) and EXIT.failed or EXIT.blocked end }
  end,
  asked = function(ctx, evidence)
    keep_unfinished(ctx, evidence)
    return { exit = EXIT.waiting, counts = false, act = function()
      local question = evidence.question or { text = evidence.reason or "?" }
      local ok, message, code = ctx:perform("ask",
        { id = ctx.issue.id, text = excerpt.fit(question.text, LONGEST_NOTE), options = options_of(question) })
      if not ok then return nil, message, code end
      notify(ctx, "a question", question.text, "critical")
      return ok
    end }
  end,
  limited = function(ctx)
    return { exit = EXIT.limited, counts = false, act = function()
      return ctx:perform("release", { id = ctx.issue.id })
    end }
  end,
  stopped = function(ctx, evidence)
    if evidences.has_change(evidence) then M.rescue(ctx, evidence, evidence.reason or "stopped") end
    return { exit = evidence.budget and EXIT.limited or EXIT.stopped, counts = false, act = function()
      return ctx:perform("release", { id = ctx.issue.id })
    end }
  end,
  broken = function(ctx, evidence)
    if evidences.has_change(evidence) then M.rescue(ctx, evidence, evidence.reason or "broken") end
    return { exit = EXIT.failed, counts = false, hint = login_hint(ctx, evidence), act = function()
      return ctx:perform("release", { id = ctx.issue.id })
    end }
  end,
}

local function note_limit(ctx, evidence)
  if evidence.verdict ~= "limited" or not evidence.limit or not evidence.limit.reset then return end
  ctx:perform("limit", { agent = ctx.agent_name or "agent", login = ctx.login_name or "default",
    reset = evidence.limit.reset, kind = evidence.outcome.kind })
end

--- Books a verdict. A list that cannot be written makes it broken: what is not booked is
--- settled by the next start.
---@param ctx ralph.StepContext
---@param evidence ralph.Evidence with verdict and reason
---@param begun { past: ralph.Past }
---@return { exit: integer, parked: string?, hint: string? }
function M.book(ctx, evidence, begun)
  local booking = BOOK[evidence.verdict](ctx, evidence, begun)
  attempts.note_rate(ctx.project, ctx.budget:known_rate())
  note_limit(ctx, evidence)
  local ok, message, _, hint = ctx:perform("finish", { evidence = evidence, ended = {
    counts = booking.counts, failure = booking.failure, given_up = booking.given_up,
    time = wrapix.sys.time() } })
  if ok then ok, message, _, hint = booking.act() end
  if not ok then
    evidence.verdict, evidence.reason = "broken", message
    return { exit = EXIT.failed, hint = hint }
  end
  local exit = booking.exit
  return { exit = type(exit) == "function" and exit() or exit, parked = booking.parked,
    hint = booking.hint }
end

return M
