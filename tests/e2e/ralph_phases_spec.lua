-- SPDX-License-Identifier: MIT
-- `ralph plan` and `ralph ready` in real containers: what the agent reads and writes by
-- mounts, a hidden spec that is in the work tree at no moment, and a list it cannot edit.

local claude = require("support.claude")
local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local model_server = require("support.model_server")
local proc = require("wrapix.proc")

local FILLED = "# Shop\n\n## Problem\nNone.\n\n## Requirements\n- A cart.\n\n"
  .. "## Acceptance criteria\n- [ ] It sells.\n\n## Out of scope\nNothing.\n"

describe("ralph in real containers", function()
  after_each(e2e.assert_clean)

  local dir, env

  before_each(function()
    dir = e2e.dir("shop")
    env = { XDG_CONFIG_HOME = dir:match("^(.*)/") .. "/config", XDG_STATE_HOME = dir:match("^(.*)/") .. "/state" }
    assert(fs.ensure_dir(env.XDG_CONFIG_HOME .. "/wrapix/profiles"))
    e2e.file(env.XDG_CONFIG_HOME .. "/wrapix/ralph.lua", 'return { profile = "play" }')
  end)

  local function agent(script)
    e2e.file(env.XDG_CONFIG_HOME .. "/wrapix/profiles/play.lua", ([[
      return { name = "play", image = %q, agent = "command",
        settings = { command = { argv = { "sh", "-c", %q } } } }]]):format(e2e.image, script))
  end

  local function ralph(...)
    return assert(proc.run({ e2e.wrapix, "ralph", ... }, { cwd = dir, env = env, timeout = 60 }))
  end

  it("plans, and makes issues of it", function()
    assert.equal(0, ralph("start", "shop").code)
    local answers = e2e.file(dir:match("^(.*)/") .. "/answers", "A cart.")
    agent(("cat >/tmp/prompt; f=$(sed -n 's/^Write the finished text to \\([^,]*\\),.*/\\1/p' /tmp/prompt)\n"
      .. "cat >$f <<'END'\n%sEND\n"):format(FILLED))
    local result = ralph("plan", "--answers", answers)
    assert.equal(0, result.code, result.stderr)
    assert.equal(FILLED, fs.read(dir .. "/specs/shop.md"))
    agent([[cat >/dev/null; grep -q 'A cart' /run/wrapix/spec.md || exit 7
      { echo x >/workspace/.wrapix/issues.jsonl; } 2>/dev/null && exit 8
      echo '{"issues":[{"key":"a","title":"Add a cart","description":"d","acceptance_criteria":["c"]}]}' \
        >/run/wrapix/out/issues.json]])
    result = ralph("ready", "--yes", "--json")
    assert.equal(0, result.code, result.stderr)
    assert.equal("added", json.decode(result.stdout).state)
    assert.equal("Add a cart", json.decode(fs.read(dir .. "/.wrapix/issues.jsonl")).title)
    assert.matches("no change", ralph("ready", "--yes").stdout, 1, true)
  end)

  it("keeps a hidden spec out of the work tree", function()
    local answers = e2e.file(dir:match("^(.*)/") .. "/answers", "A cart.")
    agent(("cat >/dev/null; test -z \"$(find /workspace -name '*.md')\" || exit 7\n"
      .. "test -e /run/wrapix/spec.md || exit 8\ncat >/run/wrapix/out/spec.md <<'END'\n%sEND\n"):format(FILLED))
    local result = ralph("plan", "--hidden", "plan-b", "--answers", answers)
    assert.equal(0, result.code, result.stderr)
    assert.is_nil(fs.stat(dir .. "/specs"))
  end)
end)

describe("ralph with the real Claude Code", function()
  setup(claude.build)
  after_each(e2e.assert_clean)

  local turn = model_server.turn

  it("plans, and goes on with a session whose list went back", function()
    local world <close> = claude.world()
    local env = { XDG_CONFIG_HOME = world.home .. "/config", XDG_STATE_HOME = world.home .. "/state" }
    for name, value in pairs(world.env) do env[name] = value end
    assert(fs.ensure_dir(env.XDG_CONFIG_HOME .. "/wrapix"))
    e2e.file(env.XDG_CONFIG_HOME .. "/wrapix/ralph.lua", ("return { profile = %q }"):format(world.profile))
    local answers = e2e.file(world.home .. "/answers", "A cart.")
    local function ralph(...)
      local result = assert(proc.run({ e2e.wrapix, "ralph", ... }, { cwd = world.dir, env = env, timeout = 120 }))
      assert.equal(0, result.code, result.stdout .. result.stderr)
      return result
    end
    local function list(title)
      return assert(json.encode({ issues = json.array({ { key = "a", title = title, description = "d",
        acceptance_criteria = json.array({ "c" }) } }) }))
    end
    local out = "/run/wrapix/out/"
    world.model:play({
      turn.tool("Write", { file_path = out .. "spec.md", content = FILLED }), { text = "Written." },
      turn.tool("Write", { file_path = out .. "issues.json", content = list("") }), { text = "Here." },
      turn.tool("Write", { file_path = out .. "issues.json", content = list("Add a cart") }), { text = "Mended." },
    })
    ralph("plan", "shop", "--hidden", "--answers", answers)
    local result = json.decode(ralph("ready", "--yes", "--json").stdout)
    assert.same({ "added", 2, 1 }, { result.state, result.tries, #result.added })
    assert.is_true(result.usd > 0)
    local asked = world.model:asked()
    assert.equal(6, #asked)
    -- The third run began with what the second had said.
    local last = assert(json.encode(asked[5].body))
    assert.matches("A list was written already", last, 1, true)
    assert.matches("Here.", last, 1, true)
  end)
end)
