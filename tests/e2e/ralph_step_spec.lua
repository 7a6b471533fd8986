-- SPDX-License-Identifier: MIT
-- `ralph step` and `loop` in real containers: the toy agent with the real `ralph` inside,
-- verifying and committing in a sandbox of their own, and what a killed one leaves.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local proc = require("wrapix.proc")
local repo = require("support.repo")

local PLAY = [[
local claude = require("wrapix.agent.claude")
return { name = "play", title = "Play", decode = claude.decode, stream = "json",
  argv = function(mode, opts) return opts.settings.argv end }
]]
local IMAGE = [[
return { name = "git", base = "localhost/wrapix-base-debian:trixie", network = "none",
  packages = { "git", "openssh-client", "openssh-server" } }
]]

describe("ralph step in real containers", function()
  local image, dir, home, env

  setup(function()
    local result = e2e.cli({ "image", "build", e2e.file(e2e.tmp .. "/git.lua", IMAGE) }, { timeout = 600 })
    assert(result.code == 0, result.stderr)
    image = result.stdout:match("%S+")
  end)

  after_each(e2e.assert_clean)

  local function own(path)
    assert(fs.chown(path, e2e.uid, e2e.gid))
    return path
  end

  before_each(function()
    dir = repo.new("shop")
    home = dir:match("^(.*)/")
    env = { XDG_CONFIG_HOME = home .. "/config", XDG_STATE_HOME = home .. "/state",
      GIT_AUTHOR_NAME = "Person", GIT_AUTHOR_EMAIL = "person@localhost" }
    repo.git(dir, "config", "user.name", "Person")
    repo.git(dir, "config", "user.email", "person@localhost")
    for _, name in ipairs({ "profiles", "agents" }) do
      assert(fs.ensure_dir(env.XDG_CONFIG_HOME .. "/wrapix/" .. name))
    end
    assert(fs.ensure_dir(home .. "/play"))
    own(home .. "/play")
    e2e.file(env.XDG_CONFIG_HOME .. "/wrapix/agents/play.lua", PLAY)
    e2e.file(env.XDG_CONFIG_HOME .. "/wrapix/ralph.lua", [[return { profile = "play", context = {},
      notify = false, verify = { "test ! -e wrong" }, grace = "1s" }]])
    e2e.file(env.XDG_CONFIG_HOME .. "/wrapix/profiles/play.lua", ([[return { name = "play", image = %q,
      network = "none", agents = { "play" }, agent = "play",
      mounts = { { source = %q, dest = "/srv/toy", mode = "ro" }, { source = %q, dest = "/srv/play", mode = "rw" } },
      settings = { play = { argv = { "/srv/toy/toy_agent", "/srv/play" } } } }]]):format(image,
      WRAPIX_ROOT .. "/tests/support", home .. "/play"))
  end)

  local function play(...)
    own(e2e.file(home .. "/play/play", table.concat({ ... }, "\n") .. "\n", tonumber("644", 8)))
  end
  local function ralph(...)
    return assert(proc.run({ e2e.wrapix, "ralph", ... }, { cwd = dir, env = env, timeout = 120 }))
  end
  local function add(title)
    local result = ralph("issue", "add", title, "--json")
    assert.equal(0, result.code, result.stderr)
    return json.decode(result.stdout).id
  end
  local function issue(id)
    local found = json.decode(ralph("issue", "show", id, "--json").stdout)
    return found[1] or found
  end

  it("does issues, verifies them, commits what was left, asks, and cannot edit the list", function()
    local one, two = add("One"), add("Two")
    play("echo x 2>/dev/null >.wrapix/issues.jsonl && exit 9; write a 1; commit 'by the agent'; "
      .. "write b 1; ralph issue add 'On the way'; ralph done 'it is there'; finish bye; hang",
      "ralph ask 'red?' --option yes --option no; finish bye", "write wrong 1; complete",
      "rm wrong; write c 1; complete")
    local result = ralph("loop")
    assert.equal(102, result.code, result.stdout .. result.stderr)
    assert.same({ "closed", "open" }, { issue(one).status, issue(two).status })
    assert.equal("red?", issue(two).metadata.wrapix.question.text)
    assert.matches("waiting: 1 issue waits for a person %(2 done, 1 failed attempt", result.stdout)
    assert.equal("by the agent", repo.git(dir, "log", "--format=%s", "-1", "HEAD~2"))
    assert.matches(": One$", repo.git(dir, "log", "--format=%s", "-1", "HEAD~1"))
    assert.matches(": On the way$", repo.git(dir, "log", "--format=%s", "-1"))
    assert.equal("", repo.git(dir, "status", "--short", "--", ".", ":(exclude).wrapix"))
    repo.git(dir, "fsck")
  end)

  it("takes away what a killed one left, and does the issue", function()
    local id = add("One")
    play("write a half; mark there; hang", "write b 1; complete")
    local killed = assert(proc.spawn({ e2e.wrapix, "ralph", "step" }, { cwd = dir, env = env, session = true,
      stdin = "null", stdout = "null", stderr = "null" }))
    e2e.wait_for("the agent", function() return fs.stat(home .. "/play/there") end)
    assert(proc.run({ "kill", "-KILL", tostring(killed:pid()) }))
    killed:wait()
    local result = ralph("step")
    assert.equal(0, result.code, result.stdout .. result.stderr)
    assert.equal("closed", issue(id).status)
    assert.equal("half", repo.git(dir, "show", ("refs/wrapix/rescue/%s/1:a"):format(id)))
    assert.equal("", e2e.podman("ps", "--all", "--quiet", "--filter", "label=wrapix.session"))
  end)

  it("leaves no container when it is killed while it verifies before an attempt", function()
    local id = add("One")
    e2e.file(env.XDG_CONFIG_HOME .. "/wrapix/ralph.lua", [[return { profile = "play", context = {},
      notify = false, verify = { "touch verifying; sleep 600" } }]])
    local killed = assert(proc.spawn({ e2e.wrapix, "ralph", "step" }, { cwd = dir, env = env, session = true,
      stdin = "null", stdout = "null", stderr = "null" }))
    e2e.wait_for("the commands", function() return fs.stat(dir .. "/verifying") end)
    assert(proc.run({ "kill", "-KILL", tostring(killed:pid()) }))
    killed:wait()
    -- It ends by itself; what is left of it is the next start's, also where nothing is to do.
    e2e.wait_for("the end of the container", function()
      return e2e.podman("ps", "--quiet", "--filter", "label=wrapix.session") == ""
    end, 8)
    assert.equal(0, ralph("issue", "close", id).code)
    assert.equal(100, ralph("step").code)
    assert.equal("", e2e.podman("ps", "--all", "--quiet", "--filter", "label=wrapix.session"))
    assert.same({}, fs.list(e2e.sessions) or {})
  end)

  it("ends one that says, changes and computes nothing, but not one that works silently", function()
    local one, two = add("One"), add("Two")
    e2e.file(env.XDG_CONFIG_HOME .. "/wrapix/ralph.lua", [[return { profile = "play", context = {},
      notify = false, idle = "2s", retries = 0 }]])
    play("timeout 5 sh -c 'while :; do :; done'; write a 1; complete", "write b half; sleep 600")
    local result = ralph("step")
    assert.equal(0, result.code, result.stdout .. result.stderr)
    result = ralph("step")
    assert.equal(1, result.code)
    assert.matches("nothing for too long", result.stdout)
    assert.same({ "closed", "open" }, { issue(one).status, issue(two).status })
    assert.equal("half", repo.git(dir, "show", ("refs/wrapix/rescue/%s/1:b"):format(two)))
  end)
end)
