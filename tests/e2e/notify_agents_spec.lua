-- SPDX-License-Identifier: MIT
-- The real Codex and the real OpenCode in sandboxes, each against a scripted model on this
-- machine: what they say of themselves through their hooks arrives. Claude Code's is in
-- notify_spec.lua. On one host, for the images are large.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local model_server = require("support.model_server")
local net = require("wrapix.net")
local proc = require("wrapix.proc")
local responses_server = require("support.responses_server")
local servers = require("wrapix.notify.server")
local task = require("wrapix.task")

local SOCKET = e2e.runtime_dir .. "/notify.sock"

local PROFILE = [[
return { name = "notify-%s", base = %q, agents = { %q }, agent = %q,
  -- Nothing outside this machine is asked for, and waited for.
  env = { OPENCODE_DISABLE_MODELS_FETCH = "1", OPENCODE_DISABLE_DEFAULT_PLUGINS = "1",
    OPENCODE_DISABLE_LSP_DOWNLOAD = "1", npm_config_registry = "http://127.0.0.1:9/",
    npm_config_fetch_retries = "0" }, settings = { %s = %s } }]]

local CODEX = [[{ model = "scripted", model_provider = "here", model_providers = { here = {
  name = "here", base_url = %q, wire_api = "responses", env_key = "OPENAI_API_KEY",
  request_max_retries = 0, stream_max_retries = 0 } } }]]

local OPENCODE = [[{ model = "anthropic/claude-sonnet-4-5", small_model = "anthropic/claude-sonnet-4-5",
  provider = { anthropic = { options = { baseURL = %q, apiKey = "none" } } } }]]

describe("the hooks of the real", function()
  if e2e.host ~= "deb13" then return end
  after_each(e2e.assert_clean)

  local function profile_of(agent, settings)
    return e2e.file(e2e.dir("home") .. "/" .. agent .. ".lua",
      PROFILE:format(agent, e2e.debian, agent, agent, agent, settings))
  end

  local function build(profile)
    local result = e2e.cli({ "image", "build", profile }, { timeout = 600 })
    assert.equal(0, result.code, result.stderr)
  end

  -- Runs the agent of a profile with a prompt; the messages that came, in order.
  local function messages_of(profile)
    assert(fs.ensure_dir(e2e.runtime_dir, tonumber("700", 8)))
    local got = {}
    local server = servers.new(assert(net.listen_unix(SOCKET)), { from = true,
      on_message = function(message) got[#got + 1] = message end })
    task.detach(server.serve, server)
    local home = e2e.dir("home")
    local result = assert(proc.run({ e2e.wrapix, "-q", "-C", e2e.dir(), profile }, {
      input = "run the tests", timeout = 90, env = { HOME = home, XDG_DATA_HOME = home .. "/data",
        OPENAI_API_KEY = "none", ANTHROPIC_API_KEY = "none" },
    }))
    server:drain(0.5)
    server:close()
    e2e.wait_for("no connection", function() return server:connections() == 0 end)
    fs.unlink(SOCKET)
    task.sleep(0.01)
    return got, result
  end

  local function words(got)
    local list = {}
    for i, message in ipairs(got) do
      list[i] = ("%s|%s|%s"):format(message.event, message.title, message.message)
    end
    return list
  end

  it("Codex tell when a turn began and what was said at its end", function()
    local own = model_server.for_sandbox("pasta") -- for where a sandbox sees this machine
    own:close()
    local model <close> = responses_server.open({ host = own.host, seen = own.seen,
      text = "All tests pass." })
    local profile = profile_of("codex", CODEX:format(model.url() .. "/v1"))
    build(profile)
    local got, result = messages_of(profile)
    assert.equal(0, result.code, result.stdout .. result.stderr)
    assert.same({ "UserPromptSubmit|Codex|UserPromptSubmit", "Stop|Codex|All tests pass." }, words(got))
  end)

  it("OpenCode tell when a turn is over", function()
    local model <close> = model_server.for_sandbox("pasta")
    model:play({ { text = "All tests pass." } })
    local profile = profile_of("opencode", OPENCODE:format(model:url() .. "/v1"))
    build(profile)
    local got, result = messages_of(profile)
    assert.equal(0, result.code, result.stdout .. result.stderr)
    assert.same({ "Stop|OpenCode|Finished" }, words(got))
  end)
end)
