-- SPDX-License-Identifier: MIT
-- The lease: nothing outlives the launcher that started it.

local check = require("conformance.check")
local fs = require("wrapix.fs")
local sys = require("wrapix.sys")

local M = { title = "The lease" }

-- PID 1 gives the program two seconds; the rest is the engine's own end.
local LIMIT = 4

local function assert_gone(t, began, limit)
  t:wait_for("the end of the container", function() return not t:has_container(t.name) end, 20)
  local took = sys.clock() - began
  check.holds(took < limit, ("it took %.1f s of at most %d"):format(took, limit))
end

local function add(id, says, script, limit)
  M[#M + 1] = { id = "lease." .. id, says = says, alone = true, run = function(t)
    local dir = t:dir()
    local running <close> = t:start(script, { dir = dir, args = { "--name", t.name } })
    t:kill(running:pid(), "KILL")
    assert_gone(t, sys.clock(), limit)
    running.stdout:close()
    if script:find("note", 1, true) then check.equal("saved\n", fs.read(dir .. "/note"), "note") end
  end }
end

add("killed", "a launcher killed with -9 takes its sandbox with it in 4 seconds", "echo up; exec sleep 1000", LIMIT)
add("deaf", "so it does with a program that obeys no signal",
  "trap '' TERM HUP INT; echo up; while :; do sleep 0.1; done", LIMIT + 2)
add("saved", "the program is given the time to save",
  "trap 'echo saved >note; exit' TERM; echo up; while :; do sleep 0.05; done", LIMIT)

M[#M + 1] = { id = "lease.keeper", says = "a detached sandbox ends with its keeper", alone = true,
  run = function(t)
    t:detach(t.name, "exec sleep 1000")
    local pid
    for _, one in ipairs(t:json({ "ps", "--json" })) do
      if one.name == t.name then pid = one.owner.pid end
    end
    check.holds(pid, "it is not listed")
    t:kill(pid, "KILL")
    assert_gone(t, sys.clock(), LIMIT)
  end }

M[#M + 1] = { id = "lease.engine", says = "an engine's program killed with -9 ends the sandbox, and wrapix with 137",
  alone = true,
  run = function(t)
    local running <close> = t:start("echo up; exec sleep 1000", { args = { "--name", t.name } })
    local killed
    for _, one in ipairs(t:processes()) do
      if one.args:find(t.name, 1, true) and t:run_words(one.args) then
        t:kill(one.pid, "KILL")
        killed = true
      end
    end
    check.holds(killed, "no process of the engine has its name")
    check.status(running:wait(), 137)
    t:wait_for("the end of the container", function() return not t:has_container(t.name) end, 20)
  end }

M[#M + 1] = { id = "lease.next-start", says = "what a dead launcher left is cleared up by the next start", alone = true,
  run = function(t)
    local running <close> = t:start("echo up; echo $WRAPIX_SESSION_ID; exec sleep 1000",
      { args = { "--name", t.name } })
    local session = running.stdout:read_line()
    t:kill(running:pid(), "KILL")
    assert_gone(t, sys.clock(), 20)
    running.stdout:close()
    check.holds(fs.exists(t:session_dir(session)), "nothing was left")
    t:out("true")
    check.holds(not fs.exists(t:session_dir(session)), "the session's directory is still there")
  end }

return M
