-- SPDX-License-Identifier: MIT
-- A world (support.world) with a project of Ralph in it: a repository, a list of issues,
-- the toy agent, and what was made of them.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local proc = require("wrapix.proc")
local worlds = require("support.world")

local M = {}

local PLAY = [[
local claude = require("wrapix.agent.claude")
return {
  name = "play", title = "Play", decode = claude.decode, stream = "json",
  argv = function(mode, opts) return opts.settings.argv end,
}
]]

-- The double has no mounts: the socket lies where the session has it.
local CLIENT = [[#!/bin/sh
export WRAPIX_RALPH_SOCKET="%s/run/wrapix/sessions/$WRAPIX_SESSION_ID/run/ralph.sock"
exec %s "$@"
]]

---@class wrapix.test.RalphWorld: wrapix.test.World
local World = {}

local function add_methods(world)
  local base = getmetatable(world).__index
  return setmetatable(world, { __index = function(_, key) return World[key] or base[key] end })
end

--- Runs git in the project.
function World:git(...)
  local result = assert(proc.run({ "git", ... }, { cwd = self.workspace, env = self.env, clear_env = true }))
  assert(result.code == 0, result.stderr)
  return (result.stdout:gsub("%s+$", ""))
end

--- What the agent plays in its runs: one line each, the last again and again.
function World:play(...) self:write("toy/play", table.concat({ ... }, "\n") .. "\n") end

--- Writes ralph.lua of the user, beside the defaults of these specs.
function World:config(text)
  self:write("config/wrapix/ralph.lua", ("return { profile = \"toy\", notify = false, context = {}, %s }\n")
    :format(text or ""))
end

--- Adds an issue and returns its id.
---@param title string
---@param fields string? more fields, as Lua
function World:add(title, fields)
  self:write("toy/add.lua", ([[local project = assert(require("ralph").open())
    local issue = assert(assert(project:tracker()):add({ title = %q, %s }))
    io.stdout:write(issue.id)]]):format(title, fields or ""))
  local result = self:run({ self.dir .. "/toy/add.lua" })
  assert(result.code == 0, result.stderr)
  return result.stdout
end

--- The issue as the file has it.
function World:issue(id)
  for line in (fs.read(self.workspace .. "/.wrapix/issues.jsonl") or ""):gmatch("[^\n]+") do
    local issue = assert(json.decode(line))
    if issue.id == id then return issue end
  end
end

--- How an issue stands: its status, and "waiting" where a person is needed.
function World:status(id)
  local issue = assert(self:issue(id), "no issue " .. id)
  for _, label in ipairs(issue.labels or {}) do
    if label == "ralph:waiting" then return "waiting" end
  end
  return issue.status
end

--- Runs ralph to its end.
function World:ralph(...)
  local words = { ... }
  local opts = type(words[#words]) == "table" and table.remove(words) or nil
  table.insert(words, 1, "ralph")
  return self:run(words, opts)
end

--- One step, as its exit status and what `--json` says of it.
function World:step(...)
  local result = self:ralph("step", "--json", ...)
  local value, message = json.decode(result.stdout)
  assert(value, tostring(message) .. "\n" .. result.stdout .. result.stderr)
  return result.code, value, result
end

--- The prompt of a run of the agent.
function World:prompt(n) return assert(fs.read(("%s/toy/prompt.%d"):format(self.dir, n))) end
function World:runs() return tonumber(fs.read(self.dir .. "/toy/runs") or "0") end

--- Names of the transcripts of an issue.
function World:transcripts(id)
  return fs.list(("%s/.wrapix/logs/no-spec/%s"):format(self.workspace, id)) or {}
end

--- The refs of rescued work.
function World:rescued()
  local list = {}
  for line in self:git("for-each-ref", "--format=%(refname)", "refs/wrapix/rescue"):gmatch("[^\n]+") do
    list[#list + 1] = line
  end
  return list
end

--- Makes a world with a repository of one commit and the agent `play`.
---@param config string? more fields of ralph.lua
function M.new(config)
  local world = add_methods(worlds.new())
  world.env.GIT_CONFIG_GLOBAL = "/dev/null"
  world.env.GIT_AUTHOR_NAME, world.env.GIT_AUTHOR_EMAIL = "toy", "toy@localhost"
  world.env.GIT_COMMITTER_NAME, world.env.GIT_COMMITTER_EMAIL = "toy", "toy@localhost"
  world:write("config/wrapix/agents/play.lua", PLAY)
  local program = worlds.wrapix:match("^(.*/)") .. "guest/wrapix-ralph"
  local client = world:write("toy/ralph", CLIENT:format(world.dir, program))
  assert(fs.chmod(client, tonumber("755", 8)))
  world:write("config/wrapix/profiles/toy.lua", ([[return { name = "toy", image = %q, agents = { "play" },
    agent = "play", env = { RALPH = %q, GIT_CONFIG_GLOBAL = "/dev/null" },
    settings = { play = { argv = { %q, %q } } } }]]):format(worlds.image, client,
    WRAPIX_ROOT .. "/tests/support/toy_agent", world.dir .. "/toy"))
  world:config(config)
  world:write("work/README", "a project\n")
  world:git("init", "-q", "-b", "main")
  -- The double's exec has no variables of the sandbox.
  world:git("config", "user.name", "toy")
  world:git("config", "user.email", "toy@localhost")
  world:git("add", "README")
  world:git("commit", "-q", "-m", "begin")
  return world
end

return M
