-- SPDX-License-Identifier: MIT
-- `ralph plan [NAME]`: the interview. The words to options; the phase is ralph.plan.

local options = require "ralph.commands.options"
local shared = require "ralph.commands.shared"
local wrapix = require "wrapix"

---@type wrapix.CliCommand
local M = {
  name = "plan",
  summary = "Fill a spec in an interview with an agent.",
  description = "An agent in a sandbox asks you, or reads prepared answers, and writes the spec. It is "
    .. "done when each section says something; else the status is 1. The earlier text is kept.",
  arguments = {
    { name = "name", argname = "NAME", optional = true, offers = "spec",
      description = "The spec; one that is not there is started (default: the one in work)." },
  },
  options = options.list(
    { flags = { "-u", "--update" }, description = "Change a spec that is filled." },
    { flags = { "--hidden" }, description = "Start a new spec outside of the work tree, where git "
      .. "cannot take it." },
    { flags = { "--answers" }, argname = "FILE", offers = "file",
      description = "Ask nobody: FILE has what you would "
      .. "answer, as text." },
    shared.budgets, options.json, options.common
  ),
  example = {
    { "ralph plan", "be asked about the spec in work" },
    { "ralph plan -u shop-cart", "change a spec" },
    { "ralph plan shop-cart --answers answers.md", "without a terminal" },
  },
}

local function read_answers(file)
  if not file then return nil end
  local largest = require("ralph.plan").LARGEST_ANSWERS
  local text, message, code = wrapix.fs.read(file, largest)
  if code == "EFBIG" then message = ("has more than %d KiB"):format(largest >> 10) end
  if text and not text:find("%S") then text, message = nil, "is empty" end
  if not text then return nil, ("plan: %s: %s"):format(wrapix.path.show(file), message), code end
  return text
end

local function show(result, deps)
  local spec = result.spec
  local name = wrapix.path.show(spec.rel or spec.file)
  if result.kept then
    deps.report:note(("the earlier text is kept: %s"):format(wrapix.path.show(result.kept)))
  end
  if not result.ok then
    deps.report:error(("plan: %s: %s"):format(name, result.reason), result.hint)
    return 1
  end
  deps.out(("%s: %s\nnext: %s ready %s\n"):format(name, result.changed and "filled" or "as it was",
    deps.called or "ralph", spec.name))
  return 0
end

local function show_json(result, deps)
  local spec, array = result.spec, wrapix.json.array
  shared.json({
    name = spec.name, file = spec.file, hidden = spec.hidden, ok = result.ok, reason = result.reason,
    changed = result.changed, kept = result.kept, started = result.started,
    missing = array(result.check.missing), empty = array(result.check.empty),
    others = array(result.others),
    usd = result.outcome.usd, seconds = result.outcome.seconds,
  }, deps)
  return result.ok and 0 or 1
end

function M.run(args, deps)
  local answers, message, code, hint = read_answers(args.answers)
  if message then return shared.refuse(deps, message, code, hint) end
  if not answers and not deps.has_terminal() then
    return shared.refuse(deps, "plan: there is no terminal to ask at", "EUSAGE",
      "--answers FILE has the answers prepared")
  end
  if not answers and (args.max_cost or args.max_tokens) then
    return shared.refuse(deps, "plan: an agent at the terminal tells nobody what it costs", "EUSAGE",
      "--max-time bounds it, and with --answers FILE --max-cost and --max-tokens do")
  end
  local project
  project, message, code, hint = shared.open(args, deps,
    { max_cost = args.max_cost, max_tokens = args.max_tokens, max_time = args.max_time })
  if not project then return shared.refuse(deps, message, code, hint) end
  local display = args.verbose and not args.json and shared.display(args, deps)
  local opts = {
    update = args.update, hidden = args.hidden, answers = answers,
    on_event = display and function(event) display:event(event) end or nil,
  }
  local result
  result, message, code, hint = deps.interruptible(function()
    return require("ralph.plan").run(project, args.name, opts)
  end)
  if not result then return shared.refuse(deps, message, code, hint) end
  local tell = args.json and show_json or show
  return tell(result, deps)
end

return M
