-- SPDX-License-Identifier: MIT
-- `ralph issue reopen ID`: opens an issue again.

local common = require "ralph.commands.issue.common"

---@type wrapix.CliCommand
local M = {
  name = "reopen",
  summary = "Open an issue again.",
  description = "Opens an issue that is closed, put aside, or in progress for somebody who does "
    .. "nothing. "
    .. "Failed attempts are no longer counted against it.",
  arguments = { { name = "id", argname = "ID", offers = "closed-issue",
    description = "Its id, or the beginning of it." } },
  options = common.list({
    { flags = { "-r", "--reason" }, argname = "TEXT",
      description = "Why, kept as a comment; - reads it from stdin." },
  }, common.options),
  example = { { "ralph issue reopen shop-a3f8", "have it tried again" } },
}

function M.run(args, deps)
  local reason, message
  if args.reason then
    reason, message = common.text(args.reason)
    if not reason then return common.refuse(deps, message) end
  end
  return common.act(args, deps, "open", function(tracker) return tracker:reopen(args.id, reason) end)
end

return M
