-- SPDX-License-Identifier: MIT
-- `ralph issue list`: issues, one a line.

local common = require "ralph.commands.issue.common"
local wrapix = require "wrapix"

---@type wrapix.CliCommand
local M = {
  name = "list",
  summary = "List issues.",
  description = "Lists issues in the order in which they would be done; those that are closed only "
    .. "with --all or --status closed.",
  options = common.list({
    { flags = { "-a", "--all" }, description = "Closed ones as well." },
    { flags = { "--status" }, argname = "STATUS", offers = common.STATUSES,
      description = "open, in_progress, blocked, deferred, closed." },
    common.spec,
    { flags = { "-l", "--label" }, argname = "LABEL", description = "Only those with this label." },
    { flags = { "-t", "--type" }, argname = "TYPE", offers = common.TYPES,
      description = "Only those of this type." },
    common.limit,
  }, common.options),
  example = {
    { "ralph issue list", "what is not closed" },
    { "ralph issue list --label profile:rust --json", "as JSON" },
  },
}

function M.run(args, deps)
  local tracker, message, code, hint = common.tracker(args, deps)
  local list
  if tracker then
    list, message, code, hint = tracker:all({ status = args.status, spec = args.spec,
      label = args.label, type = args.type })
  end
  if not list then return common.refuse(deps, message, code, hint) end
  local shown, hidden = wrapix.json.array(), 0
  local limit = math.tointeger(tonumber(args.limit or "0"))
  for _, issue in ipairs(list) do
    if args.all or args.status or issue.status ~= "closed" then
      if limit == 0 or #shown < limit then
        shown[#shown + 1] = issue
      else
        hidden = hidden + 1
      end
    end
  end
  if hidden > 0 then deps.report:note(("%d more are not shown: --limit 0"):format(hidden)) end
  if args.json then return common.json_list(shown, deps) end
  if #shown > 0 then
    common.issues(shown, deps)
  elseif #list == 0 and not (args.status or args.spec or args.label or args.type) then
    deps.report:note("there are no issues yet", "`ralph issue add TITLE` adds one")
  elseif not args.all and not args.status and #list > 0 then
    deps.report:note("there is no open one of these", "--all shows those that are closed")
  else
    deps.report:note("there is no such issue")
  end
  return 0
end

return M
