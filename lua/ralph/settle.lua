-- SPDX-License-Identifier: MIT
-- What a process that died left behind: an issue in progress whose owner is dead. Its
-- work is kept on a rescue ref, the issue is told of it and opened again. Nothing in the
-- work tree is reset. Containers of the dead go first: one that is a moment from its end
-- may still write to the work tree.

local attempts = require "ralph.attempts"
local lazy = require "ralph.lazy"
local wrapix = require "wrapix"

local evidences, excerpt, protected = lazy "ralph.evidence", lazy "ralph.excerpt", lazy "ralph.protected"

local M = {}

--- So often in a row a process may die over an issue before a person is asked.
M.MOST_ABORTED = 3

-- Work there is only where the tree is not what the attempt began with.
local function rescue(ctx, issue, running)
  if not ctx.repo then return nil end
  local tree = ctx.repo:tree()
  local before = running and running.before or {}
  if tree and tree == before.tree then return nil end
  local kept, message = ctx:perform("rescue", {
    id = issue.id, attempt = running and running.attempt or 0,
    message = ("%s: work of an attempt whose process died"):format(issue.id),
  })
  if message then ctx.project.log:warn("settle: " .. message) end
  return kept or nil
end

-- Which process it was: an issue that is settled twice, since a start was killed while it
-- settled, has seen one death.
local function who_died(issue)
  local own = type(issue.metadata) == "table" and issue.metadata.wrapix
  return type(own) == "table" and type(own.owner) == "string" and own.owner or nil
end

-- Said once: a start that was killed after it did so opens the issue, and is silent.
local function is_told(issue, text)
  for _, comment in ipairs(issue.comments or {}) do
    if comment.text == text then return true end
  end
  return false
end

local function tell(ctx, issue, died, kept)
  local owner = died and wrapix.owner.decode(died)
  local text = "The process that worked on this died"
    .. (owner and (" (process %d)"):format(owner.pid) or "")
    .. (kept and (". Its work is kept: %s (%s)"):format(kept.ref, kept.commit:sub(1, 12)) or "")
  ctx.display:say(("%s: settled: its process died%s"):format(issue.id,
    kept and "; work kept as " .. kept.ref or ""), "yellow")
  if is_told(issue, text) then return {} end
  return ctx:perform("comment", { id = issue.id, text = text })
end

-- The dead one's evidence never came.
local function note_protected(ctx, id, running, files)
  local rules, paths = ctx.config.protect or {}, {}
  if #rules == 0 then return true end
  for _, file in ipairs(files or {}) do
    if evidences.is_protected(file.path, rules) then paths[#paths + 1] = excerpt.name(file.path) end
  end
  if not files or files.truncated then paths = { "*" } end
  return protected.note(ctx.project, id, running.base or running.before, paths)
end

-- What differs from what the attempt began with is the issue's.
local function note_aborted(ctx, id, died)
  local record, tree = attempts.read(ctx.project, id), ctx.repo and ctx.repo:tree() or nil
  local before = record.running and record.running.before or {}
  if tree and before.tree and before.tree ~= tree then
    local files = ctx.repo:changes(before.tree, tree)
    record.paths = attempts.add_paths(record.paths, files or {}, not files or files.truncated)
    local ok, message, code = note_protected(ctx, id, record.running, files)
    if not ok then return nil, message, code end
  end
  record.running, record.aborted, record.left = nil, record.aborted + 1, tree
  record.settled = died
  local ok, message, code = attempts.write(ctx.project, id, record)
  if not ok then return nil, message, code end
  return record.aborted
end

-- What there is to keep and to count of a death; nothing when that was done.
local function take_stock(ctx, issue, died)
  local record = attempts.read(ctx.project, issue.id)
  if died and record.settled == died then return record.aborted end
  local kept = rescue(ctx, issue, record.running)
  local ok, message, code, hint = tell(ctx, issue, died, kept)
  if not ok then return nil, message, code, hint end
  local aborted
  aborted, message, code = note_aborted(ctx, issue.id, died)
  if not aborted then return nil, message, code end
  return aborted, kept
end

-- Told before it is opened: whoever dies in between leaves it to the next one.
local function settle_one(ctx, issue)
  local aborted, kept, code, hint = take_stock(ctx, issue, who_died(issue))
  if not aborted then return nil, kept, code, hint end
  local ok, message
  if aborted >= M.MOST_ABORTED then
    ok, message, code, hint = ctx:perform("park",
      { id = issue.id, reason = ("its process died %d times in a row"):format(aborted) })
  else
    ok, message, code, hint = ctx:perform("release", { id = issue.id })
  end
  if not ok then return nil, message, code, hint end
  return { id = issue.id, rescue = kept, time = wrapix.sys.time(), aborted = aborted }
end

-- What its git held goes with it.
local function unlock_all(ctx, orphans)
  local since
  for _, issue in ipairs(orphans) do
    local running = attempts.read(ctx.project, issue.id).running
    local time = running and tonumber(running.time)
    if time then since = math.min(since or time, time) end
  end
  if since then ctx:perform("unlock", { since = since }) end
end

--- Settles every orphan. The lock of the work tree has to be held.
---@param ctx ralph.StepContext
---@return { id: string, rescue: table?, aborted: integer }[]? settled
---@return string? message
---@return string? code
---@return string? hint
function M.run(ctx)
  -- Also where no issue tells of it: who died before the claim has left a sandbox as well.
  ctx:perform("reap", {})
  local orphans, message, code, hint = ctx.tracker:orphans()
  if not orphans then return nil, message, code, hint end
  local settled = {}
  if #orphans > 0 then unlock_all(ctx, orphans) end
  for i, issue in ipairs(orphans) do
    local one
    one, message, code, hint = settle_one(ctx, issue)
    if not one then return nil, message, code, hint end
    settled[i] = one
  end
  return settled
end

return M
