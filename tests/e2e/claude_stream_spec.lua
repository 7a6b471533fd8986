-- SPDX-License-Identifier: MIT
-- The stream of the real Claude Code as wrapix reads it: the recorded streams that
-- the unit specs trust are what the program still writes, and a whole run by
-- wrapix.agent, from a script as a user writes it.

local agent = require("wrapix.agent")
local claude = require("support.claude")
local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local model_server = require("support.model_server")

local turn = model_server.turn

local RECORDED = WRAPIX_ROOT .. "/tests/unit/data/agents/claude/%s.jsonl"
local SOON = 7200

local function read(text)
  local reader = agent.reader.new(assert(agent.get("claude")))
  local events = reader:feed(text)
  for _, event in ipairs(reader:finish()) do events[#events + 1] = event end
  return events
end

-- What the model must have said for these events to come, turn by turn.
local TURNS = {
  usage = function(turns, event)
    local usage = { input = event.input, cache_read = event.cache_read, output = 0 }
    turns[#turns + 1] = { usage = usage }
  end,
  text = function(turns, event) turns[#turns].text = event.text end,
  tool = function(turns, event)
    local last = turns[#turns]
    last.tools = last.tools or {}
    last.tools[#last.tools + 1] = { event.name, event.input }
  end,
  retry = function(turns, event)
    turns[#turns + 1] = event.status == 529 and turn.overloaded()
      or { text = ("never to be seen "):rep(9), cut = 4 }
  end,
  limit = function(turns) turns[#turns + 1] = turn.rejected(os.time() + SOON) end,
  ["end"] = function(turns, event)
    local last = turns[#turns]
    if last.usage then last.usage.output = event.usage.output end
  end,
}

local function script_of(events)
  local turns = {}
  for _, event in ipairs(events) do
    if TURNS[event.type] then TURNS[event.type](turns, event) end
  end
  return turns
end

-- Events without what is new in every run.
local function timeless(events)
  local numbers, count, is_retried = {}, 0, false
  local function number(id)
    if id and not numbers[id] then
      count = count + 1
      numbers[id] = count
    end
    return numbers[id]
  end
  for _, event in ipairs(events) do
    event.id, event.session = number(event.id), number(event.session)
    event.reset = event.reset and "some time"
    is_retried = is_retried or event.type == "retry"
    event.usd = event.usd and ("%.6f"):format(event.usd)
    -- How much of an answer that was cut had come is a matter of time.
    if is_retried and event.type == "end" then event.usd, event.usage = nil, nil end
    if event.text then event.text = event.text:gsub("resets .*$", "resets") end
    if event.type == "tool_result" and event.text:find("^%d+$") then event.text = "a uid" end
  end
  return events
end

describe("The stream of Claude Code", function()
  setup(claude.build)
  after_each(e2e.assert_clean)

  local KEY = {}
  local TOKEN = { ANTHROPIC_API_KEY = false, CLAUDE_CODE_OAUTH_TOKEN = claude.token }
  local recorded = {
    hello = KEY, ["write-file"] = KEY, overloaded = KEY, ["cut-stream"] = KEY,
    ["rate-limit-forever"] = TOKEN,
  }

  for name, env in pairs(recorded) do
    it(("is as recorded: %s"):format(name), function()
      local wanted = read(assert(fs.read(RECORDED:format(name))))
      local world <close> = claude.world({ env = env })
      world.model:play(script_of(wanted))
      local ran = world:headless("go on")
      assert.same(timeless(wanted), timeless(read(ran.stdout)))
    end)
  end
end)

describe("wrapix.agent.run with Claude Code", function()
  setup(claude.build)
  after_each(e2e.assert_clean)

  -- Each option stands for itself; the prompt comes by the script's input.
  local SCRIPT = [[
local wrapix, json = require "wrapix", require "wrapix.json"
local profile, workspace, options = ...
local box = wrapix.sandbox(dofile(profile), { workspace = workspace })
local opts, events = assert(json.decode(options)), {}
opts.prompt = io.read("a")
opts.on_event = function(event) events[#events + 1] = event end
local outcome, message, code = wrapix.agent.run(box, opts)
print(json.encode({ events = events, outcome = outcome, message = message, code = code }))
]]

  local function run(world, prompt, opts)
    local script = e2e.file(world.home .. "/run.lua", SCRIPT)
    local ran = e2e.cli({ script, world.profile, world.dir, assert(json.encode(opts or {})) },
      { env = world.env, input = prompt, timeout = 180 })
    local said = json.decode(ran.stdout:match("[^\n]*\n?$"))
    if not said or not said.outcome then error(ran.stdout .. ran.stderr, 2) end
    local types = {}
    for i, event in ipairs(said.events) do types[i] = event.type end
    return said.outcome, table.concat(types, " "), said.events
  end

  it("gives events as they come, and an outcome that can be resumed", function()
    local world <close> = claude.world()
    world.model:play({
      { thinking = "A file, then.", text = "I will write it.", usage = { input = 50, output = 9 },
        tools = { { "Bash", { command = "echo by run > made; cat made" } } } },
      { text = "It is written.", usage = { input = 70, output = 5 } },
    })
    local outcome, types, events = run(world, "write a file", { timeout = "1m" })
    assert.equal("start usage thinking text tool tool_result usage text end", types)
    assert.same({ true, "done", "It is written.", 2, 0 },
      { outcome.ok, outcome.kind, outcome.text, outcome.turns, outcome.code })
    assert.same({ 120, 14 }, { outcome.usage.input, outcome.usage.output })
    assert.equal("by run", events[6].text)
    assert.equal("by run\n", fs.read(world.dir .. "/made"))
    assert.truthy(model_server.system_of(world.model:asked()[1]):find("wrapix sandbox", 1, true))

    world.model:play({ { text = "As I said." } })
    local again = run(world, "and now?", { resume = outcome.session })
    assert.same({ "As I said.", outcome.session }, { again.text, again.session })
    local body = world.model:asked("and now?")[1].body
    assert.truthy(json.encode(body.messages):find("write a file", 1, true))
  end)

  it("tells a limit, with the time it ends", function()
    local world <close> = claude.world({ env = { ANTHROPIC_API_KEY = false,
      CLAUDE_CODE_OAUTH_TOKEN = claude.token } })
    local reset = os.time() + SOON
    world.model:play({ turn.rejected(reset) })
    local outcome, types = run(world, "try")
    assert.same({ false, "limit", reset }, { outcome.ok, outcome.kind, outcome.reset })
    assert.truthy(types:find("limit", 1, true), types)
  end)

  it("tells servers that are overloaded", function()
    local world <close> = claude.world()
    world.model:play({ turn.overloaded(), turn.overloaded(), turn.overloaded(),
      turn.overloaded() })
    local outcome, types = run(world, "try")
    assert.same({ false, "overloaded" }, { outcome.ok, outcome.kind })
    assert.truthy(types:find("retry retry", 1, true), types)
  end)

  it("tells a login that is not taken", function()
    local world <close> = claude.world({ env = { ANTHROPIC_API_KEY = false,
      CLAUDE_CODE_OAUTH_TOKEN = claude.token } })
    local refused = { status = 401, error = { type = "authentication_error", message = "no" } }
    world.model:play({ refused, refused, refused, refused, refused })
    assert.equal("auth", run(world, "try").kind)
  end)

  it("tells that the turns are used up", function()
    local world <close> = claude.world()
    world.model:play({ turn.bash("true"), turn.bash("true"), turn.bash("true") })
    assert.equal("turns", run(world, "try", { max_turns = 2 }).kind)
  end)

  it("ends one that says nothing for too long", function()
    local world <close> = claude.world()
    world.model:play({ { text = "much too slow", slow = 60 } })
    -- Before its first word it has to load, and that is silence as well.
    local outcome, types = run(world, "try", { idle = 10 })
    assert.same({ false, "interrupted", "idle" }, { outcome.ok, outcome.kind, outcome.stopped })
    assert.truthy(types:find("start.*end$"), types)
    assert.truthy(outcome.seconds < 50, tostring(outcome.seconds))
  end)

  it("goes on after a stream that broke", function()
    local world <close> = claude.world()
    world.model:play({ { text = ("half "):rep(30), cut = 5 }, { text = "Whole." } })
    local outcome, types = run(world, "try")
    assert.same({ "done", "Whole." }, { outcome.kind, outcome.text })
    assert.equal("start retry usage text end", types)
  end)
end)
