-- SPDX-License-Identifier: MIT
-- Agents in the whole program: what is mounted and passed, what is written for
-- them and what is not, logging in, and stores that a sandbox has tampered with.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local sys = require("wrapix.sys")
local worlds = require("support.world")

local KEY = "key-canary-0123456789-QZXWVKJY\"\\%"
local TAIL = KEY:sub(-20)

-- An agent of the user's own; the double runs its commands on this host.
local TOOL = [[
return {
  name = "tool", title = "Tool", stream = "text",
  secrets = { "TOOL_KEY" },
  env = { TOOL_HOME = "~/.tool" },
  login = { dest = "~/.tool-login", env = { TOOL_LOGIN = "~/.tool-login" },
    command = { "sh", "-c", "pwd; ls -A; echo key=$TOOL_KEY" },
    status = function(read)
      local text = read("token")
      if not text then return "none" end
      return text:find("old") and "expired" or "there", "as " .. (read("who") or "nobody")
    end },
  state = { { name = "home", dest = "~/.tool" } },
  settings = function(input)
    return { files = {
      { dest = "/etc/tool/settings", text = "model=" .. (input.extra and input.extra.model or "") },
      { dest = "~/.tool.json", text = '{"end":"@END@","more":"@END@"}',
        fill = { ["@END@"] = { env = "TOOL_KEY", last = 20 } } },
    }, unused = { { what = "mcp.web", reason = "has no servers" } } }
  end,
  argv = function(mode, opts)
    return { "sh", "-c", 'echo "$1 $2"; cat', "tool", mode, opts.output or "-" }
  end,
}
]]

describe("an agent", function()
  local world

  before_each(function()
    world = worlds.new()
    world:write("config/wrapix/agents/tool.lua", TOOL)
    world:write("config/wrapix/profiles/with.lua", ([[
      return { name = "with", image = %q, agents = { "tool" }, agent = "tool",
        settings = { tool = { model = "big" } }, caches = { things = "~/.cache/things" } }
    ]]):format(worlds.image))
  end)
  after_each(function()
    local sessions = world:sessions()
    world:close()
    assert.same({}, sessions)
  end)

  local function mounts(call)
    local found = {}
    for i, word in ipairs(call.argv) do
      if word == "--mount" then
        local text = call.argv[i + 1]
        local source, dest = text:match("source=([^,]+),destination=([^,]+)")
        if source then found[dest] = { source = source, mode = text:match("ro=(%a+)") } end
      end
    end
    return found
  end

  local function login_dir(name)
    return world.dir .. "/data/wrapix/logins/tool/" .. (name or "default")
  end

  it("takes a prompt from a pipe and answers in text", function()
    local result = world:run({ "with" }, { input = "explain\n" })
    assert.equal("headless text\nexplain\n", result.stdout)
    assert.equal(0, result.code, result.stderr)
  end)

  it("gets its login, its state of the project, caches and settings", function()
    assert.equal(0, world:run({ "with", "--", "true" }).code)
    local found = mounts(world:calls("run")[1])
    local home = "/home/wrapix/"
    assert.same({ source = login_dir(), mode = "false" }, found[home .. ".tool-login"])
    assert.same({ source = world.dir .. "/cache/wrapix/caches/things", mode = "false" },
      found[home .. ".cache/things"])
    assert.matches("/data/wrapix/projects/work%-%x+/tool/home$", found[home .. ".tool"].source)
    assert.equal("true", found["/etc/tool/settings"].mode)
    for _, place in ipairs({ ".tool-login", ".cache/things", ".tool" }) do
      local stat = fs.lstat(found[home .. place].source)
      assert.same({ "directory", tonumber("700", 8) }, { stat.type, stat.mode })
    end
  end)

  it("keeps the login for all projects and the state for each", function()
    assert(fs.mkdir(world.dir .. "/other"))
    world:run({ "with", "--", "true" })
    world:run({ "with", "--", "true" }, { cwd = world.dir .. "/other" })
    local one, two = mounts(world:calls("run")[1]), mounts(world:calls("run")[2])
    assert.equal(one["/home/wrapix/.tool-login"].source, two["/home/wrapix/.tool-login"].source)
    assert.not_equal(one["/home/wrapix/.tool"].source, two["/home/wrapix/.tool"].source)
  end)

  it("finds the end of a key in a private file, and nothing else does", function()
    world.env.TOOL_KEY = KEY
    local running <close> = world:start({ "-v", "with", "--", "sh", "-c", "echo up; cat" })
    assert.equal("up", running.stdout:read_line())
    local dir = ("%s/run/wrapix/sessions/%s/run/"):format(world.dir, world:sessions()[1])
    local filled = json.decode(assert(fs.read(dir .. "skel/.tool.json")))
    assert.same({ ["end"] = TAIL, more = TAIL }, filled)
    assert.equal(tonumber("600", 8), fs.lstat(dir .. "skel/.tool.json").mode)
    assert.equal("model=big", fs.read(dir .. "agents/tool/etc/tool/settings"))
    local call = world:calls("run")[1]
    assert.equal(KEY, call.env.TOOL_KEY)
    assert.is_nil(table.concat(call.argv, " "):find("canary", 1, true))
    local result = world:finish(running)
    assert.is_nil((result.stderr .. result.stdout):find("QZXWVKJY", 1, true))
    for _, part in ipairs({ "run", "cache", "state", "data", "home" }) do
      for path, text in pairs(world:files(part)) do
        assert.is_nil(text:find("QZXWVKJY", 1, true), path)
      end
    end
  end)

  for _, words in ipairs({ { "--dry-run" }, { "--dry-run", "--json" }, { "explain" },
    { "explain", "--json" } }) do
    local name = table.concat(words, " ")
    it("has no part of its key shown by " .. name .. ", which makes nothing", function()
      world.env.TOOL_KEY = KEY
      local all = table.move(words, 1, #words, 1, {})
      all[#all + 1] = "with"
      local result = world:run(all)
      assert.equal(0, result.code, result.stderr)
      assert.is_nil((result.stdout .. result.stderr):find("QZXWVKJY", 1, true))
      assert.is_nil(fs.lstat(world.dir .. "/data/wrapix"))
      assert.is_nil(fs.lstat(world.dir .. "/cache/wrapix/caches"))
    end)
  end

  it("is explained: credential, stores, files, and what was not carried", function()
    world.env.TOOL_KEY = KEY
    local text = world:run({ "explain", "with" }).stdout
    for _, part in ipairs({ "Tool, the image's own version, runs", login_dir(),
      "TOOL_KEY, before the login 'default'", "/etc/tool/settings", "mcp.web: has no servers",
      "TOOL_KEY is set, for tool" }) do
      assert.truthy(text:find(part, 1, true), part .. "\n" .. text)
    end
  end)

  it("has a prompt that tells of the sandbox and quotes the project", function()
    world:write("work/specs/README.md", "Build it.\n")
    local plan = json.decode(world:run({ "--dry-run", "--json", "with" }).stdout)
    local text
    for _, file in ipairs(plan.files) do
      if file.path == "agents/prompt.md" then text = file.text end
    end
    assert.truthy(text:find("\n| Build it.\n", 1, true), text)
    assert.truthy(text:find("- /home/wrapix/.cache/things: writable, and kept", 1, true), text)
  end)

  it("is not started where a link lies in the place of its login", function()
    assert(fs.ensure_dir(world.dir .. "/victim"))
    assert(fs.ensure_dir(login_dir():match("^(.*)/")))
    assert(fs.symlink(world.dir .. "/victim", login_dir()))
    local result = world:run({ "with", "--", "true" })
    assert.equal(125, result.code)
    assert.matches("wrapix: store: [^\n]*/logins/tool/default", result.stderr)
    assert.matches("\nhint: something else is in its place", result.stderr)
    assert.same({}, world:calls("run"))
    assert.same({}, fs.list(world.dir .. "/victim"))
  end)

  it("starts beside others with one store", function()
    local one <close> = world:start({ "with", "--", "sh", "-c", "echo up; cat" })
    assert.equal("up", one.stdout:read_line())
    assert.equal(0, world:run({ "with", "--", "true" }).code)
    assert.equal(0, world:finish(one).code)
  end)

  describe("logging in", function()
    it("has the store and an empty workspace, no key, and says what came of it", function()
      world.env.TOOL_KEY = KEY
      world:write("work/secret", "x")
      local result = world:run({ "login", "tool", "--name", "work", "--image", worlds.image })
      assert.equal(0, result.code, result.stderr)
      assert.matches("^/[^\n]*/wrapix%-login%-[^/\n]+\nkey=\n$", result.stdout)
      assert.is_nil(fs.lstat(result.stdout:match("^[^\n]*")))
      assert.matches("wrapix: note: Tool: login 'work': none\n$", result.stderr)
      local found = mounts(world:calls("run")[1])
      assert.equal(login_dir("work"), found["/home/wrapix/.tool-login"].source)
      assert.is_nil(found["/home/wrapix/.tool"])
      assert.is_nil(found["/home/wrapix/.cache/things"])
      assert.is_nil(fs.lstat(world.dir .. "/data/wrapix/projects"))
    end)

    it("is refused for what is no agent, and for words that mean nothing", function()
      local result = world:run({ "login", "nobody" })
      assert.equal(2, result.code)
      assert.matches("no such agent", result.stderr)
      assert.equal(2, world:run({ "--agent", "nobody", "--dry-run" }).code)
      assert.equal(2, world:run({ "login", "tool", "--name", "../x" }).code)
      assert.equal(2, world:run({ "login" }).code)
      assert.equal(2, world:run({ "login", "tool", "--json" }).code)
    end)

    local function rows()
      local list = json.decode(world:run({ "login", "status", "--json" }).stdout)
      local found = {}
      for _, row in ipairs(list) do
        if row.agent == "tool" then found[row.variable or row.login] = row end
      end
      return found
    end

    it("shows each login and variable, and never a token", function()
      assert.equal("none", rows().default.state)
      world:write(login_dir() .. "/token", "new canary-token")
      world:write(login_dir("old") .. "/token", "old canary-token")
      world:write(login_dir("old") .. "/who", ("w"):rep(500))
      world.env.TOOL_KEY = KEY
      local found = rows()
      assert.same({ "logged in", "as nobody" }, { found.default.state, found.default.detail })
      assert.equal("expired", found.old.state)
      assert.is_true(#found.old.detail > 100 and #found.old.detail <= 510)
      assert.is_true(math.abs(found.default.changed - sys.time()) < 60)
      assert.equal("by variable", found.TOOL_KEY.state)
      local text = world:run({ "login", "status" }).stdout
      assert.matches("\ntool +TOOL_KEY +by variable", text)
      assert.matches("\ntool +old +expired +%d%d%d%d%-%d%d%-%d%d %d%d:%d%d +as www", text)
      assert.is_nil(text:find("canary", 1, true))
    end)

    it("shows what lasts, what is over, and files that are no login", function()
      local logins = world.dir .. "/data/wrapix/logins/"
      local function claude(name, fields)
        world:write(logins .. "claude/" .. name .. "/.credentials.json",
          '{"claudeAiOauth":{"accessToken":"canary-token","subscriptionType":"max"' .. fields .. "}}")
      end
      claude("lasts", ',"expiresAt":9000000000000')
      claude("renews", ',"expiresAt":1000,"refreshToken":"canary-refresh"')
      claude("over", ',"expiresAt":1000')
      world:write(logins .. "claude/broken/.credentials.json", ("["):rep(2000))
      world:write(logins .. "claude/huge/.credentials.json", ("x"):rep((1 << 20) + 1))
      world:write(logins .. "codex/default/auth.json", "\0\27[2J")
      assert(fs.ensure_dir(logins .. "gemini/default/oauth_creds.json"))
      local result = world:run({ "login", "status", "--json" })
      assert.equal(0, result.code, result.stderr)
      assert.is_nil((result.stdout .. result.stderr):find("canary", 1, true))
      local states = {}
      for _, row in ipairs(json.decode(result.stdout)) do
        states[row.agent .. " " .. (row.login or "")] = { row.state, row.detail }
      end
      local function state(name) return states[name][1] end
      assert.equal("logged in", state("claude lasts"))
      assert.matches("^subscription max, until 2255%-", states["claude lasts"][2])
      assert.same({ "logged in", "subscription max, renewed when it is next used" },
        states["claude renews"])
      assert.equal("expired", state("claude over"))
      for _, name in ipairs({ "claude broken", "claude huge", "codex default", "gemini default" }) do
        assert.equal("unreadable", state(name), name)
        assert.is_string(states[name][2], name)
      end
      assert.same({ "none", "none" }, { state("pi default"), state("tool default") })
    end)

    it("reads no store and no file through a link", function()
      world:write("victim/token", "new")
      assert(fs.ensure_dir(login_dir("b")))
      assert(fs.symlink(world.dir .. "/victim", login_dir("a")))
      assert(fs.symlink(world.dir .. "/victim/token", login_dir("b") .. "/token"))
      local found = rows()
      assert.equal("refused", found.a.state)
      assert.equal("unreadable", found.b.state)
      assert.matches("/b/token", found.b.detail)
    end)
  end)
end)
