-- SPDX-License-Identifier: MIT
-- The commands of containers: run, create, start, exec, stop, kill, delete, list, inspect,
-- logs, copy, prune (facts A6, A9, A10, corrections 8, 9, 10, 11).

local encode = require("support.apple.encode")
local fail = require("support.apple.fail")
local fleet = require("support.apple.fleet")
local foreground = require("support.apple.foreground")
local fs = require("wrapix.fs")
local grammar = require("support.apple.grammar")
local json = require("wrapix.json")
local launch = require("support.apple.launch")
local path = require("wrapix.path")
local proc = require("wrapix.proc")
local records = require("support.apple.record")
local shapes = require("support.apple.shapes")
local values = require("support.apple.values")

local M = {}

---@type table<string, fun(cx: apple.Context, parse: apple.Parse): integer?>
M.commands = {}

-- What there is ------------------------------------------------------------------------

local known, get = fleet.all, fleet.get

local function source_of(cx)
  return function(name) return cx.state:place("volumes", name) .. "/volume.img" end
end

local function shape(cx, one) return shapes.container(cx.version, one.record, one.live, source_of(cx)) end

-- run, create, start ----------------------------------------------------------------------

local STEPS = { "Fetching image", "Unpacking image", "Fetching kernel", "Fetching init image",
  "Unpacking init image", "Starting container" }

-- Facts A3, --progress; correction 11.
local function show_progress(cx, parse, steps)
  local kind = parse.opts.progress or "auto"
  if cx.version:before("0.12.0") or kind == "none" or kind == "ansi" or kind == "color" then return end
  if kind == "auto" and cx.isatty(2) then return end
  for i, step in ipairs(steps) do
    cx:log(("[%d/%d] %s [0s]"):format(i, #steps, step))
  end
end

local function write_cidfile(opts, id)
  if not opts.cidfile or opts.cidfile == "" then return end
  local ok = fs.write_atomic(opts.cidfile, id, { mode = 420, sync = false })
  if not ok then fail.with("internalError", "failed to create cidfile at " .. opts.cidfile) end
end

local function new_record(cx, parse)
  records.check_options(cx, parse, grammar.usage(parse.command))
  local id = parse.opts.name or cx.state:uuid()
  values.check_name(cx.version, id)
  known(cx)
  records.check_free(cx, id, parse.command)
  local record = records.of(cx, parse, id)
  launch.create(cx, record)
  return record
end

local function kill_words(cx, record, signal)
  return { "kill", "--signal", signal, cx.engine:name(record.id) }
end

local function attach(cx, record, interactive)
  local words = { "start", "--attach", "--sig-proxy=false" }
  if interactive then words[#words + 1] = "--interactive" end
  words[#words + 1] = cx.engine:name(record.id)
  return foreground.run(cx, {
    words = words, tty = record.process.terminal, interactive = interactive,
    kill = function(signal) cx.engine:call(kill_words(cx, record, signal)) end,
  })
end

M.commands.run = function(cx, parse)
  local record = new_record(cx, parse)
  show_progress(cx, parse, STEPS)
  local function go()
    if not record.detached then
      foreground.check_terminal(record.process.terminal, record.interactive)
    end
    launch.bootstrap(cx, record)
    write_cidfile(parse.opts, record.id)
    if not record.detached then return attach(cx, record, record.interactive) end
    if record.interactive and not cx.engine.dry then foreground.leave_nonblocking() end
    launch.start(cx, record)
    cx:print(record.id)
    return 0
  end
  local ok, status = pcall(go)
  if not ok then
    launch.remove(cx, record)
    error(status, 0)
  end
  if record.auto_remove and not record.detached then launch.remove(cx, record) end
  return status
end

M.commands.create = function(cx, parse)
  local record = new_record(cx, parse)
  write_cidfile(parse.opts, record.id)
  cx:print(record.id)
end

M.commands.start = function(cx, parse)
  local one = get(cx, parse.args.container_id)
  local record = one.record
  local detach = not parse.opts.attach and not parse.opts.interactive
  if one.state == "running" then
    if not detach then
      fail.with("invalidArgument", "attach is currently unsupported on already running containers")
    end
    cx:print(record.id)
    return 0
  end
  for _, mount in ipairs(record.mounts) do
    if mount.type == "virtiofs" and not fs.stat(mount.source) then
      local text = cx.version:since("0.12.0") and "mount source path '%s' does not exist"
        or "path '%s' is not a directory"
      fail.with("invalidState", text:format(mount.source))
    end
  end
  foreground.check_terminal(record.process.terminal, parse.opts.interactive)
  launch.bootstrap(cx, record)
  if not detach then return attach(cx, record, parse.opts.interactive) end
  launch.start(cx, record)
  cx:print(record.id)
end

-- exec ------------------------------------------------------------------------------------

local function is_runtime_failure(chunk)
  return chunk:match("^Error: runc:") or chunk:match("^Error: crun:")
    or chunk:match("^Error: OCI runtime") or chunk:match("^Error: exec failed")
end

local function exec_words(cx, parse, one)
  local record = one.record
  local opts, words = parse.opts, { "exec" }
  for _, entry in ipairs(values.environment(cx, {}, opts)) do
    words[#words + 1], words[#words + 2] = "--env", entry
  end
  local user = values.user(opts, "")
  if opts.user or opts.uid then
    words[#words + 1] = "--user"
    words[#words + 1] = user.raw or ("%d:%d"):format(user.uid, user.gid)
  end
  if opts.cwd then table.move({ "--workdir", opts.cwd }, 1, 2, #words + 1, words) end
  if opts.interactive then words[#words + 1] = "--interactive" end
  if opts.tty then words[#words + 1] = "--tty" end
  if opts.detach then words[#words + 1] = "--detach" end
  local arguments = parse.args.arguments
  words[#words + 1] = cx.engine:name(record.id)
  words[#words + 1] = launch.lookup(record, arguments[1], function()
    return not cx.engine.dry and ("/proc/%d/root"):format(one.live.pid) or nil
  end)
  return table.move(arguments, 2, #arguments, #words + 1, words)
end

M.commands.exec = function(cx, parse)
  local one = get(cx, parse.args.container_id)
  local id, opts = one.record.id, parse.opts
  if one.state ~= "running" then
    fail.with("invalidState", ("container %s is not running"):format(id))
  end
  if #parse.args.arguments == 0 then
    if cx.version:before("1.1.0") then fail.unknown("A6, exec", "the CLI crashes without a command") end
    fail.with("invalidArgument", "no command specified for exec")
  end
  values.limits(opts.ulimit) -- parsed, and that is all (correction 8)
  if not opts.detach then foreground.check_terminal(opts.tty, opts.interactive) end
  local failed
  local status = foreground.run(cx, {
    words = exec_words(cx, parse, one), tty = opts.tty, interactive = opts.interactive,
    filter = function(chunk)
      failed = failed or is_runtime_failure(chunk)
      return not failed and chunk or nil
    end,
  })
  if failed then
    fail.with("internalError", ("failed to exec process failed to find target executable %s"):format(
      parse.args.arguments[1]))
  end
  if opts.detach then cx:print(id) end
  return status
end

-- stop, kill, delete ------------------------------------------------------------------------

local function check_ids(parse, what)
  local ids = parse.args.container_ids
  if #ids == 0 and not parse.opts.all then
    fail.with("invalidArgument", "no containers specified and --all not supplied")
  elseif #ids > 0 and parse.opts.all then
    fail.with("invalidArgument", ("explicitly supplied %s conflict with the --all flag"):format(what))
  end
end

local SIGNALS = {}
for number = 1, 31 do SIGNALS[proc.signal_name(number) or ""] = true end

local function check_signal(version, text)
  local name = text:upper():gsub("^SIG", "")
  if SIGNALS[name] or text:match("^%d+$") then return name end
  local code = version:since("1.0.0") and "internalError" or "invalidArgument"
  fail.with(code, ("invalid signal: %s"):format(text))
end

-- Each id by itself; what fails is told together at the end.
local function each(cx, ids, verb, fn)
  local failures = {}
  for _, id in ipairs(ids) do
    local ok, why = pcall(fn, id)
    if ok then
      cx:print(id)
    elseif not fail.is(why) or why.kind ~= "error" then
      error(why, 0)
    else
      failures[#failures + 1] = why
      if cx.version:before("0.10.0") then
        cx:log(('failed to %s container %s: %s: "%s"'):format(verb, id, why.code, why.message))
        failures[#failures].id = id
      end
    end
  end
  if #failures == 0 then return end
  if cx.version:since("0.10.0") then fail.all(failures) end
  local names = {}
  for i, one in ipairs(failures) do names[i] = one.id end
  fail.with("internalError", ("%s failed for one or more containers%s%s"):format(verb,
    verb == "delete" and ": " or " ", table.concat(names, ",")))
end

local function wanted(cx, parse, running_only)
  local ids = {}
  for _, one in ipairs(known(cx)) do
    if not running_only or one.state == "running" then ids[#ids + 1] = one.record.id end
  end
  if parse.opts.all then return ids end
  local is_there = {}
  for _, id in ipairs(ids) do is_there[id] = true end
  return parse.args.container_ids, is_there
end

local function stop(cx, one, signal, seconds)
  if one.state ~= "running" then return end -- stopping twice is no failure
  local name = cx.engine:name(one.record.id)
  cx.engine:call(kill_words(cx, one.record, signal))
  if cx.engine.dry then
    one.record.dry = "stopped"
    return cx.state:put("containers", one.record.id, one.record)
  end
  local ended = proc.run(cx.engine:argv({ "wait", name }), { timeout = math.max(seconds, 0.1), grace = 1 })
  if ended and ended.timed_out then
    cx.engine:call(kill_words(cx, one.record, "KILL"))
    cx.engine:call({ "wait", name })
  end
  if one.record.auto_remove then launch.remove(cx, one.record) end
end

M.commands.stop = function(cx, parse)
  check_ids(parse, "container IDs")
  local given = parse.opts.signal
  if given then check_signal(cx.version, given) end
  local ids, is_there = wanted(cx, parse)
  if is_there and cx.version:before("0.11.0") then -- unknown ones are passed over (correction 8)
    local found = {}
    for _, id in ipairs(ids) do
      if is_there[id] then found[#found + 1] = id end
    end
    ids = found
  end
  each(cx, ids, "stop", function(id)
    local one = get(cx, id)
    local own = cx.version:since("1.0.0") and one.record.stop_signal
    stop(cx, one, check_signal(cx.version, given or own or "TERM"), parse.opts.time or 5)
  end)
end

M.commands.kill = function(cx, parse)
  check_ids(parse, "container IDs")
  local signal = check_signal(cx.version, parse.opts.signal or "KILL")
  local ids, is_there = wanted(cx, parse, true)
  if is_there and cx.version:before("0.10.0") then
    local found = {}
    for _, id in ipairs(ids) do
      if is_there[id] then found[#found + 1] = id end
    end
    ids = found
  end
  each(cx, ids, "kill", function(id)
    local one = get(cx, id)
    if one.state ~= "running" then
      fail.with("invalidState", "no runtime client exists: container is stopped")
    end
    cx.engine:call(kill_words(cx, one.record, signal))
    if cx.engine.dry and signal == "KILL" then
      one.record.dry = "stopped"
      cx.state:put("containers", id, one.record)
    end
  end)
end

local function unique(list)
  local seen, out = {}, {}
  for _, one in ipairs(list) do
    if not seen[one] then out[#out + 1] = one end
    seen[one] = true
  end
  return out
end

M.commands.delete = function(cx, parse)
  check_ids(parse, "container ID(s)")
  local ids, is_there = wanted(cx, parse)
  ids = unique(ids)
  if is_there and cx.version:before("0.11.0") then
    local missing = {}
    for _, id in ipairs(ids) do
      if not is_there[id] then missing[#missing + 1] = ('"%s"'):format(id) end
    end
    if #missing > 0 then
      fail.with("notFound", ("failed to delete one or more containers: [%s]"):format(
        table.concat(missing, ", ")))
    end
  end
  local skipped = {}
  if parse.opts.all and not parse.opts.force then
    for _, id in ipairs(ids) do
      if get(cx, id).state ~= "running" then skipped[#skipped + 1] = id end
    end
    ids = skipped
  end
  each(cx, ids, "delete", function(id)
    local one = get(cx, id)
    if one.state == "running" and not parse.opts.force then
      fail.with("invalidState", cx.version:before("0.11.0") and "container is running"
        or ("container %s is running and can not be deleted"):format(id))
    end
    launch.remove(cx, one.record)
  end)
end

M.commands.prune = function(cx)
  for _, one in ipairs(known(cx)) do
    if one.state == "stopped" then
      launch.remove(cx, one.record)
      cx:print(one.record.id)
    end
  end
  local text = "Reclaimed Zero KB in disk space"
  if cx.version:since("0.12.0") then cx:log(text) else cx:print(text) end
end

-- list, inspect, logs ---------------------------------------------------------------------------

local function row(one)
  local live, record = one.live, one.record
  local running = one.state == "running"
  return { record.id, record.image.reference, "linux", record.architecture, one.state,
    running and live.address and ("%s/%d"):format(live.address, live.prefix) or "",
    tostring(record.cpus), ("%d MB"):format(record.memory // 1048576),
    live and live.started and os.date("!%Y-%m-%dT%H:%M:%SZ", live.started) or "" }
end

M.commands.list = function(cx, parse)
  local shown, out = {}, json.array({})
  local is_json = (parse.opts.format or "table") ~= "table"
  -- 0.9.0 forgets the filter when it writes JSON (correction 3).
  local all = parse.opts.all or is_json and cx.version:before("0.10.0")
  for _, one in ipairs(known(cx)) do
    if all or one.state == "running" then
      shown[#shown + 1] = one
      out[#out + 1] = shape(cx, one)
    end
  end
  if parse.opts.quiet and not is_json then
    for _, one in ipairs(shown) do cx:print(one.record.id) end
    return
  end
  local header = { "ID", "IMAGE", "OS", "ARCH", "STATE", "ADDR", "CPUS", "MEMORY", "STARTED" }
  cx:render(parse.opts.format, out, header, function(i) return row(shown[i]) end)
end

M.commands.inspect = function(cx, parse)
  local out, missing, by_id = json.array({}), {}, {}
  for _, one in ipairs(known(cx)) do by_id[one.record.id] = one end
  for _, id in ipairs(unique(parse.args.container_ids)) do
    if by_id[id] then
      out[#out + 1] = shape(cx, by_id[id])
    else
      missing[#missing + 1] = id
    end
  end
  table.sort(missing)
  if #missing > 0 and cx.version:since("1.0.0") then
    fail.with("notFound", "container not found: " .. table.concat(missing, ", "))
  end
  cx:print(encode.text(out, encode.style(cx.version, "inspect")))
end

M.commands.logs = function(cx, parse)
  local one = get(cx, parse.args.container_id)
  if parse.opts.boot then return end -- there is no boot
  local words = { "logs" }
  if parse.opts.n then table.move({ "--tail", tostring(parse.opts.n) }, 1, 2, 2, words) end
  if parse.opts.follow then words[#words + 1] = "--follow" end
  words[#words + 1] = cx.engine:name(one.record.id)
  if cx.engine.dry then return cx.engine:call(words).code end
  -- One file for both streams.
  local client = cx.engine:start(words, { stdout = "inherit", stderr = "stdout" })
  local result = assert(client:wait())
  return result.code or 1
end

-- copy -----------------------------------------------------------------------------------------

local function place_of(text)
  local colons = select(2, text:gsub(":", ""))
  if colons == 0 then return { path = text } end
  local id, inside = text:match("^([^:]+):(/[^:]*)$")
  if not id then fail.with("invalidArgument", "invalid path given: " .. text) end
  return { id = id, path = inside }
end

local function copy(cx, id, from, to)
  local one = get(cx, id)
  if one.state ~= "running" then
    fail.with("invalidState", ("container %s is not running"):format(id))
  end
  local result = cx.engine:call({ "cp", from, to })
  if result.code ~= 0 then fail.with("internalError", (result.stderr:gsub("%s+$", ""))) end
end

M.commands.copy = function(cx, parse)
  local from, to = place_of(parse.args.source), place_of(parse.args.destination)
  if from.id and to.id then
    fail.with("invalidArgument", "copying between containers is not supported")
  elseif not from.id and not to.id then
    fail.with("invalidArgument",
      "one of source or destination must be a container reference (container_id:path)")
  elseif from.id then
    local target = values.absolute(to.path)
    local stat = fs.stat(target)
    if stat and stat.type == "directory" then target = target .. "/" .. path.basename(from.path) end
    copy(cx, from.id, cx.engine:name(from.id) .. ":" .. from.path, target)
    return cx:print(target)
  end
  local source = values.absolute(from.path)
  if not fs.stat(source) then
    fail.with("notFound", "source path does not exist: " .. from.path)
  end
  copy(cx, to.id, source, cx.engine:name(to.id) .. ":" .. to.path)
  cx:print(parse.args.destination .. (to.path:match("/$") and path.basename(source) or ""))
end

---Stops everything, as `system stop` does.
function M.stop_all(cx)
  for _, one in ipairs(known(cx)) do stop(cx, one, "TERM", 5) end
end

return M
