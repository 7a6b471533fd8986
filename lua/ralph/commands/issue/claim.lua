-- SPDX-License-Identifier: MIT
-- `ralph issue claim ID`: takes an issue, for oneself or for a process.

local common = require "ralph.commands.issue.common"
local options = require "ralph.commands.options"
local wrapix = require "wrapix"

---@type wrapix.CliCommand
local M = {
  name = "claim",
  summary = "Take an issue to work on it.",
  description = "Makes an issue yours and in progress, if it is ready. Ends with 1 when another has it; "
    .. "to claim your own again is no failure, so scripts that run at the same time claim with --pid, "
    .. "each for itself: one of them gets it. An issue stays yours until it is closed or reopened; with "
    .. "--pid, the next ralph that starts after the end of that process opens it again.",
  arguments = { { name = "id", argname = "ID", offers = "issue",
    description = "Its id, or the beginning of it." } },
  options = common.list({
    { flags = { "--pid" }, argname = "PID", check = options.check_count,
      description = "For this process, such as a script's own." },
  }, common.options),
  example = { { "ralph issue claim shop-a3f8", "take it" },
    { "ralph issue claim shop-a3f8 --pid $$", "for the shell that says so" } },
}

function M.run(args, deps)
  local owner = false
  if args.pid then
    local message, code
    owner, message, code = wrapix.owner.of(math.tointeger(tonumber(args.pid)))
    if not owner then return common.refuse(deps, "claim: process " .. args.pid .. ": " .. message, code) end
  end
  return common.act(args, deps, "claimed", function(tracker) return tracker:claim(args.id, owner) end)
end

return M
