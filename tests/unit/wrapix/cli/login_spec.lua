-- SPDX-License-Identifier: MIT
-- `wrapix login` with doubles: what is planned, whose login it is, and what the
-- list says of agents whose tables fail.

local double = require("unit.wrapix.cli.double")

local AGENT = { name = "tool", title = "Tool", secrets = { "TOOL_KEY" },
  login = { dest = "~/.tool", command = { "tool", "login" }, status = function() return "there" end } }

-- Dependencies of a user; `over` as for the double.
local function deps(over, agents)
  agents = agents or { tool = AGENT }
  local d = double.new(over)
  d.sys = { uid = function() return 7 end, gid = function() return 8 end,
    euid = function() return d.euid or 7 end, environ = function() return d.env or {} end,
    term_size = function() return d.size end }
  d.removed, d.owned = {}, {}
  d.fs.temp_dir = function(prefix) return "/tmp/" .. prefix .. "1" end
  d.fs.remove_tree = function(dir) d.removed[#d.removed + 1] = dir end
  d.fs.stat = function() return { uid = 1001, gid = 1002 } end
  d.fs.chown = function(...)
    d.owned[#d.owned + 1] = { ... }
    return true
  end
  d.agents = {
    names = function()
      local names = {}
      for name in pairs(agents) do names[#names + 1] = name end
      table.sort(names)
      return names
    end,
    get = function(name)
      if agents[name] then return agents[name] end
      return nil, "agent: " .. name .. ": no such agent", "ENOAGENT", "a hint"
    end,
  }
  d.store = { DEFAULT = "default" }
  d.logins = {
    list = function(_, user) return d.stored and d.stored(user) or {} end,
    uids = function() return { 1001 } end,
    reader = function() return function() end end,
  }
  return d
end

describe("wrapix login", function()
  it("plans the agent's login command and nothing else", function()
    local d = deps()
    local status = double.run(d, "login", "tool", "--name", "work")
    assert.equal(0, status)
    assert.same({ agent = "tool", command = { "tool", "login" }, login = true }, d.planned.options)
    local profile = d.planned.profile
    assert.same({ "login", { "tool" }, "tool", "work", "open" },
      { profile.name, profile.agents, profile.agent, profile.login, profile.network })
    assert.equal("/tmp/wrapix-login-1", d.gathered.workspace)
    assert.same({ "/tmp/wrapix-login-1" }, d.removed)
    assert.same({}, d.owned)
  end)

  it("is as root the login of the owner of the directory", function()
    local d = deps({ euid = 0 })
    assert.equal(0, (double.run(d, "login", "tool", "-C", "/home/joe")))
    assert.same({ { "/tmp/wrapix-login-1", 1001, 1002 } }, d.owned)
  end)

  it("gives the status of the login command, and leaves no directory after a failure", function()
    local d = deps()
    d.launch = { run = function() return { code = 3 } end }
    assert.equal(3, (double.run(d, "login", "tool")))
    d = deps()
    d.launch = { run = function() return nil, "start: x: broken", "EX", "mend" end }
    local status, _, err = double.run(d, "login", "tool")
    assert.same({ 125, "wrapix: start: x: broken\nhint: mend\n" }, { status, err })
    assert.same({ "/tmp/wrapix-login-1" }, d.removed)
  end)

  it("says what to do for an agent without a login", function()
    local d = deps({}, { bare = { name = "bare", title = "Bare", secrets = { "A", "B" } } })
    local status, _, err = double.run(d, "login", "bare")
    assert.same({ 2, "wrapix: login: bare: this agent has no login\n"
      .. "hint: set a variable of its own: A, B\n" }, { status, err })
  end)
end)

describe("wrapix login with words that do not fit", function()
  it("is wrong usage", function()
    for words, reason in pairs({
      [{ "nobody" }] = "agent: nobody: no such agent",
      [{ "tool", "--json" }] = "--json goes with `wrapix login status`",
      [{ "status", "--name", "work" }] = "--name goes with an AGENT",
      [{ "status", "--image", "x:1" }] = "--image goes with an AGENT",
      [{ "status", "-C", "." }] = "-C goes with an AGENT",
      [{ "tool", "--image", "x y" }] = "'x y' is not an image reference",
    }) do
      local d = deps()
      local status, out, err = double.run(d, "login", table.unpack(words))
      assert.equal(2, status)
      assert.equal("", out)
      assert.truthy(err:find(reason, 1, true), err)
      assert.matches("\nhint: ", err)
      assert.is_nil(d.planned)
    end
  end)
end)

describe("wrapix login status", function()
  it("goes on where an agent's table fails, and warns of one that cannot be loaded", function()
    local failing = { name = "bad", title = "Bad", secrets = {}, login = {
      status = function() error("boom\27[2J") end } }
    local d = deps({}, { bad = failing, tool = AGENT })
    local names = d.agents.names
    d.agents.names = function()
      local list = names()
      list[#list + 1] = "zzz"
      return list
    end
    local status, out, err = double.run(d, "login", "status")
    assert.equal(0, status)
    assert.matches("bad +default +unknown +%- +\"the agent's table failed: .*boom", out)
    assert.matches("tool +default +logged in", out)
    assert.is_nil(out:find("\27", 1, true))
    assert.equal("wrapix: warning: agent: zzz: no such agent\n", err)
  end)

  it("shows all of a detail, but for the edge of a terminal", function()
    local told = ("w"):rep(200)
    local agent = { name = "tool", title = "Tool", secrets = {},
      login = { status = function() return "there", told end } }
    local function shown(size)
      local d = deps({ size = size }, { tool = agent })
      return (select(2, double.run(d, "login", "status")))
    end
    assert.truthy(shown():find(told .. "\n", 1, true))
    local out = shown({ rows = 24, cols = 100 })
    assert.equal(100, utf8.len(out:match("\n(tool [^\n]*)")))
    assert.matches("w…\n$", out)
    agent.login.status = function() return "there", ("w"):rep(5000) end
    assert.is_true(#shown() < 1000)
  end)

  it("shows root the logins of others too", function()
    local d = deps({ euid = 0 })
    d.stored = function(user)
      return { { agent = "tool", name = user.mode == "direct" and "theirs" or "mine" } }
    end
    local _, out = double.run(d, "login", "status")
    assert.matches("tool +mine +logged in", out)
    assert.matches("tool +theirs %(uid 1001%) +logged in", out)
  end)
end)
