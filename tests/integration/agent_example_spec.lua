-- SPDX-License-Identifier: MIT
-- examples/agents: each is put where users put theirs, and run by the program.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local worlds = require("support.world")

local EXAMPLES = WRAPIX_ROOT .. "/examples/agents/"

describe("examples/agents", function()
  local world

  before_each(function() world = worlds.new() end)
  after_each(function()
    local sessions = world:sessions()
    world:close()
    assert.same({}, sessions)
  end)

  it("are all tried here", function()
    assert.same({ "lines.lua" }, assert(fs.list(EXAMPLES)))
  end)

  it("lines: planned, run by a script and at a pipe", function()
    world:write("config/wrapix/agents/lines.lua", assert(fs.read(EXAMPLES .. "lines.lua")))
    world:write("config/wrapix/profiles/own.lua", ([[return { name = "own", image = %q,
      agents = { "lines" }, agent = "lines", settings = { lines = { colour = "red" } },
      hooks = { agent = { Stop = "make check" } } }]]):format(worlds.image))

    local result = world:run({ "--dry-run", "--json", "own" })
    assert.equal(0, result.code, result.stderr)
    local plan = assert(json.decode(result.stdout))
    assert.equal("lines", plan.agents[1].name)
    assert.equal("hooks.agent.Stop", plan.agents[1].unused[1].what)

    assert.equal("2\n", world:run({ "own" }, { input = "a\nb\n" }).stdout)

    world:write("work/job.lua", [[
      local wrapix = require("wrapix")
      local box <close> = assert(wrapix.sandbox("own"))
      local result = assert(wrapix.agent.run(box, { prompt = "a\nb\nc\n" }))
      assert(result.ok and result.text == "3 lines", result.text)
      assert(result.session == "s1" and result.usage.input == 3 and result.usage.output == 1)
      result = assert(wrapix.agent.run(box, { prompt = ("x\n"):rep(101) }))
      assert(result.kind == "too_long" and result.code == 1, result.kind)
    ]])
    result = world:run({ "./job.lua" })
    assert.equal(0, result.code, result.stderr)
  end)
end)
