-- SPDX-License-Identifier: MIT
-- `ralph issue import FILE`: issues as beads exports them.

local common = require "ralph.commands.issue.common"
local wrapix = require "wrapix"

local LARGEST = 64 << 20

---@type wrapix.CliCommand
local M = {
  name = "import",
  summary = "Read issues that beads has exported.",
  description = "Reads one issue a line, as `bd export` writes them: new ones are added, those "
    .. "whose id is "
    .. "there are replaced. All or nothing.",
  arguments = { { name = "file", argname = "FILE", offers = "file",
    description = "The file; - for stdin." } },
  options = common.options,
  example = { { "bd export | ralph issue import -", "take the list of beads over" } },
}

function M.run(args, deps)
  local text, message, code, hint
  if args.file == "-" then
    text, message = common.stdin()
  else
    text, message, code = wrapix.fs.read(args.file, LARGEST)
  end
  if not text then return common.refuse(deps, "import: " .. message, code) end
  local tracker, counts
  tracker, message, code, hint = common.tracker(args, deps)
  if tracker then counts, message, code, hint = tracker:import(text) end
  if not counts then return common.refuse(deps, message, code, hint) end
  if args.json then return common.json(counts, deps) end
  deps.out(("%d added, %d replaced, %d left out\n"):format(counts.created, counts.updated, counts.skipped))
  return 0
end

return M
