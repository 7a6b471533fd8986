-- SPDX-License-Identifier: MIT
-- The real Claude Code in a sandbox of this host, for specs of tests/e2e: a project,
-- a person's directories of their own, a profile derived from base, and a scripted
-- model for it to talk to. The image is the product's own and stays in the host's
-- storage, under the hash of what went in. No account, nothing outside this machine.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local model_server = require("support.model_server")
local proc = require("wrapix.proc")
local terminal = require("support.terminal")

local M = {}

-- Neither is anything but a text that the scripted model sees again.
M.key = "sk-ant-api03-test-" .. ("k"):rep(40)
M.token = "sk-ant-oat01-test-" .. ("t"):rep(40)

local BACKENDS = { deb13 = "pasta", deb12 = "slirp4netns", rootful = "bridge" }

local PROFILE = [[
local wrapix = require "wrapix"
local claude = wrapix.derive(wrapix.profiles.base, {
  env = { ANTHROPIC_BASE_URL = %q, CLAUDE_CODE_MAX_RETRIES = "3" },
})
return wrapix.derive(claude, { name = "claude-test", %s })
]]

---@class wrapix.test.ClaudeWorld
---@field model wrapix.test.ModelServer
---@field dir string the project
---@field home string the person's
---@field stores string where logins and projects lie
---@field env table<string, string> what wrapix is started with
local World = {}
World.__index = World

---A project of the user with some files.
---@param files table<string, string>? path → text
---@param name string?
---@return string
function M.project(files, name)
  local dir = e2e.dir(name)
  for path, text in pairs(files or {}) do
    local parent = dir
    for part in (path:match("^(.*)/") or ""):gmatch("[^/]+") do
      parent = parent .. "/" .. part
      assert(fs.ensure_dir(parent))
      assert(fs.chown(parent, e2e.uid, e2e.gid))
    end
    e2e.file(dir .. "/" .. path, text, tonumber("755", 8))
    assert(fs.chown(dir .. "/" .. path, e2e.uid, e2e.gid))
  end
  return dir
end

---A person with a project, an API key and a scripted model; for a <close> variable.
---@param opts { fields: string?, files: table<string, string>?, env: table? }? fields of the
---  profile as Lua; files of the project; variables of the launcher, over the key's
---@return wrapix.test.ClaudeWorld
function M.world(opts)
  opts = opts or {}
  local home = e2e.dir("home")
  local self = setmetatable({
    model = model_server.for_sandbox(BACKENDS[e2e.host]), home = home,
    dir = M.project(opts.files),
    -- As root each user whose sandboxes are started has stores of its own.
    stores = home .. "/data/wrapix" .. (e2e.rootful and "/uid/" .. e2e.uid or ""),
    env = { HOME = home, XDG_DATA_HOME = home .. "/data", ANTHROPIC_API_KEY = M.key,
      TERM = "xterm-256color" },
  }, World)
  assert(fs.ensure_dir(home .. "/data"))
  for name, value in pairs(opts.env or {}) do self.env[name] = value end
  self:use(opts.fields or "")
  return self
end

---Builds the image of the profile, so that no spec waits for it. Once on each host.
function M.build()
  local profile = e2e.file(e2e.dir() .. "/claude.lua", PROFILE:format("", ""))
  local result = e2e.cli({ "image", "build", profile }, { timeout = 900 })
  if result.code ~= 0 then error(result.stderr, 2) end
end

---Writes the profile anew.
---@param fields string
function World:use(fields)
  local text = PROFILE:format(self.model:url(), fields)
  self.profile = e2e.file(self.home .. "/claude.lua", text, tonumber("644", 8))
end

function World:words(argv, opts)
  local words = { e2e.wrapix, "-q", "-C", opts and opts.dir or self.dir, self.profile }
  if argv then
    words[#words + 1] = "--"
    table.move(argv, 1, #argv, #words + 1, words)
  end
  return words
end

---Runs wrapix to its end: with a command, or with the agent of the profile.
---@param argv string[]?
---@param opts { input: string?, dir: string? }?
function World:run(argv, opts)
  opts = opts or {}
  return assert(proc.run(self:words(argv, opts),
    { env = self.env, input = opts.input, timeout = opts.timeout or 180 }))
end

---Runs Claude Code without a terminal, as a person would write it.
---@param prompt string goes to its input
---@param more string[]? words for claude
---@param opts table?
---@return { code: integer, lines: table[], result: table?, stdout: string, stderr: string }
function World:headless(prompt, more, opts)
  local argv = { "claude", "-p", "--output-format", "stream-json", "--verbose" }
  table.move(more or {}, 1, #(more or {}), #argv + 1, argv)
  opts = opts or {}
  opts.input = prompt
  local ran = self:run(argv, opts)
  ran.lines = {}
  for line in ran.stdout:gmatch("[^\n]+") do
    local object = json.decode(line)
    if not object then error(("not JSON: %s\n%s"):format(line, ran.stderr), 2) end
    ran.lines[#ran.lines + 1] = object
    if object.type == "result" then ran.result = object end
    if object.subtype == "init" then ran.init = object end
  end
  if not ran.result then
    error(("status %s, no result: %s%s"):format(ran.code, ran.stdout, ran.stderr), 2)
  end
  return ran
end

---Starts wrapix with the profile's agent at a terminal, or other words of it.
---@param argv string[]?
---@param words string[]?
function World:terminal(argv, words)
  return terminal.open(words or self:words(argv), { env = self.env, rows = 30, cols = 100 })
end

-- Every problem the model had is one of the spec, too.
function World:__close()
  local problems = self.model.problems
  self.model:close()
  if #problems > 0 then error("model: " .. table.concat(problems, "; "), 0) end
end

---What a terminal shows, as text alone: moves to the right are blanks, the rest of
---the control sequences is gone.
---@param bytes string
---@return string
function M.plain(bytes)
  local text = bytes:gsub("\27%[(%d*)C", function(n) return (" "):rep(tonumber(n) or 1) end)
  text = text:gsub("\27%[[%d;?<>=!]*[ -/]*[@-~]", ""):gsub("\27%][^\7\27]*[\7\27]\\?", "")
  return (text:gsub("\27[()][A-Z0-9]", ""):gsub("\27.", ""):gsub("\r", ""))
end

---A stdio MCP server for a project: see the file.
M.mcp_server = assert(fs.read(WRAPIX_ROOT .. "/tests/support/mcp_server"))

return M
