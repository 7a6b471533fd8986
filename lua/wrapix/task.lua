-- SPDX-License-Identifier: MIT
-- Structured concurrency: scopes, timeouts and bounded parallelism over the
-- tasks of wrapix._c.task. docs/concurrency.md is the specification; rule
-- numbers below refer to it.

local c = require("wrapix._c.task")

local M = {}

---@class wrapix.Child A task of a scope.
---@field _task userdata
---@field _scope wrapix.Scope
---@field _out table? packed results of the function, first `true` or `false`
local Child = {}
Child.__index = Child

---@class wrapix.Scope
---@field _children wrapix.Child[]
---@field _failure table? packed failure: the first of the scope
---@field _open boolean
local Scope = {}
Scope.__index = Scope

-- Which scope a running task belongs to as a body or owns implicitly.
local scope_of = setmetatable({}, { __mode = "k" })

local function traced(err)
  if type(err) ~= "string" then return err end
  return debug.traceback(err, 2)
end

-- Rule 7: a raised error, or `nil, message` of the outside world.
local function is_failure(out)
  return not out[1] or (out[2] == nil and type(out[3]) == "string")
end

function Scope:_cancel()
  for _, child in ipairs(self._children) do child._task:cancel() end
end

function Scope:_settle(child, out)
  child._out = out
  if self._failure or child._asked_to_end or not is_failure(out) then return end
  self._failure = out
  self:_cancel()
end

-- Rules 6 and 15: waits for all children, those spawned meanwhile included.
function Scope:_wait()
  local i = 1
  while self._children[i] do
    local child = self._children[i]
    local ok = child._task:join()
    if ok then
      if not child._out then -- it never ran, or broke outside its function
        local _, err = child._task:result()
        self:_settle(child, table.pack(false, err))
      end
      i = i + 1
    else
      self:_cancel()
      c.shield(1)
      while self._children[i] do
        self._children[i]._task:join()
        i = i + 1
      end
      c.shield(-1)
      return false
    end
  end
  self._open = false
  return true
end

local function run_child(scope, child, fn, ...)
  local out = table.pack(xpcall(fn, traced, ...))
  local own = scope_of[c.current()]
  if own and own ~= scope then -- children by task.spawn: rule 6, last sentence
    own:_wait()
    if own._failure and not is_failure(out) then out = own._failure end
  end
  scope:_settle(child, out)
end

---Adds a child to the scope.
---@param fn function
---@param ... any its arguments
---@return wrapix.Child
function Scope:spawn(fn, ...)
  if type(fn) ~= "function" then error("spawn: a function expected", 2) end
  if not self._open then error("spawn: the scope has ended", 2) end
  local child = setmetatable({ _scope = self }, Child)
  child._task = c.spawn(run_child, self, child, fn, ...)
  self._children[#self._children + 1] = child
  if self._failure then child._task:cancel() end
  return child
end

---Cancels every task of the scope, its body included.
function Scope:cancel()
  for _, child in ipairs(self._children) do child._asked_to_end = true end
  self:_cancel()
end

local function new_scope() return setmetatable({ _children = {}, _open = true }, Scope) end

-- Results of a packed outcome: raises what was raised, returns what was returned.
local function unpack_outcome(out, level)
  if not out[1] then error(out[2], level or 0) end
  return table.unpack(out, 2, out.n)
end

---Waits for the child and returns what its function returned; raises what it raised.
---@return any ... or nil, message, "ECANCELED"
function Child:wait()
  local ok, msg, code = self._task:join()
  if not ok then return nil, msg, code end
  if self._out then return unpack_outcome(self._out) end
  return nil, "ECANCELED: task: cancelled before it began", "ECANCELED"
end

---Cancels the child alone; that is no failure of its scope.
function Child:cancel()
  self._asked_to_end = true
  self._task:cancel()
end

---Runs fn(scope, ...) and returns what it returns, after every task spawned in the
---scope has ended. The first failure cancels the rest (rule 7).
---@param fn fun(scope: wrapix.Scope, ...): ...
---@return any ... or nil, message, code
function M.scope(fn, ...)
  if type(fn) ~= "function" then error("scope: a function expected", 2) end
  local scope = new_scope()
  local body = scope:spawn(function(...)
    scope_of[c.current()] = scope
    return fn(scope, ...)
  end, ...)
  local finished = scope:_wait()
  if scope._failure then return unpack_outcome(scope._failure) end
  if not finished then return nil, "ECANCELED: scope: cancelled", "ECANCELED" end
  if body._out[1] == false then -- cancelled by scope:cancel()
    return nil, "ECANCELED: scope: cancelled", "ECANCELED"
  end
  return unpack_outcome(body._out)
end

---Runs fn(...) as a program's main function: what task.spawn starts in it is waited
---for (rule 6), and cancelled when it fails. For who starts programs of others.
---@param fn function
---@param ... any its arguments
---@return any ... or nil, message, code
function M.root(fn, ...)
  local current = c.current()
  if not current then error("root: outside a task", 2) end
  local before = scope_of[current]
  scope_of[current] = nil
  local out = table.pack(pcall(fn, ...))
  local own = scope_of[current]
  scope_of[current] = before
  if not own then return unpack_outcome(out) end
  if is_failure(out) then own:_cancel() end
  own:_wait()
  if own._failure and not is_failure(out) then out = own._failure end
  return unpack_outcome(out)
end

---Spawns a child of the innermost scope of the running task.
---@param fn function
---@return wrapix.Child
function M.spawn(fn, ...)
  local current = c.current()
  if not current then error("task.spawn: outside a task there is no scope; use task.scope", 2) end
  local scope = scope_of[current]
  if not scope then
    scope = new_scope()
    scope_of[current] = scope
  end
  return scope:spawn(fn, ...)
end

---Starts a task that belongs to no scope; its error goes to stderr (rule 8).
---@param fn function
---@return userdata task with cancel() and status()
function M.detach(fn, ...)
  if type(fn) ~= "function" then error("detach: a function expected", 2) end
  return c.spawn(function(...)
    local ok, err = xpcall(fn, traced, ...)
    if not ok and not c.current():cancelled() then
      io.stderr:write("wrapix: detached task: ", tostring(err), "\n")
    end
  end, ...)
end

---Whether the running task has been cancelled, shielded or not.
---@return boolean
function M.is_cancelled()
  local current = c.current()
  return current ~= nil and current:cancelled()
end

---Waits.
---@param seconds number
---@return true|nil, string?, string? true, or nil, message, "ECANCELED"
function M.sleep(seconds) return c.sleep(seconds) end

---Lets every other ready task and the loop run once.
function M.yield() return c.sleep(0) end

---Runs fn(...) untouched by a cancel of this task (rule 14).
function M.shield(fn, ...)
  c.shield(1)
  local out = table.pack(pcall(fn, ...))
  c.shield(-1)
  return unpack_outcome(out)
end

---Runs fn(...) for at most `seconds`.
---@param seconds number
---@param fn function
---@return any ... or nil, "ETIMEDOUT: …", "ETIMEDOUT"
function M.timeout(seconds, fn, ...)
  if type(seconds) ~= "number" or seconds < 0 then
    error("timeout: a number of seconds expected, 0 or more", 2)
  end
  if type(fn) ~= "function" then error("timeout: a function expected", 2) end
  local expired = false
  local out = table.pack(M.scope(function(scope, ...)
    local work = scope:spawn(fn, ...)
    local clock = scope:spawn(function()
      if c.sleep(seconds) then
        expired = true
        work:cancel()
      end
      return true
    end)
    local ended, msg, code = work._task:join()
    clock:cancel()
    if expired then return true end -- what the cancelled work still said is void
    if not ended then return nil, msg, code end -- cancelled: a second wait would raise (rule 12)
    return work:wait()
  end, ...))
  if expired then
    return nil, ("ETIMEDOUT: timeout: not done after %g s"):format(seconds), "ETIMEDOUT"
  end
  return table.unpack(out, 1, out.n)
end

---Runs fn(item, index) over a list, at most n at a time.
---@param n integer
---@param items any[]
---@param fn fun(item: any, index: integer): any
---@return any[]|nil results in the order of the items
---@return string? message
---@return string? code
function M.parallel(n, items, fn)
  if math.type(n) ~= "integer" or n < 1 then error("parallel: n must be an integer from 1", 2) end
  if type(items) ~= "table" then error("parallel: a list expected", 2) end
  if type(fn) ~= "function" then error("parallel: a function expected", 2) end
  local results, at = {}, 0
  local function work(scope)
    while at < #items and not scope._failure do
      at = at + 1
      local i = at
      local value, msg, code = fn(items[i], i)
      if value == nil and type(msg) == "string" then return nil, msg, code end
      results[i] = value
    end
    return true
  end
  return M.scope(function(scope)
    for _ = 1, math.min(n, #items) do scope:spawn(work, scope) end
    return results
  end)
end

---How many tasks and loop handles are open; for tests of cleanliness.
---@return integer tasks, integer handles
function M.stats() return c.stats() end

return M
