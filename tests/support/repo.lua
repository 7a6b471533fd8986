-- SPDX-License-Identifier: MIT
-- Real repositories for the specs of tests/e2e, made with the git of the host
-- as the user the sandbox will have.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local proc = require("wrapix.proc")

local M = {}

local ENV = {
  GIT_AUTHOR_NAME = "Host", GIT_AUTHOR_EMAIL = "host@example.org",
  GIT_COMMITTER_NAME = "Host", GIT_COMMITTER_EMAIL = "host@example.org",
  GIT_CONFIG_GLOBAL = "/dev/null",
}

---Runs a program as the user of the sandboxes.
---@return table result
function M.as_user(argv, cwd)
  local words = {}
  if e2e.rootful then
    local ids = { "setpriv", "--reuid=" .. e2e.uid, "--regid=" .. e2e.gid, "--clear-groups" }
    table.move(ids, 1, #ids, 1, words)
  end
  table.move(argv, 1, #argv, #words + 1, words)
  return assert(proc.run(words, { cwd = cwd, env = ENV, timeout = 60 }))
end

---Runs git, which must succeed, and returns what it printed.
function M.git(cwd, ...)
  local result = M.as_user({ "git", "-c", "protocol.file.allow=always", ... }, cwd)
  if result.code ~= 0 then error(("git %s: %s"):format((...), result.stderr), 2) end
  return (result.stdout:gsub("%s+$", ""))
end

---Makes a repository with two commits.
---@param name string?
---@return string dir
function M.new(name)
  local dir = e2e.dir(name or "main")
  -- The way there belongs to root on a host without a user of its own.
  assert(fs.chmod(e2e.tmp, tonumber("755", 8)))
  assert(fs.chown(dir:match("^(.*)/"), e2e.uid, e2e.gid))
  M.git(dir, "init", "-q", "-b", "main")
  M.write(dir .. "/file", "one\n")
  assert(fs.ensure_dir(dir .. "/part"))
  assert(fs.chown(dir .. "/part", e2e.uid, e2e.gid))
  M.write(dir .. "/part/inner", "one\n")
  M.git(dir, "add", ".")
  M.git(dir, "commit", "-q", "-m", "first")
  M.write(dir .. "/file", "two\n")
  M.git(dir, "commit", "-q", "-a", "-m", "second")
  M.git(dir, "pack-refs", "--all")
  return dir
end

---Writes a file of the sandboxes' user.
function M.write(file, text)
  e2e.file(file, text, tonumber("644", 8))
  assert(fs.chown(file, e2e.uid, e2e.gid))
end

---Every name below a directory with its size and mode, to compare later.
function M.listing(dir)
  local lines = {}
  for rel, stat in assert(fs.walk(dir)) do
    lines[#lines + 1] = ("%s %s %d %d %d"):format(rel, stat.type, stat.mode, stat.uid, stat.size)
  end
  return table.concat(lines, "\n")
end

return M
