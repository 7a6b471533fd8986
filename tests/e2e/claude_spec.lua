-- SPDX-License-Identifier: MIT
-- The real Claude Code, installed by wrapix and run in its sandbox, against a
-- scripted model on this machine: without a terminal, at one, and what it may do.

local claude = require("support.claude")
local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local model_server = require("support.model_server")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local turn = model_server.turn

-- The answers of the tools a script called, as the model was told them.
local function results(world, when)
  local asked = world.model:asked(when)
  return model_server.results_of(asked[#asked])
end

describe("Claude Code without a terminal", function()
  setup(claude.build)
  after_each(e2e.assert_clean)

  it("takes a prompt, answers as a stream and ends with its own status", function()
    local world <close> = claude.world()
    world.model:play({ { text = "Hello from the model." } })
    local ran = world:headless("say hello")
    assert.equal(0, ran.code, ran.stdout .. ran.stderr)
    assert.equal("Hello from the model.", ran.result.result)
    assert.same({ "success", false }, { ran.result.subtype, ran.result.is_error })
    assert.equal("/workspace", ran.init.cwd)
    assert.same({ kind = "key", value = claude.key }, world.model:asked()[1].credential)
  end)

  it("writes files of the user, over several turns", function()
    local world <close> = claude.world()
    world.model:play({
      turn.tool("Write", { file_path = "/workspace/made.txt", content = "by the model\n" }),
      turn.bash("mkdir sub && id -u > sub/uid && cat made.txt"),
      { text = "Both are there." },
    })
    local ran = world:headless("write two files")
    assert.equal("Both are there.", ran.result.result, ran.stdout)
    assert.equal("by the model\n", fs.read(world.dir .. "/made.txt"))
    assert.equal(e2e.uid .. "\n", fs.read(world.dir .. "/sub/uid"))
    for _, name in ipairs({ "made.txt", "sub", "sub/uid" }) do
      local stat = fs.stat(world.dir .. "/" .. name)
      assert.same({ e2e.uid, e2e.gid }, { stat.uid, stat.gid }, name)
    end
    assert.equal("by the model", results(world)[2].text)
  end)

  it("asks a model that is overloaded again", function()
    local world <close> = claude.world()
    world.model:play({ turn.overloaded(), { text = "Back again." } })
    local ran = world:headless("try")
    assert.equal(0, ran.code, ran.stdout)
    assert.equal("Back again.", ran.result.result)
    assert.equal(2, #world.model:asked())
  end)

  it("gives up on one that stays overloaded", function()
    local world <close> = claude.world()
    world.model:play({ turn.overloaded(), turn.overloaded(), turn.overloaded(),
      turn.overloaded() })
    local ran = world:headless("try")
    assert.equal(1, ran.code)
    assert.same({ true, 529 }, { ran.result.is_error, ran.result.api_error_status }, ran.stdout)
  end)

  it("ends at once when the limit of the account is reached", function()
    local world <close> = claude.world({ env = { ANTHROPIC_API_KEY = false,
      CLAUDE_CODE_OAUTH_TOKEN = claude.token } })
    local reset = os.time() + 7200
    world.model:play({ turn.rejected(reset) })
    local ran = world:headless("try")
    assert.equal(1, ran.code, ran.stdout)
    assert.same({ true, 429 }, { ran.result.is_error, ran.result.api_error_status }, ran.stdout)
    assert.same({ kind = "token", value = claude.token }, world.model:asked()[1].credential)
    assert.equal(1, #world.model:asked())
    assert.truthy(ran.stdout:find('"resetsAt":' .. reset, 1, true), ran.stdout)
  end)

  it("asks again when the answer breaks off, and shows no half of it", function()
    local world <close> = claude.world()
    world.model:play({ { text = ("half of an answer "):rep(9), cut = 5 },
      { text = "The whole answer." } })
    local ran = world:headless("try")
    assert.equal(0, ran.code, ran.stdout)
    assert.equal("The whole answer.", ran.result.result)
    assert.falsy(ran.stdout:find("half of", 1, true))
  end)

  it("never runs a tool whose call broke off", function()
    local world <close> = claude.world()
    local call = turn.bash("echo torn >> /workspace/torn; echo " .. ("x"):rep(100))
    call.cut = 5
    world.model:play({ call, { text = "Nothing was run." } })
    local ran = world:headless("try")
    assert.equal("Nothing was run.", ran.result.result, ran.stdout)
    assert.is_nil(fs.stat(world.dir .. "/torn"))
  end)

  it("waits for a slow model", function()
    local world <close> = claude.world()
    world.model:play({ { text = "In my own good time, slowly.", slow = 0.3 } })
    local ran = world:headless("try")
    assert.equal("In my own good time, slowly.", ran.result.result)
  end)
end)

describe("Claude Code in its sandbox", function()
  setup(claude.build)
  after_each(e2e.assert_clean)

  -- Each is a command of the model that must not succeed.
  local function attempts(world)
    return {
      ["read the person's home"] = ("cat %s/secret"):format(world.home),
      ["list the person's home"] = ("ls %s"):format(world.home),
      ["look at the launcher"] = ("cat /proc/%d/cmdline"):format(sys.pid()),
      ["follow the root of process 1"] = "ls /proc/1/root/",
      ["read the environment of process 1"] = "cat /proc/1/environ",
      ["read the memory of process 1"] = "head -c 1 /proc/1/mem",
      ["write a system file"] = "echo evil >> /etc/passwd",
      ["add a program"] = "echo evil > /usr/local/bin/evil",
      ["write beside the workspace"] = "echo evil > /workspace/../evil",
      ["change its own settings"] = "echo '{}' > /etc/claude-code/managed-settings.json",
      ["put others in place of its settings"] = "mv /etc/claude-code /etc/claude-code.old",
      ["mount something"] = "mount -t tmpfs none /mnt",
      ["bind over its settings"] = "mount --bind /tmp /etc/claude-code",
      ["make a user namespace"] = "unshare --user true",
      ["use a device"] = "mknod /tmp/disk b 8 0",
      ["become root"] = "setpriv --reuid 0 true",
      ["write to the kernel"] = "echo 1 > /proc/sys/kernel/sysrq",
      ["change the session's directory"] = "echo evil > /run/wrapix/context.json",
      ["stop the init"] = "kill -STOP 1 && grep -q 'State:.T' /proc/1/status",
    }
  end

  it("does not get out by its tools", function()
    local world <close> = claude.world()
    e2e.file(world.home .. "/secret", "the person's own\n")
    local names, turns = {}, {}
    local all = attempts(world)
    for name in pairs(all) do names[#names + 1] = name end
    table.sort(names)
    for i, name in ipairs(names) do
      turns[i] = turn.bash(("if %s; then echo GOT-$((40+2)); fi 2>&1"):format(all[name]))
    end
    turns[#turns + 1] = turn.bash("if true; then echo GOT-$((40+2)); fi 2>&1")
    turns[#turns + 1] = { text = "No way out." }
    world.model:play(turns)
    local ran = world:headless("get out")
    assert.equal("No way out.", ran.result and ran.result.result, ran.stdout .. ran.stderr)
    local answers = results(world)
    assert.equal(#names + 1, #answers)
    assert.equal("GOT-42", answers[#answers].text)
    for i, name in ipairs(names) do
      assert.falsy(answers[i].text:find("GOT-42", 1, true), name .. ": " .. answers[i].text)
      assert.falsy(answers[i].text:find("not found", 1, true), name .. ": " .. answers[i].text)
    end
    assert.equal("the person's own\n", fs.read(world.home .. "/secret"))
    assert.is_nil(fs.stat(world.dir .. "/../evil"))
  end)
end)

describe("Claude Code at a terminal", function()
  setup(claude.build)
  after_each(e2e.assert_clean)

  -- What stands below the prompt, and nowhere else.
  local PROMPT = "bypass.-permissions.-on"
  local DIALOGS = { "Choose the text style", "Detected a custom API key", "Select login method",
    "Do you trust", "trust this folder", "Bypass Permissions mode", "Yes, I accept",
    "Not logged in", "MCP server found", "Make auto mode", "Unable to connect" }

  local credentials = {
    key = { ANTHROPIC_API_KEY = claude.key },
    token = { ANTHROPIC_API_KEY = false, CLAUDE_CODE_OAUTH_TOKEN = claude.token },
  }

  for kind, env in pairs(credentials) do
    it(("opens at its prompt with a %s, asks nothing and works"):format(kind), function()
      local world <close> = claude.world({ env = env })
      world.model:play({ turn.bash("echo from the terminal > made"), { text = "Written-it." } })
      local term <close> = world:terminal()
      term:expect(PROMPT, 60)
      local screen = claude.plain(term.seen)
      for _, dialog in ipairs(DIALOGS) do
        assert.falsy(screen:find(dialog, 1, true), dialog .. ":\n" .. screen)
      end
      assert.truthy(screen:find("❯", 1, true) or screen:find(">", 1, true), screen)
      assert.equal(0, #world.model:asked())

      term:type("write a file")
      term:expect("write.-a.-file")
      term:type("\r")
      term:expect("Written%-it", 30)
      assert.equal("from the terminal\n", fs.read(world.dir .. "/made"))
      assert.equal(env["ANTHROPIC_API_KEY"] and "key" or "token",
        world.model:asked()[1].credential.kind)
      assert.equal(e2e.uid, fs.stat(world.dir .. "/made").uid)

      term:type("/exit")
      term:expect("/exit")
      task.sleep(1) -- what comes at once with it would be taken for pasted
      term:type("\r")
      local status, modes = term:wait()
      assert.same({ 0, "same" }, { status, modes })
    end)
  end

  it("asks nothing either when it is started by name", function()
    local world <close> = claude.world()
    world.model:play({ turn.bash("echo by name > made"), { text = "Made-it." } })
    local term <close> = world:terminal({ "claude" })
    term:expect(PROMPT, 60)
    term:type("write a file")
    term:expect("write.-a.-file")
    term:type("\r")
    term:expect("Made%-it", 30)
    assert.equal("by name\n", fs.read(world.dir .. "/made"))
    term:hang_up()
    assert.equal(129, (term:wait()))
  end)

  it("begins with the prompt of a script, and hands over what it left", function()
    local world <close> = claude.world()
    world.model:play({ turn.bash("cat /run/wrapix/prompt.md > /run/wrapix/out/seen"),
      { text = "Begun-it." } })
    local script = e2e.file(world.home .. "/talk.lua", ([[
      local wrapix = require("wrapix")
      local box = assert(wrapix.sandbox(%q, { workspace = %q }))
      local result = assert(wrapix.agent.talk(box, { prompt = "ask the person\n",
        collect = { seen = 100 } }))
      print("seen: " .. result.collected.seen)
    ]]):format(world.profile, world.dir))
    local term <close> = world:terminal(nil, { e2e.wrapix, script })
    term:expect("Begun%-it", 90)
    assert.equal(2, #world.model:asked("Read the file /run/wrapix/prompt.md and do what it says."))
    term:type("/exit")
    term:expect("/exit")
    task.sleep(0.3)
    term:type("\r")
    term:expect("seen: ask the person", 30)
    assert.same({ 0, "same" }, { term:wait() })
  end)

  it("waits for no server before it shows its prompt", function()
    local world <close> = claude.world({
      fields = [[ mcp = { mute = { command = { "sleep", "60" } } }, ]] })
    local term <close> = world:terminal()
    local began = sys.clock()
    term:expect(PROMPT, 60)
    e2e.assert_within(began, 28) -- it gives a server that is silent thirty
    term:hang_up()
    term:wait()
  end)
end)
