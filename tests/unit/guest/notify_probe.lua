-- SPDX-License-Identifier: MIT
-- Runs wrapix-notify against a socket of its own and looks at what arrives: started by
-- notify_test.sh with the program, a build of it that checks every access, and a directory.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local net = require("wrapix.net")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local CLIENT, CHECKED, DIR = ...
local SOCKET = DIR .. "/notify.sock"
local SEED, ROUNDS = 20240131, 80

local count, failed = 0, 0

local function show(value)
  if type(value) == "table" then return (json.encode(value)) end
  return #tostring(value) < 300 and ("%q"):format(tostring(value)) or #value .. " bytes"
end

local function ok(good, name, detail)
  count = count + 1
  print(("%s %d - %s"):format(good and "ok" or "not ok", count, name))
  if not good then
    failed = failed + 1
    print("#   " .. (detail or ""):gsub("\n", "\n#   "))
  end
  return good
end

local function is(got, wanted, name)
  return ok(got == wanted, name, ("got:    %s\nwanted: %s"):format(show(got), show(wanted)))
end

-- What arrived, and how the program ended. `opts.server` is false where nobody listens.
local function send(args, opts)
  opts = opts or {}
  local env = { WRAPIX_NOTIFY_SOCKET = opts.socket or SOCKET, WRAPIX_NOTIFY_VERBOSE = "1",
    WRAPIX_SESSION_ID = "s1", WRAPIX_NOTIFY_TCP = "" }
  for name, value in pairs(opts.env or {}) do env[name] = value end
  local text
  local server = opts.server or opts.server == nil and assert(net.listen_unix(SOCKET))
  local result = task.scope(function(scope)
    local reader = server and scope:spawn(function()
      local stream <close> = server:accept()
      text = stream and stream:read_all(1 << 20)
      return true
    end)
    local argv = table.move(args, 1, #args, 2, { opts.program or CLIENT })
    local ended = assert(proc.run(argv, { env = env, input = opts.input, timeout = 10 }))
    if reader then
      if not ended.stderr:find("sent ") then reader:cancel() end
      reader:wait()
    end
    return ended
  end)
  if server and not opts.server then
    server:close()
    fs.unlink(SOCKET)
  end
  return text, result
end

local function sent(args, opts)
  local text, result = send(args, opts)
  if not text then return nil, text, result end
  local object = json.decode((text:gsub("\n$", "")))
  return object, text, result
end

local function fields(object, ...)
  local out = {}
  for i, name in ipairs({ ... }) do out[i] = tostring(object and object[name]) end
  return table.concat(out, " | ")
end

local function test_words()
  local all = { "title", "message", "sound", "session_id" }
  local object, text, result = sent({ "Build", "it is done", "Ping" })
  is(fields(object, table.unpack(all)), "Build | it is done | Ping | s1", "three words")
  is(text, '{"title":"Build","message":"it is done","sound":"Ping","session_id":"s1"}\n',
    "one line, with an end")
  is(result.code, 0, "the status is 0")
  is(result.stderr, ("wrapix-notify: sent to %s\n"):format(SOCKET), "verbose says where it went")
  is(fields(sent({}), table.unpack(all)), "Claude Code |  |  | s1", "defaults")
  is(fields(sent({ "", "m" }), "title"), "Claude Code", "an empty title is the default")
  is(fields(sent({ "--", "--hook", "-x" }), "title", "message"), "--hook | -x", "after --")
  is(fields(sent({ "-n", "x" }), "title", "message"), "-n | x", "an unknown option is a title")
  object, text = sent({ 'a"\\b', "x\n\t\1\127\xFFy\xE2\x82\xC0\xAF\xED\xA0\x80" })
  is(object and object.title, 'a"\\b', "quotes and backslashes")
  is(object and object.message, "x\n\t\1\127\u{FFFD}y" .. ("\u{FFFD}"):rep(7), "any bytes")
  ok(not text:sub(1, -2):find("%c"), "no control character in the line", text)
  object, text = sent({ ("\1"):rep(100000), ("é"):rep(60000) })
  ok(object and #text <= 65536, "long texts are cut", text and ("%d bytes"):format(#text))
  ok(object and object.message:find("é…$"), "at a character, with a mark")
  ok(object and object.title:find("^\1+…$"), "escapes are not cut apart")
end

local function test_options()
  local names = { "title", "message", "tag", "urgency" }
  is(fields(sent({ "--tag", "build", "--urgency", "critical", "T", "m" }), table.unpack(names)),
    "T | m | build | critical", "tag and urgency")
  is(fields(sent({ "--urgency", "low", "--title", "T" }), table.unpack(names)), "T |  | nil | low",
    "a title as an option")
  is(fields(sent({ "--tag" }), table.unpack(names)), "--tag |  | nil | nil", "an option without its value")
  is(fields(sent({ "T", "--tag", "x" }), table.unpack(names)), "T | --tag | nil | nil",
    "options behind the title are words")
  is(fields(sent({ "--tag", ("x"):rep(9000) .. "\xFF", "T" }), "title"), "T", "a tag of any length")
  local _, help = send({ "--help" }, { server = false })
  ok(help.stdout:find("--tag NAME, --urgency low|normal|critical", 1, true), "help names them", help.stdout)
end

local function test_nobody()
  local cases = {
    { "no socket", { socket = DIR .. "/none", server = false }, "socket not found at " .. DIR .. "/none" },
    { "a file in its place", { socket = CHECKED, server = false }, "Connection refused" },
    { "a long name", { socket = "/" .. ("x"):rep(200), server = false }, "too long" },
    { "no number", { env = { WRAPIX_NOTIFY_TCP = "host:x" }, server = false }, "not HOST:PORT" },
    { "no such host", { env = { WRAPIX_NOTIFY_TCP = "nowhere:1" }, server = false }, "not an IPv4" },
    { "a closed port", { env = { WRAPIX_NOTIFY_TCP = "127.0.0.1:1" }, server = false }, "refused" },
  }
  for _, case in ipairs(cases) do
    local _, result = send({ "x" }, case[2])
    is(result.code, 0, case[1] .. ": the status is 0")
    ok(result.stderr:find(case[3], 1, true), case[1] .. ": verbose says why", result.stderr)
    case[2].env = case[2].env or {}
    case[2].env.WRAPIX_NOTIFY_VERBOSE = "0"
    _, result = send({ "x" }, case[2])
    is(result.stdout .. result.stderr, "", case[1] .. ": and nothing without")
  end
end

-- Nobody accepts: the queue of the socket takes some, and then connecting must not hang.
local function test_full_queue()
  local _ <close> = assert(net.listen_unix(SOCKET, { backlog = 1 }))
  local start, slowest = sys.clock(), 0
  local held = {}
  for i = 1, 6 do held[i] = net.connect_unix(SOCKET) end
  for _ = 1, 3 do
    local before = sys.clock()
    local result = proc.run({ CLIENT, "x", ("y"):rep(50000) },
      { env = { WRAPIX_NOTIFY_SOCKET = SOCKET } })
    slowest = math.max(slowest, sys.clock() - before)
    is(result.code, 0, "a full queue: the status is 0")
  end
  ok(slowest < 2, "a full queue: it waits a moment at most", ("%.3f s"):format(sys.clock() - start))
  for _, stream in pairs(held) do stream:close() end
  fs.unlink(SOCKET)
end

-- What it says is read by nobody: the message is sent all the same.
local function test_closed_stderr()
  local result = assert(proc.run({ "sh", "-c",
    '{ { sleep 0.05; "$0" --hook; echo $? >&3; } 2>&1 | :; } 3>&1', CLIENT },
    { input = '{"hook_event_name":"Stop"}', timeout = 10,
      env = { WRAPIX_NOTIFY_SOCKET = SOCKET, WRAPIX_NOTIFY_VERBOSE = "1" } }))
  is(result.stdout, "0\n", "stderr that nobody reads: the status is 0")
end

local function test_tcp()
  local server <close> = assert(net.listen_tcp("127.0.0.1", 0))
  for _, host in ipairs({ "127.0.0.1", "localhost" }) do
    local where = ("%s:%d"):format(host, server:port())
    local object, _, result = sent({ "T" }, { server = server, env = { WRAPIX_NOTIFY_TCP = where } })
    is(fields(object, "title"), "T", host .. ": arrives")
    is(result.stderr, ("wrapix-notify: using TCP to %s\nwrapix-notify: sent via TCP\n"):format(where),
      host .. ": verbose says so")
  end
end

local HOOKS = {
  { '{"hook_event_name":"Stop","last_assistant_message":"All \\"done\\"\\n\\ud83d\\ude00"}',
    'Claude Code | All "done"\n😀 | Stop | nil' },
  { '{"hook_event_name":"Stop"}', "Claude Code | Finished | Stop | nil" },
  { '{"session_id":"x","message":"Claude needs you","hook_event_name":"Notification",'
    .. '"notification_type":"idle_prompt"}', "Claude Code | Claude needs you | Notification | nil" },
  { '{"hook_event_name":"PostToolUse","tool_name":"Bash","tool_input":{"command":"make",'
    .. '"description":"Build it"},"tool_response":{"stdout":"x"}}',
    "Claude Code | Finished: Bash: Build it | PostToolUse | low" },
  { '{"hook_event_name":"PostToolUseFailure","tool_name":"Read","error":"gone"}',
    "Claude Code | Failed: Read: gone | PostToolUseFailure | low" },
  { '{"hook_event_name":"StopFailure","error":"server_error"}',
    "Claude Code | Stopped by an error: server_error | StopFailure | critical" },
  { '{"hook_event_name":"SubagentStop","agent_type":"scout","last_assistant_message":"ok"}',
    "Claude Code | Finished: subagent scout: ok | SubagentStop | low" },
  { '{"hook_event_name":"PermissionRequest","tool_name":"Bash","tool_input":{"command":"id"}}',
    "Claude Code | Asks to use Bash: id | PermissionRequest | nil" },
  { '{"hook_event_name":"SessionEnd","reason":"other"}',
    "Claude Code | SessionEnd: other | SessionEnd | nil" },
  { '{"type":"agent-turn-complete","input-messages":["a"],"last-assistant-message":"Fine."}',
    "Codex | Fine. | agent-turn-complete | nil" },
  { ' {"a":[1,{"message":"not this"}],"b":-1.5e3,"hook_event_name" : "X", "c":null,"message":"m"} ',
    "Claude Code | X: m | X | nil" },
  -- What comes first counts, a name below another is none of ours, halves are replaced.
  { '{"tool_input":{"hook_event_name":"Stop"},"hook_event_name":"A","hook_event_name":"B",'
    .. '"message":"\\ud83dx\\u0000\\udc00"}', "Claude Code | A: \u{FFFD}x\u{FFFD}\u{FFFD} | A | nil" },
  -- What is broken behind it changes nothing.
  { '{"hook_event_name":"Stop","last_assistant_message":"cut o', "Claude Code | cut o | Stop | nil" },
  { '{"hook_event_name":"Stop","x":tru\1,}', "Claude Code | Finished | Stop | nil" },
}

local NO_HOOKS = { "", "[]", "null", '"Stop"', "{}", '{"message":"m"}', "{", '{"hook_event_name":7}',
  ('{"a":'):rep(100000), ("["):rep(100000), ('{"hook_event_name":""}'), "\0\0\0" }

local function test_hooks()
  for i, case in ipairs(HOOKS) do
    local object = sent({ "--hook" }, { input = case[1] })
    is(fields(object, "title", "message", "event", "urgency"), case[2], "hook " .. i)
    object = sent({ "--hook", case[1] })
    is(fields(object, "title", "message", "event", "urgency"), case[2], "as an argument " .. i)
  end
  is(fields(sent({ "--title", "Mine", "--hook" }, { input = HOOKS[2][1] }), "title"), "Mine",
    "a title for all hooks")
  is(fields(sent({ "--tag", "t", "--urgency", "normal", "--hook" },
    { input = '{"hook_event_name":"StopFailure"}' }), "tag", "urgency"), "t | normal",
    "tag and urgency for all hooks")
  for i, text in ipairs(NO_HOOKS) do
    local object, _, result = sent({ "--hook" }, { input = text, program = CHECKED })
    is(object, nil, "what is no hook is not told " .. i)
    is(result.code, 0, "and no failure " .. i)
  end
  local big = '{"hook_event_name":"PostToolUse","tool_name":"Bash","tool_response":"'
    .. ("x"):rep(3 << 20) .. '"}'
  is(fields(sent({ "--hook" }, { input = big }), "message"), "Finished: Bash",
    "megabytes behind what is asked for")
end

-- An agent that gives no end to stdin is not kept waiting for long.
local function test_open_stdin()
  local start = sys.clock()
  local running = assert(proc.spawn({ CLIENT, "--hook" }, { stdin = "pipe", stdout = "pipe",
    stderr = "pipe", env = { WRAPIX_NOTIFY_SOCKET = DIR .. "/none" } }))
  local result = running:wait()
  is(result.code, 0, "stdin without an end: the status is 0")
  ok(sys.clock() - start < 5, "and it ends by itself")
  for _, file in ipairs({ "/dev/zero", "/dev/null" }) do
    local without, message = proc.run({ CLIENT, "--hook" },
      { stdin = { file = file, mode = "r" }, env = { WRAPIX_NOTIFY_SOCKET = SOCKET }, timeout = 5 })
    ok(without and without.code == 0, file .. " on stdin: it ends", message)
  end
end

local PIECES = { "{", "}", "[", "]", '"', ":", ",", "\\", "\\u", "d83d", "\\ud83d\\ude00", "null",
  "-1", '"hook_event_name":"Stop"', '"message":', '"tool_input":{', "\xFF", "\xF0\x9F", "\0", " " }

local function random_text()
  local parts = {}
  for i = 1, math.random(0, 40) do
    local kind = math.random(4)
    parts[i] = kind == 1 and string.char(math.random(0, 255)) or PIECES[math.random(#PIECES)]
  end
  return (math.random(3) > 1 and '{"hook_event_name":"' or "") .. table.concat(parts)
end

local function damaged()
  local text = HOOKS[math.random(#HOOKS)][1]
  for _ = 1, math.random(3) do
    local at = math.random(#text)
    text = text:sub(1, at - 1) .. string.char(math.random(0, 255)) .. text:sub(at + math.random(0, 2))
  end
  return text
end

local function test_hostile()
  math.randomseed(SEED)
  local bad
  for i = 1, ROUNDS do
    local input = i % 2 == 0 and damaged() or random_text()
    local args = i % 5 == 0 and { (input:gsub("%z", "")), (input:gsub("%z", "")) } or { "--hook" }
    local object, text, result = sent(args, { input = input, program = CHECKED })
    local is_fine = result.code == 0 and result.stdout == "" and #result.stderr < 2000
      and (text == nil or (object and #text <= 65536 and text:find("^[^\n]*\n$")))
    if not is_fine then
      bad = bad or ("round %d: %q\nsent: %q\nstatus %s\n%s"):format(i, input, tostring(text),
        tostring(result.code), result.stderr)
    end
  end
  ok(not bad, ROUNDS .. " rounds of hostile input, seed " .. SEED, bad)
end

task.scope(function()
  for _, test in ipairs({ test_words, test_options, test_nobody, test_full_queue, test_closed_stderr,
    test_tcp, test_hooks, test_open_stdin, test_hostile }) do
    test()
  end
  return true
end)
print("1.." .. count)
os.exit(failed == 0)
