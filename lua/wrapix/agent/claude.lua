-- SPDX-License-Identifier: MIT
-- Claude Code as data and pure functions: where it reads what, how it is started,
-- what its stream means (agent/claude_stream.lua). What is said here of its files
-- and flags was seen with version 2.1.330.

local compose = require "wrapix.agent.compose"
local expiry = require "wrapix.lazy" "wrapix.agent.expiry"
local json = require "wrapix.json"
local lenient = require "wrapix.lazy" "wrapix.agent.lenient"
local stored = require "wrapix.lazy" "wrapix.agent.stored"
local stream = require "wrapix.lazy" "wrapix.agent.claude_stream"

local LOGIN = "~/.claude-login"
local PROGRAM = "/opt/wrapix/claude/claude"

-- The last 20 characters of a key, or the whole of a shorter one, approve it.
local APPROVED = { token = "@WRAPIX_KEY@", env = "ANTHROPIC_API_KEY", last = 20 }

-- Here, and only here, the mode opens no dialog of its own; so `claude -p` without any
-- flag asks nothing either. The other is about the dialog of the flag.
local QUIET = {
  skipDangerousModePermissionPrompt = true,
  permissions = { defaultMode = "bypassPermissions" },
}

local function servers(mcp)
  local out
  for name, server in pairs(compose.servers(mcp)) do
    out = out or {}
    out[name] = { type = server.kind, command = server.command, url = server.url,
      args = server.command and json.array(server.args) or nil, env = server.env }
  end
  return out
end

-- Onboarding, trust and the key's approval: what would be asked at a first start.
local function first_start(input)
  local trusted = { hasTrustDialogAccepted = true, hasCompletedProjectOnboarding = true }
  local projects = { ["/workspace"] = trusted }
  if input.workspace then projects[input.workspace] = trusted end
  return {
    hasCompletedOnboarding = true,
    projects = projects,
    customApiKeyResponses = { approved = json.array({ APPROVED.token }), rejected = json.array() },
    mcpServers = servers(input.mcp),
  }
end

local function variables(input)
  local env = {}
  -- Without it the first request does not wait for the servers of ~/.claude.json.
  if next(compose.servers(input.mcp)) then env.MCP_CONNECTION_NONBLOCKING = "0" end
  -- As root it refuses to run without questions, unless it is told of a sandbox. Only
  -- then: it also retries an overloaded model for longer.
  if input.is_root then env.IS_SANDBOX = "1" end
  return env
end

---@param input wrapix.AgentSettingsInput
---@return wrapix.AgentSettings
local function settings(input)
  local managed = compose.merge(QUIET, input.seeds, input.extra)
  compose.add_hooks(managed, input.hooks)
  local fill = { [APPROVED.token] = { env = APPROVED.env, last = APPROVED.last } }
  return {
    files = {
      { dest = "/etc/claude-code/managed-settings.json", text = compose.json(managed) },
      { dest = "~/.claude.json", text = compose.json(first_start(input)), fill = fill },
    },
    env = variables(input),
    unused = {},
  }
end

-- Some options take all words that follow them: each value is in its option's word.
local function argv(mode, opts)
  local out = { "claude" }
  if mode == "headless" then
    compose.add(out, "-p", opts.output ~= "text" and "--output-format=stream-json" or nil,
      opts.output ~= "text" and "--verbose" or nil)
  end
  compose.add(out, "--dangerously-skip-permissions",
    compose.option("--append-system-prompt-file", opts.prompt_file),
    compose.option("--model", opts.model), compose.option("--max-turns", opts.max_turns),
    compose.option("--resume", opts.resume),
    opts.continue and not opts.resume and "--continue")
  if mode == "interactive" then compose.add(out, opts.prompt) end
  return out
end

-- What the store says of a login, without its tokens.
local function login_status(read, now)
  local data, problem = stored.read(read, ".credentials.json")
  if not data then return problem or "none" end
  local login = lenient.table(data.claudeAiOauth)
  if (lenient.text(login.accessToken) or "") == "" then return "none" end
  local plan = (lenient.text(login.subscriptionType) or ""):match("^%w+$")
  local renews = (lenient.text(login.refreshToken) or "") ~= ""
  local state, lasts = expiry.state(expiry.time(login.expiresAt, 1000), renews, now)
  return state, stored.words(plan and "subscription " .. plan, lasts)
end

-- npm brings the packages of this machine alone. In the main package's own place for
-- the program is a text, until its install script has run.
local function programs()
  local files = {}
  for i, machine in ipairs({ "linux-x64", "linux-arm64", "linux-x64-musl", "linux-arm64-musl" }) do
    files[i] = { from = ("@anthropic-ai/claude-code-%s/claude"):format(machine), to = PROGRAM,
      mode = tonumber("755", 8) }
  end
  return files
end

-- As its documentation of hooks lists them; the changelog adds some now and then.
local EVENTS = {
  "ConfigChange", "CwdChanged", "DirectoryAdded", "Elicitation", "ElicitationResult", "FileChanged",
  "InstructionsLoaded", "MessageDisplay", "Notification", "PermissionDenied", "PermissionRequest",
  "PostCompact", "PostToolBatch", "PostToolUse", "PostToolUseFailure", "PreCompact", "PreToolUse",
  "SessionEnd", "SessionStart", "Setup", "Stop", "StopFailure", "SubagentStart", "SubagentStop",
  "TaskCompleted", "TaskCreated", "TeammateIdle", "UserPromptExpansion", "UserPromptSubmit",
  "WorktreeCreate", "WorktreeRemove",
}

return {
  name = "claude",
  title = "Claude Code",
  install = {
    npm = "@anthropic-ai/claude-code",
    version = "2.1.330",
    -- Its shell tool takes bash or zsh only; git only for what is about git.
    packages = { "bash", "ca-certificates", "git" },
    files = programs(),
    bin = { claude = PROGRAM },
  },
  -- A token stands back behind a key; a bearer for a gateway is sent beside it.
  secrets = { "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN" },
  env = {
    -- No updates, telemetry and release notes; then no catalogue of plugins either.
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC = "1",
    CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL = "1",
  },
  login = {
    dest = LOGIN,
    env = { CLAUDE_SECURESTORAGE_CONFIG_DIR = LOGIN },
    command = { "claude", "auth", "login" },
    status = login_status,
  },
  state = { { name = "home", dest = "~/.claude" } },
  -- The last one tells that a turn begins: how long it took may decide later.
  notify = {
    Notification = "wrapix-notify --hook", Stop = "wrapix-notify --hook",
    StopFailure = "wrapix-notify --hook", UserPromptSubmit = "wrapix-notify --hook",
  },
  events = EVENTS,
  settings = settings,
  argv = argv,
  decode = function(state, object) return stream.decode(state, object) end,
}
