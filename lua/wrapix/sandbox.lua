-- SPDX-License-Identifier: MIT
-- `wrapix.sandbox(profile, opts)`: the object over plan and launch, for scripts.
-- Each run is a container of its own; start() keeps one for exec() until stop().

local context = require("wrapix.context")
local hooks = require("wrapix.launch.hooks")
local handovers = require("wrapix.lazy")("wrapix.launch.handover")
local launch = require("wrapix.launch")
local plans = require("wrapix.plan")
local proc = require("wrapix.proc")
local profiles = require("wrapix.profile")
local runtimes = require("wrapix.runtime")

local M = {}

---@class wrapix.SandboxOptions: wrapix.PlanOptions
---@field workspace string? directory, default: the current one

---@class wrapix.RunOptions
---@field stdin any? "inherit", "null", { file = path }; default "null"
---@field input string? for stdin
---@field stdout any? "inherit" (default), "pipe" to collect it, "null", { file = path }
---@field on_stdout fun(chunk: string)? of run and exec: is handed it as it comes, instead
---@field on_started fun(running: wrapix.Running)? of run: the command runs, image and container are
--- there; `running:stop(reason, grace?)` ends it, `running:cpu_seconds()` tells what it used
---@field files table<string, string>? of run: name → text of /run/wrapix/NAME
---@field sockets table<string, fun(connection: wrapix.Stream)>? of run: name → what answers a
--- connection to /run/wrapix/NAME.sock, in a task of its own
---@field collect table<string, integer>? of run: name in /run/wrapix/out → the most bytes; the
--- result's `collected` has the texts, its `collect_errors` why one is not among them
---@field apart boolean? of run and start: signals, Ctrl-C among them, are the caller's alone;
--- it ends the sandbox by cancelling its own task
---@field notify boolean? of run: false: what the agent's hooks tell the person (it ended, it waits) is not
--- shown, for a caller that tells of it itself
---@field agent string? of run: an agent whose login and settings the sandbox gets as well
---@field stderr any? "inherit" (default) or "pipe"
---@field capture boolean? collects both
---@field timeout number|string? seconds or a duration
---@field log table? receives notes, warnings and details

local RUN_OPTIONS = {
  stdin = true, input = true, stdout = true, stderr = true, capture = true, timeout = true,
  log = true,
}
-- What only a container of its own can be given.
local OF_RUN = {
  on_stdout = true, on_started = true, agent = true, files = true, sockets = true, collect = true,
  apart = true, notify = true,
}

local OF_EXEC = { on_stdout = true }

---@class wrapix.Sandbox
local Sandbox = {}
Sandbox.__index = Sandbox

local function copy(from, into)
  for key, value in pairs(from or {}) do into[key] = value end
  return into
end

local function load_profile(what, workspace)
  if type(what) == "string" then return profiles.load(what, context.profiles(workspace)) end
  if type(what) ~= "table" then error("sandbox: a profile, its name or its path expected", 3) end
  if getmetatable(what) and getmetatable(what).__name == "wrapix.profile" then return what end
  return profiles.from_table(what, profiles.caller(2))
end

-- Facts and plan of one launch: a new session each time. Third comes the function
-- that makes the plan again, with what a hook changed.
function Sandbox:_prepare(options, terminal, shown)
  local facts, msg, code, hint = context.facts(self._workspace,
    { runtime = self._options.runtime, shows = shown })
  if not facts then return nil, msg, code, hint end
  if not terminal then facts.stdin_tty, facts.stdout_tty = false, false end
  local all = copy(options, copy(self._options, {}))
  local function make(edit)
    local changed, origins = all, nil
    if edit then changed, origins = edit:merged(all) end
    return plans.make(self._profile, changed, facts, { runs = not shown, origins = origins })
  end
  local plan
  plan, msg, code, hint = make()
  if not plan then return nil, msg, code, hint end
  return plan, facts, make
end

local SILENT = { warn = function() end, note = function() end, detail = function() end }

function Sandbox:_hooks(log, replan) return hooks.new(self._profile, log or SILENT, replan) end

---The plan that run(argv) would start. Starts nothing.
---@param argv string[]?
---@return table|nil plan
---@return string? message
---@return string? code
---@return string? hint
function Sandbox:plan(argv)
  local plan, msg, code, hint = self:_prepare({ command = argv }, true, true)
  if not plan then return nil, msg, code, hint end
  return plan
end

local function check_run_options(opts, more)
  for key in pairs(opts) do
    if not RUN_OPTIONS[key] and not (more and more[key]) then
      error(("run: unknown option '%s'"):format(tostring(key)), 3)
    end
  end
end

---Runs a command in a new container and waits for its end.
---@param argv string[]? default: the profile's command
---@param opts wrapix.RunOptions?
---@return wrapix.LaunchResult|nil
---@return string? message
---@return string? code
---@return string? hint
function Sandbox:run(argv, opts)
  opts = opts or {}
  check_run_options(opts, OF_RUN)
  local has_handover = opts.files or opts.sockets or opts.collect
  local handover = has_handover and handovers.of(opts, "run", 2) or nil
  local stdout = opts.stdout or (opts.capture and "pipe") or "inherit"
  local stdin = opts.stdin or "null"
  local is_shown = stdout == "inherit" and not opts.on_stdout
  local terminal = stdin == "inherit" and is_shown and not opts.input
  local asked = { command = argv, timeout = opts.timeout, agent = opts.agent }
  local plan, facts, make, hint = self:_prepare(asked, terminal)
  if not plan then return nil, facts, make, hint end
  return launch.run(plan, facts, {
    hooks = self:_hooks(opts.log, make), log = opts.log, stdin = stdin, input = opts.input,
    stdout = stdout, on_stdout = opts.on_stdout, on_started = opts.on_started,
    stderr = opts.stderr or (opts.capture and "pipe") or "inherit", handover = handover,
    apart = opts.apart, notify = opts.notify,
  })
end

-- Whatever the profile's command is: what runs in it comes by exec.
local function wait_for_exec(plan)
  plan.command = { value = { "--hold" }, init = true, origin = plan.command.origin }
  return plan
end

---The agent that counts where none is named, and the profile's settings of agents.
---@return string? name
---@return table<string, table> settings
---@return string[]? command the profile's
function Sandbox:agent()
  local profile = self._profile
  return self._options.agent or profile.agent, profile.settings or {}, profile.command
end

---The name of the login that its agents use.
---@return string
function Sandbox:login() return self._profile.login or require("wrapix.agent.store").DEFAULT end

---Whether start() has been called, and stop() has not.
---@return boolean
function Sandbox:is_started() return self._started ~= nil end

---Starts a container that waits, for exec. Returns this object, or a failure.
---@param opts { apart: boolean?, log: table? }?
---@return wrapix.Sandbox|nil
---@return string? message
---@return string? code
---@return string? hint
function Sandbox:start(opts)
  local log = opts and opts.log
  if self._held then error("start: the sandbox has been started already", 2) end
  -- Any command will do: it is replaced. With none it would be the agent's.
  local asked = { command = { "true" }, detach = true }
  local plan, facts, make, hint = self:_prepare(asked, false)
  if not plan then return nil, facts, make, hint end
  local function remake(edit)
    local made, why, what, mend = make(edit)
    if not made then return nil, why, what, mend end
    return wait_for_exec(made)
  end
  local result, msg, code
  result, msg, code, hint = launch.run(wait_for_exec(plan), facts,
    { stderr = "pipe", hold = true, hooks = self:_hooks(log, remake), log = log,
      apart = opts and opts.apart })
  if not result then return nil, msg, code, hint end
  if result.code ~= 0 then
    local said = (result.stderr or ""):gsub("%s+$", "")
    return nil, ("start: %s: the engine said: %s"):format(plan.name, said), "EENGINE"
  end
  self._held = result.held
  return self
end

---Runs one more command in the started container.
---@param argv string[]
---@param opts wrapix.RunOptions? timeout ends the engine's process, not the command inside
---@return wrapix.LaunchResult|nil stopped is the reason when the sandbox was ended under it
---@return string? message
---@return string? code "ETIMEDOUT" when its time limit has ended the sandbox before
function Sandbox:exec(argv, opts)
  opts = opts or {}
  check_run_options(opts, OF_EXEC)
  local held = self._held
  if not held then error("exec: the sandbox has not been started", 2) end
  if held.stopped then
    return nil, ("exec: %s: has ended: %s"):format(held.plan.name, held.stopped), "ETIMEDOUT"
  end
  local both = opts.capture and "pipe" or "inherit"
  local runtime = runtimes.of(held.plan.runtime)
  local result, msg, code = proc.run(
    runtime.exec_argv(held.plan, argv, { stdin = opts.stdin or opts.input }), {
      stdin = opts.stdin, input = opts.input,
      stdout = opts.stdout or (opts.on_stdout and "pipe") or both, stderr = opts.stderr or both,
      on_stdout = opts.on_stdout, timeout = opts.timeout and assert(context.seconds(opts.timeout)),
    })
  if result then result.stopped = held.stopped end
  return result, msg, code
end

---Stops and removes the started container. Does nothing when there is none.
---@param grace number? seconds for the programs inside, default 10
---@return true|nil
---@return string? message
---@return string? code
function Sandbox:stop(grace)
  local held = self._held
  if not held then return true end
  self._held = nil
  return held:stop(grace)
end

function Sandbox:__close() self:stop(1) end

---Makes a sandbox object. Nothing is started.
---@param profile table|string a profile, its name or its path
---@param opts wrapix.SandboxOptions?
---@return wrapix.Sandbox|nil
---@return string? message
---@return string? code
---@return string? hint
function M.new(profile, opts)
  local options = copy(opts, {})
  local workspace = context.workspace(options.workspace)
  local found, msg, code, hint = load_profile(profile, workspace)
  if not found then return nil, msg, code, hint end
  return setmetatable({ _profile = found, _options = options, _workspace = workspace }, Sandbox)
end

return M
