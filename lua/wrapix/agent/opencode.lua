-- SPDX-License-Identifier: MIT
-- OpenCode as data and pure functions. What is said here of its files, flags and
-- stream was seen with version 1.18.33.

local compose = require "wrapix.agent.compose"
local json = require "wrapix.json"
local kinds = require "wrapix.agent.kinds"
local lenient = require "wrapix.agent.lenient"
local stored = require "wrapix.lazy" "wrapix.agent.stored"

local text_of, number_of, table_of = lenient.text, lenient.number, lenient.table

-- auth.json lies among its data; the conversations can be put elsewhere.
local DATA, STATE = "~/.local/share/opencode", "~/.opencode-state"
local PROGRAM = "/opt/wrapix/opencode/opencode"

local function servers(mcp)
  local out
  for name, server in pairs(compose.servers(mcp)) do
    out = out or {}
    local command = server.command and table.move(server.args, 1, #server.args, 2,
      json.array({ server.command }))
    out[name] = { type = server.url and "remote" or "local", url = server.url, command = command,
      environment = server.command and server.env or nil, enabled = true }
  end
  return out
end

-- Its plugins are told of events; this one runs a profile's hooks at those that other
-- agents have hooks for, with the same JSON on stdin. Agents below an agent are not told of.
-- Of a turn it says more than once that it is over, and after an error too.
local PLUGIN_FILE = "/etc/opencode/wrapix-hooks.js"
local PLUGIN = [[
import { spawnSync } from "node:child_process"

const hooks = @HOOKS@
const below = new Set()
const over = new Set()

const run = (name, more) => {
  const input = JSON.stringify({ hook_event_name: name, ...more })
  for (const hook of hooks[name] ?? [])
    spawnSync("sh", ["-c", hook.command],
      { input, stdio: ["pipe", "ignore", "ignore"], timeout: hook.seconds * 1000 })
}

export const WrapixHooks = async () => ({
  event: async ({ event }) => {
    const about = event.properties ?? {}
    if (event.type === "session.created" && about.info?.parentID) below.add(about.info.id)
    if (below.has(about.sessionID)) return
    if (event.type === "session.status" && about.status?.type === "busy") over.delete(about.sessionID)
    if (event.type === "session.idle" && !over.has(about.sessionID)) {
      over.add(about.sessionID)
      run("Stop", {})
    }
    if (event.type === "session.error") {
      over.add(about.sessionID)
      run("StopFailure", { error: String(about.error?.data?.message ?? about.error?.name ?? "") })
    }
    if (event.type === "permission.asked" || event.type === "permission.updated")
      run("PermissionRequest", { tool_name: String(about.permission ?? about.type ?? "") })
  },
})
]]
local EVENTS = { Stop = true, StopFailure = true, PermissionRequest = true }
local HOOK_SECONDS = 60

-- The hooks by event as the plugin has them; nil when there are none.
local function plugin_of(hooks, unused)
  local known, others = nil, {}
  for event, list in pairs(hooks or {}) do
    if EVENTS[event] then
      known = known or {}
      known[event] = json.array()
      for i, hook in ipairs(compose.hooks(list)) do
        known[event][i] = { command = hook.command, seconds = hook.seconds or HOOK_SECONDS }
      end
    else
      others[event] = list
    end
  end
  compose.unused("hooks.agent", others, "OpenCode has no such event", unused)
  if not known then return nil end
  local text = compose.json(known):gsub("%s+$", ""):gsub("%%", "%%%%")
  return { dest = PLUGIN_FILE, text = (PLUGIN:gsub("@HOOKS@", text)) }
end

-- Above the user's and the project's files.
---@param input wrapix.AgentSettingsInput
---@return wrapix.AgentSettings
local function settings(input)
  local unused = {}
  local base = { autoupdate = false, share = "disabled", permission = "allow" }
  if input.prompt_file then base.instructions = json.array({ input.prompt_file }) end
  local managed = compose.merge(base, input.seeds, input.extra)
  local extra = input.extra and input.extra.instructions
  if extra and input.prompt_file then
    managed.instructions = table.move(extra, 1, #extra, 2, json.array({ input.prompt_file }))
  end
  local mcp = servers(input.mcp)
  if mcp then managed.mcp = compose.merge(managed.mcp, mcp) end
  local files, plugin = {}, plugin_of(input.hooks, unused)
  if plugin then
    local list = json.array({ "file://" .. PLUGIN_FILE })
    for _, one in ipairs(managed.plugin or {}) do list[#list + 1] = one end
    managed.plugin = list
  end
  files[1] = { dest = "/etc/opencode/opencode.json", text = compose.json(managed) }
  files[2] = plugin
  return { files = files, unused = unused }
end

local function argv(mode, opts)
  local out = { "opencode" }
  if mode == "headless" then
    compose.add(out, "run", opts.output ~= "text" and "--format=json")
  end
  compose.add(out, "--auto", compose.option("--model", opts.model),
    compose.option("--session", opts.resume),
    opts.continue and not opts.resume and "--continue",
    mode == "interactive" and compose.option("--prompt", opts.prompt))
  return out
end

-- The stream -----------------------------------------------------------------------------

local TYPES = {}

function TYPES.text(state, part)
  state.text = text_of(part.text) or ""
  return { { type = "text", text = state.text } }
end

function TYPES.reasoning(_, part)
  return { { type = "thinking", text = text_of(part.text) or "" } }
end

-- A tool is told of when it has ended.
function TYPES.tool_use(_, part)
  local done, id = table_of(part.state), text_of(part.callID)
  local ok = done.status == "completed"
  return {
    { type = "tool", id = id, name = text_of(part.tool) or "?", input = table_of(done.input) },
    { type = "tool_result", id = id, ok = ok,
      text = text_of(ok and done.output or done.error) or "" },
  }
end

function TYPES.step_finish(state, part)
  local tokens = table_of(part.tokens)
  local cache = table_of(tokens.cache)
  state.reason = text_of(part.reason)
  state.steps = (state.steps or 0) + 1
  return { { type = "usage", input = number_of(tokens.input) or 0,
    output = (number_of(tokens.output) or 0) + (number_of(tokens.reasoning) or 0),
    cache_read = number_of(cache.read) or 0, cache_write = number_of(cache.write) or 0,
    usd = number_of(part.cost) } }
end

function TYPES.error(state, _, object)
  local failure = table_of(object.error)
  local data = table_of(failure.data)
  local message = text_of(data.message) or text_of(failure.name) or "error"
  local status = number_of(data.statusCode)
  state.error = message
  state.kind = kinds.of_status(status) or (kinds.of_message(message))
  return { { type = "note", kind = "error", text = message } }
end

local function decode(state, object)
  local make = type(object.type) == "string" and TYPES[object.type]
  local events = make and make(state, table_of(object.part), object) or {}
  local session = text_of(object.sessionID)
  if session and not state.session then
    state.session = session
    table.insert(events, 1, { type = "start", session = session })
  end
  return events
end

-- It says nothing at its end: the last step tells whether more was to come.
local function judge(state, exit)
  if state.error then return { kind = state.kind, text = state.error, turns = state.steps } end
  if exit.code == 0 and state.reason and state.reason ~= "tool-calls" then
    local kind = state.reason == "content-filter" and "refused"
      or state.reason == "length" and "error" or "done"
    return { kind = kind, text = state.text, turns = state.steps }
  end
end

-- Of x86 the build that asks for no newer instructions comes first: an image is also
-- for other machines than the one it was built on.
local function programs()
  local files = {}
  for i, machine in ipairs({ "x64-baseline", "arm64", "x64-baseline-musl", "arm64-musl" }) do
    files[i] = { from = ("opencode-linux-%s/bin/opencode"):format(machine), to = PROGRAM,
      mode = tonumber("755", 8) }
  end
  return files
end

local function login_status(read) return stored.providers(read, "auth.json") end

return {
  name = "opencode",
  title = "OpenCode",
  install = {
    npm = "opencode-ai",
    version = "1.18.33",
    packages = { "bash", "ca-certificates", "git", "ripgrep" },
    files = programs(),
    bin = { opencode = PROGRAM },
  },
  secrets = { "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY",
    "OPENCODE_API_KEY" },
  env = {
    OPENCODE_DB = STATE .. "/opencode.db",
    OPENCODE_DISABLE_AUTOUPDATE = "1",
    OPENCODE_DISABLE_LSP_DOWNLOAD = "1",
  },
  login = { dest = DATA, command = { "opencode", "auth", "login" }, status = login_status },
  state = { { name = "database", dest = STATE } },
  notify = {
    PermissionRequest = "wrapix-notify --title OpenCode --hook",
    Stop = "wrapix-notify --title OpenCode --hook",
    StopFailure = "wrapix-notify --title OpenCode --hook",
  },
  settings = settings,
  argv = argv,
  decode = decode,
  judge = judge,
}
