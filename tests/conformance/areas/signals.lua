-- SPDX-License-Identifier: MIT
-- Signals to wrapix, and what the command makes of them.

local check = require("conformance.check")
local sys = require("wrapix.sys")

local M = { title = "Signals" }

local DEAF_LIMIT = 9 -- seconds; less than the grace of ten

local function add(id, says, run) M[#M + 1] = { id = "signals." .. id, says = says, run = run } end

for _, name in ipairs({ "TERM", "HUP" }) do
  add(name:lower(), ("SIG%s to wrapix ends the sandbox at once: 143"):format(name), function(t)
    local running <close> = t:start("echo up; exec sleep 1000", { loud = true })
    local began = sys.clock()
    t:kill(running:pid(), name)
    local result = running:wait()
    check.status(result, 143)
    check.holds(sys.clock() - began < DEAF_LIMIT, "it took as long as for a deaf one")
    check.has(result.stderr, "SIG" .. name, "message")
  end)
end

add("cleanup", "a command gets the time to clean up, and its status is kept", function(t)
  local running <close> = t:start(
    "trap 'sleep 0.5; echo bye; exit 7' TERM; echo up; while :; do sleep 0.1; done")
  t:kill(running:pid(), "TERM")
  local result = running:wait()
  check.status(result, 7)
  check.equal("bye\n", result.stdout, "last words")
end)

add("int", "SIGINT to wrapix is the command's to decide about, once", function(t)
  local running <close> = t:start("n=0; trap 'n=$((n+1))' INT; echo up; "
    .. "while [ $n = 0 ]; do sleep 0.1; done; sleep 0.5; echo got $n; exit 5")
  t:kill(running:pid(), "INT")
  local result = running:wait()
  check.status(result, 5)
  check.equal("got 1\n", result.stdout, "interrupts")
end)

add("int-default", "a command that does nothing about SIGINT gives 130", function(t)
  local running <close> = t:start("echo up; exec sleep 1000")
  t:kill(running:pid(), "INT")
  check.status(running:wait(), 130)
end)

add("twice", "a second SIGTERM ends at once what does not obey: 137", function(t)
  local running <close> = t:start("trap 'echo no' TERM; echo up; while :; do sleep 0.1; done")
  t:kill(running:pid(), "TERM")
  check.equal("no", running.stdout:read_line(), "answer to the first")
  local began = sys.clock()
  t:kill(running:pid(), "TERM")
  check.status(running:wait(), 137)
  check.holds(sys.clock() - began < DEAF_LIMIT, "it was given the whole grace")
end)

add("usr1", "SIGUSR1, which wrapix does not take, ends it and the sandbox", function(t)
  local running <close> = t:start("echo up; exec sleep 1000", { args = { "--name", t.name } })
  t:kill(running:pid(), "USR1")
  check.holds(running:wait().signal, "wrapix did not end by a signal")
  t:wait_for("the end of the container", function() return not t:has_container(t.name) end)
end)

add("children", "the end of the command ends all that it started", function(t)
  local began = sys.clock()
  check.status(t:sh("sleep 1000 & (trap '' TERM HUP; setsid sleep 1000) & exit 6"), 6)
  check.holds(sys.clock() - began < 30, "it waited for what was left")
end)

add("timeout", "--timeout ends the command, and says so: 143", function(t)
  local result = t:run({ "sleep", "60" }, { args = { "--timeout", "1s" }, loud = true })
  check.status(result, 143)
  check.has(result.stderr, "time limit of 1 s", "message")
end)

return M
