-- SPDX-License-Identifier: MIT
-- A process in the foreground of `run`, `start -a` and `exec`: its terminal, what the
-- CLI does to stdin, and which signals reach it in which version (facts A10, correction 1).

local fail = require("support.apple.fail")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local M = {}

-- Numbers of macOS, which up to 0.12.3 go to the Linux inside as they are.
local MAC = { INT = 2, TERM = 15, USR1 = 30, USR2 = 31, WINCH = 28 }

---`-t -i` together want a terminal at stdin; the CLI fails without one (correction 10).
function M.check_terminal(tty, interactive)
  if tty and interactive and not sys.isatty(0) then
    fail.with("internalError", "failed to run container: Inappropriate ioctl for device")
  end
end

---The CLI leaves O_NONBLOCK on the description of stdin, which it shares with its caller.
function M.leave_nonblocking()
  local script = "use Fcntl; fcntl(STDIN, F_SETFL, fcntl(STDIN, F_GETFL, 0) | O_NONBLOCK)"
  assert(proc.run({ "perl", "-e", script }, { stdin = "inherit" }))
end

local function warn_and_leave(cx)
  local text = "Received 3 SIGINT/SIGTERM's, forcefully exiting.\n"
  local stream = cx.version:since("1.0.0") and io.stderr or io.stdout
  stream:write(text)
  stream:flush()
  os.exit(1)
end

---What a signal to the CLI does while the process runs.
local function on_signal(cx, run)
  local count = 0
  return function(name)
    if name == "WINCH" then return run.client:kill("WINCH") end
    if run.tty and run.interactive then return end -- its keys go through the terminal
    if name == "INT" or name == "TERM" then
      count = count + 1
      if count == 3 and not run.tty then warn_and_leave(cx) end
    end
    if cx.version:before("1.0.0") and run.kill then
      run.kill(tostring(MAC[name]))
    elseif cx.version:since("1.3.0") and run.kill then -- the fix came after 1.2.2
      run.kill(name)
    else
      cx:log(('failed to send signal: ["signal": "%d", "error": "invalidArgument: '
        .. '\\"missing signal in xpc message\\""]'):format(MAC[name]))
    end
  end
end

---@class apple.Foreground
---@field words string[] of Podman
---@field tty boolean
---@field interactive boolean
---@field kill fun(signal: string)? to the process
---@field filter fun(chunk: string): string? what to pass on of stderr; nil leaves it alone

---Runs Podman in the place of the CLI's streams until the process has ended.
---@param cx apple.Context
---@param run apple.Foreground
---@return integer status
function M.run(cx, run)
  if cx.engine.dry then return cx.engine:call(run.words).code end
  if run.interactive then M.leave_nonblocking() end
  run.client = cx.engine:start(run.words, {
    session = true, stdin = run.interactive and "inherit" or "null", stdout = "inherit",
    stderr = run.filter and "pipe" or "inherit",
  })
  local before = cx.on_signal
  cx.on_signal, cx.in_process = on_signal(cx, run), true
  local result = task.scope(function(scope)
    if run.filter then
      local stderr = run.client.stderr
      scope:spawn(function()
        for chunk in function() return stderr:read() end do
          local text = run.filter(chunk)
          if text then io.stderr:write(text) end
        end
      end)
    end
    return assert(run.client:wait())
  end)
  cx.on_signal, cx.in_process = before, false
  if run.interactive then M.leave_nonblocking() end -- Podman takes it away
  return result.code or 128 + result.signal
end

return M
