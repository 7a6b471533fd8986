-- SPDX-License-Identifier: MIT
---@meta wrapix._c.container
-- The C half of wrapix.container: what running one engine command in the
-- foreground needs besides a process. Only lua/wrapix/container.lua requires it.

---@class wrapix._c.container
local container = {}

---@class wrapix._c.Signals: userdata
local Signals = {}

---Catches signals until the object is closed; the former actions come back then.
-- seen as: on_signal
---@param names string[] 1 to 16, without SIG; an unknown one raises
---@return wrapix._c.Signals|nil, string? message, string? code
function container.signals(names) end

---Keeps the modes of the terminal at a descriptor.
-- seen as: container.run
---@param fd integer
---@return boolean whether there is a terminal
function container.term_save(fd) end

---Puts the kept modes back; does nothing when there are none.
-- seen as: run
function container.term_restore() end

---Keeps whether stdin, stdout and stderr block.
-- seen as: container.run
function container.streams_save() end

---Puts that back; does nothing when nothing is kept.
-- seen as: run
function container.streams_restore() end

---Writes everything in a thread, so that other tasks go on.
-- seen as: on_stderr
---@param fd integer
---@param data string
---@return true|nil, string? message, string? code
function container.write_fd(fd, data) end

---Points stdin, stdout and stderr to /dev/null.
function container.leave_stdio() end

---Waits for a caught signal. One task at a time; raises after close.
-- seen as: on_signal
---@return string|nil name without SIG, or nil, message, code "ECANCELED"
---@return integer|string|nil sender pid; 0: the terminal
---@return string? code
function Signals:next() end

---Stops catching; twice is allowed.
-- seen as: run
function Signals:close() end

return container
