-- SPDX-License-Identifier: MIT
-- The commands about running sandboxes, with the real engine: -d, ps, exec, attach,
-- stop, logs, gc.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")
local task = require("wrapix.task")
local terminal = require("support.terminal")

local CTRL_C, CTRL_P, CTRL_Q = "\3", "\16", "\17"

-- Starts a detached sandbox that runs a script.
local function detach(name, script, args)
  local words = { "-q", "-d", "--name", name }
  table.move(args or {}, 1, #(args or {}), #words + 1, words)
  local result = e2e.sh(script, { args = words })
  assert.same({ 0, name .. "\n", "" }, { result.code, result.stdout, result.stderr })
end

local function stop(...) return e2e.cli({ "stop", "--grace", "1s", ... }) end

local function listed(...)
  return assert(json.decode(e2e.cli({ "ps", "--json", ... }).stdout))
end

local function last_record()
  return assert(json.decode(e2e.cli({ "logs", "--json", "--last", "1" }).stdout))[1]
end

-- The words that start a command of wrapix, for a process that is not waited for.
local function background(words, opts)
  local argv = table.move(words, 1, #words, 2, { e2e.wrapix })
  opts = opts or {}
  return assert(proc.spawn(argv, {
    stdin = opts.stdin or "null", stdout = "pipe", stderr = "pipe", session = true, env = opts.env,
  }))
end

-- Two signals that wait at once are one for the process: each is given time to be taken.
local function terminate_until_over(running)
  e2e.wait_for("the end", function()
    if running:exited() then return true end
    e2e.kill(running:pid(), "TERM")
    task.sleep(0.5)
  end)
end

describe("a detached sandbox", function()
  after_each(e2e.assert_clean)

  it("is listed with its state, and costs one process of ours", function()
    local began = sys.clock()
    detach("web", "exec sleep 1000")
    e2e.assert_within(began, 60)
    local one = listed()[1]
    assert.same({ "web", "running", "base", true, false, "alive" },
      { one.name, one.state, one.profile, one.detach, one.keep, one.owner.state })
    assert.truthy(one.uptime < 120)
    assert.matches("^NAME +PROFILE +STATE +UP +WORKSPACE\nweb +base +running ",
      e2e.cli({ "ps" }).stdout)
    -- The one that started it ends after its name was printed.
    e2e.wait_for("no process of the engine", function()
      for _, process in ipairs(e2e.processes()) do
        if process.name == "podman" then return false end
      end
      return true
    end)
    assert.equal("web  stopped\n", stop("web").stdout)
    assert.same({}, listed("--all"))
    assert.same({ 143, "SIGTERM" }, { last_record().exit, last_record().stopped })
  end)

  it("says why it could not start, with the same status", function()
    local result = e2e.run({ "no-such-program" }, { args = { "-q", "-d" } })
    assert.equal(127, result.code)
    assert.equal("", result.stdout)
    assert.truthy(result.stderr:find("no-such-program", 1, true), result.stderr)
  end)

  it("ends by itself, and is written down", function()
    detach("short", "exit 7")
    e2e.wait_for("the record", function()
      local entry = last_record()
      return entry and entry.name == "short" and entry.exit == 7
    end)
  end)

  it("keeps its time limit", function()
    detach("timed", "exec sleep 1000", { "--timeout", "1s" })
    -- Its record is written before its directory goes, not before its program has ended.
    e2e.wait_for("the end", function() return #listed("--all") == 0 end)
    assert.same({ 143, "time limit of 1 s" }, { last_record().exit, last_record().stopped })
  end)

  it("goes on beside a second one of the same workspace", function()
    local dir = e2e.dir()
    local words = { "-q", "-d" }
    local results = task.parallel(2, { 1, 2 }, function(i)
      return e2e.sh(("touch /workspace/%d; exec sleep 1000"):format(i), { args = words, dir = dir })
    end)
    assert.same({ 0, 0 }, { results[1].code, results[2].code })
    assert.not_equal(results[1].stdout, results[2].stdout)
    e2e.wait_for("both files", function() return #fs.list(dir) == 2 end)
    assert.equal(2, #listed())
    local result = e2e.cli({ "stop", "--all", "--json" })
    assert.equal(2, #json.decode(result.stdout))
    assert.same({}, listed("-a"))
  end)
end)

describe("exec", function()
  after_each(e2e.assert_clean)

  it("runs commands as the user of the sandbox, and gives their status", function()
    detach("web", "exec sleep 1000")
    local result = e2e.cli({ "exec", "we", "--", "sh", "-c", "pwd; id -u; echo $WRAPIX; exit 42" })
    assert.same({ 42, ("/workspace\n%d\n1\n"):format(e2e.uid), "" },
      { result.code, result.stdout, result.stderr })
    assert.equal(127, e2e.cli({ "exec", "web", "--", "no-such" }).code)
    assert.equal(126, e2e.cli({ "exec", "web", "--", "/etc/passwd" }).code)
    assert.equal(143, e2e.cli({ "exec", "web", "--", "sh", "-c", "kill -TERM $$" }).code)
    result = e2e.cli({ "exec", "web", "-w", "/tmp", "--", "sh", "-c", "pwd; wc -c; echo bad >&2" },
      { input = ("x"):rep(200000) })
    assert.same({ 0, "/tmp\n200000\n", "bad\n" }, { result.code, result.stdout, result.stderr })
    result = e2e.cli({ "exec", "web" }, { input = "echo from a shell; exit 3\n" })
    assert.same({ 3, "from a shell\n" }, { result.code, result.stdout })
    stop("web")
    result = e2e.cli({ "exec", "web", "--", "true" })
    assert.equal(125, result.code)
    assert.truthy(result.stderr:find("exec: web: no such sandbox", 1, true), result.stderr)
  end)

  it("inherits a secret by its name, in no command line", function()
    detach("web", "exec sleep 1000")
    local running <close> = background(
      { "exec", "web", "-e", "TOKEN", "-e", "PLAIN=1", "--", "sh", "-c",
        "echo $TOKEN $PLAIN ${WRAPIX_LEASE-none}; exec sleep 1000" },
      { env = { TOKEN = "s3cr3t-of-mine" } })
    assert.equal("s3cr3t-of-mine 1 none", running.stdout:read_line())
    for _, process in ipairs(e2e.processes()) do
      assert.falsy(process.argv:find("s3cr3t", 1, true), process.argv)
    end
    e2e.kill(running:pid(), "TERM")
    assert.equal(143, running:wait().code)
    stop("web")
  end)

  it("hands signals to the command", function()
    detach("web", "exec sleep 1000")
    local script = "trap 'echo int' INT; trap 'echo term; exit 9' TERM; echo up; "
      .. "while :; do sleep 0.1; done"
    local running <close> = background({ "exec", "web", "--", "sh", "-c", script })
    assert.equal("up", running.stdout:read_line())
    e2e.kill(running:pid(), "INT")
    assert.equal("int", running.stdout:read_line())
    e2e.kill(running:pid(), "TERM")
    assert.equal("term", running.stdout:read_line())
    assert.equal(9, running:wait().code)
    stop("web")
  end)

  it("ends the command at once after a second SIGTERM, and when it is killed", function()
    detach("web", "exec sleep 1000")
    local function count()
      local result = e2e.cli({ "exec", "web", "--", "sh", "-c", "ps | grep -c '[d]eaf-one' || true" })
      return tonumber(result.stdout)
    end
    local deaf = { "exec", "web", "--", "sh", "-c",
      "trap '' TERM; echo up; while :; do sleep 0.1; done # deaf-one" }
    local running <close> = background(deaf)
    assert.equal("up", running.stdout:read_line())
    terminate_until_over(running)
    assert.equal(137, running:wait().code)
    local other <close> = background(deaf)
    assert.equal("up", other.stdout:read_line())
    assert.truthy(count() > 0)
    e2e.kill(other:pid(), "KILL")
    other:wait()
    e2e.wait_for("the end of the command", function() return count() == 0 end)
    assert.equal("running", listed()[1].state)
    stop("web")
  end)

  it("has a terminal of the right size where there is one at both ends", function()
    detach("web", "exec sleep 1000")
    local term <close> = terminal.open(
      { e2e.wrapix, "exec", "web", "--", "sh", "-c",
        "stty size; echo [$TERM]; trap 'stty size' WINCH; trap 'echo int; exit 5' INT; "
          .. "echo up; while :; do sleep 0.1; done" },
      { rows = 33, cols = 77, env = { TERM = "xterm-256color" } })
    term:expect("33 77\r\n%[xterm%-256color%]")
    term:expect("up\r\n")
    assert.equal("raw", term:modes())
    term:resize(12, 40)
    term:expect("12 40\r\n")
    term:type(CTRL_C)
    term:expect("int")
    assert.same({ 5, "same" }, { term:wait() })
    stop("web")
  end)
end)

describe("attach", function()
  after_each(e2e.assert_clean)

  it("shows what comes, and ends with the status of the program", function()
    local dir = e2e.dir()
    local words = { "-q", "-d", "--name", "web" }
    local script = "until [ -e go ]; do echo tick; sleep 0.1; done; echo later; exit 5"
    assert.equal(0, e2e.sh(script, { dir = dir, args = words }).code)
    local running <close> = background({ "attach", "web" })
    assert.equal("tick", running.stdout:read_line())
    e2e.file(dir .. "/go", "")
    local result = running:wait()
    assert.equal(5, result.code)
    assert.truthy(result.stdout:find("later\n", 1, true), result.stdout)
  end)

  it("leaves the sandbox alone when it is ended itself", function()
    detach("web", "while :; do echo tick; sleep 0.1; done")
    local running <close> = background({ "attach", "web" })
    assert.equal("tick", running.stdout:read_line())
    e2e.kill(running:pid(), "TERM")
    assert.equal(143, running:wait().code)
    assert.equal("running", listed()[1].state)
    stop("web")
  end)

  it("connects a terminal, which the keys let go of", function()
    local dir = e2e.dir()
    local start <close> = terminal.open(e2e.words({ dir = dir, args = { "-q", "-d", "--name", "web" } },
      { "sh", "-c", "while read -r line; do echo got:$line; [ $line != end ] || exit 6; done" }))
    start:expect("web\r\n")
    assert.equal(0, (start:wait()))
    local one <close> = terminal.open({ e2e.wrapix, "attach", "web" })
    one:expect("Ctrl%-P Ctrl%-Q leaves it running")
    e2e.wait_for("the raw mode", function() return one:modes() == "raw" end)
    one:type("first\r")
    one:expect("got:first")
    one:type(CTRL_P)
    task.sleep(1) -- the engine knows the keys only when each comes alone
    one:type(CTRL_Q)
    one:expect("web goes on running")
    assert.same({ 0, "same" }, { one:wait() })
    local two <close> = terminal.open({ e2e.wrapix, "attach", "web" })
    two:expect("leaves it running")
    e2e.wait_for("the raw mode", function() return two:modes() == "raw" end)
    two:type("end\r")
    two:expect("got:end")
    assert.same({ 6, "same" }, { two:wait() })
  end)

  it("leaves one of a terminal to its terminal", function()
    local running <close> = e2e.start({ "sh", "-c", "echo up; exec sleep 1000" },
      { args = { "-q", "--name", "fg" } })
    assert.equal("up", running.stdout:read_line())
    local result = e2e.cli({ "attach", "fg" })
    assert.equal(125, result.code)
    assert.truthy(result.stderr:find("belongs to the terminal", 1, true), result.stderr)
    assert.equal(0, e2e.cli({ "exec", "fg", "--", "true" }).code)
    assert.equal(0, stop("fg").code)
    assert.equal(143, running:wait().code)
  end)
end)

describe("stop", function()
  after_each(e2e.assert_clean)

  local DEAF = "trap '' TERM HUP; echo up; while :; do sleep 0.1; done"

  -- One that does not obey SIGTERM any more: its name is printed before it says so.
  local function detach_deaf()
    detach("deaf", DEAF)
    e2e.wait_for("its word", function()
      return e2e.cli({ "logs", "deaf" }).stdout == "up\n"
    end)
  end

  it("gives a program its grace, and no more", function()
    detach_deaf()
    local began = sys.clock()
    assert.equal(0, e2e.cli({ "stop", "--grace", "2s", "deaf" }).code)
    assert.truthy(sys.clock() - began > 1.8)
    e2e.assert_within(began, 20)
    assert.equal(9, last_record().signal or last_record().exit - 128)
  end)

  it("is at once with no grace, and when asked again", function()
    detach_deaf()
    local began = sys.clock()
    assert.equal(0, e2e.cli({ "stop", "--grace", "0", "deaf" }).code)
    e2e.assert_within(began, 9) -- the grace it is not given is of ten seconds
    detach_deaf()
    local first <close> = background({ "stop", "--grace", "60s", "deaf" })
    e2e.wait_for("the first one to ask", function()
      return fs.exists(("%s/%s/grace"):format(e2e.sessions, fs.list(e2e.sessions)[1]))
    end)
    task.sleep(0.5) -- two signals that wait at once would be one
    began = sys.clock()
    assert.equal(0, e2e.cli({ "stop", "--grace", "60s", "deaf" }).code)
    assert.equal(0, first:wait().code)
    e2e.assert_within(began, 40)
  end)

  it("lets a program clean up", function()
    local dir = e2e.dir()
    local result = e2e.sh("trap 'sleep 0.5; echo done >note; exit 0' TERM; echo >up; "
      .. "while :; do sleep 0.1; done", { dir = dir, args = { "-q", "-d", "--name", "tidy" } })
    assert.equal(0, result.code)
    e2e.wait_file(dir .. "/up")
    assert.equal(0, e2e.cli({ "stop", "tidy" }).code)
    assert.equal("done\n", fs.read(dir .. "/note"))
    assert.equal(0, last_record().exit)
  end)

  it("refuses names that are unknown or fit several", function()
    detach("twin-1", "exec sleep 1000")
    detach("twin-2", "exec sleep 1000")
    assert.equal(2, e2e.cli({ "stop", "twin" }).code)
    assert.equal(125, e2e.cli({ "stop", "twin-1", "nobody" }).code)
    assert.equal(2, #listed())
    assert.equal(0, stop("--all").code)
  end)
end)

describe("logs", function()
  after_each(e2e.assert_clean)

  it("keeps the output of a detached sandbox, errors apart", function()
    detach("talk", "echo out; echo err >&2; printf 'no newline'; exec sleep 1000")
    e2e.wait_for("the output", function()
      local result = e2e.cli({ "logs", "talk" })
      return result.stdout == "out\nno newline" and result.stderr == "err\n"
    end)
    stop("talk")
    local result = e2e.cli({ "logs", "talk" })
    assert.same({ 0, "out\nno newline", "err\n" }, { result.code, result.stdout, result.stderr })
    local lines = {}
    for line in e2e.cli({ "logs", "talk", "--json" }).stdout:gmatch("[^\n]+") do
      local entry = assert(json.decode(line))
      lines[#lines + 1] = entry.stream .. ":" .. entry.text
    end
    table.sort(lines)
    assert.same({ "stderr:err", "stdout:no newline", "stdout:out" }, lines)
  end)

  it("follows it to the end", function()
    detach("count", "for i in 1 2 3 4 5; do echo $i; sleep 0.3; done")
    local began = sys.clock()
    local result = e2e.cli({ "logs", "count", "--follow" })
    assert.same({ 0, "1\n2\n3\n4\n5\n" }, { result.code, result.stdout })
    e2e.assert_within(began, 60)
    assert.equal("4\n5\n", e2e.cli({ "logs", "count", "--last", "2" }).stdout)
  end)

  it("keeps long lines and many of them whole", function()
    detach("much", "head -c 100000 /dev/zero | tr '\\0' x; echo; seq 1 20000")
    local result = e2e.cli({ "logs", "much", "-f" })
    local long, rest = result.stdout:match("^(x+)\n(.*)$")
    assert.equal(100000, #long)
    assert.equal(20000, select(2, rest:gsub("\n", "")))
    assert.equal("\n20000\n", rest:sub(-7))
  end)

  it("has every session in the record, which holds together", function()
    e2e.run({ "sh", "-c", "exit 3" }, { args = { "-q" } })
    detach("other", "exit 4")
    e2e.wait_for("the record", function()
      local entry = last_record()
      return entry and entry.name == "other"
    end)
    local entries = assert(json.decode(e2e.cli({ "logs", "--json", "-n", "2" }).stdout))
    assert.same({ 3, 4 }, { entries[1].exit, entries[2].exit })
    assert.equal(0, e2e.cli({ "logs", "--verify" }).code)
    local file = os.getenv("HOME") .. "/.local/state/wrapix/sessions.jsonl"
    local text = assert(fs.read(file))
    local changed = text:gsub('"exit":3', '"exit":0', 1)
    assert.not_equal(text, changed)
    e2e.file(file, changed, tonumber("600", 8))
    local result = e2e.cli({ "logs", "--verify" })
    e2e.file(file, text, tonumber("600", 8))
    assert.equal(1, result.code)
    assert.matches("line %d+: changed", result.stdout)
  end)
end)
