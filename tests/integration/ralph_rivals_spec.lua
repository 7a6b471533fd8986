-- SPDX-License-Identifier: MIT
-- Two loops and four steps at once: no issue is taken twice. The crash suite does the same
-- two hundred times.

local rivals = require("support.ralph_rivals")
local worlds = require("support.world")

describe("many ralphs at once", function()
  local world
  before_each(function() world = worlds.new() end)
  after_each(function() world:close() end)

  local function compete(kind, runs)
    world:write("config/wrapix/profiles/rival.lua", rivals.PROFILE)
    world:write("toy/begin", "")
    rivals.run({ wrapix = worlds.wrapix, dir = world.dir .. "/toy", env = world.env }, kind, runs)
  end

  it("take each issue once in one work tree", function() compete("together", 3) end)
  it("claim each issue once without a lock between them", function() compete("claims", 5) end)
  it("do not meet in two clones", function() compete("clones", 2) end)
end)
