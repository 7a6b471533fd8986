-- SPDX-License-Identifier: MIT
-- `ralph plan` and `ralph ready` in real containers: what the agent reads and writes by
-- mounts, a hidden spec that is in the work tree at no moment, and a list it cannot edit.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
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
