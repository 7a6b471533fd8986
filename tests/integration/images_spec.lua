-- SPDX-License-Identifier: MIT
-- Starts whose image is not there: built or pulled once, and the start goes on;
-- or not, and nothing runs.

local worlds = require("support.world")

local function count(list, word)
  local n = 0
  for _, entry in ipairs(list) do n = n + (entry == word and 1 or 0) end
  return n
end

describe("a start without its image", function()
  local world

  before_each(function()
    world = worlds.new()
    world:add_image("localhost/base:1")
    world:write("config/wrapix/profiles/builds.lua",
      'return { name = "builds", base = "localhost/base:1", packages = { "git" } }\n')
    world:write("config/wrapix/profiles/pulls.lua",
      'return { name = "pulls", image = "docker.io/library/thing:1" }\n')
  end)
  after_each(function() world:close() end)

  it("builds it, shows none of the engine's complaint, and goes on", function()
    local result = world:run({ "builds", "--", "echo", "there" })
    assert.equal(0, result.code, result.stderr)
    assert.equal("there\n", result.stdout)
    assert.is_nil(result.stderr:find("image not known", 1, true))
    assert.truthy(result.stderr:find("building localhost/wrapix-builds:", 1, true))
    local verbs = world:verbs()
    assert.same({ 2, 1 }, { count(verbs, "run"), count(verbs, "build") })
    assert.equal("run", verbs[#verbs])
    assert.equal(0, world:run({ "builds", "--", "true" }).code)
    assert.equal(#verbs + 1, #world:verbs())
    assert.same({}, world:sessions())
  end)

  it("tells a script that keeps a sandbox what it waits for", function()
    world:write("work/job.lua", [[
      local log = setmetatable({ note = function(_, text) io.stderr:write(text, "\n") end },
        { __index = function() return function() end end })
      local box <close> = assert(assert(require("wrapix").sandbox("builds")):start({ log = log }))
    ]])
    local result = world:run({ "./job.lua" })
    assert.equal(0, result.code, result.stderr)
    assert.truthy(result.stderr:find("building localhost/wrapix-builds:", 1, true), result.stderr)
  end)

  it("runs the same words before and after the build", function()
    world:run({ "builds", "--", "true" })
    local runs = world:calls("run")
    assert.same(runs[1].argv, runs[2].argv)
  end)

  it("asks for the image that the run then names", function()
    world:run({ "builds", "--", "true" })
    local build = table.concat(world:calls("build")[1].argv, "\n")
    local tag = build:match("\n%-%-tag\n([^\n]+)")
    assert.is_true(world:has_image(tag))
    assert.truthy(table.concat(world:calls("run")[2].argv, "\n"):find("\n" .. tag .. "\n", 1, true))
  end)

  it("pulls an image that is named", function()
    world:add_remote_image("docker.io/library/thing:1")
    local result = world:run({ "pulls", "--", "echo", "there" })
    assert.equal(0, result.code, result.stderr)
    assert.equal("there\n", result.stdout)
    local verbs = world:verbs()
    assert.same({ 1, 0 }, { count(verbs, "pull"), count(verbs, "build") })
  end)

  it("ends with 125 and the reason when the registry has no such image", function()
    local result = world:run({ "pulls", "--", "echo", "there" })
    assert.equal(125, result.code)
    assert.equal("", result.stdout)
    assert.truthy(result.stderr:find("the registry has no such image", 1, true), result.stderr)
    assert.equal(1, count(world:verbs(), "run"))
    assert.same({}, world:sessions())
  end)

  it("ends with 125 and the last lines of a build that failed", function()
    world:script("build.stderr", "E: Unable to locate package nosuch\n")
    world:script("build.exit", 100)
    local result = world:run({ "builds", "--", "echo", "there" })
    assert.equal(125, result.code)
    assert.equal("", result.stdout)
    assert.truthy(result.stderr:find("package nosuch does not exist", 1, true), result.stderr)
    assert.truthy(result.stderr:find("| E: Unable to locate package nosuch", 1, true))
    assert.equal(1, count(world:verbs(), "run"))
    assert.same({}, world:sessions())
  end)

  it("shows the complaint when the image is gone again after the build", function()
    world:script("build.exit", 0) -- says that it did, and did not
    local result = world:run({ "builds", "--", "true" })
    assert.equal(125, result.code)
    assert.truthy(result.stderr:find("image not known", 1, true), result.stderr)
    assert.equal(2, count(world:verbs(), "run"))
  end)

  it("builds once for two of them", function()
    local go = world:hold("build")
    local first <close> = world:start({ "builds", "--", "echo", "one" })
    world:wait_for_call("build")
    local second <close> = world:start({ "builds", "--", "echo", "two" })
    for line in function() return second.stderr:read_line() end do
      if line:find("waiting for another build", 1, true) then break end
    end
    go()
    local one, two = world:finish(first), world:finish(second)
    assert.same({ 0, 0 }, { one.code, two.code })
    assert.same({ "one\n", "two\n" }, { one.stdout, two.stdout })
    assert.equal(1, count(world:verbs(), "build"))
  end)

  it("can be prepared, and listed after that", function()
    local built = world:run({ "image", "build", "builds" })
    assert.equal(0, built.code, built.stderr)
    local ref = built.stdout:match("^(localhost/wrapix%-builds:%x+)\n$")
    local listed = world:run({ "image", "list", "--json" })
    local images = assert(require("wrapix.json").decode(listed.stdout))
    assert.equal(1, #images)
    assert.equal(ref, images[1].ref)
    local shown = assert(require("wrapix.json").decode(
      world:run({ "image", "show", "builds", "--json" }).stdout))
    assert.equal(1000000, shown.size)
    assert.same({ shown.size, shown.own_size }, { images[1].size, images[1].own_size })
    local before = #world:verbs()
    assert.equal(0, world:run({ "builds", "--", "true" }).code)
    assert.equal(before + 1, #world:verbs())
  end)
end)

describe("images with agents", function()
  local world

  before_each(function()
    world = worlds.new()
    world:add_image("localhost/base:1")
    world.env.WRAPIX_BASE = "localhost/base:1"
    world:write("config/wrapix/agents/robot.lua", [[return {
      name = "robot", title = "Robot", stream = "text",
      install = { npm = "@test/robot", version = "1.0.0",
        files = { { from = "@test/robot/robot", to = "/opt/robot/robot" } },
        bin = { robot = "/opt/robot/robot" } },
      argv = function() return { "true" } end,
    }]])
    world:write("config/wrapix/profiles/made.lua",
      'return { name = "made", base = "localhost/base:1", packages = { "git" },'
        .. ' agents = { "robot" } }\n')
  end)
  after_each(function() world:close() end)

  local function built()
    local out = {}
    for i, call in ipairs(world:calls("build")) do
      out[i] = table.concat(call.argv, "\n"):match("\n%-%-tag\nlocalhost/wrapix%-([a-z]+):")
    end
    return table.concat(out, " ")
  end

  local function build()
    local result = world:run({ "image", "build", "made" })
    assert.equal(0, result.code, result.stderr)
    return result.stdout:match("^(localhost/wrapix%-made:%x+)\n$"), result.stderr
  end

  local function listed()
    local out = {}
    local result = world:run({ "image", "list", "--json" })
    assert.equal(0, result.code, result.stderr)
    for _, one in ipairs(assert(require("wrapix.json").decode(result.stdout))) do out[one.ref] = one end
    return out
  end

  it("are built in stages, and only the last for a new version", function()
    local first = build()
    assert.equal("stage npm made", built())
    assert.equal(0, world:run({ "made", "--", "true" }).code)
    world:write("config/wrapix/agents.json", '{"robot":"1.0.1"}\n')
    local second, notes = build()
    assert.not_equal(first, second)
    assert.equal("stage npm made made", built())
    assert.truthy(notes:find("packages   localhost/wrapix%-stage:%x+ %(was there%)"), notes)
  end)

  it("are explained with the version that is installed, and who says so", function()
    local function version()
      local text = world:run({ "explain", "made" }).stdout
      local number, origin = text:match("\n    version +(%S+) +(%S+)\n")
      return { number, origin }
    end
    local config = world.dir .. "/config/wrapix/"
    assert.same({ "1.0.0", config .. "agents/robot.lua" }, version())
    world:write("config/wrapix/agents.json", '{"robot":"1.0.1"}\n')
    assert.same({ "1.0.1", config .. "agents.json" }, version())
    world:write("config/wrapix/profiles/made.lua",
      'return { name = "made", base = "localhost/base:1",\nagents = { "robot@1.0.2" } }\n')
    assert.same({ "1.0.2", config .. "profiles/made.lua:2" }, version())
    local plan = require("wrapix.json").decode(world:run({ "explain", "--json", "made" }).stdout)
    assert.equal("1.0.2", (plan.plan or plan).agents[1].version)
  end)

  it("are pruned when no workspace and no profile needs them", function()
    local old = build()
    assert.equal(0, world:run({ "made", "--", "true" }).code)
    assert.is_true(listed()[old].current)
    world:write("config/wrapix/agents.json", '{"robot":"1.0.1"}\n')
    local new = build()
    local images = listed()
    assert.same({ false, true }, { images[old].current, images[new].current })
    local trial = world:run({ "image", "prune", "--dry-run" })
    assert.equal(0, trial.code, trial.stderr)
    assert.truthy(trial.stdout:find("would remove " .. old, 1, true), trial.stdout)
    assert.is_true(world:has_image(old))
    local pruned = world:run({ "image", "prune" })
    assert.equal(0, pruned.code, pruned.stderr)
    assert.same({ false, true }, { world:has_image(old), world:has_image(new) })
    assert.truthy(pruned.stderr:find("3 images stay", 1, true), pruned.stderr)
  end)

  it("of another workspace stay", function()
    local old = build()
    local other = world.dir .. "/other"
    assert(require("wrapix.fs").mkdir(other))
    assert.equal(0, world:run({ "made", "-C", other, "--", "true" }).code)
    world:write("config/wrapix/agents.json", '{"robot":"1.0.1"}\n')
    build()
    assert.equal(0, world:run({ "image", "prune" }).code)
    assert.is_true(world:has_image(old))
    assert(require("wrapix.fs").remove_tree(other))
    assert.equal(0, world:run({ "image", "prune" }).code)
    assert.is_false(world:has_image(old))
  end)

  it("that a container uses stay", function()
    local old = build()
    world:write("config/wrapix/agents.json", '{"robot":"1.0.1"}\n')
    build()
    world:script("ps.stdout", ('[{"ImageID":"%s"}]\n'):format(listed()[old].id))
    assert.is_true(listed()[old].in_use)
    assert.equal(0, world:run({ "image", "prune" }).code)
    assert.is_true(world:has_image(old))
  end)

  it("are shown with their stages", function()
    local ref = build()
    local shown = world:run({ "image", "show", "made", "--json" })
    assert.equal(0, shown.code, shown.stderr)
    local data = assert(require("wrapix.json").decode(shown.stdout))
    assert.equal(ref, data.ref)
    assert.same({ { name = "robot", version = "1.0.0" } }, data.agents)
    local kinds = {}
    for i, stage in ipairs(data.stages) do kinds[i] = stage.kind end
    assert.same({ "base", "packages", "agents" }, kinds)
    assert.equal(125, world:run({ "image", "show", "localhost/wrapix-no:0" }).code)
  end)

  it("whose name was left by something else are built anew", function()
    local ref = build()
    world:add_image(ref)
    build()
    assert.equal("stage npm made made", built())
  end)

  it("name the agent that npm would not give, and keep what is below", function()
    local old = build()
    world:write("config/wrapix/agents.json", '{"robot":"9.9.9"}\n')
    world:script("build.stderr", "wrapix: agent robot 9.9.9\nnpm ERR! code ETARGET\n")
    world:script("build.exit", 1)
    local result = world:run({ "image", "build", "made" })
    assert.equal(125, result.code)
    assert.truthy(result.stderr:find("agent robot 9.9.9: npm has no such version", 1, true),
      result.stderr)
    local below = result.stderr:match("(localhost/wrapix%-stage:%x+) is kept")
    assert.is_true(world:has_image(below))
    assert.is_true(world:has_image(old))
  end)

  describe("that commands of their own install", function()
    before_each(function()
      world:write("config/wrapix/agents/robot.lua", [[return {
        name = "robot", title = "Robot", stream = "text",
        install = { version = "1.0.0", packages = { "pipx" },
          commands = { { "pipx", "install", "it's==@VERSION@" } } },
        argv = function() return { "true" } end,
      }]])
    end)

    it("need no npm, and are built anew for a version that is named", function()
      local first = build()
      assert.equal("stage stage made", built())
      local label = table.concat(world:calls("build")[3].argv, "\n")
      assert.truthy(label:find("\nwrapix.agents=robot@1.0.0\n", 1, true), label)
      assert.is_nil(label:find("wrapix.npm", 1, true))
      local moved = world:run({ "image", "update-agents", "robot@1.0.1" })
      assert.same({ 0, "robot 1.0.0 → 1.0.1\n" }, { moved.code, moved.stdout })
      assert.not_equal(first, (build()))
      assert.equal("stage stage made made", built())
      local again = world:run({ "image", "update-agents", "robot@1.0.1" })
      assert.equal("robot 1.0.1, as before\n", again.stdout)
    end)

    it("are told to be moved by hand", function()
      local result = world:run({ "image", "update-agents", "robot" })
      assert.equal(0, result.code, result.stderr)
      assert.equal("robot 1.0.0, moved by hand: wrapix image update-agents robot@VERSION\n",
        result.stdout)
      assert.same({}, world:calls("build"))
    end)

    it("name the command that failed", function()
      build()
      world:write("config/wrapix/agents.json", '{"robot":"9.9.9"}\n')
      world:script("build.stderr", "wrapix: agent robot 9.9.9: pipx\nno such thing\n")
      world:script("build.exit", 1)
      local result = world:run({ "image", "build", "made" })
      assert.equal(125, result.code)
      assert.truthy(result.stderr:find("agent robot 9.9.9: pipx failed", 1, true), result.stderr)
    end)
  end)

  it("have commands whose mistyped names are named", function()
    local result = world:run({ "image", "prun" })
    assert.equal(2, result.code)
    assert.truthy(result.stderr:find("prune", 1, true), result.stderr)
  end)
end)
