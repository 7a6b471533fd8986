-- SPDX-License-Identifier: MIT
-- The commands about sandboxes: -d, ps, exec, attach, stop, logs, gc; names and labels.

local check = require("conformance.check")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local sys = require("wrapix.sys")

local equal, has = check.equal, check.has

local M = { title = "Commands about sandboxes" }

---Starts the one in the background that the members of the group `detached` look at.
---@return string name
function M.begin(t)
  t:detach(t.name, "echo out; echo err >&2; trap 'exit 0' TERM; while :; do sleep 0.1; done")
  return t.name
end

---Ends it; also where its start had failed half-way.
function M.finish(t) t:stop(t.name) end

local function about(id, says, verdict)
  M[#M + 1] = { id = "commands." .. id, says = says, group = "detached", check = verdict }
end

local function add(id, says, run, alone)
  M[#M + 1] = { id = "commands." .. id, says = says, run = run, alone = alone }
end

local function entry(t, name)
  for _, one in ipairs(t:json({ "ps", "--all", "--json" })) do
    if one.name == name then return one end
  end
end

about("ps", "ps lists it with name, profile, state and workspace", function(t, name)
  local one = entry(t, name)
  check.holds(one, "it is not listed")
  equal("running", one.state, "state")
  equal("alive", one.owner.state, "its launcher")
  check.holds(one.uptime < 300, "uptime")
  check.matches(t:cli({ "ps" }).stdout, "\n" .. name:gsub("%-", "%%-") .. " +%S+ +running ", "table")
end)

about("exec", "exec runs a command as the user, in the workspace, and gives its status", function(t, name)
  local result = t:cli({ "exec", name, "--", "sh", "-c", "pwd; id -u; id -g; echo $WRAPIX; echo bad >&2; exit 42" })
  check.status(result, 42)
  equal(("/workspace\n%d\n%d\n1\n"):format(t.uid, t.gid), result.stdout, "stdout")
  equal("bad\n", result.stderr, "stderr")
end)

about("exec-privileges", "what exec starts has no more privileges than the sandbox", function(t, name)
  local result = t:cli({ "exec", name, "--", "sh", "-c",
    "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status; unshare -U true && echo unshared; id -G" })
  for bits in result.stdout:gmatch("Cap%a+:%s*(%x+)") do equal("0000000000000000", bits, "capabilities") end
  check.matches(result.stdout, "NoNewPrivs:%s*1", "no new privileges")
  check.matches(result.stdout, "Seccomp:%s*2", "filter")
  check.lacks(result.stdout, "unshared", "namespaces")
  check.matches(result.stdout, "\n" .. t.gid .. "\n$", "groups")
end)

about("exec-input", "exec passes input, working directory and variables", function(t, name)
  local result = t:cli({ "exec", name, "-w", "/tmp", "-e", "WXC_PLAIN=a b", "-e", "WXC_TOKEN", "--", "sh", "-c",
    'pwd; wc -c; echo "$WXC_PLAIN $WXC_TOKEN"' }, { input = ("x"):rep(200000), env = { WXC_TOKEN = "of-mine" } })
  check.status(result, 0)
  equal("/tmp\n200000\na b of-mine\n", (result.stdout:gsub(" +200000", "200000")), "output")
end)

about("exec-missing", "exec gives 127 for a command that is not there, 128 and more for a signal", function(t, name)
  check.status(t:cli({ "exec", name, "--", "no-such" }), 127)
  check.status(t:cli({ "exec", name, "--", "sh", "-c", "kill -TERM $$" }), 143)
end)

about("logs", "logs keeps its output, errors apart", function(t, name)
  t:wait_for("the output", function()
    local result = t:cli({ "logs", name })
    return result.stdout == "out\n" and result.stderr == "err\n"
  end, 10)
end)

about("labels", "its container has the labels that tell session, workspace, profile and owner", function(t, name)
  local details = t:inspect(name)
  local config = details.Config or details.configuration
  local labels = config.Labels or config.labels
  local one = entry(t, name)
  equal(one.session, labels["wrapix.session"], "wrapix.session")
  equal(one.workspace, labels["wrapix.workspace"], "wrapix.workspace")
  equal("base", labels["wrapix.profile"], "wrapix.profile")
  check.matches(labels["wrapix.owner"] or "none", "^[^:]+:%d+:%d+$", "wrapix.owner")
end)

about("name-taken", "a name that is taken is refused, and the first one left alone", function(t, name)
  local result = t:run({ "true" }, { args = { "--name", name } })
  check.status(result, 125)
  has(result.stderr, name, "message")
  equal("running", entry(t, name).state, "the first one")
end)

add("name", "without --name it is called after the workspace", function(t)
  local running <close> = t:start("echo up; cat", { dir = t:dir("my-shop"), stdin = "pipe" })
  check.matches("\n" .. t:containers(), "\nwrapix%-my%-shop%-%x+\n", "containers")
  running.stdin:close()
  check.status(running:wait(), 0)
end)

add("stop", "stop ends a detached sandbox, which may clean up; its status is recorded", function(t)
  local dir = t:dir()
  t:detach(t.name, "trap 'sleep 0.3; echo done >note; exit 3' TERM; echo >up; while :; do sleep 0.1; done",
    { dir = dir })
  t:wait_for("its start", function() return fs.exists(dir .. "/up") end)
  check.status(t:cli({ "stop", t.name }), 0)
  equal("done\n", fs.read(dir .. "/note"), "note")
  check.holds(not t:has_container(t.name), "the container is still there")
  check.holds(not entry(t, t.name), "it is still listed")
  for _, one in ipairs(t:json({ "logs", "--json" })) do
    if one.name == t.name then return equal(3, one.exit, "recorded status") end
  end
  check.fail("it is not in the record")
end)

add("stop-grace", "stop --grace ends in time what does not obey", function(t)
  t:detach(t.name, "trap '' TERM HUP; while :; do sleep 0.1; done")
  local began = sys.clock()
  check.status(t:cli({ "stop", "--grace", "1s", t.name }), 0)
  check.holds(sys.clock() - began < 9, "it was given the whole grace")
  check.holds(not t:has_container(t.name), "the container is still there")
end)

add("detach-ends", "a detached sandbox that ends by itself is written down with its status", function(t)
  t:detach(t.name, "echo bye; exit 7")
  t:wait_for("the record", function()
    for _, one in ipairs(t:json({ "logs", "--json" })) do
      if one.name == t.name then return one.exit == 7 end
    end
  end)
  equal("bye\n", t:cli({ "logs", t.name }).stdout, "its output")
  t:wait_for("the end of the container", function() return not t:has_container(t.name) end)
end)

add("detach-timeout", "a detached sandbox keeps its time limit", function(t)
  t:detach(t.name, "exec sleep 1000", { args = { "--timeout", "1s" } })
  t:wait_for("its end", function() return not entry(t, t.name) end)
end)

add("detach-fails", "a detached start that fails says why, with the status", function(t)
  local result = t:run({ "no-such-program" }, { args = { "-d" } })
  check.status(result, 127)
  equal("", result.stdout, "stdout")
  has(result.stderr, "no-such-program", "message")
end)

add("attach", "attach shows what a detached sandbox writes, and ends with its status", function(t)
  local dir = t:dir()
  t:detach(t.name, "until [ -e go ]; do echo tick; sleep 0.1; done; echo later; exit 5", { dir = dir })
  local proc = require("wrapix.proc")
  local running <close> = assert(proc.spawn({ t.target.wrapix, "attach", t.name },
    { stdin = "null", stdout = "pipe", stderr = "pipe", session = true }))
  equal("tick", running.stdout:read_line(), "first line")
  t:file(dir .. "/go", "")
  local result = running:wait()
  check.status(result, 5)
  has(result.stdout, "later\n", "last line")
end)
M[#M].lacks = { { runtime = "container", reason = "its CLI cannot attach to a container that runs",
  answers = "cannot attach" } }
M[#M].try = function(t)
  t:detach(t.name, "exec sleep 1000")
  return t:cli({ "attach", t.name })
end

add("keep", "--keep leaves the container for looking at, until it is stopped", function(t)
  check.status(t:sh("exit 3", { args = { "--keep", "--name", t.name } }), 3)
  check.holds(t:has_container(t.name), "the container is gone")
  check.matches(entry(t, t.name).state, "exited", "state")
  check.status(t:cli({ "stop", t.name }), 0)
  check.holds(not t:has_container(t.name), "the container is still there")
end)

add("gc", "gc clears up after launchers that died, and after nobody else", function(t)
  t:detach(t.name, "exec sleep 1000")
  local dead = t.name .. "-dead"
  local running <close> = t:start("echo up; exec sleep 1000", { args = { "--name", dead } })
  t:kill(running:pid(), "KILL")
  t:wait_for("the end of the container", function() return not t:has_container(dead) end)
  running.stdout:close()
  has(t:cli({ "gc", "--dry-run" }).stdout, dead, "what gc would do")
  local result = t:cli({ "gc" })
  check.status(result, 0)
  has(result.stdout, dead, "what gc did")
  check.lacks(result.stdout:gsub(dead:gsub("%-", "%%-"), ""), t.name, "what gc did")
  equal("running", entry(t, t.name).state, "the other one")
  equal("[]\n", t:cli({ "gc", "--dry-run", "--json" }).stdout, "what is left to do")
  t:stop(t.name)
end, true)

add("two", "two sandboxes of one workspace share its files and nothing else", function(t)
  local dir = t:dir()
  local one <close> = t:start("echo up; touch /tmp/one; echo >one; until [ -e two ]; do sleep 0.05; done; ls /tmp",
    { dir = dir })
  local out = t:out("until [ -e one ]; do sleep 0.05; done; ls /tmp; ps | grep -c '[w]rapix-init'; echo >two",
    { dir = dir })
  check.lacks(out, "one", "/tmp of the second")
  local result = one:wait()
  check.status(result, 0)
  equal("one\n", result.stdout, "/tmp of the first")
end)

add("record", "the record of all sessions holds together", function(t)
  check.status(t:cli({ "logs", "--verify" }), 0)
end, true)

add("nothing-left", "when all have ended there is no container, no session and no process of theirs", function(t)
  local function left()
    local list = {}
    for name in t:containers():gmatch("%S+") do
      if name:find("^wxc%-") or name:find("^wrapix%-project%-") then list[#list + 1] = name end
    end
    for _, one in ipairs(t:json({ "ps", "--all", "--json" })) do list[#list + 1] = one.name end
    for _, one in ipairs(t:processes()) do
      local ours = one.args:find(t.target.wrapix, 1, true) == 1 or one.args:find("wxc-", 1, true)
      if ours and not one.args:find(" --run ", 1, true) then list[#list + 1] = one.args end
    end
    return list
  end
  local ok = pcall(t.wait_for, t, "nothing", function() return #left() == 0 end, 15)
  if not ok then check.fail("left: %s", assert(json.encode(left()))) end
end, true)

return M
