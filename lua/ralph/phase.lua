-- SPDX-License-Identifier: MIT
-- What the phases that ask an agent have in common: the texts a prompt begins with, one
-- run with the project's limits, and the words about a run that ended badly. Decides
-- nothing about a spec or an issue.

local attempts = require "ralph.attempts"
local budgets = require "ralph.budget"
local excerpt = require "ralph.excerpt"
local wrapix = require "wrapix"

local M = {}

local LARGEST_CONTEXT = 64 << 10

--- The texts of the files that `context` names, read without following links. One that is
--- not there is left out: the list has a default.
---@param project ralph.Project
---@return string
function M.context(project)
  local parts = {}
  for _, rel in ipairs(project.config.context) do
    local text = wrapix.fs.read_beneath(project.root, rel, LARGEST_CONTEXT)
    if text and text ~= "" then parts[#parts + 1] = ("%s:\n\n%s"):format(rel, text) end
  end
  return table.concat(parts, "\n\n")
end

--- Where templates are looked for.
---@param project ralph.Project
---@return ralph.RenderOptions
function M.templates(project) return { dir = project.config.templates, root = project.root } end

--- What the runs of a phase may cost together, by the configuration.
---@param project ralph.Project
---@return ralph.Budget
function M.budget(project)
  local config = project.config
  return budgets.new({ usd = config.max_cost, tokens = config.max_tokens, seconds = config.max_time or nil },
    { clock = wrapix.sys.clock, rate = attempts.rate(project) })
end

-- The outcome of a run that its budget has ended, or kept from beginning.
local function spent(reached, usd)
  return { ok = false, kind = "budget", text = budgets.text(reached), usd = usd and usd > 0 and usd or nil }
end

local function seconds_left(budget) return budget:remaining().seconds end

-- Time runs also where an agent is silent.
local function watch_clock(budget, check)
  return function()
    while not check() do
      local left = seconds_left(budget)
      if not left or not wrapix.task.sleep(math.max(left, 0.01)) then return true end
    end
    return true
  end
end

-- A run that is cancelled as soon as the budget is used up.
local function within(budget, box, opts)
  local over = budget:reached()
  if over then return spent(over) end
  local run, own = budget:run(), opts.on_event
  return wrapix.task.scope(function(scope)
    local work
    local function check()
      over = over or budget:reached()
      if over and work then work:cancel() end
      return over
    end
    opts.on_event = function(event)
      run:take(event)
      check()
      if own then own(event) end
    end
    work = scope:spawn(wrapix.agent.run, box, opts)
    local clock = scope:spawn(watch_clock(budget, check))
    local outcome, message, code, hint = work:wait()
    clock:cancel()
    if over and not (outcome and outcome.ok) then return spent(over, (run:cost())) end
    return outcome, message, code, hint
  end)
end

--- An agent at the person's terminal, for as long as the budget has time. What it costs it
--- tells nobody but that person.
---@param budget ralph.Budget
---@param box wrapix.Sandbox
---@param opts table of wrapix.agent.talk
---@return table? outcome
---@return string? message
---@return string? code
---@return string? hint
function M.talk(budget, box, opts)
  local left = seconds_left(budget)
  if not left then return wrapix.agent.talk(box, opts) end
  local out = table.pack(wrapix.task.timeout(left, wrapix.agent.talk, box, opts))
  if not out[1] and out[3] == "ETIMEDOUT" then
    return spent({ kind = "seconds", limit = budget.limits.seconds, used = budget:seconds() })
  end
  return table.unpack(out, 1, out.n)
end

--- One headless run within the limits of the configuration, with a line that counts.
---@param project ralph.Project
---@param box wrapix.Sandbox
---@param what string such as "ready: shop"
---@param opts table of wrapix.agent.run
---@param budget ralph.Budget? default: that of this run alone
---@return wrapix.AgentResult?
---@return string? message
---@return string? code
---@return string? hint
function M.run(project, box, what, opts, budget)
  local config = project.config
  budget = budget or M.budget(project)
  local all = {
    agent = config.agent, model = config.model, timeout = config.timeout or nil,
    idle = config.idle or nil, grace = config.grace or nil, notify = false, log = project.log,
  }
  for name, value in pairs(opts) do all[name] = value end
  -- Who follows the events sees that something happens; two writers on one line do not mix.
  if opts.on_event then return within(budget, box, all) end
  return project.log:progress(what .. ": an agent works", within, budget, box, all)
end

local WORDS = {
  limit = "a usage limit is reached", overloaded = "the service is overloaded",
  auth = "it is not logged in", turns = "it has used up its turns", budget = "its budget is used up",
  too_long = "the text is too long for it", refused = "it refuses", lost = "its stream broke off",
}
local HINTS = {
  auth = "`wrapix login` logs an agent in",
  limit = "try again when the limit is lifted",
}

--- Why a run that is over was no success, and what helps.
---@param outcome wrapix.AgentResult
---@return string reason
---@return string? hint
function M.reason(outcome)
  local words = WORDS[outcome.kind]
  if outcome.stopped == "timeout" then words = "it took longer than `timeout` allows" end
  if outcome.stopped == "idle" then words = "it was silent for longer than `idle` allows" end
  local said = excerpt.line(outcome.text or "", 300)
  if not words then return said ~= "" and said or "it failed", HINTS[outcome.kind] end
  return said ~= "" and ("%s: %s"):format(words, said) or words, HINTS[outcome.kind]
end

return M
