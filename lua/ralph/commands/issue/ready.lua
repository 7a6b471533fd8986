-- SPDX-License-Identifier: MIT
-- `ralph issue ready`: what can be worked on now.

local common = require "ralph.commands.issue.common"

local DEFAULT_LIMIT = 100

---@type wrapix.CliCommand
local M = {
  name = "ready",
  summary = "List the issues that can be worked on.",
  description = "Lists what is open, not blocked, not deferred and waits for nobody: the most "
    .. "urgent "
    .. "first, then the oldest. Issues that hold others, such as epics, are never ready.",
  options = common.list(common.spec, common.limit, common.options),
  example = {
    { "ralph issue ready", ("the first %d"):format(DEFAULT_LIMIT) },
    { "ralph issue ready --limit 1 --json", "what would be done next, as JSON" },
  },
}

function M.run(args, deps)
  local limit = math.tointeger(tonumber(args.limit or DEFAULT_LIMIT))
  local tracker, message, code, hint = common.tracker(args, deps)
  local list, more
  if tracker then
    list, more, code, hint = tracker:ready({ spec = args.spec, limit = limit > 0 and limit or nil })
    message = more
  end
  if not list then return common.refuse(deps, message, code, hint) end
  if more == true then deps.report:note("there are more: --limit 0 shows all") end
  if args.json then return common.json_list(list, deps) end
  if #list == 0 then
    deps.report:note("nothing is ready", "`ralph issue list` shows what there is")
  else
    common.issues(list, deps)
  end
  return 0
end

return M
