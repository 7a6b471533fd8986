-- SPDX-License-Identifier: MIT
---@meta wrapix._c.terminal
-- The C half of wrapix.terminal, the only file that requires it: a process between our
-- terminal and a new one, and what finds bells and notifications in bytes.

---@class wrapix._c.terminal
local terminal = {}

---@class wrapix._c.Relay: userdata
local Relay = {}

---@class wrapix._c.Watcher: userdata
local Watcher = {}

---Starts a process that passes bytes, size and modes between the terminal at two descriptors
---and a new one. On the control stream `s` tells it that a program has the new one, `e` that it
---has ended. Events are lines, `MILLISECONDS TEXT`: since the last key (`-` before one), and as
---Watcher:feed; their end is that of the process.
---@param input integer
---@param output integer
---@return wrapix._c.Relay|nil
---@return wrapix.Stream|string|nil control or the message
---@return wrapix.Stream|string|nil events or the code
---@return string? path of the new terminal
function terminal.relay(input, output) end

---A new one, which has seen nothing.
---@return wrapix._c.Watcher
function terminal.watcher() end

---Ends the process if it still runs, and waits for that. Twice is allowed.
function Relay:close() end

---Takes output as it comes, in pieces of any size.
---@param bytes string
---@return string[] found "bell", or a sequence between OSC and its end, such as "9;text"; at most 64
function Watcher:feed(bytes) end

return terminal
