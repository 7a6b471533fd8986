-- SPDX-License-Identifier: MIT
-- pi as data and pure functions. What is said here of its files, flags and stream was
-- seen with version 0.73.1.

local compose = require "wrapix.agent.compose"
local kinds = require "wrapix.agent.kinds"
local lenient = require "wrapix.agent.lenient"
local stored = require "wrapix.lazy" "wrapix.agent.stored"

local text_of, number_of, table_of = lenient.text, lenient.number, lenient.table

-- Login, settings and sessions lie in one directory, of which the sessions are mounted over.
local HOME = "~/.pi/agent"

-- It has no settings above the project's, and asks for no permission. Its own file is
-- always given, or what a sandbox left in the login would hold for all projects.
---@param input wrapix.AgentSettingsInput
---@return wrapix.AgentSettings
local function settings(input)
  local unused = {}
  compose.unused("hooks.agent", input.hooks, "pi has extensions, and no hooks", unused)
  compose.unused("mcp", input.mcp, "pi knows no MCP servers", unused)
  local own = compose.merge({ quietStartup = true }, input.seeds, input.extra)
  return {
    files = { { dest = HOME .. "/settings.json", text = compose.json(own) } }, unused = unused,
  }
end

-- Its parser knows no "--name=value".
local function argv(mode, opts)
  local out = { "pi" }
  local function option(name, value)
    if value then compose.add(out, name, value) end
  end
  if mode == "headless" then
    compose.add(out, "-p")
    option("--mode", opts.output ~= "text" and "json")
  end
  option("--append-system-prompt", opts.prompt_file)
  option("--model", opts.model)
  option("--session", opts.resume)
  if opts.continue and not opts.resume then compose.add(out, "--continue") end
  if mode == "interactive" then compose.add(out, opts.prompt) end
  return out
end

-- The stream -----------------------------------------------------------------------------

local BLOCKS = {
  text = function(state, block)
    state.text = text_of(block.text) or ""
    return { type = "text", text = state.text }
  end,
  thinking = function(_, block)
    return { type = "thinking", text = text_of(block.thinking) or "" }
  end,
}

local function usage_of(usage)
  return { type = "usage", input = number_of(usage.input) or 0, output = number_of(usage.output) or 0,
    cache_read = number_of(usage.cacheRead) or 0, cache_write = number_of(usage.cacheWrite) or 0,
    usd = number_of(table_of(usage.cost).total) }
end

local TYPES = {}

function TYPES.session(_, object)
  return { { type = "start", session = text_of(object.id) } }
end

-- Updates hold the message so far, again and again: only whole ones are taken.
function TYPES.message_end(state, object)
  local message = table_of(object.message)
  if message.role ~= "assistant" then return nil end
  local events = {}
  for _, block in ipairs(table_of(message.content)) do
    local make = type(block) == "table" and BLOCKS[block.type]
    if make then events[#events + 1] = make(state, block) end
  end
  state.reason, state.error = text_of(message.stopReason), text_of(message.errorMessage)
  if state.error then
    events[#events + 1] = { type = "note", kind = "error", text = state.error }
  end
  events[#events + 1] = usage_of(table_of(message.usage))
  return events
end

function TYPES.turn_end(state)
  state.turns = (state.turns or 0) + 1
end

function TYPES.tool_execution_start(_, object)
  return { { type = "tool", id = text_of(object.toolCallId),
    name = text_of(object.toolName) or "?", input = table_of(object.args) } }
end

function TYPES.tool_execution_end(_, object)
  return { { type = "tool_result", id = text_of(object.toolCallId), ok = object.isError ~= true,
    text = lenient.blocks(table_of(object.result).content) } }
end

function TYPES.auto_retry_start(_, object)
  local kind, status = kinds.of_message(text_of(object.errorMessage))
  return { { type = "retry", reason = kind, attempt = number_of(object.attempt) or 1,
    status = status } }
end

local function compact() return { { type = "compact" } } end
TYPES.auto_compaction_start, TYPES.compaction_start = compact, compact

local function decode(state, object)
  local make = TYPES[object.type]
  return make and make(state, object)
end

-- Its exit status is 0 whatever happened.
local function judge(state)
  if state.reason == "error" then
    return { kind = kinds.of_message(state.error), text = state.error, turns = state.turns }
  elseif state.reason == "aborted" then
    return { kind = "interrupted", turns = state.turns }
  elseif state.reason == "stop" then
    return { kind = "done", text = state.text, turns = state.turns }
  elseif state.reason == "length" then
    return { kind = "error", text = "the answer was longer than the model may write",
      turns = state.turns }
  end
end

local function login_status(read) return stored.providers(read, "auth.json") end

return {
  name = "pi",
  title = "pi",
  install = {
    npm = "@mariozechner/pi-coding-agent",
    version = "0.73.1",
    packages = { "bash", "ca-certificates", "git", "nodejs", "ripgrep", "fd-find" },
    bin = { pi = "@mariozechner/pi-coding-agent/dist/cli.js" },
  },
  secrets = { "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY" },
  -- It would look for newer versions and download programs.
  env = { PI_OFFLINE = "1" },
  login = { dest = HOME, command = { "pi" }, status = login_status },
  state = { { name = "sessions", dest = HOME .. "/sessions" } },
  settings = settings,
  argv = argv,
  decode = decode,
  judge = judge,
}
