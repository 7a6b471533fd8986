-- SPDX-License-Identifier: MIT
---@meta wrapix._c.task
-- The C half of wrapix.task: tasks without scopes. Only lua/wrapix/task.lua
-- requires it; docs/concurrency.md has the rules.

---@class wrapix._c.task
local task = {}

---@class wrapix._c.Task: userdata
local Task = {}

---Makes a task; its first step comes after the caller's next wait.
---@param fn function
---@param ... any its arguments
---@return wrapix._c.Task
function task.spawn(fn, ...) end

---The running task.
-- seen as: scope
---@return wrapix._c.Task? nil outside any task
function task.current() end

---Enters (1) or leaves (-1) a region that a cancel does not strike.
---@param delta 1|-1
function task.shield(delta) end

---Waits.
---@param seconds number 0 or more, below 1e9
---@return true|nil, string? message, string? code "ECANCELED"
function task.sleep(seconds) end

---What has not ended or closed yet.
---@return integer tasks, integer handles
function task.stats() end

---Waits for the end of the task.
-- seen as: wait
---@return true|nil, string? message, string? code "ECANCELED": the waiting task was cancelled
function Task:join() end

---What the function returned or raised. Raises when the task has not ended.
-- seen as: wait
---@return boolean ok, any ...
function Task:result() end

---Cancels: what the task waits on is closed (rule 11).
function Task:cancel() end

---@return boolean
-- seen as: cancel
function Task:cancelled() end

---@return "ready"|"running"|"waiting"|"done"
function Task:status() end

return task
