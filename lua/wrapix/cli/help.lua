-- SPDX-License-Identifier: MIT
-- `wrapix help [COMMAND]`: the same text as `wrapix COMMAND --help`.

local options = require("wrapix.cli.options")

---@type wrapix.CliCommand
local M = {
  name = "help",
  summary = "Show the help of a command.",
  arguments = {
    { name = "command", argname = "COMMAND", optional = true,
      description = "The command to show the help of." },
    { name = "subs", argname = "SUBCOMMAND", optional = true, many = true,
      description = "And of one of its own commands." },
  },
  options = options.list(options.quiet, options.verbose),
  example = { { "wrapix help profile show", "the help of `wrapix profile show`" } },
}

function M.run(args, deps)
  local words = { args.command, table.unpack(args.subs) }
  local text, message, hint = deps.help(words)
  if not text then
    deps.report:error(message, hint)
    return 2
  end
  deps.out(text)
  return 0
end

return M
