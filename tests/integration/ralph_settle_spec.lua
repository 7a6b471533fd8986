-- SPDX-License-Identifier: MIT
-- A step that is killed between any two of its effects: the next start loses no issue and
-- no work, and closes nothing that is not done.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local worlds = require("support.ralph_world")

-- Does one issue and is killed at a moment, "EFFECT before" or "EFFECT after".
local SCRIPT = [[
local ralph, wrapix = require("ralph"), require("wrapix")
local id, moment = ...
local function die()
  wrapix.proc.run({ "kill", "-KILL", tostring(wrapix.sys.pid()) })
  wrapix.task.sleep(10)
end
local effects = {}
for _, name in ipairs({ "verify", "claim", "begin", "agent", "commit", "finish", "close" }) do
  effects[name] = function(_, _, built_in)
    if moment == name .. " before" then die() end
    local out = table.pack(built_in())
    if moment == name .. " after" then die() end
    return table.unpack(out, 1, out.n)
  end
end
local result = assert(ralph.step({ id = id, effects = effects }))
return result.exit
]]

describe("a step that is killed", function()
  local world
  before_each(function() world = worlds.new('verify = { "true" }') end)
  -- Reaping asks the engine what the double does not know; tests/crash sees to that.
  after_each(function() world:close() end)

  it("loses nothing, whenever that was", function()
    local script = world:write("toy/step.lua", SCRIPT)
    local moments = { "claim before", "claim after", "begin after", "agent after", "commit before",
      "commit after", "finish after", "close after" }
    local ids = {}
    for i, moment in ipairs(moments) do ids[i] = world:add("Issue " .. moment) end
    world:play([[write "file$n" work; complete]])
    for i, moment in ipairs(moments) do
      local killed = world:run({ script, ids[i], moment })
      assert.equal(9, killed.signal, moment .. killed.stderr)
    end
    assert.equal("closed", world:status(ids[#ids]))
    local result = world:ralph("loop")
    assert.equal(0, result.code, result.stdout .. result.stderr)
    local files = 0
    for i, id in ipairs(ids) do
      assert.equal("closed", world:status(id), moments[i])
      assert.is_nil((world:issue(id).metadata or {}).wrapix and world:issue(id).metadata.wrapix.owner)
    end
    for _, name in ipairs(fs.list(world.workspace)) do
      if name:find("^file") then files = files + 1 end
    end
    assert.equal(world:runs(), files)
    assert.equal("", world:git("status", "--porcelain", "--", ".", ":(exclude).wrapix"))
  end)

  it("is settled once, told to the issue, and given to a person when it goes on", function()
    local script = world:write("toy/step.lua", SCRIPT)
    local id = world:add("Deadly")
    world:play([[write "file$n" work; complete]])
    for _ = 1, 3 do world:run({ script, id, "agent after" }) end
    local other = world:add("Other")
    local result = world:ralph("step")
    assert.equal(0, result.code, result.stdout .. result.stderr)
    assert.same({ "waiting", "closed" }, { world:status(id), world:status(other) })
    assert.matches("died 3 times in a row", world:issue(id).metadata.wrapix.parked)
    local _, comments = json.encode(world:issue(id).comments):gsub("process that worked on this died", "")
    assert.equal(3, comments)
    assert.is_true(#world:rescued() >= 1)
  end)
end)
