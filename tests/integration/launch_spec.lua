-- SPDX-License-Identifier: MIT
-- The whole program against the double of podman: what it starts and how often,
-- which status it ends with, and what it leaves behind.

local fs = require("wrapix.fs")
local worlds = require("support.world")

describe("a start", function()
  local world

  before_each(function() world = worlds.new() end)
  after_each(function() world:close() end)

  it("asks the engine once what it is, and then only starts it", function()
    assert.equal(0, world:run({ "test", "--", "true" }).code)
    assert.same({ "info", "run" }, world:verbs())
    assert.equal(0, world:run({ "test", "--", "true" }).code)
    assert.same({ "info", "run", "run" }, world:verbs())
  end)

  it("runs what --dry-run prints", function()
    local words = { "test", "--memory", "1g", "-e", "A=b c", "--", "sh", "-c", "echo 'a  b'; exit 3" }
    local dry = table.move(words, 1, #words, 2, { "--dry-run" })
    local printed = world:run(dry)
    assert.equal(0, printed.code, printed.stderr)
    assert.same({ "info" }, world:verbs())
    assert.equal(3, world:run(words).code)
    -- A shell takes the words apart again.
    local split = world:run({ "-c", 'eval "set -- $0"; printf "%s\\0" "$@"', printed.stdout },
      { program = "sh" })
    local argv = {}
    for word in split.stdout:gmatch("([^\0]*)\0") do argv[#argv + 1] = word end
    local ran = world:calls("run")[1].argv
    -- Another start is another session, by another process.
    local function same_session(list)
      local text = table.concat(list, "\0")
      text = text:gsub("(wrapix%-work%-)%x+", "%1S"):gsub("(SESSION_ID=)%x+", "%1S")
      return text:gsub("(wrapix.session=)%x+", "%1S"):gsub("(/sessions/)%x+", "%1S")
        :gsub("(wrapix.owner=[^\0]*:)%d+:%d+", "%1P")
    end
    assert.equal(same_session(argv), same_session(ran))
  end)

  for _, code in ipairs({ 0, 1, 42, 126, 127, 137, 143, 255 }) do
    it("passes status " .. code .. " on", function()
      local result = world:run({ "test", "--", "sh", "-c", "exit " .. code })
      assert.equal(code, result.code)
      assert.same({ "info", "run" }, world:verbs())
    end)
  end

  it("passes status 125 of the engine on, with its words", function()
    world:script("run.stderr", "Error: the storage is on fire\n")
    world:script("run.exit", 125)
    local result = world:run({ "-q", "test", "--", "true" })
    assert.equal(125, result.code)
    assert.equal("Error: the storage is on fire\n", result.stderr)
    assert.same({}, world:sessions())
  end)

  it("reports a command that ends by a signal as a shell does", function()
    assert.equal(128 + 15, world:run({ "test", "--", "sh", "-c", "kill -TERM $$" }).code)
  end)

  it("removes the container of an engine that was killed", function()
    world:script("run.die", 9)
    local result = world:run({ "test", "--", "sleep", "1000" })
    assert.equal(137, result.code)
    local verbs = world:verbs()
    assert.same({ "info", "run", "rm" }, { verbs[1], verbs[2], verbs[#verbs] })
    local run, rm = world:calls("run")[1], world:calls("rm")[1]
    assert.truthy(table.concat(rm.argv, " "):find("--force", 1, true))
    assert.equal(rm.argv[#rm.argv], table.concat(run.argv, "\n"):match("\n%-%-name\n([^\n]*)"))
    assert.same({}, world:containers())
    assert.same({}, world:sessions())
  end)

  it("leaves a container of the same name alone", function()
    local other <close> = world:start({ "--name", "mine", "test", "--", "sh", "-c", "echo up; cat" })
    assert.equal("up", other.stdout:read_line())
    local result = world:run({ "--name", "mine", "test", "--", "true" })
    assert.equal(125, result.code)
    assert.truthy(result.stderr:find("a container of this name is there already", 1, true))
    assert.same({ "mine" }, world:containers())
    assert.equal(0, world:finish(other).code)
    assert.same({ "info", "run", "run" }, world:verbs())
  end)

  it("keeps the session directory while it runs, and only then", function()
    local running <close> = world:start({ "test", "--", "sh", "-c", "echo up; cat" })
    assert.equal("up", running.stdout:read_line())
    local names = world:sessions()
    assert.equal(1, #names)
    assert.truthy(fs.stat(("%s/run/wrapix/sessions/%s/run/context.json"):format(world.dir, names[1])))
    assert.equal(0, world:finish(running).code)
    assert.same({}, world:sessions())
  end)

  it("leaves nothing when the engine cannot be started", function()
    local broken = world:write("broken", "#!/nonexistent\n")
    assert(fs.chmod(broken, 493))
    assert.equal(0, world:run({ "test", "--", "true" }).code)
    world.env.WRAPIX_PODMAN = broken
    local result = world:run({ "test", "--", "true" })
    assert.equal(125, result.code)
    assert.same({}, world:sessions())
  end)

  it("takes an engine of version 4.3.1 as well", function()
    world.env.FAKE_PODMAN_VERSION = "4.3.1"
    local result = world:run({ "test", "-d", "--", "sleep", "1000" })
    assert.equal(0, result.code, result.stderr)
    assert.equal(0, world:run({ "test", "--", "true" }).code)
  end)

  it("prints the name of a detached sandbox and leaves it running", function()
    local result = world:run({ "--name", "aside", "-d", "test", "--", "sleep", "1000" })
    assert.equal(0, result.code)
    assert.equal("aside\n", result.stdout)
    assert.same({ "aside" }, world:containers())
    assert.equal(1, #world:sessions())
    assert.same({ "info", "run" }, world:verbs())
  end)

  it("prints no name when a detached sandbox could not be started", function()
    world:script("run.exit", 125)
    local result = world:run({ "-d", "test", "--", "sleep", "1000" })
    assert.equal(125, result.code)
    assert.equal("", result.stdout)
    assert.same({}, world:sessions())
  end)

  it("keeps a container only when told to", function()
    assert.equal(7, world:run({ "--keep", "--name", "kept", "test", "--", "sh", "-c", "exit 7" }).code)
    assert.same({ "kept" }, world:containers())
    assert.same({ "info", "run" }, world:verbs())
  end)
end)
