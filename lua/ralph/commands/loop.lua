-- SPDX-License-Identifier: MIT
-- `ralph loop`: steps until nothing is ready. The words to options, the summary to the
-- last line; what a loop is stands in ralph.loop.

local options = require "ralph.commands.options"
local shared = require "ralph.commands.shared"
local wrapix = require "wrapix"

---@type wrapix.CliCommand
local M = {
  name = "loop",
  summary = "Do issue after issue until nothing is ready.",
  description = "Runs steps until nothing is ready, a budget is used up, or something is broken that "
    .. "every further attempt would meet as well. A limit of the account is waited for. Ctrl-C once finishes "
    .. "the step, twice stops it and keeps the work. The last line says how it ended; status: 0 all done, "
    .. "1 failed, 101 all blocked, 102 waiting for a person, 103 limit or budget, 130 interrupted.",
  options = options.list(
    { flags = { "-n", "--max-iterations" }, argname = "N", check = options.check_count,
      description = "Stop after so many attempts." },
    shared.budgets,
    { flags = { "--dry-run" }, description = "Show what is ready and change nothing." },
    shared.spec, shared.all, shared.accept, options.json, options.common
  ),
  example = {
    { "ralph loop --max-cost 20", "work until nothing is ready, for at most 20 dollars" },
    { "ralph loop --max-time 8h --max-iterations 50", "work through the night" },
    { "ralph loop --dry-run", "what it would begin with" },
  },
}

local function show_plan(plan, deps)
  for i, issue in ipairs(plan.ready) do
    deps.out(("%3d. %s  %s%s\n"):format(i, wrapix.log.clean(issue.id), wrapix.log.clean(issue.title or ""),
      issue.profile and ("  [%s]"):format(wrapix.log.clean(issue.profile)) or ""))
  end
  deps.out(plan.reason .. "\n")
end

function M.run(args, deps)
  local project, message, code, hint = shared.open(args, deps, {
    max_iterations = args.max_iterations, max_cost = args.max_cost, max_tokens = args.max_tokens,
    max_time = args.max_time,
  })
  if not project then return shared.refuse(deps, message, code, hint) end
  local spec
  spec, message, code, hint = shared.spec_of(args, project)
  if message then return shared.refuse(deps, message, code, hint) end
  local ok
  ok, message, code, hint = shared.accept_protected(args, project)
  if not ok then return shared.refuse(deps, message, code, hint) end
  local loop = require "ralph.loop"
  local summary
  summary, message, code, hint = loop.run(project, {
    spec = spec, dry_run = args.dry_run, display = shared.display(args, deps),
  })
  if not summary then return shared.refuse(deps, message, code, hint) end
  local is_nothing = summary.ended == "done" and summary.steps == 0 or args.dry_run and #summary.ready == 0
  if is_nothing and summary.exit == 0 then shared.note_no_issues(project, spec, deps) end
  if args.json then
    shared.json(summary, deps)
  elseif args.dry_run then
    show_plan(summary, deps)
  else
    local advice = shared.hint(summary.reason, summary.hint)
    if advice then deps.report:note("stopped", advice) end
    deps.out("ralph: " .. wrapix.log.clean(loop.line(summary)) .. "\n")
  end
  return summary.exit
end

return M
