-- SPDX-License-Identifier: MIT
-- What the commands that work on issues share: the project from the options, the spec
-- they mean, what is shown, and what a failure's status is. Decides nothing about work.

local displays = require "ralph.display"
local options = require "ralph.commands.options"
local wrapix = require "wrapix"

local M = {}

--- Which spec's issues: with none the one in work, or all where none is.
M.spec = { flags = { "-s", "--spec" }, argname = "NAME", offers = "spec",
  description = "Only issues of this spec; default: the one in work, `ralph use NAME`." }
M.all = { flags = { "-a", "--all" }, description = "Issues of all specs." }

local function text_check(kind)
  return function(text)
    if kind == "cost" then
      local number = tonumber((text:gsub("^%$", "")))
      if number and number > 0 then return true end
      return nil, "is no amount of US dollars"
    end
    if text:lower():match("^%d+[km]?$") then return true end
    return nil, "is no number of tokens, such as 500k"
  end
end

--- What work may cost.
M.budgets = options.list(
  { flags = { "--max-cost" }, argname = "USD", check = text_check("cost"),
    description = "Stop when it has cost so many US dollars, also in the middle of a step." },
  { flags = { "--max-tokens" }, argname = "N", check = text_check("tokens"),
    description = "Likewise for tokens that were sent, cached or written; reads from the cache are free." },
  { flags = { "--max-time" }, argname = "DUR", check = options.check_duration,
    description = "Likewise for time, such as 2h30m." }
)

--- What judges may have been changed by an attempt that failed.
M.accept = { flags = { "--accept-protected" },
  description = "Take files of `protect` that a failed attempt changed, and which are in its way, as they are now." }

--- Carries `--accept-protected` out.
---@param args table
---@param project ralph.Project
---@return true|nil
---@return string? message
---@return string? code
---@return string? hint
function M.accept_protected(args, project)
  if not args.accept_protected then return true end
  local lock <close>, message, code, hint = project:lock_work()
  if not lock then return nil, message, code, hint end
  return require("ralph.protected").accept(project)
end

-- Of the system, and of git.
local FULL = { "no space left on device", "out of diskspace" }

--- What helps where nobody else has said it.
---@param message string?
---@param hint string?
---@return string?
function M.hint(message, hint)
  if hint then return hint end
  for _, words in ipairs(FULL) do
    if message and message:lower():find(words, 1, true) then
      return "free space there; what was not written down is settled by the next start"
    end
  end
end

--- Tells of a failure, and gives the exit status.
---@param deps table
---@param message string
---@param code string?
---@param hint string?
---@return integer
function M.refuse(deps, message, code, hint)
  deps.report:error(message, M.hint(message, hint))
  local signal = code and wrapix.proc.signal_number(code:match("^SIG(%u+)$") or "")
  if signal then return 128 + signal end
  return code == "EUSAGE" and 2 or 1
end

--- Opens the project of a command.
---@param args table
---@param deps table
---@param config table? fields from options
---@return ralph.Project? project
---@return string? message
---@return string? code
---@return string? hint
function M.open(args, deps, config)
  return require("ralph.project").open(args.workspace, { config = config, log = deps.report })
end

-- A name that stands for nothing would have no issues, which looks as if all were done.
local function check_spec(project, name)
  local specs = require "ralph.specs"
  local spec, message, code, hint = specs.read(project, name)
  if spec then return name end
  local tracker, why, what, advice = project:tracker()
  if not tracker then return nil, why, what, advice end
  local issues
  issues, why, what, advice = tracker:all({ spec = name })
  if not issues then return nil, why, what, advice end
  if #issues > 0 then return name end
  return nil, message, code, hint
end

--- The spec that is meant; nil alone for all.
---@param args table
---@param project ralph.Project
---@return string? name "": issues without one
---@return string? message where there are neither such a spec nor issues of it
---@return string? code
---@return string? hint
function M.spec_of(args, project)
  if args.spec == "" then return args.spec end
  if args.spec then return check_spec(project, args.spec) end
  if args.all then return nil end
  local state = require("ralph.state").read(project)
  return state and state.current or nil
end

--- Tells where issues come from, when there never were any.
---@param project ralph.Project
---@param spec string?
---@param deps table
function M.note_no_issues(project, spec, deps)
  local tracker = project:tracker()
  local counts = tracker and tracker:counts({ spec = spec })
  if not counts or counts.closed > 0 then return end
  local of = spec and spec ~= "" and " " .. wrapix.log.clean(spec) or ""
  local state = require("ralph.state").read(project)
  if of == "" and state and not next(state.specs) then
    return deps.report:note("there are no issues yet",
      "`ralph start NAME` begins with a spec, `ralph issue add TITLE` adds an issue by hand")
  end
  deps.report:note(("there are no issues%s yet"):format(of ~= "" and " of" .. of or ""),
    ("`ralph ready%s` makes them from a spec"):format(of))
end

--- What shows the work at this terminal.
---@param args table
---@param deps table
---@return ralph.Display
function M.display(args, deps)
  return displays.new({
    out = function(text)
      deps.out(text)
      deps.flush()
    end,
    color = deps.color, quiet = args.quiet or args.json, clock = wrapix.sys.clock,
  })
end

--- Prints a value as JSON.
---@param value table
---@param deps table
function M.json(value, deps)
  deps.out(assert(wrapix.json.encode(value, { pretty = true })) .. "\n")
  deps.flush()
end

return M
