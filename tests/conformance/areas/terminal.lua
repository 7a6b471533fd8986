-- SPDX-License-Identifier: MIT
-- A person at a terminal: size, keys, modes.

local check = require("conformance.check")

local M = { title = "A terminal" }

local CTRL_C, CTRL_D = "\3", "\4"

local function add(id, says, run) M[#M + 1] = { id = "terminal." .. id, says = says, run = run } end

add("size", "it has the size of the one outside, at once and after a change", function(t)
  local term <close> = t:terminal({ "sh", "-c",
    "stty size; trap 'stty size' WINCH; trap 'exit 4' INT; echo up; while :; do sleep 0.1; done" },
    { rows = 33, cols = 44 })
  term:expect("33 44\r\n")
  term:expect("up\r\n")
  term:resize(50, 111)
  term:expect("50 111\r\n")
  term:type(CTRL_C)
  check.equal(4, (term:wait()), "status")
end)

add("ctrl-c", "Ctrl-C interrupts the program inside once, and its shell lives on", function(t)
  local term <close> = t:terminal({ "sh", "-c", "PS1='$ ' exec sh -i" })
  term:expect("%$ ")
  term:type("sh -c 'trap \"echo one; exit\" INT; echo ready; while :; do sleep 0.1; done'\r")
  term:expect("ready\r\n")
  term:type(CTRL_C)
  term:expect("one\r\n")
  term:expect("%$ ")
  term:type("echo still-$((40+2))\r")
  term:expect("still%-42.*%$ ")
  term:type(CTRL_D)
  check.equal(0, (term:wait()), "status")
  local _, count = term.seen:gsub("one\r\n", "")
  check.equal(1, count, "interrupts")
end)

add("modes", "it is raw while the sandbox runs, as before afterwards, and the status is kept", function(t)
  local term <close> = t:terminal({ "sh", "-c", "PS1='$ ' exec sh -i" })
  term:expect("%$ ")
  check.equal("raw", term:modes(), "meanwhile")
  term:type("exit 9\r")
  local status, modes = term:wait()
  check.equal(9, status, "status")
  check.equal("same", modes, "afterwards")
end)

add("type", "TERM and COLORTERM are those of the terminal", function(t)
  local term <close> = t:terminal({ "sh", "-c", 'echo "[$TERM] [$COLORTERM]"' },
    { env = { TERM = "tmux-256color", COLORTERM = "truecolor" } })
  term:expect("%[tmux%-256color%] %[truecolor%]")
  check.equal(0, (term:wait()), "status")
end)

add("hangs-up", "one that goes away takes the sandbox with it", function(t)
  local term <close> = t:terminal({ "sh", "-c", "echo up; exec sleep 1000" }, { args = { "--name", t.name } })
  term:expect("up")
  term:hang_up()
  check.equal(129, (term:wait()), "status")
  t:wait_for("the end of the container", function() return not t:has_container(t.name) end)
end)

M[#M + 1] = { id = "terminal.none", says = "without one outside there is none inside", group = "inside",
  inside = "test -t 0 || test -t 1 || echo none; tty",
  check = function(_, answer) check.equal("none\nnot a tty", answer.out, "terminal") end }

add("shell", "without a command it is a shell", function(t)
  local term <close> = t:terminal({}, { profile = { name = "shell" }, env = { TERM = "xterm" } })
  term:expect("[$#] ")
  term:type("echo up-$((1+1)); exit 4\r")
  term:expect("up%-2")
  check.equal(4, (term:wait()), "status")
end)

return M
