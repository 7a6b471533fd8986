-- SPDX-License-Identifier: MIT
-- `wrapix version`.

local options = require("wrapix.cli.options")
local output = require("wrapix.cli.output")

---@type wrapix.CliCommand
local M = {
  name = "version",
  summary = "Print the version.",
  options = options.list(options.json, options.quiet, options.verbose),
  example = { { "wrapix version --json", "the versions of wrapix and Lua as JSON" } },
}

function M.run(args, deps)
  if args.json then
    return output.json({ wrapix = deps.version, lua = _VERSION:match("%S+$") }, deps)
  end
  deps.out(("wrapix %s (%s)\n"):format(deps.version, _VERSION))
  return 0
end

return M
