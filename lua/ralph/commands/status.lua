-- SPDX-License-Identifier: MIT
-- `ralph status`: where the work stands, once or again and again.

local options = require "ralph.commands.options"
local shared = require "ralph.commands.shared"
local wrapix = require "wrapix"

-- Seconds between two looks; what is shown are files.
local PAUSE = 2
local HOME_AND_CLEAR = "\27[H\27[2J"

---@type wrapix.CliCommand
local M = {
  name = "status",
  summary = "Show where the work stands.",
  description = "Counts of the spec in work, what is in progress, what waits for a person, and the last "
    .. "attempts with their cost.",
  options = options.list(
    shared.all, shared.spec,
    { flags = { "-w", "--watch" }, description = "Show it again every two seconds, until Ctrl-C." },
    options.json, options.common
  ),
  example = {
    { "ralph status", "the spec in work" },
    { "ralph status --all --json", "every spec, as JSON" },
  },
}

local function show(args, deps, project)
  local spec, message, code, hint = shared.spec_of(args, project)
  if message then return shared.refuse(deps, message, code, hint) end
  local status = require "ralph.status"
  local found
  found, message, code, hint = status.read(project, { spec = spec, all = args.all })
  if not found then return shared.refuse(deps, message, code, hint) end
  if args.json then
    shared.json(found, deps)
  else
    if args.watch and deps.color then deps.out(HOME_AND_CLEAR) end
    deps.out(status.render(found, deps.called))
    deps.flush()
  end
  return 0
end

local function watch(args, deps, project)
  local status = 0
  deps.interruptible(function()
    while status == 0 do
      status = show(args, deps, project)
      if not deps.flush() or not wrapix.task.sleep(PAUSE) then break end
    end
    return true
  end)
  return status
end

function M.run(args, deps)
  local project, message, code, hint = shared.open(args, deps)
  if not project then return shared.refuse(deps, message, code, hint) end
  return (args.watch and watch or show)(args, deps, project)
end

return M
