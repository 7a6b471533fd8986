-- SPDX-License-Identifier: MIT
-- Specs of wrapix.agent.claude: settings, argv, logins.

local json = require "wrapix.json"
local streams = require "unit.wrapix.agent.streams"

local claude = streams.agent("claude")

local function files(input)
  local out, raw = {}, {}
  for _, file in ipairs(claude.settings(input).files) do
    out[file.dest], raw[file.dest] = assert(json.decode(file.text)), file
  end
  return out["/etc/claude-code/managed-settings.json"], out["~/.claude.json"], raw
end

describe("claude's settings", function()
  it("ask nothing, neither with our flag nor without", function()
    local managed = files({})
    assert.is_true(managed.skipDangerousModePermissionPrompt)
    assert.equal("bypassPermissions", managed.permissions.defaultMode)
    assert.is_nil(managed.hooks)
  end)

  it("answer what a first start would ask", function()
    local _, own, raw = files({ workspace = "/workspace/part" })
    assert.is_true(own.hasCompletedOnboarding)
    assert.is_true(own.projects["/workspace"].hasTrustDialogAccepted)
    assert.is_true(own.projects["/workspace/part"].hasTrustDialogAccepted)
    local token = own.customApiKeyResponses.approved[1]
    assert.same({ [token] = { env = "ANTHROPIC_API_KEY", last = 20 } }, raw["~/.claude.json"].fill)
    assert.is_nil(own.mcpServers)
  end)

  it("put hooks after those of the profile's own settings", function()
    local managed = files({
      extra = { model = "m", permissions = { deny = { "WebFetch" } },
        hooks = { Stop = { { hooks = { { type = "command", command = "one" } } } } } },
      hooks = { Stop = { "two", { command = "three", matcher = "x", timeout = "1m" } },
        PreToolUse = "four" },
    })
    assert.equal("m", managed.model)
    assert.same({ "WebFetch" }, setmetatable(managed.permissions.deny, nil))
    assert.equal("bypassPermissions", managed.permissions.defaultMode)
    local stop = managed.hooks.Stop
    assert.same({ "one", "two", "three" }, { stop[1].hooks[1].command, stop[2].hooks[1].command,
      stop[3].hooks[1].command })
    assert.same({ "x", 60, "command" },
      { stop[3].matcher, stop[3].hooks[1].timeout, stop[3].hooks[1].type })
    assert.equal("four", managed.hooks.PreToolUse[1].hooks[1].command)
  end)

  it("name MCP servers where they are read", function()
    local _, own = files({ mcp = { off = false, web = { url = "https://x/", type = "sse" },
      tests = { command = { "npx", "-y" }, args = { "t" }, env = { LEVEL = 3 } } } })
    assert.same({ type = "stdio", command = "npx", args = json.array({ "-y", "t" }),
      env = { LEVEL = "3" } }, own.mcpServers.tests)
    assert.same({ type = "sse", url = "https://x/" }, own.mcpServers.web)
    assert.is_nil(own.mcpServers.off)
    assert.is_not_nil(next(claude.settings({ mcp = { t = { command = "x" } } }).env))
    assert.same({}, claude.settings({ mcp = { off = false } }).env)
  end)

  it("tell it of the sandbox where the user inside is root, and only there", function()
    assert.same({ IS_SANDBOX = "1" }, claude.settings({ is_root = true }).env)
    assert.same({}, claude.settings({}).env)
  end)
end)

describe("claude's argv", function()
  it("begins with a prompt at a terminal alone", function()
    assert.same({ "claude", "--dangerously-skip-permissions", "begin here" },
      claude.argv("interactive", { prompt = "begin here" }))
    assert.same(claude.argv("headless", {}), claude.argv("headless", { prompt = "begin here" }))
  end)

  it("is a stream on stdout, with the prompt on stdin", function()
    assert.same({ "claude", "-p", "--output-format=stream-json", "--verbose",
      "--dangerously-skip-permissions", "--append-system-prompt-file=/p", "--model=-m",
      "--max-turns=3", "--resume=-x" },
      claude.argv("headless", { prompt_file = "/p", model = "-m", max_turns = 3, resume = "-x",
        continue = true }))
  end)

  it("is text for people, and a terminal's", function()
    assert.same({ "claude", "-p", "--dangerously-skip-permissions" },
      claude.argv("headless", { output = "text" }))
    assert.same({ "claude", "--dangerously-skip-permissions", "--continue" },
      claude.argv("interactive", { continue = true }))
  end)
end)

describe("claude's login", function()
  local function status(text)
    return claude.login.status(function(name) return name == ".credentials.json" and text or nil end)
  end

  it("is there with a token, and never shows it", function()
    local state, detail = status('{"claudeAiOauth":{"accessToken":"t","subscriptionType":"max"}}')
    assert.same({ "there", "subscription max" }, { state, detail })
    state, detail = status('{"claudeAiOauth":{"accessToken":"t","subscriptionType":"a\\u001bb"}}')
    assert.same({ "there" }, { state, detail })
  end)

  it("lasts as long as its token, unless it can be renewed", function()
    local function at(fields, now)
      local text = ('{"claudeAiOauth":{"accessToken":"canary","subscriptionType":"max",%s}}')
        :format(fields)
      return { claude.login.status(function() return text end, now) }
    end
    local date = os.date("%Y-%m-%d %H:%M", 1800000000)
    local over, renews = '"expiresAt":1800000000000', ',"refreshToken":"canary"'
    assert.same({ "there", "subscription max, until " .. date }, at(over, 1799999999))
    assert.same({ "expired", "subscription max, since " .. date }, at(over, 1800000001))
    assert.same({ "expired", "subscription max, since " .. date },
      at(over .. ',"refreshToken":""', 1800000001))
    assert.same({ "there", "subscription max, until " .. date .. ", then renewed" },
      at(over .. renews, 1799999999))
    assert.same({ "there", "subscription max, renewed when it is next used" },
      at(over .. renews, 1800000001))
    for _, value in ipairs({ '"x"', "-5", "1e300", "null", "{}" }) do
      assert.same({ "there", "subscription max" }, at('"expiresAt":' .. value, 1))
    end
  end)

  it("is not there without, whatever the file holds", function()
    for _, text in ipairs({ "[]", "{}", '{"claudeAiOauth":3}',
      '{"claudeAiOauth":{"accessToken":""}}', '{"claudeAiOauth":{"accessToken":null}}' }) do
      assert.equal("none", (status(text)))
    end
    for _, text in ipairs({ "", "no", "3", ("["):rep(1000) }) do
      assert.equal("unreadable", (status(text)))
    end
    assert.equal("none", (status(nil)))
    local function failing(code) return function() return nil, "x: " .. code, code end end
    assert.equal("none", (claude.login.status(failing("ENOENT"))))
    assert.equal("unreadable", (claude.login.status(failing("ELOOP"))))
  end)
end)

describe("claude's events", function()
  it("are each there once, with all that it notifies at and all that were recorded", function()
    local known = {}
    for _, name in ipairs(claude.events) do
      assert.is_nil(known[name], name)
      known[name] = true
    end
    for name in pairs(claude.notify) do assert.is_true(known[name], name) end
    -- Those that the real program was seen to run hooks at.
    for _, name in ipairs({ "SessionStart", "UserPromptSubmit", "MessageDisplay", "PreToolUse",
      "PostToolUse", "PostToolUseFailure", "PostToolBatch", "SubagentStart", "SubagentStop", "Stop",
      "StopFailure", "SessionEnd", "Notification", "PermissionRequest" }) do
      assert.is_true(known[name], name)
    end
    assert.is_nil(known.Stopp)
  end)
end)
