-- SPDX-License-Identifier: MIT
-- Specs of wrapix.agent.gemini, with streams of the real program.

local json = require "wrapix.json"
local streams = require "unit.wrapix.agent.streams"

local gemini = streams.agent("gemini")

local function files(input)
  local settings, out = gemini.settings(input), {}
  for _, file in ipairs(settings.files) do out[file.dest] = file.text end
  return assert(json.decode(out["~/.gemini/settings.json"])), out, settings.unused
end

describe("gemini's settings", function()
  it("ask nothing", function()
    local managed, all = files({})
    assert.is_false(managed.security.folderTrust.enabled)
    assert.is_false(managed.general.enableAutoUpdate)
    local rules = all["/etc/gemini-cli/policies/wrapix.toml"]
    assert.matches('toolName = "%*"\ndecision = "allow"\n.*allowRedirection = true', rules)
    assert.is_nil(managed.security.auth.selectedType)
  end)

  it("choose what the variables allow, else the login", function()
    local function chosen(secrets, extra)
      return files({ secrets = secrets, extra = extra }).security.auth.selectedType
    end
    assert.equal("gemini-api-key", chosen({ GEMINI_API_KEY = true, GOOGLE_API_KEY = true }))
    assert.equal("vertex-ai", chosen({ GOOGLE_API_KEY = true }))
    assert.equal("oauth-personal", chosen({}))
    assert.equal("x", chosen({}, { security = { auth = { selectedType = "x" } } }))
    assert.equal("oauth-personal", chosen({})) -- nothing of one call is in the next
  end)

  it("give hooks the names of its events, in milliseconds", function()
    local managed, _, unused = files({ prompt_file = "/p", hooks = { Stop = { { command = "x",
      timeout = "2s", matcher = "m" } }, AfterAgent = "y", SubagentStop = "z" } })
    local after = managed.hooks.AfterAgent
    assert.same({ "y", "x", 2000, "m" }, { after[1].hooks[1].command, after[2].hooks[1].command,
      after[2].hooks[1].timeout, after[2].matcher })
    assert.matches("^node %-e .* /p$", managed.hooks.SessionStart[1].hooks[1].command)
    assert.same({ { what = "hooks.agent.SubagentStop", reason = "Gemini CLI has no such event" } },
      unused)
  end)

  it("name servers by how they are reached", function()
    local managed = files({ mcp = { a = { url = "http://a/" }, b = { url = "http://b/",
      type = "sse" }, c = { command = "c" } } })
    assert.same({ a = { httpUrl = "http://a/" }, b = { url = "http://b/" },
      c = { command = "c", args = json.array() } }, managed.mcpServers)
  end)
end)

describe("gemini's argv", function()
  it("begins with a prompt at a terminal alone", function()
    assert.same({ "gemini", "--approval-mode=yolo", "--prompt-interactive=begin here" },
      gemini.argv("interactive", { prompt = "begin here" }))
    assert.same(gemini.argv("headless", {}), gemini.argv("headless", { prompt = "begin here" }))
  end)

  it("takes the prompt from stdin", function()
    assert.same({ "gemini", "--approval-mode=yolo", "--output-format=stream-json", "--model=m",
      "--resume=id" }, gemini.argv("headless", { model = "m", resume = "id" }))
    assert.same({ "gemini", "--approval-mode=yolo", "--resume=latest" },
      gemini.argv("interactive", { continue = true }))
  end)
end)

describe("gemini's stream", function()
  it("of a command", function()
    local outcome, events = streams.outcome("gemini/tool")
    assert.equal("start tool tool_result text usage end", streams.types(events))
    assert.same({ "run_shell_command", "hello" }, { streams.first(events, "tool").name,
      streams.first(events, "tool_result").text })
    assert.same({ "done", "The file is written." }, { outcome.kind, outcome.text })
    assert.same({ input = 180, output = 60, cache_read = 120, cache_write = 0 }, outcome.usage)
  end)

  it("of failures", function()
    local outcome = streams.outcome("gemini/401", { code = 145 })
    assert.same({ false, "auth" }, { outcome.ok, outcome.kind })
    assert.equal("lost", streams.outcome("gemini/429", { code = 0 }).kind)
    assert.equal("limit", streams.outcome("gemini/429", { code = 173 }).kind)
    assert.equal("turns", streams.outcome("gemini/429", { code = 53 }).kind)
    assert.equal("interrupted", streams.outcome("gemini/429", { code = 143 }).kind)
    assert.equal("interrupted", streams.outcome("gemini/429", { code = 173, stopped = "idle" }).kind)
  end)

  it("puts the pieces of an answer together", function()
    local function say(text)
      return ('{"type":"message","role":"assistant","delta":true,"content":"%s"}\n'):format(text)
    end
    local events = streams.read(gemini, say("a") .. say("b") .. '{"type":"tool_use"}\n'
      .. '{"type":"tool_result","status":"error","error":{"message":"no"}}\n' .. say("c")
      .. '{"type":"result","status":"success"}\n')
    assert.equal("text tool tool_result text usage end", streams.types(events))
    assert.same({ "ab", "no", "c", "c" },
      { events[1].text, events[3].text, events[4].text, events[6].text })
  end)
end)

describe("gemini's login", function()
  it("is the token of an account", function()
    local function status(text)
      return (gemini.login.status(function(name) return name == "oauth_creds.json" and text end))
    end
    assert.equal("there", status('{"refresh_token":"t"}'))
    assert.equal("none", status('{"refresh_token":3}'))
    assert.equal("none", status(nil))
  end)
end)
