-- SPDX-License-Identifier: MIT
-- Runs one long command of a build: its output goes to a log file, its stages
-- to the user, its last lines into the error. It knows no tool and no flag.

local M = {}

-- Of what comes after these only the last lines are kept.
local MOST_LINES = 20000
local LONGEST_LINE = 1000
local RETURN = 13

-- Lines of other programs must not move the cursor or forge a line of ours.
local function clean(line)
  -- Progress that overwrites itself: what is left standing counts. Read from the end,
  -- because a pattern would begin anew at each of very many returns.
  local last = #line
  while line:byte(last) == RETURN do last = last - 1 end
  local first = last
  while first > 0 and line:byte(first) ~= RETURN do first = first - 1 end
  line = line:sub(first + 1, math.min(last, first + LONGEST_LINE))
  return (line:gsub("[%c\x7f]", function(byte) return byte == "\t" and " " or "?" end))
end

local function take(state, line)
  line = clean(line)
  if state.as_written then line = state.as_written(line) end
  if #state.lines < MOST_LINES then state.lines[#state.lines + 1] = line end
  state.last[state.seen % state.keep + 1] = line
  state.seen = state.seen + 1
  state.unlogged[#state.unlogged + 1] = line .. "\n"
  state.on_line(line)
end

-- A log that cannot be written is no reason to fail a build.
local function flush(state)
  if not state.log or #state.unlogged == 0 then return end
  local text = table.concat(state.unlogged)
  state.unlogged = {}
  if not state.fs.append(state.log, text) then state.log = nil end
end

local function read_output(proc, state)
  local rest = ""
  while true do
    local chunk, message, code = proc.stdout:read()
    if not chunk then
      if rest ~= "" then take(state, rest) end
      flush(state)
      -- No message: the end of the stream.
      return not message or nil, message, code
    end
    rest = rest .. chunk
    for line in rest:gmatch("([^\n]*)\n") do take(state, line) end
    rest = rest:match("[^\n]*$")
    flush(state)
  end
end

--- The last lines, oldest first.
local function tail(state)
  local out = {}
  for i = math.max(0, state.seen - state.keep), state.seen - 1 do
    out[#out + 1] = state.last[i % state.keep + 1]
  end
  return out
end

local function new_log(path, fs)
  if not fs.ensure_dir(path:match("^(.*)/"), tonumber("700", 8)) then return nil end
  return fs.write_atomic(path, "", { mode = tonumber("600", 8) }) and path
end

-- Reads to the end while `feed` writes. A process that ended wants nothing more.
local function read_and_feed(proc, state, opts, deps)
  return deps.task.scope(function(scope)
    local feeder = opts.feed and scope:spawn(opts.feed, proc.stdin)
    local read, message, code = read_output(proc, state)
    if not read then return nil, message, code end
    local result
    result, message, code = proc:wait()
    if feeder then feeder:cancel() end
    return result, message, code
  end)
end

---@class wrapix.LoggedResult
---@field code integer? exit status
---@field signal integer|string?
---@field lines string[] all output, up to a bound
---@field tail string[] the last lines
---@field log string? where the log is

--- Runs a command to its end. When the task is cancelled, `opts.interrupt` gets
--- the process to end it its own way; what is left then is killed.
---@param argv string[]
---@param opts table `log` path, `keep` last lines (20), `env`, `on_line(line)`, `interrupt(proc)`,
--- `as_written(line)`, a line without what the engine puts before it, `feed(stdin)`, a task that writes what the command reads and closes it
---@param deps table fs, proc, task
---@return wrapix.LoggedResult|nil
---@return string? message
---@return string? code
---@return string? hint of `feed`
function M.run(argv, opts, deps)
  local proc <close>, message, code = deps.proc.spawn(argv, {
    stdin = opts.feed and "pipe" or "null", stdout = "pipe", stderr = "stdout", session = true,
    env = opts.env,
  })
  if not proc then return nil, message, code end
  local state = {
    lines = {}, last = {}, unlogged = {}, seen = 0, keep = opts.keep or 20,
    fs = deps.fs, log = new_log(opts.log, deps.fs),
    on_line = opts.on_line or function() end,
    as_written = opts.as_written,
  }
  local result, failed, failed_code, hint = read_and_feed(proc, state, opts, deps)
  if not result then
    if opts.interrupt then deps.task.shield(opts.interrupt, proc) end
    return nil, failed, failed_code, hint
  end
  return {
    code = result.code,
    signal = result.signal,
    lines = state.lines,
    tail = tail(state),
    log = state.log,
  }
end

return M
