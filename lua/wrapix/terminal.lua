-- SPDX-License-Identifier: MIT
-- A terminal of our own between the person's and a program: bytes, size and modes pass
-- unchanged, and what asks for attention is told. What becomes of that is the caller's.

local c = require("wrapix._c.terminal")
local task = require("wrapix.task")

local M = {}

-- What is left to be shown at the end, on a slow line.
local FINISH_SECONDS = 10

---@class wrapix.Relay for a <close> variable
---@field path string of the program's terminal
local Relay = {}
Relay.__index = Relay

---The program has opened its terminal.
function Relay:started() self._control:write("s") end

---Calls fn(text, idle) for each thing that asks for attention, until the end: see
---Watcher:feed; `idle` is the seconds since a key was pressed, nil before one.
---@param fn fun(text: string, idle: number?)
---@return true
function Relay:serve(fn)
  while true do
    local line = self._events:read_line(8192)
    if not line then break end
    local idle, text = line:match("^(%S+) (.*)$")
    if text then fn(text, tonumber(idle) and tonumber(idle) / 1000) end
  end
  self._over = true
  return true
end

---The program has ended: what it wrote is shown, and the terminal is as it was. To be called
---while `serve` runs in another task, which is over then.
---@param serving wrapix.Task
function Relay:finish(serving)
  self._control:write("e")
  task.timeout(FINISH_SECONDS, function()
    serving:wait()
    return true
  end)
end

---Ends it, whatever is left. Twice is allowed.
function Relay:close()
  self._control:close()
  self._events:close()
  self._relay:close()
end

function Relay:__close() self:close() end

---Opens a terminal that stands for the one at two descriptors of ours.
---@param input integer
---@param output integer
---@return wrapix.Relay|nil
---@return string? message
---@return string? code
function M.relay(input, output)
  local relay, control, events, path = c.relay(input, output)
  if not relay then return nil, control, events end
  return setmetatable({ path = path, _relay = relay, _control = control, _events = events }, Relay)
end

---What finds bells and notifications in output that comes in pieces.
---@return wrapix._c.Watcher
function M.watcher() return c.watcher() end

return M
