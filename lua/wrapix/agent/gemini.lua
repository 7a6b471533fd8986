-- SPDX-License-Identifier: MIT
-- Gemini CLI as data and pure functions. What is said here of its files, flags and
-- stream was seen with version 0.61.0.

local compose = require "wrapix.agent.compose"
local json = require "wrapix.json"
local kinds = require "wrapix.agent.kinds"
local lenient = require "wrapix.agent.lenient"
local shell = require "wrapix.lazy" "wrapix.shell"
local stored = require "wrapix.lazy" "wrapix.agent.stored"

local text_of, number_of, table_of = lenient.text, lenient.number, lenient.table

-- Settings -----------------------------------------------------------------------------

local QUIET = {
  general = { enableAutoUpdate = false, enableAutoUpdateNotification = false },
  privacy = { usageStatisticsEnabled = false },
  security = { folderTrust = { enabled = false } },
}

-- The setting knows no mode that asks nothing; rules of the administrator do. Questions
-- of the model to the person stay questions. Without the last word a command that
-- writes to a file would be asked about.
local POLICY = [==[
[[rule]]
toolName = "ask_user"
decision = "ask_user"
priority = 999
interactive = true

[[rule]]
toolName = "*"
decision = "allow"
priority = 998
allowRedirection = true
]==]

-- What a hook prints at the start becomes context only as JSON; node is what the
-- agent itself runs on.
local SAY = "const t=require('fs').readFileSync(process.argv[1],'utf8');"
  .. "console.log(JSON.stringify({hookSpecificOutput:{hookEventName:'SessionStart',"
  .. "additionalContext:t}}))"

local EVENTS = {
  "SessionStart", "SessionEnd", "BeforeAgent", "AfterAgent", "BeforeModel", "AfterModel",
  "BeforeToolSelection", "BeforeTool", "AfterTool", "PreCompress", "Notification",
}
for _, event in ipairs(EVENTS) do EVENTS[event] = event end
-- The names other agents have for them, so that one hook serves several.
EVENTS.UserPromptSubmit, EVENTS.Stop, EVENTS.PreCompact = "BeforeAgent", "AfterAgent", "PreCompress"
EVENTS.PreToolUse, EVENTS.PostToolUse = "BeforeTool", "AfterTool"

-- Its time limits are milliseconds. The name is what it shows while the hook runs.
local function add_hooks(own, hooks, unused)
  for _, name in ipairs(compose.sorted(hooks)) do
    local event = EVENTS[name]
    if event then
      own.hooks = own.hooks or {}
      local list = own.hooks[event] or json.array()
      for _, hook in ipairs(compose.hooks(hooks[name])) do
        list[#list + 1] = { matcher = hook.matcher, hooks = { { type = "command",
          name = "wrapix", command = hook.command,
          timeout = hook.seconds and hook.seconds * 1000 or nil } } }
      end
      own.hooks[event] = list
    else
      unused[#unused + 1] = { what = "hooks.agent." .. name,
        reason = "Gemini CLI has no such event" }
    end
  end
end

local function servers(mcp)
  local out
  for name, server in pairs(compose.servers(mcp)) do
    out = out or {}
    out[name] = {
      command = server.command, args = server.command and json.array(server.args) or nil,
      env = server.env, url = server.kind == "sse" and server.url or nil,
      httpUrl = server.kind == "http" and server.url or nil,
    }
  end
  return out
end

-- A variable alone is not taken for an answer: which one is meant is asked for, unless
-- a setting says it.
local function chosen_auth(secrets)
  if not secrets then return nil end
  return secrets.GEMINI_API_KEY and "gemini-api-key" or secrets.GOOGLE_API_KEY and "vertex-ai"
    or "oauth-personal"
end

-- The user's file, and so below the project's: settings of the system count only when
-- they belong to root, whom nobody can be who starts a sandbox without being root. Of
-- the rules in /etc only the directory has to, which the engine makes.
---@param input wrapix.AgentSettingsInput
---@return wrapix.AgentSettings
local function settings(input)
  local base = compose.merge(QUIET)
  base.security.auth = { selectedType = chosen_auth(input.secrets) }
  local own, unused = compose.merge(base, input.seeds, input.extra), {}
  if input.prompt_file then
    add_hooks(own, { SessionStart = shell.join({ "node", "-e", SAY, input.prompt_file }) }, unused)
  end
  add_hooks(own, input.hooks, unused)
  local mcp = servers(input.mcp)
  if mcp then own.mcpServers = compose.merge(own.mcpServers, mcp) end
  return {
    files = {
      { dest = "~/.gemini/settings.json", text = compose.json(own) },
      { dest = "/etc/gemini-cli/policies/wrapix.toml", text = POLICY },
    },
    unused = unused,
  }
end

-- Starting -------------------------------------------------------------------------------

local function argv(mode, opts)
  local out = { "gemini", "--approval-mode=yolo" }
  if mode == "headless" and opts.output ~= "text" then
    compose.add(out, "--output-format=stream-json")
  end
  compose.add(out, compose.option("--model", opts.model),
    compose.option("--resume", opts.resume or opts.continue and "latest" or nil),
    mode == "interactive" and compose.option("--prompt-interactive", opts.prompt))
  return out
end

local function login_status(read)
  local data, problem = stored.read(read, "oauth_creds.json")
  if not data then return problem or "none" end
  if not text_of(data.refresh_token) then return "none" end
  return "there", "Google account"
end

-- The stream -----------------------------------------------------------------------------

local TYPES = {}

function TYPES.init(_, object)
  return { { type = "start", session = text_of(object.session_id), model = text_of(object.model) } }
end

-- An answer comes in pieces: a text is whole when something else comes.
local function end_text(state, events)
  if state.text and state.is_open then
    table.insert(events, 1, { type = "text", text = state.text })
    state.is_open = false
  end
  return events
end

function TYPES.message(state, object)
  if object.role ~= "assistant" then return {} end
  local before = state.is_open and object.delta == true and state.text or ""
  local events = before == "" and end_text(state, {}) or {}
  state.text, state.is_open = before .. (text_of(object.content) or ""), true
  return events
end

function TYPES.tool_use(state, object)
  return end_text(state, { { type = "tool", id = text_of(object.tool_id),
    name = text_of(object.tool_name) or "?", input = table_of(object.parameters) } })
end

function TYPES.tool_result(state, object)
  local message = text_of(table_of(object.error).message)
  return end_text(state, { { type = "tool_result", id = text_of(object.tool_id),
    ok = object.status == "success", text = text_of(object.output) or message or "" } })
end

-- Those on the way do not end the run.
function TYPES.error(state, object)
  return end_text(state, { { type = "note", text = text_of(object.message) or "",
    kind = object.severity == "warning" and "warning" or "error" } })
end

local function usage_of(stats)
  local cached = number_of(stats.cached) or 0
  return { type = "usage", cache_read = cached, cache_write = 0,
    input = number_of(stats.input) or math.max(0, (number_of(stats.input_tokens) or 0) - cached),
    output = number_of(stats.output_tokens) or 0 }
end

function TYPES.result(state, object)
  local message = text_of(table_of(object.error).message)
  local kind = object.status == "success" and "done" or (kinds.of_message(message))
  local usage = usage_of(table_of(object.stats))
  return end_text(state, { usage, { type = "end", ok = kind == "done", kind = kind,
    text = message or state.text or "", usage = usage } })
end

local function decode(state, object)
  local make = TYPES[object.type]
  return make and make(state, object)
end

-- Failures end with the status of the service, less what fits no byte; 42 and 53 are its own.
local STATUS = { [53] = "turns", [145] = "auth", [147] = "auth", [173] = "limit",
  [247] = "overloaded", [17] = "overloaded", [42] = "error" }

local function judge(_, exit)
  return STATUS[exit.code] and { kind = STATUS[exit.code] } or nil
end

return {
  name = "gemini",
  title = "Gemini CLI",
  install = {
    npm = "@google/gemini-cli",
    version = "0.61.0",
    packages = { "bash", "ca-certificates", "git", "nodejs", "ripgrep" },
    bin = { gemini = "@google/gemini-cli/bundle/gemini.js" },
  },
  secrets = { "GEMINI_API_KEY", "GOOGLE_API_KEY" },
  -- It would start itself anew with more memory.
  env = { GEMINI_CLI_NO_RELAUNCH = "1" },
  login = { dest = "~/.gemini", command = { "gemini" }, status = login_status,
    env = { NO_BROWSER = "true" } },
  state = {
    { name = "chats", dest = "~/.gemini/tmp" },
    { name = "history", dest = "~/.gemini/history" },
  },
  settings = settings,
  argv = argv,
  decode = decode,
  judge = judge,
}
