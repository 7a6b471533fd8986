-- SPDX-License-Identifier: MIT
-- The stream of the real Claude Code as wrapix reads it: the recorded streams that
-- the unit specs trust are what the program still writes, and a whole run by
-- wrapix.agent.

local agent = require("wrapix.agent")
local claude = require("support.claude")
local e2e = require("support.e2e")
local fs = require("wrapix.fs")
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
  local numbers, count = {}, 0
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
    event.usd = event.usd and ("%.6f"):format(event.usd)
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
