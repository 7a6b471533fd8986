-- SPDX-License-Identifier: MIT
-- `wrapix ps`: the sandboxes of this user, one a line.

local find = require("wrapix.cli.find")
local options = require("wrapix.cli.options")
local output = require("wrapix.cli.output")
local path = require("wrapix.path")
local prepare = require("wrapix.cli.prepare")
local text_table = require("wrapix.cli.text_table")

---@type wrapix.CliCommand
local M = {
  name = "ps",
  summary = "List the sandboxes that are running.",
  description = "Lists your sandboxes. A state is derived from the engine's containers and from what "
    .. "their launchers left on disk: starting, running, paused, ending, orphaned (its launcher is "
    .. "dead); with --all also exited (kept by --keep) and dead (the next start clears it up).",
  options = options.list(
    { flags = { "-a", "--all" }, description = "Also those that have ended." },
    options.json, options.quiet, options.verbose
  ),
  example = {
    { "wrapix ps", "what is running, since when and where" },
    { "wrapix ps --all --json", "everything known about each, as JSON" },
  },
}

local ENDED = { exited = true, dead = true }

-- What scripts may rely on; the engine's path and the like are our own affair.
local FIELDS = { "session", "name", "state", "profile", "workspace", "image", "network", "detach",
  "keep", "tty", "start", "uptime", "exit", "id", "dir", "log" }

local function data_of(live)
  local data = { owner = { pid = live.owner.pid, state = live.owner.state } }
  for _, field in ipairs(FIELDS) do data[field] = live[field] end
  return data
end

local function state_text(live)
  if live.state == "exited" and live.exit then return ("exited (%d)"):format(live.exit) end
  return live.state
end

local function print_table(list, deps)
  local rows = { { "NAME", "PROFILE", "STATE", "UP", "WORKSPACE" } }
  for i, live in ipairs(list) do
    rows[i + 1] = {
      path.show(live.name), path.show(live.profile or "-"), state_text(live),
      live.uptime and text_table.duration(live.uptime) or "-", path.show(live.workspace or "-"),
    }
  end
  deps.out(text_table.render(rows, { color = deps.color }))
end

function M.run(args, deps)
  local list, message, code, hint = find.all(deps)
  if not list then return prepare.refuse(deps, message, code, hint) end
  local shown, hidden = {}, 0
  for _, live in ipairs(list) do
    if args.all or not ENDED[live.state] then
      shown[#shown + 1] = live
    else
      hidden = hidden + 1
    end
  end
  if args.json then
    for i, live in ipairs(shown) do shown[i] = data_of(live) end
    return output.json(deps.json.array(shown), deps)
  end
  if #shown > 0 then print_table(shown, deps) end
  if #shown == 0 then
    deps.report:note(args.all and "there is no sandbox" or "no sandbox is running")
  end
  if hidden > 0 then deps.report:note(("%d that ended: `wrapix ps --all`"):format(hidden)) end
  return 0
end

return M
