-- SPDX-License-Identifier: MIT
-- Looks at a running agent: shows its events, keeps its raw stream, counts what it costs,
-- and tells work from a standstill. Ends nothing itself; it says that it is to end.

local fingerprint = require "ralph.lazy" "ralph.attempt.fingerprint"
local wrapix = require "wrapix"

local M = {}

-- An agent that waits still turns its event loop: so much of a processor is nothing.
local IDLE_SHARE, LEAST_CPU = 0.01, 0.02

---@class ralph.Watch
---@field denied integer the longest row of tools that were not allowed
---@field over { kind: string, limit: number, used: number }? the budget that is used up
local Watch = {}
Watch.__index = Watch

-- A row ends with a tool that did something.
local function count_denials(self, event)
  if event.type == "note" and event.kind == "denied" then
    self._row = self._row + 1
    self.denied = math.max(self.denied, self._row)
  elseif event.type == "tool_result" and event.ok then
    self._row = 0
  end
end

--- Takes an event of the agent.
---@param event wrapix.AgentEvent
function Watch:event(event)
  self.seen = self.seen or event.type ~= "end"
  self._run:take(event)
  count_denials(self, event)
  if self._display then self._display:event(event) end
  self:check()
end

--- Looks at the budgets.
function Watch:check()
  if self.over then return end
  self.over = self._budget:reached()
  if self.over then self._on_over(self.over) end
end

--- Takes bytes of its raw stream.
---@param chunk string
function Watch:output(chunk)
  if self._transcript then self._transcript:write(chunk) end
end

function Watch:_state() return self._repo and self._repo:tree() or fingerprint.of(self._root) end

--- Whether a silent agent still works: something changed in the work tree, or it computes.
--- Computing counts in the second half of the silence: what it did at first has ended.
---@param silence wrapix.AgentSilence
---@return boolean
function Watch:is_working(silence)
  local tree, recent = self:_state(), silence.cpu_recent
  local changed = tree ~= self._tree
  local computes = recent ~= nil and recent > math.max(LEAST_CPU, silence.seconds / 2 * IDLE_SHARE)
  self._tree = tree
  return changed or computes
end

--- Ends the work when the time of a budget is over, however silent the agent is.
function Watch:clock()
  while not self.over do
    local left = self._budget:remaining().seconds
    if not left then return true end
    if left > 0 and not wrapix.task.sleep(left) then return true end
    self:check()
  end
  return true
end

---@class ralph.WatchOptions
---@field budget ralph.Budget
---@field run ralph.BudgetRun
---@field display ralph.Display?
---@field transcript ralph.Transcript?
---@field repo table?
---@field root string
---@field tree string? of the work tree when the agent starts
---@field on_over fun(reached: table)

---@param opts ralph.WatchOptions
---@return ralph.Watch
function M.new(opts)
  return setmetatable({
    denied = 0, _row = 0, _budget = opts.budget, _run = opts.run, _display = opts.display,
    _transcript = opts.transcript, _repo = opts.repo, _root = opts.root, _tree = opts.tree,
    _on_over = opts.on_over,
  }, Watch)
end

return M
