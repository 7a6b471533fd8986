-- SPDX-License-Identifier: MIT
local fake = require("support.fake_builder")
local image = require("wrapix.image")
local newest = require("wrapix.image.newest")

local AGENTS = {
  claude = { install = { npm = "@a/claude", version = "1.0.0", bin = { claude = "cli.js" } } },
  pi = { install = { npm = "pi", version = "2.0.0", bin = { pi = "pi/cli.js" } } },
}

local function recipe()
  return assert(image.recipe({ name = "npm", agents = { "claude", "pi" } }, {}, { agents = {
    get = function(name) return AGENTS[name] end, version = function() end,
  } }))
end

local function ask(answer)
  local world = fake.new(fake.engine(function(argv)
    if argv[2] == "run" then return answer end
  end))
  world.images["docker.io/library/debian:trixie-slim"] = true
  return world, newest.versions(recipe(), world.facts, { deps = world.deps, report = world.report })
end

local function run_of(world)
  for _, call in ipairs(world.calls) do
    if call:find("^/bin/podman run ") then return call end
  end
end

describe("the newest versions of agents", function()
  it("are asked of npm, in a container that may do nothing else", function()
    local world, versions = ask({ stdout = "wrapix: @a/claude 1.2.0\nnoise\nwrapix: pi 2.0.0\n" })
    assert.same({ claude = "1.2.0", pi = "2.0.0" }, versions)
    local call = run_of(world)
    for _, word in ipairs({ "--rm", "--pull=never", "--cap-drop=all", "--read-only",
      "--security-opt=no-new-privileges", " sh @a/claude pi" }) do
      assert.truthy(call:find(word, 1, true), word)
    end
  end)

  it("are refused when npm names none, or something else than a version", function()
    for _, text in ipairs({ "wrapix: @a/claude 1.2.0\n", "wrapix: @a/claude $(id)\nwrapix: pi 1.0\n",
      "wrapix: @a/claude " .. ("1"):rep(100) .. "\nwrapix: pi 1.0.0\n" }) do
      local _, versions, message, code = ask({ stdout = text })
      assert.is_nil(versions)
      assert.truthy(message:find("npm named no version of it", 1, true))
      assert.equal("EIMAGE", code)
    end
  end)

  it("are asked for packages alone, not for options", function()
    local world = fake.new(fake.engine())
    local asked = recipe()
    asked.stages[#asked.stages].agents[1].npm = "--globalconfig=x"
    local versions, message, code = newest.versions(asked, world.facts,
      { deps = world.deps, report = world.report })
    assert.is_nil(versions)
    assert.equal("image: agent claude: names no package of npm", message)
    assert.equal("EIMAGE", code)
    assert.is_nil(run_of(world))
  end)

  it("cannot be had without a network, which is said", function()
    local _, versions, message, code, hint = ask({ code = 1, stderr = "npm ERR! code EAI_AGAIN\n" })
    assert.is_nil(versions)
    assert.equal("update-agents: npm: npm's registry does not answer", message)
    assert.equal("ENETUNREACH", code)
    assert.truthy(hint)
    _, versions, message = ask({ code = 1, stderr = "what is this\n" })
    assert.is_nil(versions)
    assert.equal("update-agents: npm: what is this", message)
  end)
end)
