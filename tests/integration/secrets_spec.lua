-- SPDX-License-Identifier: MIT
-- Values of secrets are in the engine's environment and nowhere else that
-- wrapix could have put them.

local fs = require("wrapix.fs")
local worlds = require("support.world")

local PROFILE_SECRET, OPTION_SECRET = "pr0file-s3cret-value", "0ption-s3cret-value"

describe("secrets", function()
  local world

  before_each(function()
    world = worlds.new()
    world.env.PROFILE_TOKEN, world.env.OPTION_TOKEN = PROFILE_SECRET, OPTION_SECRET
    world.env.UNRELATED = "unrelated-value"
    world:write("config/wrapix/profiles/secretive.lua", ([[
      return { name = "secretive", image = %q, secrets = { "PROFILE_TOKEN", "ABSENT_TOKEN" } }
    ]]):format(worlds.image))
  end)
  after_each(function() world:close() end)

  local function assert_silent(text, where)
    for _, value in ipairs({ PROFILE_SECRET, OPTION_SECRET }) do
      assert.is_nil(text:find(value, 1, true), where .. " tells a secret")
    end
  end

  it("reach the command", function()
    local result = world:run({ "-e", "OPTION_TOKEN", "secretive", "--", "sh", "-c",
      'echo "$PROFILE_TOKEN $OPTION_TOKEN ${ABSENT_TOKEN-unset} ${UNRELATED-unset}"' })
    assert.equal(("%s %s unset unset\n"):format(PROFILE_SECRET, OPTION_SECRET), result.stdout)
    local env = world:calls("run")[1].env
    assert.equal(PROFILE_SECRET, env.PROFILE_TOKEN)
    assert.equal(OPTION_SECRET, env.OPTION_TOKEN)
  end)

  it("are in no command line and no file while it runs", function()
    local running <close> = world:start({ "-v", "-e", "OPTION_TOKEN", "secretive", "--", "sh", "-c",
      "echo up; cat" })
    assert.equal("up", running.stdout:read_line())
    local engine = world:calls("run")[1]
    for _, pid in ipairs({ running:pid(), engine.pid }) do
      assert_silent(assert(fs.read(("/proc/%d/cmdline"):format(pid))), "a command line")
    end
    assert_silent(table.concat(engine.argv, " "), "the engine's argv")
    for _, part in ipairs({ "run", "cache", "state", "data", "home" }) do
      for path, text in pairs(world:files(part)) do assert_silent(text, path) end
    end
    assert.equal(1, #world:sessions())
    assert_silent(world:finish(running).stderr, "-v")
  end)

  for _, words in ipairs({
    { "--dry-run" }, { "--dry-run", "--json" }, { "--dry-run", "-v" }, { "explain" },
    { "explain", "--json" }, { "explain", "-v" },
  }) do
    local name = table.concat(words, " ")
    it("are not shown by " .. name, function()
      local all = table.move(words, 1, #words, 1, {})
      table.move({ "-e", "OPTION_TOKEN", "secretive" }, 1, 3, #all + 1, all)
      local result = world:run(all)
      assert.equal(0, result.code, result.stderr)
      assert.truthy(result.stdout:find("OPTION_TOKEN", 1, true))
      assert.truthy(result.stdout:find("PROFILE_TOKEN", 1, true))
      assert_silent(result.stdout .. result.stderr, name)
      assert.is_nil(result.stdout:find("unrelated-value", 1, true))
    end)
  end

  it("that are not set are not passed, and one asked for by name is warned about", function()
    local result = world:run({ "-e", "MISSING_TOKEN", "secretive", "--", "true" })
    assert.equal(0, result.code)
    assert.truthy(result.stderr:find("MISSING_TOKEN", 1, true))
    local argv = table.concat(world:calls("run")[1].argv, "\n")
    assert.is_nil(argv:find("MISSING_TOKEN", 1, true))
    assert.is_nil(argv:find("ABSENT_TOKEN", 1, true))
  end)

  it("are not shown by doctor", function()
    for _, words in ipairs({ { "doctor" }, { "doctor", "--json" } }) do
      local result = world:run(words)
      assert_silent(result.stdout .. result.stderr, "doctor")
    end
  end)

  it("are not shown by a usage error that quotes its words", function()
    local result = world:run({ "-e", "1BAD=" .. OPTION_SECRET, "secretive" })
    assert.equal(2, result.code)
    assert_silent(result.stderr, "a usage error")
  end)
end)
