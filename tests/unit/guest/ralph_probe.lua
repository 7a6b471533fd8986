-- SPDX-License-Identifier: MIT
-- Runs the guest's ralph against a socket of its own and looks at what arrives and what it
-- prints: started by ralph_test.sh with the program, a build of it that checks every access
-- and is less patient, and a directory.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local net = require("wrapix.net")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local CLIENT, CHECKED, DIR = ...
local SOCKET = DIR .. "/ralph.sock"
local SEED, ROUNDS = 20240131, 60

local count, failed = 0, 0

local function show(value)
  if type(value) == "table" then return (json.encode(value)) or "a table" end
  return #tostring(value) < 300 and ("%q"):format(tostring(value)):gsub("\n", "n") or #value .. " bytes"
end

local function ok(good, name, detail)
  count = count + 1
  print(("%s %d - %s"):format(good and "ok" or "not ok", count, name))
  if not good then
    failed = failed + 1
    print("#   " .. (detail or ""):gsub("\n", "\n#   "))
  end
end

local function is(got, wanted, name)
  ok(got == wanted, name, ("got:    %s\nwanted: %s"):format(show(got), show(wanted)))
end

-- Runs the program; `opts.answer` is what it is told, or a function of the stream.
-- Returns how it ended and the line that arrived.
local function run(args, opts)
  opts = opts or {}
  local line
  local server = opts.answer and assert(net.listen_unix(SOCKET))
  local result = task.scope(function(scope)
    local reader = server and scope:spawn(function()
      local stream <close> = server:accept()
      if not stream then return true end
      if type(opts.answer) == "function" then
        opts.answer(stream)
      else
        line = stream:read_line(1 << 20)
        stream:write(opts.answer)
      end
      return true
    end)
    local argv = table.move(args, 1, #args, 2, { opts.program or CLIENT })
    local ended = assert(proc.run(argv, { env = { WRAPIX_RALPH_SOCKET = opts.socket or SOCKET },
      input = opts.input, stdin = opts.stdin, stdout = opts.stdout, timeout = 40 }))
    if reader then
      reader:cancel()
      reader:wait()
    end
    return ended
  end)
  if server then
    server:close()
    fs.unlink(SOCKET)
  end
  return result, line
end

local GOOD = '{"status":0,"out":"yes\\n","err":""}\n'

local function request(args, opts)
  opts = opts or {}
  opts.answer = opts.answer or GOOD
  local result, line = run(args, opts)
  return line and json.decode(line), result
end

local function test_words()
  local got, result = request({ "note", "two words", "" })
  is(json.encode(got), '{"version":1,"words":["note","two words",""]}', "words are sent as they are")
  is(result.stdout .. result.code, "yes\n0", "out is printed, the status is the program's")
  got = request({ "note", 'q"\\/\b\f\n\r\t\1\127\u{e9}\u{1F600}' })
  is(got.words[2], 'q"\\/\b\f\n\r\t\1\127\u{e9}\u{1F600}', "every character arrives")
  got = request({ "note", "a\xff\xc3(\xed\xa0\x80\xf5\x80\x80\x80\xc0\x80z" })
  ok(utf8.len(got.words[2]) and got.words[2]:find("^a\u{FFFD}.*z$"), "bytes that are no UTF-8 are replaced")
  got = request({ "note", "-" }, { input = "from\nstdin\0\n" })
  is(got.stdin, "from\nstdin\u{FFFD}\n", "a word - brings stdin along")
  got = request({ "note", "x" }, { input = "unasked" })
  is(got.stdin, nil, "stdin is not read unasked")
  got = request({ "note", "-" }, { stdin = "null" })
  is(got.stdin, "", "an empty stdin is an empty text")
end

local function test_limits()
  local got = request({ "note", "-" }, { input = ("x"):rep(256 << 10) })
  is(got and #got.stdin, 256 << 10, "stdin of 256 KiB is sent")
  local result = run({ "note", "-" }, { input = ("x"):rep((256 << 10) + 1), answer = GOOD })
  is(result.stderr, "ralph: stdin is longer than 256 KiB\n", "more is refused")
  is(result.code, 1, "with status 1")
  result = run({ "note", "-" }, { input = ("\1"):rep(100000), answer = GOOD })
  is(result.stderr, "ralph: the request is longer than 300 KiB\n", "so is a line that is too long")
end

local function test_answers()
  local result = run({ "x" }, { answer = '{"status":3,"out":"","err":"ralph: no\\n"}\n' })
  is(result.stderr .. result.code, "ralph: no\n3", "err goes to stderr")
  result = run({ "x" }, { answer =
    '{"more":[1,{"out":"no"}],"out":"\\u00e9\\ud83d\\ude00\\"\\\\\\/\\n","status":0}\n' })
  is(result.stdout, '\u{e9}\u{1F600}"\\/\n', "escapes are decoded, what is not known is passed over")
  for _, text in ipairs({ "", "\n", "{}\n", "[]\n", '{"status":256}\n', '{"status":-1}\n', '{"status":"0"}\n',
    '{"status":0,"out":"\n', '{"status":0,"out":"\\ud83d"}\n', '{"status":0,"out":"\\q"}\n', '{"status":0\n',
    ("["):rep(5000) .. "\n", '{"a":' .. ("{\"a\":"):rep(20) .. "1\n", "\0\0\n" }) do
    result = run({ "x" }, { answer = text, program = CHECKED })
    ok(result.code == 1 and result.stdout == "" and result.stderr:find("^ralph: the [%l ]+\n$"),
      "an answer without sense is told: " .. show(text), show(result))
  end
  result = run({ "x" }, { answer = '{"out":"' .. ("x"):rep(1 << 20) .. '"}\n' })
  is(result.stderr, "ralph: the answer is too long\n", "an answer without an end is given up")
  result = run({ "x" }, { stdout = { file = "/dev/full", mode = "w" }, answer = GOOD })
  is(result.code, 1, "an answer that cannot be printed is a failure")
end

local function test_nobody()
  local result = run({ "done" }, { socket = DIR .. "/none" })
  is(result.stderr .. result.code, "ralph: this sandbox belongs to no step\n1", "without a socket it says so")
  result = run({ "note", "-" }, { socket = DIR .. "/none", stdin = "null" })
  is(result.code, 1, "before it reads stdin")
  local server = assert(net.listen_unix(DIR .. "/old.sock"))
  assert(fs.rename(DIR .. "/old.sock", DIR .. "/kept.sock"))
  server:close()
  result = run({ "done" }, { socket = DIR .. "/kept.sock" })
  is(result.stderr, "ralph: the step this sandbox belonged to is over\n", "nobody listens any more")
  result = run({ "done" }, { socket = "/" .. ("x"):rep(200) })
  ok(result.code == 1 and #result.stderr > 0, "a socket's name that is too long is told")
  for _, words in ipairs({ { "--help" }, { "-h" } }) do
    result = run(words, { socket = DIR .. "/none" })
    ok(result.code == 0 and result.stdout:find("issue add TITLE", 1, true) and result.stderr == "",
      words[1] .. " needs no socket")
  end
  result = run({}, { socket = DIR .. "/none" })
  ok(result.code == 2 and result.stderr:find("^usage: "), "without words it shows how to use it")
end

local function test_patience()
  local start = sys.clock()
  local result = run({ "x" }, { program = CHECKED, answer = function(stream) stream:read_all() end })
  is(result.stderr, "ralph: no answer within 2 seconds\n", "an answer that never comes is given up")
  ok(sys.clock() - start < 10, "in time", tostring(sys.clock() - start))
  result = run({ "note", "-" }, { program = CHECKED, input = ("x"):rep(250000),
    answer = function() task.sleep(4) end })
  ok(result.code == 1 and result.stderr:find("^ralph: "), "so is somebody who takes nothing")
  result = run({ "x" }, { program = CHECKED, answer = function(stream) stream:close() end })
  ok(result.code == 1 and result.stderr:find("no answer", 1, true), "and somebody who hangs up")
  result = run({ "x" }, { answer = function(stream)
    stream:read_line()
    for byte in GOOD:gmatch(".") do
      if not stream:write(byte) or not task.sleep(0.001) then return end
    end
  end })
  is(result.stdout, "yes\n", "an answer in pieces is one answer")
end

-- Any bytes, as words and as answers.
local function test_noise()
  math.randomseed(SEED)
  local bad
  for _ = 1, ROUNDS do
    local words = { "w" }
    for i = 2, math.random(1, 4) do
      local bytes = {}
      for j = 1, math.random(0, 60) do bytes[j] = string.char(math.random(1, 255)) end
      words[i] = table.concat(bytes)
      if words[i] == "-" then words[i] = "x" end
    end
    local answer = { '{"status":0,"out":"' }
    local pieces = { "\\", '"', "u", "00", "d83d", "\\u", "{", "}", "[", ",", ":", "\xff", "x", " ", "\0" }
    for _ = 1, math.random(0, 20) do answer[#answer + 1] = pieces[math.random(#pieces)] end
    local result, line = run(words, { program = CHECKED, answer = table.concat(answer) .. "\n" })
    local got = line and json.decode(line)
    if result.signal or result.code > 1 or not got or #got.words ~= #words
      or result.stderr:find("ERROR", 1, true) then
      bad = bad or show({ words = #words, stderr = result.stderr, code = result.code or -1 })
    end
  end
  ok(not bad, ROUNDS .. " requests and answers of any bytes", bad)
end

test_words()
test_limits()
test_answers()
test_nobody()
test_patience()
test_noise()
print("1.." .. count)
return failed == 0 and 0 or 1
