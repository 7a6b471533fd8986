-- SPDX-License-Identifier: MIT
-- `ralph issue why ID`: why an issue is not ready.

local common = require "ralph.commands.issue.common"

---@type wrapix.CliCommand
local M = {
  name = "why",
  summary = "Tell why an issue is not ready.",
  description = "Tells what keeps an issue from being worked on, each reason in a line. Ends "
    .. "with 0 when "
    .. "it is ready and with 1 when it is not.",
  arguments = { { name = "id", argname = "ID", offers = "issue",
    description = "Its id, or the beginning of it." } },
  options = common.options,
  example = { { "ralph issue why shop-a3f8", "what it waits for" } },
}

function M.run(args, deps)
  local tracker, message, code, hint = common.tracker(args, deps)
  local why
  if tracker then why, message, code, hint = tracker:why(args.id) end
  if not why then return common.refuse(deps, message, code, hint) end
  local status = why.ready and 0 or 1
  if args.json then return math.max(status, common.json(why, deps)) end
  deps.out(("%s: %s\n"):format(common.show(why.id), why.ready and "ready" or "not ready"))
  for _, reason in ipairs(why.reasons) do
    deps.out(("  %-10s %s\n"):format(reason.kind, common.show(reason.text)))
  end
  return status
end

return M
