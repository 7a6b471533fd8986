-- SPDX-License-Identifier: MIT
-- Specs of wrapix.plan.agents: which agents a sandbox has, what runs, which
-- credential counts, and what an agent's table may not do.

local fixture = require "tests.unit.wrapix.plan_fixture"
local plan = require "wrapix.plan"
local profiles = require "wrapix.profile"

local CLAUDE = { base = "debian:13", agents = { "claude" }, agent = "claude" }

local function copy(tbl, changes)
  local out = {}
  for key, value in pairs(tbl) do out[key] = value end
  for key, value in pairs(changes or {}) do out[key] = value end
  return out
end

local function make(fields, options, change)
  local facts = fixture.facts()
  if change then change(facts) end
  local given = getmetatable(fields) and fields or copy(fields, { name = "t" })
  local profile = assert(profiles.from_table(given, { source = "t.lua", text = "return {}" }))
  return plan.make(profile, options or {}, facts)
end

local function made(...)
  local result, message = make(...)
  return assert(result, message)
end

local function refused(pattern, ...)
  local result, message, code, hint = make(...)
  assert.is_nil(result)
  assert.matches(pattern, message)
  assert.is_string(code)
  return hint
end

local function names(p)
  local list = {}
  for i, agent in ipairs(p.agents or {}) do list[i] = agent.name end
  return list
end

local function find(list, key, value)
  for _, one in ipairs(list or {}) do
    if one[key] == value then return one end
  end
end

local function no_terminal(facts) facts.stdin_tty, facts.stdout_tty = false, false end

-- A registry with one more agent, made of changes to codex.
local function with_agent(changes)
  return function(facts)
    local codex = facts.agents.get("codex")
    facts.agents = { get = function(name)
      if name ~= "odd" then return fixture.agents.get(name) end
      return copy(copy(codex, { name = "odd" }), changes)
    end }
  end
end

describe("the agents of a sandbox", function()
  it("are the profile's, the one that runs, and the option's", function()
    assert.same({ "claude" }, names(made(CLAUDE)))
    assert.same({ "claude", "codex" }, names(made(CLAUDE, { agent = "codex" })))
    assert.same({ "codex" }, names(made({ base = "debian:13", agent = "codex" })))
    assert.is_nil(made({ base = "debian:13" }).agents)
  end)

  it("are in the image, with the one the option adds", function()
    assert.same({ "claude", "codex" }, made(CLAUDE, { agent = "codex" }).image.recipe.agents)
    local pinned = copy(CLAUDE, { agents = { "claude@1.0" } })
    assert.same({ "claude@1.0" }, made(pinned).image.recipe.agents)
  end)

  it("are none in an image that was not built, unless named for it", function()
    assert.same({}, names(made(CLAUDE, { image = "i:1" })))
    assert.is_true(made(CLAUDE, { image = "i:1" }).command.shell)
    local one = made(CLAUDE, { image = "i:1", agent = "codex" })
    assert.same({ "codex" }, names(one))
    assert.same({ "codex", "interactive" }, one.command.value)
    local bare = made(profiles.derive(copy(CLAUDE, { name = "t" }), { image = "i:1" }))
    assert.same({ {}, true }, { names(bare), bare.command.shell })
    local with = { image = "i:1", agent = "claude" }
    local own = made(profiles.derive(copy(CLAUDE, { name = "t" }), with))
    assert.same({ "claude" }, names(own))
    assert.is_nil(own.agents[1].version)
  end)

  it("are none where the profile wants none, neither run nor in the image", function()
    local none = profiles.derive(copy(CLAUDE, { name = "t" }), { agent = false })
    local shell = made(none)
    assert.same({ {}, true }, { names(shell), shell.command.shell })
    assert.is_nil(shell.image.recipe.agents)
    assert.same({ "codex" }, names(made(none, { agent = "codex" })))
    local kept = made(profiles.derive(none, { agents = { "codex" } }))
    assert.same({ { "codex" }, true }, { names(kept), kept.command.shell })
    assert.matches("/agents_spec.lua:%d+$", kept.agents[1].origin.text)
  end)

  describe("have the version that is installed,", function()
    -- What the recipe of an image says that has a pin of codex.
    local function pin(facts)
      local stage = { kind = "agents", agents = {
        { name = "claude", version = "2.1.330" }, { name = "codex", version = "9.9", pinned = true },
      } }
      facts.image = { reference = function() return "r:1" end,
        recipe = function() return { backend = "debian", stages = { { kind = "packages" }, stage } } end }
    end
    local function version(fields, options)
      local one = made(fields, options, pin).agents[1]
      return { one.version, one.version_origin and one.version_origin.text }
    end

    it("the profile's before all", function()
      local asked = version(copy(CLAUDE, { agents = { "claude@1.0" } }))
      assert.equal("1.0", asked[1])
      assert.matches("^t.lua", asked[2])
      assert.equal("8.8", version(copy(CLAUDE, { agents = { "codex@8.8" }, agent = "codex" }))[1])
    end)

    it("the pin, and the file it stands in", function()
      local dir = fixture.facts().dirs.config
      assert.same({ "9.9", dir .. "/agents.json" },
        version({ base = "debian:13", agents = { "codex" } }))
      assert.same({ "9.9", dir .. "/agents.json" }, version({ base = "debian:13" }, { agent = "codex" }))
    end)

    it("else that of the agent's table", function()
      assert.same({ "2.1.330", "default" }, version(CLAUDE))
      assert.same({}, version(CLAUDE, { image = "i:1", agent = "claude" }))
    end)
  end)

  it("have to be known", function()
    local nobody = { base = "b", agents = { "nobody" } }
    assert.equal("there are claude and codex",
      refused("^plan: t.lua:?%d*: agent: nobody: no such agent$", nobody))
    refused("^plan: %-%-agent: agent: nobody: no such agent$", CLAUDE, { agent = "nobody" })
  end)
end)

describe("the command", function()
  it("is the agent's: at a terminal interactive, with a pipe headless", function()
    assert.same({ "claude", "--prompt=/run/wrapix/agents/prompt.md" }, made(CLAUDE).command.value)
    assert.same({ "claude", "-p", "--output=text" }, made(CLAUDE, {}, no_terminal).command.value)
    local half = made(CLAUDE, {}, function(facts) facts.stdout_tty = false end)
    assert.equal("-p", half.command.value[2])
    assert.is_true(half.terminal.stdin)
  end)

  it("is the given one, then the profile's, then the agent's", function()
    local both = copy(CLAUDE, { command = { "make" } })
    assert.same({ "id" }, made(both, { command = { "id" }, agent = "codex" }).command.value)
    assert.same({ "make" }, made(both).command.value)
    assert.same({ "codex", "interactive" }, made(both, { agent = "codex" }).command.value)
    assert.is_nil(made(both).agents[1].runs)
    assert.is_true(made(CLAUDE).agents[1].runs)
  end)

  it("is told the profile's command and settings, for an agent made of them", function()
    local seen
    made({ base = "b", agent = "odd", settings = { odd = { argv = { "x" } } } }, {},
      with_agent({ argv = function(mode, opts)
        seen = { mode, opts.settings.argv[1] }
        return { "x" }
      end }))
    assert.same({ "interactive", "x" }, seen)
  end)

  it("cannot be an agent that nobody could talk to", function()
    assert.matches("attach", refused("detached agent without a terminal", CLAUDE, { detach = true },
      no_terminal))
    assert.equal("claude", made(CLAUDE, { detach = true }).command.value[1])
    local given = made(CLAUDE, { detach = true, command = { "id" } }, no_terminal)
    assert.same({ "id" }, given.command.value)
  end)
end)

describe("credentials", function()
  local function with_env(values)
    return function(facts)
      for name, value in pairs(values) do facts.env[name] = value end
    end
  end

  it("of the environment pass as secrets when set, the strongest wins, then the login", function()
    local p = made(CLAUDE, {}, with_env({ ANTHROPIC_API_KEY = "k-canary",
      CLAUDE_CODE_OAUTH_TOKEN = "t-canary" }))
    assert.same({ { kind = "variable", name = "ANTHROPIC_API_KEY" },
      { kind = "variable", name = "CLAUDE_CODE_OAUTH_TOKEN" },
      { kind = "login", name = "default" } },
      p.agents[1].credentials)
    assert.is_true(find(p.env, "name", "ANTHROPIC_API_KEY").secret)
    assert.is_nil(fixture.plan_text(p):find("canary", 1, true))
  end)

  it("that are empty are none", function()
    local p = made(CLAUDE, {}, with_env({ ANTHROPIC_API_KEY = "" }))
    assert.is_nil(find(p.env, "name", "ANTHROPIC_API_KEY"))
    assert.same({ { kind = "login", name = "default" } }, p.agents[1].credentials)
    p = made(CLAUDE, { env = { "ANTHROPIC_API_KEY=" } }, with_env({ ANTHROPIC_API_KEY = "k" }))
    assert.equal("", find(p.env, "name", "ANTHROPIC_API_KEY").value)
    assert.equal("login", p.agents[1].credentials[1].kind)
  end)

  it("are not given to what only logs in, nor anything of a project", function()
    local fields = copy(CLAUDE, { caches = { uv = "~/.cache/uv" }, login = "work" })
    local p = made(fields, { login = true }, with_env({ ANTHROPIC_API_KEY = "k" }))
    assert.is_nil(find(p.env, "name", "ANTHROPIC_API_KEY"))
    assert.is_nil(find(p.mounts, "dest", "/home/wrapix/.claude"))
    assert.is_nil(find(p.mounts, "dest", "/home/wrapix/.cache/uv"))
    assert.is_nil(find(p.files, "path", "agents/prompt.md"))
    assert.equal("/home/joe/.local/share/wrapix/logins/claude/work",
      find(p.mounts, "dest", "/home/wrapix/.claude-login").source)
  end)
end)

describe("what an agent brings", function()
  it("gives way to what somebody mounts or sets by name", function()
    local p = made(copy(CLAUDE, {
      mounts = { { source = "/srv/lib", dest = "~/.claude", mode = "rw" } },
      env = { CLAUDE_QUIET = "0" }, caches = { own = "/srv/lib2" },
    }), { mounts = { "/srv/lib:/srv/lib2" } })
    assert.equal("/srv/lib", find(p.mounts, "dest", "/home/wrapix/.claude").source)
    assert.equal("0", find(p.env, "name", "CLAUDE_QUIET").value)
    assert.equal("/srv/lib", find(p.mounts, "dest", "/srv/lib2").source)
    assert.equal(2, #p.skipped)
    assert.matches("is taken by the mount of", p.skipped[1].reason)
  end)

  it("cannot replace its settings, which lie read-only above the project's", function()
    refused("two mounts at one place", copy(CLAUDE, {
      mounts = { { source = "/srv/lib", dest = "/etc/claude-code/managed-settings.json" } } }))
    local p = made(CLAUDE)
    assert.equal("ro", find(p.mounts, "dest", "/etc/claude-code/managed-settings.json").mode)
    local file = find(p.files, "path", "skel/.claude.json")
    assert.same({ true, '{"key":"@KEY@","at":"/workspace"}' }, { file.private, file.text })
  end)

  it("lies read-only over what a login or a state keeps at its place", function()
    local dest = "/home/wrapix/.odd/settings.json"
    local p = made({ base = "b", agents = { "odd" } }, nil, with_agent({
      state = { { name = "home", dest = "~/.odd" } },
      settings = function() return { files = { { dest = "~/.odd/settings.json", text = "{}" } } } end,
    }))
    assert.equal("ro", find(p.mounts, "dest", dest).mode)
    assert.is_nil(find(p.files, "path", "skel/.odd/settings.json"))
    assert.equal("{}", find(p.files, "path", "agents/odd" .. dest).text)
  end)

  it("knows which of its variables are set, not what they hold", function()
    local seen
    made({ base = "b", agents = { "odd" } }, nil, function(facts)
      with_agent({ secrets = { "ODD_KEY", "ODD_EMPTY", "ODD_NONE" }, settings = function(input)
        seen = input.secrets
        return { files = {} }
      end })(facts)
      facts.env.ODD_KEY, facts.env.ODD_EMPTY = "canary", ""
    end)
    assert.same({ ODD_KEY = true }, seen)
  end)

  it("is told of when it could not be carried", function()
    local p = made(copy(CLAUDE, { hooks = { agent = { Odd = "x" } } }))
    assert.same({ { what = "hooks.agent.Odd", reason = "has no such event" } }, p.agents[1].unused)
  end)

  describe("for an event that no agent is known to have", function()
    local function warned(agents, agent_hooks, changes)
      local p = made({ base = "b", agents = agents, hooks = { agent = agent_hooks } }, nil,
        with_agent(changes or { events = { "Stop", "PreToolUse" } }))
      local found = {}
      for _, warning in ipairs(p.warnings) do
        if warning.text:find("^hooks.agent: ") then found[#found + 1] = warning.text end
      end
      return found
    end

    it("names the nearest, and is passed on", function()
      local found = warned({ "odd" }, { Stopp = "x", Stop = "y", Quite = false })
      assert.equal(2, #found)
      assert.matches("'Quite' is no event that is known$", found[1])
      assert.matches("'Stopp' is no event that is known %(did you mean 'Stop'%?%)$", found[2])
    end)

    it("says nothing where an agent may have it", function()
      assert.same({}, warned({ "odd" }, { Stopp = "x" }, { events = false }))
      assert.same({}, warned({ "odd", "codex" }, { Stopp = "x" }))
    end)

    it("believes an agent that says it has no place for it", function()
      assert.equal(1, #warned({ "odd", "claude" }, { Odd = "x" }))
    end)
  end)

  it("is made by the launcher only below its own directories", function()
    local p = made(copy(CLAUDE, { caches = { uv = "~/.cache/uv" } }))
    local list = {}
    for _, mount in ipairs(p.mounts) do
      if mount.make then
        list[#list + 1] = mount.source
        assert.same({ "bind", "rw" }, { mount.type, mount.mode })
      end
    end
    assert.same({ "/home/joe/.local/share/wrapix/logins/claude/default",
      "/home/joe/.local/share/wrapix/projects/shop-6381e5ff8c93/claude/home",
      "/home/joe/.cache/wrapix/caches/uv" }, list)
  end)

  it("is told of when no agent has the name the settings are for", function()
    local planned = made({ base = "b", agents = { "claude" },
      settings = { clade = { model = "x" }, codex = { model = "y" } } })
    local found = {}
    for _, warning in ipairs(planned.warnings) do
      if warning.text:find("^settings: ") then found[#found + 1] = warning end
    end
    assert.equal(1, #found)
    assert.matches("agent: clade: no such agent", found[1].text, 1, true)
    assert.equal("there are claude and codex", found[1].hint)
  end)

  it("is refused when it is none, and when its table fails", function()
    local odd = { base = "b", agents = { "odd" } }
    for pattern, settings in pairs({
      ["settings of the agent failed: .*boom"] = function() error("boom") end,
      ["settings of the agent gave no files"] = function() return {} end,
      ["settings of the agent gave a wrong file 1"] = function()
        return { files = { { dest = 1 } } }
      end,
      ["wrong file 2"] = function()
        return { files = { { dest = "~/a", text = "" }, { dest = "~/b", text = "",
          fill = { X = { env = "a b" } } } } }
      end,
      ["nothing can be mounted at or below /proc"] = function()
        return { files = { { dest = "/proc/x", text = "" } } }
      end,
      ["would hide"] = function() return { files = { { dest = "~/../..", text = "" } } } end,
      ["agent odd has a file there as well"] = function()
        return { files = { { dest = "~/a", text = "" }, { dest = "~/./a", text = "" } } }
      end,
    }) do
      refused(pattern, odd, {}, with_agent({ settings = settings }))
    end
    local runs = copy(odd, { agent = "odd" })
    refused("argv of the agent failed", runs, {}, with_agent({ argv = function() error("x") end }))
    refused("argv of the agent gave no list of words", runs, {},
      with_agent({ argv = function() return 1 end }))
    refused("no terminal here", runs, {}, with_agent({ argv = function()
      return nil, "no terminal here", "EAGENT"
    end }))
    refused("cannot run interactive", runs, {}, with_agent({ argv = function() return nil end }))
  end)
end)
