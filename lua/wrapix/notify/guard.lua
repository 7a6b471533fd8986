-- SPDX-License-Identifier: MIT
-- Calls what the person wrote in notify.lua. It is trusted, and no sandbox is made of
-- it; but it runs in the process that also hears signals and holds the sandbox, so what
-- would end or stop that process by mistake does not: an endless loop, os.exit, and
-- what waits for a program without letting others run. What it only waits for is not
-- counted, nor what one call of a C function takes, such as ("x"):rep(1e9).

local M = {}

--- Instructions of Lua, a second or two of them.
M.MOST = 200000000

local STEPS = 200000

local REFUSED = {
  os = {
    exit = "it would end the whole process; return instead",
    execute = 'it would stop the whole process; use require("wrapix").proc.run({ PROGRAM, … })',
  },
  io = {
    popen = 'it would stop the whole process; use require("wrapix").proc.run({ PROGRAM, … })',
  },
}

local function without(library, name)
  local copy = {}
  for key, value in pairs(library) do copy[key] = value end
  for key, why in pairs(REFUSED[name]) do
    copy[key] = function() error(("%s.%s: %s"):format(name, key, why), 2) end
  end
  return copy
end

local function hand_on(co, ok, ...)
  if ok then return ... end
  coroutine.close(co)
  error((...), 0)
end

-- A hook is of one coroutine, and those that are made have none: each resume hands it on.
local function counted_coroutines()
  local copy = {}
  for key, value in pairs(coroutine) do copy[key] = value end
  function copy.resume(co, ...)
    if type(co) == "thread" then debug.sethook(co, debug.gethook()) end
    return coroutine.resume(co, ...)
  end
  function copy.wrap(fn)
    local co = coroutine.create(fn)
    return function(...) return hand_on(co, copy.resume(co, ...)) end
  end
  return copy
end

---What the file sees as its globals, over those of the program.
---@return table
function M.globals()
  return setmetatable({ os = without(os, "os"), io = without(io, "io"),
    coroutine = counted_coroutines() }, { __index = _G })
end

---Calls fn(...) as pcall does; one that computes for too long raises in there.
---@param fn function
---@param ... any
---@return boolean ok
---@return any ... what it returned, or what it raised
function M.call(fn, ...)
  local left = M.MOST
  local hook, mask, count = debug.gethook()
  debug.sethook(function()
    left = left - STEPS
    if left <= 0 then error("it computes without an end", 0) end
  end, "", STEPS)
  local out = table.pack(pcall(fn, ...))
  debug.sethook(hook, mask, count)
  return table.unpack(out, 1, out.n)
end

return M
