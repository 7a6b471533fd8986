-- SPDX-License-Identifier: MIT
-- The command line of Ralph: a group of commands, one file each, loaded when it is
-- named. A command's table has the form of those of `wrapix/cli`: name, summary,
-- options, arguments, example, run(args, deps). Decides nothing.

---@type wrapix.CliCommand
return {
  name = "ralph",
  summary = "Take a project from a spec to finished work, by agents in sandboxes.",
  description = "From an idea to finished work: `start` makes a spec, `plan` fills it in an "
    .. "interview, `ready` turns it into issues, `step` has an agent do one of them in a sandbox, "
    .. "and `loop` goes on until nothing is ready.",
  -- In the order in which they are used.
  commands = {
    { name = "start", load = function() return require("ralph.commands.start") end },
    { name = "plan", load = function() return require("ralph.commands.plan") end },
    { name = "ready", load = function() return require("ralph.commands.ready") end },
    { name = "step", load = function() return require("ralph.commands.step") end },
    { name = "loop", load = function() return require("ralph.commands.loop") end },
    { name = "status", load = function() return require("ralph.commands.status") end },
    { name = "logs", load = function() return require("ralph.commands.logs") end },
    { name = "use", load = function() return require("ralph.commands.use") end },
    { name = "issue", load = function() return require("ralph.commands.issue") end },
    { name = "answer", load = function() return require("ralph.commands.answer") end },
  },
  example = {
    { "ralph start shop", "make specs/shop.md from the template" },
    { "ralph loop --max-cost 20", "work until nothing is ready, for at most 20 dollars" },
  },
}
