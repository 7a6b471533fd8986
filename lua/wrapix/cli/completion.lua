-- SPDX-License-Identifier: MIT
-- `wrapix completion bash|zsh|fish`: prints a completion script. The scripts know all
-- words of the command line; for names of what is there they ask `wrapix completion names`.

local names = require("wrapix.cli.completion.names")
local options = require("wrapix.cli.options")
local script = require("wrapix.lazy")("wrapix.cli.completion.script")

local SPEAK = options.list(options.quiet, options.verbose)

local function shell(name, example)
  return {
    name = name, summary = ("Print the script for %s."):format(name), options = SPEAK,
    example = { example },
    run = function(_, deps)
      deps.out(script.make(name, deps.commands(), deps.programs))
      return 0
    end,
  }
end

---@type wrapix.CliCommand
return {
  name = "completion",
  summary = "Print a completion script for bash, zsh or fish.",
  description = "The script completes wrapix, ralph, wrapix-builder and wrapix-notifyd: commands, "
    .. "options, their values, files, and the names of profiles, sandboxes, specs and issues. "
    .. "`make install` puts the scripts where the shells look for them.",
  commands = {
    shell("bash", { 'eval "$(wrapix completion bash)"', "a line for ~/.bashrc" }),
    shell("zsh", { 'eval "$(wrapix completion zsh)"', "a line for ~/.zshrc, after compinit" }),
    shell("fish", { "wrapix completion fish", "with `| source`, a line for config.fish" }),
    { name = "names", summary = "Print the names of one kind that there are, one a line.",
      description = "What the scripts ask where they cannot know the words. Names that a "
        .. "terminal could not show as they are, are left out. What is not there has no names: "
        .. "that is no error.",
      arguments = { { name = "kind", argname = "KIND", offers = names.KINDS,
        description = table.concat(names.KINDS, ", ") .. "." } },
      options = options.list(options.workspace, SPEAK),
      run = names.run,
      example = { { "wrapix completion names sandbox", "the sandboxes that are there" } } },
  },
  example = {
    { 'eval "$(wrapix completion bash)"', "complete in this bash from now on" },
    { "wrapix completion names sandbox", "what it offers after `wrapix exec`" },
  },
}
