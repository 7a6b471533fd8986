-- SPDX-License-Identifier: MIT
-- Starts the service behind a runtime's program where that does not run, once, and
-- tells the person what takes so long. Ctrl-C ends the wait with the start.

local proc = require("wrapix.proc")
local runtimes = require("wrapix.runtime")
local task = require("wrapix.task")

local M = {}

-- The first start downloads a kernel of some hundred MB; a service that hangs says
-- nothing meanwhile.
local MOST_SECONDS, SILENT_SECONDS = 1200, 120

local function last_line(text) return text:match("([^\r\n]+)%s*$") end

-- What it prints is shown, a line at a time, for it may download a kernel.
local function follow(stream, report, seen)
  local rest = ""
  for chunk in function() return stream:read() end do
    seen.count = seen.count + 1
    rest = (rest .. chunk):gsub("([^\r\n]*)[\r\n]+", function(line)
      if not line:match("%S") then return "" end
      seen.last = line
      report:note("container: " .. line)
      return ""
    end):sub(-4096)
  end
  if rest:match("%S") then seen.last = rest end
  return true
end

local function watch_silence(seen)
  local before = -1
  while seen.count ~= before do
    before = seen.count
    if not task.sleep(SILENT_SECONDS) then return true end
  end
  return nil, "it has said nothing for two minutes", "ETIMEDOUT"
end

local function run(argv, report)
  local running <close>, message, code = proc.spawn(argv, {
    stdin = "null", stdout = "pipe", stderr = "stdout", session = true,
  })
  if not running then return nil, message, code end
  local seen = { count = 0 }
  local result
  result, message, code = task.timeout(MOST_SECONDS, task.scope, function(scope)
    local silence = scope:spawn(watch_silence, seen)
    local reading = scope:spawn(follow, running.stdout, report, seen)
    reading:wait()
    local ended, why, what = running:wait()
    silence:cancel()
    return ended, why, what
  end)
  if not result then return nil, message, code end
  return result, seen.last
end

---Starts the service of a plan's runtime.
---@param plan table
---@param report table
---@return true|nil
---@return string? message
---@return string? code "EENGINE"
---@return string? hint
function M.start(plan, report)
  local runtime = runtimes.of(plan.runtime)
  local argv = runtime.service_argv(plan.engine)
  if not argv then return nil, "service: " .. runtime.title .. " has none", "EENGINE" end
  report:note(("the service of %s does not run; starting it (once after each boot)")
    :format(runtime.title))
  local result, last, code = run(argv, report)
  if not result then
    if code == "ECANCELED" then return nil, "service: " .. last, code end
    return nil, "service: could not be started: " .. tostring(last), "EENGINE",
      "`container system logs` may say why"
  end
  if result.code ~= 0 then
    local reason = last and last_line(last) or ("status %s"):format(result.code)
    return nil, "service: could not be started: " .. reason, "EENGINE",
      "`container system start` by hand shows more"
  end
  return true
end

---Runs a command of the runtime's and collects what it says; where the service does not
---run it is started, and the command run again.
---@param plan table
---@param report table
---@param argv string[]
---@param seconds number
---@return wrapix.ProcResult|nil
---@return string? message
---@return string? code
---@return string? hint
function M.ask(plan, report, argv, seconds)
  local result, message, code = proc.run(argv, { timeout = seconds, grace = 1 })
  if not result then return nil, message, code end
  if result.code == 0 or not runtimes.of(plan.runtime).is_down(result.stderr) then return result end
  local ok, hint
  ok, message, code, hint = M.start(plan, report)
  if not ok then return nil, message, code, hint end
  return proc.run(argv, { timeout = seconds, grace = 1 })
end

return M
