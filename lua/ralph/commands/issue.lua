-- SPDX-License-Identifier: MIT
-- `ralph issue`: the work list by hand and from scripts. A group; each of its commands is
-- a file of `issue/`, loaded when it is named.

local function entry(name)
  return { name = name, load = function() return require("ralph.commands.issue." .. name) end }
end

---@type wrapix.CliCommand
return {
  name = "issue",
  summary = "See and change the list of issues.",
  description = "The list is .wrapix/issues.jsonl, which belongs into git, or that of the program "
    .. 'bd with `tracker = "bd"`. A beginning of an id will do wherever it means one issue alone.',
  commands = {
    entry("add"), entry("show"), entry("list"), entry("ready"), entry("why"), entry("claim"),
    entry("update"), entry("close"), entry("reopen"), entry("dep"), entry("import"),
    entry("export"),
  },
  example = {
    { 'ralph issue add "Total is rounded wrongly" -t bug -p 1', "a new issue" },
    { "ralph issue ready --json", "what can be worked on, as JSON" },
    { "ralph issue why shop-a3f8", "why an issue is not ready" },
  },
}
