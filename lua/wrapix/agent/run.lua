-- SPDX-License-Identifier: MIT
-- One headless run of an agent in a sandbox of its own: the prompt goes to its stdin,
-- what it writes becomes events, and its end an outcome. The agent has ended and the
-- container is gone when `run` returns, whatever happened.

local choose = require "wrapix.agent.choose"
local outcomes = require "wrapix.agent.outcome"
local readers = require "wrapix.agent.reader"
local sys = require "wrapix.sys"
local task = require "wrapix.task"
local watch = require "wrapix.agent.watch"

local M = {}

local NAME = "agent.run"
local GRACE = 10

local OPTIONS = {
  agent = "string", prompt = "string", on_event = "function", on_output = "function",
  timeout = "number|string", idle = "number|string", on_idle = "function",
  grace = "number|string", resume = "string", continue = "boolean", model = "string",
  max_turns = "integer", log = "table", files = "table", sockets = "table", collect = "table",
  apart = "boolean", notify = "boolean",
}

---@class wrapix.AgentRunOptions
---@field prompt string
---@field agent string? default: the sandbox's
---@field on_event fun(event: wrapix.AgentEvent)? called with each event as it comes
---@field on_output fun(chunk: string)? called with what the agent writes, as it comes and before it is read
---@field timeout number|string? seconds or a duration, for the whole run
---@field idle number|string? likewise: how long the agent may write nothing at all
---@field on_idle (fun(silence: wrapix.AgentSilence): boolean?)? asked then; true: it works all the same
---@field grace number|string? how long it may stay after its last word; 10 s
---@field resume string? the session of an earlier outcome
---@field continue boolean? goes on with the newest session of the project
---@field model string?
---@field max_turns integer? where the agent knows such a limit
---@field files table<string, string>? as for a sandbox's run, and so the next two
---@field sockets table<string, fun(connection: wrapix.Stream)>?
---@field collect table<string, integer>?
---@field apart boolean? likewise: signals are the caller's
---@field notify boolean? likewise: false: what its hooks tell the person is not shown
---@field log table? as for a sandbox's run

---@class wrapix.AgentResult: wrapix.AgentOutcome
---@field seconds number
---@field stderr string? what the agent and the engine said there
---@field lingered boolean? it had to be ended after its last word
---@field collected table<string, string>? where files were to be collected
---@field collect_errors table<string, string>?

local function take(run, events)
  for _, event in ipairs(events) do
    run.tally:take(event)
    if event.type == "end" or event.type == "start" then run.has_end = event.type == "end" end
    if run.on_event then run.on_event(event) end
  end
  if run.has_end and run.scope and not run.clock then
    run.clock = run.scope:spawn(watch.linger, run)
  end
end

local function start(run, box, argv, opts, timeout)
  return box:run(argv, {
    agent = run.agent.name, input = opts.prompt, stderr = "pipe", timeout = timeout,
    log = opts.log, apart = opts.apart, notify = opts.notify,
    files = opts.files, sockets = opts.sockets, collect = opts.collect,
    on_started = function(running) run.last, run.running = sys.clock(), running end,
    on_stdout = function(chunk)
      run.last = sys.clock()
      if opts.on_output then opts.on_output(chunk) end
      take(run, run.reader:feed(chunk))
    end,
  })
end

local function supervise(run, box, argv, opts, timeout)
  return task.scope(function(scope)
    run.scope = scope
    local work = scope:spawn(start, run, box, argv, opts, timeout)
    local silence = run.idle and scope:spawn(watch.silence, run)
    local out = table.pack(work:wait())
    run.scope = nil
    if silence then silence:cancel() end
    if run.clock then run.clock:cancel() end
    return table.unpack(out, 1, out.n)
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
  outcome.seconds, outcome.stderr, outcome.lingered = result.seconds, result.stderr, run.lingered
  outcome.collected, outcome.collect_errors = result.collected, result.collect_errors
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
  choose.check(box, opts, OPTIONS, NAME)
  local timeout, idle = choose.duration(opts, "timeout", NAME), choose.duration(opts, "idle", NAME)
  local grace = opts.grace ~= 0 and choose.duration(opts, "grace", NAME) or opts.grace or GRACE
  choose.handover(opts, NAME)
  local asked = { agent = opts.agent, model = opts.model, resume = opts.resume,
    continue = opts.continue, max_turns = opts.max_turns }
  local agent, argv, code, hint = choose.agent(box, "headless", asked, NAME)
  if not agent then return nil, argv, code, hint end
  local run = {
    agent = agent, reader = readers.new(agent), tally = outcomes.new(agent),
    on_event = opts.on_event, idle = idle, on_idle = opts.on_idle, grace = grace,
  }
  local result, message
  result, message, code, hint = supervise(run, box, argv, opts, timeout)
  if not result then return nil, message, code, hint end
  return finish(run, result)
end

return M
