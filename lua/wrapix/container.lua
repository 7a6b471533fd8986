-- SPDX-License-Identifier: MIT
-- Runs one container engine command in the foreground: signals, terminal, exit
-- status. Knows no flag of any engine; what a signal means is the caller's.

local c = require("wrapix._c.container")
local lazy = require("wrapix.lazy")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")
local task = require("wrapix.task")
local terminals = lazy("wrapix.terminal")

local M = {}

local CAUGHT = { "INT", "TERM", "HUP", "QUIT" }

---@class wrapix.SuperviseOptions
---@field on_signal fun(name: string, sender: integer)? sender 0: typed at the terminal, which
--- reached the engine too. Without it signals are left as they are
---@field timeout number? seconds, then on_timeout is called
---@field on_timeout fun()?

---@class wrapix.ForegroundOptions: wrapix.SuperviseOptions
---@field env table? variables for the engine, merged over ours
---@field cwd string? default: ours
---@field stdin any? as in proc.spawn, default "inherit"
---@field input string? what to write to stdin instead
---@field on_start fun(proc: wrapix.Proc)?
---@field stdout any? default "inherit"
---@field on_stdout fun(chunk: string)? is handed what comes on stdout, which is a pipe then
---@field stderr any? default "inherit"; "pipe" hands it to on_stderr
---@field session boolean? away from our terminal: what is typed there does not reach it
---@field on_stderr fun(chunk: string): string? what to pass on to our stderr, nil for nothing
---@field attention wrapix.Attention? what the program shows is looked at on its way to our
--- terminal, which is stdin and stdout, or to on_stdout

---@class wrapix.Attention
---@field take fun(text: string, idle: number?) a bell or a notification, see terminal.lua
---@field missing fun(message: string) the program got our terminal itself

---Writes to our own stderr without holding up other tasks.
---@param text string
function M.write_stderr(text) return c.write_fd(2, text) end

---Writes to our own stdout, likewise.
---@param text string
---@return true|nil, string?, string?
function M.write_stdout(text) return c.write_fd(1, text) end

---Whether what a command gets as its stdin is our terminal.
---@param stdin any as in proc.spawn
---@return boolean
function M.is_terminal(stdin) return stdin == "inherit" and sys.isatty(0) end

---Runs an engine command that must be tried even while the task is being ended.
---@param argv string[]
---@param timeout number seconds
---@return table|nil, string?, string? as proc.run
function M.shielded(argv, timeout)
  return task.shield(proc.run, argv, { timeout = timeout, grace = 1 })
end

---Runs fn() as a task that INT, TERM or HUP cancels: for long work of our own in
---the place of the engine's. Its cleanup runs to the end.
---@param fn function
---@return any ... of fn, or nil, message, and the signal's name such as "SIGINT" as the code
function M.interruptible(fn)
  local signals <close>, why, what = c.signals({ "INT", "TERM", "HUP" })
  if not signals then return nil, why, what end
  local caught
  local out = table.pack(task.scope(function(scope)
    local work = scope:spawn(fn)
    local watch = scope:spawn(function()
      caught = signals:next()
      if caught then work:cancel() end
      return true
    end)
    local results = table.pack(work:wait())
    watch:cancel()
    return table.unpack(results, 1, results.n)
  end))
  if caught then return nil, "interrupted by SIG" .. caught, "SIG" .. caught end
  return table.unpack(out, 1, out.n)
end

local function relay(stream, filter)
  local stderr <close> = stream
  for chunk in function() return stderr:read() end do
    local out = filter and filter(chunk) or not filter and chunk
    if out and out ~= "" then c.write_fd(2, out) end
  end
  return true
end

local function hand_over(stream, take)
  local stdout <close> = stream
  for chunk in function() return stdout:read() end do take(chunk) end
  return true
end

local function feed(running, input)
  running.stdin:write(input) -- a program may end without reading it all
  running.stdin:close()
  return true
end

local function watch_signals(signals, opts)
  while true do
    local name, sender = signals:next()
    if not name then return true end
    opts.on_signal(name, sender)
  end
end

local function watch_clock(opts)
  if task.sleep(opts.timeout) then opts.on_timeout() end
  return true
end

-- False when nobody wants to hear them.
local function open_signals(opts)
  if not opts.on_signal then return false end
  return c.signals(CAUGHT)
end

---Runs fn(scope) while INT, TERM, HUP and QUIT go to on_signal and the clock to
---on_timeout. Tasks of the scope are waited for.
---@param opts wrapix.SuperviseOptions
---@param fn fun(scope: wrapix.Scope): ...
---@return any ... of fn
function M.supervise(opts, fn)
  local signals <close>, why, what = open_signals(opts)
  if signals == nil then return nil, why, what end
  return task.scope(function(scope)
    local aside = {}
    if signals then aside[1] = scope:spawn(watch_signals, signals, opts) end
    if opts.timeout and opts.on_timeout then
      aside[#aside + 1] = scope:spawn(watch_clock, opts)
    end
    local out = table.pack(fn(scope))
    for _, child in ipairs(aside) do child:cancel() end
    return table.unpack(out, 1, out.n)
  end)
end

-- The terminal that a command gets in the place of ours, if it is to be looked at.
local function open_relay(opts)
  if not opts.attention or opts.on_stdout then return nil end
  local between, msg = terminals.relay(0, 1)
  if not between then opts.attention.missing(msg) end
  return between
end

local function streams(opts, between)
  local own = between and { file = between.path, mode = "rw" }
  return {
    env = opts.env, cwd = opts.cwd,
    stdin = own or opts.input and "pipe" or opts.stdin or "inherit",
    stdout = own or opts.on_stdout and "pipe" or opts.stdout or "inherit",
    stderr = opts.stderr or "inherit",
    session = opts.session, terminal = own and true,
  }
end

-- What is handed over is looked at first.
local function watched(opts)
  if not opts.attention or not opts.on_stdout then return opts.on_stdout end
  local watcher = terminals.watcher()
  return function(chunk)
    for _, text in ipairs(watcher:feed(chunk)) do opts.attention.take(text) end
    return opts.on_stdout(chunk)
  end
end

local function put_back()
  c.term_restore()
  c.streams_restore()
end

---Runs an engine command in the foreground. The terminal's modes are put back, and
---whether our streams block, however it ends; INT, TERM, HUP and QUIT go to on_signal while it runs.
---@param argv string[]
---@param opts wrapix.ForegroundOptions
---@return wrapix.ProcResult|nil
---@return string? message
---@return string? code
function M.run(argv, opts)
  local ours <close> = setmetatable({}, { __close = put_back })
  ours.terminal = c.term_save(0)
  c.streams_save()
  return M.supervise(opts, function(scope)
    local between <close> = open_relay(opts)
    local running <close>, msg, code = proc.spawn(argv, streams(opts, between))
    if not running then return nil, msg, code end
    if opts.on_start then opts.on_start(running) end
    if between then between:started() end
    local serving = between and scope:spawn(between.serve, between, opts.attention.take)
    local feeder = opts.input and scope:spawn(feed, running, opts.input)
    -- Taken from the process, whose wait() would read it as well whenever the relay
    -- is busy writing.
    if running.stderr then scope:spawn(relay, running.stderr, opts.on_stderr) end
    running.stderr = nil
    if opts.on_stdout then
      scope:spawn(hand_over, running.stdout, watched(opts))
      running.stdout = nil
    end
    local result
    result, msg, code = running:wait()
    if feeder then feeder:cancel() end
    if between then task.shield(between.finish, between, serving) end
    return result, msg, code
  end)
end

---Points our standard streams to nowhere: the one who started us may go.
function M.leave_stdio() c.leave_stdio() end

return M
