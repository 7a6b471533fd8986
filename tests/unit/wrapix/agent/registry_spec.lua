-- SPDX-License-Identifier: MIT
-- Specs of wrapix.agent.registry and wrapix.agent.check: which table a name leads to,
-- and what a table is refused for.

local agents = require "wrapix.agent.registry"
local checks = require "wrapix.agent.check"

local function context(files)
  return {
    config_dir = "/cfg",
    read = function(p)
      local text = files[p]
      if type(text) == "table" then return nil, table.unpack(text) end
      if text then return text end
      return nil, "ENOENT: open '" .. p .. "': no such file or directory", "ENOENT"
    end,
    list = function(dir)
      if dir ~= "/cfg/agents" then return nil end
      local names = {}
      for p in pairs(files) do names[#names + 1] = p:match("^/cfg/agents/([^/]+)$") end
      return names
    end,
  }
end

local MINE = "/cfg/agents/mine.lua"
local SMALL = [[return { name = "mine", title = "Mine", stream = "text",
  argv = function() return { "mine" } end }]]

describe("registry.get", function()
  it("finds every built-in agent, right in itself", function()
    local ctx = context({})
    local names = agents.names(ctx)
    assert.is_true(#names > 0)
    for _, name in ipairs(names) do
      local agent = assert(agents.get(name, ctx))
      assert.equal(name, agent.name)
      -- A start takes it as it is: nothing checks it but this.
      assert.same({}, checks.problems(require("wrapix.agent." .. name), name))
      assert.equal(("wrapix/agent/%s.lua"):format(name), agent.source)
      assert.is_function(agent.settings)
      assert.is_table(agent.settings({}).files)
      assert.is_true(agent.stream == "text" or type(agent.decode) == "function")
    end
  end)

  it("completes a user's agent", function()
    local agent = assert(agents.get("mine", context({ [MINE] = SMALL })))
    assert.same({ {}, {}, {}, "text", MINE },
      { agent.secrets, agent.env, agent.state, agent.stream, agent.source })
    assert.same({ files = {}, unused = {} }, agent.settings({}))
    assert.same({ "mine" }, agent.argv("headless", {}))
  end)

  it("takes the user's file before a built-in one, and its errors too", function()
    local file = "/cfg/agents/claude.lua"
    local agent = assert(agents.get("claude", context({ [file] = (SMALL:gsub("mine", "claude")) })))
    assert.equal(file, agent.source)
    local none, message, code = agents.get("claude", context({ [file] = { "EACCES: no", "EACCES" } }))
    assert.is_nil(none)
    assert.same({ "agent: /cfg/agents/claude.lua: EACCES: no", "EACCES" }, { message, code })
  end)

  it("says what there is, and the nearest", function()
    local none, message, code, hint = agents.get("cluade", context({ [MINE] = SMALL }))
    assert.is_nil(none)
    assert.matches("^agent: cluade: no such agent; there are: claude, .*mine", message)
    assert.equal("ENOAGENT", code)
    assert.equal("did you mean 'claude'?", hint)
    none, message, code, hint = agents.get("../x", context({}))
    assert.is_nil(none)
    assert.matches("no such agent", message)
    assert.same({ "ENOAGENT" }, { code, hint })
    assert.has_error(function() agents.get(nil) end, "agent: name: text expected")
  end)

  it("lists names once, sorted, without what is no name", function()
    local names = agents.names(context({ [MINE] = "", ["/cfg/agents/claude.lua"] = "",
      ["/cfg/agents/My Agent.lua"] = "", ["/cfg/agents/notes.txt"] = "" }))
    local count = {}
    for i, name in ipairs(names) do
      count[name] = (count[name] or 0) + 1
      assert.is_true(i == 1 or names[i - 1] < name)
    end
    assert.same({ 1, 1 }, { count.mine, count.claude })
    assert.is_nil(count["My Agent"])
  end)
end)

describe("a user's agent", function()
  local function refusal(text)
    local none, message, code = agents.get("mine", context({ [MINE] = text }))
    assert.is_nil(none)
    assert.equal("EINVAL", code)
    return message
  end

  it("is blamed on its file and line when it does not run", function()
    assert.matches("^agent: /cfg/agents/mine.lua:2: ", refusal("\nerror('no')"))
    assert.matches("^agent: /cfg/agents/mine.lua:1: ", refusal("return {"))
    assert.matches("compiled Lua", refusal("\27Lua"))
    assert.equal("agent: /cfg/agents/mine.lua: a table expected, got a nil", refusal("return nil"))
  end)

  it("is refused with everything that is wrong", function()
    assert.equal("agent: /cfg/agents/mine.lua: argv: is missing; decode: is missing; a program"
      .. ' that writes no JSON has stream = "text"; titel: unknown field'
      .. " 'titel' (did you mean 'title'?); title: is missing",
      refusal('return { name = "mine", titel = "x" }'))
  end)

  it("may be installed by commands", function()
    local agent = assert(agents.get("mine", context({ [MINE] = [[return { name = "mine", title = "x",
      stream = "text", argv = function() end, install = { version = "0.86.1", packages = { "python3" },
        commands = { { "pip", "install", "aider-chat==@VERSION@" } },
        bin = { aider = "/opt/aider/aider" } } }]] })))
    assert.equal("aider-chat==@VERSION@", agent.install.commands[1][3])
  end)

  it("is refused for values that would get into commands, paths and images", function()
    local head = 'return { name = "mine", title = "x", stream = "text", argv = function() end, '
    for text, reason in pairs({
      ['install = { npm = "a b", version = "1" }'] = "install.npm: the name of an npm package",
      ['install = { npm = "@a/b" }'] = "install: an npm package needs the version",
      ['install = { npm = "a", version = "latest" }'] = "install.version: a version",
      ['install = { version = "1" }'] = "a version or files without an npm package",
      ['install = { npm = "a", version = "1", commands = { { "a", "@VERSION@" } } }']
        = "install: an agent comes from npm or by commands, not both",
      ['install = { version = "1", commands = { { "a", "@VERSION@" } }, files = {} }']
        = "install: an agent comes from npm or by commands, not both",
      ['install = { commands = { { "a", "@VERSION@" } } }'] = "install: commands need the version",
      ['install = { version = "1", commands = { { "a", "b" } } }']
        = "install.commands: no command says @VERSION@",
      ['install = { version = "1", commands = { { "a", "@VERSION@\\n" } } }']
        = "install.commands%[1%]%[2%]: a text on one line",
      ['install = { version = "1", commands = { "pip install @VERSION@" } }']
        = "install.commands%[1%]: a list",
      ['install = { version = "1", commands = {} }'] = "install.commands: has no command",
      ['install = { version = "1", commands = { { "a@VERSION@" } }, bin = { a = "x/y" } }']
        = "install.bin: without npm a command's place is an absolute path",
      ['install = { packages = { "a;b" } }'] = "install.packages%[1%]: the name of a package",
      ['install = { npm = "a", version = "1", files = { { from = "../x", to = "/x" } } }']
        = "install.files%[1%].from: a path below node_modules",
      ['install = { npm = "a", version = "1", files = { { from = "x", to = "x" } } }']
        = "install.files%[1%].to: an absolute path",
      ['install = { bin = { ["a/b"] = "/x" } }'] = "install.bin.a/b: the name of a command",
      ['secrets = { "A=b" }'] = "secrets%[1%]: the name of a variable",
      ['env = { ["A B"] = "b" }'] = "env.A B: 'A B' is not a variable name",
      ['env = { A = true }'] = "env.A: text expected",
      ['state = { { name = "a/b", dest = "~/x" } }'] = "state%[1%].name: a word",
      ['state = { { name = "a", dest = "~/../x" } }'] = "state%[1%].dest: a path in the sandbox",
      ['login = { dest = "~/x" }'] = "login.command: is missing; login.status: is missing",
      ['decode = function() end'] = "decode: a stream of text is not decoded",
      ['settings = {}'] = "settings: a function expected",
    }) do
      assert.matches(reason, refusal(head .. text .. " }"))
    end
    assert.matches("name: the file is named after 'mine'", refusal((SMALL:gsub('"mine", t', '"x", t'))))
  end)
end)
