-- SPDX-License-Identifier: MIT
-- `ralph issue export`: issues as beads imports them.

local common = require "ralph.commands.issue.common"
local wrapix = require "wrapix"

---@type wrapix.CliCommand
local M = {
  name = "export",
  summary = "Write issues as beads imports them.",
  description = "Writes one issue a line, as `bd import` reads them.",
  options = common.list({
    { flags = { "-o", "--output" }, argname = "FILE", offers = "file",
      description = "Into this file; default, and -: stdout." },
    common.spec,
  }, common.options),
  example = { { "ralph issue export -o issues.jsonl", "all issues" } },
}

function M.run(args, deps)
  local tracker, message, code, hint = common.tracker(args, deps)
  local text
  if tracker then text, message, code, hint = tracker:export({ spec = args.spec }) end
  if not text then return common.refuse(deps, message, code, hint) end
  if not args.output or args.output == "-" then
    deps.out(text)
    return 0
  end
  local ok
  ok, message, code = wrapix.fs.write_atomic(args.output, text)
  if not ok then return common.refuse(deps, "export: " .. message, code) end
  return 0
end

return M
