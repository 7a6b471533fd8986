-- SPDX-License-Identifier: MIT
-- `ralph issue close ID...`: closes issues.

local common = require "ralph.commands.issue.common"
local wrapix = require "wrapix"

---@type wrapix.CliCommand
local M = {
  name = "close",
  summary = "Close issues.",
  description = "Closes issues, one after the other. What waited for them may be ready now. A "
    .. "reason with "
    .. "a word such as failed, rejected or cancelled says that the work was not done: what depends on "
    .. "them by conditional-blocks is ready then, and only then.",
  arguments = { { name = "ids", argname = "ID", many = true, offers = "issue",
    description = "Ids, or beginnings of them." } },
  options = common.list({
    { flags = { "-r", "--reason" }, argname = "TEXT", description = "Why; - reads it from stdin." },
  }, common.options),
  example = { { 'ralph issue close shop-a3f8 -r "done in 1f2e3d4"', "close it" } },
}

function M.run(args, deps)
  local tracker, message, code, hint = common.tracker(args, deps)
  if not tracker then return common.refuse(deps, message, code, hint) end
  local reason
  if args.reason then
    reason, message = common.text(args.reason)
    if not reason then return common.refuse(deps, message) end
  end
  local list, status = wrapix.json.array(), 0
  for _, id in ipairs(args.ids) do
    local issue
    issue, message, code, hint = tracker:close(id, reason)
    if issue then list[#list + 1] = issue else status = common.refuse(deps, message, code, hint) end
    if issue and not args.json then common.done(issue, "closed", args, deps) end
  end
  if args.json then status = math.max(status, common.json(list, deps)) end
  return status
end

return M
