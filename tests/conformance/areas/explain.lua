-- SPDX-License-Identifier: MIT
-- What is printed before a start is what is started.

local check = require("conformance.check")
local json = require("wrapix.json")
local proc = require("wrapix.proc")

local M = { title = "Before a start" }

-- What differs from start to start: ids of sessions, paths with them, ports.
local function normal(text)
  return (text:gsub("wrapix%.owner=%S+", "wrapix.owner=OWNER")
    :gsub("%f[%w]%x%x%x%x%x%x%x%x+%f[%W]", "ID"):gsub("%s+$", ""))
end

local function engine_words(t, args)
  for _, one in ipairs(t:processes()) do
    local rest = t:run_words(one.args)
    if rest and rest:find(args, 1, true) then return rest end
  end
end

M[#M + 1] = { id = "explain.dry-run", says = "--dry-run prints the very command line that a start uses",
  run = function(t)
    local dir, script = t:dir(), "echo up; cat"
    local opts = { dir = dir, stdin = "pipe",
      args = { "--name", t.name, "-e", "WXC_A=b c", "--network", "open" } }
    local words = t:words({ "sh", "-c", script }, opts)
    table.insert(words, 2, "--dry-run")
    local printed = assert(proc.run(words, { input = "", timeout = 60 }))
    check.status(printed, 0)
    local running <close> = t:start(script, opts)
    local real = t:wait_for("a process of the engine", function() return engine_words(t, t.name) end, 10)
    running.stdin:close()
    check.status(running:wait(), 0)
    local line = printed.stdout:gsub("%s+$", "")
    local said = assert(proc.run({ "sh", "-c", ("set -- %s; shift; printf '%%s ' \"$@\""):format(line) }))
    check.status(said, 0)
    local wanted, got = normal(said.stdout):gmatch("%S+"), normal(real):gmatch("%S+")
    repeat
      local word, other = wanted(), got()
      check.equal(word, other, "a word of the command line")
    until not word and not other
  end }

M[#M + 1] = { id = "explain.origins", says = "explain tells for each part where it comes from",
  run = function(t)
    local profile = t:profile({ env = { WXC_ONE = "1" } })
    local result = t:cli({ "explain", "--runtime", t.target.runtime, "--memory", "1g", profile },
      { cwd = t:dir() })
    check.status(result, 0)
    check.matches(result.stdout, "WXC_ONE[^\n]*profile%.lua:1", "a variable of the profile")
    check.has(result.stdout, "--memory", "an option")
    check.has(result.stdout, "/workspace", "the workspace")
  end }

M[#M + 1] = { id = "explain.json", says = "explain --json has the plan and the command line",
  run = function(t)
    local data = t:json({ "explain", "--json", "--runtime", t.target.runtime, "-C", t:dir(),
      "--image", t.target.image })
    local plan = data.plan or data
    check.equal(t.target.runtime, plan.runtime, "runtime")
    local modes = {}
    for _, mount in ipairs(plan.mounts) do modes[mount.dest] = mount.mode end
    check.equal("rw", modes["/workspace"], "/workspace")
    check.has(assert(json.encode(data)), t.target.image, "the image")
  end }

M[#M + 1] = { id = "explain.starts-nothing", says = "neither makes or starts anything",
  run = function(t)
    local before = t:containers()
    t:cli({ "explain", "--runtime", t.target.runtime, "--name", t.name }, { cwd = t:dir() })
    t:cli({ "--runtime", t.target.runtime, "--dry-run", "--name", t.name }, { cwd = t:dir() })
    check.holds(not t:has_container(t.name), "there is a container; before: " .. before)
  end }

-- The one program of the engine that the library of the other machine may lack.
M[#M + 1] = { id = "explain.elsewhere",
  says = "explain --runtime container@VERSION works where there is no such program",
  run = function(t)
    local result = t:cli(
      { "explain", "--runtime", "container@1.2", "-C", t:dir(), "--image", t.target.image },
      { env = { PATH = "/usr/bin:/bin" } })
    check.status(result, 0)
    check.has(result.stdout, "container run", "what would be started")
  end }

return M
