-- SPDX-License-Identifier: MIT
-- Specs of wrapix.agent.codex, with streams of the real program.

local streams = require "unit.wrapix.agent.streams"

local codex = streams.agent("codex")

describe("codex's settings", function()
  local function managed(input)
    local settings = codex.settings(input)
    assert.equal("/etc/codex/managed_config.toml", settings.files[1].dest)
    return settings.files[1].text, settings
  end

  it("ask nothing and trust the workspace", function()
    local text = managed({ workspace = '/work "space"' })
    for _, line in ipairs({ 'approval_policy = "never"', 'sandbox_mode = "danger-full-access"',
      'projects = { "/work \\"space\\"" = { trust_level = "trusted" },'
        .. ' "/workspace" = { trust_level = "trusted" } }' }) do
      assert.is_truthy(text:find(line .. "\n", 1, true), line)
    end
  end)

  it("say wrapix's text through a hook, before the profile's", function()
    local text = managed({ prompt_file = "/run/x y.md",
      hooks = { SessionStart = "date", Stop = { { command = "make", timeout = 5 } } } })
    local said = "{ hooks = [{ command = \"cat '/run/x y.md'\", type = \"command\" }] }"
    local own = '{ hooks = [{ command = "date", type = "command" }] }'
    assert.is_truthy(text:find(("SessionStart = [%s, %s]"):format(said, own), 1, true), text)
    assert.is_truthy(text:find('timeout = 5', 1, true))
  end)

  it("name servers, and say which cannot be", function()
    local text, settings = managed({ extra = { model = "m" }, mcp = { old = { url = "http://x/",
      type = "sse" }, web = { url = "http://y/" }, tests = { command = "t", args = { "a" } } } })
    assert.is_truthy(text:find('mcp_servers = { tests = { args = ["a"], command = "t" },'
      .. ' web = { url = "http://y/" } }\nmodel = "m"\n', 1, true), text)
    assert.equal("mcp.old", settings.unused[1].what)
  end)
end)

describe("codex's argv", function()
  it("begins with a prompt at a terminal alone", function()
    assert.same({ "codex", "--no-daemon", "--dangerously-bypass-approvals-and-sandbox", "begin here" },
      codex.argv("interactive", { prompt = "begin here" }))
    assert.same(codex.argv("headless", {}), codex.argv("headless", { prompt = "begin here" }))
  end)

  it("takes the prompt from stdin", function()
    assert.same({ "codex", "exec", "--json", "--dangerously-bypass-approvals-and-sandbox",
      "--skip-git-repo-check", "--model=m", "resume", "id", "-" },
      codex.argv("headless", { model = "m", resume = "id" }))
    assert.same({ "codex", "exec", "--dangerously-bypass-approvals-and-sandbox",
      "--skip-git-repo-check", "resume", "--last", "-" },
      codex.argv("headless", { continue = true, output = "text" }))
  end)

  it("leaves no server behind a terminal", function()
    assert.same({ "codex", "--no-daemon", "--dangerously-bypass-approvals-and-sandbox" },
      codex.argv("interactive", {}))
  end)
end)

describe("codex's stream", function()
  it("of a command", function()
    local outcome, events = streams.outcome("codex/tool")
    assert.equal("start note thinking tool tool_result text usage end", streams.types(events))
    assert.equal("/usr/bin/bash -lc 'echo hello > hello.txt && cat hello.txt'",
      streams.first(events, "tool").input.command)
    assert.same({ true, "hello\n" }, { streams.first(events, "tool_result").ok,
      streams.first(events, "tool_result").text })
    assert.same({ "done", "The file is written.", "01a200d7-97ce-7e83-a4bd-75c275735d62" },
      { outcome.kind, outcome.text, outcome.session })
    assert.same({ input = 120, output = 40, cache_read = 80, cache_write = 0, whole = true },
      outcome.usage)
  end)

  it("of a second run counts the first one too, and says so", function()
    local outcome = streams.outcome("codex/resume")
    assert.same({ 180, true }, { outcome.usage.input, outcome.usage.whole })
  end)

  it("of failures", function()
    local outcome, events = streams.outcome("codex/401", { code = 1 })
    assert.same({ "auth", 401 }, { outcome.kind, streams.first(events, "end").status })
    assert.same({ type = "retry", reason = "auth", attempt = 1, status = 401 },
      streams.first(events, "retry"))
    outcome = streams.outcome("codex/429", { code = 1 })
    assert.same({ "limit", "exceeded retry limit, last status: 429 Too Many Requests" },
      { outcome.kind, outcome.text })
  end)

  it("of other tools, each told of once", function()
    local function item(when, text)
      return ('{"type":"item.%s","item":{"id":"i",%s}}\n'):format(when, text)
    end
    local call = '"type":"mcp_tool_call","server":"s","tool":"t","arguments":{"a":1},"status":"%s"%s'
    local events = streams.read(codex, item("started", call:format("in_progress", ""))
      .. item("completed", call:format("failed", ',"error":{"message":"no"}')))
    assert.same({ { type = "tool", id = "i", name = "s.t", input = { a = 1 } },
      { type = "tool_result", id = "i", ok = false, text = "no" } }, events)
    events = streams.read(codex,
      item("completed", '"type":"file_change","status":"completed","changes":[]'))
    assert.equal("tool tool_result", streams.types(events))
    assert.same({}, (streams.read(codex, '{"type":"item","item":{"type":"error"}}\n{"type":"item.started"}\n'
      .. '{"type":3}\n{"type":"item.completed","item":{"type":"todo_list"}}\n')))
  end)
end)

describe("codex's login", function()
  it("is a token of an account or a key", function()
    local function status(text)
      return table.pack(codex.login.status(function() return text end))
    end
    assert.same({ "there", "an API key", n = 2 }, status('{"OPENAI_API_KEY":"k"}'))
    assert.same({ "there", "ChatGPT", n = 2 }, status('{"tokens":{"access_token":"t"}}'))
    local token = "e30.eyJleHAiOjE4MDAwMDAwMDB9.c2ln" -- {"exp":1800000000}
    local function at(more, now)
      local text = ('{"tokens":{"access_token":"%s"%s}}'):format(token, more)
      return { codex.login.status(function() return text end, now) }
    end
    local date = os.date("%Y-%m-%d %H:%M", 1800000000)
    assert.same({ "expired", "ChatGPT, since " .. date }, at("", 1800000000))
    assert.same({ "there", "ChatGPT, until " .. date }, at(',"refresh_token":3', 1799999999))
    assert.same({ "there", "ChatGPT, renewed when it is next used" },
      at(',"refresh_token":"r"', 1800000000))
    assert.same({ "none", n = 1 }, status('{"OPENAI_API_KEY":null,"tokens":null}'))
    assert.same({ "unreadable", n = 1 }, status("[3"))
  end)
end)
