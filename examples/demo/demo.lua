-- SPDX-License-Identifier: MIT
-- A toy agent works through three issues of a small C project in sandboxes, while you
-- watch; then the sandbox is attacked. Works on a copy of project/, with a state of its
-- own: nothing here, and nothing of yours, is changed.
--   wrapix examples/demo/demo.lua

local wrapix = require("wrapix")
local fs, proc, sys = wrapix.fs, wrapix.proc, wrapix.sys

local here = assert(fs.realpath(debug.getinfo(1, "S").source:match("^@(.*)/") or "."))
local program = assert(fs.realpath("/proc/self/exe"))

-- Others write to the same place: no line may wait here.
io.stdout:setvbuf("line")

local function heading(text) print("\n== " .. text) end

-- What the library has to tell while it works.
local function tell(_, text) print("   " .. text) end
local log = setmetatable({ note = tell, warn = tell, error = tell }, {
  __index = function() return function() end end,
})

-- The demo's end, from wherever it has to be.
local function fail(message, hint) error({ message = message, hint = hint }, 0) end

-- Shows a host program's output, set in.
local function show(argv, cwd)
  local result = assert(proc.run(argv, { cwd = cwd, env = { LC_ALL = "C" } }))
  for line in (result.stdout .. result.stderr):gmatch("[^\n]+") do print("   " .. line) end
end

-- A project of the demo, with a state of its own, so that nothing is left in yours.
local function project_in(dir)
  assert(fs.copy_tree(here .. "/project", dir .. "/text"))
  assert(fs.copy_tree(here .. "/agent", dir .. "/agent"))
  -- As `make install` links it.
  assert(fs.symlink(program, dir .. "/ralph"))
  return { dir = dir .. "/text", env = { XDG_STATE_HOME = dir .. "/state" },
    programs = { wrapix = program, ralph = dir .. "/ralph" } }
end

-- Runs wrapix, or ralph, as you would type it; the status has to be the one that is wanted.
local function type_in(project, wanted, words, opts)
  local shown = {}
  for i, word in ipairs(words) do shown[i] = word:find("[^%w/=._-]") and '"' .. word .. '"' or word end
  print("$ " .. table.concat(shown, " "))
  local result = assert(proc.run({ project.programs[words[1]], table.unpack(words, 2) }, {
    cwd = project.dir, env = project.env, stdout = opts and opts.stdout or "inherit", stderr = "inherit",
  }))
  if result.code ~= wanted then fail(("status %s, and not %d"):format(result.code or "?", wanted)) end
  return result.stdout
end

-- Adds an issue and returns its id.
local function add(project, title, needs)
  local words = { "ralph", "issue", "add", title }
  if needs then table.move({ "--needs", needs }, 1, 2, #words + 1, words) end
  local id = type_in(project, 0, words, { stdout = "pipe" }):match("%S+")
  print(id)
  return id
end

-- A repository, made in the sandbox: what is in there no program of the host has to trust.
local FIRST_COMMIT = "git init -q -b main && git config user.name Demo && git config user.email demo@localhost"
  .. " && git add . && git commit -q -m 'A project whose test fails'"

local function start(project)
  local sandbox = assert(wrapix.sandbox(project.dir .. "/wrapix.lua", { workspace = project.dir }))
  local plan, message, _, hint = sandbox:plan({ "true" })
  if not plan then fail(message, hint) end
  for _, warning in ipairs(plan.warnings) do tell(nil, "warning: " .. warning.text) end
  print("   the first start makes the image, in a minute or two; later ones take a moment")
  local result
  result, message, _, hint = sandbox:run({ "sh", "-c", FIRST_COMMIT }, { log = log })
  if not result then fail(message, hint) end
  if result.code ~= 0 then fail("the sandbox did not start") end
  print(("   started, git has its first commit, ended: %.1f s"):format(result.seconds))
  return sandbox
end

-- Attacks ------------------------------------------------------------------------

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

-- The demo -----------------------------------------------------------------------

local WAITING = 102

local function demo(dir)
  local project, secret = project_in(dir), dir .. "/secret.txt"
  assert(fs.write_atomic(secret, "only the host knows\n", { mode = tonumber("644", 8) }))
  heading("1. A C project whose test fails, copied to " .. project.dir)
  show({ "ls" }, project.dir)
  print("   its files are programs that would run on this host: they count when you trust them")
  type_in(project, 0, { "wrapix", "trust", "--yes", "--quiet" }, { stdout = "null" })

  heading("2. A sandbox for it: Debian with gcc, git and make")
  local sandbox = start(project)

  heading("3. Three issues; the second and the third need the first")
  local mend = add(project, "Make the tests pass")
  local case = add(project, "Find palindromes whatever the case", mend)
  add(project, "Write a README", mend)

  heading("4. A toy agent does them, each attempt in a sandbox; `make test` in another one judges it")
  type_in(project, WAITING, { "ralph", "loop" })

  heading("5. It had a question; you answer, and the loop goes on")
  type_in(project, 0, { "ralph", "answer" })
  type_in(project, 0, { "ralph", "answer", case, "1" })
  type_in(project, 0, { "ralph", "loop" })

  heading("6. What it changed, seen from the host")
  show({ "diff", "-U1", "--label", "before", "--label", "after", here .. "/project/text.c", "text.c" },
    project.dir)
  print(("   ...and who owns the files now; you are %s:"):format(sys.username() or sys.uid()))
  show({ "ls", "-l", "README.md", "text.c" }, project.dir)
  print("   ...and who committed what, as git in the sandbox says:")
  assert(sandbox:run({ "git", "--no-pager", "log", "--reverse", "--format=   %h %s" }))

  heading("7. What a program in the sandbox cannot do")
  local got_through = attack(sandbox, secret)
  if got_through > 0 then fail(got_through .. " of the attempts worked") end
  print("\nAll was refused, and the test passes. Next: build/wrapix --help, README.md, docs/ralph.md")
end

local dir = assert(fs.temp_dir("wrapix-demo-"))
local cleanup <close> = setmetatable({}, { __close = function() fs.remove_tree(dir) end })
local ok, failure = pcall(demo, dir)
if ok then return 0 end
if type(failure) ~= "table" then error(failure, 0) end
print("\nThe demo ends here: " .. failure.message)
if failure.hint then print("hint: " .. failure.hint) end
return 1, cleanup
