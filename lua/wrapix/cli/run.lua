-- SPDX-License-Identifier: MIT
-- `wrapix [OPTIONS] [PROFILE] [-- COMMAND [ARG...]]`: plans a sandbox and either
-- starts it or, with --dry-run, prints what would be started.

local lazy = require("wrapix.lazy")
local options = require("wrapix.cli.options")
local prepare = require("wrapix.cli.prepare")

local output = lazy("wrapix.cli.output")
local shell = lazy("wrapix.shell")

---@type wrapix.CliCommand
local M = {
  name = "run",
  summary = "Run a command in a sandbox.",
  description = "Runs a command, an agent or a shell in a container that shows it the workspace, "
    .. "what the profile lists, and nothing else of this host. A FILE.lua that returns no profile "
    .. "is a script: it runs on this host, with its ARGs in `...`.",
  usage = {
    "wrapix [OPTIONS] [PROFILE] [OPTIONS] [-- COMMAND [ARG...]]",
    "wrapix FILE.lua [ARG...]",
    "wrapix COMMAND ...",
  },
  arguments = {
    { name = "profile", argname = "PROFILE", optional = true, offers = "profile",
      description = "Name of a profile or path of a .lua file that returns one (default: base)." },
  },
  rest = { argname = "COMMAND [ARG...]", description = "What to run instead of the profile's." },
  extra_hint = "the command to run stands after --: wrapix PROFILE -- COMMAND [ARG...]",
  options = options.list(options.sandbox, {
    { flags = { "--dry-run" }, description = "Print the engine's command line; start nothing." },
    { flags = { "--json" },
      description = "With --dry-run print the plan as JSON, with --timing the times." },
    { flags = { "--timing" }, description = "Print how long each step took, on stderr." },
  }, options.quiet, options.verbose, {
    { flags = { "--version" }, description = "Print the version." },
  }),
  example = {
    { "wrapix -- make test", "run `make test` in this directory with the base profile" },
    { "wrapix --memory 8g -e API_KEY", "what the profile runs, with one secret of yours" },
    { "wrapix ./wrapix.lua --dry-run -- id", "print what would be started" },
  },
}

local function print_plan(args, plan, deps)
  if args.json then return output.json(output.plan(plan, deps), deps) end
  deps.out(shell.join(deps.runtimes.of(plan.runtime).argv(plan)) .. "\n")
  return 0
end

local function tell(args, plan, deps)
  for _, warning in ipairs(args.quiet and {} or plan.warnings) do
    deps.report:warn(warning.text, warning.hint)
  end
  for _, skipped in ipairs(plan.skipped) do
    deps.report:detail(("skipped: %s %s: %s"):format(skipped.kind, skipped.what, skipped.reason))
  end
  if deps.report:shows("debug") then
    deps.report:detail("engine: " .. shell.join(deps.runtimes.of(plan.runtime).argv(plan)))
  end
end

local function print_timing(args, timing, deps)
  if args.json then
    return deps.err(deps.json.encode({ timing = timing }) .. "\n")
  end
  local parts = {}
  for i, phase in ipairs(timing) do
    parts[i] = ("%s %.1f ms"):format(phase.name, phase.seconds * 1000)
  end
  deps.err(("wrapix: timing: %s\n"):format(table.concat(parts, ", ")))
end

local function launch(args, plan, facts, deps)
  local function replan(edit)
    local changed, origins = edit:merged(prepare.options(args))
    return deps.plan.make(args.loaded, changed, facts, { runs = true, origins = origins })
  end
  local result, message, code, hint = deps.launch.run(plan, facts, {
    log = deps.report,
    hooks = deps.hooks.new(args.loaded, deps.report, replan),
    on_detached = deps.keeper.announce,
  })
  if not result then return prepare.refuse(deps, message, code, hint) end
  if args.timing and result.timing then print_timing(args, result.timing, deps) end
  return result.signal and 128 + result.signal or result.code
end

-- The name is what later commands find it by.
local function detach(deps)
  local name, status, code = deps.keeper.start(deps.words)
  if name then
    deps.out(name .. "\n")
    return 0
  end
  return math.type(status) == "integer" and status or prepare.refuse(deps, status, code)
end

function M.run(args, deps)
  if args.version then
    deps.out(("wrapix %s\n"):format(deps.version))
    return 0
  end
  if args.json and not (args.dry_run or args.timing) then
    deps.report:error("usage: --json goes with --dry-run or --timing",
      "`wrapix explain --json` prints the plan with its command line")
    return 2
  end
  if args.detach and not args.dry_run and not deps.keeper.is_keeper() then
    return detach(deps)
  end
  local plan, facts, code, hint = prepare.plan(args, deps)
  if not plan then return prepare.refuse(deps, facts, code, hint) end
  tell(args, plan, deps)
  if args.dry_run then return print_plan(args, plan, deps) end
  return launch(args, plan, facts, deps)
end

return M
