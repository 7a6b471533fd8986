-- SPDX-License-Identifier: MIT
-- `wrapix notifyd`, which is `wrapix-notifyd` too: the daemon, its service, and what it
-- and the launchers did with the last messages. Decides nothing about a message.

local lazy = require("wrapix.lazy")
local options = require("wrapix.cli.options")
local output = require("wrapix.cli.output")
local path = require("wrapix.path")
local prepare = require("wrapix.cli.prepare")

local shell = lazy("wrapix.shell")
local text_table = lazy("wrapix.cli.text_table")

local DEFAULT_COUNT = 20
local DEFAULT_EXPLAINED = 5

local function check_count(word)
  local count = word:match("^%d+$") and math.tointeger(tonumber(word))
  if count and count < 1 << 31 then return count end
  return nil, "is no number of messages"
end

local COUNT = { flags = { "-n", "--last" }, argname = "N", check = check_count,
  description = "Only the last N messages." }

-- run ----------------------------------------------------------------------------------

local function say(deps)
  return function(line)
    deps.out(line .. "\n")
    deps.flush()
  end
end

local function run(_, deps)
  local dirs = deps.dirs()
  local what, message, code, hint = deps.notify_daemon.run({
    dirs = dirs, env = deps.sys.environ(), log = deps.report.log, say = say(deps),
  })
  if not what then return prepare.refuse(deps, message, code, hint) end
  if what == "running" then
    local who = message and message > 0 and ("process %d"):format(message) or "another process"
    deps.report:note(("wrapix-notifyd runs already (%s)"):format(who),
      "`wrapix notifyd status` tells more")
  end
  return 0
end

-- install, uninstall, status -----------------------------------------------------------

local function plan_of(deps)
  return deps.notify_units.plan({
    platform = deps.sys.platform(), env = deps.sys.environ(), home = deps.sys.home() or "/",
    uid = deps.sys.uid(), dirs = deps.dirs(), program = deps.fs.realpath("/proc/self/exe")
      or deps.sys.which("wrapix") or "wrapix",
  })
end

-- Files are in their place, but the service manager did not take them up: a machine
-- without one, or a login without its bus.
local function tell_failed(found, deps)
  if not found.failed then return 0 end
  local commands = {}
  for i, argv in ipairs(found.failed) do commands[i] = shell.join(argv) end
  deps.report:warn(("notifyd: %s"):format(found.why),
    ("in a session of your desktop: %s"):format(table.concat(commands, " && ")))
  return 0
end

local function install(_, deps)
  local found, message, code, hint = deps.notify_units.install(plan_of(deps), deps.proc.run)
  if not found then return prepare.refuse(deps, message, code, hint) end
  for _, file in ipairs(found.written) do deps.out(("wrote %s\n"):format(path.show(file))) end
  if not found.failed then deps.out("wrapix-notifyd starts with the first message\n") end
  return tell_failed(found, deps)
end

local function uninstall(_, deps)
  local found, message, code, hint = deps.notify_units.uninstall(plan_of(deps), deps.proc.run)
  if not found then return prepare.refuse(deps, message, code, hint) end
  for _, file in ipairs(found.removed) do deps.out(("removed %s\n"):format(path.show(file))) end
  if #found.removed == 0 then deps.report:note("no service of wrapix-notifyd is installed") end
  return tell_failed(found, deps)
end

local function gather_status(deps)
  local dirs = deps.dirs()
  local found = deps.notify_units.status(plan_of(deps), deps.proc.run)
  local pid = deps.notify_daemon.holder(dirs.runtime)
  local config, problem = deps.notify_config.load(dirs)
  local sinks = {}
  for i, entry in ipairs(config.sinks) do sinks[i] = entry.name end
  local socket = dirs.runtime .. "/notify.sock"
  return {
    running = pid ~= nil, pid = pid and pid > 0 and pid or nil, socket = socket,
    socket_there = deps.fs.exists(socket), service = found, rules = config.path,
    rules_problem = problem and problem.message or nil, sinks = deps.json.array(sinks),
    history = dirs.state .. "/notify.jsonl",
  }
end

local function status(args, deps)
  local found = gather_status(deps)
  if args.json then return output.json(found, deps) end
  local state = found.running and ("runs, process %s"):format(found.pid or "unknown")
    or found.service.active and "starts with the next message" or "does not run"
  local rows = {
    { "daemon", state },
    { "socket", path.show(found.socket) .. (found.socket_there and "" or " (not there)") },
    { "rules", path.show(found.rules or "the defaults") },
    { "sinks", table.concat(found.sinks, ", ") },
    { "history", path.show(found.history) },
  }
  for _, file in ipairs(found.service.files) do
    rows[#rows + 1] = { found.service.manager, ("%s: %s"):format(path.show(file.path), file.state) }
  end
  deps.out(text_table.render(rows))
  if found.rules_problem then deps.report:warn(found.rules_problem) end
  return 0
end

-- log, explain -------------------------------------------------------------------------

local function read(args, deps, default)
  local count = args.last and check_count(args.last) or default
  return deps.notify_history.open(deps.dirs().state):read(count)
end

-- Of none that were asked for nothing is to be said.
local function say_none(args, deps)
  if not args.last or check_count(args.last) > 0 then deps.report:note("no message has come yet") end
  return 0
end

local function shown(value) return type(value) == "string" and path.show(value) or "-" end

local function decision_text(record)
  local decision = shown(record.decision)
  return record.why and ("%s: %s"):format(decision, shown(record.why)) or decision
end

local function count_text(record)
  local count = math.type(record.count) == "integer" and record.count or 1
  return count > 1 and ("%d"):format(count) or ""
end

local function show_log(args, deps)
  local list, message, code = read(args, deps, DEFAULT_COUNT)
  if not list then return prepare.refuse(deps, message, code) end
  if args.json then return output.json(deps.json.array(list), deps) end
  if #list == 0 then return say_none(args, deps) end
  local rows = { { "TIME", "NAME", "COUNT", "DECISION", "TITLE", "MESSAGE" } }
  for i, record in ipairs(list) do
    rows[i + 1] = { text_table.moment(record.time), shown(record.name), count_text(record),
      decision_text(record), shown(record.title), shown(record.message) }
  end
  deps.out(text_table.render(rows, { color = deps.color }))
  return 0
end

-- Those of a list that are tables: whoever may write the history may write anything.
local function tables_of(list)
  local out = {}
  for _, one in ipairs(type(list) == "table" and list or {}) do
    if type(one) == "table" then out[#out + 1] = one end
  end
  return out
end

local function explain_one(record, deps)
  local head = ("%s  %s: %s\n"):format(text_table.moment(record.time), shown(record.name),
    shown(record.title))
  local rows = {}
  local function add(name, answer, detail)
    rows[#rows + 1] = { "  " .. shown(name), shown(answer), detail and shown(detail) or "" }
  end
  for _, level in ipairs(tables_of(record.levels)) do
    add(level.name, level.answer, level.detail)
  end
  for _, sink in ipairs(tables_of(record.sinks)) do
    add("sink " .. tostring(sink.name), sink.ok and "showed it" or "failed", sink.detail)
  end
  add("decision", decision_text(record), count_text(record) ~= ""
    and ("stands for %s messages"):format(count_text(record)) or nil)
  deps.out(head .. text_table.render(rows) .. "\n")
end

local function explain(args, deps)
  local list, message, code = read(args, deps, DEFAULT_EXPLAINED)
  if not list then return prepare.refuse(deps, message, code) end
  if args.json then return output.json(deps.json.array(list), deps) end
  if #list == 0 then return say_none(args, deps) end
  for _, record in ipairs(list) do explain_one(record, deps) end
  return 0
end

-- The group ------------------------------------------------------------------------------

local SPEAK = options.list(options.quiet, options.verbose)
local LIST = options.list(COUNT, options.json, options.quiet, options.verbose)

---@type wrapix.CliCommand
local M = {
  name = "notifyd",
  summary = "Run the notification daemon, or see what it did.",
  description = "Without a command: run. Nothing needs the daemon; with it there is one place for "
    .. "all sandboxes and for containers started by other means, one limit and one history. "
    .. "$XDG_CONFIG_HOME/wrapix/notify.lua has the rules; SIGHUP reads them anew.",
  default = "run",
  commands = {
    { name = "run", summary = "Serve until SIGTERM.",
      description = "Serves $XDG_RUNTIME_DIR/wrapix/notify.sock, or the sockets a service manager "
        .. "passes. When one runs already it is left alone, and the exit status is 0.",
      options = SPEAK, run = run,
      example = { { "wrapix notifyd run", "serve in the foreground" } } },
    { name = "install", summary = "Make it a service of yours: systemd, or launchd on macOS.",
      options = SPEAK, run = install,
      example = { { "wrapix notifyd install", "write the units, and enable the socket" } } },
    { name = "uninstall", summary = "Stop the service and remove its files.",
      options = SPEAK, run = uninstall,
      example = { { "wrapix notifyd uninstall", "as if it had never been installed" } } },
    { name = "status", summary = "Show whether it runs, by which rules, and its service.",
      options = options.list(options.json, options.quiet, options.verbose), run = status,
      example = { { "wrapix notifyd status --json", "the same as JSON" } } },
    { name = "log", summary = "Show the last messages and what became of them.",
      options = LIST, run = show_log,
      example = { { "wrapix notifyd log -n 50", "the last fifty" } } },
    { name = "explain", summary = "Show what each level said of the last messages, and why.",
      options = LIST, run = explain,
      example = { { "wrapix notifyd explain -n 1", "why the last one was shown, or not" } } },
  },
  example = {
    { "wrapix-notifyd", "run the daemon" },
    { "wrapix notifyd install", "have it started with the first message" },
    { "wrapix notifyd explain", "why the last messages were shown or held back" },
  },
}

return M
