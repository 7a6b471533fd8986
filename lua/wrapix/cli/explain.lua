-- SPDX-License-Identifier: MIT
-- `wrapix explain`: the plan that would run, with where each item comes from.

local explain = require("wrapix.explain")
local options = require("wrapix.cli.options")
local output = require("wrapix.cli.output")
local prepare = require("wrapix.cli.prepare")

---@type wrapix.CliCommand
local M = {
  name = "explain",
  summary = "Show the sandbox that would run, and where each part of it comes from.",
  description = "Prints command, image, mounts, variables, limits, network and confinement of the "
    .. "sandbox that the same words without `explain` would start, each with its origin; then what "
    .. "was skipped and why, warnings, and the engine's command line. Starts nothing; values of "
    .. "secrets are not shown.",
  arguments = {
    { name = "profile", argname = "PROFILE", optional = true, offers = "profile",
      description = "Name of a profile or path of a .lua file that returns one (default: base)." },
  },
  rest = { argname = "COMMAND [ARG...]", description = "What would run." },
  extra_hint = "the command to run stands after --: wrapix explain PROFILE -- COMMAND [ARG...]",
  options = options.list(options.sandbox, options.json, options.quiet, options.verbose),
  example = {
    { "wrapix explain", "what `wrapix` would start here" },
    { "wrapix explain base --network none -- make test", "with the options of a run" },
    { "wrapix explain --json base", "plan, flags and command line as data" },
  },
}

function M.run(args, deps)
  local plan, facts, code, hint = prepare.plan(args, deps, "explain")
  if not plan then return prepare.refuse(deps, facts, code, hint) end
  local runtime = deps.runtimes.of(plan.runtime)
  local flags = runtime.flags(plan)
  local steps = runtime.steps and runtime.steps(plan)
  if args.json then
    local argv = deps.json.array(runtime.argv(plan))
    local data = { plan = output.plan(plan, deps), flags = deps.json.array(flags), argv = argv,
      steps = steps and deps.json.array(steps) }
    return output.json(data, deps)
  end
  deps.out(explain.text(plan, flags, { color = deps.color, steps = steps }))
  return 0
end

return M
