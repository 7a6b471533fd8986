-- SPDX-License-Identifier: MIT
-- `wrapix.agent.run` from a script that the real program runs: the prompt in, the
-- events as they come, the outcome, and what ends an agent before it is done.

local fs = require("wrapix.fs")
local worlds = require("support.world")

-- Speaks as Claude Code does: what it says is a recorded stream, or a script.
local PLAY = [[
local claude = require("wrapix.agent.claude")
return {
  name = "play", title = "Play", decode = claude.decode,
  argv = function(mode, opts)
    return { "sh", "-c", opts.settings.script, mode, opts.prompt_file, opts.model or "-",
      opts.resume or "-" }
  end,
}
]]

describe("agent.run", function()
  local world

  before_each(function()
    world = worlds.new()
    world:write("config/wrapix/agents/play.lua", PLAY)
  end)
  after_each(function() world:close_empty() end)

  -- Runs a script with `box` open on an agent that runs a shell script.
  local function script(agent_script, text)
    world:write("work/job.lua", ([[
      local wrapix = require("wrapix")
      local profile = { name = "job", image = %q, agents = { "play" }, agent = "play",
        settings = { play = { script = %q }, command = { argv = { "sh", "-c", %q } } } }
      local box <close> = assert(wrapix.sandbox(profile))
    ]]):format(worlds.image, agent_script, agent_script) .. text)
    local result = world:run({ "./job.lua" })
    assert.equal(0, result.code, result.stderr)
    return result
  end

  local function stream(name)
    return ("cat %s/tests/unit/data/agents/claude/%s.jsonl"):format(WRAPIX_ROOT, name)
  end

  it("hands over the prompt, the events and how it ended", function()
    script("cat >prompt; echo $0 $1 $2 $3 >argv; " .. stream("write-file"), [[
      local types = {}
      local result = assert(wrapix.agent.run(box, { prompt = "do it\n-- now", model = "big",
        resume = "s1", on_event = function(event) types[#types + 1] = event.type end }))
      assert(result.ok and result.kind == "done", result.kind)
      assert(result.text:find("^Both files are written"), result.text)
      assert(result.session == "58984cf9-bdb0-4def-985a-017f5dfe0412")
      assert(result.usage.output == 115 and result.usd > 0.003 and result.turns == 3)
      assert(result.code == 0 and result.seconds > 0)
      assert(types[1] == "start" and types[#types] == "end", table.concat(types, " "))
    ]])
    assert.equal("do it\n-- now", fs.read(world.workspace .. "/prompt"))
    assert.equal("headless /run/wrapix/agents/prompt.md big s1\n", fs.read(world.workspace .. "/argv"))
  end)

  it("hands over each event when it comes, not at the end", function()
    script(stream("hello") .. " | head -n 1; while ! [ -e go ]; do sleep 0.02; done", [[
      local result = assert(wrapix.agent.run(box, { prompt = "x", timeout = 60,
        on_event = function(event)
          if event.type == "start" then assert(wrapix.fs.append("go", "x")) end
        end }))
      assert(result.kind == "lost" and not result.stopped, result.kind)
    ]])
    assert.equal("x", fs.read(world.workspace .. "/go"))
  end)

  it("ends an agent that says nothing any more", function()
    script(stream("hello") .. " | head -n 1; echo $$ >pid; exec sleep 60", [[
      local last
      local result = assert(wrapix.agent.run(box, { prompt = "x", idle = 1,
        on_event = function(event) last = event end }))
      assert(not result.ok and result.kind == "interrupted" and result.stopped == "idle", result.kind)
      assert(result.seconds < 50)
      assert(last.type == "end" and last.kind == "interrupted")
    ]])
    local pid = fs.read(world.workspace .. "/pid"):match("%d+")
    assert.is_nil(fs.stat("/proc/" .. pid))
  end)

  it("does not count as silence what comes before the agent runs", function()
    world:hold("run")
    world:write("work/open.sh", "sleep 1.5; : >" .. world.dir .. "/podman/run.go")
    script(stream("hello"), [[
      local task, proc = wrapix.task, wrapix.proc
      local result = task.scope(function(scope)
        scope:spawn(function() return proc.run({ "sh", "open.sh" }) end)
        return assert(wrapix.agent.run(box, { prompt = "x", idle = 1 }))
      end)
      assert(result.ok and not result.stopped, result.kind)
    ]])
  end)

  it("ends an agent that takes longer than it may", function()
    script("while :; do echo; sleep 0.05; done", [[
      local result = assert(wrapix.agent.run(box, { prompt = "x", timeout = "1s", idle = "30s" }))
      assert(result.kind == "interrupted" and result.stopped == "timeout", result.kind)
    ]])
  end)

  it("ends with the task that runs it", function()
    script("echo $$ >pid; exec sleep 60", [[
      local task = wrapix.task
      local result, message, code = task.scope(function(scope)
        local work = scope:spawn(wrapix.agent.run, box, { prompt = "x" })
        while (wrapix.fs.read("pid") or "") == "" do task.sleep(0.02) end
        work:cancel()
        return work:wait()
      end)
      assert(result == nil and code == "ECANCELED", message)
    ]])
    local pid = fs.read(world.workspace .. "/pid"):match("%d+")
    assert.is_nil(fs.stat("/proc/" .. pid))
  end)

  it("takes a failure of the agent for an outcome, with what it said", function()
    script("cat >prompt; echo 'error: no such option' >&2; exit 1", [[
      local result = assert(wrapix.agent.run(box, { prompt = "x" }))
      assert(result.kind == "error" and result.text == "error: no such option", result.text)
      assert(result.code == 1 and result.stderr:find("no such option"))
    ]])
  end)

  it("runs any program as the agent `command`", function()
    script("echo got; cat; exit 0", [[
      local lines = {}
      local result = assert(wrapix.agent.run(box, { prompt = "a\nb", agent = "command",
        on_event = function(event) lines[#lines + 1] = event.text end }))
      assert(result.ok and result.text == "got\na\nb", result.text)
      assert(table.concat(lines, "|", 1, 3) == "got|a|b", table.concat(lines, "|"))
    ]])
    script("cat >prompt; exit 7", [[
      local result = assert(wrapix.agent.run(box, { prompt = "x", agent = "command" }))
      assert(result.kind == "error" and result.code == 7)
    ]])
  end)

  it("hands over what the agent writes, byte for byte", function()
    script(stream("hello"), ([[
      local parts, first = {}, nil
      local result = assert(wrapix.agent.run(box, { prompt = "x",
        on_output = function(chunk) parts[#parts + 1] = chunk first = first or "output" end,
        on_event = function() first = first or "event" end }))
      local whole = assert(wrapix.fs.read("%s/tests/unit/data/agents/claude/hello.jsonl"))
      assert(result.ok and table.concat(parts) == whole and first == "output")
    ]]):format(WRAPIX_ROOT))
  end)

  it("lets a silent agent go on that works all the same", function()
    script(stream("hello") .. " | head -n 1; n=0; "
      .. "while [ $n -lt 900000 ]; do n=$((n + 1)); done; " .. stream("hello") .. " | tail -n +2", [[
      local asked = {}
      local result = assert(wrapix.agent.run(box, { prompt = "x", idle = 0.4,
        on_idle = function(silence)
          asked[#asked + 1] = silence
          return silence.cpu_recent > 0
        end }))
      assert(result.ok and not result.stopped, result.kind)
      assert(#asked >= 2, #asked)
      assert(asked[1].seconds >= 0.4 and asked[2].seconds > asked[1].seconds)
      assert(asked[2].cpu_seconds > asked[1].cpu_seconds)
    ]])
  end)

  it("ends a silent one that does not", function()
    script(stream("hello") .. " | head -n 1; exec sleep 60", [[
      local cpu, result
      result = assert(wrapix.agent.run(box, { prompt = "x", idle = 0.1,
        on_idle = function(silence) cpu = silence.cpu_recent return cpu > 0.02 end }))
      assert(result.stopped == "idle" and cpu == 0, cpu)
    ]])
  end)

  it("ends one that stays after its last word, whose outcome that word remains", function()
    script("echo $$ >pid; " .. stream("hello") .. "; exec sleep 60", [[
      local count = 0
      local result = assert(wrapix.agent.run(box, { prompt = "x", grace = 0.2, idle = 0.1,
        on_event = function(event) if event.type == "end" then count = count + 1 end end }))
      assert(result.ok and result.kind == "done" and not result.stopped and result.lingered)
      assert(result.seconds < 15 and count == 1, result.seconds)
    ]])
    local pid = fs.read(world.workspace .. "/pid"):match("%d+")
    assert.is_nil(fs.stat("/proc/" .. pid))
  end)

  it("does not wait for one that ends by itself", function()
    script(stream("hello"), [[
      local result = assert(wrapix.agent.run(box, { prompt = "x", grace = "1h" }))
      assert(result.ok and not result.lingered and result.seconds < 10)
    ]])
  end)

  it("hands in files and sockets, and takes files out", function()
    script("RUN=" .. world.dir .. "/run/wrapix/sessions/$WRAPIX_SESSION_ID/run; "
      .. 'cp "$RUN/more.md" "$RUN/out/copy"; test -S "$RUN/ralph.sock" || exit 3; ' .. stream("hello"), [[
      local result = assert(wrapix.agent.run(box, { prompt = "x", files = { ["more.md"] = "more" },
        sockets = { ralph = function() end }, collect = { copy = 10, large = 1 } }))
      assert(result.ok and result.collected.copy == "more" and not result.collected.large)
    ]])
    script('RUN=' .. world.dir .. '/run/wrapix/sessions/$WRAPIX_SESSION_ID/run; echo x >"$RUN/out/late"; '
      .. stream("hello") .. " | head -n 1; exec sleep 60", [[
      local result = assert(wrapix.agent.run(box, { prompt = "x", idle = 0.3, collect = { late = 10 } }))
      assert(result.stopped == "idle" and result.collected.late == "x\n")
    ]])
  end)

  it("refuses what it cannot run, and wrong use", function()
    script("true", [[
      local result, message, code, hint = wrapix.agent.run(box, { prompt = "x", agent = "clade" })
      assert(result == nil and code == "ENOAGENT" and hint == "did you mean 'claude'?", message)
      for text, opts in pairs({ prompt = {}, idle = { prompt = "x", idle = "soon" },
        lease = { prompt = "x", sockets = { lease = function() end } },
        unknown = { prompt = "x", promt = "y" } }) do
        local ok, err = pcall(function() wrapix.agent.run(box, opts) end)
        assert(not ok and err:find("job.lua:%d+: agent.run: .*" .. text), err)
      end
      local bare <close> = assert(wrapix.sandbox({ name = "bare", image = profile.image }))
      result, message, code = wrapix.agent.run(bare, { prompt = "x" })
      assert(result == nil and code == "ENOAGENT", message)
      result, message, code = wrapix.agent.run(bare, { prompt = "x", agent = "command" })
      assert(result == nil and code == "EINVAL" and message:find("what to run"), message)
    ]])
  end)
end)
