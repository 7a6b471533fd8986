-- SPDX-License-Identifier: MIT
-- `wrapix.agent.talk`: an agent at the person's terminal that begins with a prompt from
-- a file, by the real program at a real terminal.

local worlds = require("support.world")

local PLAY = [[
return {
  name = "play", title = "Play", stream = "text",
  argv = function(mode, opts)
    return { "sh", "-c", opts.settings.script, mode, opts.model or "-", opts.prompt or "-" }
  end,
}
]]

-- It knows nothing of a first prompt.
local DEAF = PLAY:gsub("play", "deaf"):gsub(', opts.prompt or "%-"', "")

describe("agent.talk", function()
  local world

  before_each(function()
    world = worlds.new()
    world:write("config/wrapix/agents/play.lua", PLAY)
    world:write("config/wrapix/agents/deaf.lua", DEAF)
  end)
  after_each(function()
    local sessions, containers = world:sessions(), world:containers()
    world:close()
    assert.same({}, sessions)
    assert.same({}, containers)
  end)

  local function write(script, text)
    world:write("work/job.lua", ([[
      local wrapix = require("wrapix")
      local profile = { name = "job", image = %q, agents = { "play", "deaf" }, agent = "play",
        settings = { play = { script = %q }, deaf = { script = %q } } }
      local box <close> = assert(wrapix.sandbox(profile))
    ]]):format(worlds.image, script, script) .. text)
  end

  it("gives the terminal to an agent that begins with the prompt", function()
    write("RUN=" .. world.dir .. "/run/wrapix/sessions/$WRAPIX_SESSION_ID/run; "
      .. 'echo "at $0 $1 <$2>"; cat "$RUN/prompt.md"; read line; '
      .. 'echo "$line" >"$RUN/out/said"; exit 4', [[
      local result = assert(wrapix.agent.talk(box, { prompt = "ask me\nthings\n", model = "big",
        collect = { said = 100 } }))
      print("code " .. result.code .. " said " .. result.collected.said)
    ]])
    local terminal <close> = world:terminal({ "./job.lua" })
    terminal:expect("at interactive big <Read the file /run/wrapix/prompt%.md and do what it says%.>")
    terminal:expect("things")
    terminal:type("my answer\n") -- the double has no terminal of its own inside
    terminal:expect("code 4 said my answer")
    assert.equal(0, (terminal:wait()))
    assert.is_truthy(table.concat(world:calls("run")[1].argv, " "):find(" --interactive --tty ", 1, true))
    -- What everybody on the host can read has nothing of the prompt.
    for _, call in ipairs(world:calls()) do
      assert.is_nil(table.concat(call.argv, " "):find("ask me", 1, true))
    end
  end)

  it("refuses an agent that takes no prompt, and a place without a terminal", function()
    write("true", [[
      local function refused(code, opts)
        local result, message, what, hint = wrapix.agent.talk(box, opts)
        assert(result == nil and what == code, message)
        return message, hint
      end
      local message, hint = refused("ENOTSUP", { prompt = "x", agent = "deaf" })
      assert(message == "agent.talk: deaf: takes no first prompt at a terminal", message)
      assert(hint:find("agent.run"))
      refused("ENOTTY", { prompt = "x" })
      refused("ENOAGENT", { prompt = "x", agent = "clade" })
      for text, opts in pairs({ prompt = {}, known = { prompt = "x", idle = 3 },
        ["'prompt.md': is the prompt's name"] = { prompt = "x", files = { ["prompt.md"] = "y" } } }) do
        local ok, err = pcall(function() wrapix.agent.talk(box, opts) end)
        assert(not ok and err:find("job.lua:%d+: agent.talk: ") and err:find(text, 1, true), err)
      end
    ]])
    local result = world:run({ "./job.lua" })
    assert.equal(0, result.code, result.stderr)
    assert.same({}, world:verbs())
  end)
end)
