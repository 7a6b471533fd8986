-- SPDX-License-Identifier: MIT
-- Codex as data and pure functions. What is said here of its files, flags and stream
-- was seen with version 0.169.0.

local compose = require "wrapix.agent.compose"
local expiry = require "wrapix.lazy" "wrapix.agent.expiry"
local json = require "wrapix.json"
local kinds = require "wrapix.agent.kinds"
local lenient = require "wrapix.agent.lenient"
local shell = require "wrapix.lazy" "wrapix.shell"
local stored = require "wrapix.lazy" "wrapix.agent.stored"
local toml = require "wrapix.agent.toml"

local text_of, number_of, table_of = lenient.text, lenient.number, lenient.table

-- It replaces auth.json by rename, so its whole home is the login; what belongs to a
-- project lies elsewhere or is mounted over it.
local HOME, DATABASE = "~/.codex", "~/.codex-state"
local PROGRAM = "/opt/wrapix/codex/codex"

-- Settings -----------------------------------------------------------------------------

local QUIET = {
  approval_policy = "never", sandbox_mode = "danger-full-access",
  check_for_update_on_startup = false, history = { persistence = "none" },
}

local function servers(mcp, unused)
  local out
  for name, server in pairs(compose.servers(mcp)) do
    if server.kind == "sse" then
      unused[#unused + 1] = { what = "mcp." .. name, reason = "Codex knows no servers of type sse" }
    else
      out = out or {}
      out[name] = server.url and { url = server.url }
        or { command = server.command, args = json.array(server.args), env = server.env }
    end
  end
  return out
end

-- This layer stands above the user's file and the project's, and its hooks need no
-- trust. What a hook prints at the start of a session becomes context, and so does
-- the text of wrapix: no setting takes a file that is added to the instructions.
---@param input wrapix.AgentSettingsInput
---@return wrapix.AgentSettings
local function settings(input)
  local unused = {}
  local trusted = { trust_level = "trusted" }
  local base = compose.merge(QUIET, { projects = { ["/workspace"] = trusted } })
  if input.workspace then base.projects[input.workspace] = trusted end
  local managed = compose.merge(base, input.seeds, input.extra)
  if input.prompt_file then
    compose.add_hooks(managed, { SessionStart = shell.join({ "cat", input.prompt_file }) })
  end
  compose.add_hooks(managed, input.hooks)
  local mcp = servers(input.mcp, unused)
  if mcp then managed.mcp_servers = compose.merge(managed.mcp_servers, mcp) end
  return {
    files = { { dest = "/etc/codex/managed_config.toml", text = toml.encode(managed) } },
    unused = unused,
  }
end

-- Starting -------------------------------------------------------------------------------

-- The flag beside the setting: the two agree, and the flag is what is documented.
local BYPASS = "--dangerously-bypass-approvals-and-sandbox"

local function headless(opts)
  local out = { "codex", "exec" }
  compose.add(out, opts.output ~= "text" and "--json", BYPASS, "--skip-git-repo-check",
    compose.option("--model", opts.model))
  if opts.resume then
    compose.add(out, "resume", opts.resume)
  elseif opts.continue then
    compose.add(out, "resume", "--last")
  end
  compose.add(out, "-")
  return out
end

-- Its background server would outlive the terminal, and keep the sandbox from ending.
local function interactive(opts)
  local out = { "codex", "--no-daemon", BYPASS }
  compose.add(out, compose.option("--model", opts.model))
  if opts.resume then
    compose.add(out, "resume", opts.resume)
  elseif opts.continue then
    compose.add(out, "resume", "--last")
  end
  compose.add(out, opts.prompt)
  return out
end

-- When the account's token ends only the token says.
local function login_status(read, now)
  local data, problem = stored.read(read, "auth.json")
  if not data then return problem or "none" end
  local tokens = table_of(data.tokens)
  local token = text_of(tokens.access_token)
  if token then
    local renews = (text_of(tokens.refresh_token) or "") ~= ""
    local state, lasts = expiry.state(expiry.of_token(token), renews, now)
    return state, stored.words("ChatGPT", lasts)
  end
  if text_of(data.OPENAI_API_KEY) then return "there", "an API key" end
  return "none"
end

-- The stream -----------------------------------------------------------------------------

local ITEMS = {}

function ITEMS.agent_message(state, item, is_end)
  if not is_end then return end
  state.text = text_of(item.text)
  return { { type = "text", text = state.text or "" } }
end

function ITEMS.reasoning(_, item, is_end)
  return is_end and { { type = "thinking", text = text_of(item.text) or "" } } or nil
end

-- Those of a tool come when it begins and when it ends; some only when it ends.
local function tool(name, input_of, result_of)
  return function(state, item, is_end)
    local events, id = {}, text_of(item.id)
    state.open = state.open or {}
    if id and not state.open[id] then
      state.open[id] = true
      events[1] = { type = "tool", id = id, name = name(item), input = input_of(item) }
    end
    if is_end then
      local ok, text = result_of(item)
      events[#events + 1] = { type = "tool_result", id = id, ok = ok, text = text }
    end
    return events
  end
end

local function named(name) return function() return name end end

ITEMS.command_execution = tool(named("shell"),
  function(item) return { command = text_of(item.command) } end,
  function(item)
    return item.status == "completed" and (item.exit_code == 0 or item.exit_code == json.null),
      text_of(item.aggregated_output) or ""
  end)

ITEMS.file_change = tool(named("file_change"),
  function(item) return { changes = table_of(item.changes) } end,
  function(item) return item.status == "completed", "" end)

ITEMS.mcp_tool_call = tool(
  function(item)
    return ("%s.%s"):format(text_of(item.server) or "?", text_of(item.tool) or "?")
  end,
  function(item) return table_of(item.arguments) end,
  function(item)
    local message = text_of(table_of(item.error).message)
    return item.status == "completed", message or lenient.blocks(table_of(item.result).content)
  end)

ITEMS.web_search = tool(named("web_search"),
  function(item) return { query = text_of(item.query) } end,
  function() return true, "" end)

-- Most are warnings: the end of the turn says whether it failed.
function ITEMS.error(_, item)
  return { { type = "note", kind = "warning", text = text_of(item.message) or "" } }
end

local TYPES = {}

function TYPES.item(state, object, is_end)
  local item = table_of(object.item)
  local make = ITEMS[item.type]
  return make and make(state, item, is_end)
end

TYPES["thread.started"] = function(_, object)
  return { { type = "start", session = text_of(object.thread_id) } }
end
TYPES["item.started"] = function(state, object) return TYPES.item(state, object, false) end
TYPES["item.completed"] = function(state, object) return TYPES.item(state, object, true) end

-- The tokens of all turns of the thread, also of those before a resume.
local function usage_of(usage)
  local cached = number_of(usage.cached_input_tokens) or 0
  return {
    type = "usage", whole = true, input = math.max(0, (number_of(usage.input_tokens) or 0) - cached),
    output = number_of(usage.output_tokens) or 0, cache_read = cached,
    cache_write = number_of(usage.cache_write_input_tokens) or 0,
  }
end

TYPES["turn.completed"] = function(state, object)
  local usage = usage_of(table_of(object.usage))
  return { usage, { type = "end", ok = true, kind = "done", text = state.text or "",
    usage = usage } }
end

-- A limit's end is told as "resets_in_seconds" or "resets_at" by the service; the
-- stream passes on its words alone.
TYPES["turn.failed"] = function(_, object)
  local message = text_of(table_of(object.error).message) or ""
  local kind, status = kinds.of_message(message)
  return { { type = "end", ok = false, kind = kind, text = message, status = status } }
end

function TYPES.error(_, object)
  local message = text_of(object.message) or ""
  local attempt = message:match("^Reconnecting%.%.%. (%d+)/")
  if not attempt then return { { type = "note", kind = "error", text = message } } end
  local kind, status = kinds.of_message(message)
  return { { type = "retry", reason = kind, attempt = tonumber(attempt), status = status } }
end

local function decode(state, object)
  local make = type(object.type) == "string" and object.type ~= "item" and TYPES[object.type]
  return make and make(state, object)
end

-- Linked statically: it runs with any C library.
local function programs()
  local files = {}
  for i, machine in ipairs({ "x64/vendor/x86_64", "arm64/vendor/aarch64" }) do
    files[i] = { from = ("@openai/codex-linux-%s-unknown-linux-musl/bin/codex"):format(machine),
      to = PROGRAM, mode = tonumber("755", 8) }
  end
  return files
end

return {
  name = "codex",
  title = "Codex",
  install = {
    npm = "@openai/codex",
    version = "0.169.0",
    packages = { "bash", "ca-certificates", "git", "ripgrep" },
    files = programs(),
    bin = { codex = PROGRAM },
  },
  secrets = { "CODEX_API_KEY", "OPENAI_API_KEY" },
  env = { CODEX_SQLITE_HOME = DATABASE },
  login = { dest = HOME, command = { "codex", "login", "--device-auth" }, status = login_status },
  state = {
    { name = "sessions", dest = "~/.codex/sessions" },
    { name = "snapshots", dest = "~/.codex/shell_snapshots" },
    { name = "database", dest = DATABASE },
  },
  notify = {
    PermissionRequest = "wrapix-notify --title Codex --hook",
    Stop = "wrapix-notify --title Codex --hook",
    UserPromptSubmit = "wrapix-notify --title Codex --hook",
  },
  settings = settings,
  argv = function(mode, opts)
    return (mode == "headless" and headless or interactive)(opts)
  end,
  decode = decode,
}
