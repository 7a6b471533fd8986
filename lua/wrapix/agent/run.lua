-- SPDX-License-Identifier: MIT
-- One headless run of an agent in a sandbox of its own: the prompt goes to its stdin,
-- what it writes becomes events, and its end an outcome. The agent has ended and the
-- container is gone when `run` returns, whatever happened.

local options = require "wrapix.opts"
local outcomes = require "wrapix.agent.outcome"
local readers = require "wrapix.agent.reader"
local registry = require "wrapix.agent.registry"
local sys = require "wrapix.sys"
local task = require "wrapix.task"
local units = require "wrapix.plan.units"

local M = {}

local OPTIONS = {
  agent = "string", prompt = "string", on_event = "function", timeout = "number|string",
  idle = "number|string", resume = "string", continue = "boolean", model = "string",
  max_turns = "integer", log = "table",
}

---@class wrapix.AgentRunOptions
---@field prompt string
---@field agent string? default: the sandbox's
---@field on_event fun(event: wrapix.AgentEvent)? called with each event as it comes
---@field timeout number|string? seconds or a duration, for the whole run
---@field idle number|string? likewise: how long the agent may write nothing at all
---@field resume string? the session of an earlier outcome
---@field continue boolean? goes on with the newest session of the project
---@field model string?
---@field max_turns integer? where the agent knows such a limit
---@field log table? as for a sandbox's run

---@class wrapix.AgentResult: wrapix.AgentOutcome
---@field seconds number
---@field stderr string? what the agent and the engine said there

local function duration(opts, name)
  if not opts[name] then return nil end
  local seconds, reason = units.duration(opts[name])
  if not seconds then error(("agent.run: %s: %s %s"):format(name, tostring(opts[name]), reason), 4) end
  return seconds
end

local function check(box, opts)
  if type(box) ~= "table" or type(box.agent) ~= "function" then
    error("agent.run: box: a sandbox expected", 3)
  end
  if box:is_started() then
    error("agent.run: box: is started; an agent's run is a container of its own", 3)
  end
  options.check(opts, OPTIONS, "agent.run", 2)
  if not opts or not opts.prompt or opts.prompt == "" then
    error("agent.run: prompt: a text expected", 3)
  end
  return { timeout = duration(opts, "timeout"), idle = duration(opts, "idle") }
end

local function choose(box, opts)
  local own, settings, command = box:agent()
  local name = opts.agent or own
  if not name then
    return nil, "agent.run: the profile has no agent", "ENOAGENT",
      'give one: agent.run(box, { agent = "claude", … }), or agent = "claude" in the profile'
  end
  local agent, message, code, hint = registry.get(name)
  if not agent then return nil, message, code, hint end
  local argv
  argv, message, code, hint = agent.argv("headless", {
    prompt_file = registry.PROMPT_FILE, settings = settings[name], command = command,
    model = opts.model, resume = opts.resume, continue = opts.continue, max_turns = opts.max_turns,
  })
  if not argv then return nil, message, code, hint end
  return agent, argv
end

-- How often it is looked whether the agent runs: an image may have to be built first.
local START_SECONDS = 0.1

-- Ends the work when nothing has come for too long.
local function watch(run, work)
  while true do
    local left = run.last and run.last + run.idle - sys.clock() or START_SECONDS
    if left <= 0 then
      run.stopped = "idle"
      work:cancel()
      return true
    end
    if not task.sleep(left) then return true end
  end
end

local function take(run, events)
  for _, event in ipairs(events) do
    run.tally:take(event)
    run.has_end = run.has_end or event.type == "end"
    if run.on_event then run.on_event(event) end
  end
end

local function start(run, box, argv, opts, limits)
  return box:run(argv, {
    agent = run.agent.name, input = opts.prompt, stderr = "pipe", timeout = limits.timeout,
    log = opts.log,
    on_started = function() run.last = sys.clock() end,
    on_stdout = function(chunk)
      run.last = sys.clock()
      take(run, run.reader:feed(chunk))
    end,
  })
end

-- An idle agent is ended by cancelling the run: the sandbox cleans up behind itself.
local function supervise(run, box, argv, opts, limits)
  return task.scope(function(scope)
    local work = scope:spawn(start, run, box, argv, opts, limits)
    local clock = run.idle and scope:spawn(watch, run, work)
    local result, message, code, hint = work:wait()
    if clock then clock:cancel() end
    if not result and run.stopped then return { seconds = sys.clock() - run.begun } end
    return result, message, code, hint
  end)
end

local function end_event(outcome)
  return {
    type = "end", ok = outcome.ok, kind = outcome.kind, text = outcome.text, usd = outcome.usd,
    turns = outcome.turns, session = outcome.session, usage = outcome.usage,
  }
end

-- The limit of the run, or one of the profile.
local function is_late(result)
  return result.timed_out or (result.stopped or ""):find("^time limit") ~= nil
end

local function finish(run, result)
  take(run, run.reader:finish())
  local exit = {
    code = result.code, signal = result.signal, stderr = result.stderr,
    stopped = run.stopped or is_late(result) and "timeout" or nil,
  }
  local outcome = run.tally:finish(exit, run.reader.state)
  outcome.seconds, outcome.stderr = result.seconds, result.stderr
  if not run.has_end and run.on_event then run.on_event(end_event(outcome)) end
  return outcome
end

--- Runs an agent once and waits for its end. An agent that fails is an outcome, not a
--- failure of this function. Cancelling the task ends the agent.
---@param box wrapix.Sandbox not started
---@param opts wrapix.AgentRunOptions
---@return wrapix.AgentResult? result
---@return string? message when the sandbox could not be run at all
---@return string? code
---@return string? hint
function M.run(box, opts)
  local limits = check(box, opts)
  local agent, argv, code, hint = choose(box, opts)
  if not agent then return nil, argv, code, hint end
  local run = {
    agent = agent, reader = readers.new(agent), tally = outcomes.new(agent),
    on_event = opts.on_event, idle = limits.idle,
    begun = sys.clock(),
  }
  local result, message
  result, message, code, hint = supervise(run, box, argv, opts, limits)
  if not result then return nil, message, code, hint end
  return finish(run, result)
end

return M
