-- SPDX-License-Identifier: MIT
-- A toy agent mends a small C project in a sandbox, while you watch; then the
-- sandbox is attacked. Works on a copy of project/: nothing here is changed.
--   wrapix examples/demo/demo.lua

local wrapix = require("wrapix")
local fs, proc, sys = wrapix.fs, wrapix.proc, wrapix.sys

local here = assert(fs.realpath(debug.getinfo(1, "S").source:match("^@(.*)/") or "."))

-- A profile is a table. One for C, and what this demo needs besides.
local c_profile = { name = "c", packages = { "gcc", "libc6-dev", "make" } }
local profile = wrapix.derive(c_profile, {
  name = "demo",
  mounts = { { source = here .. "/agent", dest = "/opt/agent" } },
  network = "none",
  limits = { memory = "1g", pids = 200, timeout = "2m" },
})

-- The sandbox writes to the same place by itself: no line may wait here.
io.stdout:setvbuf("line")

local function heading(text) print("\n== " .. text) end

-- What the library has to tell while it works.
local function tell(_, text) print("   " .. text) end
local log = setmetatable({ note = tell, warn = tell, error = tell }, {
  __index = function() return function() end end,
})

-- The last lines of a host program's output, set in.
local function show(argv, cwd)
  local result = assert(proc.run(argv, { cwd = cwd, env = { LC_ALL = "C" } }))
  for line in (result.stdout .. result.stderr):gmatch("[^\n]+") do print("   " .. line) end
end

-- A place of the host's home that no image has.
local function private_place(home)
  for _, name in ipairs({ ".ssh", ".bash_history", ".cache/wrapix", ".local", ".cache" }) do
    if fs.exists(home .. "/" .. name) then return home .. "/" .. name end
  end
  return home
end

-- What a program inside may try, each with the command that tries it.
local function attempts(secret)
  return {
    { "read a file of the host", { "cat", secret } },
    { "look into your home", { "ls", private_place(sys.home()) } },
    { "signal a process of the host", { "sh", "-c", "kill -0 " .. sys.pid() } },
    { "write to /etc", { "touch", "/etc/owned" } },
    { "replace a program", { "cp", "/bin/true", "/usr/bin/make" } },
    { "mount something", { "mount", "-t", "tmpfs", "none", "/mnt" } },
    { "give a file away", { "chown", "12345", "/workspace/text.c" } },
    { "gain a capability", { "setpriv", "--inh-caps", "+sys_admin", "true" } },
    { "make a user namespace", { "unshare", "--user", "--map-root-user", "id" } },
    { "reach the network", { "bash", "-c", "exec 3<>/dev/tcp/192.0.2.1/80" } },
  }
end

-- What the program said; more lines are advice.
local function first_line(text) return text:match("[^\n]+") or "no output" end

-- Tries everything in one sandbox. Returns how much of it worked.
local function attack(sandbox, secret)
  local box <close> = assert(sandbox:start())
  local got_through = 0
  for _, attempt in ipairs(attempts(secret)) do
    local result = assert(box:exec(attempt[2], { capture = true }))
    local refused = result.code ~= 0
    if not refused then got_through = got_through + 1 end
    print(("   %-29s %s"):format(attempt[1], refused and first_line(result.stderr) or "WORKED"))
  end
  local status = assert(box:exec({ "grep", "-E", "^(CapBnd|CapEff|NoNewPrivs)", "/proc/self/status" },
    { capture = true }))
  print("   " .. status.stdout:gsub("%s*\n%s*", "  "):gsub("\t", " "))
  return got_through
end

local function fail(message, hint)
  print("\nThe demo ends here: " .. message)
  if hint then print("hint: " .. hint) end
  return 1
end

local function demo(dir)
  local workspace, secret = dir .. "/project", dir .. "/secret.txt"
  assert(fs.copy_tree(here .. "/project", workspace))
  assert(fs.write_atomic(secret, "only the host knows\n", { mode = tonumber("644", 8) }))
  heading("1. A C project whose test fails, copied to " .. workspace)
  show({ "ls", "-l" }, workspace)

  heading("2. A sandbox for it: Debian with " .. table.concat(c_profile.packages, ", "))
  local sandbox = assert(wrapix.sandbox(profile, { workspace = workspace }))
  local plan, message, _, hint = sandbox:plan({ "/opt/agent" })
  if not plan then return fail(message, hint) end
  for _, warning in ipairs(plan.warnings) do tell(nil, "warning: " .. warning.text) end
  print("   the first start makes the image, in a minute or two; later ones take a moment")
  local result
  result, message, _, hint = sandbox:run({ "true" }, { log = log })
  if not result then return fail(message, hint) end
  if result.code ~= 0 then return fail("the sandbox did not start") end
  print(("   started and ended in %.1f s"):format(result.seconds))

  heading("3. The agent works in the sandbox, where the project is /workspace")
  result = assert(sandbox:run({ "/opt/agent" }))
  if result.code ~= 0 then return fail("the agent gave up") end

  heading("4. What it changed, seen from the host")
  show({ "diff", "-u", "--label", "before", "--label", "after", here .. "/project/text.c", "text.c" },
    workspace)
  print(("   ...and who owns the files now; you are %s:"):format(sys.username() or sys.uid()))
  show({ "ls", "-l" }, workspace)

  heading("5. What a program in the sandbox cannot do")
  local got_through = attack(sandbox, secret)
  if got_through > 0 then return fail(got_through .. " of the attempts worked") end
  print("\nAll was refused, and the test passes. Next: build/wrapix --help, README.md")
  return 0
end

local dir = assert(fs.temp_dir("wrapix-demo-"))
local cleanup <close> = setmetatable({}, { __close = function() fs.remove_tree(dir) end })
return demo(dir), cleanup
