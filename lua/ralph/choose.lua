-- SPDX-License-Identifier: MIT
-- Which issue is next, and what it means that there is none. Claims nothing.

local M = {}

--- Exit statuses of a step.
M.EXIT = { done = 0, failed = 1, none = 100, blocked = 101, waiting = 102, limited = 103, stopped = 130 }

local function plural(n, what) return ("%d %s%s"):format(n, what, n == 1 and "" or "s") end

--- How many issues are not done. The open ones are ready, blocked, waiting or deferred;
--- others may have such a status without being open.
---@param counts table<string, integer> of a tracker
---@return integer
function M.left(counts)
  local function of(name) return counts[name] or 0 end
  return math.max(of("open"), of("ready") + of("blocked") + of("waiting") + of("deferred")) + of("in_progress")
end

--- What a list without a ready issue means.
---@param counts table<string, integer> of a tracker
---@return integer exit
---@return string reason
function M.nothing(counts)
  local waiting, busy, left = counts.waiting or 0, counts.in_progress or 0, M.left(counts)
  if left == 0 then return M.EXIT.none, "nothing is left to do" end
  if waiting > 0 then
    return M.EXIT.waiting, plural(waiting, "issue") .. (waiting == 1 and " waits" or " wait") .. " for a person"
  end
  if busy > 0 then
    return M.EXIT.blocked, plural(busy, "issue") .. (busy == 1 and " is" or " are") .. " in progress elsewhere"
  end
  local how = counts.deferred == left and "deferred" or "blocked"
  return M.EXIT.blocked, left == 1 and "the one issue that is left is " .. how
    or ("all of %d issues are %s"):format(left, how)
end

--- The next issue: the one that is named, or the first that is ready.
---@param ctx ralph.StepContext
---@param opts { id: string?, spec: string? }
---@return table? issue
---@return integer|string|nil exit when nothing is ready; or the message
---@return string? reason or the code
---@return string? hint
function M.next(ctx, opts)
  local tracker = ctx.tracker
  if opts.id then return tracker:get(opts.id) end
  local list, message, code, hint = tracker:ready({ spec = opts.spec, limit = 1 })
  if not list then return nil, message, code, hint end
  if list[1] then return list[1] end
  local counts
  counts, message, code, hint = tracker:counts({ spec = opts.spec })
  if not counts then return nil, message, code, hint end
  return nil, M.nothing(counts)
end

return M
