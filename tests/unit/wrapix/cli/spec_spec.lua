-- SPDX-License-Identifier: MIT
-- Tables of commands: their parsing, their help, and mistakes in them.

local spec = require("wrapix.cli.spec")

local function noop() return 0 end

local COMMAND = spec.check({
  name = "try",
  summary = "Try it.",
  options = {
    { flags = { "-C", "--workspace" }, argname = "DIR", description = "Where." },
    { flags = { "-e", "--env" }, argname = "NAME[=VALUE]", count = "*",
      description = "Variable." },
    { flags = { "--memory" }, argname = "SIZE", description = "Memory.",
      check = function(text) return tonumber(text), "is no number", nil, "write digits" end },
    { flags = { "--token" }, argname = "T", description = "Token.",
      check = function() return nil, "is wrong" end, shown = function() return "…" end },
    { flags = { "--network" }, argname = "open|none", choices = { "open", "none" },
      description = "Network." },
    { flags = { "-q", "--quiet" }, description = "Say less." },
    { flags = { "--dry-run" }, description = "Only say it." },
  },
  arguments = {
    { name = "profile", argname = "PROFILE", optional = true, description = "Which." },
  },
  rest = { argname = "COMMAND [ARG...]", description = "What." },
  extra_hint = "it stands after --",
  example = { { "wrapix try -- ls", "list" } },
  run = noop,
})

local function parse(...) return spec.parse(COMMAND, "wrapix try", { ... }) end

describe("spec.parse", function()
  it("reads no words", function()
    assert.same({ env = {} }, parse())
  end)

  for _, case in ipairs({
    { "an option joined by =", { "--workspace=/x y" }, { workspace = "/x y" } },
    { "an option apart", { "--workspace", "/x" }, { workspace = "/x" } },
    { "a short option joined", { "-C/x" }, { workspace = "/x" } },
    { "a short option apart", { "-C", "/x" }, { workspace = "/x" } },
    { "a short option whose value starts with =", { "-C=x" }, { workspace = "=x" } },
    { "an empty value", { "--workspace=" }, { workspace = "" } },
    { "a value that looks like an option", { "--workspace=-x" }, { workspace = "-x" } },
    { "a lone dash as a value", { "--workspace", "-" }, { workspace = "-" } },
    { "the last of two", { "--memory=1", "--memory=2" }, { memory = "2" } },
    { "a list", { "-e", "A=1", "--env=B", "-eC=x=y" }, { env = { "A=1", "B", "C=x=y" } } },
    { "a bundle", { "-qC", "/x" }, { quiet = true, workspace = "/x" } },
    { "a flag twice", { "-q", "-q" }, { quiet = true } },
    { "a dash in a name", { "--dry-run" }, { dry_run = true } },
    { "options around the argument", { "-q", "base", "--dry-run" },
      { quiet = true, dry_run = true, profile = "base" } },
    { "words after --", { "base", "--", "-q", "--", "--help" },
      { profile = "base", rest = { "-q", "--", "--help" } } },
    { "nothing after --", { "--" }, { rest = {} } },
    { "the empty word", { "" }, { profile = "" } },
    { "a lone dash", { "-" }, { profile = "-" } },
    { "bytes that are no text", { "--workspace=\xff\n" }, { workspace = "\xff\n" } },
  }) do
    it("reads " .. case[1], function()
      local expected = case[3]
      expected.env = expected.env or {}
      local values, message = spec.parse(COMMAND, "wrapix try", case[2])
      assert.is_nil(message)
      assert.same(expected, values)
    end)
  end

  for _, case in ipairs({
    { "a mistyped option", { "--memroy", "1" },
      "unknown option '--memroy' (did you mean '--memory'?)" },
    { "a mistyped option with a value", { "--memroy=1" },
      "unknown option '--memroy' (did you mean '--memory'?)" },
    { "a far option", { "--xyzzy" }, "unknown option '--xyzzy'" },
    { "an unknown letter in a bundle", { "-qz" }, "unknown option '-z'" },
    { "a missing value", { "--memory" }, "option '--memory' requires an argument" },
    { "-- for a value", { "-e", "--", "x" }, "option '-e' requires an argument" },
    { "a value for a flag", { "--quiet=1" }, "option '--quiet' does not take arguments" },
    { "a word too many", { "base", "make", "test" }, "unexpected 'make'", "it stands after --" },
    { "a bad value", { "--memory", "lots" }, "option '--memory': 'lots' is no number",
      "write digits" },
    { "a value outside its choices", { "--network", "opne" },
      "option '--network': 'opne' is not one of open, none (did you mean 'open'?)" },
    { "a value that may not be shown", { "--token", "hunter2" },
      "option '--token': '…' is wrong" },
    { "a percent sign", { "--%s" }, "unknown option '--%s'" },
  }) do
    it("refuses " .. case[1], function()
      local values, message, hint = spec.parse(COMMAND, "wrapix try", case[2])
      assert.is_nil(values)
      assert.equal(case[3], message)
      assert.equal(case[4], hint)
    end)
  end

  it("names a missing argument by what the help calls it", function()
    local command = spec.check({ name = "show", summary = "s", example = {}, run = noop,
      arguments = { { name = "profile", argname = "NAME|PATH", description = "d" } } })
    assert.equal("NAME|PATH is missing", select(2, spec.parse(command, "show", {})))
    assert.same({ help = true }, spec.parse(command, "show", { "-h" }))
    -- Without words of its own after --, the argument may look like an option.
    assert.same({ profile = "-x" }, spec.parse(command, "show", { "--", "-x" }))
  end)

  it("stops at --help, whatever follows", function()
    assert.same({ help = true }, parse("-qh", "--nonsense"))
    assert.same({ help = true }, parse("--help", "--", "x"))
  end)

  it("leaves help after -- to the command", function()
    assert.same({ env = {}, rest = { "--help" } }, parse("--", "--help"))
  end)

  it("never ends the program", function()
    local exit = stub(os, "exit")
    finally(function() exit:revert() end)
    for _, words in ipairs({ { "--help" }, { "--nonsense" }, { "a", "b" } }) do
      spec.parse(COMMAND, "wrapix try", words)
    end
    assert.stub(exit).was_not_called()
  end)
end)

describe("spec.help", function()
  it("is this", function()
    assert.equal([==[
Usage: wrapix try [OPTIONS] [PROFILE] [-- COMMAND [ARG...]]

Try it.

Arguments:
  PROFILE                     Which.

After --:
  COMMAND [ARG...]            What.

Options:
  -h, --help                  Show this help.
  -C, --workspace DIR         Where.
  -e, --env NAME[=VALUE]      Variable.
      --memory SIZE           Memory.
      --token T               Token.
      --network open|none     Network.
  -q, --quiet                 Say less.
      --dry-run               Only say it.

Example:
  wrapix try -- ls
      list
]==], spec.help(COMMAND, "wrapix try"))
  end)

  it("lists the commands of a group", function()
    local group = spec.check({
      name = "image", summary = "Images.", example = { { "wrapix image list", "list" } },
      commands = { { name = "list", summary = "List them.", example = {}, run = noop } },
    })
    local text = spec.help(group, "wrapix image")
    assert.truthy(text:find("^Usage: wrapix image COMMAND\n"))
    assert.truthy(text:find("\n  list +List them%.\n"))
  end)
end)

describe("spec.check", function()
  local function broken(change)
    local command = { name = "x", summary = "s", example = {}, run = noop }
    for key, value in pairs(change) do command[key] = value end
    return function() spec.check(command) end
  end

  it("refuses unknown fields", function()
    assert.error_matches(broken({ descripton = "d" }), "x: field 'descripton' is unknown")
    assert.error_matches(broken({ options = { { flag = "-x" } } }), "x: field 'flag' is unknown")
    assert.error_matches(broken({ summary = 1 }), "x: field 'summary' is unknown or no string")
  end)

  it("wants either commands or a function", function()
    assert.error_matches(broken({ commands = {} }), "either commands or run")
  end)

  it("wants name, summary and example", function()
    assert.error_matches(function() spec.check({ name = "x", summary = "s", run = noop }) end,
      "field 'example' is missing")
  end)
end)

describe("spec.takes_value", function()
  it("tells options from flags, in groups as well", function()
    local group = { commands = { COMMAND } }
    local found = spec.takes_value(group, {})
    assert.is_true(found["-C"])
    assert.is_true(found["--env"])
    assert.is_false(found["--quiet"])
    assert.is_nil(found["--nonsense"])
  end)
end)
