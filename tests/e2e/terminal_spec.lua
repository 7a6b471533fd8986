-- SPDX-License-Identifier: MIT
-- A person at a terminal: its size, its keys, job control, its modes afterwards.

local e2e = require("support.e2e")
local sys = require("wrapix.sys")
local task = require("wrapix.task")
local terminal = require("support.terminal")

local CTRL_C, CTRL_Z, CTRL_D, CTRL_P, CTRL_BACKSLASH = "\3", "\26", "\4", "\16", "\28"
local HUNG_UP = 129

describe("a terminal", function()
  after_each(e2e.assert_clean)

  local function open(argv, opts)
    opts = opts or {}
    opts.env = opts.env or { TERM = "xterm-256color" }
    return terminal.open(e2e.words({ args = opts.args or { "-q" }, dir = opts.dir }, argv), opts)
  end

  -- A shell that has shown its prompt.
  local function open_shell(opts)
    local term = open({ "sh", "-c", "PS1='$ ' exec sh -i" }, opts)
    term:expect("%$ ")
    return term
  end

  -- The shell gives a program the terminal before it runs, or goes on.
  local function asleep()
    e2e.process("sleep", function(one) return one.argv == "sleep 100 " and one.state == "S" end)
  end

  it("has the size of the one outside, at once and after a change", function()
    local term <close> = open({ "sh", "-c",
      "stty size; trap 'stty size' WINCH; echo up; while :; do sleep 0.1; done" },
      { rows = 33, cols = 44 })
    term:expect("^33 44\r\n")
    term:expect("up\r\n")
    term:resize(50, 111)
    term:expect("50 111\r\n")
    term:resize(12, 34)
    term:expect("12 34\r\n")
    term:type(CTRL_C)
    assert.equal(130, (term:wait()))
  end)

  it("passes TERM and COLORTERM on", function()
    local term <close> = open({ "sh", "-c", 'echo "[$TERM] [$COLORTERM]"' },
      { env = { TERM = "tmux-256color", COLORTERM = "truecolor" } })
    term:expect("%[tmux%-256color%] %[truecolor%]")
    assert.equal(0, (term:wait()))
  end)

  it("is raw outside while the sandbox runs, and as before afterwards", function()
    local term <close> = open_shell()
    assert.equal("raw", term:modes())
    term:type("exit 9\r")
    local status, modes = term:wait()
    assert.same({ 9, "same" }, { status, modes })
  end)

  it("lets Ctrl-C interrupt the program inside, and its shell live on", function()
    local term <close> = open_shell()
    term:type("sleep 100; echo after-$?\r")
    asleep()
    term:type(CTRL_C)
    term:expect("%$ ")
    term:type("echo still-$((40+2))\r")
    term:expect("still%-42.*%$ ")
    term:type(CTRL_D)
    assert.equal(0, (term:wait()))
  end)

  it("gives the program exactly one interrupt for one Ctrl-C", function()
    local term <close> = open({ "sh", "-c",
      "n=0; trap 'n=$((n+1)); echo got $n' INT; echo up; while [ $n = 0 ]; do sleep 0.1; done; "
      .. "sleep 0.5; exit $n" })
    term:expect("up\r\n")
    term:type(CTRL_C)
    term:expect("got 1\r\n")
    assert.equal(1, (term:wait()))
  end)

  it("lets Ctrl-\\ quit the program", function()
    local term <close> = open({ "sh", "-c", "echo up; exec sleep 100" })
    term:expect("up\r\n")
    term:type(CTRL_BACKSLASH)
    assert.equal(131, (term:wait()))
  end)

  it("has job control inside", function()
    local term <close> = open_shell()
    term:type("sleep 100\r")
    asleep()
    term:type(CTRL_Z)
    term:expect("Stopped")
    term:type("jobs\r")
    term:expect("%[1%][^\n]*Stopped[^\n]*sleep 100")
    term:type("fg\r")
    term:expect("sleep 100\r\n")
    asleep()
    term:type(CTRL_C)
    term:expect("%$ ")
    term:type("exit 3\r")
    assert.equal(3, (term:wait()))
  end)

  it("gives Ctrl-P to the program at once", function()
    local term <close> = open({ "sh", "-c",
      "stty raw -echo; echo up; dd bs=1 count=1 | od -An -tx1" })
    term:expect("up")
    term:type(CTRL_P)
    term:expect(" 10")
    assert.equal(0, (term:wait()))
  end)

  it("is put back, and the container removed, after a kill -9 of the engine", function()
    local term <close> = open({ "sh", "-c", "stty raw; echo up; sleep 1000" })
    term:expect("up")
    local engine = e2e.process("podman run", function(one) return one.argv:find("podman run ") end)
    e2e.kill(engine.pid, "KILL")
    local status, modes = term:wait()
    assert.same({ 137, "same" }, { status, modes })
  end)

  it("is put back after SIGTERM to wrapix", function()
    local term <close> = open({ "sh", "-c", "stty raw; echo up; exec sleep 1000" })
    term:expect("up")
    local ours = e2e.process("wrapix", function(one)
      return one.argv:find(e2e.wrapix, 1, true) == 1 and one.name == "wrapix"
    end)
    e2e.kill(ours.pid, "TERM")
    local status, modes = term:wait()
    -- With a terminal it is a hang-up, which shells obey and SIGTERM they do not.
    assert.same({ HUNG_UP, "same" }, { status, modes })
  end)

  it("that goes away takes the sandbox with it", function()
    local term <close> = open_shell()
    local began = sys.clock()
    term:hang_up()
    assert.equal(HUNG_UP, (term:wait()))
    e2e.assert_within(began, 9) -- less than the grace
  end)

  it("is not given to a program whose output goes elsewhere", function()
    local dir = e2e.dir()
    local words = e2e.words({ dir = dir, args = { "-q" } }, { "sh", "-c",
      "test -t 0 || echo no-stdin; test -t 1 || echo no-stdout; cat" })
    local quoted = {}
    for i, word in ipairs(words) do quoted[i] = "'" .. word .. "'" end
    local term <close> = terminal.open({ "sh", "-c",
      table.concat(quoted, " ") .. " >" .. dir .. "/out; cat " .. dir .. "/out" })
    task.sleep(0.5)
    term:type("typed\r" .. CTRL_D)
    assert.equal(0, (term:wait()))
    assert.truthy(term.seen:find("no%-stdin.*no%-stdout.*typed"), term.seen)
  end)

  it("runs a shell when no command is given", function()
    local words = e2e.words({ args = { "-q" } }, {})
    words[#words] = nil -- the --
    local profile = e2e.file(e2e.tmp .. "/shell.lua",
      ("return { name = 'shell', image = %q }"):format(e2e.image))
    words[#words + 1] = profile
    local term <close> = terminal.open(words, { env = { TERM = "xterm" } })
    term:expect("[$#] ")
    term:type("echo up-$((1+1)); exit 4\r")
    term:expect("up%-2")
    assert.equal(4, (term:wait()))
  end)
end)
