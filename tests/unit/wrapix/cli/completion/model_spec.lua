-- SPDX-License-Identifier: MIT
-- What completion has to know of the commands, and how it is written for the shells.

local cli = require("wrapix.cli")
local model = require("wrapix.cli.completion.model")
local script = require("wrapix.cli.completion.script")

local function command(fields)
  fields.name, fields.summary, fields.example = fields.name or "x", fields.summary or "Do x.", {}
  return fields
end

local function by_path(nodes)
  local map = {}
  for _, node in ipairs(nodes) do map[node.path] = node end
  return map
end

describe("the model of the commands", function()
  local nodes = by_path(model.nodes(cli.commands()))

  it("has each command at every level", function()
    assert.equal("profile", nodes[""].arguments[1])
    assert.is_true(nodes[""].rest)
    assert.equal("init", nodes[""].commands[1].word)
    assert.same({ "issue", "issue" }, nodes["ralph issue dep add"].arguments)
    assert.is_true(nodes["stop"].many)
    assert.is_false(nodes["exec"].many)
    assert.equal("sandbox", nodes["exec"].arguments[1])
  end)

  it("has the options of the command that a group means", function()
    local words = {}
    for _, flag in ipairs(nodes["notifyd"].flags) do words[flag.word] = true end
    assert.is_true(words["--quiet"] and words["--help"])
    assert.equal("run", nodes["notifyd"].commands[1].word)
  end)

  it("knows what each option takes", function()
    local offers = {}
    for _, flag in ipairs(nodes[""].flags) do offers[flag.word] = flag.offers end
    assert.equal("directory", offers["-C"])
    assert.equal("=open none", offers["--network"])
    assert.equal("", offers["--memory"])
    assert.is_nil(offers["--keep"])
    assert.truthy(offers["--agent"]:find("^=claude "))
  end)

  it("takes no kind or word that no shell would know", function()
    for _, offers in ipairs({ "people", { "two words" }, { "$(x)" } }) do
      assert.has_error(function()
        model.nodes({ command({ arguments = { { name = "a", argname = "A", offers = offers } } }) })
      end)
    end
  end)
end)

describe("a script", function()
  local tricky = command({ name = "run", commands = { command({
    name = "sub", summary = "It's `$(touch x)` \\ 100%1.", run = print }) } })

  it("has every text in quotes", function()
    local programs = { ralph = "ralph" }
    assert.truthy(script.make("zsh", { tricky }, programs)
      :find([[('sub:It'\''s `$(touch x)` \ 100%1')]], 1, true))
    assert.truthy(script.make("fish", { tricky }, programs)
      :find([['sub'\t'It\'s `$(touch x)` \\ 100%1']], 1, true))
    assert.truthy(script.make("bash", { tricky }, programs):find("subs=('sub')", 1, true))
  end)

  it("has nothing left to fill in", function()
    for _, name in ipairs({ "bash", "zsh", "fish" }) do
      local text = script.make(name, cli.commands(), { ralph = "ralph" })
      assert.is_nil(text:find("@%u+@"))
      assert.truthy(text:find("wrapix ralph\n", 1, true))
    end
  end)
end)
