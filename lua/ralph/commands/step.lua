-- SPDX-License-Identifier: MIT
-- `ralph step [ID]`: one issue by one agent in a sandbox. The words to options; what a
-- step is stands in ralph.step.

local options = require "ralph.commands.options"
local shared = require "ralph.commands.shared"

---@type wrapix.CliCommand
local M = {
  name = "step",
  summary = "Have an agent do one issue in a sandbox, and judge its work.",
  description = "Takes the first issue that is ready, or ID: verifies the tree as it is, claims the issue, "
    .. "runs an agent with a fresh context, verifies what it left in a sandbox of its own, and closes the "
    .. "issue only when the evidence says that it is done. Status: 0 done, 1 failed, 100 nothing left, "
    .. "101 all blocked, 102 waiting for a person, 103 limit or budget, 130 interrupted.",
  arguments = {
    { name = "id", argname = "ID", optional = true, offers = "issue",
      description = "The issue, or the beginning of its id." },
  },
  options = options.list(shared.spec, shared.all, shared.accept, shared.budgets, options.json, options.common),
  example = {
    { "ralph step", "do the first issue that is ready" },
    { "ralph step shop-4f --max-cost 2", "do this one, for at most two dollars" },
  },
}

local function tell(result, deps)
  if result.verdict == nil then
    deps.report:note(result.reason, result.hint)
  elseif result.verdict == "broken" or not result.evidence then
    deps.report:error(("step: %s"):format(result.reason or result.verdict), shared.hint(result.reason, result.hint))
  end
  for _, one in ipairs(result.settled or {}) do
    if one.rescue then deps.report:note(("%s: work kept as %s"):format(one.id, one.rescue.ref)) end
  end
  if result.parked then deps.report:note(("waits for a person: %s"):format(result.parked)) end
end

-- Kilobytes of heap that a step takes. This program does one and ends: to look for what of it
-- could be used again takes longer than to ask the system for more.
local HEAP = 8 << 10

function M.run(args, deps)
  collectgarbage("step", -HEAP)
  local project, message, code, hint = shared.open(args, deps,
    { max_cost = args.max_cost, max_tokens = args.max_tokens, max_time = args.max_time })
  if not project then return shared.refuse(deps, message, code, hint) end
  local spec
  spec, message, code, hint = shared.spec_of(args, project)
  if message then return shared.refuse(deps, message, code, hint) end
  local ok
  ok, message, code, hint = shared.accept_protected(args, project)
  if not ok then return shared.refuse(deps, message, code, hint) end
  local config, clock = project.config, require("wrapix").sys.clock
  local budget = require("ralph.budget").new({ usd = config.max_cost, tokens = config.max_tokens,
    seconds = config.max_time or nil }, { clock = clock, rate = require("ralph.attempts").rate(project) })
  local result
  result, message, code, hint = require("ralph.step").run(project, {
    id = args.id, spec = spec, budget = budget,
    display = shared.display(args, deps),
  })
  if not result then return shared.refuse(deps, message, code, hint) end
  if result.exit == 100 then shared.note_no_issues(project, spec, deps) end
  if args.json then
    shared.json({ exit = result.exit, verdict = result.verdict, reason = result.reason,
      issue = result.issue and result.issue.id, evidence = result.evidence, parked = result.parked }, deps)
  else
    tell(result, deps)
  end
  return result.exit
end

return M
