-- SPDX-License-Identifier: MIT
local image = require("wrapix.image")
local npm = require("wrapix.image.npm")
local npm_check = require("wrapix.image.npm_check")
local registry = require("wrapix.agent.registry")

local GLIBC = { libc = "glibc", system = "Debian" }
local MUSL = { libc = "musl", system = "Alpine" }
local TO = "/opt/wrapix/claude/claude"

local function native(fields)
  local agent = {
    name = "claude", npm = "@a/claude", version = "1.2.3", bin = { claude = TO },
    files = {
      { from = "@a/claude-linux-x64/claude", to = TO, mode = 493 },
      { from = "@a/claude-linux-arm64/claude", to = TO },
      { from = "@a/claude-linux-x64-musl/claude", to = TO },
    },
  }
  for key, value in pairs(fields or {}) do agent[key] = value end
  return agent
end

local function tree() -- one written in JavaScript
  return { name = "pi", npm = "@m/pi", version = "0.7.1", bin = { pi = "@m/pi/dist/cli.js" } }
end

local function refusal(agent, dialect)
  local selected, message, code = npm.select({ agent }, dialect or GLIBC)
  local result
  if selected then result, message, code = npm_check.check(selected) end
  assert.is_nil(result, message)
  assert.equal("EIMAGE", code)
  assert.truthy(message:find("^image: agent "), message)
  return message
end

local function text(agents, dialect)
  local stage = { npm = { ref = "localhost/wrapix-npm:1" },
    agents = assert(npm.select(agents, dialect or GLIBC)) }
  return table.concat(npm.source(stage, "localhost/wrapix-stage:2",
    require("wrapix.image.containerfile")), "\n")
end

describe("the agents of a stage", function()
  it("are in the order of their names, each with what the base can run", function()
    local agents = assert(npm.select({ tree(), native() }, GLIBC))
    assert.same({ "claude", "pi" }, { agents[1].name, agents[2].name })
    local from = {}
    for i, file in ipairs(agents[1].files) do from[i] = file.from end
    assert.same({ "@a/claude-linux-x64/claude", "@a/claude-linux-arm64/claude",
      "@a/claude-linux-x64-musl/claude" }, from)
    assert.same({ { from = "@a/claude-linux-x64-musl/claude", to = TO } },
      assert(npm.select({ native() }, MUSL))[1].files)
  end)

  it("are refused in a version that is a range to npm", function()
    for _, version in ipairs({ "2", "2.1", "2.x", "2.1-beta" }) do
      assert.truthy(refusal(native({ version = version })):find("is a range of versions", 1, true))
    end
    assert.is_true(npm_check.check(assert(npm.select({ native({ version = "2.1.3-rc.1" }) }, GLIBC))))
  end)

  it("are refused where their program needs another C library", function()
    local files = { { from = "@a/claude-linux-x64/claude", to = TO } }
    assert.truthy(refusal(native({ files = files }), MUSL)
      :find("has no program for musl, which is what Alpine has", 1, true))
    files[1].from = "@a/claude-linux-x64/vendor/x86_64-unknown-linux-musl/claude"
    for _, dialect in ipairs({ MUSL, GLIBC }) do
      assert.equal(1, #assert(npm.select({ native({ files = files }) }, dialect))[1].files)
    end
  end)

  it("may be built when all of their words are plain, as those of wrapix are", function()
    assert.is_true(npm_check.check(assert(npm.select({ tree(), native() }, GLIBC))))
    local agents = { "claude", "codex", "gemini", "opencode", "pi" }
    local recipe = assert(image.recipe({ name = "all", agents = agents }, {}, { agents = {
      get = function(name) return registry.get(name, {}) end, version = function() end,
    } }))
    local stage = recipe.stages[#recipe.stages]
    assert.equal(#agents, #stage.agents)
    assert.is_true(npm_check.check(stage.agents))
  end)

  it("are refused when a word of them could be anything else to the shell", function()
    for _, fields in ipairs({
      { name = "a b" }, { name = "A" }, { npm = "x; id" }, { npm = "../x" }, { npm = "a@1" },
      { version = "latest" }, { version = "1; id" }, { version = "^1.0" }, { version = false },
      { bin = { ["a b"] = TO } }, { bin = { ["../x"] = TO } }, { bin = { x = "/usr/bin/x" } },
      { bin = { x = "relative" } }, { bin = { x = "/opt/../bin/x" } }, { bin = { x = "/opt/$(id)" } },
      { files = { { from = "/etc/passwd", to = TO } } }, { files = { { from = "../x", to = TO } } },
      { files = { { from = "a b", to = TO } } }, { files = { { from = "a", to = "/etc/x" } } },
      { files = { { from = "a", to = "/usr/bin/x" } } }, { files = { { from = "a", to = "x" } } },
      { files = { { from = "a", to = TO, mode = 4095 } } },
    }) do
      refusal(native(fields))
    end
  end)
end)

describe("the text of a stage of agents", function()
  it("takes exact versions, runs no script, and keeps native programs alone", function()
    local found = text({ native() })
    for _, line in ipairs({
      "FROM localhost/wrapix-npm:1 AS npm\n", "npm_config_ignore_scripts=true",
      "npm install --prefix /wrapix/npm/claude -- @a/claude@1.2.3; ",
      "place 755 /opt/wrapix/claude/claude"
        .. " /wrapix/npm/claude/node_modules/@a/claude-linux-x64/claude"
        .. " /wrapix/npm/claude/node_modules/@a/claude-linux-arm64/claude"
        .. " /wrapix/npm/claude/node_modules/@a/claude-linux-x64-musl/claude; ",
      "ln -s /opt/wrapix/claude/claude /wrapix/out/usr/local/bin/claude\n",
      "\nFROM localhost/wrapix-stage:2\nCOPY --from=npm /wrapix/out/ /",
    }) do
      assert.truthy(found:find(line, 1, true), line)
    end
  end)

  it("keeps the whole tree of one that is written in JavaScript", function()
    local found = text({ tree() })
    local place = "/opt/wrapix/agents/pi/node_modules/@m/pi/dist/cli.js"
    assert.truthy(found:find(
      "npm install --prefix /wrapix/out/opt/wrapix/agents/pi -- @m/pi@0.7.1; ", 1, true))
    assert.truthy(found:find(("ln -s %s /wrapix/out/usr/local/bin/pi"):format(place), 1, true))
  end)

  it("names no registry", function()
    assert.is_nil(text({ native(), tree() }):find("://", 1, true))
  end)
end)
