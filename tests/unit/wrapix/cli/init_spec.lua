-- SPDX-License-Identifier: MIT
-- From words to the command they mean: precedence, help, errors and status.

local cli = require("wrapix.cli")
local double = require("unit.wrapix.cli.double")
local group_of = require("wrapix.cli.group")
local spec = require("wrapix.cli.spec")

local function try(...)
  local d = double.new()
  local status, out, err = double.run(d, ...)
  return status, out, err, d
end

-- Every command that can be run, with its full name.
local function each_below(command, name, visit)
  if not command.commands then return visit(command, name) end
  for _, sub in ipairs(group_of.all(command)) do each_below(sub, name .. " " .. sub.name, visit) end
end

local function each_leaf(visit)
  for _, command in ipairs(cli.commands()) do
    each_below(command, command.name == "run" and "wrapix" or "wrapix " .. command.name, visit)
  end
end

-- Doubles with which every example gets past its words.
local function accepting()
  local d = double.new({
    image = { recipe = function() return {} end },
    gather = function() return nil, "no engine here" end,
  })
  d.profile.load = function() return { name = "x" } end
  d.profile.load_file = function() return "profile", { name = "x" } end
  d.agents.names = function() return { "claude" } end
  d.agents.get = function(name)
    return { name = name, title = "X", secrets = {}, install = { npm = "x", version = "1" },
      login = { dest = "~/.x", command = { "x" }, status = function() return "none" end } }
  end
  d.fs.temp_dir = function() return nil, "no room here", "ENOSPC" end
  d.pins = { get = function() end, set = function() return true end }
  d.store = { DEFAULT = "default" }
  d.logins = { list = function() return {} end, reader = function() return function() end end }
  return d
end

describe("the tables of the commands", function()
  it("are well-formed", function()
    for _, command in ipairs(cli.commands()) do
      assert.has_no_error(function() spec.check(command) end)
    end
  end)

  -- The first plain word, which may be a command, is looked for with the options
  -- of run before it is known whose they are. Others stand after the command, as those
  -- of ralph always do, which has more of its own.
  it("agree with run on which options take a value", function()
    local known = spec.takes_value(cli.commands()[1], {})
    each_leaf(function(command, name)
      if name:find("^wrapix ralph") then return end
      for flag, takes in pairs(spec.takes_value(command, {})) do
        if known[flag] ~= nil then assert.equal(known[flag], takes, name .. " " .. flag) end
      end
    end)
  end)

  it("make a help with every option and an example", function()
    each_leaf(function(command, name)
      local text = spec.help(command, name)
      assert.truthy(text:find("^Usage: wrapix"), name)
      for _, option in ipairs(spec.options(command)) do
        for _, flag in ipairs(option.flags) do
          assert.truthy(text:find(flag, 1, true), name .. " " .. flag)
        end
        assert.truthy(#option.description > 3, name)
      end
      assert.truthy(#command.example > 0, name)
      for _, example in ipairs(command.example) do
        assert.truthy(text:find("\n  " .. example[1] .. "\n      " .. example[2], 1, true), name)
      end
    end)
  end)

  it("make a help of at most 100 columns", function()
    local function check(command, name)
      for line in spec.help(command, name):gmatch("[^\n]+") do
        assert.truthy(utf8.len(line) <= 100, line)
      end
    end
    each_leaf(check)
    for _, command in ipairs(cli.commands()) do
      if command.commands then check(command, "wrapix " .. command.name) end
    end
  end)

  local function words_of(line)
    local words = {}
    for word in line:gmatch("%S+") do words[#words + 1] = word end
    return words
  end

  it("have examples that parse", function()
    each_leaf(function(command, name)
      if name:find("^wrapix ralph") then return end
      for _, example in ipairs(command.example) do
        local words = words_of(example[1]:match('^eval "%$%((.*)%)"$')
          or example[1]:match("; (wrapix .*)$") or example[1])
        if words[1] == "wrapix-notifyd" then words = { "wrapix", "notifyd" } end
        assert.equal("wrapix", table.remove(words, 1))
        local status, _, err = double.run(accepting(), table.unpack(words))
        assert.not_equal(2, status, example[1] .. "\n" .. err)
      end
    end)
  end)

  -- Its commands reach the world by the library, of which there is no double: they are
  -- not run.
  it("of ralph have examples that parse", function()
    local seen = 0
    each_leaf(function(command, name)
      for _, example in ipairs(name:find("^wrapix ralph") and command.example or {}) do
        local line = (example[1]:match("| (ralph .*)$") or example[1])
          :gsub('"[^"]*"', "text"):gsub("'[^']*'", "text"):gsub(" [<>|].*$", ""):gsub("%$%$", "1")
        local words = words_of(line)
        local rest = table.move(words, select(2, name:gsub(" ", "")) + 1, #words, 1, {})
        assert.equal(name, "wrapix " .. table.concat(words, " ", 1, #words - #rest))
        local values, problem = spec.parse(command, name, rest)
        assert.is_table(values, ("%s: %s"):format(example[1], problem))
        seen = seen + 1
      end
    end)
    assert.is_true(seen > 0)
  end)
end)

describe("help", function()
  it("lists the commands", function()
    local status, out = try("--help")
    assert.equal(0, status)
    for _, command in ipairs(cli.commands()) do
      if command.name ~= "run" then
        assert.truthy(out:find(("\n  %s "):format(command.name), 1, true), command.name)
      end
    end
    assert.equal(out, select(2, try("help")))
    assert.equal(out, select(2, try("-h")))
  end)

  it("of a command is the same by three ways", function()
    local _, out = try("explain", "--help")
    assert.truthy(out:find("^Usage: wrapix explain "))
    assert.equal(out, select(2, try("help", "explain")))
    assert.equal(out, select(2, try("--help", "explain")))
  end)

  it("of a command of a group", function()
    local _, out = try("profile", "show", "-h")
    assert.truthy(out:find("^Usage: wrapix profile show %[OPTIONS%] NAME|PATH\n"))
    assert.equal(out, select(2, try("help", "profile", "show")))
    assert.truthy(select(2, try("profile", "--help")):find("^Usage: wrapix profile COMMAND"))
  end)

  it("of nothing names what is near", function()
    local status, _, err = try("help", "explian")
    assert.equal(2, status)
    assert.equal("wrapix: help: explian: no such command (did you mean 'explain'?)\n"
      .. "hint: `wrapix help` lists the commands\n", err)
    status, _, err = try("help", "profile", "shwo")
    assert.equal(2, status)
    assert.equal("wrapix: help: profile shwo: no such command (did you mean 'show'?)\n", err)
  end)
end)

describe("a word", function()
  it("that is a command beats a profile of the same name", function()
    local status, out, _, d = try("version")
    assert.equal(0, status)
    assert.equal("wrapix 1.2.3 (Lua 5.4)\n", out)
    assert.same({}, d.calls)
  end)

  it("that is nothing names the nearest command or profile", function()
    local status, _, err = try("explian")
    assert.equal(2, status)
    assert.equal("wrapix: run: explian: no such command, profile or .lua file "
      .. "(did you mean 'explain'?)\n"
      .. "hint: `wrapix help` lists the commands, `wrapix profile list` the profiles\n", err)
    assert.truthy(select(3, try("rsut")):find("(did you mean 'rust'?)", 1, true))
    assert.truthy(select(3, try("")):find('run: "": no such command', 1, true))
  end)

  it("that is nothing is told by the command that got it", function()
    for words, action in pairs({ [{ "explain" }] = "explain", [{ "image", "build" }] = "image build",
      [{ "image", "show" }] = "image show", [{ "image", "export", "f" }] = "image export" }) do
      words[#words + 1] = "explian"
      local status, _, err = try(table.unpack(words))
      assert.equal(2, status)
      assert.equal(("wrapix: %s: explian: no such profile or .lua file\n"
        .. "hint: `wrapix profile list` lists the profiles\n"):format(action), err)
    end
  end)

  it("may stand after options, which are then the command's", function()
    local status, out = try("--json", "version")
    assert.equal(0, status)
    assert.equal('{"lua":"5.4","wrapix":"1.2.3"}\n', out)
    assert.equal("wrapix: usage: unknown option '--memory'\n"
      .. "hint: `wrapix version --help` shows how\n", select(3, try("--memory", "1g", "version")))
  end)

  it("that is an option's value is no command", function()
    local status, _, _, d = try("--name", "version", "base")
    assert.equal(0, status)
    assert.equal("version", d.planned.options.name)
    assert.equal("base", d.planned.profile.name)
  end)

  it("after -- is no command", function()
    local _, _, _, d = try("--", "version")
    assert.same({ "version" }, d.planned.options.command)
  end)

  it("of a group is needed", function()
    local status, _, err = try("profile")
    assert.equal(2, status)
    assert.equal("wrapix: usage: wrapix profile: a command is missing\n"
      .. "hint: its commands are list, show, env\n", err)
    status, _, err = try("profile", "lsit")
    assert.equal(2, status)
    assert.truthy(err:find("wrapix profile: no command 'lsit' (did you mean 'list'?)", 1, true))
  end)
end)

describe("the program's name", function()
  it("selects a command", function()
    local names = { ralph = "ralph: no command 'base'", ["/x/wrapix-notifyd"] = "notifyd: no command 'base'",
      ["wrapix-builder"] = "builder" }
    for name, word in pairs(names) do
      local d = double.new()
      assert.equal(2, cli.main_with(d, name, "base"))
      assert.truthy(table.concat(d.errors):find(word, 1, true))
      assert.same({}, d.calls)
    end
  end)
end)

describe("groups of commands", function()
  local loaded, ran
  local function leaf(name)
    return { name = name, load = function()
      loaded[#loaded + 1] = name
      return { name = name, summary = "Do " .. name .. ".", example = { { "ralph " .. name, "so" } },
        options = { { flags = { "--label" }, argname = "L", description = "A label." } },
        arguments = { { name = "id", argname = "ID", optional = true, description = "Which." } },
        run = function(args) ran = name .. ":" .. (args.id or "-") .. (args.label or "") return 7 end }
    end }
  end
  local GROUP = { name = "ralph", summary = "Work.", example = { { "ralph step", "work" } },
    commands = { leaf("step"), { name = "issue", summary = "Issues.",
      example = { { "ralph issue add", "add" } }, commands = { leaf("add"), leaf("list") } } } }
  local own

  before_each(function()
    loaded, ran, own = {}, nil, package.loaded["wrapix.cli.ralph"]
    package.loaded["wrapix.cli.ralph"] = spec.check(GROUP)
    loaded = {}
  end)
  after_each(function() package.loaded["wrapix.cli.ralph"] = own end)

  local function as(program, ...)
    local d = double.new()
    local status = cli.main_with(d, program, ...)
    return status, table.concat(d.written), table.concat(d.errors)
  end

  it("run what is named, two levels down, and load nothing else", function()
    assert.equal(7, (as("wrapix", "ralph", "issue", "add", "x", "--label", "y")))
    assert.equal("add:xy", ran)
    assert.equal(7, (as("/usr/bin/ralph", "step")))
    assert.equal("step:-", ran)
    assert.same({ "add", "step" }, loaded)
  end)

  it("take options before the command", function()
    assert.equal(7, (as("ralph", "issue", "--label", "list", "add")))
    assert.equal("add:-list", ran)
  end)

  it("have a help at each level, by the name they were started by", function()
    local _, top = as("ralph", "--help")
    assert.truthy(top:find("^Usage: ralph COMMAND\n"), top)
    assert.truthy(top:find("\n  issue +Issues.\n"), top)
    assert.equal(top, select(2, as("ralph", "help")))
    local _, sub = as("ralph", "issue", "-h")
    assert.truthy(sub:find("^Usage: ralph issue COMMAND\n"), sub)
    local _, deep = as("ralph", "issue", "add", "--help")
    assert.truthy(deep:find("^Usage: ralph issue add %[OPTIONS%] %[ID%]\n"), deep)
    assert.equal(deep, select(2, as("ralph", "help", "issue", "add")))
    assert.equal(deep, select(2, as("ralph", "issue", "help", "add")))
    _, deep = as("wrapix", "help", "ralph", "issue", "add")
    assert.truthy(deep:find("^Usage: wrapix ralph issue add "), deep)
    assert.equal(deep, select(2, as("wrapix", "ralph", "issue", "add", "-h")))
  end)

  it("name what is near at each level, with status 2", function()
    for _, case in ipairs({
      { { "stpe" }, "ralph: no command 'stpe' (did you mean 'step'?)\nhint: its commands are step, issue" },
      { { "issue", "lsit" }, "ralph issue: no command 'lsit' (did you mean 'list'?)" },
      { { "issue" }, "ralph issue: a command is missing\nhint: its commands are add, list" },
      { { "issue", "add", "--lable", "x" }, "unknown option '--lable' (did you mean '--label'?)\n"
        .. "hint: `ralph issue add --help` shows how" },
      { { "help", "issue", "ad" }, "help: ralph issue ad: no such command (did you mean 'add'?)" },
      { { "step", "a", "b" }, "unexpected 'b'" },
    }) do
      local status, _, err = as("ralph", table.unpack(case[1]))
      assert.equal(2, status)
      assert.truthy(err:find(case[2], 1, true), err)
    end
    assert.is_nil(ran)
  end)

  it("are listed by `wrapix help` without being loaded", function()
    local _, out = as("wrapix", "help")
    assert.truthy(out:find("\n  ralph +Work.\n"), out)
    assert.same({}, loaded)
  end)

  it("with an entry of another name are a mistake", function()
    local wrong = { name = "g", summary = "G.", example = {}, commands = {
      { name = "a", load = function()
        return { name = "b", summary = "B.", example = {}, run = function() return 0 end }
      end },
    } }
    assert.error_matches(function() spec.check(wrong) end, "g: an entry's name differs", 1, true)
  end)
end)

describe("wrong usage", function()
  it("ends with 2 and says where to read on", function()
    local status, out, err = try("--memroy", "4g")
    assert.equal(2, status)
    assert.equal("", out)
    assert.equal("wrapix: usage: unknown option '--memroy' (did you mean '--memory'?)\n"
      .. "hint: `wrapix --help` shows how\n", err)
  end)

  it("escapes the words it repeats", function()
    local _, _, err = try("--x\27[2J")
    assert.equal("wrapix: usage: unknown option '--x\\x1B[2J'\n"
      .. "hint: `wrapix --help` shows how\n", err)
  end)
end)

describe("output", function()
  it("that cannot be written is a failure", function()
    local d = double.new({ flush = function() return nil, "No space left on device" end })
    local status, _, err = double.run(d, "version")
    assert.equal(1, status)
    assert.equal("wrapix: write: stdout: No space left on device\n", err)
    d = double.new({ flush = function() return nil, "Broken pipe" end })
    status, _, err = double.run(d, "version")
    assert.equal(1, status)
    assert.equal("", err)
  end)
end)
