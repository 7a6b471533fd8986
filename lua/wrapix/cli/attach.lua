-- SPDX-License-Identifier: MIT
-- `wrapix attach NAME`: connects to the program of a detached sandbox, until it
-- ends or the detach keys are typed.

local find = require("wrapix.cli.find")
local options = require("wrapix.cli.options")
local output = require("wrapix.cli.output")
local path = require("wrapix.path")
local prepare = require("wrapix.cli.prepare")

-- Seconds for the launcher to write down how the program ended; its hooks run first.
local PATIENCE = 70

---@type wrapix.CliCommand
local M = {
  name = "attach",
  summary = "Connect to a detached sandbox.",
  description = "Shows the output of a sandbox that was started with --detach from now on and, when "
    .. "it was started at a terminal, lets you type. Ends with the status of its program. Ctrl-P "
    .. "Ctrl-Q leaves it running; so does the end of this command.",
  arguments = {
    { name = "name", argname = "NAME", offers = "sandbox",
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

-- Whether the program has ended, told from keys that left it running: the launcher
-- takes the session away; asked once is the engine, which may lag behind.
local function has_ended(live, facts, deps)
  local deadline, asked = deps.sys.clock() + PATIENCE, false
  while deps.sys.clock() < deadline do
    if deps.stopping.is_over(live) then return true end
    if not deps.task.sleep(0.05) then return false end
    if not asked and deps.sys.clock() > deadline - PATIENCE + 0.3 then
      asked = true
      local list = deps.live.list(facts)
      local same = list and deps.live.find(list, live.session)
      if same and same.state == "running" then return false end
    end
  end
  return true
end

-- The engine's own process says 0 however the program ended when the container is
-- gone by then; the launcher has written it down.
local function final_status(live, facts, result, deps)
  if not has_ended(live, facts, deps) then
    deps.report:note(path.show(live.name) .. " goes on running")
    return result.left_by and 128 + deps.proc.signal_number(result.left_by) or result.code or 125
  end
  local entries = deps.record.read(facts.dirs.state, { session = live.session })
  local entry = entries and entries[#entries] or {}
  return entry.exit or entry.signal and 128 + entry.signal or result.code or 128 + result.signal
end

local function run_engine(argv, live, args, deps)
  local process, errors, left_by = nil, {}, nil
  local result, message, code = deps.container.run(argv, {
    stdin = live.tty and not args.json and "inherit" or "null",
    stdout = args.json and "pipe" or nil, stderr = args.json and "pipe" or nil,
    on_stderr = function(chunk) errors[#errors + 1] = chunk end,
    on_start = function(running) process = running end,
    -- The program is not ours: whatever ends this command leaves it alone.
    on_signal = function(name)
      left_by = name
      if process and not process:exited() then process:kill("TERM") end
    end,
  })
  if not result then return nil, message, code end
  result.stderr, result.left_by = table.concat(errors), left_by
  return result
end

function M.run(args, deps)
  local live, facts, code, hint = find.running(args.name, "attach", deps)
  if not live then return prepare.refuse(deps, facts, code, hint) end
  if not live.detach then return refuse_foreground(live, deps) end
  local tty = live.tty and not args.json and facts.stdin_tty and facts.stdout_tty
  local argv, reason = deps.runtimes.of(live.runtime).attach_argv(deps.live.plan(live),
    { stdin = live.tty and not args.json, tty = tty })
  if not argv then
    return prepare.refuse(deps, ("attach: %s: %s"):format(path.show(live.name), reason), "EENGINE",
      ("`wrapix logs %s` shows its output"):format(path.show(live.name)))
  end
  if tty then deps.report:note("Ctrl-P Ctrl-Q leaves it running") end
  local result, message
  result, message, code = run_engine(argv, live, args, deps)
  if not result then return prepare.refuse(deps, message, code) end
  local status = final_status(live, facts, result, deps)
  if not args.json then return status end
  local written = output.json({
    code = status, seconds = result.seconds, stdout = deps.logfile.utf8(result.stdout or ""),
    stderr = deps.logfile.utf8(result.stderr),
  }, deps)
  return written ~= 0 and written or status
end

return M
