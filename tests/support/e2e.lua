-- SPDX-License-Identifier: MIT
-- What the specs of tests/e2e share: the binary as a user has it, workspaces,
-- runs, and the proof that a spec left nothing on the host. Only for a test host
-- (tests/host/run HOST): it looks at every process and container it can see.

local fs = require("wrapix.fs")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local M = {}

M.host = os.getenv("WRAPIX_TEST_HOST") or error("e2e: start me with tests/host/run HOST -- ...")
M.tmp = os.getenv("WRAPIX_TEST_TMP")
M.rootful = M.host == "rootful"
M.image = "localhost/wrapix-test-busybox:1"
M.debian = "localhost/wrapix-base-debian:trixie"

-- As root the sandbox gets the ids of the workspace's owner; any but root's own,
-- so that all the specs hold there as well.
M.uid = M.rootful and 7700 or sys.uid()
M.gid = M.rootful and 7700 or sys.gid()

M.runtime_dir = os.getenv("XDG_RUNTIME_DIR") .. "/wrapix"
M.sessions = M.runtime_dir .. "/sessions"

-- A copy, so that a build going on at the same time changes nothing, and that
-- nothing of the source tree can be found beside it.
local function install()
  local bin = M.tmp .. "/bin/wrapix"
  if fs.stat(bin) then return bin end
  assert(fs.ensure_dir(M.tmp .. "/bin"))
  local built = os.getenv("WRAPIX_TEST_BINARY") or "/proc/self/exe"
  assert(fs.copy_tree(assert(fs.realpath(built)), bin))
  return bin
end

M.wrapix = install()

local counter = 0

---A new directory of the user; its name ends with the one given.
---@param name string?
---@return string
function M.dir(name)
  local parent
  repeat -- each file of specs counts from one
    counter = counter + 1
    parent = ("%s/%d"):format(M.tmp, counter)
  until not fs.exists(parent)
  local dir = parent .. "/" .. (name or "project")
  assert(fs.ensure_dir(dir))
  assert(fs.chown(dir, M.uid, M.gid))
  return dir
end

---Writes a file and returns its path.
function M.file(path, text, mode)
  assert(fs.write_atomic(path, text, { mode = mode, sync = false }))
  return path
end

-- Runs --------------------------------------------------------------------------

---The words of a run of the small image in a workspace.
---@param opts { dir: string?, args: string[]?, image: string|false? }
---@param argv string[] the command inside
---@return string[]
function M.words(opts, argv)
  local words = { M.wrapix, "-C", opts.dir or M.dir() }
  if opts.image ~= false then
    table.move({ "--image", opts.image or M.image }, 1, 2, #words + 1, words)
  end
  table.move(opts.args or {}, 1, #(opts.args or {}), #words + 1, words)
  words[#words + 1] = "--"
  return table.move(argv, 1, #argv, #words + 1, words)
end

local PROC_OPTIONS = { "env", "input", "cwd", "stdin", "stdout", "stderr", "session" }

local function proc_options(opts)
  local out = { timeout = opts.timeout or 120 }
  for _, name in ipairs(PROC_OPTIONS) do out[name] = opts[name] end
  return out
end

---Runs wrapix itself with any words.
---@param words string[]
---@param opts table? as proc.run
---@return table result
function M.cli(words, opts)
  opts = opts or {}
  local argv = table.move(words, 1, #words, 2, { M.wrapix })
  return assert(proc.run(argv, proc_options(opts)))
end

---Runs a command in a sandbox of the small image.
---@param argv string[]
---@param opts table? dir, args, image, and those of proc.run
---@return table result
function M.run(argv, opts)
  opts = opts or {}
  return assert(proc.run(M.words(opts, argv), proc_options(opts)))
end

---Runs a shell script in a sandbox.
function M.sh(script, opts) return M.run({ "sh", "-c", script }, opts) end

---The output of a shell script in a sandbox, which must succeed.
function M.output(script, opts)
  local result = M.sh(script, opts)
  if result.code ~= 0 then
    error(("status %s: %s%s"):format(result.code, result.stdout, result.stderr), 2)
  end
  return (result.stdout:gsub("\n$", ""))
end

---Runs several scripts in one sandbox, in the order of their names, each in a subshell.
---@param scripts table<string, string>
---@param opts table?
---@return table<string, { out: string, code: integer }>
function M.sections(scripts, opts)
  local names, lines = {}, {}
  for name in pairs(scripts) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do
    lines[i] = ("printf '\\0%s\\0'; ( %s\n) 2>&1; printf '\\0%%d' $?"):format(name, scripts[name])
  end
  local result = M.sh(table.concat(lines, "\n"), opts)
  local found = { result = result }
  for name, out, code in result.stdout:gmatch("%z([^%z]+)%z([^%z]*)%z(%d+)") do
    found[name] = { out = (out:gsub("\n$", "")), code = tonumber(code) }
  end
  for _, name in ipairs(names) do
    if not found[name] then error(name .. ": did not run: " .. result.stderr, 2) end
  end
  return found
end

---Starts wrapix in the background; close it, or let a <close> variable do so.
function M.start(argv, opts)
  opts = opts or {}
  local running = assert(proc.spawn(M.words(opts, argv), {
    stdin = opts.stdin or "null", stdout = "pipe", stderr = "pipe", env = opts.env, cwd = opts.cwd,
    session = true,
  }))
  return running
end

---Runs podman, which must succeed.
---@return string stdout
function M.podman(...)
  local result = assert(proc.run({ "podman", ... }, { timeout = 120 }))
  if result.code ~= 0 then error(("podman %s: %s"):format((...), result.stderr), 2) end
  return (result.stdout:gsub("%s+$", ""))
end

---How often a text stands in another.
---@param text string
---@param part string
---@return integer
function M.count(text, part)
  local n, from = 0, 1
  while true do
    local _, last = text:find(part, from, true)
    if not last then return n end
    n, from = n + 1, last + 1
  end
end

---Waits until a function returns something true, and returns that.
---@param what string for the message
---@param fn function
---@param seconds number? 30
function M.wait_for(what, fn, seconds)
  local deadline = sys.clock() + (seconds or M.PATIENCE)
  repeat
    local value = fn()
    if value then return value end
    task.sleep(0.02)
  until sys.clock() > deadline
  error("waited in vain for " .. what, 2)
end

-- Three times what a busy machine was seen to need; only a spec that fails waits so long.
M.PATIENCE = 30

---Fails unless less than this time has passed. The bounds of specs tell apart what ends by
---itself (a grace, a limit, never) from what is ended; how fast it is the bench measures.
---@param began number of sys.clock
---@param seconds number
function M.assert_within(began, seconds)
  local took = sys.clock() - began
  if took >= seconds then error(("took %.1f s of at most %g"):format(took, seconds), 2) end
end

---Waits for a file and returns its content.
function M.wait_file(path, seconds)
  return M.wait_for(path, function()
    local text = fs.read(path)
    return text and text ~= "" and text
  end, seconds)
end

---Compiles a program of tests/support, statically, into a directory.
---@return string path
function M.compile(name, dir)
  local built = M.tmp .. "/bin/" .. name
  if not fs.stat(built) then
    local result = assert(proc.run({
      os.getenv("CC") or "cc", "-std=c11", "-D_GNU_SOURCE", "-O1", "-static", "-o", built,
      ("%s/tests/support/%s.c"):format(WRAPIX_ROOT, name),
    }))
    assert(result.code == 0, result.stderr)
  end
  assert(fs.copy_tree(built, dir .. "/" .. name))
  return dir .. "/" .. name
end

-- Processes -----------------------------------------------------------------------

---Every process that can be seen: { pid, ppid, name, argv (words joined by blanks) }.
function M.processes()
  local list = {}
  for _, name in ipairs(assert(fs.list("/proc"))) do
    if name:match("^%d+$") then
      local status = fs.read("/proc/" .. name .. "/status") or ""
      local line = fs.read("/proc/" .. name .. "/cmdline") or ""
      list[#list + 1] = {
        pid = tonumber(name), name = status:match("Name:%s*([^\n]*)"), cmdline = line,
        ppid = tonumber(status:match("PPid:%s*(%d+)")), state = status:match("State:%s*(%a)"),
        argv = (line:gsub("%z", " ")),
      }
    end
  end
  return list
end

---The one process a function says true of.
function M.process(what, test)
  return M.wait_for(what, function()
    for _, one in ipairs(M.processes()) do
      if one.argv ~= "" and test(one) then return one end
    end
  end)
end

---Ends one process that a spec started, found by M.process.
function M.kill(pid, signal)
  assert(proc.run({ "kill", "-s", signal, tostring(pid) }))
end

-- Afterwards ------------------------------------------------------------------------

local OURS = {
  conmon = true, podman = true, pasta = true, ["pasta.avx2"] = true, slirp4netns = true,
  crun = true, runc = true, wrapix = true, ["wrapix-init"] = true,
}

-- The one that runs the specs, and its forks, are no left-overs.
local function left_processes()
  local out = {}
  for _, one in ipairs(M.processes()) do
    local runner = one.pid == sys.pid() or one.argv:find("%-%-run %S*tests/run%.lua")
    if OURS[one.name] and not runner and one.state ~= "Z" then
      out[#out + 1] = ("process %d %s"):format(one.pid, one.argv)
    end
  end
  return out
end

function M.left()
  local out = left_processes()
  for id in M.podman("ps", "--all", "--format", "{{.Names}}"):gmatch("%S+") do
    out[#out + 1] = "container " .. id
  end
  for _, name in ipairs(fs.list(M.sessions) or {}) do out[#out + 1] = "session " .. name end
  return out
end

---Fails unless the host is as it was; gives the engine a moment to finish.
function M.assert_clean()
  local left
  local ok = pcall(M.wait_for, "a clean host", function()
    left = M.left()
    return #left == 0
  end)
  if not ok then
    pcall(M.podman, "rm", "--all", "--force", "--time", "0")
    fs.remove_tree(M.sessions)
    error("left on the host: " .. table.concat(left, "; "), 0)
  end
end

return M
