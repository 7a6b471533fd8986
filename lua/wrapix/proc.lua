-- SPDX-License-Identifier: MIT
-- Processes: argv arrays only, never a shell. This half has the policy: finding
-- the program, merging the environment, timeouts with TERM, grace and KILL, and
-- collecting what nobody read.

local c = require("wrapix._c.proc")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local M = {}

local OPTIONS = {
  cwd = "string", env = "table", clear_env = "boolean", session = "boolean",
  terminal = "boolean",
  stdin = "stdio", stdout = "stdio", stderr = "stdio",
  input = "string", timeout = "number", grace = "number", max_output = "number",
  background = "boolean", on_stdout = "function",
}

-- What a program wrote before its end is in the pipe by then, and read in a moment.
local LAST_SECONDS = 0.05

---@class wrapix.ProcResult
---@field code integer? exit status; exactly one of code and signal is there
---@field signal integer? that ended it
---@field seconds number
---@field rusage { user: number, system: number, max_rss_kb: integer }
---@field stdout string? what nobody read of it
---@field stderr string?
---@field truncated boolean? more came than max_output
---@field timed_out boolean?

---@class wrapix.Proc
---@field stdin wrapix.Stream? our end of the pipe
---@field stdout wrapix.Stream?
---@field stderr wrapix.Stream?
local Proc = {}
Proc.__index = Proc

local function check_options(opts, level)
  for key, value in pairs(opts) do
    local want = OPTIONS[key]
    if not want then error(("unknown option '%s'"):format(tostring(key)), level + 1) end
    local got = type(value)
    local fits = got == want or (want == "stdio" and (got == "string" or got == "table"))
    if not fits then
      error(("option '%s': %s expected, got %s"):format(key, want, got), level + 1)
    end
  end
end

local function check_argv(argv, level)
  if type(argv) ~= "table" or type(argv[1]) ~= "string" then
    error("argv: a list of strings expected, the program first", level + 1)
  end
end

-- NAME=VALUE list; opts.env maps a name to a string, or to false to unset it.
local function environment(opts, level)
  local vars = opts.clear_env and {} or sys.environ()
  for name, value in pairs(opts.env or {}) do
    if type(name) ~= "string" or name == "" or name:find("[=%z]") then
      error(("env: '%s' is no variable name"):format(tostring(name)), level + 1)
    end
    vars[name] = value or nil
  end
  local list = {}
  for name, value in pairs(vars) do list[#list + 1] = name .. "=" .. tostring(value) end
  table.sort(list)
  return list, vars
end

---The number of a signal's name without SIG; nil for an unknown one.
---@param name string
---@return integer?
function M.signal_number(name) return c.signal_number(name) end

---The name of a signal without SIG; nil for an unknown number.
---@param number integer
---@return string?
function M.signal_name(number) return c.signal_name(number) end

---Starts a process. Options: cwd; env (a map merged over ours, false unsets);
---clear_env; stdin, stdout, stderr: "inherit" | "null" | "pipe" | { file = path,
---mode = "r"|"w"|"a"|"rw" }, stderr also "stdout" (default: null, inherit, inherit);
---session = true for a session of its own, without a terminal, killed as a whole;
---terminal = true for one whose terminal is stdin, a file.
---@param argv string[]
---@param opts table?
---@return wrapix.Proc|nil
---@return string? message
---@return string? code
function M.spawn(argv, opts)
  opts = opts or {}
  check_argv(argv, 2)
  check_options(opts, 2)
  local env, vars = environment(opts, 2)
  local path, msg, code = sys.which(argv[1], vars.PATH)
  if not path then return nil, msg, code end
  local stdio = { opts.stdin or "null", opts.stdout or "inherit", opts.stderr or "inherit" }
  local group = opts.terminal and "terminal" or opts.session and "session" or nil
  local proc, stdin, stdout, stderr = c.spawn(path, argv, env, opts.cwd, stdio, group)
  if not proc then return nil, stdin, stdout end
  return setmetatable({
    _proc = proc, _opts = opts, _kept = {}, stdin = stdin, stdout = stdout, stderr = stderr,
  }, Proc)
end

---@return integer
function Proc:pid() return self._proc:pid() end

---@return boolean whether the process itself has ended
function Proc:exited() return self._proc:exited() end

---Sends a signal: a name without SIG, or a number. A process with session = true
---gets it with everything it started.
---@param signal string|integer?
---@return true|nil, string?, string?
function Proc:kill(signal)
  signal = signal or "TERM"
  local number = math.type(signal) == "integer" and signal or c.signal_number(signal)
  if not number then error(("unknown signal '%s'"):format(tostring(signal)), 2) end
  return self._proc:kill(number)
end

-- Reads a pipe to its end into `kept`, which a second wait goes on with.
local function drain(stream, kept, limit)
  while true do
    local chunk, msg, code = stream:read()
    if not chunk then
      if msg and not stream:is_closed() then return nil, msg, code end
      stream:close()
      return true
    end
    if kept.size < limit then kept[#kept + 1] = chunk:sub(1, limit - kept.size) end
    kept.size = kept.size + #chunk
  end
end

-- Hands a pipe on as it comes; nothing of it is kept.
local function hand_on(stream, fn)
  while true do
    local chunk, msg, code = stream:read()
    if not chunk then
      if msg and not stream:is_closed() then return nil, msg, code end
      stream:close()
      return true
    end
    fn(chunk)
  end
end

-- Returns the tasks that read.
function Proc:_collect(scope, limit)
  local reading = {}
  for _, name in ipairs({ "stdout", "stderr" }) do
    local stream = self[name]
    local is_free = stream and not stream:is_closed() and not stream:is_reading()
    if is_free and name == "stdout" and self._opts.on_stdout then
      reading[#reading + 1] = scope:spawn(hand_on, stream, self._opts.on_stdout)
    elseif is_free then
      self._kept[name] = self._kept[name] or { size = 0 }
      reading[#reading + 1] = scope:spawn(drain, stream, self._kept[name], limit)
    end
  end
  return reading
end

local function wait_for_all(children)
  for _, child in ipairs(children) do child:wait() end
  return true
end

-- Closes the pipes that something else still holds when the process itself has ended.
function Proc:_let_go(reading)
  if task.timeout(LAST_SECONDS, wait_for_all, reading) then return end
  self:close_pipes()
end

---Waits for the end of the process and of its pipes (rule 18). What nobody read
---of stdout and stderr is in the result.
---@return wrapix.ProcResult|nil
---@return string? message
---@return string? code
function Proc:wait()
  local limit = self._opts.max_output or 64 * 1024 * 1024
  local result, msg, code = task.scope(function(scope)
    local reading = self:_collect(scope, limit)
    local ended, why, what = self._proc:wait()
    if ended and self._opts.background then self:_let_go(reading) end
    return ended, why, what
  end)
  if not result then return nil, msg, code end
  for name, kept in pairs(self._kept) do
    result[name] = table.concat(kept)
    if kept.size > limit then result.truncated = true end
  end
  return result
end

---Ends the process: TERM, then KILL after `grace` seconds. Waits for the end.
---@param grace number? seconds, default 5
function Proc:stop(grace)
  return task.shield(function()
    if self._proc:exited() then return self:wait() end
    self:kill("TERM")
    local result = task.timeout(grace or 5, function() return self:wait() end)
    if result then return result end
    self:kill("KILL")
    result = task.timeout(1, function() return self:wait() end)
    if result then return result end
    self:close_pipes() -- a grandchild that left the session still holds them
    return self:wait()
  end)
end

---Closes our ends of the pipes.
function Proc:close_pipes()
  for _, name in ipairs({ "stdin", "stdout", "stderr" }) do
    if self[name] then self[name]:close() end
  end
end

---Lines of stdout, without their ends.
---@return fun(): string?
function Proc:lines()
  return function() return self.stdout:read_line() end
end

---Lets the process go on alone; this object is of no use any more.
function Proc:release()
  self._released = true
  self:close_pipes()
  self._proc:release()
end

-- Leaving the scope of a <close> variable ends the process.
function Proc:__close()
  if self._released then return end
  if not self._proc:exited() then self:stop(1) end
  self:close_pipes()
end

local function feed(proc, input)
  -- A program that ends without reading everything is no failure: EPIPE.
  proc.stdin:write(input)
  proc.stdin:close()
  return true
end

---Runs a process to its end. Options of spawn, and: input (a string for stdin);
---timeout in seconds, then TERM, `grace` seconds (5), KILL; max_output in bytes a
---stream (64 MiB), the rest is dropped and `truncated` set; on_stdout is handed what comes
---on stdout instead, in pieces. stdout and stderr are
---collected unless given; with background = true only until the process itself has
---ended, whatever it left running with them.
---@param argv string[]
---@param opts table?
---@return wrapix.ProcResult|nil
---@return string? message
---@return string? code
function M.run(argv, opts)
  local own = {}
  for key, value in pairs(opts or {}) do own[key] = value end
  own.stdout, own.stderr = own.stdout or "pipe", own.stderr or "pipe"
  if own.input then own.stdin = "pipe" end
  -- A run with a time limit must be able to end whatever the program started.
  if own.session == nil and own.timeout and own.stdin ~= "inherit" then own.session = true end
  check_argv(argv, 2)
  check_options(own, 2)
  local proc <close>, msg, code = M.spawn(argv, own)
  if not proc then return nil, msg, code end
  local function finish()
    return task.scope(function(scope)
      if own.input then scope:spawn(feed, proc, own.input) end
      return proc:wait()
    end)
  end
  if not own.timeout then return finish() end
  local result, why, what = task.timeout(own.timeout, finish)
  if result or what ~= "ETIMEDOUT" then return result, why, what end
  local ended = proc:stop(own.grace)
  if ended then ended.timed_out = true end
  return ended
end

return M
