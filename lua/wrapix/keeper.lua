-- SPDX-License-Identifier: MIT
-- The background process of a detached sandbox. `start` runs this very command
-- line again in a session of its own, with KEEPER in its environment; that
-- process launches as usual, says over its stdout that the sandbox runs, and
-- stays as its keeper: it holds the lease, answers signals, keeps the time
-- limit, runs the hooks and writes the record. Planning again there rather than
-- handing the plan over keeps hooks, which are functions, possible.

local container = require("wrapix.container")
local fault = require("wrapix.fault")
local fs = require("wrapix.fs")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local M = {}

-- Not an option: nothing a person should have to know of.
local KEEPER = "WRAPIX_KEEPER"

---Whether this process was started to be a keeper.
---@return boolean
function M.is_keeper() return sys.env(KEEPER) ~= nil end

---Whether the sandbox gets a terminal, for whoever attaches later.
---@return boolean
function M.has_terminal() return sys.env(KEEPER) == "tty" end

-- What the keeper says until the sandbox runs: its errors, then the name.
local function follow(running)
  return task.scope(function(scope)
    local errors = scope:spawn(function()
      for chunk in function() return running.stderr:read() end do container.write_stderr(chunk) end
      return true
    end)
    local name = running.stdout:read_line(4096)
    if not name then -- it ended: with everything said, and a status
      errors:wait() -- two may not read from one stream
      local result = running:wait()
      return nil, result and (result.signal and 128 + result.signal or result.code) or 125
    end
    errors:cancel()
    return name
  end)
end

---Starts the command line again as a keeper and waits until its sandbox runs.
---@param words string[] of the command line, without the program
---@return string|nil name of the sandbox
---@return integer|string status it ended with, or a message
---@return string? code
function M.start(words)
  local program, msg, code = fs.readlink("/proc/self/exe")
  if not program then return nil, msg, code end
  local mode = sys.isatty(0) and sys.isatty(1) and "tty" or "plain"
  local running
  running, msg, code = proc.spawn(table.move(words, 1, #words, 2, { program }), {
    session = true, stdin = "null", stdout = "pipe", stderr = "pipe", env = { [KEEPER] = mode },
  })
  if not running then return nil, msg, code end
  fault.point("keeper.spawned")
  local name, status = follow(running)
  fault.point("keeper.named")
  if name then running:release() end
  return name, status
end

---Called by the keeper when its sandbox runs: tells the one who waits, and lets
---go of its streams.
---@param name string
function M.announce(name)
  container.write_stdout(name .. "\n")
  container.leave_stdio()
end

return M
