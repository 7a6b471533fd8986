-- SPDX-License-Identifier: MIT
-- `wrapix logs [ID]`: the sessions there were, as the record has them, or the output
-- of a detached one. Asks no engine: what is read are files of this user.

local options = require("wrapix.cli.options")
local output = require("wrapix.cli.output")
local path = require("wrapix.path")
local prepare = require("wrapix.cli.prepare")
local text_table = require("wrapix.cli.text_table")

local function check_count(text)
  local count = text:match("^%d+$") and math.tointeger(tonumber(text))
  if count and count < 1 << 31 then return count end
  return nil, "is no number of lines"
end

---@type wrapix.CliCommand
local M = {
  name = "logs",
  summary = "Show past sessions, or the output of a detached one.",
  description = "Without ID: the record of all sessions that have ended, the newest last. With ID: "
    .. "what a detached sandbox has written, its errors to standard error. With --verify: whether "
    .. "the record is as it was written; each of its lines holds a digest of the one before.",
  arguments = {
    { name = "id", argname = "ID", optional = true, offers = "session",
      description = "Name or session of a detached sandbox, or the beginning of one." },
  },
  options = options.list(
    { flags = { "-f", "--follow" }, description = "Go on until the sandbox ends." },
    { flags = { "-n", "--last" }, argname = "N", check = check_count,
      description = "Only the last N lines." },
    { flags = { "--verify" }, description = "Look for lines that were changed, lost or torn." },
    { flags = { "--json" }, description = "Print JSON; of an output one object a line." },
    options.quiet, options.verbose
  ),
  example = {
    { "wrapix logs --last 20", "the last sessions: when, how long, with what status" },
    { "wrapix logs web --follow", "the output of the sandbox web, until it ends" },
    { "wrapix logs --verify", "status 1 when the record is not as it was written" },
  },
}

-- Pause between two looks at a file that grows, in seconds.
local PAUSE = 0.1

-- The record ---------------------------------------------------------------------------

local function exit_text(entry)
  if entry.lost then return "lost" end
  if entry.signal then return ("signal %d"):format(entry.signal) end
  return entry.exit and ("%d"):format(entry.exit) or entry.failure or "-"
end

local function shown(value) return type(value) == "string" and path.show(value) or "-" end

local function show_record(args, deps)
  local entries, skipped, code, hint = deps.record.read(deps.dirs().state,
    { last = args.last and check_count(args.last) })
  if not entries then return prepare.refuse(deps, skipped, code, hint) end
  if skipped > 0 then
    deps.report:warn(("record: %d lines cannot be read"):format(skipped),
      "`wrapix logs --verify` tells which")
  end
  if args.json then return output.json(deps.json.array(entries), deps) end
  if #entries == 0 then
    if check_count(args.last or "1") > 0 then deps.report:note("no session has ended yet") end
    return 0
  end
  local rows = { { "START", "TOOK", "EXIT", "NAME", "PROFILE", "SESSION", "WORKSPACE" } }
  for i, entry in ipairs(entries) do
    rows[i + 1] = {
      text_table.moment(entry.start), entry.seconds and text_table.duration(entry.seconds) or "-",
      path.show(tostring(exit_text(entry))), shown(entry.name), shown(entry.profile),
      shown(entry.session), shown(entry.workspace),
    }
  end
  deps.out(text_table.render(rows, { color = deps.color }))
  return 0
end

local function count(n, what) return ("%d %s%s"):format(n, what, n == 1 and "" or "s") end

local function verify(args, deps)
  local found, message, code, hint = deps.record.verify(deps.dirs().state)
  if not found then return prepare.refuse(deps, message, code, hint) end
  local status = found.ok and 0 or 1
  if args.json then
    deps.json.array(found.problems)
    return math.max(output.json(found, deps), status)
  end
  for _, problem in ipairs(found.problems) do
    deps.out(("line %d: %s: %s\n"):format(problem.line, problem.kind, path.show(problem.text)))
  end
  if found.total > #found.problems then
    deps.out(("and %d more\n"):format(found.total - #found.problems))
  end
  local verdict = found.ok and "is as it was written" or "is not as it was written"
  deps.out(("the record %s: %s in %s\n"):format(verdict, count(found.records, "session"),
    count(found.lines, "line")))
  if found.kept then
    deps.report:note(("record: pieces of lines torn by crashes are kept in %s"):format(
      path.show(found.kept)))
  end
  return status
end

-- One output ---------------------------------------------------------------------------

-- Whatever may have an output, the newest last: what has ended, then what lives.
local function known_sessions(deps)
  local dirs, list, at = deps.dirs(), {}, {}
  local function add(session, name, detach, log)
    if at[session] then return end
    at[session] = true
    list[#list + 1] = { session = session, name = name or session, detach = detach,
      log = log or ("%s/logs/%s.log"):format(dirs.state, session) }
  end
  for _, entry in ipairs(deps.record.read(dirs.state) or {}) do
    if type(entry.session) == "string" then add(entry.session, entry.name, entry.detach) end
  end
  for _, id in ipairs(deps.fs.list(dirs.runtime .. "/sessions") or {}) do
    local info = deps.reap.read(dirs.runtime .. "/sessions/" .. id)
    if info then add(info.session, info.name, info.detach, info.log) end
  end
  for _, file in ipairs(deps.fs.list(dirs.state .. "/logs") or {}) do
    local session = file:match("^(%x+)%.log$")
    if session then add(session, nil, true) end
  end
  return list
end

-- A name may be used again and again; the newest has it, the older ones are known
-- by their sessions.
local function without_old_names(list)
  local taken = {}
  for i = #list, 1, -1 do
    local one = list[i]
    if taken[one.name] then one.name = one.session end
    taken[one.name] = true
  end
  return list
end

local function find_output(word, deps)
  local one, message, code, hint = deps.live.find(without_old_names(known_sessions(deps)), word)
  if not one then
    if code == "ENOENT" then hint = "`wrapix logs` lists the sessions, `wrapix ps` what runs" end
    return nil, (message:gsub("^find", "logs")), code, hint
  end
  if deps.fs.exists(one.log) then return one end
  if one.detach then
    return nil, ("logs: %s: its output is gone"):format(path.show(one.name)), "ENOENT",
      "outputs are kept for 30 days"
  end
  return nil, ("logs: %s: was not detached: its output went to its terminal"):format(
    path.show(one.name)), "ENOENT", "start it with -d to keep its output"
end

-- False when nobody reads it any more.
local function print_entry(entry, args, deps)
  if args.json then
    deps.out(deps.json.encode({ time = entry.time, stream = entry.stream, partial = entry.partial,
      text = deps.logfile.utf8(entry.text) }) .. "\n")
    return
  end
  local text = entry.partial and entry.text or entry.text .. "\n"
  if entry.stream == "stdout" then return deps.out(text) end
  deps.flush() -- in the order it was written, where both are one terminal
  deps.err(text)
end

local function print_all(entries, args, deps)
  for _, entry in ipairs(entries) do print_entry(entry, args, deps) end
end

local function drain(reader, args, deps)
  while true do
    local entry, message, code = reader:next()
    if not entry then return message == nil or nil, message, code end
    print_entry(entry, args, deps)
  end
end

local function lives(one, deps)
  local _, who = deps.reap.read(("%s/sessions/%s"):format(deps.dirs().runtime, one.session))
  return who ~= nil and deps.owner.state(who) ~= "dead"
end

-- Whether it lives is asked before the file is read: what was written until then is
-- shown in any case.
local function follow(reader, one, args, deps)
  local replaced = reader.replaced
  while true do
    local alive = lives(one, deps)
    local ok, message, code = drain(reader, args, deps)
    if not ok then return nil, message, code end
    print_all(reader:pending(), args, deps)
    if reader.replaced > replaced then
      replaced = reader.replaced
      deps.report:warn(("logs: %s: the file was full; some of the output is lost"):format(
        path.show(one.name)))
    end
    if not deps.flush() or not alive then return true end
    ok, message, code = deps.task.sleep(PAUSE)
    if not ok then return nil, message, code end
  end
end

local function show_output(args, deps)
  local one, message, code, hint = find_output(args.id, deps)
  if not one then return prepare.refuse(deps, message, code, hint) end
  local reader = deps.logfile.open(one.log)
  local ok = true
  if args.last then
    local entries
    entries, message, code = deps.logfile.last(reader, check_count(args.last))
    if not entries then return prepare.refuse(deps, message, code) end
    print_all(entries, args, deps)
  else
    ok, message, code = drain(reader, args, deps)
  end
  if ok and args.follow then ok, message, code = follow(reader, one, args, deps) end
  if not ok then return prepare.refuse(deps, message, code) end
  print_all(reader:pending(), args, deps)
  return 0
end

function M.run(args, deps)
  if args.verify and (args.id or args.follow or args.last) then
    deps.report:error("usage: --verify goes without ID, --follow and --last")
    return 2
  elseif args.follow and not args.id then
    deps.report:error("usage: --follow needs an ID", "`wrapix ps` lists the names")
    return 2
  end
  if args.verify then return verify(args, deps) end
  return args.id and show_output(args, deps) or show_record(args, deps)
end

return M
