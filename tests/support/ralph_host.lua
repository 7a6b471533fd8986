-- SPDX-License-Identifier: MIT
-- A project of Ralph on a test host, for specs of tests/e2e: a repository, a person's
-- directories, and the toy agent in real containers of an image with git. What it was
-- told to play and what it kept lies in `toy`, which its sandboxes see as /toy.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local proc = require("wrapix.proc")
local repo = require("support.repo")
local terminal = require("support.terminal")

local M = {}

-- The image is the one that git_spec.lua works in.
local PROFILE = [[
return { name = "git", base = "localhost/wrapix-base-debian:trixie", network = "none",
  packages = { "git", "openssh-client", "openssh-server" }, agents = { "play" }, agent = "play",
  mounts = { { source = %q, dest = "/toy", mode = "rw" } },
  settings = { play = { argv = { "/toy/agent", "/toy" } } } }
]]

local PLAY = [[
local claude = require("wrapix.agent.claude")
return {
  name = "play", title = "Play", decode = claude.decode, stream = "json",
  argv = function(_, opts) return opts.settings.argv end,
}
]]

local GIT_CONFIG = "[user]\n\tname = Person\n\temail = person@example.org\n"

---@class wrapix.test.RalphHost
---@field dir string the project
---@field home string the person's directories
---@field toy string the agent's
---@field env table<string, string>
local Host = {}
Host.__index = Host

-- Writes a file below the person's directories.
function Host:_write(path, text, mode)
  local file = self.home .. "/" .. path
  local dir = self.home
  for part in (path:match("^(.*)/") or ""):gmatch("[^/]+") do
    dir = dir .. "/" .. part
    assert(fs.ensure_dir(dir))
  end
  return e2e.file(file, text, mode)
end

---Writes ralph.lua of the person.
---@param fields string? as Lua
function Host:config(fields)
  self:_write("config/wrapix/ralph.lua", ("return { profile = \"toy\", notify = false, context = {}, %s }\n")
    :format(fields or ""))
end

---What the agent plays in its runs: one line of shell each, the last again and again.
function Host:play(...)
  e2e.file(self.toy .. "/play", table.concat({ ... }, "\n") .. "\n", tonumber("644", 8))
end

---A text that the agent left in its directory.
function Host:left(name) return fs.read(self.toy .. "/" .. name) end

---Runs ralph to its end; the last word may be options of proc.run.
function Host:ralph(...)
  local words = { ... }
  local opts = type(words[#words]) == "table" and table.remove(words) or {}
  return assert(proc.run({ e2e.wrapix, "ralph", table.unpack(words) },
    { cwd = self.dir, env = self.env, timeout = opts.timeout or 90, input = opts.input }))
end

---What ralph prints, without the end of its last line; it must end with 0.
function Host:out(...)
  local result = self:ralph(...)
  if result.code ~= 0 then
    error(("ralph %s: status %s: %s%s"):format((...), result.code, result.stdout, result.stderr), 2)
  end
  return (result.stdout:gsub("%s+$", ""))
end

---One step: its status, and what --json says of it.
function Host:step(...)
  local result = self:ralph("step", "--json", ...)
  local value, message = json.decode(result.stdout)
  if not value then error(("%s\n%s%s"):format(message, result.stdout, result.stderr), 2) end
  return result.code, value, result
end

---Starts ralph at a terminal of its own, for a <close> variable.
function Host:terminal(...)
  return terminal.open({ e2e.wrapix, "ralph", ... },
    { env = self.env, cwd = self.dir, rows = 40, cols = 160 })
end

---An issue as the file has it.
function Host:issue(id)
  for line in (fs.read(self.dir .. "/.wrapix/issues.jsonl") or ""):gmatch("[^\n]+") do
    local issue = assert(json.decode(line))
    if issue.id == id then return issue end
  end
end

---How an issue stands: its status, and "waiting" where a person is needed.
function Host:status(id)
  local issue = self:issue(id) or error("no issue " .. id, 2)
  for _, label in ipairs(issue.labels or {}) do
    if label == "ralph:waiting" then return "waiting" end
  end
  return issue.status
end

---Runs git in the project as the user of the sandboxes.
function Host:git(...) return repo.git(self.dir, ...) end

---The refs of rescued work.
function Host:rescued()
  local list = {}
  for ref in self:git("for-each-ref", "--format=%(refname)", "refs/wrapix/rescue"):gmatch("[^\n]+") do
    list[#list + 1] = ref
  end
  return list
end

---Makes the image of the profile, so that no spec waits for it. Once on each host.
function M.build()
  local host = M.new()
  local result = assert(proc.run(
    { e2e.wrapix, "image", "build", host.home .. "/config/wrapix/profiles/toy.lua" },
    { env = host.env, timeout = 900 }))
  if result.code ~= 0 then error(result.stderr, 2) end
end

---A person with a project and the toy agent.
---@param config string? fields of ralph.lua, as Lua
---@return wrapix.test.RalphHost
function M.new(config)
  local home = e2e.dir("home")
  local self = setmetatable({ home = home, toy = e2e.dir("toy"), dir = repo.new("shop"), env = {
    HOME = home, XDG_CONFIG_HOME = home .. "/config", XDG_STATE_HOME = home .. "/state",
    XDG_DATA_HOME = home .. "/data", TERM = "xterm-256color",
  } }, Host)
  self:_write("config/git/config", GIT_CONFIG)
  self:_write("config/wrapix/agents/play.lua", PLAY)
  self:_write("config/wrapix/profiles/toy.lua", PROFILE:format(self.toy))
  self:config(config)
  assert(fs.copy_tree(WRAPIX_ROOT .. "/tests/support/toy_agent", self.toy .. "/agent"))
  return self
end

return M
