-- SPDX-License-Identifier: MIT
-- `wrapix attach NAME`: connects to the program of a detached sandbox, until it
-- ends or the detach keys are typed.

local find = require("wrapix.cli.find")
local options = require("wrapix.cli.options")
local output = require("wrapix.cli.output")
local path = require("wrapix.path")
local prepare = require("wrapix.cli.prepare")

---@type wrapix.CliCommand
local M = {
  name = "attach",
  summary = "Connect to a detached sandbox.",
  description = "Shows the output of a sandbox that was started with --detach from now on and, when "
    .. "it was started at a terminal, lets you type. Ends with the status of its program. Ctrl-P "
    .. "Ctrl-Q leaves it running; so does the end of this command.",
  arguments = {
    { name = "name", argname = "NAME",
      description = "Name or session of the sandbox, or the beginning of one." },
  },
  options = options.list(
    { flags = { "--json" },
      description = "Collect the output and print it with the status as JSON." },
    options.quiet, options.verbose
  ),
  example = { { "wrapix attach web", "look at it, and leave with Ctrl-P Ctrl-Q" } },
}

local function refuse_foreground(live, deps)
  deps.report:error(("attach: %s: belongs to the terminal it was started at"):format(
    path.show(live.name)), ("`wrapix exec %s` opens a shell in it"):format(path.show(live.name)))
  return 125
end

-- What the engine's process ends with says nothing when the keys were typed or the
-- container was removed first; the keeper writes down how the program ended.
local function final_status(live, facts, result, deps)
  if deps.stopping.has_ended(live) then
    local entries = deps.record.read(facts.dirs.state, { last = 1, session = live.session })
    local entry = entries and entries[1]
    if entry and entry.exit then return entry.exit end
    if entry and entry.signal then return 128 + entry.signal end
  end
  return result.signal and 128 + result.signal or result.code
end

local function run_foreground(argv, live, deps)
  local process
  return deps.container.run(argv, {
    stdin = live.tty and "inherit" or "null",
    on_start = function(running) process = running end,
    -- The program is not ours: whatever ends this command leaves it alone.
    on_signal = function(_, sender)
      if sender ~= 0 and process and not process:exited() then process:kill("TERM") end
    end,
  })
end

function M.run(args, deps)
  local live, facts, code, hint = find.running(args.name, "attach", deps)
  if not live then return prepare.refuse(deps, facts, code, hint) end
  if not live.detach then return refuse_foreground(live, deps) end
  local tty = live.tty and not args.json and facts.stdin_tty and facts.stdout_tty
  local argv = deps.podman.attach_argv(deps.live.plan(live), { stdin = live.tty and not args.json, tty = tty })
  if tty then deps.report:note("Ctrl-P Ctrl-Q leaves it running") end
  local result, message
  if args.json then
    result, message, code = deps.proc.run(argv, {})
  else
    result, message, code = run_foreground(argv, live, deps)
  end
  if not result then return prepare.refuse(deps, message, code) end
  local status = final_status(live, facts, result, deps)
  if not args.json then return status end
  local written = output.json({
    code = status, seconds = result.seconds, stdout = deps.logfile.utf8(result.stdout or ""),
    stderr = deps.logfile.utf8(result.stderr or ""),
  }, deps)
  return written ~= 0 and written or status
end

return M
